"""Risk of bias of the attendee comparison by ROBINS-I V2's six domains: answers from gates, judgements by rule.

Where the data do not say, the severe answer is taken. A person may make a judgement worse, never better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evaluation.analysis.signalling_questions import ORDER, QUESTIONS, TITLES, judgement

MOST_NEAR = 0.2  # share who answered to or near an officer above which answers may be warmer throughout
MOST_ALONE = 0.1  # share reached by a route that nobody else shares above which answers were taken otherwise
MOST_MISSING = 0.05  # share missing up to which something is known of nearly everybody
NOT_REACHED = "not asked, as what comes before settles it"
CONDITIONS = ("attend.overlap", "attend.balance", "attend.routes")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a signalling question: its number, the question in own words, the code, why, and the evidence.

    Attributes
    ----------
    code : str
        Y, PY, PN, N, NI (no information), NA; W and S before it for weak and strong.
    evidence : str
        "gate:ID", "exhibit:ID", "plan:KEY" or "" for what follows from the design itself.
    """

    number: str
    question: str
    code: str
    why: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain with its answers and the judgement that the rule gives, or a worse one by a person."""

    name: str
    title: str
    answers: tuple[Answer, ...]
    judgement: str
    review: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the comparison: None where nothing says.

    Attributes
    ----------
    gates : mapping
        Gate id to whether it passed.
    covariates : bool
        Whether anything was controlled.
    controls_asked : bool
        Whether outcomes that the programme cannot change were asked.
    earlier_answer : bool
        Whether an answer of the same people from before attending is among what was controlled: never so in the planned
        comparison of one survey, where only a companion among linked people has it.
    late_covariates : sequence of str
        Covariates that attending could have changed.
    verified : bool
        Whether claims of attendance were checked against a register of people.
    lists : bool
        Whether people were reached because they had attended.
    lists_apart : bool
        Whether the comparison was repeated without people reached at or through events, and says the same.
    missing_outcome, missing_others : float or None
        Share (0 to 1) of people compared whose outcome is missing, and the largest such share of whether they attended
        and of what was controlled.
    imputed_same_side : bool or None
        Whether filling missing answers in leaves the direction.
    nonresponse_known : bool
        Whether it is known how many were asked and did not answer.
    near_officer : float or None
        Largest share (0 to 1) of a group who answered to or near an officer.
    routes_alone : float or None
        Share (0 to 1) of people who attended who were reached by a route that nobody else shares.
    frozen : bool
        Whether a plan was frozen.
    fixed_before : bool or None
        Whether it is shown that this was before answers were opened; False where something speaks against it.
    deviations : sequence of str
        Deviations from the frozen plan that touch the comparison.
    planned : bool
        Whether the frozen plan named the outcome and the method.
    """

    gates: Mapping[str, bool]
    covariates: bool = True
    controls_asked: bool = False
    earlier_answer: bool = False
    late_covariates: Sequence[str] = ()
    verified: bool = False
    lists: bool = False
    lists_apart: bool = False
    missing_outcome: float | None = None
    missing_others: float | None = None
    imputed_same_side: bool | None = None
    nonresponse_known: bool = False
    near_officer: float | None = None
    routes_alone: float | None = None
    frozen: bool = False
    fixed_before: bool | None = None
    deviations: Sequence[str] = ()
    planned: bool = True


Given = tuple[str, str] | tuple[str, str, str]  # code, why, evidence


def domains(facts: Facts) -> list[Domain]:
    """Return the six domains for the comparison of people who attended with alike people who did not.

    Parameters
    ----------
    facts : Facts
        What gates, plan and results say.

    Returns
    -------
    list of Domain
        Confounding, classification, selection, missing data, measurement, reporting: every signalling question with its
        answer, "not applicable" where an earlier one settles it.
    """
    given = {
        "1A": _confounding(facts),
        "2": _classification(facts),
        "3": _selection(facts),
        "4": _missing(facts),
        "5": _measurement(facts),
        "6": _reporting(facts),
    }
    return [_domain(name, answers) for name, answers in given.items()]


def _domain(name: str, given: Mapping[str, Given]) -> Domain:
    answers = tuple(Answer(n, q, *given.get(n, ("NA", NOT_REACHED))) for n, q in QUESTIONS[name].items())
    return Domain(name, TITLES[name], answers, judgement(name, {a.number: a.code for a in answers}))


def overall(found: Iterable[Domain]) -> str:
    """Return the worst judgement of any domain.

    Parameters
    ----------
    found : iterable of Domain
        The six domains.

    Returns
    -------
    str
        A judgement of `ORDER`.
    """
    return max((d.judgement for d in found), key=ORDER.index)


def reviewed(domain: Domain, judged: str, by: str, date: str, reason: str) -> Domain:
    """Return a domain with a person's judgement where it is worse than the rule's.

    Parameters
    ----------
    domain : Domain
        As the rule has it.
    judged : str
        One of `ORDER`.
    by, date, reason : str
        Who judged, when and why.

    Returns
    -------
    Domain
        The worse of the two, with what was said; a milder judgement changes nothing and is said.
    """
    worse = ORDER.index(judged) > ORDER.index(domain.judgement)
    said = f"{by}, {date}: {reason}"
    note = said if worse else f"not taken over, as it is no worse than the rule's ({said})"
    return replace(domain, judgement=judged if worse else domain.judgement, review=note)


def _confounding(f: Facts) -> dict[str, Given]:
    plan, controls = "plan:covariates", f.gates.get("attend.controls")
    if not f.covariates:
        return {
            "B1": ("N", "nothing was controlled", plan),
            "B2": ("PY", "people chose for themselves whether to come"),
        }
    failed = [g for g in CONDITIONS if f.gates.get(g) is False]
    unknown = [g for g in CONDITIONS[:2] if g not in f.gates]
    if failed or unknown:
        first = ("SN", f"not met or not known: {', '.join(failed + unknown)}", f"gate:{(failed + unknown)[0]}")
    elif f.earlier_answer:
        first = ("WN", "an earlier answer of the same people is controlled, other reasons for coming are not", plan)
    else:
        first = ("SN", "what people answered before attending is not controlled, and it may decide who attends", plan)
    late = ", ".join(f.late_covariates)
    shown = "exhibit:sensitivity.controls"
    fourth: dict[bool | None, Given] = {
        False: ("Y", "people who attended also differ in what events cannot change", shown),
        True: ("N", "what events cannot change does not differ", shown),
        None: ("NI", "the controls that were asked could not tell" if f.controls_asked else "no control was asked"),
    }
    return {
        "B1": ("Y", "what was asked and is alike in both groups is listed", plan),
        "B3": ("N", "the outcome is a question with named answers, put to everybody", "plan:outcomes"),
        "1.1": first,
        "1.2": ("PY", "age, sex, area and the like, as people said", plan),
        "1.3": ("Y", late, plan)
        if late
        else ("N", "every covariate is declared as fixed before anybody could attend", plan),
        "1.4": fourth[controls],
    }


def _classification(f: Facts) -> dict[str, Given]:
    claims = "exhibit:arms.claims"
    return {
        "2.1": ("N", "attendance is told in the survey itself", "plan:treatment.column"),
        "2.2": ("PY", "the answer is of the day of the survey, attending was before"),
        "2.4": ("PN", "claims were checked person by person", claims)
        if f.verified
        else ("WY", "people may remember attending, or say so, more readily the better they answer", claims),
        "2.5": ("PN", "claims agree with the register", claims)
        if f.verified
        else ("NI", "claims were not checked against a list of people", claims),
    }


def _selection(f: Facts) -> dict[str, Given]:
    given: dict[str, Given] = {
        "3.1": ("WN", "people were asked before, but not on the day that they first came")
        if f.earlier_answer
        else ("SN", "people answer once, at different times after they attended; who left is not among them"),
        "3.2": ("N", "there is one answer, on the day of the survey"),
    }
    if f.lists:
        given["3.3"] = ("Y", "some were reached because they had attended", "plan:population.boost_column")
        given["3.4"] = ("Y", "lists of attendees hold attendees")
    elif not f.nonresponse_known:
        given["3.3"] = (
            "PY",
            "who answers decides for themselves, and how many did not is not known",
            "exhibit:who.response",
        )
        given["3.4"] = ("PY", "people who came may be readier to answer")
    else:
        given["3.3"] = (
            "NI",
            "how many did not answer is known, not whether attending decided it",
            "exhibit:who.response",
        )
    apart = f.lists_apart and f.nonresponse_known and f.earlier_answer
    told = "without people reached through events the result is the same"
    given["3.5"] = ("PY", "people who stay in touch may be more content")
    given["3.6"] = ("N", "people on lists carry no population weight and count in this comparison alone")
    given["3.7"] = ("PY", told, "exhibit:sensitivity.curve") if apart else (
        "N",
        f"{told}, but who did not answer, or left, is in neither" if f.lists_apart else "no analysis shows it",
        "exhibit:sensitivity.curve",
    )  # fmt: skip
    given["3.8"] = ("NI", "how strong it is nobody can tell")
    return given


def _missing(f: Facts) -> dict[str, Given]:
    answered = _nearly_all(f.missing_outcome, "exhibit:who.missing")
    if answered[0] == "PY" and not f.nonresponse_known:
        why = f"{answered[1]} of those who answered; how many were asked and did not was not written down"
        answered = ("WN", why, "exhibit:who.response")
    others = _nearly_all(f.missing_others, "")
    given: dict[str, Given] = {"4.1": others, "4.2": answered, "4.3": others}
    if answered[0] == others[0] == "PY":
        return given
    shown = "exhibit:sensitivity.missing"
    same = f.imputed_same_side and f.nonresponse_known
    return given | {
        "4.4": ("Y", "people without the answer are left out", shown),
        "4.5": ("NI", "nobody can tell"),
        "4.6": ("WN", "only as far as what was controlled explains it", "plan:covariates"),
        "4.11": ("PY", "filled in by a model, the direction stays", shown)
        if same
        else ("N", "filled in, the direction stays; people who never answered are in no analysis", shown)
        if f.imputed_same_side
        else ("N", "no analysis shows it", shown),
    }


def _nearly_all(share: float | None, evidence: str) -> tuple[str, str, str]:
    if share is None:
        return "NI", "not counted", evidence
    if share <= MOST_MISSING:
        return "PY", "missing for no more than one in twenty", evidence
    return "N", "missing for more than one in twenty", evidence


def _measurement(f: Facts) -> dict[str, Given]:
    near, alone, shown = f.near_officer, f.routes_alone, "gate:attend.routes"
    strong = near is None or near > MOST_NEAR
    many = "many answered to or near an officer, or nobody knows how many"
    if alone is None:
        first = ("NI", "how each group was reached is not recorded", "")
    elif alone > MOST_ALONE:
        first = ("Y", "some who attended were reached by a route that nobody else shares", shown)
    else:
        first = ("NI", "both groups were reached by the same routes; what else differed is not known", shown)
    return {
        "5.1": first,
        "5.2": ("Y", "people answer about themselves, and know whether they attended"),
        "5.3": ("SY", many, "exhibit:who.collection")
        if strong
        else ("WY", "answers are told, not observed", "exhibit:who.collection"),
    }


def _reporting(f: Facts) -> dict[str, Given]:
    drifted = ", ".join(f.deviations)
    if f.frozen and f.planned and not drifted and f.fixed_before:
        return {"6.1": ("Y", "frozen before answers were opened, named in it, no deviation", "plan:frozen")}
    states = (
        (not f.frozen, "N", "no plan was frozen"),
        (not f.planned, "N", "the frozen plan did not name it"),
        (bool(drifted), "PN", f"deviations from the frozen plan: {drifted}"),
        (f.fixed_before is False, "PN", "something speaks against the plan being frozen before answers were opened"),
    )
    held = next(((code, why) for found, code, why in states if found), ("NI", "nothing shows when the plan was frozen"))
    fixed = f.frozen and f.fixed_before is not False
    printed = ("PN", "every one is printed, planned or not", "exhibit:sensitivity.curve")
    unknown = ("NI", "every one is printed, but the main one may have been picked", "exhibit:sensitivity.curve")
    return {
        "6.1": (*held, "plan:frozen" if f.frozen else "plan:outcomes.primary"),
        "6.2": ("PY", "it joined after the plan was frozen", "plan:outcomes") if not f.planned else unknown,
        "6.3": ("PY", "the analysis changed after the plan was frozen", "plan:frozen")
        if drifted
        else printed
        if fixed
        else unknown,
        "6.4": printed if fixed else unknown,
    }
