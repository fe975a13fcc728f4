"""Roles of columns in the attendee comparison: the checks that every design shares, and the covariate matrix.

Nothing here estimates. A frame passes once through `check`, which refuses with one message, and categorical
covariates become indicator columns in `columns`, the same way in propensity, balancing, balance and effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors

COLLINEAR = 1e-9  # share of a standardised column's variance left after the columns before it


@dataclass(frozen=True, slots=True)
class Columns:
    """Covariates as numbers.

    Attributes
    ----------
    matrix : ndarray, shape (n, k)
        One numeric column per numeric covariate, one indicator per level of a categorical one.
    names, covariates, levels : tuple of str, length k
        Column name (`age5[25_34]` for an indicator), the covariate it came from, its level ("" for numeric).
    binary : ndarray of bool, shape (k,)
        Whether the column holds only 0 and 1.
    """

    matrix: np.ndarray
    names: tuple[str, ...]
    covariates: tuple[str, ...]
    levels: tuple[str, ...]
    binary: np.ndarray


def check(
    frame: pd.DataFrame,
    *,
    treat: str,
    covariates: Sequence[str] = (),
    survey_weight: str | None = None,
    outcomes: Iterable[str] = (),
    others: Sequence[str] = (),
) -> np.ndarray:
    """Refuse a frame that the design cannot use; return the treatment as a boolean array, shape (n,).

    Raises
    ------
    OutcomesClosed, UnknownColumn, MissingValues, EmptyCell, DataError
        An outcome in the frame or among the covariates; an absent column; NA in any role; everybody or nobody
        attended; duplicate ids, a treatment that is not 0/1, a weight that is not a positive number.
    """
    listed(covariates)
    by_name(survey_weight, "survey weight")
    refuse_outcomes(frame, outcomes, covariates)
    used = list(dict.fromkeys([treat, *covariates, *([survey_weight] if survey_weight else []), *others]))
    errors.require_columns(frame, used, role="the comparison of attendees and others")
    if treat in covariates:
        raise errors.DataError(f"the treatment {treat!r} is also a covariate", todo="Take it off the covariates.")
    unique_ids(frame)
    for role, names in (("treatment", [treat]), ("covariates", covariates), ("other roles", others)):
        errors.require_complete(frame, names, role=role)
    if survey_weight:
        weights(frame, survey_weight)
    return arms(frame[treat], treat)


def listed(covariates: Sequence[str]) -> list[str]:
    """Return the covariates as a list; one word in place of a list is refused."""
    if isinstance(covariates, str):
        raise errors.DataError(f"covariates is the one word {covariates!r}", todo="Give a list of column names.")
    return list(covariates)


def by_name(column: object, role: str) -> None:
    """Refuse values where the name of a column of the frame is asked for."""
    if column is not None and not isinstance(column, str):
        raise errors.DataError(
            f"the {role} is a {type(column).__name__}, not the name of a column",
            todo="Put the values into a column of the frame and name it.",
        )


def refuse_outcomes(frame: pd.DataFrame, outcomes: Iterable[str], covariates: Sequence[str] = ()) -> None:
    """Raise when a named outcome stands in the frame or among the covariates: design comes before outcomes."""
    outcomes = [outcomes] if isinstance(outcomes, str) else list(outcomes)
    present = [o for o in outcomes if o in frame.columns or o in covariates]
    if present:
        raise errors.OutcomesClosed(
            f"outcomes in the frame that designs the comparison: {', '.join(map(repr, present))}",
            todo="Drop them; attendees are compared with people chosen before any outcome is seen.",
        )


def unique_ids(frame: pd.DataFrame) -> None:
    """Raise when the index, which names people and breaks ties, holds a duplicate or NA."""
    if not frame.index.is_unique:
        repeated = int(frame.index.duplicated(keep=False).sum())
        raise errors.DataError(
            f"duplicate ids: {repeated} rows share an index label",
            todo="Give each person one row and one index label (the index breaks ties).",
        )
    if frame.index.hasnans:
        raise errors.MissingValues("missing values in the index", todo="Give every row an id.")


def arms(values: pd.Series, treat: str) -> np.ndarray:
    """Return a 0/1 treatment as booleans; raise when it is something else, or all or none are treated."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isin(numbers, (0.0, 1.0)).all():
        raise errors.DataError(
            f"the treatment {treat!r} must be 0 or 1 in every row", todo="Make it 1 for attended and 0 for not."
        )
    treated = numbers == 1.0
    if treated.all() or not treated.any():
        who = "everybody" if treated.all() else "nobody"
        raise errors.EmptyCell(f"{who} is treated in {treat!r}", todo="A comparison needs people of both kinds.")
    return treated


def weights(frame: pd.DataFrame, survey_weight: str | None) -> np.ndarray:
    """Return the survey weights, shape (n,), or ones; raise unless each is a positive finite number."""
    if survey_weight is None:
        return np.ones(len(frame))
    errors.require_columns(frame, [survey_weight], role="the survey weight")
    errors.require_complete(frame, [survey_weight], role="the survey weight")
    values = numeric(frame, survey_weight, role="survey weight")
    if (values <= 0).any():
        raise errors.DataError(
            f"{int((values <= 0).sum())} survey weights in {survey_weight!r} are zero or negative",
            todo="Give everybody in the comparison a positive weight (a boost of attendees has weight 1, not 0).",
        )
    return values


def numeric(frame: pd.DataFrame, column: str, *, role: str) -> np.ndarray:
    """Return a column as finite floats, shape (n,), or raise naming it."""
    try:
        values = frame[column].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise errors.DataError(f"the {role} {column!r} is not numeric", todo="Code it as numbers.") from None
    if not np.isfinite(values).all():
        raise errors.DataError(f"the {role} {column!r} holds infinite values", todo="Correct them.")
    return values


def is_categorical(column: pd.Series) -> bool:
    """Return whether a covariate is a factor (words or a categorical) rather than a number."""
    return not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def columns(frame: pd.DataFrame, covariates: Sequence[str], *, drop_first: bool) -> Columns:
    """Return the covariates as numeric columns; `drop_first` leaves out each factor's first level.

    Levels stand in sorted order, or in the order of a categorical; levels that nobody has are left out.
    """
    parts: list[np.ndarray] = []
    names: list[tuple[str, str, str]] = []
    for covariate in dict.fromkeys(covariates):
        column = frame[covariate]
        if not is_categorical(column):
            parts.append(numeric(frame, covariate, role="covariate")[:, None])
            names.append((covariate, covariate, ""))
            continue
        coded = column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype("category")
        coded = coded.cat.remove_unused_categories()
        levels = list(coded.cat.categories)
        codes = coded.cat.codes.to_numpy()
        keep = range(1 if drop_first else 0, len(levels))
        parts.append((codes[:, None] == np.fromiter(keep, dtype=codes.dtype)[None, :]).astype(float))
        names.extend((f"{covariate}[{levels[j]}]", covariate, str(levels[j])) for j in keep)
    matrix = np.hstack(parts) if parts else np.empty((len(frame), 0))
    binary = np.array([bool(np.isin(matrix[:, j], (0.0, 1.0)).all()) for j in range(matrix.shape[1])], dtype=bool)
    return Columns(matrix, *(tuple(n[i] for n in names) for i in range(3)), binary)


def refuse_collinear(frame: pd.DataFrame, covariates: Sequence[str], built: Columns) -> None:
    """Raise `Collinear` naming each column that the columns before it (or a constant) already determine."""
    constant = [c for c in dict.fromkeys(covariates) if frame[c].nunique() < 2]
    if constant:
        raise errors.Collinear(
            f"covariates with one value only: {', '.join(map(repr, constant))}", todo="Take them off the covariates."
        )
    names = dependent(built.matrix, built.names)
    if names:
        listed = "; ".join(f"{n!r} is determined by {', '.join(map(repr, by))}" for n, by in names.items())
        raise errors.Collinear(f"collinear covariates: {listed}", todo="Take one of each set off the covariates.")


def dependent(matrix: np.ndarray, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns that are linear in the columns before them and a constant, with those columns' names."""
    z = standardise(matrix)[0]
    gram = z.T @ z / max(len(z), 1)
    found: dict[str, list[str]] = {}
    kept: list[int] = []
    for j in range(gram.shape[0]):
        if kept:
            slopes = np.linalg.solve(gram[np.ix_(kept, kept)], gram[kept, j])
            left = gram[j, j] - slopes @ gram[kept, j]
        else:
            slopes, left = np.empty(0), gram[j, j]
        if left > COLLINEAR:
            kept.append(j)
        else:
            found[names[j]] = [names[i] for i, s in zip(kept, slopes, strict=True) if abs(s) > 1e-6]
    return found


def standardise(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns with mean 0 and SD 1, with the means and SDs taken out (SD 1 for a constant column)."""
    centre = matrix.mean(axis=0)
    spread = matrix.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return (matrix - centre) / spread, centre, spread


def kish(weight: np.ndarray) -> float:
    """Return Kish's effective sample size (sum w)^2 / sum w^2 (Kish 1965); 0 when nobody has weight."""
    squares = float(weight @ weight)
    return float(weight.sum() ** 2 / squares) if squares > 0 else 0.0
