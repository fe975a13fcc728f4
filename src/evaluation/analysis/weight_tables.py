"""Notebook 02: sample, weighted and population shares side by side; design effects of weighting; its gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.margin_cells import JOIN, MERGED, NOT_STATED, Cells
from evaluation.analysis.population_weights import WaveWeights, benchmark_gaps, effective_n
from evaluation.exhibit import Exhibit, cell_key
from evaluation.plan.study import Plan
from evaluation.results import Gate
from evaluation.statistics import weighting
from evaluation.table_builder import Table

GAPS = {"gap_before.all": "answered", "gap_after.all": "weighted"}


def margins_table(plan: Plan, wave: str, people: pd.DataFrame, weights: Mapping[str, WaveWeights]) -> Exhibit:
    """Return, for the report's wave, each cell's share among those who answered, weighted, and in the population."""
    return _shares(plan, layout.table(plan, wave, "weights.margins"), weights[wave], "")


def group_table(plan: Plan, wave: str, group: tuple[str, Mapping[str, WaveWeights]]) -> Exhibit:
    """Return the same three shares within the focus group, weighted to its own population."""
    return _shares(plan, layout.table(plan, wave, "weights.group"), group[1].get(wave), "ownshare.")


def _shares(plan: Plan, table: Table, weights: WaveWeights | None, prefix: str) -> Exhibit:
    """Return the shares of every cell among those who stated it; `prefix` tells whose margins their keys count."""
    if weights is None:
        return table.exhibit()
    for cells in weights.cells:
        counted = replace(cells, name=prefix + cells.name)
        raw = cells.of.value_counts()
        weighted = weights.values.groupby(cells.of).sum().reindex(cells.stated.index)
        whole = (cell_key("general", margin=counted.name, wave=table.wave), int((cells.of != NOT_STATED).sum()))
        table.sum(whole[0], (counted.key(str(x), table.wave) for x in cells.stated.index))
        for place, (cell, population) in enumerate(cells.stated.items()):
            row = table.row(f"{cells.name}.cell{place:02d}", cells.label(plan, str(cell)))
            row.share_of("answered", (counted.key(str(cell), table.wave), int(raw.get(cell, 0))), whole)
            row.share("weighted", weighted[cell] / weighted.sum(), base=whole[1])
            row.share("census", population / cells.stated.sum(), public=True)
    table.note_texts(
        "joined", (f"{_margin(plan, c)}: joined {_step(plan, c, s)}." for c in weights.cells for s in c.steps)
    )
    table.note_texts("unused", unused(plan, weights.left_out))
    if any(NOT_STATED in c.population.index for c in weights.cells):
        table.note("not_stated")
    return table.exhibit()


def unused(plan: Plan, left_out: Sequence[Cells], head: str = "") -> tuple[str, ...]:
    """Return a sentence for each margin that the weights do not use, and why; `head` says which weights."""
    return tuple(
        f"{head}{_margin(plan, c)} was not used: "
        + (
            f"nobody answered in {'; '.join(c.label(plan, e) for e in c.empty if e != NOT_STATED)}."
            if c.empty
            else "these answers cannot be weighted to match it and the other figures at once. It is still nearly met."
        )
        for c in left_out
    )


def _margin(plan: Plan, cells: Cells) -> str:
    return " by ".join(plan.label_of(c) for c in cells.columns)


def _step(plan: Plan, cells: Cells, step: str) -> str:
    """Return a joining in the words of the plan's levels."""
    labels = {code: label for c in cells.columns for code, label in plan.levels_of(c).items()}
    merged, _, rest = step.partition(", among ")
    levels = " with ".join(labels.get(x, x) for x in merged.split(" with "))
    among = " ".join(" or ".join(labels.get(y, y) for y in x.split(MERGED)) for x in rest.split(JOIN)) if rest else ""
    return f"{levels}{f' ({among})' if among else ''}"


def summary(
    plan: Plan,
    wave: str,
    weights: Mapping[str, WaveWeights],
    margins: Mapping[str, pd.Series] | None = None,
    group: tuple[str, Mapping[str, WaveWeights]] = ("", {}),
) -> Exhibit:
    """Return what the weights of each wave cost, and the worst gap to the population before and after them."""
    table = layout.table(plan, wave, "weights.summary")
    for name, one in weights.items():
        _price(table, name, one, _quality(plan, one))
        gaps = benchmark_gaps(one, margins or {})
        if len(gaps):
            _price(table, name, one, {row: float(gaps[column].abs().max()) for row, column in GAPS.items()})
        table.note_texts("unused", unused(plan, one.left_out, f"{name}: "))
    for name, one in group[1].items():
        quality = _quality(plan, one)
        _price(table, name, one, {k.replace(".all", ".focus"): quality[k] for k in list(quality)[:4]})
        head = f"{plan.words.focus_group}, to their own population, {name}: "
        table.note_texts("unused", unused(plan, one.left_out, head))
    if any(one.outside > 0 for one in weights.values()):
        table.note("outside")
    return table.exhibit()


def _price(table: Table, wave: str, one: WaveWeights, measures: Mapping[str, float]) -> None:
    for row, value in measures.items():
        table.row(row).number(wave, value, base=len(one.frame), wave=wave)


def _quality(plan: Plan, one: WaveWeights) -> dict[str, float]:
    """Return the measures of one set of weights: effective numbers, design effect, spread and trimming."""
    values, relative = one.values, one.values / one.values.mean()
    kish = weighting.effective_n(values)
    return {
        "effective.all": kish,
        "clustered.all": effective_n(plan, one),
        "design_effect.all": len(one.frame) / kish,
        "largest.all": 100 * float(values.max() / values.sum()),
        "most.all": relative.max(),
        "low.all": relative.quantile(0.05),
        "middle.all": relative.median(),
        "high.all": relative.quantile(0.95),
        "trimmed.all": 100 * one.trimmed,
        "outside.all": 100 * one.outside,
    }


def gates(plan: Plan, wave: str, weights: Mapping[str, WaveWeights]) -> list[Gate]:
    """Return the gates of weighting: in the report's wave no empty cell, and enough effective answers.

    Where margins could not be met at once in some wave, a gate that failed says which were left out.
    """
    effective, bar = effective_n(plan, weights[wave]), plan.sizes.least_effective_n
    note = f"the weighted, clustered answers are worth at least {bar:.0f} independent ones"
    gates = [Gate("weights.effective", "quality", effective >= bar, effective, bar, note)]
    empty = [f"{_margin(plan, c)}: {', '.join(c.empty)}" for c in weights[wave].left_out if c.empty]
    if plan.population.margins:
        note = "somebody answered in every population cell" + (f" (not in {'; '.join(empty)})" if empty else "")
        gates.append(Gate("weights.cells", "quality", not empty, len(empty), 0, note))
    spared = [f"{_margin(plan, c)} in {x}" for x, one in weights.items() for c in one.left_out if not c.empty]
    if spared:
        note = f"each wave could be weighted to every population figure at once (not to {'; '.join(spared)})"
        gates.append(Gate("weights.margins", "quality", False, len(spared), 0, note))
    return gates


def answer(
    plan: Plan, wave: str, weights: Mapping[str, WaveWeights], margins: Mapping[str, pd.Series] | None = None
) -> Exhibit:
    """Return the answer of notebook 02: whom the answers speak for, their worth, and the worst gap that is left."""
    now = weights[wave]
    table, gaps = layout.table(plan, wave, "answer.02"), benchmark_gaps(now, margins or {})
    table.row("all").text("", table.sentence("weighted" if now.cells else "unweighted"))
    table.row("effective").number("", effective_n(plan, now), base=len(now.frame))
    if now.cells and len(gaps):
        table.row("gap").number("", gaps["weighted"].abs().max(), base=len(now.frame))
    return table.exhibit()
