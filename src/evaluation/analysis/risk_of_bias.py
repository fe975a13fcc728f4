"""Risk of bias of the attendee comparison by ROBINS-I V2's six domains: answers from gates, judgements by rule.

Domains and the flow from answers to judgements follow the tool's revised draft (riskofbias.info, November 2025), as an
implementation of it could be read; the questions are in the project's own words. Where the data do not say, the severe
answer is taken. A person may make a judgement worse, never better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

LOW, EXCEPT = "low", "low, except for concerns about uncontrolled confounding"
MODERATE, SERIOUS, CRITICAL = "moderate", "serious", "critical"
MOST_NEAR = 0.2  # share who answered to or near an officer above which answers may be warmer throughout
ORDER = (LOW, EXCEPT, MODERATE, SERIOUS, CRITICAL)
YES, NO = {"Y", "PY", "WY", "SY"}, {"N", "PN", "WN", "SN"}


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
    controls_asked : bool
        Whether outcomes that the programme cannot change were asked.
    earlier_answer : bool
        Whether an answer from before attending is among what was controlled.
    late_covariates : sequence of str
        Covariates that attending could have changed.
    verified : bool
        Whether claims of attendance were checked against a register of people.
    lists : bool
        Whether people were reached because they had attended.
    lists_apart : bool
        Whether the comparison was repeated without people reached at or through events.
    missing_outcome : float or None
        Share (0 to 1) of people compared whose outcome is missing.
    imputed_same_side : bool or None
        Whether filling missing answers in leaves the direction.
    nonresponse_known : bool
        Whether it is known how many were asked and did not answer.
    near_officer : float or None
        Largest share (0 to 1) of a group who answered to or near an officer.
    frozen : bool
        Whether the plan was frozen before outcomes were opened.
    deviations : int
        Deviations from the frozen plan that touch the comparison.
    planned : bool
        Whether the frozen plan named the outcome and the method.
    """

    gates: Mapping[str, bool]
    controls_asked: bool = False
    earlier_answer: bool = False
    late_covariates: Sequence[str] = ()
    verified: bool = False
    lists: bool = False
    lists_apart: bool = False
    missing_outcome: float | None = None
    imputed_same_side: bool | None = None
    nonresponse_known: bool = False
    near_officer: float | None = None
    frozen: bool = False
    deviations: int = 0
    planned: bool = True


def domains(facts: Facts) -> list[Domain]:
    """Return the six domains for the comparison of people who attended with alike people who did not.

    Parameters
    ----------
    facts : Facts
        What gates, plan and results say.

    Returns
    -------
    list of Domain
        Confounding, classification, selection, missing data, measurement, reporting.
    """
    return [
        _confounding(facts),
        _classification(facts),
        _selection(facts),
        _missing(facts),
        _measurement(facts),
        _reporting(facts),
    ]


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


def reviewed(domain: Domain, judgement: str, by: str, date: str, reason: str) -> Domain:
    """Return a domain with a person's judgement where it is worse than the rule's.

    Parameters
    ----------
    domain : Domain
        As the rule has it.
    judgement : str
        One of `ORDER`.
    by, date, reason : str
        Who judged, when and why.

    Returns
    -------
    Domain
        The worse of the two, with what was said; a milder judgement changes nothing and is said.
    """
    worse = ORDER.index(judgement) > ORDER.index(domain.judgement)
    said = f"{by}, {date}: {reason}"
    note = said if worse else f"not taken over, as it is no worse than the rule's ({said})"
    return replace(domain, judgement=judgement if worse else domain.judgement, review=note)


def _confounding(f: Facts) -> Domain:
    failed = [g for g in ("attend.overlap", "attend.balance", "attend.routes") if f.gates.get(g) is False]
    known = f.earlier_answer and not failed
    late = bool(f.late_covariates)
    controls = f.gates.get("attend.controls")
    answers = (
        Answer(
            "1.1",
            "Was everything that matters for attending and for the answer controlled?",
            "WN" if known else "SN",
            "an earlier answer of the same people is controlled, other reasons for coming are not"
            if known
            else f"not met: {', '.join(failed)}"
            if failed
            else "the outcome before attending was not measured, and it may decide who attends",
            f"gate:{failed[0]}" if failed else "plan:covariates",
        ),
        Answer("1.2", "Was it measured well?", "PY", "age, sex, area and the like, as people said", "plan:covariates"),
        Answer(
            "1.3",
            "Was anything controlled that attending could have changed?",
            "Y" if late else "N",
            f"{', '.join(f.late_covariates)}"
            if late
            else "every covariate is declared as fixed before anybody could attend",
            "plan:covariates",
        ),
        Answer(
            "1.4",
            "Do negative controls or bounds show that much is left?",
            "Y" if controls is False else "N" if controls else "NI",
            "people who attended also differ in what events cannot change"
            if controls is False
            else "what events cannot change does not differ"
            if controls
            else "the controls that were asked could not tell"
            if f.controls_asked
            else "no control was asked",
            "gate:attend.controls" if controls is not None else "",
        ),
    )
    if late or not known:
        judgement = CRITICAL if controls is False else SERIOUS
    else:
        judgement = MODERATE if controls is False else EXCEPT
    return Domain("1A", "Confounding", answers, judgement)


def _classification(f: Facts) -> Domain:
    answers = (
        Answer(
            "2.1", "Were people told apart when following them began?", "N", "attendance is told in the survey itself"
        ),
        Answer(
            "2.2",
            "Was nearly every outcome after that?",
            "PY",
            "the answer is of the day of the survey, attending was before",
        ),
        Answer(
            "2.4",
            "Could the outcome have influenced who counts as attending?",
            "PN" if f.verified else "WY",
            "claims were checked person by person"
            if f.verified
            else "people may remember attending, or say so, more readily the better they answer",
            "exhibit:claimed.months" if f.verified else "",
        ),
        Answer(
            "2.5",
            "Are other errors likely?",
            "PN" if f.verified else "NI",
            "claims agree with the register" if f.verified else "claims were not checked against a list of people",
        ),
    )
    return Domain("2", "Classification of who attended", answers, LOW if f.verified else SERIOUS)


def _selection(f: Facts) -> Domain:
    answers = [
        Answer(
            "3.1",
            "Does following people begin when they begin to attend?",
            "WN",
            "people answer after they attended, not from then on",
        ),
        Answer(
            "3.2", "Were early events of the outcome left out?", "N", "there is one answer, on the day of the survey"
        ),
        Answer(
            "3.3",
            "Were people selected by something later than attending?",
            "Y" if f.lists else "NI",
            "some were reached because they had attended"
            if f.lists
            else "who answers is not known to depend on attending",
            "plan:population.boost_column" if f.lists else "",
        ),
    ]
    judgement = MODERATE
    if f.lists:
        answers += [
            Answer("3.4", "Is that linked with attending?", "Y", "lists of attendees hold attendees"),
            Answer("3.5", "Is it linked with the outcome?", "PY", "people who stay in touch may be more content"),
            Answer(
                "3.6",
                "Was it corrected for?",
                "N",
                "lists carry no population weight and count in this comparison alone",
            ),
            Answer(
                "3.7",
                "Is the result the same without them?",
                "PY" if f.lists_apart else "N",
                "repeated without them" if f.lists_apart else "not repeated without them",
                "exhibit:curve.all" if f.lists_apart else "",
            ),
        ]
        judgement = MODERATE if f.lists_apart else SERIOUS
    return Domain("3", "Selection of people", tuple(answers), judgement)


def _missing(f: Facts) -> Domain:
    share = f.missing_outcome
    complete = share is not None and share <= 0.05
    answers = [
        Answer(
            "4.2",
            "Is the outcome known for nearly everybody?",
            "PY" if complete else "NI" if share is None else "N",
            "not counted"
            if share is None
            else "missing for no more than one in twenty"
            if complete
            else "missing for more than one in twenty",
        )
    ]
    if not f.nonresponse_known:
        asked = "Is it known how many were asked and did not answer?"
        answers.append(Answer("4.1", asked, "NI", "it was not written down", "exhibit:who.response"))
    if complete:
        return Domain("4", "Missing data", tuple(answers), LOW if f.nonresponse_known else MODERATE)
    same = f.imputed_same_side
    answers += [
        Answer("4.4", "Were only complete answers analysed?", "Y", "people without the answer are left out"),
        Answer("4.5", "Could being left out depend on the true answer?", "NI", "nobody can tell"),
        Answer(
            "4.11",
            "Is there evidence that it moved nothing?",
            "PY" if same else "N",
            "filled in by a model, the direction stays" if same else "no analysis shows it",
            "exhibit:missing.imputed" if same is not None else "",
        ),
    ]
    return Domain("4", "Missing data", tuple(answers), MODERATE if same else SERIOUS)


def _measurement(f: Facts) -> Domain:
    near = f.near_officer
    strong = f.gates.get("attend.modes") is False or near is None or near > MOST_NEAR
    words = (
        "not recorded" if f.near_officer is None else "how many answered to or near an officer is known for both groups"
    )
    answers = (
        Answer("5.1", "Could the answer be taken otherwise in the two groups?", "NI" if near is None else "PN", words),
        Answer("5.2", "Did whoever gives the answer know who attended?", "Y", "people answer about themselves"),
        Answer(
            "5.3",
            "Could that have moved the answer?",
            "SY" if strong else "WY",
            "many answered to or near an officer, or nobody knows how many"
            if strong
            else "answers are told, not observed",
        ),
    )
    return Domain("5", "Measurement of the outcome", answers, SERIOUS if strong else MODERATE)


def _reporting(f: Facts) -> Domain:
    followed = f.frozen and f.planned and not f.deviations
    answers = [
        Answer(
            "6.1",
            "Was the result made by a plan fixed before the outcome was seen?",
            "Y" if followed else "N",
            "frozen, named in it, no deviation"
            if followed
            else "the plan was not frozen before answers were opened"
            if not f.frozen
            else "the frozen plan did not name it"
            if not f.planned
            else f"{f.deviations} deviations from the frozen plan",
            "plan:outcomes.primary",
        )
    ]
    if followed:
        return Domain("6", "Selection of what is reported", tuple(answers), LOW)
    picked = "PY" if not f.planned else "NI"
    answers.append(
        Answer(
            "6.2",
            "Was it picked from several outcomes, analyses or groups?",
            picked,
            "every one is printed, planned or not",
        )
    )
    return Domain("6", "Selection of what is reported", tuple(answers), SERIOUS if not f.planned else MODERATE)
