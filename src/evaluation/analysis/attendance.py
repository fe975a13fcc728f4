"""Notebook 03: arms, claims of attendance, the propensity model, overlap, and routes of collection."""

from __future__ import annotations

import pandas as pd

from evaluation.analysis import arms, layout, vocabulary
from evaluation.analysis.arms import TREATED
from evaluation.analysis.comparison import Comparison
from evaluation.exhibit import Exhibit, cell_key
from evaluation.plan.study import Plan
from evaluation.results import Gate
from evaluation.statistics import misclassification

CLAIMED = ("first", "both", "unmatched_claim")
GENERAL, LISTS = "General sample", "Lists of attendees"


def arms_table(plan: Plan, wave: str, design: pd.DataFrame, arm: pd.Series) -> Exhibit:
    """Return how many people are in each arm, by the route that reached them."""
    table, boost = layout.table(plan, wave, "arms.counts"), arms.is_boost(plan, design)
    routes = {GENERAL: ~boost, **({LISTS: boost} if boost.any() else {}), "All": boost | ~boost}
    aside, present = table.declaration.rows, [name for name in arms.ARM_ORDER if (arm == name).any()]
    for name in arms.ARM_ORDER:
        if name in aside and name not in present:
            continue
        row = table.row(name, "" if name in aside else arms.words(plan, name))
        for route, rows in routes.items():
            levels = {} if route == "All" else {"route": route}
            row.count(route, int(((arm == name) & rows).sum()), arm=name, wave=wave, **levels)
        parts = (cell_key("people", arm=name, wave=wave, route=route) for route in list(routes)[:-1])
        table.sum(cell_key("people", arm=name, wave=wave), parts)
    table.sum(cell_key("people", wave=wave), (cell_key("people", arm=name, wave=wave) for name in present))
    if boost.any():
        lists = (cell_key("people", arm=name, route=LISTS, wave=wave) for name in present)
        table.sum(cell_key("people", boost="yes", wave=wave), lists)
    return table.exhibit()


def claimed_share(plan: Plan, design: pd.DataFrame, arm: pd.Series) -> tuple[float, int]:
    """Return the share (0 to 1) of the general sample that says it attended, and of how many."""
    known = arm[~arms.is_boost(plan, design) & arm.isin([*CLAIMED, "neither", "second"])]
    return (float(known.isin(CLAIMED).mean()) if len(known) else 0.0), len(known)


def claims(plan: Plan, wave: str, design: pd.DataFrame, arm: pd.Series, months: pd.Series | None = None) -> Exhibit:
    """Return the share of claimed attendees who attended, for each specificity of the plan, and impossible claims.

    `months` are the dates of events: a claim that names a month before the first of them is known to be false.
    """
    table = layout.table(plan, wave, "arms.claims")
    claimed, n = claimed_share(plan, design, arm)
    if claimed == 0:
        return table.exhibit()
    for s in plan.treatment.specificity:
        row = table.row(str(s).replace(".", ""), f"{s:.1%} of people who did not attend say so")
        row.share("true", misclassification.share_true(claimed, specificity=s), base=n)
    early = _too_early(plan, design, arm, months)
    if early is not None:
        table.row("").share("early", early.mean(), base=len(early))
    return table.exhibit()


def _too_early(plan: Plan, design: pd.DataFrame, arm: pd.Series, months: pd.Series | None) -> pd.Series | None:
    """Return, for each dated claim, whether it names a month before any event; None where that cannot be seen."""
    column = plan.treatment.first_month_column
    if months is None or not len(months) or not column or column not in design:
        return None
    stated = pd.to_datetime(design.loc[arm.isin(CLAIMED), column]).dropna()
    return stated.dt.to_period("M") < pd.to_datetime(months).dt.to_period("M").min() if len(stated) else None


def attendance_model(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the model of attendance: one row per term, on the log-odds scale."""
    table = layout.table(plan, wave, "design.model")
    if compare.refusal is not None or compare.scores is None:
        return table.refused(compare.refusal)
    for number, term in enumerate(compare.scores.tidy().itertuples(index=False)):
        row = table.row(f"term{number:02d}", _term(plan, str(term.term)))
        row.numbers({"": term.coefficient, "se": term.se}, base=sum(compare.n.values()))
    table.note("method", method=compare.scores.method)
    return table.note_texts("merged", (plan.label_of(c) for c in compare.merged)).exhibit()


def _term(plan: Plan, term: str) -> str:
    column = next((c for c in plan.covariates if term.startswith(c)), None)
    if column is None:
        return term
    level = term.removeprefix(column).strip(" =[]:T.")
    label = plan.levels_of(column).get(level, level.replace("_", " "))
    return f"{plan.label_of(column)}: {label}" if level else plan.label_of(column)


def overlap(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the shares of attendees and of others in each band of the chance of attending."""
    table = layout.table(plan, wave, "design.overlap")
    if compare.refusal is not None or compare.scores is None:
        return table.refused(compare.refusal)
    parts: dict[str, list[str]] = {}
    for r in compare.scores.overlap().itertuples(index=False):
        band = f"{r.low:.1f} to {r.high:.1f}"
        row = table.row(f"{round(10 * r.low):02d}", band)
        for arm, share in (("treated", r.share_treated), ("untreated", r.share_control)):
            whole = (cell_key("compared", arm=arm, wave=wave), compare.n[arm])
            part = (cell_key("compared", arm=arm, band=band, wave=wave), round(share * compare.n[arm]))
            row.share_of(arm, part, whole)
            parts.setdefault(whole[0], []).append(part[0])
    return table.exhibit(sums=((k, tuple(v)) for k, v in parts.items()))


def routes(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the share of attendees whose route of collection no non-attendee shares, and the people left out."""
    table = layout.table(plan, wave, "design.routes")
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    table.row("routes.alone.all").share("value", _alone(plan, compare), base=compare.n["treated"])
    for number, (step, n) in enumerate(compare.ledger.items(), 1):
        row = table.row(f"n.left_out.{number}", f"Left aside: {step}")
        row.count("value", n, **arms.LEFT_OUT[step], wave=wave)
    return table.exhibit()


def _alone(plan: Plan, compare: Comparison) -> float:
    columns = [c for c in plan.treatment.route_columns if c in compare.people]
    return misclassification.route_counterparts(compare.people, treat=TREATED, routes=columns)


def overlap_gates(plan: Plan, wave: str, compare: Comparison) -> list[Gate]:
    """Return the gates of notebook 03: identification, sizes, overlap, routes."""
    if compare.refusal is not None or compare.scores is None:
        stated = list(compare.refusal.gates) if compare.refusal is not None else []
        return stated or [Gate("attend.size", "size", False, note="enough people in each compared group")]
    inside, bar = compare.scores.common_support().share_treated_inside, plan.matching.least_overlap
    alone, most = _alone(plan, compare), plan.treatment.most_without_counterpart
    shared = f"at least {bar:.0%} of attendees have a chance of attending that others share"
    reached = f"at most {most:.0%} of attendees were reached by a route that nobody else shares"
    return [
        Gate("attend.overlap", "design", inside >= bar, inside, bar, vocabulary.own(plan, shared)),
        Gate("attend.routes", "design", alone <= most, alone, most, vocabulary.own(plan, reached)),
    ]


def overlap_answer(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the answer of notebook 03."""
    table = layout.table(plan, wave, "answer.03")
    if compare.refusal is not None or compare.scores is None:
        return table.refused(compare.refusal)
    failed = "; ".join(g.note for g in overlap_gates(plan, wave, compare) if not g.passed)
    table.row("all").text("", table.sentence("failed" if failed else "passed", failed=failed))
    inside = compare.scores.common_support().share_treated_inside
    return table.row("inside").share("", inside, base=compare.n["treated"]).table.exhibit()


def reasons(plan: Plan, wave: str, design: pd.DataFrame) -> Exhibit:
    """Return the share of people who did not attend who gave each reason; a person may give several.

    The question is the one of the codebook with several answers that was put only to people who did not attend.
    """
    table, book, t = layout.table(plan, wave, "attend.reasons"), plan.codebook, plan.treatment
    for name in book.names() if t.column in design else ():
        variable = book.variable(name)
        routed = t.column in variable.route and any(u in variable.route for u in t.untreated)
        labels = {k: label for k, label in variable.levels.items() if f"{name}.{k}" in design}
        if variable.type != "multi" or not routed or not labels:
            continue
        given = design.loc[design[t.column].isin(t.untreated), [f"{name}.{k}" for k in labels]].dropna(how="all")
        if len(given) >= plan.sizes.least_people:
            counts = {k: int(given[f"{name}.{k}"].fillna(False).astype(bool).sum()) for k in labels}
            for k in sorted((k for k in labels if counts[k]), key=lambda k: -counts[k]):
                part = (cell_key("asked_why", reason=k, wave=wave), counts[k])
                table.row(k, labels[k]).share_of("all", part, (cell_key("asked_why", wave=wave), len(given)))
            break
    return table.exhibit()
