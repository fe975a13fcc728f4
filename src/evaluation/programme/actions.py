"""What was done about it: status, time to an answer, time to done with refusals competing, what was reported back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from evaluation.errors import DataError, require_columns

EVENTS = ("done", "refused with a reason", "refused without a reason")
ANSWERED_STATUSES = ("referred", "under_way", "done", "cannot", "reported_back")
DONE_STATUSES = ("done", "reported_back")


def outcomes(actions: pd.DataFrame, *, until: pd.Timestamp) -> pd.DataFrame:
    """Return, for each dated action, days from raised and how it ended by a day.

    Actions without a date of raising are not in it: count them with `undated_actions`. What happened after `until` is
    not known yet and counts as open.

    Parameters
    ----------
    actions : DataFrame
        The actions register: raised_date, status, status_date; reason_cannot and fed_back_date where they are recorded.
    until : Timestamp
        Last day that is seen.

    Returns
    -------
    DataFrame
        On the index of the dated actions: `days` (from raised to the end, else to `until`), `event` (0 open, 1 done,
        2 refused with a reason, 3 refused without), `answered` (days to the first response, else to `until`) and
        `was_answered`.

    Raises
    ------
    UnknownColumn
        A column is missing.
    DataError
        An action was answered before it was raised.
    """
    require_columns(actions, ["raised_date", "status", "status_date"], role="actions")
    rows = actions.dropna(subset=["raised_date"])
    rows = rows[rows["raised_date"] <= until]
    ended = rows["status_date"].where(rows["status_date"] <= until)
    reason = rows["reason_cannot"].notna() & rows["reason_cannot"].ne("") if "reason_cannot" in rows else False
    cannot = (rows["status"] == "cannot").fillna(False)
    done = rows["status"].isin(DONE_STATUSES)
    event = np.select([done & ended.notna(), cannot & ended.notna() & reason, cannot & ended.notna()], [1, 2, 3], 0)
    last = ended.where(event > 0).fillna(until)
    answered = rows["status"].isin(ANSWERED_STATUSES) & ended.notna()
    first = ended.where(answered).fillna(until)
    if "fed_back_date" in rows:
        told = rows["fed_back_date"].where(rows["fed_back_date"] <= until)
        earlier = told.notna() & (told < first)
        first, answered = first.where(~earlier, told), answered | told.notna()
    days = (last - rows["raised_date"]).dt.days.astype(float)
    waited = (first - rows["raised_date"]).dt.days.astype(float)
    if (days < 0).any() or (waited < 0).any():
        bad = rows.index[(days < 0) | (waited < 0)][:5]
        raise DataError(
            f"{len(bad)} actions were answered before they were raised",
            where="actions",
            todo="Correct raised_date or status_date.",
        )
    return pd.DataFrame(
        {"days": days, "event": event, "answered": waited, "was_answered": answered.astype(bool)}, index=rows.index
    )


def undated_actions(actions: pd.DataFrame) -> int:
    """Return how many actions have no date of raising: they are counted, never dropped in silence.

    Parameters
    ----------
    actions : DataFrame
        The actions register.

    Returns
    -------
    int
        Actions without `raised_date`.
    """
    return int(actions["raised_date"].isna().sum())


@dataclass(frozen=True, slots=True)
class Incidence:
    """Cumulative incidence of one way of ending, at each time at which something ended.

    Attributes
    ----------
    event : str
        The way of ending.
    times, value, se, low, high : tuple of float
        Days from raised; share ended that way by then (0 to 1); standard error; 95 % interval on the log(-log) scale.
    n, ended : int
        Actions at risk at the start; those that ended this way.
    """

    event: str
    times: tuple[float, ...]
    value: tuple[float, ...]
    se: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n: int
    ended: int

    def at(self, day: float) -> tuple[float, float, float]:
        """Return the share that has ended this way by a day.

        Parameters
        ----------
        day : float
            Days from raised.

        Returns
        -------
        tuple of float
            Share (0 to 1), low and high; zeros before the first end.
        """
        place = int(np.searchsorted(self.times, day, side="right")) - 1
        return (0.0, 0.0, 0.0) if place < 0 else (self.value[place], self.low[place], self.high[place])

    def tidy(self) -> dict[str, object]:
        """Return the share at the last time at which something ended.

        Returns
        -------
        dict
            Field name to value.
        """
        last = self.at(math.inf)
        return {
            "event": self.event,
            "n": self.n,
            "ended": self.ended,
            "value": last[0],
            "low": last[1],
            "high": last[2],
        }


def cumulative_incidence(days: pd.Series, event: pd.Series, *, names: tuple[str, ...] = EVENTS) -> list[Incidence]:
    """Return the Aalen-Johansen cumulative incidence of each way of ending, open ones censored.

    Parameters
    ----------
    days : Series of float
        Time from raised to the end, or to the last day seen.
    event : Series of int
        0 still open; k the k-th name. Ends come before censorings on the same day.
    names : tuple of str
        Ways of ending, in the order of their codes.

    Returns
    -------
    list of Incidence
        One per name, in order.

    Raises
    ------
    DataError
        There are no times, or one is missing or under 0.

    Notes
    -----
    F_k(t) = Σ S(u-) d_k(u) / Y(u), S the Kaplan-Meier estimate of not having ended at all. Variance: the delta
    method (Marubini and Valsecchi 1995, equation 10.12); without weights it equals what `survival::survfit` prints.
    """
    t, kind = days.to_numpy(dtype=float), event.to_numpy(dtype=int)
    if len(t) == 0 or (t < 0).any() or np.isnan(t).any():
        raise DataError("cumulative incidence needs times of 0 or more, none missing", todo="Leave out undated ones.")
    times = np.unique(t[kind > 0])
    at_risk = np.array([(t >= u).sum() for u in times], dtype=float)
    ends = np.array([[((t == u) & (kind == k)).sum() for u in times] for k in range(1, len(names) + 1)], dtype=float)
    total = ends.sum(axis=0)
    left = np.concatenate([[1.0], np.cumprod(1 - total / at_risk)[:-1]]) if len(times) else np.array([])
    made = []
    for k, name in enumerate(names):
        step = left * ends[k] / at_risk
        value = np.cumsum(step)
        variance = _variance(value, left, at_risk, ends[k], total)
        se = np.sqrt(np.maximum(variance, 0))
        low, high = _ends(value, se)
        at, shares, errors, lows, highs = (tuple(map(float, x)) for x in (times, value, se, low, high))
        made.append(Incidence(name, at, shares, errors, lows, highs, len(t), int(ends[k].sum())))
    return made


def _variance(
    value: np.ndarray, left: np.ndarray, at_risk: np.ndarray, own: np.ndarray, total: np.ndarray
) -> np.ndarray:
    """Delta-method variance of the Aalen-Johansen estimate at each time (Marubini and Valsecchi 1995)."""
    out = np.zeros(len(value))
    for i in range(len(value)):
        gap = value[i] - value[: i + 1]
        r, d, o, s = at_risk[: i + 1], total[: i + 1], own[: i + 1], left[: i + 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            first = np.where(r > d, gap**2 * d / (r * (r - d)), 0.0)
        out[i] = (first + s**2 * o * (r - o) / r**3 - 2 * gap * s * o / r**2).sum()
    return out


def _ends(value: np.ndarray, se: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval on the log(-log) scale; at 0 and 1 the estimate itself."""
    inside = (value > 0) & (value < 1)
    low, high = value.copy(), value.copy()
    v, s = value[inside], se[inside]
    half = 1.959963984540054 * s / (v * np.abs(np.log(v)))
    low[inside], high[inside] = v ** np.exp(half), v ** np.exp(-half)
    return low, high


@dataclass(frozen=True, slots=True)
class FirstResponse:
    """Kaplan-Meier time to any first response.

    Attributes
    ----------
    n, answered : int
        Dated actions; those with a response.
    median, low, high : float or None
        Days until half have been answered, with a 95 % interval; None where the curve does not reach one half.
    times, share : tuple of float
        Days at which a response came, and the share (0 to 1) answered by then.
    """

    n: int
    answered: int
    median: float | None
    low: float | None
    high: float | None
    times: tuple[float, ...]
    share: tuple[float, ...]

    def tidy(self) -> dict[str, object]:
        """Return one flat row, without the curve.

        Returns
        -------
        dict
            Field name to value.
        """
        return {k: v for k, v in asdict(self).items() if k not in ("times", "share")}


def first_response(days: pd.Series, answered: pd.Series) -> FirstResponse:
    """Return the Kaplan-Meier estimate of the time to a first response, its median with a 95 % interval.

    The interval of the median (Brookmeyer and Crowley 1982) uses log(-log) limits of the curve; an end that the curve's
    limit does not reach is None, and so is the median while less than half have been answered.

    Parameters
    ----------
    days : Series of float
        Days from raised to the first response, or to the last day seen.
    answered : Series of bool
        Whether there was a response.

    Returns
    -------
    FirstResponse
        The median, its interval and the curve.

    Raises
    ------
    DataError
        There are no times, or one is missing or under 0.
    """
    t, done = days.to_numpy(dtype=float), answered.to_numpy(dtype=bool)
    if len(t) == 0 or np.isnan(t).any() or (t < 0).any():
        raise DataError("times must be 0 or more, none missing", todo="Leave out undated actions.")
    times = np.unique(t[done])
    at_risk = np.array([(t >= u).sum() for u in times], dtype=float)
    ends = np.array([((t == u) & done).sum() for u in times], dtype=float)
    open_share = np.cumprod(1 - ends / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(np.where(at_risk > ends, ends / (at_risk * (at_risk - ends)), 0.0))
    low, high = _ends(open_share, open_share * np.sqrt(greenwood))
    return FirstResponse(
        len(t),
        int(done.sum()),
        _first(times, open_share),
        _first(times, low),
        _first(times, high),
        tuple(map(float, times)),
        tuple(map(float, 1 - open_share)),
    )


def _first(times: np.ndarray, curve: np.ndarray) -> float | None:
    """Return the first time at which the curve is at or under one half."""
    below = np.nonzero(curve <= 0.5 + 1e-12)[0]
    return float(times[below[0]]) if len(below) else None


@dataclass(frozen=True, slots=True)
class FeedbackLoop:
    """How far actions were closed and told of, on one day; every field is a count of actions.

    Attributes
    ----------
    raised, undated : int
        Actions in the register; those without a date of raising.
    reported_back : int
        Actions whose result was reported back to the community.
    refused, explained : int
        Actions refused; those refused with a reason.
    overdue : int
        Open actions past their due date.
    rated, satisfied : int
        Actions that the community rated; those rated 4 or 5.
    """

    raised: int
    reported_back: int
    refused: int
    explained: int
    overdue: int
    undated: int
    satisfied: int
    rated: int

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return asdict(self)


def feedback_loop(actions: pd.DataFrame, *, until: pd.Timestamp) -> FeedbackLoop:
    """Return how many actions were reported back, refused, explained and overdue on a day.

    Parameters
    ----------
    actions : DataFrame
        The actions register; fed_back_date, reason_cannot, due_date and community_satisfied where they are recorded.
    until : Timestamp
        The day on which an open action counts as overdue.

    Returns
    -------
    FeedbackLoop
        Counts of actions.
    """
    told = actions["fed_back_date"].notna() if "fed_back_date" in actions else actions["status"] == "reported_back"
    told = (told | (actions["status"] == "reported_back")).fillna(False).astype(bool)
    refused = (actions["status"] == "cannot").fillna(False).astype(bool)
    why = (
        actions["reason_cannot"].notna() & actions["reason_cannot"].ne("").fillna(False)
        if ("reason_cannot" in actions)
        else pd.Series(False, index=actions.index)
    )
    closed = actions["status"].isin([*DONE_STATUSES, "cannot"])
    late = (actions["due_date"] < until).fillna(False) & ~closed if "due_date" in actions else closed & False
    rated = actions["community_satisfied"].dropna() if "community_satisfied" in actions else pd.Series(dtype=float)
    return FeedbackLoop(
        len(actions),
        int(told.sum()),
        int(refused.sum()),
        int((refused & why).sum()),
        int(late.sum()),
        undated_actions(actions),
        int((rated.astype(float) >= 4).sum()),
        len(rated),
    )
