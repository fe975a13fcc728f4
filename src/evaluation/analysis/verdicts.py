"""Notebook 10: gates, verdicts by rule, estimands, and what may and may not be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.contrasts import short
from evaluation.exhibit import Exhibit, gate_rows, result_id, words
from evaluation.plan.study import Plan
from evaluation.results import (
    FAMILY,
    HALVED,
    ONE_SIDED,
    SIGN,
    Estimate,
    Gate,
    NotIdentified,
    Result,
    TooFew,
    verdict,
    why_fragile,
    with_verdict,
)
from evaluation.statistics import multiplicity
from evaluation.verdict import NOT_ANSWERABLE, WITHOUT_NUMBER

FAMILIES = ("secondary", "exploratory", "control")
CONTRASTS = ("change", "gap", "attend", "d1", "d2", "d3", "d4", "d5")


def focus(plan: Plan) -> tuple[str, str]:
    """Return the codes of the group that the study is about and of the one it is compared with ("all", "")."""
    for design in plan.designs.values():
        if len(design.group_levels) == 2:
            return design.group_levels[0], design.group_levels[1]
    return "all", ""


def primary_id(plan: Plan, wave: str) -> str:
    """Return the id of the primary contrast: change of the focus group, or attendance where there is one wave."""
    outcome = plan.outcomes.primary
    if plan.earlier_waves(wave):
        return result_id("change", outcome, focus(plan)[0], wave)
    return result_id("attend", outcome, "all", wave)


def gates_table(plan: Plan, wave: str, gates: Sequence[Gate]) -> Exhibit:
    """Return every gate of the run: what it asks, its kind, and whether it was passed."""
    rows = gate_rows(gates, wave) or [("No gate", "Result", words(f"gate.none.{wave}", "no gate was set"))]
    return layout.table(plan, wave, "gates.all").add(rows).exhibit()


def settled(
    plan: Plan, wave: str, published: Sequence[Exhibit], doubted: Sequence[Result]
) -> list[Estimate | NotIdentified | TooFew]:
    """Return every contrast of the run in its last form, with its verdict by the rule.

    A later publication of an id stands over an earlier one, and what notebook 07 found stands over both.
    """
    latest: dict[str, Any] = {}
    for made in published:
        for item in made.items:
            latest[item.result.id] = item.result
    latest |= {r.id: r for r in doubted}
    rows = corrected([signed(r, latest) for r in latest.values() if _is_contrast(r)])
    return [
        replace(with_verdict(r), mde=_detectable(plan, r)) if isinstance(r, Estimate) else with_verdict(r) for r in rows
    ]


COMPANIONS = {"change": ("changeshare",), "attend": ("attendshare",)}
METHOD = ".entropy-balancing"  # the planned companion of the planned comparison


def signed(row: Any, latest: Mapping[str, Any]) -> Any:
    """Return a contrast of means with the gate of its companions: the share of positive answers, the other design.

    Where one of them points the other way the gate fails, and a direction becomes fragile.
    """
    if not isinstance(row, Estimate) or row.id.count(".") != 3:
        return row
    contrast, rest = row.id.split(".", 1)
    others = [latest.get(f"{c}.{rest}") for c in COMPANIONS.get(contrast, ())] + [latest.get(row.id + METHOD)]
    known = [o for o in others if isinstance(o, Estimate)]
    if not known:
        return row
    agree = all(o.value * row.value >= 0 for o in known)
    note = "the share of positive answers and the planned companion point the same way as the mean"
    return replace(row, gates=(*row.gates, Gate(f"{contrast}.same_sign", "quality", agree, note=note)))


def corrected(rows: Sequence[Any]) -> list[Any]:
    """Return the contrasts with p-values adjusted within their family, where notebook 07 has not done it.

    A family is the outcomes of one kind (secondary, exploratory) in one contrast and group: Holm's method, Benjamini
    and Hochberg's for the exploratory one.
    """
    families: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        if isinstance(row, Estimate) and row.family in FAMILIES and row.p_family is None and row.p is not None:
            parts = row.id.split(".")
            families.setdefault((parts[0], *parts[2:], row.family), {})[row.id] = row.p
    found: dict[str, float] = {}
    for key, p in families.items():
        correct = multiplicity.benjamini_hochberg if key[-1] == "exploratory" else multiplicity.holm
        found |= {k: float(v) for k, v in correct(pd.Series(p)).items()}
    return [replace(r, p_family=found[r.id]) if r.id in found else r for r in rows]


def _is_contrast(result: Any) -> bool:
    if isinstance(result, NotIdentified | TooFew):
        return result.id.split(".")[0] in CONTRASTS
    return isinstance(result, Estimate) and result.null is not None and result.id.split(".")[0] in CONTRASTS


def _detectable(plan: Plan, result: Estimate) -> float | None:
    from evaluation.statistics import power

    if result.mde is not None or not result.se or result.null == 1:
        return result.mde
    return power.minimum_detectable(
        result.se, df=result.df or float("inf"), power=plan.power.power, size=plan.power.size
    )


def is_headline(result: Result, plan: Plan) -> bool:
    """Return whether a contrast is one of the planned main ones: the primary outcome by its planned method."""
    return result.id.count(".") == 3 and result.outcome == plan.outcomes.primary


def table(plan: Plan, wave: str, rows: Sequence[Any]) -> Exhibit:
    """Return each contrast with its verdict; refusals stand in their place with their reason."""
    triples: list[tuple[str, str, Any]] = []
    for row in rows:
        name = row.question or row.id
        triples.append((name, "Result", row))
        triples.append((name, "Verdict", words(f"verdict.{row.id}", verdict(row) or "no verdict")))
        triples.append((name, "Planned", words(f"planned.{row.id}", "planned" if row.planned else "not planned")))
        if "fragile" in verdict(row):
            triples.append((name, "Why fragile", words(f"why.{row.id}", why(row, rows))))
    if not triples:
        triples = [("No contrast", "Verdict", words(f"verdict.none.{wave}", "no comparison could be made"))]
    return (
        layout.table(plan, wave, "verdicts.all")
        .add(triples)
        .exhibit(headline=[r.id for r in rows if is_headline(r, plan)])
    )


REASONS = {
    SIGN: "other ways of analysing point the other way",
    HALVED: "other ways of analysing find less than half of it",
    ONE_SIDED: "attendees differ in this direction on things that events cannot have moved",
}


def why(row: Estimate, rows: Sequence[Any]) -> str:
    """Return why a verdict is fragile, in words: gates by what they ask, the analyses, the doubt, the family's size."""
    notes = {g.id: g.note or g.id for g in row.gates}
    said = []
    for reason in why_fragile(row):
        if reason == FAMILY:
            kind = (row.id.split(".")[0], row.id.split(".")[2:], row.family)
            alike = [
                r
                for r in rows
                if isinstance(r, Estimate) and (r.id.split(".")[0], r.id.split(".")[2:], r.family) == kind
            ]
            said.append(f"this is before allowing for the {len(alike)} things we looked at")
        elif reason.startswith("gate:"):
            said.append(f"not met: {notes[reason.removeprefix('gate:')]}")
        else:
            said.append(REASONS[reason])
    return "; ".join(said)


def estimands(plan: Plan, wave: str, rows: Sequence[Any]) -> Exhibit:
    """Return one row per contrast of the primary outcome: what is estimated, how, with which licence."""
    triples: list[tuple[str, str, Any]] = []
    for row in rows:
        if not is_headline(row, plan):
            continue
        name = row.question or row.id
        parts = {"Licence": row.licence, "Planned": "yes" if row.planned else "no"}
        if isinstance(row, Estimate):
            parts |= {
                "What is estimated": row.estimand or "a difference of means",
                "Estimator": row.method or "",
                "Error": row.se_method or "",
            }
        triples += [
            (name, k, words(f"estimand.{row.id}.{k}".replace(" ", "-"), v or "not stated")) for k, v in parts.items()
        ]
    if not triples:
        triples = [("None", "", words(f"estimand.none.{wave}", "no contrast of the primary outcome was made"))]
    return layout.table(plan, wave, "estimands.all").add(triples).exhibit()


def all_ruled(rows: Sequence[Any]) -> bool:
    """Return whether every contrast has a verdict, and the one that the rule gives."""
    return all(r.verdict and (not isinstance(r, Estimate) or r.verdict == verdict(r)) for r in rows)


def can_and_cannot(plan: Plan, wave: str, rows: Sequence[Any], gates: Sequence[Gate]) -> Exhibit:
    """Return what the results permit saying, and what may not be concluded, from licences and verdicts."""
    w = plan.words
    triples: list[tuple[str, str, Any]] = []
    seen = {r.id.split(".")[0]: r for r in rows if is_headline(r, plan)}
    said = {
        "change": (
            f"How answers on {short(plan, plan.outcomes.primary)} differ between surveys",
            "That the same people changed: other people answered each time",
        ),
        "gap": (f"How {w.focus_group} and {w.comparison_group} differ", "Why they differ"),
        "attend": (
            f"How {w.treated} and {w.untreated} differ, among people alike in what was asked",
            f"That {w.programme} made them differ",
        ),
    }
    for key, (may, may_not) in said.items():
        row = seen.get(key)
        answered = row is not None and row.verdict not in ("", *WITHOUT_NUMBER)
        stem = f"say.{key}.all.{wave}"
        triples.append((may, "May be said", words(f"{stem}.may", "yes" if answered else f"no: {NOT_ANSWERABLE} yet")))
        triples.append((may, "May not be concluded", words(f"{stem}.not", may_not)))
    refusals = [r for r in rows if isinstance(r, NotIdentified) and is_headline(r, plan)]
    for row in refusals:
        triples.append((row.question or row.id, "May be said", words(f"say.{row.id}.may", "nothing")))
        triples.append((row.question or row.id, "May not be concluded", words(f"say.{row.id}.not", row.reason)))
    return layout.table(plan, wave, "say.all").add(triples).exhibit()


def answer(plan: Plan, wave: str, rows: Sequence[Any]) -> Exhibit:
    """Return the answer of notebook 10: the verdicts on the primary outcome."""
    main = [r for r in rows if is_headline(r, plan)]
    triples: list[tuple[str, str, Any]] = []
    for row in main:
        triples.append((row.question or row.id, "Verdict", words(f"answer.10.{row.id}", verdict(row) or "none")))
    if not triples:
        triples = [("Answer", "Verdict", words(f"answer.10.none.{wave}", "no comparison could be made"))]
    return layout.table(plan, wave, "answer.10").add(triples).exhibit()
