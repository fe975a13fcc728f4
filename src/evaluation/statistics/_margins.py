"""Read population margins against a sample: which cell each person is in, and what does not meet on both sides."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats, Integers

TOTAL_TOLERANCE = 1e-6  # relative gap by which totals of two margins may differ before they are refused
NOT_STATED = "not stated"
Margins = Mapping[str, pd.Series] | Mapping[tuple[str, ...], pd.Series] | Mapping[str | tuple[str, ...], pd.Series]


class Cells:
    """One margin as the cells of a sample.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Cell of each person.
    targets : ndarray, shape (k,)
        Population of each cell.
    names : tuple of str, length k
        Name of each cell, "column=level".
    """

    __slots__ = ("codes", "names", "targets")

    def __init__(self, codes: Integers, targets: Floats, names: tuple[str, ...]) -> None:
        self.codes, self.targets, self.names = codes, targets, names


def read_margins(frame: pd.DataFrame, margins: Margins, base: Floats, not_stated: str | None) -> list[Cells]:
    """Return every margin as cells of the sample.

    Parameters
    ----------
    frame : DataFrame
        The sample, one row per person.
    margins : mapping
        Column, or tuple of columns for a crossed margin, to a Series level → population.
    base : ndarray, shape (n,)
        Base weights, for the share of people without a level.
    not_stated : "proportional" or None
        Policy for missing values of margin columns.

    Returns
    -------
    list of Cells
        One per margin, in the order given; totals are made equal to the first margin's.

    Raises
    ------
    DataError, Unsupported, UnknownColumn
        Margins that are not a mapping of columns to numbers; a policy or a column that is not known.
    MissingValues, EmptyCell, MarginMismatch
        Missing values without a policy; population cells with nobody in the sample; levels on one side only, or totals
        that disagree.
    """
    if not isinstance(margins, Mapping):
        raise errors.DataError("margins are not a mapping of columns to Series", todo="Give {column: Series}.")
    if not margins:
        raise errors.DataError("no margins to rake to", todo="Give at least one.")
    if not_stated not in (None, "proportional"):
        raise errors.Unsupported(f"policy {not_stated!r} for missing values is not known", todo="Use 'proportional'.")
    if not len(frame):
        raise errors.EmptyCell("the sample has no rows", todo="Nobody can be weighted.")
    cells = [_cells(frame, columns, target, base, not_stated) for columns, target in margins.items()]
    _roles.unique_ids(frame)
    totals = [float(c.targets.sum()) for c in cells]
    if max(totals) > min(totals) * (1 + TOTAL_TOLERANCE):
        listed = ", ".join(f"{c.names[0].split('=')[0]} {t:,.8g}" for c, t in zip(cells, totals, strict=True))
        raise errors.MarginMismatch(f"margins disagree in total: {listed}", todo="Give margins of one population.")
    for c, t in zip(cells[1:], totals[1:], strict=True):
        c.targets = c.targets * (totals[0] / t)
    return cells


def _cells(
    frame: pd.DataFrame, columns: str | tuple[str, ...], target: object, base: Floats, not_stated: str | None
) -> Cells:
    """Return integer codes of each row's cell, the targets, and names."""
    names = [columns] if isinstance(columns, str) else list(columns)
    words = " × ".join(map(str, names))
    errors.require_columns(frame, names, role="margins")
    margin = _margin_series(target, names, words)
    levels, values = list(margin.index), margin.to_numpy(dtype=float)
    group, sample_levels, blank = _sample_cells(frame, names)
    if blank.any() and not_stated != "proportional":
        raise errors.MissingValues(
            f"{int(blank.sum())} rows lack a value of {words}",
            todo="Name a policy (not_stated='proportional'), or leave them out as a named step.",
        )
    if blank.all():
        raise errors.EmptyCell(f"nobody in the sample states {words}", todo="Leave this margin out.")
    place = _level_positions(sample_levels, levels, words)
    _refuse_one_sided(place, sample_levels, levels, values, words)
    codes = place[group]
    codes[blank] = len(levels)
    label = [f"{words}={_level_text(k)}" for k in levels]
    if blank.any():
        share = float(base[blank].sum() / base.sum())
        values = np.append(values * (1 - share), values.sum() * share)
        label.append(f"{words}={NOT_STATED}")
    return Cells(codes, values, tuple(label))


def _margin_series(target: object, names: Sequence[str], margin: str) -> pd.Series:
    """Return a margin whose index levels stand in the order of its columns, scalars where it has one column."""
    target = pd.Series(target) if isinstance(target, Mapping) else target
    if not isinstance(target, pd.Series):
        raise errors.DataError(f"the margin {margin} is not a Series", todo="Give a Series level → population.")
    depth = target.index.nlevels
    if depth == 1 and len(names) > 1 and all(isinstance(k, tuple) and len(k) == len(names) for k in target.index):
        target = pd.Series(target.to_numpy(), pd.MultiIndex.from_tuples(list(target.index)))
    elif depth != len(names):
        raise errors.DataError(
            f"the margin {margin} has {depth} index levels for {len(names)} columns",
            todo="Index a crossed margin by a MultiIndex of its columns.",
        )
    own_names, depth = list(target.index.names), target.index.nlevels
    if len(names) > 1 and own_names != list(names) and set(own_names) == set(names):
        target = target.reorder_levels([own_names.index(name) for name in names])
    elif depth == 1 and isinstance(target.index, pd.MultiIndex):
        target = pd.Series(target.to_numpy(), target.index.get_level_values(0))
    try:
        numbers = target.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise errors.DataError(f"the margin {margin} is not numbers", todo="Give people per cell.") from None
    if not np.isfinite(numbers).all() or (numbers < 0).any() or not numbers.sum() > 0:
        raise errors.DataError(f"the margin {margin} has missing or negative cells, or no people")
    if target.index.has_duplicates or any(pd.isna(x) for k in target.index for x in (k if depth > 1 else (k,))):
        raise errors.DataError(f"the margin {margin} has doubled or unnamed cells")
    return pd.Series(numbers, target.index)


def _sample_cells(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Integers, list[Hashable], Booleans]:
    """Return each row's group of equal values of the columns, the value (or tuple) of each group, and who lacks one."""
    whole, blank, parts = np.zeros(len(frame), dtype=np.int64), np.zeros(len(frame), dtype=bool), []
    for name in names:
        codes, levels = pd.factorize(frame[name])
        parts.append(list(levels))
        blank |= codes < 0
        whole = whole * max(len(levels), 1) + np.maximum(codes, 0)
    if len(names) == 1:
        seen = np.bincount(whole[~blank], minlength=len(parts[0])) if blank.any() else np.ones(len(parts[0]))
        return whole, [x if s else _NOBODY for x, s in zip(parts[0], seen, strict=True)] or [_NOBODY], blank
    kept, group = np.unique(whole, return_inverse=True)
    lost = np.bincount(group[~blank], minlength=len(kept)) == 0
    sample_levels: list[Hashable] = []
    for code, gone in zip(kept.tolist(), lost, strict=True):
        values = []
        for part in reversed(parts):
            code, at = divmod(code, max(len(part), 1))
            values.append(part[at] if part else None)
        sample_levels.append(_NOBODY if gone else tuple(reversed(values)))
    return group, sample_levels, blank


_NOBODY = object()


def _level_positions(sample_levels: list[Hashable], levels: list[Hashable], name: str) -> Integers:
    """Return the place of each sample level among the margin's; the same label as number and as text is one level."""
    place = {level: i for i, level in enumerate(levels)}
    plain = {level_key(level): i for i, level in enumerate(levels)}
    loose = len(plain) == len(levels)
    position: Integers = np.zeros(len(sample_levels), dtype=np.intp)
    extra = []
    for i, level in enumerate(sample_levels):
        if level is _NOBODY:
            continue
        at = place.get(level, plain.get(level_key(level)) if loose else None)
        if at is None:
            extra.append(level)
        else:
            position[i] = at
    if extra:
        raise errors.MarginMismatch(
            f"levels of {name} in the sample and not in the margin: {sorted(map(_level_text, extra))}; "
            f"the margin has {[_level_text(k) for k in levels]}",
            todo="Recode the sample, or give the margin these levels.",
        )
    return position


def _refuse_one_sided(
    place: Integers, sample_levels: list[Hashable], levels: list[Hashable], values: Floats, name: str
) -> None:
    """Refuse population cells with nobody in the sample, and people in cells with no population."""
    seen = np.zeros(len(levels), dtype=bool)
    seen[[p for p, h in zip(place, sample_levels, strict=True) if h is not _NOBODY]] = True
    missing = [_level_text(k) for k, s, v in zip(levels, seen, values, strict=True) if not s and v > 0]
    nobody = [_level_text(k) for k, s, v in zip(levels, seen, values, strict=True) if s and v == 0]
    if missing:
        raise errors.EmptyCell(
            f"nobody in the sample is in {missing} of {name}; the sample has "
            f"{sorted(_level_text(h) for h in sample_levels if h is not _NOBODY)}",
            todo="Join these cells to others, in a stated order.",
        )
    if nobody:
        raise errors.MarginMismatch(
            f"the sample has people in {nobody} of {name}, where the population is 0",
            todo="Correct the margin, or leave these people out as a named step.",
        )


def _level_text(level: Hashable) -> str:
    return " × ".join(map(str, level)) if isinstance(level, tuple) else str(level)


def level_key(level: Hashable) -> Hashable:
    """Return a level as text, whole numbers without a decimal point.

    Parameters
    ----------
    level : hashable
        A level, or a tuple of levels.

    Returns
    -------
    hashable
        Text, or a tuple of text: 1, 1.0 and "1" have one key.
    """
    if isinstance(level, tuple):
        return tuple(level_key(x) for x in level)
    if isinstance(level, float | np.floating) and float(level).is_integer():
        return str(int(level))
    return str(level)
