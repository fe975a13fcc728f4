"""Notebook 00: the ledger of who is in, the waivers, the comparability of wording, and the gates that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.exhibit import Count, Exhibit, cell_key, words
from evaluation.plan.study import Plan
from evaluation.results import Gate


def flow(plan: Plan, wave: str, taken: Sequence[Any]) -> Exhibit:
    """Return the ledger of every wave: rows read, each step with the people it left out, rows kept."""
    triples: list[tuple[str, str, Any]] = []
    sums = []
    for one in taken:
        name = str(one.meta.wave)
        last = len(one.ledger) - 1
        left_key = ""
        for place, row in enumerate(one.ledger.itertuples(index=False)):
            # who is left after the last step are the people of the wave, whom every other table counts
            left = cell_key("ledger", left_after=f"{place:02d}", wave=name) if place < last else wave_key(name)
            out = cell_key("ledger", step=f"{place:02d}", wave=name)
            step = str(row.step)
            if place:
                triples.append((step, name, _people(f"flow.{_slug(step)}.all.{name}", int(row.n_out), out, name)))
                sums.append((left_key, (out, left)))
            else:
                triples.append((step, name, _people(f"flow.read.all.{name}", int(row.n_left), left, name)))
            left_key = left
        if last:
            kept = int(one.ledger["n_left"].iloc[-1])
            triples.append(("Analysed", name, _people(f"flow.analysed.all.{name}", kept, left_key, name)))
    steps = list(dict.fromkeys(row for row, _, _ in triples if row != "Analysed"))
    triples.sort(key=lambda t: (t[0] == "Analysed", steps.index(t[0]) if t[0] in steps else 0))
    reasons = {str(r.step): str(r.reason) for one in taken for r in one.ledger.itertuples(index=False) if r.reason}
    return (
        layout.table(plan, wave, "who.flow")
        .add(triples)
        .note_texts("more", tuple((f"{s}: {r}." for s, r in reasons.items())))
        .exhibit(sums=tuple(sums))
    )


def wave_key(wave: str) -> str:
    """Return the key of everybody in a wave."""
    return cell_key("people", wave=wave)


def _people(id: str, n: int, key: str, wave: str) -> Count:
    return Count(id=id.lower(), n=n, key=key, kind="identity", wave=wave)


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def waived(plan: Plan, wave: str, taken: Sequence[Any]) -> Exhibit:
    """Return the faults that a person waived, with the reason given; one row saying none where there are none."""
    triples = []
    for one in taken:
        for number, waiver in enumerate(getattr(one.meta, "waivers", ()) or (), 1):
            name = f"waiver.{number}.all.{one.meta.wave}"
            where = f"{one.meta.wave}: {_get(waiver, 'fault')} in {_get(waiver, 'where')}"
            triples.append((where, "Reason", words(name, str(_get(waiver, "reason")))))
    if not triples:
        triples = [("No fault was waived", "Reason", words(f"waiver.none.all.{wave}", "none"))]
    return layout.table(plan, wave, "intake.waivers").add(triples).exhibit()


def _get(waiver: Any, name: str) -> Any:
    return waiver[name] if isinstance(waiver, dict) else getattr(waiver, name)


def comparable(plan: Plan, wave: str, table: pd.DataFrame) -> Exhibit:
    """Return, for each outcome and wave, whether the wording is the same, changed, unknown, new or not asked."""
    items = [i for o in plan.all_outcomes for i in (plan.scales[o].items if o in plan.scales else (o,))]
    triples = []
    for item in dict.fromkeys(items):
        for name in table.columns:
            if item in table.index and name in plan.waves:
                said = words(f"wording.{item}.all.{name}", str(table.loc[item, name]))
                triples.append((plan.label_of(item), str(name), said))
    return layout.table(plan, wave, "intake.comparability").add(triples).exhibit()


def gates(plan: Plan, wave: str, taken: Sequence[Any], table: pd.DataFrame) -> list[Gate]:
    """Return the gates of intake: enough usable answers in each wave, and the wording of the primary outcome."""
    made = []
    for one in taken:
        n, bar = len(one.design), plan.sizes.least_answers
        note = f"{one.meta.wave} has at least {bar} usable answers"
        made.append(Gate(f"answers.{one.meta.wave.lower()}", "size", n >= bar, n, bar, note))
    state = wording(plan, table, plan.outcomes.primary, plan.waves[0], wave)
    note = "the primary question was not reworded since the first wave"
    made.append(Gate("wording", "design", state != "changed", state, "same or unknown", note))
    return made


def wording(plan: Plan, table: pd.DataFrame, outcome: str, earlier: str, later: str) -> str:
    """Return "same", "changed", "unknown" or "not asked" for an outcome (or a scale) between two waves."""
    items = plan.scales[outcome].items if outcome in plan.scales else (outcome,)
    states = {str(table.loc[i, w]) for i in items for w in (earlier, later) if i in table.index and w in table}
    for state in ("not asked", "changed", "unknown"):
        if state in states:
            return state
    return "same"


def answer(plan: Plan, wave: str, found: Sequence[Gate]) -> Exhibit:
    """Return the answer of notebook 00 in words."""
    failed = [g for g in found if not g.passed]
    said = (
        "Yes. Every wave could be read without an open fault, and the gates of intake were passed."
        if not failed
        else "In part. " + "; ".join(f"not met: {g.note}" for g in failed) + "."
    )
    return layout.table(plan, wave, "answer.00").add([("Answer", "", words(f"answer.00.all.{wave}", said))]).exhibit()
