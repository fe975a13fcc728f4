"""Notebook 00: the ledger of exclusions, waived faults, comparability of wording, and the gates of intake."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.contrasts import slug
from evaluation.exhibit import Exhibit, cell_key
from evaluation.intake.answer_patterns import outcome_items
from evaluation.intake.ingest import WaveIn
from evaluation.intake.known_words import NOT_ASKED
from evaluation.plan.study import Plan
from evaluation.results import Gate


def flow(plan: Plan, wave: str, taken: Sequence[WaveIn]) -> Exhibit:
    """Return the ledger of every wave: rows read, each step with the people it left out, rows kept."""
    table = layout.table(plan, wave, "who.flow")
    steps: dict[str, list[tuple[str, str, int, dict[str, str]]]] = {}
    kept = []
    for one in taken:
        name, before, last = str(one.meta.wave), "", len(one.ledger) - 1
        for place, row in enumerate(one.ledger.itertuples(index=False)):
            # who is left after the last step are the people of the wave, whom every other table counts
            left = {"universe": "ledger", "left_after": f"{place:02d}"} if place < last else {"universe": "people"}
            out = {"universe": "ledger", "step": f"{place:02d}"}
            cell = (slug(str(row.step)), name, int(row.n_out), out) if place else ("read", name, int(row.n_left), left)
            steps.setdefault(str(row.step), []).append(cell)
            if place:
                table.sum(before, (cell_key(**out, wave=name), cell_key(**left, wave=name)))
            before = cell_key(**left, wave=name)
        if last:
            kept.append(("analysed", name, int(one.ledger["n_left"].iloc[-1]), left))
    for step, cells in [*steps.items(), ("Analysed", kept)]:
        for key, name, n, levels in cells:
            table.row(key, step).count(name, n, wave=name, **levels)
    reasons = {str(r.step): str(r.reason) for one in taken for r in one.ledger.itertuples(index=False) if r.reason}
    return table.note_texts("more", (f"{s}: {r}." for s, r in reasons.items())).exhibit()


def waived(plan: Plan, wave: str, taken: Sequence[WaveIn]) -> Exhibit:
    """Return the faults that a person waived, with the reason given; one row saying none where there are none."""
    table = layout.table(plan, wave, "intake.waivers")
    for one in taken:
        for number, waiver in enumerate(getattr(one.meta, "waivers", ()) or (), 1):
            fields = (
                waiver if isinstance(waiver, dict) else {k: getattr(waiver, k) for k in ("fault", "where", "reason")}
            )
            row = table.row(str(number), f"{one.meta.wave}: {fields['fault']} in {fields['where']}")
            row.text("reason", str(fields["reason"]), id=f"waiver.{number}.all.{one.meta.wave}")
    return table.exhibit()


def read(plan: Plan, wave: str, taken: Sequence[WaveIn]) -> Exhibit:
    """Return what was read of each question, wave by wave: its answers, and the reasons of missing ones.

    Only what at least as many people gave as a count must have to be shown is named; nothing is counted here.
    """
    table, book, least = layout.table(plan, wave, "intake.read"), plan.codebook, plan.disclosure.threshold
    for name in book.names():
        var = book.variable(name)
        if var.sens == "direct" or var.type in ("id", "text"):
            continue
        for one in taken:
            if name in one.reasons and not (one.reasons[name] == NOT_ASKED).all():
                words = _read(pd.concat([one.design, one.outcomes], axis=1), one.reasons[name], plan, name, least)
                table.row(name, book.label(name)).text(str(one.meta.wave), words)
    return table.exhibit()


def _read(people: pd.DataFrame, reasons: pd.Series, plan: Plan, name: str, least: int) -> str:
    """Return the answers of one question that enough people gave, and the reasons that enough people have."""
    var = plan.codebook.variable(name)
    if var.type == "multi":
        ticked = {words: int(people[f"{name}.{c}"].sum()) for c, words in var.levels.items() if f"{name}.{c}" in people}
    else:
        counts = people[name].astype("string").value_counts().to_dict()
        ticked = {words: int(counts.get(str(c), 0)) for c, words in var.levels.items()}
    shown = [words for words, n in ticked.items() if n >= least]
    if not var.levels:
        shown = ["a date" if "date" in var.type else "a number"]
    why = [plan.codebook.missing.get(str(c), "") for c, n in sorted(reasons.value_counts().items()) if c and n >= least]
    missing = f"; missing: {', '.join(why)}" if any(why) else ""
    return (", ".join(shown) or "answers that few gave") + missing


def comparable(plan: Plan, wave: str, wordings: pd.DataFrame) -> Exhibit:
    """Return, for each outcome and wave, whether the wording is the same, changed, unknown, new or not asked."""
    table = layout.table(plan, wave, "intake.comparability")
    for item in outcome_items(plan):
        for name in wordings.columns:
            if item in wordings.index and name in plan.waves:
                table.row(item, plan.label_of(item)).text(str(name), str(wordings.loc[item, name]))
    return table.exhibit()


def gates(plan: Plan, wave: str, taken: Sequence[WaveIn], wordings: pd.DataFrame) -> list[Gate]:
    """Return the gates of intake: enough usable answers in each wave, and the wording of the primary outcome."""
    bar = plan.sizes.least_answers
    sizes = {str(one.meta.wave): len(one.design) for one in taken}
    note = "the primary question was not reworded since the first wave"
    state = wording(plan, wordings, plan.outcomes.primary, plan.waves[0], wave)
    return [
        *(
            Gate(f"answers.{name.lower()}", "size", n >= bar, n, bar, f"{name} has at least {bar} usable answers")
            for name, n in sizes.items()
        ),
        Gate("wording", "design", state != "changed", state, "same or unknown", note),
    ]


def wording(plan: Plan, wordings: pd.DataFrame, outcome: str, earlier: str, later: str) -> str:
    """Return "same", "changed", "unknown" or "not asked" for an outcome (or a scale) between two waves."""
    items = plan.scales[outcome].items if outcome in plan.scales else (outcome,)
    states = {str(wordings.loc[i, w]) for i in items for w in (earlier, later) if i in wordings.index and w in wordings}
    return next((state for state in ("not asked", "changed", "unknown") if state in states), "same")


def answer(plan: Plan, wave: str, gates: Sequence[Gate]) -> Exhibit:
    """Return the answer of notebook 00 in words."""
    failed = "; ".join(f"not met: {g.note}" for g in gates if not g.passed)
    text = (
        f"In part. {failed}."
        if failed
        else "Yes. Every wave could be read without an open fault, and the gates of intake were passed."
    )
    return layout.table(plan, wave, "answer.00").row("all", "Answer").text("", text).table.exhibit()
