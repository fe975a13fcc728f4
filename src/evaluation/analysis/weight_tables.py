"""Show the weights: sample, weighted and population side by side; their price; their gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis import population_weights as celled
from evaluation.analysis.population_weights import (
    JOIN,
    MERGED,
    NOT_STATED,
    Cells,
    WaveWeights,
    benchmark_gaps,
    effective_n,
)
from evaluation.exhibit import Exhibit, cell_key, measure, words
from evaluation.plan.study import Plan
from evaluation.results import Gate
from evaluation.statistics import weighting

MODEL_BASED = (
    "Nobody was drawn at random, so no margin of error exists: intervals rest on a model, in which people who answered "
    "are like those of the same group who did not."
)


def margins_table(plan: Plan, wave: str, people: pd.DataFrame, made: Mapping[str, WaveWeights]) -> Exhibit:
    """Return, for the report's wave, each cell's share among those who answered, weighted, and in the population."""
    now = made[wave]
    triples, sums = _side_by_side(plan, now, "share", wave)
    if not triples:
        reason = "no population figures were given: every answer counts the same"
        triples = [("Unweighted", "", words(f"share.none.all.{wave}", reason))]
    return (
        layout.table(plan, wave, "weights.margins")
        .add(triples)
        .note_texts("more", _notes(plan, now))
        .exhibit(chart=None if now.cells else "", sums=sums)
    )


def group_table(plan: Plan, wave: str, own: tuple[str, Mapping[str, WaveWeights]]) -> Exhibit:
    """Return the same three shares within the focus group, weighted to its own population."""
    now = own[1].get(wave)
    triples, sums = ([], ()) if now is None else _side_by_side(plan, now, "ownshare", wave)
    if not triples:
        reason = "no population figure describes this group in cells large enough: each of its answers counts the same"
        triples = [("Unweighted", "", words(f"ownshare.none.all.{wave}", reason))]
    return (
        layout.table(plan, wave, "weights.group")
        .add(triples)
        .note_texts("more", () if now is None else _notes(plan, now))
        .exhibit(chart=None if len(triples) > 1 else "", sums=sums)
    )


def _side_by_side(plan: Plan, now: WaveWeights, kind: str, wave: str) -> tuple[list[tuple[str, str, Any]], Any]:
    """Return (row, column, share) of every cell, among those who stated it, and the sums they imply."""
    triples: list[tuple[str, str, Any]] = []
    sums = []
    for cells in now.cells:
        margin = cells.name if kind == "share" else f"{kind}.{cells.name}"
        stated = cells.population.drop(NOT_STATED, errors="ignore")
        raw, got = cells.of.value_counts(), now.values.groupby(cells.of).sum().reindex(stated.index)
        base = int((cells.of != NOT_STATED).sum())
        whole = (cell_key("general", margin=margin, wave=wave), base)
        sums.append((whole[0], tuple(celled.key(margin, str(x), wave) for x in stated.index)))
        for place, (cell, target) in enumerate(stated.items()):
            row = celled.words(plan, cells.columns, str(cell))
            stem = f"{kind}.{cells.name}.cell{place:02d}.{wave}"
            part = (celled.key(margin, str(cell), wave), int(raw.get(cell, 0)))
            counted = {"base": base, "share_of": (part[0], whole[0]), "counts": (part, whole)}
            shares: tuple[tuple[str, float, dict[str, Any]], ...] = (
                ("answered", part[1] / max(base, 1), counted),
                ("weighted", got[cell] / got.sum(), {"base": base}),
                ("census", target / stated.sum(), {"public": True}),
            )
            for column, share, more in shares:
                value = measure(f"{stem}.{column}", 100 * share, "per cent", wave=wave, decimals=0, **more)
                triples.append((row, _COLUMNS[column], value))
    return triples, tuple(sums)


def _notes(plan: Plan, now: WaveWeights) -> tuple[str, ...]:
    """Return each joining of groups that was needed, in words, and each margin that could not be used."""
    notes = [f"{_margin_words(plan, c)}: joined {_step_words(plan, c, s)}." for c in now.cells for s in c.steps]
    notes += unused(plan, now.left_out)
    if any(NOT_STATED in c.population.index for c in now.cells):
        notes.append("People who did not say are shared out in proportion: they count, as a group of their own.")
    return tuple(notes)


def unused(plan: Plan, left_out: Sequence[Cells], head: str = "") -> tuple[str, ...]:
    """Return a sentence for each margin that the weights do not use, and why; `head` says which weights."""
    return tuple(
        f"{head}{_margin_words(plan, c)} was not used: "
        + (
            f"nobody answered in {'; '.join(celled.words(plan, c.columns, e) for e in c.empty if e != NOT_STATED)}."
            if c.empty
            else "these answers cannot be weighted to match it and the other figures at once. It is still nearly met."
        )
        for c in left_out
    )


def _margin_words(plan: Plan, cells: Any) -> str:
    return " by ".join(plan.label_of(c) for c in cells.columns)


def _step_words(plan: Plan, cells: Any, step: str) -> str:
    """Return a joining in the words of the plan's levels."""
    labels = {code: said for c in cells.columns for code, said in plan.levels_of(c).items()}
    merged, _, rest = step.partition(", among ")
    levels = " with ".join(labels.get(x, x) for x in merged.split(" with "))
    among = " ".join(" or ".join(labels.get(y, y) for y in x.split(MERGED)) for x in rest.split(JOIN)) if rest else ""
    return f"{levels}{f' ({among})' if among else ''}"


_COLUMNS = {"answered": "People who answered", "weighted": "Weighted", "census": "Population"}


def summary(
    plan: Plan,
    wave: str,
    made: Mapping[str, WaveWeights],
    margins: Mapping[str, pd.Series] | None = None,
    own: tuple[str, Mapping[str, WaveWeights]] = ("", {}),
) -> Exhibit:
    """Return what the weights of each wave cost, and the worst gap to the population before and after them."""
    triples: list[tuple[str, str, Any]] = []
    for name, one in made.items():
        triples += _price(plan, one, name, "all", "")
        gaps = benchmark_gaps(one, margins or {})
        for row, column, id in (
            ("Largest gap to the population, unweighted", "answered", "gap_before"),
            ("Largest gap to the population, weighted", "weighted", "gap_after"),
        ):
            if len(gaps):
                value = measure(
                    f"weights.{id}.all.{name}",
                    float(gaps[column].abs().max()),
                    "percentage points",
                    base=len(one.frame),
                    wave=name,
                    decimals=1,
                )
                triples.append((row, name, value))
    for name, one in own[1].items():
        triples += _price(plan, one, name, "focus", f"{plan.words.focus_group}, to their own population: ")
    notes: tuple[str, ...] = (
        MODEL_BASED,
        "The gap is over every cell of the published margins, those that were joined included.",
        "With sessions: answers within a session are taken to agree a little (a planning value).",
    )
    for name, one in made.items():
        notes += unused(plan, one.left_out, f"{name}: ")
    for name, one in own[1].items():
        notes += unused(plan, one.left_out, f"{plan.words.focus_group}, to their own population, {name}: ")
    if any(one.outside > 0 for one in made.values()):
        notes += (
            "A group met far more often than it lives here keeps small weights whatever the trimming: its share "
            "is met again afterwards.",
        )
    return layout.table(plan, wave, "weights.summary").add(triples).note_texts("more", notes).exhibit()


def _price(plan: Plan, one: WaveWeights, name: str, who: str, head: str) -> list[tuple[str, str, Any]]:
    """Return the rows of one set of weights."""
    values, base = one.values, len(one.frame)
    relative = values / values.mean()
    kish = weighting.effective_n(values)
    rows = (
        ("Effective number of answers (weights alone)", "effective", kish, "people", 0),
        ("Effective number of answers (weights and sessions)", "clustered", effective_n(plan, one), "people", 0),
        ("Design effect of weighting", "design_effect", base / kish, "times", 2),
        ("Largest weight, share of all", "largest", 100 * float(values.max() / values.sum()), "per cent", 1),
        ("Largest weight, times the average", "most", float(relative.max()), "times", 1),
        ("Weight that 5 per cent lie under, times the average", "low", float(relative.quantile(0.05)), "times", 2),
        ("Weight in the middle, times the average", "middle", float(relative.median()), "times", 2),
        ("Weight that 5 per cent lie over, times the average", "high", float(relative.quantile(0.95)), "times", 2),
        ("Answers whose weight was trimmed", "trimmed", 100 * one.trimmed, "per cent", 1),
        ("Outside the trimming bounds once margins were met again", "outside", 100 * one.outside, "per cent", 1),
    )
    chosen = rows if who == "all" else rows[:4]
    return [
        (
            head + (row if not head else row[:1].lower() + row[1:]),
            name,
            measure(f"weights.{id}.{who}.{name}", value, unit, base=base, wave=name, decimals=places),
        )
        for row, id, value, unit, places in chosen
    ]


def gates(plan: Plan, wave: str, made: Mapping[str, WaveWeights]) -> list[Gate]:
    """Return the gates of weighting: in the report's wave no empty cell, and enough effective answers.

    Where margins could not be met at once in some wave, a gate that failed says which were left out.
    """
    now = made[wave]
    effective, bar = effective_n(plan, now), plan.sizes.least_effective_n
    empty = [f"{_margin_words(plan, c)}: {', '.join(c.empty)}" for c in now.left_out if c.empty]
    found = [
        Gate(
            "weights.effective",
            "quality",
            effective >= bar,
            effective,
            bar,
            f"the weighted, clustered answers are worth at least {bar:.0f} independent ones",
        )
    ]
    if plan.population.margins:
        note = "somebody answered in every population cell" + (f" (not in {'; '.join(empty)})" if empty else "")
        found.append(Gate("weights.cells", "quality", not empty, len(empty), 0, note))
    spared = [f"{_margin_words(plan, c)} in {x}" for x, one in made.items() for c in one.left_out if not c.empty]
    if spared:
        note = f"each wave could be weighted to every population figure at once (not to {'; '.join(spared)})"
        found.append(Gate("weights.margins", "quality", False, len(spared), 0, note))
    return found


def answer(
    plan: Plan, wave: str, made: Mapping[str, WaveWeights], margins: Mapping[str, pd.Series] | None = None
) -> Exhibit:
    """Return the answer of notebook 02: whom the answers speak for, their worth, and the worst gap that is left."""
    now = made[wave]
    if not now.cells:
        said = "For themselves: no population figures were given, so every answer counts the same."
    else:
        said = f"For {plan.population.title}, if people who answered are like those who did not in the same group."
    base, gaps = len(now.frame), benchmark_gaps(now, margins or {})
    triples: list[tuple[str, str, Any]] = [("Answer", "", words(f"answer.02.all.{wave}", said))]
    rows = [
        ("Worth this many independent answers, sessions allowed for", "effective", effective_n(plan, now), "people", 0)
    ]
    if now.cells and len(gaps):
        rows.append(
            (
                "Largest gap to the population that weighting left",
                "gap",
                float(gaps["weighted"].abs().max()),
                "percentage points",
                1,
            )
        )
    triples += [
        (row, "", measure(f"answer.02.{id}.{wave}", value, unit, base=base, wave=wave, decimals=places))
        for row, id, value, unit, places in rows
    ]
    return layout.table(plan, wave, "answer.02").add(triples).exhibit()
