"""One result as fields, a row and a sentence: `Estimate`, `NotIdentified`, `TooFew`; and the verdict rule.

Statistics fill the numbers; a `Label` fills the words (id, question, licence, margin); notebook 10 fills the
verdict. A row of `results.csv` holds every field, so that the verdict can be recomputed from the row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .errors import DataError

LICENCES = ("effect", "association", "exploratory", "descriptive")
GATE_KINDS = ("design", "size", "quality")


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition fixed in advance: passed or failed, with the value seen and the bar it was held to.

    `kind` is "design" (identification, overlap, worst prognostic imbalance, wording), "size" (too few people or
    sessions) or "quality" (balance flags, effective n, share unmatched, placebo).
    """

    id: str
    kind: str
    passed: bool
    value: float | str | None = None
    bar: float | str | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.kind not in GATE_KINDS:
            raise ValueError(f"gate {self.id!r} has kind {self.kind!r}; use one of {GATE_KINDS}")

    def text(self) -> str:
        """Return `kind:id=passed` or `kind:id=failed`, the form used in `results.csv`."""
        return f"{self.kind}:{self.id}={'passed' if self.passed else 'failed'}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimated quantity, with its error, its interval, and what it may be used to say.

    Attributes
    ----------
    value, se : float
        Estimate and standard error, in `unit`. For ratios `value` is the ratio and `se` is on the log scale.
    low, high, low_90, high_90 : float
        Ends of the 95 % and 90 % intervals, in `unit`.
    df : float
        Degrees of freedom of the reference t distribution; `inf` for the normal.
    p : float or None
        Two-sided p-value against `null`; None for levels.
    n : mapping of str to int
        Unweighted people in each compared group (`{"all": n}` for one group).
    null, margin : float or None
        Value of no difference (0, or 1 for ratios) and smallest worthwhile change in `unit` (log scale for
        ratios). `null=None` marks a level or count: it has no verdict.
    doubt : str
        "", "up" or "down": the direction that a one-sided doubt downgrades to "but fragile".
    """

    value: float
    se: float | None = None
    low: float | None = None
    high: float | None = None
    low_90: float | None = None
    high_90: float | None = None
    df: float | None = None
    p: float | None = None
    unit: str = ""
    n: Mapping[str, int] = field(default_factory=dict)
    n_effective: float | None = None
    n_sessions: int | None = None
    method: str = ""
    se_method: str = ""
    estimand: str = ""
    outcome: str = ""
    group: str = ""
    wave: str = ""
    sample: str = ""
    id: str = ""
    question: str = ""
    licence: str = "descriptive"
    planned: bool = False
    null: float | None = None
    margin: float | None = None
    mde: float | None = None
    family: str = ""
    p_family: float | None = None
    same_sign_share: float | None = None
    specification_median: float | None = None
    doubt: str = ""
    indicative: bool = False
    gates: tuple[Gate, ...] = ()
    verdict: str = ""

    def __post_init__(self) -> None:
        if self.licence not in LICENCES:
            raise ValueError(f"licence {self.licence!r} is not one of {LICENCES}")
        if self.value is None or not math.isfinite(self.value):
            raise ValueError(f"an Estimate needs a finite value, got {self.value!r}: refuse with a reason instead")

    def tidy(self) -> dict[str, Any]:
        """Return one flat row of `results.csv` (unprotected: `disclosure` rounds and suppresses)."""
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        row["n"] = int(sum(self.n.values())) if self.n else None
        row["n_groups"] = "; ".join(f"{k}={v}" for k, v in self.n.items())
        row["gates"] = ";".join(g.text() for g in self.gates)
        return row

    def summary(self) -> str:
        """Return one sentence: the finding first, then how sure, then the unit; no p-value."""
        name = self.question or self.outcome or self.id or self.estimand or "The estimate"
        if self.low is None or self.high is None:
            return f"{name}: {self.value:.2f} {self.unit}".strip() + "."
        return f"{name}: {self.value:.2f} {self.unit} (between {self.low:.2f} and {self.high:.2f})."


@dataclass(frozen=True, slots=True)
class NotIdentified:
    """A question this data cannot answer, why, and what would help."""

    reason: str
    what_would_help: str
    id: str = ""
    question: str = ""
    outcome: str = ""
    wave: str = ""
    licence: str = "association"
    planned: bool = False
    gates: tuple[Gate, ...] = ()
    verdict: str = "not answerable"

    def tidy(self) -> dict[str, Any]:
        """Return one flat row of `results.csv` without numbers."""
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        row["gates"] = ";".join(g.text() for g in self.gates)
        return row

    def summary(self) -> str:
        """Return one sentence that says why, and what would help."""
        return f"This survey cannot answer that, because {self.reason}. {self.what_would_help}"


@dataclass(frozen=True, slots=True)
class TooFew:
    """A question with too few people or sessions to answer safely; `counts` say how many there were."""

    counts: Mapping[str, int]
    needed: int
    id: str = ""
    question: str = ""
    outcome: str = ""
    wave: str = ""
    licence: str = "association"
    planned: bool = False
    unit: str = "people"
    gates: tuple[Gate, ...] = ()
    verdict: str = "too few to report"

    def tidy(self) -> dict[str, Any]:
        """Return one flat row of `results.csv` without numbers."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("counts", "needed")}
        row["gates"] = ";".join(g.text() for g in self.gates)
        return row

    def summary(self) -> str:
        """Return one sentence; counts leave only through the disclosure gate."""
        return f"Too few {self.unit} answered to report this safely: at least {self.needed} are needed in each group."


Result = Estimate | NotIdentified | TooFew


@dataclass(frozen=True, slots=True)
class Label:
    """The words of a result: id, question, licence, margin. Statistics fill numbers only."""

    id: str
    question: str = ""
    planned: bool = False
    licence: str = "descriptive"
    outcome: str = ""
    wave: str = ""
    group: str = ""
    sample: str = ""
    null: float | None = None
    margin: float | None = None
    family: str = ""
    unit: str = ""
    estimand: str = ""


def label(result: Result, words: Label, *, gates: Iterable[Gate] = ()) -> Result:
    """Return `result` with the label's words and the gates that were read for it; numbers are untouched.

    A blank in the label leaves what the statistic said. Ids are lower case, `<contrast>.<outcome>.<group>.<wave>`.
    """
    names = {f.name for f in fields(type(result))}
    filled = {f.name: getattr(words, f.name) for f in fields(words)}
    keep = {k: v for k, v in filled.items() if k in names and v not in ("", None)}
    keep["id"] = words.id.lower()
    if "planned" in names:
        keep["planned"] = words.planned
    return replace(result, **keep, gates=tuple(result.gates) + tuple(gates))


def from_se(value: float, se: float, *, df: float = math.inf, null: float | None = 0.0, **words: Any) -> Estimate:
    """Return an `Estimate` with t intervals (normal when `df` is infinite) and a p-value against `null`.

    `null=None` marks a level: no p-value. For ratios give finished ends with `ratio_from_log`.

    Raises
    ------
    DataError
        A value or an error that is not a number, or no degrees of freedom: too few people or clusters.
    """
    if not (math.isfinite(value) and math.isfinite(se) and se >= 0 and df > 0):
        raise DataError("too few people or clusters for an estimate with an error", todo="Join groups, or show counts.")
    half95, half90 = (_t_quantile(q, df) * se for q in (0.975, 0.95))
    p = None if null is None else _two_sided(value - null, se, df)
    return Estimate(
        value=float(value), se=float(se), low=float(value - half95), high=float(value + half95),
        low_90=float(value - half90), high_90=float(value + half90), df=float(df), p=p, null=null, **words,
    )  # fmt: skip


def ratio_from_log(log_value: float, se: float, *, df: float = math.inf, **words: Any) -> Estimate:
    """Return a ratio with its interval made on the log scale; `null` is 1 and `se` stays on the log scale."""
    on_log = from_se(log_value, se, df=df)
    ends = {k: math.exp(getattr(on_log, k)) for k in ("value", "low", "high", "low_90", "high_90")}
    return Estimate(**ends, se=float(se), df=float(df), p=on_log.p, null=1.0, **words)


def _t_quantile(q: float, df: float) -> float:
    from scipy.special import ndtri, stdtrit

    return float(ndtri(q)) if math.isinf(df) else float(stdtrit(df, q))


def _two_sided(gap: float, se: float, df: float) -> float:
    from scipy.special import ndtr, stdtr

    if se == 0:
        return 1.0 if gap == 0 else 0.0
    t = -abs(gap / se)
    return float(2 * (ndtr(t) if math.isinf(df) else stdtr(df, t)))


# ---- the verdict rule -------------------------------------------------------------------------------------------

NOT_ANSWERABLE = "not answerable"
TOO_FEW = "too few to report"
TOO_UNCERTAIN = "too uncertain to say"
LITTLE_OR_NO = "little or no difference"
VERDICTS = (
    "higher", "lower", "higher, but fragile", "lower, but fragile", "higher, but small", "lower, but small",
    LITTLE_OR_NO, TOO_UNCERTAIN, TOO_FEW, NOT_ANSWERABLE,
)  # fmt: skip


def verdict(result: Result | Mapping[str, Any] | Any) -> str:
    """Return the verdict of a contrast from its row alone (a mapping, or a Series of `results.csv`); "" for a level.

    The order is fixed: a failed design gate, size, direction of the 95 % interval as used, fragility (`why_fragile`),
    small or little difference (whole interval inside the margin and every quality gate passed), higher or lower, too
    uncertain. A contrast of a family other than the primary one earns a plain "higher" or "lower" only with a
    family-adjusted p of 0.05 or less. An end equal to the null or to the margin excludes nothing.
    """
    row = _row(result)
    gates = _gates(row.get("gates"))
    if _failed(gates, "design"):
        return NOT_ANSWERABLE
    if _failed(gates, "size"):
        return TOO_FEW
    null, low, high = (_number(row.get(k)) for k in ("null", "low", "high"))
    if null is None or low is None or high is None:
        stated = _text(row.get("verdict"))
        return stated if stated in (NOT_ANSWERABLE, TOO_FEW) else ""
    direction = _direction(row)
    word = {1: "higher", -1: "lower", 0: ""}[direction]
    doubts = why_fragile(row)
    if direction and set(doubts) - {FAMILY}:
        return f"{word}, but fragile"
    if _inside_margin(row, null, low, high) and not _failed(gates, "quality"):
        return f"{word}, but small" if direction else LITTLE_OR_NO
    if direction:
        return f"{word}, but fragile" if doubts else word
    return TOO_UNCERTAIN


SIGN, HALVED, ONE_SIDED, FAMILY = "signs of analyses", "size of analyses", "one-sided doubt", "family"


def why_fragile(result: Result | Mapping[str, Any] | Any) -> tuple[str, ...]:
    """Return what makes a contrast with a direction fragile, in the order of the rule; () where nothing does.

    Ids of failed quality gates as "gate:<id>"; "signs of analyses" (under 90 % of specifications of the planned
    sign), "size of analyses" (their median under half the planned estimate), "one-sided doubt" (in the direction
    found), "family" (not below 0.05 once its family of outcomes is allowed for).
    """
    row = _row(result)
    direction = _direction(row)
    if not direction:
        return ()
    found = [f"gate:{name}" for name in _failed_ids(row.get("gates"), "quality")]
    share = _number(row.get("same_sign_share"))
    found += [SIGN] if share is not None and share < LEAST_SAME_SIGN else []
    found += [HALVED] if _halved(row) else []
    found += [ONE_SIDED] if {"up": 1, "down": -1}.get(_text(row.get("doubt")), 0) == direction else []
    found += [] if _earned(row) else [FAMILY]
    return tuple(found)


def with_verdict(result: Result) -> Result:
    """Return the result with its verdict filled by `verdict`."""
    return replace(result, verdict=verdict(result))


def _row(result: Any) -> dict[str, Any]:
    """Return a result as one row; a mapping or a Series is one already."""
    if isinstance(result, Mapping):
        return dict(result)
    read = getattr(result, "tidy", None) or getattr(result, "to_dict", None)
    if read is None:
        raise DataError(f"a verdict needs a result or its row, not {type(result).__name__}", todo="Give either.")
    return dict(read())


def _text(value: Any) -> str:
    """Return a cell as words; every way of writing "missing" is blank."""
    text = "" if value is None else str(value)
    return "" if text in ("nan", "<NA>", "NaT") else text


def _number(value: Any) -> float | None:
    return float(value) if _text(value) else None


LEAST_SAME_SIGN = 0.9


def _direction(row: Mapping[str, Any]) -> int:
    """Return 1, -1 or 0: the side of the null on which the whole 95 % interval lies."""
    null, low, high = (_number(row.get(k)) for k in ("null", "low", "high"))
    if null is None or low is None or high is None:
        return 0
    return 1 if low > null else -1 if high < null else 0


def _gates(value: Any) -> list[tuple[str, str, bool]]:
    """Read gates as objects or as `kind:id=passed;…`; return (kind, id, passed) triples."""
    if not _text(value):
        return []
    if isinstance(value, str):
        parts = [p.strip() for p in value.split(";") if p.strip()]
        return [(p.split(":", 1)[0], p.split(":", 1)[-1].rsplit("=", 1)[0], p.endswith("=passed")) for p in parts]
    return [(g.kind, g.id, g.passed) for g in value]


def _failed(gates: list[tuple[str, str, bool]], kind: str) -> bool:
    return any(k == kind and not passed for k, _, passed in gates)


def _failed_ids(gates: Any, kind: str) -> list[str]:
    return [name for k, name, passed in _gates(gates) if k == kind and not passed]


def _halved(row: Mapping[str, Any]) -> bool:
    """Return whether the median of the specifications is under half the planned estimate, or on the other side."""
    median, value, null = (_number(row.get(k)) for k in ("specification_median", "value", "null"))
    if median is None or value is None or null is None:
        return False
    planned, middle = (_log(value), _log(median)) if null == 1 else (value - null, median - null)
    return middle * math.copysign(1, planned) < abs(planned) / 2


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf


def _inside_margin(row: Mapping[str, Any], null: float, low: float, high: float) -> bool:
    margin = _number(row.get("margin"))
    if margin is None:
        return False
    below, above = (_log(low), _log(high)) if null == 1 else (low - null, high - null)
    return -margin < below and above < margin


def _earned(row: Mapping[str, Any]) -> bool:
    if _text(row.get("family")) in ("", "primary"):
        return True
    adjusted = _number(row.get("p_family"))
    return adjusted is not None and adjusted <= 0.05
