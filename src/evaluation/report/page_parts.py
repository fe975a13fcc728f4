"""The parts of a page (blocks in sections) and the inputs that pages are composed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from markupsafe import Markup

from evaluation.disclosure import CheckedExhibit, CheckedResults
from evaluation.report import tables
from evaluation.report.context import ReportContext, long_date
from evaluation.report.figures import Figure, address, data, footer
from evaluation.report.phrases import listed
from evaluation.report.sentences import Rows
from evaluation.report.tables import Table
from evaluation.verdict import LABELS, NOT_ANSWERABLE, TOO_FEW

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
class PageInputs:
    """What the pages are made from: checked results, their rows, the context and the drawn charts."""

    checked: CheckedResults
    ctx: ReportContext
    figures: dict[str, Figure]
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.rows = Rows(self.checked)

    def at(self, section: str) -> list[CheckedExhibit]:
        """Return the exhibits of a section, in order of publication."""
        return [e for e in self.checked.exhibits if section in e.sections]


DRAFT_REASONS = {
    "run with --draft": "",
    "the code differs from its last commit": "the program has unsaved changes",
    "the plan was not frozen before outcomes were opened": "the plan was not fixed before answers were read",
}


def counts_rule(ctx: ReportContext) -> str:
    """Return how counts of people are printed."""
    sizes = ctx.plan.disclosure
    return (
        f"Counts under {sizes.threshold} are not shown, others are rounded to the nearest {sizes.rounding}; "
        f"“{LABELS[TOO_FEW].lower()}” is never zero."
    )


def meta(ctx: ReportContext) -> tuple[str, ...]:
    """Return the lines under a page's title: when, by whom, whether it is a draft, and what is withheld."""
    wave = ctx.wave_words(ctx.wave)
    owners = (
        ("Run by", "who ran it", ctx.contact.ran_by),
        ("Paid for by", "who paid for it", ctx.contact.funded_by),
        ("Checked by", "who checked it", ctx.contact.checked_by),
    )
    who = " ".join(f"{did}: {name.rstrip('.')}." for did, _, name in owners if name != UNSTATED)
    lines = (
        f"Fieldwork: {wave.fieldwork()} ({wave.label}, {wave.id}). Report of {long_date(ctx.date)}.",
        who,
        status(ctx, [blank for _, blank, name in owners if name == UNSTATED]),
        counts_rule(ctx),
    )
    return tuple(line for line in lines if line)


UNSTATED = "not stated"


def status(ctx: ReportContext, blank: Sequence[str] = ()) -> str:
    """Return in words of people whether the report is a draft, and why; else who checked it and when."""
    group = ctx.words.checking_group
    if ctx.checked:
        agreed = sum(r.verdict == "amended" for r in ctx.sense_check)
        dates = sorted(r.date for r in ctx.sense_check if r.date)
        when = f" on {dates[-1]}" if dates else ""
        rest = f" Draft: {_unstated(blank)}." if blank else ""
        return f"Checked by {group}{when}; {agreed} corrections made.{rest}"
    known = [DRAFT_REASONS.get(r, r) for r in ctx.draft_reasons]
    unchecked = f"not yet checked by {group}"
    if not ctx.checked and not any(unchecked in r for r in known):
        known.insert(0, unchecked)
    return f"Draft: {'; '.join([x for x in known if x] + ([_unstated(blank)] if blank else []))}."


def _unstated(blank: Sequence[str]) -> str:
    return f"{listed(list(blank))} {'is' if len(blank) == 1 else 'are'} not stated yet"


def foot(ctx: ReportContext) -> tuple[str, ...]:
    """Return the lines at the foot of a page: who made it, its date and stamp."""
    return (
        f"Contact: {ctx.contact.team.rstrip('.')}.",
        f"{ctx.title} Report of {long_date(ctx.date)}, {ctx.wave}. {ctx.stamp()}".strip(),
    )


@dataclass(frozen=True, slots=True)
class PlacedChart:
    """A drawn chart as the template wants it."""

    figure: Figure
    anchor: str
    wide: Markup
    narrow: Markup
    foot: str
    notes: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    table: Table


def exhibits(
    inputs: PageInputs,
    checked_exhibits: Sequence[CheckedExhibit],
    *,
    fold: int,
    pictures: bool = True,
    most: int = 99,
    up: str = "",
    printed: set[str] | None = None,
    anchored: set[str] | None = None,
) -> list[Block]:
    """Return blocks for exhibits: charts first come together, tables stand alone; long tables are folded.

    `fold` is the number of rows above which a table is folded. With `anchored`, each result that is not in it yet gets
    its id as the anchor of its cell, and is added to it. From the `most`-th exhibit on, tables stand folded instead of
    charts, so that a page keeps its length. A note in `printed` is not said again under a chart, and what is said is
    added to it.
    """
    blocks: list[Block] = []
    more: list[Block] = []
    refused = [e for e in checked_exhibits if is_refusal(e)]
    for rank, exhibit in enumerate(e for e in checked_exhibits if e not in refused):
        if rank >= most and exhibit.cells:
            more.append(Block("folded", tables.of(exhibit), f"More on this: {exhibit.title}"))
            continue
        figure = inputs.figures.get(exhibit.id) if pictures else None
        if figure is not None:
            placed = _without_repeated_notes(place(figure, exhibit, long_date(inputs.ctx.date), up=up), printed)
            if blocks and blocks[-1].kind == "figures":
                blocks[-1].content.append(placed)
            else:
                blocks.append(Block("figures", [placed]))
        elif exhibit.cells:
            table = tables.of(exhibit, anchored=anchored)
            folded = len(exhibit.rows) > fold
            blocks.append(Block("folded", table, f"Table: {exhibit.title}") if folded else Block("html", table))
    return blocks + more + ([Block("absent", absent(refused))] if refused else [])


def _without_repeated_notes(placed: PlacedChart, printed: set[str] | None) -> PlacedChart:
    """Return a placed chart without the notes that stood before it on the page."""
    if printed is None:
        return placed
    new = tuple(n for n in placed.notes if n not in printed)
    printed.update(new)
    return replace(placed, notes=new)


def is_refusal(exhibit: CheckedExhibit) -> bool:
    """Return whether an exhibit holds nothing but one reason why there is nothing to show."""
    rows = list(exhibit.cells.values())
    return len(rows) == 1 and rows[0].kind == "not_identified"


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence that a page shows with anchors in it, and its plain words."""

    words: str
    marked: Markup

    def __html__(self) -> str:
        return self.marked


def absent(refused: Sequence[CheckedExhibit]) -> Said:
    """Return one sentence that says what a section does not show, and why."""
    said: dict[str, list[Markup]] = {}
    titles: dict[str, list[str]] = {}
    ids: dict[str, str] = {}
    for exhibit in refused:
        row = next(iter(exhibit.cells.values()))
        name = Markup('<span id="{}" data-plan>{}</span>').format(
            tables.anchor(exhibit.id, "t"), exhibit.title.rstrip("?.")
        )
        said.setdefault(row.reason.rstrip("."), []).append(name)
        titles.setdefault(row.reason.rstrip("."), []).append(exhibit.title.rstrip("?."))
        ids.setdefault(row.reason.rstrip("."), row.id)
    reason = Markup('{} (<span data-result="{}">{}</span>)')
    parts = [reason.format(Markup(", ").join(names), ids[why], why) for why, names in said.items()]
    words = "; ".join(f"{', '.join(names)} ({why})" for why, names in titles.items())
    label = LABELS[NOT_ANSWERABLE]
    return Said(f"{label}: {words}.", Markup("{}: {}.").format(label, Markup("; ").join(parts)))


def place(figure: Figure, exhibit: CheckedExhibit, date: str, *, up: str = "") -> PlacedChart:
    """Return a drawn chart with both drawings inside the page, and links to the files to copy."""
    folder = f"{up}figures/{exhibit.id}"
    links = tuple((f"{folder}.{kind}", kind.upper()) for kind in ("png", "svg", "csv"))
    return PlacedChart(
        figure,
        tables.anchor(exhibit.id, "f"),
        Markup(address(figure.wide)),
        Markup(address(figure.narrow)),
        " ".join(footer(exhibit, date)),
        tuple(exhibit.notes),
        links,
        numbers(exhibit),
    )


def numbers(exhibit: CheckedExhibit) -> Table:
    """Return the table of an exhibit's numbers with their result ids."""
    header, rows = data(exhibit)
    caption = f"Numbers and result ids: {exhibit.title}"
    return tables.numbers(header, rows, caption=caption, name=tables.anchor(exhibit.id, "n"))
