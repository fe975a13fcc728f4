"""The parts that pages are made of: blocks in sections in a page, and the desk that holds what they are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evaluation.disclosure import CheckedResults

from .context import ReportContext, long_date
from .figures import Figure
from .rows import Rows

ANNEX = {
    "A": "Manifest",
    "B": "Estimands",
    "C": "Intake ledger",
    "D": "Sample and mode",
    "E": "Weights",
    "F": "Scales",
    "G": "Comparable people",
    "H": "Difference-in-differences",
    "I": "Sensitivity",
    "J": "Power",
    "K": "Events and fidelity",
    "L": "Coding of feedback",
    "M": "Stop and search, recording, recruitment",
    "N": "Register of claims, initiatives and context",
    "O": "Disclosure log",
    "P": "Known-truth check",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a section: its kind (the template's), its content, a name or heading.

    `fixed` marks words whose numbers come from the plan, the manifest or a date, never from a result.
    """

    kind: str
    content: Any
    name: str = ""
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a page."""

    mark: str
    title: str
    anchor: str
    blocks: tuple[Block, ...]
    sheet: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page: kind (a class of its body), title, lines under the title, sections, foot."""

    kind: str
    title: str
    meta: tuple[str, ...]
    sections: tuple[Section, ...]
    foot: tuple[str, ...] = ()
    letters: bool = False


@dataclass(slots=True)
class Desk:
    """What the pages are made from: checked results, their rows, the context and the drawn charts."""

    checked: CheckedResults
    ctx: ReportContext
    figures: dict[str, Figure]
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.rows = Rows(self.checked)

    def at(self, section: str) -> list[Any]:
        """Return the exhibits of a section, in order of publication."""
        return [e for e in self.checked.exhibits if section in e.sections]


def meta(ctx: ReportContext) -> tuple[str, ...]:
    """Return the lines under a page's title: the wave, the status, what is withheld."""
    wave = ctx.wave_words(ctx.wave)
    if ctx.checked:
        agreed = sum(r.verdict == "amended" for r in ctx.sense_check)
        dates = sorted(r.date for r in ctx.sense_check if r.date)
        when = f" on {dates[-1]}" if dates else ""
        status = f"Checked by {ctx.words.checking_group}{when}; {agreed} corrections made"
    else:
        status = f"Draft: not yet checked by {ctx.words.checking_group}"
    reasons = [r for r in ctx.draft_reasons if r.lower() not in status.lower()]
    why = f" ({'; '.join(reasons)})" if reasons and not ctx.checked else ""
    sizes = ctx.plan.disclosure
    return (
        f"{wave.label} ({wave.id}), {wave.fieldwork()}. Data to {ctx.through()}. Report of {long_date(ctx.date)}.",
        f"Status: {status}{why}.",
        f"To protect people, counts under {sizes.threshold} are not shown and others are rounded to the nearest "
        f"{sizes.rounding}. “Too few to report” is never zero.",
    )


def foot(ctx: ReportContext) -> tuple[str, ...]:
    """Return the lines at the foot of a page: who made it, its date and stamp."""
    contact = ctx.contact
    return (
        f"{contact.team}. Funded by: {contact.funded_by}. Run by: {contact.ran_by}. Checked by: {contact.checked_by}.",
        f"{ctx.title} Report of {long_date(ctx.date)}, {ctx.wave}. {ctx.stamp()}".strip(),
    )
