"""One result as fields, a row and a sentence: `Estimate`, `NotIdentified`, `TooFew`; the verdict rule is in `verdict`.

Statistics fill the numbers; a `Label` fills the words (id, question, licence, margin); notebook 10 fills the
verdict. A row of `results.csv` holds every field, so that the verdict can be recomputed from the row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from evaluation.errors import DataError
from evaluation.verdict import (
    FAMILY,
    HALVED,
    LEAST_SAME_SIGN,
    LITTLE_OR_NO,
    NOT_ANSWERABLE,
    ONE_SIDED,
    SIGN,
    TOO_FEW,
    TOO_UNCERTAIN,
    UNCERTAIN_TOGETHER,
    VERDICTS,
    verdict,
    why_fragile,
)

if TYPE_CHECKING:
    from pandas import DataFrame

LICENCES = ("effect", "association", "exploratory", "descriptive")
GATE_KINDS = ("design", "size", "quality")


Bundle = dict[str, str]
_VIEWERS: list[Callable[[object], Bundle]] = []
READ = ("id", "value", "low", "high", "unit", "n", "licence", "verdict", "reason")  # what a person reads of a result


def show_through(viewer: Callable[[object], Bundle]) -> None:
    """Let results show themselves through a viewer: only the disclosure gate makes what may be shown.

    Parameters
    ----------
    viewer : callable
        Takes a result and returns what may be shown of it by media type.
    """
    _VIEWERS[:] = [viewer]


class Displayed:
    """Something that a notebook shows when its name is typed: its protected view, never its exact numbers."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:  # noqa: ARG002
        """Return the protected view by media type; without a viewer, how to get one."""
        hidden = f"{type(self).__name__}: import evaluation.report to see it through the disclosure gate"
        return _VIEWERS[0](self) if _VIEWERS else {"text/plain": hidden}

    def _repr_html_(self) -> str | None:
        """Return the protected view as HTML."""
        return self._repr_mimebundle_().get("text/html")


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
            raise DataError(f"gate {self.id!r} has kind {self.kind!r}", todo=f"Use one of {', '.join(GATE_KINDS)}.")

    def text(self) -> str:
        """Return the gate as `results.csv` writes it.

        Returns
        -------
        str
            `kind:id=passed` or `kind:id=failed`.
        """
        return f"{self.kind}:{self.id}={'passed' if self.passed else 'failed'}"


@dataclass(frozen=True, slots=True)
class Estimate(Displayed):
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
    design_effect : float or None
        Variance over that of a simple sample of as many people, drawn with replacement; of levels.
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
    design_effect: float | None = None
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
        _check_licence(self)
        try:
            finite = math.isfinite(self.value)
        except TypeError:
            finite = False
        if not finite:
            raise DataError(
                f"an Estimate needs a finite value, got {self.value!r}",
                where=_place(self),
                todo="Return NotIdentified or TooFew, with the reason.",
            )

    def tidy(self) -> dict[str, object]:
        """Return one flat row of `results.csv` (unprotected: `disclosure` rounds and suppresses).

        Returns
        -------
        dict
            As `to_row` gives it.
        """
        return to_row(self)

    def summary(self) -> str:
        """Return one sentence: the finding first, then how sure, then the unit; no p-value.

        Returns
        -------
        str
            The sentence, with two decimals.
        """
        name = self.question or self.outcome or self.id or self.estimand or "The estimate"
        if self.low is None or self.high is None:
            return f"{name}: {self.value:.2f} {self.unit}".strip() + "."
        return f"{name}: {self.value:.2f} {self.unit} (between {self.low:.2f} and {self.high:.2f})."


@dataclass(frozen=True, slots=True)
class NotIdentified(Displayed):
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
    verdict: str = NOT_ANSWERABLE

    def __post_init__(self) -> None:
        _check_licence(self)

    def tidy(self) -> dict[str, object]:
        """Return one flat row of `results.csv` without numbers.

        Returns
        -------
        dict
            As `to_row` gives it.
        """
        return to_row(self)

    def summary(self) -> str:
        """Return one sentence that says why, and what would help.

        Returns
        -------
        str
            The sentence.
        """
        return f"This survey cannot answer that, because {self.reason}. {self.what_would_help}"


@dataclass(frozen=True, slots=True)
class TooFew(Displayed):
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
    verdict: str = TOO_FEW

    def __post_init__(self) -> None:
        _check_licence(self)

    def tidy(self) -> dict[str, object]:
        """Return one flat row of `results.csv` without numbers; counts leave only through the disclosure gate.

        Returns
        -------
        dict
            As `to_row` gives it.
        """
        return to_row(self)

    def summary(self) -> str:
        """Return one sentence; counts leave only through the disclosure gate.

        Returns
        -------
        str
            The sentence.
        """
        return f"Too few {self.unit} answered to report this safely: at least {self.needed} are needed in each group."


Result = Estimate | NotIdentified | TooFew


class Results(list[Result], Displayed):
    """Results in order: a list that shows itself, and gives itself as a frame."""

    def table(self, *, every: bool = False) -> DataFrame:
        """Return the results as they are, unprotected, one row each.

        Parameters
        ----------
        every : bool
            Every field of `results.csv`; else those that a person reads (`READ`).

        Returns
        -------
        DataFrame
            For work in a notebook; what is published goes through the gate.
        """
        from pandas import DataFrame

        frame = DataFrame([to_row(result) for result in self])
        others = [c for c in frame if c not in READ] if every else []
        return frame.reindex(columns=[*READ, *others])


def by_id(results: Sequence[Result], id: str) -> Result:
    """Return the result of an id.

    Parameters
    ----------
    results : sequence of Estimate, NotIdentified or TooFew
        Where to look.
    id : str
        Its id.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        The last one of that id.

    Raises
    ------
    DataError
        There is none.
    """
    found = [r for r in results if r.id == id.lower()]
    if not found:
        raise DataError(f"no result {id!r}", todo=f"Known: {', '.join(r.id for r in results)}.")
    return found[-1]


SHARED_FIELDS = (
    "question",
    "outcome",
    "group",
    "wave",
    "unit",
    "licence",
    "planned",
    "gates",
    "verdict",
    "estimand",
    "method",
    "se_method",
)
PRIVATE = ("counts", "needed")


def gates_text(gates: Iterable[Gate]) -> str:
    """Return gates as one cell of `results.csv`.

    Parameters
    ----------
    gates : iterable of Gate
        In their order.

    Returns
    -------
    str
        `kind:id=passed;kind:id=failed`, or an empty text.
    """
    return ";".join(g.text() for g in gates)


def read_gates(text: str) -> tuple[Gate, ...]:
    """Return the gates that a cell of `results.csv` names: kind, id and whether passed.

    Parameters
    ----------
    text : str
        `kind:id=passed;kind:id=failed`.

    Returns
    -------
    tuple of Gate
        Without values, bars and notes, which the cell does not hold.

    Raises
    ------
    DataError
        A part that is not of this form.
    """
    gates = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        kind, colon, rest = part.partition(":")
        id, equals, state = rest.rpartition("=")
        if not colon or not equals or state not in ("passed", "failed"):
            raise DataError(f"{part!r} is not a gate", todo="Write kind:id=passed or kind:id=failed.")
        gates.append(Gate(id, kind, state == "passed"))
    return tuple(gates)


def to_row(result: Result) -> dict[str, object]:
    """Return a result as one flat row: its fields by name, people as a sum and by group, gates as text.

    Parameters
    ----------
    result : Estimate, NotIdentified or TooFew
        Unprotected: `disclosure` rounds and suppresses.

    Returns
    -------
    dict
        Field name to value; for an estimate `n` is the sum over groups and `n_groups` is "treated=45; untreated=90".
    """
    row: dict[str, object] = {f.name: getattr(result, f.name) for f in fields(result) if f.name not in PRIVATE}
    row["gates"] = gates_text(result.gates)
    if isinstance(result, Estimate):
        row["n"] = int(sum(result.n.values())) if result.n else None
        row["n_groups"] = "; ".join(f"{k}={v}" for k, v in result.n.items())
    return row


def from_row(row: Mapping[str, Any]) -> Result:
    """Return the result that a row says: the reverse of `to_row`, also for a row read back from `results.csv`.

    Parameters
    ----------
    row : mapping of str to value
        Values or their texts; a blank cell is the field's default. What is no field is passed over.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        An estimate where there is a value, else a refusal with its reason, else too few (without counts, which a row
        does not hold).

    Raises
    ------
    DataError
        A licence or a gate that is not known.
    """
    given = {k: v for k, v in row.items() if v is not None and v == v and v != ""}
    kind = Estimate if "value" in given else NotIdentified if "reason" in given else TooFew
    known: dict[str, Field[object]] = {f.name: f for f in fields(kind)}
    parts: dict[str, Any] = {k: _as(known[k], v) for k, v in given.items() if k in known and k not in ("gates", "n")}
    parts["gates"] = read_gates(str(given.get("gates", "")))
    if kind is Estimate and "n_groups" in given:
        pairs = (p.strip().rpartition("=") for p in str(given["n_groups"]).split(";"))
        parts["n"] = {name: int(count) for name, _, count in pairs}
    elif kind is Estimate and "n" in given:
        parts["n"] = {"all": int(float(given["n"]))}
    if kind is NotIdentified:
        parts.setdefault("what_would_help", "")
    return kind(**{"counts": {}, "needed": 0, **parts} if kind is TooFew else parts)


def _as(about: Field[object], value: object) -> object:
    """Return a cell as its field's type: number, whole number, yes or no, or text."""
    if not isinstance(value, str):
        return value
    declared = str(about.type)
    if declared.startswith("bool"):
        return value in ("True", "yes")
    if declared.startswith("int"):
        return int(float(value))
    return float(value) if declared.startswith("float") else value


def _check_licence(result: Result) -> None:
    if result.licence not in LICENCES:
        raise DataError(
            f"licence {result.licence!r} is not known", where=_place(result), todo=f"Use one of {', '.join(LICENCES)}."
        )


def _place(result: Result) -> str:
    """Return which result a refusal is about."""
    return result.id or result.question or result.outcome


@dataclass(frozen=True, slots=True)
class Label:
    """The words of a result; statistics fill numbers only.

    Attributes
    ----------
    id : str
        `<contrast>.<outcome>.<group>.<wave>[.<method>]`.
    question, outcome, wave, group, sample, family, unit, estimand : str
        As in `Estimate`; a blank leaves what the statistic said.
    planned : bool
        Whether the frozen plan foretold the result.
    licence : str
        One of `LICENCES`.
    null, margin : float or None
        As in `Estimate`.
    """

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

    Parameters
    ----------
    result : Estimate, NotIdentified or TooFew
        What a statistic returned.
    words : Label
        Its words.
    gates : iterable of Gate
        Gates read for it, added to its own.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        The named result.

    Raises
    ------
    DataError
        What is no result or no label; a licence that is not known.
    """
    if not isinstance(result, Result) or not isinstance(words, Label):
        raise DataError(
            f"a label needs a result and a Label, not {type(result).__name__} and {type(words).__name__}",
            todo="Give what a statistic returned, and its words as a Label.",
        )
    names = {f.name for f in fields(type(result))}
    filled = {f.name: getattr(words, f.name) for f in fields(words)}
    keep = {k: v for k, v in filled.items() if k in names and v not in ("", None)}
    keep["id"] = words.id.lower()
    if "planned" in names:
        keep["planned"] = words.planned
    return replace(result, **keep, gates=tuple(result.gates) + tuple(gates))


def with_verdict(result: Result) -> Result:
    """Return the result with its verdict filled by the rule of `verdict`.

    Parameters
    ----------
    result : Estimate, NotIdentified or TooFew
        A contrast, with its gates; a level keeps a blank verdict.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        The same result with `verdict` filled.
    """
    return replace(result, verdict=verdict(result))


def from_se(value: float, se: float, *, df: float = math.inf, null: float | None = 0.0, **details: Any) -> Estimate:
    """Return an `Estimate` with t intervals (normal when `df` is infinite) and a p-value against `null`.

    `null=None` marks a level: no p-value. For ratios give finished ends with `ratio_from_log`.

    Parameters
    ----------
    value, se : float
        Estimate and its standard error, in one unit.
    df : float
        Degrees of freedom of the t distribution; infinite for the normal.
    null : float or None
        Value of no difference.
    **details : object
        Further fields of `Estimate`.

    Returns
    -------
    Estimate
        With 95 % and 90 % intervals.

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
        value=float(value),
        se=float(se),
        low=float(value - half95),
        high=float(value + half95),
        low_90=float(value - half90),
        high_90=float(value + half90),
        df=float(df),
        p=p,
        null=null,
        **details,
    )


def ratio_from_log(log_value: float, se: float, *, df: float = math.inf, **details: Any) -> Estimate:
    """Return a ratio with its interval made on the log scale; `null` is 1 and `se` stays on the log scale.

    Parameters
    ----------
    log_value, se : float
        Logarithm of the ratio, and its standard error on the log scale.
    df : float
        Degrees of freedom of the t distribution; infinite for the normal.
    **details : object
        Further fields of `Estimate`.

    Returns
    -------
    Estimate
        The ratio, with 95 % and 90 % intervals.
    """
    on_log = from_se(log_value, se, df=df)
    ends: dict[str, Any] = {k: math.exp(getattr(on_log, k)) for k in ("value", "low", "high", "low_90", "high_90")}
    return Estimate(**ends, se=float(se), df=float(df), p=on_log.p, null=1.0, **details)


def _t_quantile(q: float, df: float) -> float:
    from scipy.special import ndtri, stdtrit

    return float(ndtri(q)) if math.isinf(df) else float(stdtrit(df, q))


def _two_sided(gap: float, se: float, df: float) -> float:
    from scipy.special import ndtr, stdtr

    if se == 0:
        return 1.0 if gap == 0 else 0.0
    t = -abs(gap / se)
    return float(2 * (ndtr(t) if math.isinf(df) else stdtr(df, t)))


__all__ = [
    "FAMILY",
    "GATE_KINDS",
    "HALVED",
    "LEAST_SAME_SIGN",
    "LICENCES",
    "LITTLE_OR_NO",
    "NOT_ANSWERABLE",
    "ONE_SIDED",
    "SIGN",
    "TOO_FEW",
    "TOO_UNCERTAIN",
    "UNCERTAIN_TOGETHER",
    "VERDICTS",
    "Displayed",
    "Estimate",
    "Gate",
    "Label",
    "NotIdentified",
    "Result",
    "Results",
    "TooFew",
    "by_id",
    "from_row",
    "from_se",
    "gates_text",
    "label",
    "ratio_from_log",
    "read_gates",
    "show_through",
    "to_row",
    "verdict",
    "why_fragile",
    "with_verdict",
]
