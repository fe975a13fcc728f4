"""Accountability indicators: a formula over the registers, its value, its change, and a direction only when earned."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd

from evaluation.errors import DataError, UnknownColumn, nearest

FORM = re.compile(
    r"^(?P<what>count|sum|mean|median|share)\((?P<table>\w+)(?:\.(?P<column>\w+))?"
    r"(?:\s+where\s+(?P<where>[^()]+?))?(?:\s+of\s+(?P<of>[^()]+?))?\)(?:\s+by\s+(?P<by>\w+))?$"
)
RATIO = re.compile(
    r"^ratio\((?P<table>\w+)\.(?P<top>\w+)\s*/\s*(?P<bottom>\w+)(?:\s+where\s+(?P<where>[^()]+?))?\)"
    r"(?:\s+by\s+(?P<by>\w+))?$"
)
RESULT = re.compile(r"^result\((?P<id>[\w.\-]+)\)$")
LEAST_BASE = 10  # cases under which a share says nothing of a target or a direction
KINDS = {"count": "output", "sum": "output", "mean": "output", "median": "output"}


@dataclass(frozen=True, slots=True)
class Value:
    """An indicator's value now and before.

    Attributes
    ----------
    value, before : float or None
        Latest period and the first one (None without a period column, or with one period).
    base : int
        Rows or cases behind the latest value.
    unit : str
        "" for counts and means, "per cent" for shares and ratios.
    low, high : float or None
        95 % interval of the change, after minus before (shares: Newcombe 1998; counts and means: none is claimed, nor
        for a ratio whose cases come in several rows of a period, because they are not independent).
    periods : tuple of str
        Every period of the register, in order.
    """

    value: float
    base: int
    unit: str
    before: float | None = None
    low: float | None = None
    high: float | None = None
    periods: tuple[str, ...] = ()

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return asdict(self)


def result_reference(formula: str) -> str:
    """Return the id of the result that a formula names.

    Parameters
    ----------
    formula : str
        An indicator's formula.

    Returns
    -------
    str
        The id in `result(id)`, else an empty string.
    """
    found = RESULT.match(formula.strip())
    return found["id"] if found else ""


def tables_of(formula: str) -> tuple[str, ...]:
    """Return the registers that a formula reads.

    Parameters
    ----------
    formula : str
        An indicator's formula.

    Returns
    -------
    tuple of str
        Empty for "none", for a result and for words that are no formula.
    """
    found = FORM.match(formula.strip()) or RATIO.match(formula.strip())
    return (found["table"],) if found else ()


def evaluate(formula: str, tables: Mapping[str, pd.DataFrame]) -> Value:
    """Return the value of a formula over the registers.

    Formulas: `count(table where column = level)`, `sum(table.column)`, `mean(table.column)`, `median(table.column)`,
    `share(table where column = level of column = level)` (the rows after "of" are the base; without it all rows),
    `ratio(table.column / column where column = level)`, each with ` by column` for its first and latest period (a date
    counts by year). `column present` and `column = a|b` are conditions; `and` joins them.

    Parameters
    ----------
    formula : str
        A formula of this grammar; nothing of it is executed.
    tables : mapping
        Register name to its frame.

    Returns
    -------
    Value
        Latest value, and the first with its change where a period column is named.

    Raises
    ------
    DataError
        Not such a formula; a register that is not there; no rows in the base, or no numbers.
    UnknownColumn
        A column that the register lacks; the message names the nearest.
    """
    text = formula.strip()
    found, ratio = FORM.match(text), RATIO.match(text)
    parts = found or ratio
    if parts is None:
        raise DataError(f"{text!r} is not a formula over the registers", todo="Write count(…), share(…) or ratio(…).")
    name = parts["table"]
    if name not in tables:
        raise DataError(f"the register {name!r} is not there", todo="Supply it.")
    frame = tables[name]
    measure = _ratio_of(parts) if found is None else _form_of(parts)
    if not parts["by"]:
        x, n = measure(frame)
        return _value(x, n, measure.unit)
    return _over_periods(frame, _periods(frame, parts["by"]), measure)


class _Measure:
    """Top and bottom of a measure for a frame; bottom None for plain numbers."""

    def __init__(
        self, unit: str, function: Callable[[pd.DataFrame], tuple[float, int]], *, clustered: bool = False
    ) -> None:
        self.unit, self.function, self.clustered = unit, function, clustered

    def __call__(self, frame: pd.DataFrame) -> tuple[float, int]:
        return self.function(frame)


def _form_of(parts: re.Match[str]) -> _Measure:
    what, column, where, of = (parts[k] for k in ("what", "column", "where", "of"))

    def rows(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[_mask(frame, where)]

    if what == "count":
        return _Measure("", lambda f: (float(len(rows(f))), len(rows(f))))
    if what == "share":

        def share(frame: pd.DataFrame) -> tuple[float, int]:
            base = frame[_mask(frame, of)]
            return float(_mask(base, where).sum()), len(base)

        return _Measure("per cent", share)

    def number(frame: pd.DataFrame) -> tuple[float, int]:
        values = _column(rows(frame), column).dropna().astype(float)
        return float(getattr(values, what)()) if len(values) else math.nan, len(values)

    return _Measure("", number)


def _ratio_of(parts: re.Match[str]) -> _Measure:
    def both(frame: pd.DataFrame) -> tuple[float, int]:
        frame = frame[_mask(frame, parts["where"])]
        pairs = pd.DataFrame({"x": _column(frame, parts["top"]), "n": _column(frame, parts["bottom"])}).dropna()
        return float(pairs["x"].astype(float).sum()), int(pairs["n"].astype(float).sum())

    return _Measure("per cent", both, clustered=True)


def _column(frame: pd.DataFrame, name: str | None) -> pd.Series:
    if name is None or name not in frame:
        near = nearest(str(name), frame.columns)
        raise UnknownColumn(f"no column {name!r} for the indicator" + (f" (nearest: {near!r})" if near else ""))
    return frame[name]


def _mask(frame: pd.DataFrame, condition: str | None) -> pd.Series:
    keep = pd.Series(True, index=frame.index)
    for part in (condition or "").split(" and "):
        words = part.strip()
        if not words:
            continue
        if words.endswith(" present"):
            keep &= _column(frame, words.removesuffix(" present").strip()).notna()
            continue
        column, sign, levels = words.partition("=")
        if not sign:
            raise DataError(f"{words!r} is not a condition", todo='Write "column = level" or "column present".')
        keep &= _column(frame, column.strip()).astype("string").isin([v.strip() for v in levels.split("|")])
    return keep.fillna(False).astype(bool)


def _periods(frame: pd.DataFrame, column: str) -> pd.Series:
    values = _column(frame, column)
    return values.dt.year.astype("Int64").astype("string") if values.dtype.kind == "M" else values.astype("string")


class _More(TypedDict, total=False):
    """What a value says besides its number, base and unit."""

    before: float | None
    low: float
    high: float
    periods: tuple[str, ...]


def _value(x: float, n: int, unit: str, **more: Unpack[_More]) -> Value:
    if unit and n == 0:
        raise DataError("the indicator has no rows in its base", todo="Wait for the first record.")
    if math.isnan(x):
        raise DataError("the indicator has no numbers", todo="Fill in the register.")
    return Value(100 * x / n if unit else x, n, unit, **more)


def _over_periods(frame: pd.DataFrame, periods: pd.Series, measure: _Measure) -> Value:
    names = sorted(periods.dropna().unique())
    if not names:
        raise DataError("no row has a period", todo="Fill in the register's dates.")
    x, n = measure(frame[(periods == names[-1]).fillna(False)])
    if measure.unit and n == 0:
        raise DataError(f"nothing was counted in {names[-1]}", todo="Fill in that period, or leave it out.")
    if len(names) == 1:
        return _value(x, n, measure.unit, periods=tuple(names))
    x0, n0 = measure(frame[(periods == names[0]).fillna(False)])
    if not measure.unit:
        return _value(x, n, "", before=None if math.isnan(x0) else x0, periods=tuple(names))
    if n0 == 0:
        return _value(x, n, measure.unit, periods=tuple(names))
    if measure.clustered and periods.value_counts().max() > 1:
        return _value(x, n, measure.unit, before=100 * x0 / n0, periods=tuple(names))
    low, high = newcombe_interval(x, n, x0, n0)
    return _value(x, n, measure.unit, before=100 * x0 / n0, low=100 * low, high=100 * high, periods=tuple(names))


def _score_interval(x: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of x / n."""
    z = 1.959963984540054
    half = z * np.sqrt(x * (n - x) / n + z * z / 4)
    return (x + z * z / 2 - half) / (n + z * z), (x + z * z / 2 + half) / (n + z * z)


def newcombe_interval(x1: float, n1: int, x2: float, n2: int) -> tuple[float, float]:
    """Return Newcombe's (1998) 95 % interval of x1/n1 - x2/n2, from the score intervals of both.

    Parameters
    ----------
    x1, n1 : float
        Cases and base of the first share.
    x2, n2 : float
        Cases and base of the second share.

    Returns
    -------
    tuple of float
        Low and high of the difference, -1 to 1.
    """
    (l1, u1), (l2, u2), p1, p2 = _score_interval(x1, n1), _score_interval(x2, n2), x1 / n1, x2 / n2
    down, up = np.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2), np.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    return float(p1 - p2 - down), float(p1 - p2 + up)


def direction(value: Value, better: str) -> str:
    """Return the direction of a change, shown only when its interval excludes no change.

    Parameters
    ----------
    value : Value
        An indicator's value now and before.
    better : str
        "higher", "lower" or "parity".

    Returns
    -------
    str
        "better", "worse", "changed; see the ratio", or that no direction is shown and why.
    """
    if value.low is None or value.high is None:
        return "no direction: one period, or no interval"
    if value.low <= 0 <= value.high:
        return "no direction: the change could be none"
    if better == "parity":
        return "changed; see the ratio"
    rose = value.low > 0
    return "better" if rose == (better == "higher") else "worse"


def against_target(value: Value, target: float | None, better: str, *, most: float | None = None) -> str:
    """Return whether a stated target is met; a target is never invented.

    Parameters
    ----------
    value : Value
        An indicator's value.
    target : float or None
        The owners' target, in the value's unit; None or NaN where none was set.
    better : str
        "higher" where the target is the least to be reached, else it is the most.
    most : float, optional
        The value if everybody whose group is not known belonged to it (`value_with_unknown`): where the target lies
        between the value and it, nobody can say.

    Returns
    -------
    str
        "met", "not met", "depends on those not known" or "no target was set".
    """
    if target is None or pd.isna(target):
        return "no target was set"
    met = value.value >= target if better == "higher" else value.value <= target
    if most is not None and met != (most >= target if better == "higher" else most <= target):
        return "depends on those not known"
    return "met" if met else "not met"


def value_with_unknown(formula: str, tables: Mapping[str, pd.DataFrame], *, unknown: str = "n_unknown") -> float | None:
    """Return a ratio's latest value if everybody of unknown group belonged to the group.

    Parameters
    ----------
    formula : str
        A formula `ratio(…)`.
    tables : mapping
        Register name to its frame.
    unknown : str
        Column that counts people whose group is not known.

    Returns
    -------
    float or None
        Per cent; None where the formula is no ratio or nobody of unknown group is counted.
    """
    parts = RATIO.match(formula.strip())
    frame = None if parts is None else tables.get(parts["table"])
    if parts is None or frame is None or unknown not in frame:
        return None
    filled = frame.assign(**{parts["top"]: frame[parts["top"]] + frame[unknown].fillna(0)})
    try:
        return evaluate(formula, {parts["table"]: filled}).value
    except DataError:
        return None


def indicator_kind(formula: str) -> str:
    """Return what sort of indicator a formula makes.

    Parameters
    ----------
    formula : str
        An indicator's formula.

    Returns
    -------
    str
        "output" for counts of activity, "outcome" for results of people's answers, else "process"; "" for no formula.
    """
    if result_reference(formula):
        return "outcome"
    found = FORM.match(formula.strip())
    return KINDS.get(found["what"], "process") if found else "process" if RATIO.match(formula.strip()) else ""
