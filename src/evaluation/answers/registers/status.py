"""Which of the requirements on the programme work in this run, and which are refused and why: generated, not typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evaluation.answers.registers import shelf
from evaluation.answers.registers.shelf import Held, Triples
from evaluation.answers.words import exhibit, words
from evaluation.errors import EvaluationError
from evaluation.estimates import NotIdentified
from evaluation.exhibits import Exhibit
from evaluation.study import Plan


@dataclass(frozen=True, slots=True)
class Row:
    """A requirement: its tag, its words, the registers it reads and the exhibits that show it."""

    tag: str
    what: str
    registers: tuple[str, ...]
    exhibits: tuple[str, ...]


ROWS = (
    Row("E1", "Events, participation, cost", ("events", "attendance"), ("events.", "costs.")),
    Row("E2", "Feedback and sense-check", ("feedback",), ("feedback.",)),
    Row("E3", "Actions", ("actions",), ("actions.",)),
    Row("E4", "Advisory groups and co-production", ("iag_meetings",), ("iag.",)),
    Row("E5", "Stop and search", ("stop_search",), ("stops.",)),
    Row("E6", "Recording of victims' ethnic group", ("victim_recording",), ("recording.",)),
    Row("E7", "Recruitment and representation", ("recruitment",), ("recruitment.",)),
    Row("E8", "Hate-crime reporting", (), ()),
    Row("E9", "External surveys and published figures", ("context_figures", "external_surveys"), ("context.",)),
    Row("E10", "Accountability indicators", ("indicators",), ("indicators.",)),
    Row("E11", "History and initiatives", ("history", "initiatives"), ("history.", "initiatives.")),
)


def requirements(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return each requirement's state in this run, read from the exhibits that were made and what they refuse."""
    made = _made(plan, wave, held)
    cells: Triples = []
    for row in ROWS:
        state, why = _hate(plan) if row.tag == "E8" else _state(plan, wave, held, row, made)
        label = f"{row.tag} {row.what}"
        cells += [
            (label, "State", words(f"status.{row.tag}.{wave}", state)),
            (label, "Refused or absent, and why", words(f"status.{row.tag}.why.{wave}", why or "–")),
        ]
    cells += [
        ("Sharing of intelligence", "State", words(f"status.intelligence.{wave}", "out of scope")),
        (
            "Sharing of intelligence",
            "Refused or absent, and why",
            words(
                f"status.intelligence.why.{wave}",
                "it concerns security and named people; willingness to report is asked "
                "instead, of nobody in particular",
            ),
        ),
    ]
    return exhibit(
        "status.requirements",
        "What this run shows of the programme and of what surrounds it",
        cells,
        sections=("annex-N",),
        wave=wave,
        row_header="Requirement",
        source="Generated from this run",
    )


def _made(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    from evaluation.answers.registers import acted, advised, around, heard, meeting, recorded, recruited, spent, stopped
    from evaluation.answers.registers.goals import indicators_sheet
    from evaluation.intake import waves

    makers: list[Callable[..., list[Exhibit]]] = [
        meeting.events,
        heard.feedback,
        acted.actions,
        advised.advisory,
        spent.costs,
        recorded.recording,
        recruited.recruitment,
    ]
    found = [e for maker in makers for e in maker(plan, wave, held)]
    try:
        margins: Any = waves.margins(plan)
    except EvaluationError:
        margins = {}
    found += stopped.stops(plan, wave, held, margins)
    return [*found, indicators_sheet(plan, wave, held), *around.figures_and_history(plan, wave, held)]


def _state(plan: Plan, wave: str, held: Held, row: Row, made: list[Exhibit]) -> tuple[str, str]:
    lacking = [r for r in row.registers if shelf.register(plan, wave, held, r) is None]
    own = [e for e in made if e.id.startswith(row.exhibits)]
    refused = [i.result for e in own for i in e.items if isinstance(i.result, NotIdentified)]
    shown = [i for e in own for i in e.items if not isinstance(i.result, NotIdentified)]
    why = "; ".join(dict.fromkeys(f"{r.id.rsplit('.', 2)[0]}: {r.reason}" for r in refused))
    names = ", ".join(r.replace("_", " ") for r in lacking)
    if len(lacking) == len(row.registers):
        return f"register not supplied: {names}", why
    if not shown:
        return "refused", why
    return ("works" if not lacking else f"works, without the register of {names}"), why


def _hate(plan: Plan) -> tuple[str, str]:
    asked = [o for o in plan.outcomes.exploratory if "hate" in o or "report" in plan.label_of(o).lower()]
    if not asked:
        return "refused", "the survey asks nothing about reporting"
    return (
        "works for willingness to report",
        "how many of those who experienced a hate crime reported it is not shown: "
        "it concerns few people, and police counts are not a measure of how common it is",
    )
