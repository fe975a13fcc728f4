"""Executed notebooks as pages and as released notebooks: words, folded code, and the checked view of each output."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report import tables
from evaluation.report.figures import Figure, address
from evaluation.report.page_parts import Block, Page, PageInputs, Section, exhibits
from evaluation.report.phrases import cite
from evaluation.report.sentences import Line, fixed

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from evaluation.plan.study import Plan


def title(notebook: NotebookNode, name: str) -> str:
    """Return a notebook's title: its first heading, else its name."""
    for cell in notebook.cells:
        found = re.match(r"\s*#\s+(.+)", cell.source) if cell.cell_type == "markdown" else None
        if found:
            return re.sub(r"[*_`]", "", found[1]).strip()
    return name.replace("_", " ")


def retitled(notebook: NotebookNode, own: str) -> NotebookNode:
    """Return a notebook under a study's own title; itself where that is none, or the same."""
    if not own or title(notebook, own) == own:
        return notebook
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        if cell.cell_type == "markdown" and re.match(r"\s*#\s+", cell.source):
            cell.source = re.sub(r"^(\s*#\s+).+", lambda m: m[1] + own, cell.source, count=1)
            break
    return made


def page(name: str, notebook: NotebookNode, inputs: PageInputs) -> Page:
    """Return a notebook's page: the answer under the title, then words, folded code and checked exhibits."""
    sections: list[Section] = []
    blocks: list[Block] = []
    heading = "The question"
    answers = _answers(notebook, inputs)
    seen: set[str] = set()
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            for part_heading, body in _parts(cell.source):
                if part_heading:
                    sections.append(_section(sections, heading, blocks))
                    heading, blocks = part_heading, []
                if body.strip():
                    blocks.append(Block("html", _markdown(body), fixed=True))
        elif cell.cell_type == "code":
            blocks.append(Block("html", _code(cell.source, "answer" in tags)))
            if "answer" not in tags:
                blocks += _outputs(cell, inputs, seen)
    sections.append(_section(sections, heading, blocks))
    made = [s for s in sections if s.blocks]
    if answers:
        made.insert(0, Section("", "The answer", "answer", tuple(answers)))
    meta = (f"Notebook {name}. Every output is the published, checked view.",)
    return Page("notebook", title(notebook, name), meta, tuple(made), (inputs.ctx.contact.team,))


def _section(before: list[Section], heading: str, blocks: list[Block]) -> Section:
    return Section("", heading, f"part-{len(before) + 1}", tuple(blocks))


def _answers(notebook: NotebookNode, inputs: PageInputs) -> list[Block]:
    out: list[Block] = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and "answer" in cell.metadata.get("tags", []):
            out += _outputs(cell, inputs, set())
    return out


def _outputs(cell: NotebookNode, inputs: PageInputs, seen: set[str]) -> list[Block]:
    """Return the checked view of a cell's outputs; an output that published nothing is dropped."""
    blocks: list[Block] = []
    for output in cell.get("outputs", []):
        mark = output.get("metadata", {}).get("evaluation", {}) if hasattr(output, "get") else {}
        if "exhibit" in mark and mark["exhibit"] not in seen:
            seen.add(mark["exhibit"])
            found = [e for e in inputs.checked.exhibits if e.id == mark["exhibit"]]
            said = [_in_words(e) for e in found if _is_words(e)]
            blocks += said or exhibits(inputs, found, fold=40, up="../")
        elif "words" in mark:
            blocks.append(Block("html", _markdown(words_of(inputs.ctx.plan, mark["words"])), fixed=True))
        elif "answer" in mark:
            lines = answer_lines([r for i in mark["answer"] if (r := inputs.rows.get(i)) is not None])
            blocks += [Block("lines", lines, "panel brief")] if lines else []
    return blocks


def words_of(plan: Plan, names: Iterable[str]) -> str:
    """Return what neutral words stand for in a study, those that it has: "The programme: the forums."."""
    w = plan.words
    neutral = {
        "programme": ("The programme", w.programme),
        "programme_long": ("Its full name", w.programme_long),
        "second_programme": ("The second programme", w.second_programme),
        "focus_group": ("The group in focus", w.focus_group),
        "comparison_group": ("The group it is compared with", w.comparison_group),
        "checking_group": ("The group that checks", w.checking_group),
        "treated": ("Attendees", w.treated),
        "untreated": ("People who did not attend", w.untreated),
    }
    said = (neutral[name] for name in names)
    return " ".join(f"{word}: {meaning.strip().rstrip('.')}." for word, meaning in said if meaning)


def _is_words(exhibit: CheckedExhibit) -> bool:
    """Return whether an exhibit is an answer in words: one column of plain words."""
    return len(exhibit.columns) == 1 and not exhibit.chart and all(x.kind == "words" for x in exhibit.cells.values())


def _in_words(exhibit: CheckedExhibit) -> Block:
    """Return an answer in words as paragraphs, each with its row's label where there are several."""
    cells = [(r, exhibit.cells[r, c]) for r in exhibit.rows for c in exhibit.columns if (r, c) in exhibit.cells]
    lines = [cite(x, x.text) if len(cells) == 1 else f"{fixed(r)}: {cite(x, x.text)}" for r, x in cells]
    return Block("lines", [Line((line,)) for line in lines], "panel brief")


def answer_lines(rows: list[CheckedRow]) -> list[Line]:
    """Return one line for each checked row: its question in words, its figure, its verdict where it has one."""
    lines = []
    for row in rows:
        about = row.question or row.id
        verdict = row.verdict or ""
        base = f" (n {cite(row, row.n_text)})" if row.n_text and row.kind == "estimate" else ""
        text = row.reason if not row.shown and row.reason else row.text
        lines.append(Line((f"{about.rstrip('.?')}: {cite(row, text)}{base}.",), verdict))
    return lines


def _parts(source: str) -> list[tuple[str, str]]:
    """Return (heading, text) parts of a Markdown cell, split at second-level headings; the title is dropped."""
    source = re.sub(r"\A\s*#\s+.+\n?", "", source)
    parts = re.split(r"^##\s+(.+)$", source, flags=re.M)
    return [("", parts[0]), *((parts[k], parts[k + 1]) for k in range(1, len(parts), 2))]


def _markdown(text: str) -> Markup:
    """Return Markdown as HTML, everything escaped, headings one level down at most third."""
    import mistune

    made = mistune.create_markdown(escape=True, plugins=["table"])(text)
    made = re.sub(r"<(/?)h[1-6]", r"<\1h3", made)
    opened = '<div class="wide" tabindex="0"><table><caption class="hear">Table in the text</caption>'
    made = made.replace("<table>", opened).replace("</table>", "</table></div>")
    made = re.sub(r"<th(?=[ >])(?!ead)", '<th scope="col"', made)
    made = made.replace("<pre>", '<pre tabindex="0">')
    return Markup(re.sub(r"<img[^>]*>", "", made))


def _code(source: str, is_answer: bool) -> Markup:
    label = "Code of the answer" if is_answer else "Code"
    first = next((line for line in source.splitlines() if line.strip()), "")[:60]
    return Markup(
        '<details class="code"><summary>{}<span class="hear">: {}</span></summary>'
        '<pre tabindex="0"><code>{}</code></pre></details>'
    ).format(label, first, source)


# ---- the released notebooks -------------------------------------------------------------------------------------


def released(notebook: NotebookNode, inputs: PageInputs) -> NotebookNode:
    """Return a copy whose outputs are the checked views, with nothing that names a machine, a time or a person."""
    import copy

    clean = copy.deepcopy(notebook)
    clean.metadata = {k: v for k, v in clean.metadata.items() if k in ("kernelspec", "language_info")}
    for cell in clean.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [o for o in (_released_output(o, inputs) for o in cell.get("outputs", [])) if o is not None]
    return clean


def _released_output(output: NotebookNode, inputs: PageInputs) -> NotebookNode | None:
    from nbformat.v4 import new_output

    mark = output.get("metadata", {}).get("evaluation", {}) if hasattr(output, "get") else {}
    if "exhibit" in mark:
        found = next((e for e in inputs.checked.exhibits if e.id == mark["exhibit"]), None)
        if found is not None:
            return new_output(
                "display_data", data=view(found, inputs.figures.get(found.id)), metadata={"evaluation": dict(mark)}
            )
    if "words" in mark:
        said = words_of(inputs.ctx.plan, mark["words"])
        data = {"text/markdown": said, "text/plain": said}
        return new_output("display_data", data=data, metadata={"evaluation": dict(mark)})
    if "answer" in mark:
        rows = [r for i in mark["answer"] if (r := inputs.rows.get(i)) is not None]
        words = "\n\n".join(line.text() for line in answer_lines(rows))
        return new_output(
            "display_data", data={"text/markdown": words, "text/plain": words}, metadata={"evaluation": dict(mark)}
        )
    return None


def view(exhibit: CheckedExhibit, figure: Figure | None = None) -> dict[str, str]:
    """Return a checked exhibit as display data: its chart (if drawn) and its table, and plain words."""
    table = tables.of(exhibit)
    picture = Markup("")
    if figure is not None:
        picture = Markup('<img src="{}" alt="{}" style="max-width:100%">').format(
            Markup(address(figure.svg)), figure.alt
        )
    lines = [f"{r} | {c}: {x.text}" for (r, c), x in exhibit.cells.items()]
    return {"text/html": str(picture + table), "text/plain": "\n".join([exhibit.title, *lines])}


def write_released(folder: Path, notebooks: list[tuple[str, NotebookNode]], inputs: PageInputs) -> list[Path]:
    """Write the released notebooks beside their pages."""
    if not notebooks:
        return []
    import nbformat

    made = []
    for name, notebook in notebooks:
        path = folder / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(nbformat.writes(released(notebook, inputs)) + "\n", "utf-8")
        made.append(path)
    return made
