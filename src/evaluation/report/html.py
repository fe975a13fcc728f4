"""Write the report's folder: pages, PDFs, results, charts. The only module of this room that touches the disk."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from evaluation.analysis import declared_inputs
from evaluation.disclosure import CheckedExhibit, CheckedResults
from evaluation.errors import CheckFailed
from evaluation.report import (
    annex_pages,
    checks,
    dossier_pages,
    figures,
    phrases,
    policy_views,
    practice_bank_pages,
    printing,
    results,
    sense_check_pages,
    workbook,
)
from evaluation.report import notebooks as notebook_pages
from evaluation.report import origins as notebook_origins
from evaluation.report import pages as report_pages
from evaluation.report.context import ReportContext, long_date
from evaluation.report.page_parts import Block, Page, PageInputs
from evaluation.report.phrases import markup
from evaluation.verdict import LABELS, MEANINGS

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from nbformat import NotebookNode

PRINTED = ("index", "annex", "sense-check", "practice-bank", "dossier")
MOST_POLICY_BYTES, MOST_PAGE_BYTES = 1_000_000, 10_000_000


def write_report(
    checked: CheckedResults,
    context: ReportContext,
    folder: Path,
    notebooks: Mapping[str, NotebookNode] | None = None,
    *,
    pdf: bool = True,
) -> list[Path]:
    """Write every page, chart and table of a report into `folder`; return the files written.

    Parameters
    ----------
    checked : CheckedResults
        What `disclosure.protect` made: the only numbers that are read.
    context : ReportContext
        Words, waves, dates, status, manifest.
    folder : Path
        The report's folder; made when absent.
    notebooks : mapping of name to notebook, optional
        Executed notebooks; their outputs are replaced by the checked view, or dropped.
    pdf : bool
        Whether the four pages are set as PDFs too.

    Raises
    ------
    CheckFailed
        A page fails a check: a number that traces to no result, a fault of accessibility, something from outside,
        a page that is too large, a contrast without n, interval or licence. All faults at once. A page that Typst
        refuses.
    """
    inputs = PageInputs(checked, context, draw_all(checked, context))
    pairs = _notebook_pairs(notebooks, inputs)
    folder.mkdir(parents=True, exist_ok=True)
    faults = checks.incomplete(inputs.rows.all())
    pages = _pages(inputs, pairs)
    made = _rendered(pages, pairs, inputs)
    for name, page in made.items():
        faults += _page_faults(name, page, inputs)
    if faults:
        shown = "\n".join(f"- {f}" for f in faults[:40])
        raise CheckFailed(f"the report's pages fail {len(faults)} checks:\n{shown}")
    files = _write_all(folder, {k: v.encode() for k, v in made.items()})
    if pdf:
        files += _write_all(folder, {f"{n}.pdf": printing.pdf(n, pages[n], context) for n in PRINTED if n in pages})
    files += _write_all(folder, _results(inputs))
    files += _write_all(folder, _charts(inputs))
    return files + notebook_pages.write_released(folder, pairs, inputs)


def draw_all(checked: CheckedResults, context: ReportContext) -> dict[str, figures.Figure]:
    """Return the charts of a run by exhibit id."""
    every = _charted(checked, context)
    drawn = ((e.id, figures.draw(e, stamp=context.stamp(), date=long_date(context.date))) for e in every)
    return {id: figure for id, figure in drawn if figure is not None}


def _charted(checked: CheckedResults, context: ReportContext) -> list[CheckedExhibit]:
    """Return every exhibit, and each as the policy report shows it where that differs."""
    every = list(checked.exhibits)
    for e in checked.exhibits:
        if any(s.startswith("policy-") for s in e.sections):
            seen = policy_views.view(e, context)
            every += [seen] if seen is not e else []
    return every


def _notebook_pairs(notebooks: Mapping[str, NotebookNode] | None, inputs: PageInputs) -> list[tuple[str, NotebookNode]]:
    """Return the notebooks whose question a study asks as (name, notebook) in order, each under the study's title."""
    plan, titles = inputs.ctx.plan, {e.id: e.title for e in inputs.checked.exhibits}
    return [
        (name, notebook_pages.retitled(notebook, titles.get(f"answer.{name[:2]}", "")))
        for name, notebook in (notebooks or {}).items()
        if declared_inputs.has_notebook(plan, name[:2])
    ]


def _pages(inputs: PageInputs, notebooks: list[tuple[str, NotebookNode]]) -> dict[str, Page]:
    titled = [(name, notebook_pages.title(notebook, name)) for name, notebook in notebooks]
    first = {"index": report_pages.policy(inputs), "annex": annex_pages.annex(inputs, titled)}
    return {
        **first,
        "dossier": dossier_pages.dossier(inputs, first, titled),
        **(_of_programme(inputs) if inputs.ctx.plan.programme.registers else {}),
        **{f"notebooks/{name}": notebook_pages.page(name, notebook, inputs) for name, notebook in notebooks},
    }


def _of_programme(inputs: PageInputs) -> dict[str, Page]:
    """Return the pages of a study that holds a programme's registers."""
    return {
        "sense-check": sense_check_pages.sense_check(inputs),
        "practice-bank": practice_bank_pages.practice_bank(inputs),
    }


def _rendered(
    pages: Mapping[str, Page], notebooks: list[tuple[str, NotebookNode]], inputs: PageInputs
) -> dict[str, str]:
    """Return each page as HTML; those of the report lead from their numbers to the notebook sections that made them."""
    named = [(name, notebook_pages.title(notebook, name), notebook) for name, notebook in notebooks]
    origins = notebook_origins.origins(named, inputs.checked.exhibits)
    texts = {name: render(page, inputs.ctx) for name, page in pages.items()}
    return {
        f"{name}.html": text if name.startswith("notebooks/") else notebook_origins.linked(text, origins)
        for name, text in texts.items()
    }


def _page_faults(name: str, page: str, inputs: PageInputs) -> list[str]:
    found = [f"{name}: {f}" for f in checks.accessibility(page)]
    most = MOST_POLICY_BYTES if name == "index.html" else MOST_PAGE_BYTES
    if len(page.encode()) > most:
        found.append(f"{name}: {len(page.encode()):,} bytes, more than {most:,}")
    rows = {r.id: r for r in inputs.rows.all()}
    return found + [f"{name}: {f}" for f in checks.untraced(page, rows, own_words(inputs.ctx))]


def own_words(ctx: ReportContext) -> tuple[str, ...]:
    """Return the plan's own words, which it may choose freely: numbers and phrases in them are its choices."""
    return tuple(str(w) for w in ctx.words.model_dump().values() if w)


def render(page: Page, ctx: ReportContext) -> str:
    """Return a page as one HTML file: styles inside, no script, nothing from outside."""
    env = _environment()
    show = env.get_template("blocks.html.j2")
    words = {"markup": markup, "verdicts": LABELS}

    def block(b: Block) -> Markup:
        inner = Markup(show.render(b=b, **words))
        return Markup("<div data-plan>{}</div>").format(inner) if b.fixed else inner

    return env.get_template("base.html.j2").render(page=page, ctx=ctx, style=_style(ctx), show=block) + "\n"


def template(name: str) -> Template:
    """Return one of the package's templates; what is filled in is escaped."""
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader

    return Environment(
        loader=PackageLoader("evaluation.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def _style(ctx: ReportContext) -> Markup:
    css = resources.files("evaluation.report").joinpath("templates/style.css").read_text("utf-8")
    foot = f"{ctx.wave} · {long_date(ctx.date)}" + (f" · {ctx.stamp()}" if ctx.stamp() else "")
    return Markup(css.replace('var(--foot,"")', json.dumps(foot, ensure_ascii=False).replace("<", "")))


def _results(inputs: PageInputs) -> dict[str, bytes]:
    grid = results.grid(inputs.checked, inputs.ctx)
    return {
        "results.csv": results.as_csv(grid),
        "results.schema.json": results.schema(),
        "results.xlsx": workbook.as_xlsx(inputs.checked, grid, inputs.ctx),
        "sense-check-return.csv": sense_check_pages.return_sheet(inputs),
    }


def _charts(inputs: PageInputs) -> dict[str, bytes]:
    out: dict[str, bytes] = {}
    exhibits = {e.id: e for e in _charted(inputs.checked, inputs.ctx)}
    pictures = figures.pictures({id: figure.svg for id, figure in inputs.figures.items()})
    for id, figure in inputs.figures.items():
        out[f"figures/{id}.svg"] = figure.svg
        out[f"figures/{id}.png"] = pictures[id]
        out[f"figures/{id}.csv"] = results.chart_csv(exhibits[id], inputs.ctx)
    return out


def _write_all(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    made = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        made.append(path)
    return made


# ---- the index of all reports -----------------------------------------------------------------------------------


def write_index(reports: Path) -> Path:
    """Write `reports/index.html`: every report, newest first, with what changed between neighbouring waves.

    Reads each report's `manifest.json` and `results.csv`; a folder without them is left out.
    """
    found = sorted((p.parent for p in reports.glob("[0-9]*/manifest.json")), key=lambda p: p.name, reverse=True)
    entries = [(p.name, json.loads((p / "manifest.json").read_text("utf-8"))) for p in found]
    rows = {p.name: _levels_of(p) for p in found}
    page = (
        _environment()
        .get_template("index.html.j2")
        .render(entries=entries, style=_index_style(), changes=_changes(entries, rows))
    )
    target = reports / "index.html"
    aside = reports / ".index.html.new"
    aside.write_text(page + "\n", "utf-8")
    aside.replace(target)
    return target


def _index_style() -> Markup:
    css = resources.files("evaluation.report").joinpath("templates/style.css").read_text("utf-8")
    return Markup(css)


def _levels_of(report: Path) -> dict[str, dict[str, str]]:
    import csv

    path = report / "results.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {r["id"]: r for r in csv.DictReader(file) if r.get("verdict")}


def _changes(
    entries: list[tuple[str, Mapping[str, object]]], rows: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Return, for each pair of neighbouring reports, (question, what it was, what it is) where the verdict differs."""
    out = []
    for (new, _), (old, _) in itertools.pairwise(entries):
        then = {_stem(i): r for i, r in rows[old].items()}
        lines = [
            (r.get("question") or _stem(i), _as_said(then[_stem(i)]), _as_said(r))
            for i, r in rows[new].items()
            if _stem(i) in then and then[_stem(i)]["verdict"] != r["verdict"]
        ]
        out.append((new, old, lines))
    return out


def _as_said(row: Mapping[str, str]) -> str:
    """Return a result's verdict with its printed figure."""
    text = row.get("text", "").lstrip("'")
    return f"{row['verdict']}, {text}" if text and text != row["verdict"] else row["verdict"]


def _stem(id: str) -> str:
    """Return a result id without its wave, so that the same question is found in another wave."""
    import re

    return ".".join(p for p in id.split(".") if not re.fullmatch(r"w\d{4}[a-z]?", p))


def phrase_faults(
    page: str, ctx: ReportContext, *, effect: bool = False, annex: bool = False
) -> Iterable[phrases.Breach]:
    """Return the breaches of the phrasing rules in a finished page."""
    verdicts = [w for pair in LABELS.items() for w in pair]
    chosen = [w for w in own_words(ctx) if phrases.check(w, effect=effect, annex=annex)]
    allowed = (ctx.title, ctx.words.programme_description, *chosen, *MEANINGS.values(), *verdicts)
    return phrases.check(checks.text(page), effect=effect, annex=annex, allowed=allowed)
