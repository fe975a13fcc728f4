"""The technical annex as sections of blocks: every exhibit, the manifest, the estimands, the notebooks."""

from __future__ import annotations

from dataclasses import replace

from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report import phrases, tables
from evaluation.report.context import ReportContext
from evaluation.report.page_parts import ANNEX, Block, Page, PageInputs, Section, exhibits, foot, meta
from evaluation.report.sentences import fixed
from evaluation.report.tables import Cell, Table


def annex(inputs: PageInputs, notebooks: list[tuple[str, str]]) -> Page:
    """Return the technical annex: sections A to P, with every exhibit and the notebooks that made them."""
    made: list[Section] = []
    first: dict[str, str] = {}
    anchored: set[str] = set()
    for letter, title in ANNEX.items():
        own = [replace(b, fixed=b.fixed or letter != "B") for b in _annex_own(inputs, letter, notebooks)]
        found = inputs.at(f"annex-{letter}")
        placed = exhibits(inputs, [e for e in found if e.id not in first], fold=40, anchored=anchored)
        again = [(_anchor_of(inputs, e), f"{e.title} (section {first[e.id]})") for e in found if e.id in first]
        first |= {e.id: letter for e in found if e.id not in first}
        if not own and not found and not inputs.ctx.plan.programme.registers:
            continue
        reason = inputs.ctx.absent.get(f"annex-{letter}", "No exhibit was made for this section in this run.")
        blocks = [*own, *placed, *([Block("links", again)] if again else [])] or [Block("absent", reason)]
        made.append(Section(letter, title, f"{letter}", tuple(blocks)))
    elsewhere = [
        e for e in inputs.checked.exhibits if e.sections and not any(s.startswith("annex-") for s in e.sections)
    ]
    rest = exhibits(inputs, elsewhere, fold=0, pictures=False, anchored=anchored)
    if rest:
        made.append(Section("Q", "Exhibits of the other pages, with their result ids", "Q", tuple(rest)))
    return Page("annex", "Technical annex", meta(inputs.ctx), tuple(made), foot(inputs.ctx), letters=True)


def _anchor_of(inputs: PageInputs, exhibit: CheckedExhibit) -> str:
    """Return the address, in the page, of an exhibit that stands in it already."""
    return "#" + tables.anchor(exhibit.id, "f" if exhibit.id in inputs.figures else "t")


def _called(ctx: ReportContext) -> list[Block]:
    """Return whom the annex calls treated, in a study that holds no register of events."""
    if not ctx.plan.treatment.column or ctx.plan.treatment.register_name or ctx.plan.events_register:
        return []
    one, other = fixed(ctx.words.treated), fixed(ctx.words.untreated)
    said = f"“Treated people” are here {one}; those who “were not treated” are {other}."
    return [Block("para", [said], "note")]


def _annex_own(inputs: PageInputs, letter: str, notebooks: list[tuple[str, str]]) -> list[Block]:
    ctx = inputs.ctx
    if letter == "A":
        told = any(e.id == "gates.all" for e in inputs.at("annex-A"))
        return [*_called(ctx), *_manifest(ctx, notebooks, manifest=told)]
    if letter == "B":
        return _estimands(inputs)
    if letter == "O":
        lines = [(k, str(v)) for k, v in inputs.checked.log.items()]
        lines += [(k, str(v)) for k, v in inputs.checked.audit.items()]
        table = tables.plain(("What", "Count"), lines, caption="What was withheld, and the attack on it", name="t-log")
        return [Block("html", table)] if lines else []
    if letter == "P":
        return _known_truth(ctx)
    return []


def _known_truth(ctx: ReportContext) -> list[Block]:
    """Return the table of the code tried where the truth is known, with a warning where the code has changed since."""
    made = ctx.known_truth
    if made is None:
        why = "No table was found. `python -m benchmarks.known_truth` makes it; it takes minutes, so a run does not."
        return [Block("absent", why)]
    digest = str(made.get("digest", ""))[:12]
    said = f"Made on {made.get('made_on', 'an unknown day')} with the statistics of digest {digest}, on drawn studies."
    stale = "The statistics have changed since this table was made: it describes the earlier code, not this report's."
    caption = "The same code on synthetic data with a known truth: bias, coverage, and how often it is fooled"
    table = tables.plain(made["header"], made["rows"], caption=caption, name="t-known-truth")
    notes = [Block("absent", stale)] if made.get("stale") else []
    return [*notes, Block("para", [said]), Block("html", table)]


def _manifest(ctx: ReportContext, notebooks: list[tuple[str, str]], *, manifest: bool) -> list[Block]:
    """Return what made the report; the gates too, where no exhibit has told them."""
    flat = [
        (k, ", ".join(f"{a}: {b}" for a, b in v.items()) if isinstance(v, dict) else str(v))
        for k, v in ctx.manifest.items()
    ]
    blocks = []
    if flat:
        blocks.append(
            Block("html", tables.plain(("What", "Value"), flat, caption="What made this report", name="t-made"))
        )
    if not manifest:
        blocks.append(Block("html", _gates(ctx)))
    deviations = list(ctx.deviations) or ["None: the plan is as it was frozen, or was not frozen (see the status)."]
    blocks.append(Block("bullets", deviations, "Deviations from the frozen plan"))
    if notebooks:
        blocks.append(Block("para", ["The notebooks that made the results, in order:"]))
        blocks.append(Block("links", [(f"notebooks/{n}.html", t) for n, t in notebooks]))
    if ctx.environment:
        blocks.append(Block("para", [f"Made with {phrases.listed(list(ctx.environment))}."]))
    return blocks


def _bar(bar: float | str | None) -> str:
    return "" if bar is None else f"{bar:.3g}" if isinstance(bar, float) else str(bar)


def _gates(ctx: ReportContext) -> Table:
    lines = [(g.id, g.kind, "passed" if g.passed else "failed", _bar(g.bar), g.note) for g in ctx.gates]
    header = ("Gate", "Kind", "Result", "Bar", "What it asks")
    return tables.plain(header, lines or [("none recorded", "", "", "", "")], caption="Gates", name="t-gates")


FAMILIES = {
    "change": "Changes between surveys",
    "changeshare": "Changes of the share of positive answers",
    "gap": "Gaps between the groups",
    "gapshare": "Gaps in the share of positive answers",
    "attend": "People who attended, against similar people",
    "attendshare": "The same, share of positive answers",
}


def _estimands(inputs: PageInputs) -> list[Block]:
    """Return the contrasts in a table for each family; what all its rows share is said once, above it."""
    families: dict[str, list[CheckedRow]] = {}
    for row in inputs.rows.all():
        family = row.id.split(".")[0]  # variants that a section of their own tells stand there
        judged = row.kind in ("not_identified", "too_few") or (row.kind == "estimate" and row.null is not None)
        if judged and (family in FAMILIES or family.upper() in inputs.ctx.plan.designs):
            families.setdefault(family, []).append(row)
    return [b for key, rows in families.items() for b in _family(key, rows, inputs.ctx)]


def _family(key: str, rows: list[CheckedRow], ctx: ReportContext) -> list[Block]:
    design = ctx.plan.designs.get(key.upper())
    title = ctx.own(FAMILIES.get(key, "")) or (design.title if design is not None else phrases.upper_first(key))
    shared, kinds = _shared(rows)
    many = len(kinds) > 1
    header = ("Result", "Outcome and group", "Figure", "People", "Verdict", *(("As",) if many else ()))
    lines = [
        (r.id, _about(r, ctx), r.text if r.shown else "", r.n_text.replace("about ", ""), _judged(r))
        + ((kinds[_kind(r)],) if many else ())
        for r in rows
    ]
    body = tuple((Cell(r[0], kind="head"), *(Cell(t) for t in r[1:])) for r in lines)
    table = Table(f"t-family-{key}", title, header, body, results=tuple(r.id for r in rows), look="ids")
    return [Block("bullets", [fixed(x) for x in shared], fixed=True), Block("html", table)]


def _about(row: CheckedRow, ctx: ReportContext) -> str:
    """Return a contrast's outcome and group in a few words."""
    group = ctx.group_words(row.group) if row.group and row.group != "all" else ""
    what = ctx.short(row.outcome) if row.outcome else row.question
    return ", ".join(x for x in (what, group) if x)


def _judged(row: CheckedRow) -> str:
    planned = "" if row.planned else " (not planned)"
    return f"{row.verdict or '–'}{planned}"


def _kind(row: CheckedRow) -> tuple[str, str, str, str]:
    return row.estimand, row.method, row.se_method, row.licence


def _shared(rows: list[CheckedRow]) -> tuple[list[str], dict[tuple[str, str, str, str], str]]:
    """Return what rows share as sentences, lettered where they differ, and the letter of each kind."""
    kinds = {k: chr(97 + n % 26) for n, k in enumerate(dict.fromkeys(_kind(r) for r in rows))}
    names = ("Estimand", "Estimator", "Error", "Licence")
    said = []
    for kind, letter in kinds.items():
        parts = [f"{n}: {v}" for n, v in zip(names, kind, strict=True) if v]
        if parts:
            said.append((f"{letter}. " if len(kinds) > 1 else "") + "; ".join(parts) + ".")
    return said, kinds
