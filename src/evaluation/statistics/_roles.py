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
from evaluation.statistics._arrays import Booleans, Floats

CODES_OF_MISSING = (8.0, 9.0, 88.0, 97.0, 98.0, 99.0, 888.0, 997.0, 998.0, 999.0)
COLLINEAR = 1e-9  # share of a standardised column's variance left after the columns before it


@dataclass(frozen=True, slots=True)
class Columns:
    """Covariates as numbers.

    Attributes
    ----------
    matrix : ndarray, shape (n, k)
        One numeric column per numeric covariate, one indicator per level of a categorical one.
    names : tuple of str, length k
        Name of each column (`age5[25_34]` for an indicator).
    covariates : tuple of str, length k
        Covariate that each column came from.
    levels : tuple of str, length k
        Level of each indicator; "" for numeric columns.
    binary : ndarray of bool, shape (k,)
        Whether the column holds only 0 and 1.
    """

    matrix: Floats
    names: tuple[str, ...]
    covariates: tuple[str, ...]
    levels: tuple[str, ...]
    binary: Booleans


def check(
    frame: pd.DataFrame,
    *,
    treat: str,
    covariates: Sequence[str] = (),
    survey_weight: str | None = None,
    outcomes: Iterable[str] = (),
    others: Sequence[str] = (),
) -> Booleans:
    """Check that a design can use a frame, and return who is treated.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns that the arms are compared on.
    survey_weight : str, optional
        Column of positive weights.
    outcomes : iterable of str
        Names that may not stand in the frame.
    others : sequence of str
        Further columns that must be complete.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether each person is treated.

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
    """Return the covariates as a list.

    Parameters
    ----------
    covariates : sequence of str
        Names of columns.

    Returns
    -------
    list of str
        The same names.

    Raises
    ------
    DataError
        One word in place of a list.
    """
    if isinstance(covariates, str):
        raise errors.DataError(f"covariates is the one word {covariates!r}", todo="Give a list of column names.")
    return list(covariates)


def refuse_own_covariates(covariates: Sequence[str], *own: str) -> None:
    """Refuse an outcome, a treatment or a time among the covariates: it would explain itself, with an error of 0.

    Parameters
    ----------
    covariates : sequence of str
        Names of covariates.
    *own : str
        Columns with a role of their own.

    Raises
    ------
    DataError
        One word in place of a list; a column of another role, named.
    """
    both = [c for c in listed(covariates) if c in own]
    if both:
        raise errors.DataError(f"{both[0]!r} is also a covariate", todo="Take it off the covariates.")


def by_name(column: object, role: str) -> None:
    """Refuse values where the name of a column of the frame is asked for.

    Parameters
    ----------
    column : str or None
        What was given.
    role : str
        Its role, for the message.

    Raises
    ------
    DataError
        Something that is neither a name nor None.
    """
    if column is not None and not isinstance(column, str):
        raise errors.DataError(
            f"the {role} is a {type(column).__name__}, not the name of a column",
            todo="Put the values into a column of the frame and name it.",
        )


def refuse_outcomes(frame: pd.DataFrame, outcomes: Iterable[str], covariates: Sequence[str] = ()) -> None:
    """Refuse named outcomes in the frame or among the covariates: design comes before outcomes.

    Parameters
    ----------
    frame : DataFrame
        The frame that designs the comparison.
    outcomes : iterable of str
        Names of outcomes.
    covariates : sequence of str
        Names of covariates.

    Raises
    ------
    OutcomesClosed
        An outcome that stands in either.
    """
    outcomes = [outcomes] if isinstance(outcomes, str) else list(outcomes)
    present = [o for o in outcomes if o in frame.columns or o in covariates]
    if present:
        raise errors.OutcomesClosed(
            f"outcomes in the frame that designs the comparison: {', '.join(map(repr, present))}",
            todo="Drop them; attendees are compared with people chosen before any outcome is seen.",
        )


def unique_ids(frame: pd.DataFrame) -> None:
    """Refuse an index, which names people and breaks ties, with a duplicate or NA.

    Parameters
    ----------
    frame : DataFrame
        One row per person.

    Raises
    ------
    DataError, MissingValues
        A repeated label; a missing one.
    """
    if not frame.index.is_unique:
        repeated = int(frame.index.duplicated(keep=False).sum())
        raise errors.DataError(
            f"duplicate ids: {repeated} rows share an index label",
            todo="Give each person one row and one index label (the index breaks ties).",
        )
    if frame.index.hasnans:
        raise errors.MissingValues("missing values in the index", todo="Give every row an id.")


def arms(values: pd.Series, treat: str) -> Booleans:
    """Return a 0/1 treatment as booleans.

    Parameters
    ----------
    values : Series
        The treatment of each person.
    treat : str
        Its name, for the message.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether each person is treated.

    Raises
    ------
    DataError, EmptyCell
        Values other than 0 and 1; everybody or nobody treated.
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    other = ~np.isin(numbers, (0.0, 1.0))
    if other.any():
        coded = int((numbers[other] < 0).sum() + np.isin(numbers[other], CODES_OF_MISSING).sum())
        raise errors.DataError(
            f"the treatment {treat!r} must be 0 or 1 in every row; in {int(other.sum())} it is not"
            + (
                f"; {coded} of them look like codes of missing answers (negative, 9, 98, 99 and so on)" if coded else ""
            ),
            todo="Leave people out whose attendance is not known, as a named step; never count them as not attended."
            if coded
            else "Make it 1 for attended and 0 for not; a dose or a category belongs in a column of its own.",
        )
    treated: Booleans = numbers == 1.0
    if treated.all() or not treated.any():
        who = "everybody" if treated.all() else "nobody"
        raise errors.EmptyCell(f"{who} is treated in {treat!r}", todo="A comparison needs people of both kinds.")
    return treated


def weights(frame: pd.DataFrame, survey_weight: str | None) -> Floats:
    """Return the survey weights, or ones.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    survey_weight : str or None
        Column of positive weights; None gives everybody 1.

    Returns
    -------
    ndarray, shape (n,)
        Weights, on the scale of the column.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; a missing weight; one that is not a positive finite number.
    """
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


def numeric(frame: pd.DataFrame, column: str, *, role: str) -> Floats:
    """Return a column as finite floats.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    column : str
        Its name.
    role : str
        What it serves as, for the message.

    Returns
    -------
    ndarray, shape (n,)
        Values.

    Raises
    ------
    DataError
        A column that is not numeric, or not finite.
    """
    try:
        values = frame[column].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise errors.DataError(f"the {role} {column!r} is not numeric", todo="Code it as numbers.") from None
    if not np.isfinite(values).all():
        raise errors.DataError(f"the {role} {column!r} holds infinite values", todo="Correct them.")
    return values


def is_categorical(column: pd.Series) -> bool:
    """Return whether a covariate is a factor (words or a categorical) rather than a number.

    Parameters
    ----------
    column : Series
        The covariate.

    Returns
    -------
    bool
        True for words and categoricals, False for numbers and truth values.
    """
    return not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def columns(frame: pd.DataFrame, covariates: Sequence[str], *, drop_first: bool) -> Columns:
    """Return the covariates as numeric columns.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    covariates : sequence of str
        Names of columns; a repeated name counts once.
    drop_first : bool
        Whether each factor's first level is left out, as a regression with an intercept needs.

    Returns
    -------
    Columns
        Levels stand in sorted order, or in the order of a categorical; levels that nobody has are left out.

    Raises
    ------
    DataError
        A covariate that is neither words nor finite numbers.
    """
    parts: list[Floats] = []
    names: list[tuple[str, str, str]] = []
    for covariate in dict.fromkeys(covariates):
        column = frame[covariate]
        if not is_categorical(column):
            parts.append(numeric(frame, covariate, role="covariate")[:, None])
            names.append((covariate, covariate, ""))
            continue
        coded = column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype("category")
        codes = coded.cat.codes.to_numpy()
        present = np.unique(codes[codes >= 0])
        keep = present[1 if drop_first else 0 :]
        parts.append((codes[:, None] == keep[None, :]).astype(float))
        labels = [coded.cat.categories[j] for j in keep]
        names.extend((f"{covariate}[{level}]", covariate, str(level)) for level in labels)
    matrix = np.hstack(parts) if parts else np.empty((len(frame), 0))
    binary: Booleans = ((matrix == 0.0) | (matrix == 1.0)).all(axis=0)
    titles, sources, levels = (tuple(n[i] for n in names) for i in range(3))
    return Columns(matrix, titles, sources, levels, binary)


def coded(frame: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    """Return a frame whose factors are categoricals, so that a loop codes the words once and not in every pass.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    covariates : sequence of str
        Names of columns; numbers and categoricals stay as they are.

    Returns
    -------
    DataFrame
        The same values; `columns` makes the same matrix of it.
    """
    words = [c for c in dict.fromkeys(covariates) if is_categorical(frame[c])]
    return frame.assign(**{c: frame[c].astype("category") for c in words})


def varies(column: pd.Series) -> bool:
    """Return whether a column holds more than one value, missing ones left aside.

    Parameters
    ----------
    column : Series
        Numbers, words or a categorical.

    Returns
    -------
    bool
        As `column.nunique() > 1`, without counting.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        given = codes[codes >= 0]
        return bool(given.size and given.min() != given.max())
    if column.dtype == np.float64:
        values = column.to_numpy()
        given = values[~np.isnan(values)]
        return bool(given.size and given.min() != given.max())
    return column.nunique() > 1


def refuse_collinear(frame: pd.DataFrame, covariates: Sequence[str], design: Columns) -> None:
    """Refuse covariates that the columns before them (or a constant) already determine.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    covariates : sequence of str
        Names of covariates.
    design : Columns
        The same as numeric columns.

    Raises
    ------
    Collinear
        A covariate with one value only, or columns that others determine; each is named.
    """
    constant = [c for c in dict.fromkeys(covariates) if not varies(frame[c])]
    if constant:
        raise errors.Collinear(
            f"covariates with one value only: {', '.join(map(repr, constant))}", todo="Take them off the covariates."
        )
    names = dependent(design.matrix, design.names)
    if names:
        listed = "; ".join(f"{n!r} is determined by {', '.join(map(repr, by))}" for n, by in names.items())
        raise errors.Collinear(f"collinear covariates: {listed}", todo="Take one of each set off the covariates.")


def dependent(matrix: Floats, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns that are linear in the columns before them and a constant.

    Parameters
    ----------
    matrix : ndarray, shape (n, k)
        Columns.
    names : sequence of str, length k
        Their names.

    Returns
    -------
    dict of str to list of str
        Each such column, and the columns that determine it.
    """
    z = standardise(matrix)[0]
    gram = z.T @ z / max(len(z), 1)
    if independent(gram):
        return {}
    combinations: dict[str, list[str]] = {}
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
            combinations[names[j]] = [names[i] for i, s in zip(kept, slopes, strict=True) if abs(s) > 1e-6]
    return combinations


def independent(gram: Floats) -> bool:
    """Return whether no column is determined by those before it: Cholesky's pivots are what each has left.

    Parameters
    ----------
    gram : ndarray, shape (k, k)
        Mean products of standardised columns.

    Returns
    -------
    bool
        True where each column keeps more than `COLLINEAR` of its variance.
    """
    try:
        return bool((np.diag(np.linalg.cholesky(gram)) ** 2 > COLLINEAR).all())
    except np.linalg.LinAlgError:
        return False


def standardise(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return columns with mean 0 and SD 1.

    Parameters
    ----------
    matrix : ndarray, shape (n, k)
        Columns.

    Returns
    -------
    standardised : ndarray, shape (n, k)
        Columns less their mean, over their SD.
    mean : ndarray, shape (k,)
        Means taken out.
    sd : ndarray, shape (k,)
        SDs divided by; 1 for a constant column.
    """
    centre = matrix.mean(axis=0)
    spread = matrix.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return (matrix - centre) / spread, centre, spread


def kish(weight: Floats) -> float:
    """Return Kish's effective sample size, (sum w)^2 / sum w^2 (Kish 1965).

    Parameters
    ----------
    weight : ndarray, shape (n,)
        Weights on any scale.

    Returns
    -------
    float
        Effective number of people; 0 when nobody has weight.
    """
    squares = float(weight @ weight)
    return float(weight.sum() ** 2 / squares) if squares > 0 else 0.0
