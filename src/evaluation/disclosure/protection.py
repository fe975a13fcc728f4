"""`protect`: from everything a run offers to what may be shown, once for all tables together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from evaluation.disclosure.attack import Tables, protect_counts, round_count
from evaluation.disclosure.checked_results import _TOKEN, CheckedExhibit, CheckedResults, CheckedRow
from evaluation.disclosure.number_validity import require_valid_numbers
from evaluation.errors import CheckFailed
from evaluation.exhibit import Cell, Count, Exhibit, Measure, Text
from evaluation.results import SHARED_FIELDS, Estimate, NotIdentified, verdict
from evaluation.results import TooFew as Few
from evaluation.verdict import NOT_ANSWERABLE, NOT_SHOWN, TOO_FEW

DOMINANCE = 0.10  # p-per-cent rule: what is left without the two largest must be at least this share of the largest
LARGE_DF = 100  # from here on the t distribution no longer tells
EDGE = 5.0  # per cent: shares nearer to 0 or 100 are printed as "under 5%" and "over 95%"


class Rules(Protocol):
    """The rules of the gate: the `disclosure` table of a plan, or anything with the same fields.

    Attributes
    ----------
    threshold : int
        Counts of people under it are hidden.
    rounding : int
        Base that other counts are rounded to.
    least_base : int
        Estimates with fewer people in any group are too few to report.
    """

    threshold: int
    rounding: int
    least_base: int


def protect(exhibits: Sequence[Exhibit], rules: Rules, *, earlier: Sequence[Mapping[str, Any]] = ()) -> CheckedResults:
    """Return what may be shown of all exhibits together.

    Parameters
    ----------
    exhibits : sequence of Exhibit
        Everything that a run offers.
    rules : Rules
        The plan's `disclosure`: threshold, rounding, least_base.
    earlier : sequence of mapping
        Ledger entries: what earlier releases published; the attacker reads them too.

    Returns
    -------
    CheckedResults
        Checked exhibits, the log of what each rule hid, and the attacker's audit.

    Raises
    ------
    CheckFailed
        A count is negative or not whole, a number not finite; one key stands for two different counts; a sum does not
        hold; or the attacker recovers a small cell that nothing can hide.
    """
    require_valid_numbers(exhibits)
    tables = _tables(exhibits, rules, earlier)
    hidden, primary, audit = protect_counts(tables)
    if audit["recovered"]:
        raise CheckFailed(
            f"{audit['recovered']} small counts could be worked out from the tables",
            todo="Publish fewer margins of these tables, or join their categories.",
        )
    log: Counter[str] = Counter(threshold=0, secondary=0, base=0, dominance=0, share=0)
    log["threshold"], log["secondary"] = len(primary), len(hidden - primary)
    maker = _RowMaker(tables, hidden, primary, rules, log)
    out = tuple(_exhibit(e, maker) for e in exhibits)
    counts = {
        k: None if k in hidden else round_count(n, rules.rounding)
        for k, n in tables.counts.items()
        if k not in tables.exact
    }
    return CheckedResults(_TOKEN, out, dict(log), audit, counts)


def _tables(exhibits: Sequence[Exhibit], rules: Rules, earlier: Sequence[Mapping[str, Any]]) -> Tables:
    counts: dict[str, int] = {}
    exact: set[str] = set()
    for exhibit in exhibits:
        for item in exhibit.items:
            c = item.result
            for key, n in _counted(c):
                if counts.setdefault(key, n) != n:
                    raise CheckFailed(f"the key {key!r} stands for two different counts", where=exhibit.id)
            if isinstance(c, Count) and (c.public or not c.sensitive):
                exact.add(c.key)
    sums = list(dict.fromkeys((total, tuple(parts)) for e in exhibits for total, parts in e.sums))
    for total, parts in sums:
        known = all(k in counts for k in (total, *parts))
        if known and counts[total] != sum(counts[p] for p in parts):
            raise CheckFailed(f"the sum {total!r} does not hold", todo="Correct the exhibit's sums.")
    return Tables(counts, sums, rules.rounding, rules.threshold, _known(earlier, rules), exact)


def _counted(result: Cell) -> tuple[tuple[str, int], ...]:
    """Return the counts that a result gives away: its own, or those that a share is made of."""
    if isinstance(result, Count):
        return ((result.key, result.n),)
    return result.counts if isinstance(result, Measure) and not result.public else ()


def _known(earlier: Sequence[Mapping[str, Any]], rules: Rules) -> dict[str, tuple[float, float]]:
    """Return what earlier releases say of a cell: the interval of its rounded count."""
    half = (rules.rounding - 1) // 2 if rules.rounding % 2 else rules.rounding / 2
    out: dict[str, tuple[float, float]] = {}
    for entry in earlier:
        for key, value in entry.get("counts", {}).items():
            if value is not None:
                low, high = out.get(key, (0.0, float("inf")))
                out[key] = (max(low, value - half), min(high, value + half))
    return out


class _RowMaker:
    """Makes checked rows by the rules of one run."""

    def __init__(self, tables: Tables, hidden: set[str], small: set[str], rules: Rules, log: Counter[str]) -> None:
        self.tables, self.hidden, self.small, self.rules, self.log = tables, hidden, small, rules, log

    def row(self, result: Cell) -> CheckedRow:
        """Return a result as it may be shown."""
        makers: dict[type, Callable[[Any], CheckedRow]] = {
            Count: self._count,
            Measure: self._measure,
            Text: self._words,
            Estimate: self._estimate,
            NotIdentified: self._refusal,
            Few: self._few,
        }
        return makers[type(result)](result)

    def _hidden(self, result: Cell, rule: str, kind: str, *, why: str = TOO_FEW) -> CheckedRow:
        if rule in ("base", "dominance", "share"):
            self.log[rule] += 1
        words = {k: getattr(result, k) for k in SHARED_FIELDS if hasattr(result, k)}
        return CheckedRow(_TOKEN, id=result.id, kind=kind, text=why, shown=False, reason=why, **words)

    def _why(self, *keys: str) -> str:
        """Return the words of a hidden cell: too few only where one of its own counts is under the bar."""
        return TOO_FEW if any(k in self.small for k in keys) else NOT_SHOWN

    def _count(self, c: Count) -> CheckedRow:
        if c.key in self.hidden:
            return self._hidden(c, "threshold", "count", why=self._why(c.key))
        n = c.n if c.key in self.tables.exact else round_count(c.n, self.rules.rounding)
        return CheckedRow(_TOKEN, id=c.id, kind="count", text=f"{n:,}", value=float(n), unit=c.unit, n=n, wave=c.wave)

    def _measure(self, m: Measure) -> CheckedRow:
        if not m.public:
            if m.base is not None and m.base < self.rules.threshold:
                return self._hidden(m, "base", "measure")
            if len(m.largest) >= 2 and m.value - sum(m.largest[:2]) < DOMINANCE * m.largest[0]:
                return self._hidden(m, "dominance", "measure", why=NOT_SHOWN)
            if any(k in self.hidden or k not in self.tables.counts for k in m.share_of):
                return self._hidden(m, "share", "measure", why=self._why(*m.share_of))
        value = self._share(m) if m.share_of and not m.public else m.value
        if m.unit == "people" and not m.public and m.base is not None and m.value >= m.base / 2:
            value = round_count(round(value), self.rules.rounding)  # with equal weights an effective number is the base
        ends = [None if e is None else round(e, m.decimals) for e in (m.low, m.high)]
        text = _figure(value, m.unit, m.decimals)
        if ends[0] is not None and ends[1] is not None:
            text += f" ({_figure(ends[0], m.unit, m.decimals)} to {_figure(ends[1], m.unit, m.decimals)})"
        n = None if m.base is None else m.base if m.public else round_count(m.base, self.rules.rounding)
        return CheckedRow(
            _TOKEN,
            id=m.id,
            kind="measure",
            text=text,
            value=round(float(value), m.decimals),
            low=ends[0],
            high=ends[1],
            unit=m.unit,
            n=n,
            n_text="" if n is None else f"about {n:,}",
            wave=m.wave,
            method=m.method,
        )

    def _share(self, m: Measure) -> float:
        """Return a share of two counts, or a number in proportion to one, as the published counts give it."""
        top, bottom = (self.tables.counts[k] for k in m.share_of[:2])
        shown = [
            n if k in self.tables.exact else round_count(n, self.rules.rounding)
            for k, n in zip(m.share_of[:2], (top, bottom), strict=True)
        ]
        if not shown[1] or not top:
            return 0.0
        return m.value * (shown[0] / shown[1]) / (top / bottom)

    def _words(self, w: Text) -> CheckedRow:
        return CheckedRow(_TOKEN, id=w.id, kind="words", text=w.text)

    def _refusal(self, r: NotIdentified) -> CheckedRow:
        words = {k: getattr(r, k) for k in SHARED_FIELDS if hasattr(r, k)}
        return CheckedRow(
            _TOKEN,
            id=r.id,
            kind="not_identified",
            text=NOT_ANSWERABLE,
            shown=False,
            reason=r.reason,
            what_would_help=r.what_would_help,
            **words,
        )

    def _few(self, r: Few) -> CheckedRow:
        return replace(self._hidden(r, "", "too_few"), reason=TOO_FEW)

    def _estimate(self, e: Estimate) -> CheckedRow:
        if e.n and min(e.n.values()) < self.rules.least_base:
            return replace(self._hidden(e, "base", "too_few"), verdict=TOO_FEW if e.null is not None else "")
        numbers: dict[str, Any] = {**_numbers(e)}
        parts = [f"about {round_count(k, self.rules.rounding):,}" for k in e.n.values()]
        total = sum(round_count(k, self.rules.rounding) for k in e.n.values()) if e.n else None
        words = {k: getattr(e, k) for k in SHARED_FIELDS if hasattr(e, k)}
        extra = {
            k: getattr(e, k)
            for k in (
                "null",
                "margin",
                "p_family",
                "same_sign_share",
                "specification_median",
                "indicative",
                "doubt",
                "family",
                "sample",
            )
        }
        return CheckedRow(
            _TOKEN,
            id=e.id,
            kind="estimate",
            text=_estimate_text(e),
            n=total,
            n_text=" and ".join(parts),
            n_effective=None if e.n_effective is None else round_count(round(e.n_effective), self.rules.rounding),
            n_sessions=e.n_sessions,
            df=_df(e.df, self.rules.rounding),
            p=None if e.p is None else round(e.p, 4),
            mde=None if e.mde is None else round(e.mde, 2),
            **numbers,
            **words,
            **extra,
        )


def _exhibit(e: Exhibit, maker: _RowMaker) -> CheckedExhibit:
    cells = {(i.row, i.column): maker.row(i.result) for i in e.items}
    rows = tuple(dict.fromkeys(i.row for i in e.items))
    columns = tuple(dict.fromkeys(i.column for i in e.items))
    return CheckedExhibit(
        _TOKEN,
        e.id,
        e.title,
        e.sections,
        e.chart,
        e.row_header,
        e.notes,
        e.source,
        e.wave,
        e.extras,
        rows,
        columns,
        cells,
    )


def _is_share(unit: str) -> bool:
    return "per cent" in unit


def _is_points(unit: str) -> bool:
    return "percentage" in unit


def _numbers(e: Estimate) -> dict[str, float | None]:
    """Return the numbers of an estimate as results.csv holds them; the verdict of the rounded row stays the same."""
    names = ("value", "se", "low", "high", "low_90", "high_90")
    for places in (0, 2, 6) if _is_share(e.unit) else (4, 8):
        out = {k: _round(getattr(e, k), places) for k in names}
        if _is_share(e.unit):
            return {k: v if v is None or k == "se" else min(max(v, EDGE), 100 - EDGE) for k, v in out.items()}
        if not e.verdict or verdict(e.tidy() | out) == verdict(e):
            return out
    return {k: getattr(e, k) for k in names}


def _df(df: float | None, base: int) -> float | None:
    """Return degrees of freedom; large ones rounded like counts: without sessions they are the people less a few."""
    if df is None or not math.isfinite(df):
        return df
    return round(df, 1) if df < LARGE_DF else float(round_count(round(df), base))


def _round(value: float | None, places: int) -> float | None:
    return None if value is None else round(float(value), places) + 0.0


def _estimate_text(e: Estimate) -> str:
    places = 0 if _is_share(e.unit) or _is_points(e.unit) else 2
    value = _edge(e.value) if _is_share(e.unit) else _figure(e.value, e.unit, places)
    if e.low is None or e.high is None:
        return value
    ends = [_edge(x) if _is_share(e.unit) else _figure(x, e.unit, places) for x in (e.low, e.high)]
    return f"{value} ({ends[0]} to {ends[1]})"


def _edge(share: float) -> str:
    if share < EDGE:
        return "under 5%"
    return "over 95%" if share > 100 - EDGE else f"{share:.0f}%"


def _figure(value: float, unit: str, places: int) -> str:
    number = f"{value:,.{places}f}"
    number = number.lstrip("-") if float(number.replace(",", "")) == 0 else number.replace("-", "\u2212")
    return f"{number}%" if _is_share(unit) else f"£{number}" if unit in ("£", "pounds") else number
