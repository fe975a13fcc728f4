"""Notebook 03: the arms, the claims, the model of attendance, overlap and routes of collection."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.analysis import arms, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.comparison import Comparison
from evaluation.exhibit import Count, Exhibit, cell_key, measure, words
from evaluation.plan.study import Plan
from evaluation.results import Gate
from evaluation.statistics import misclassification as claiming

ASIDE = {
    "aside": "Helps to run the events",
    "unmatched_claim": "Says they attended in a month without an event",
    "not_known": "Did not say, or was not asked",
}


def arms_table(plan: Plan, wave: str, design: pd.DataFrame, arm: pd.Series) -> Exhibit:
    """Return how many people are in each arm, by the route that reached them."""
    boost = arms.is_boost(plan, design).map({True: "Lists of attendees", False: "General sample"})
    labels = {**plan.treatment.arms, **ASIDE}
    triples: list[tuple[str, str, Any]] = []
    sums = []
    routes = ["General sample", "Lists of attendees"] if (boost == "Lists of attendees").any() else ["General sample"]
    for name in arms.ARM_ORDER:
        if not (arm == name).any() and name in ASIDE:
            continue
        keys = []
        for route in [*routes, "All"]:
            rows = (arm == name) & ((boost == route) | (route == "All"))
            levels = {"arm": name, "wave": wave} | ({} if route == "All" else {"route": route})
            key = cell_key("people", **levels)
            keys.append(key)
            id = f"n.arm.{name}.{wave}.{route}".lower().replace(" ", "-")
            count = Count(id=id, n=int(rows.sum()), key=key, kind="identity", wave=wave)
            triples.append((labels.get(name, name), route, count))
        sums.append((keys[-1], tuple(keys[:-1])))
    every = [cell_key("people", arm=name, wave=wave) for name in arms.ARM_ORDER if (arm == name).any()]
    lists = [
        cell_key("people", arm=name, route=routes[-1], wave=wave) for name in arms.ARM_ORDER if (arm == name).any()
    ]
    sums.append((cell_key("people", wave=wave), tuple(every)))
    if len(routes) > 1:
        sums.append((cell_key("people", boost="yes", wave=wave), tuple(lists)))
    return layout.table(plan, wave, "arms.counts").add(triples).exhibit(sums=tuple(sums))


def claimed_share(plan: Plan, design: pd.DataFrame, arm: pd.Series) -> tuple[float, int]:
    """Return the share (0 to 1) of the general sample that says it attended, and of how many."""
    known = arm[~arms.is_boost(plan, design) & arm.isin(["first", "both", "unmatched_claim", "neither", "second"])]
    return (float(known.isin(["first", "both", "unmatched_claim"]).mean()) if len(known) else 0.0), len(known)


def claims(plan: Plan, wave: str, design: pd.DataFrame, arm: pd.Series, months: pd.Series | None = None) -> Exhibit:
    """Return the share of claimed attendees who attended, for each specificity of the plan, and impossible claims.

    `months` are the dates of events: a claim that names a month before the first of them is known to be false.
    """
    claimed, n = claimed_share(plan, design, arm)
    if claimed == 0:
        reason = words(f"claims.none.all.{wave}", "nobody in the general sample says that they attended")
        return layout.table(plan, wave, "arms.claims").add([("Claims", "", reason)]).exhibit()
    triples = [
        (
            f"{s:.1%} of people who did not attend say so",
            "Share of claims that are true",
            measure(
                f"claims.true.all.{wave}.{str(s).replace('.', '')}",
                100 * claiming.share_true(claimed, specificity=s),
                "per cent",
                base=n,
                wave=wave,
                decimals=0,
            ),
        )
        for s in plan.treatment.specificity
    ]
    early = _too_early(plan, design, arm, months)
    if early is not None:
        value = measure(
            f"claims.early.all.{wave}", 100 * early.mean(), "per cent", base=len(early), wave=wave, decimals=0
        )
        triples.append(("Claims that name a month before the first event", "Share of dated claims", value))
    return layout.table(plan, wave, "arms.claims").add(triples).exhibit()


def _too_early(plan: Plan, design: pd.DataFrame, arm: pd.Series, months: pd.Series | None) -> pd.Series | None:
    """Return, for each dated claim, whether it names a month before any event; None where that cannot be seen."""
    column = plan.treatment.first_month_column
    if months is None or not len(months) or not column or column not in design:
        return None
    stated = pd.to_datetime(design.loc[arm.isin(["first", "both", "unmatched_claim"]), column]).dropna()
    return stated.dt.to_period("M") < pd.to_datetime(months).dt.to_period("M").min() if len(stated) else None


def attendance_model(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the model of attendance: one row per term, on the log-odds scale."""
    if compare.refusal is not None or compare.scores is None:
        return layout.refused(plan, wave, "design.model", compare.refusal)
    base = sum(compare.n.values())
    triples: list[tuple[str, str, Any]] = []
    for number, row in enumerate(compare.scores.tidy().itertuples(index=False)):
        name = f"model.term{number:02d}.all.{wave}"
        term = _term(plan, str(row.term))
        triples.append((term, "Coefficient", measure(name, row.coefficient, "log odds", base=base, wave=wave)))
        triples.append((term, "Standard error", measure(f"{name}.se", row.se, "log odds", base=base, wave=wave)))
    notes = [f"Fitted by {compare.scores.method}."]
    notes += [f"{plan.label_of(c)}: rare levels joined to the commonest one." for c in compare.merged]
    return layout.table(plan, wave, "design.model").add(triples).note_texts("more", tuple(notes)).exhibit()


def _term(plan: Plan, term: str) -> str:
    for column in plan.covariates:
        if term.startswith(column):
            level = term.removeprefix(column).strip(" =[]:T.")
            if not level:
                return plan.label_of(column)
            return f"{plan.label_of(column)}: {plan.levels_of(column).get(level, level.replace('_', ' '))}"
    return term


def overlap(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the shares of attendees and of others in each band of the chance of attending."""
    if compare.refusal is not None or compare.scores is None:
        return layout.refused(plan, wave, "design.overlap", compare.refusal)
    triples: list[tuple[str, str, Any]] = []
    parts: dict[str, list[str]] = {}
    for row in compare.scores.overlap().itertuples(index=False):
        band = f"{row.low:.1f} to {row.high:.1f}"
        for arm, share, name in (
            ("treated", row.share_treated, plan.words.treated_short),
            ("untreated", row.share_control, plan.words.untreated_short),
        ):
            id = f"overlap.{arm}.all.{wave}.{round(10 * row.low):02d}"
            whole = (cell_key("compared", arm=arm, wave=wave), compare.n[arm])
            part = (cell_key("compared", arm=arm, band=band, wave=wave), round(share * compare.n[arm]))
            value = measure(
                id,
                100 * share,
                "per cent",
                base=compare.n[arm],
                wave=wave,
                decimals=0,
                share_of=(part[0], whole[0]),
                counts=(part, whole),
            )
            triples.append((band, name, value))
            parts.setdefault(whole[0], []).append(part[0])
    return (
        layout.table(plan, wave, "design.overlap")
        .add(triples)
        .exhibit(sums=tuple(((k, tuple(v)) for k, v in parts.items())))
    )


def routes(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the share of attendees whose route of collection no non-attendee shares, and the people left out."""
    if compare.refusal is not None:
        return layout.refused(plan, wave, "design.routes", compare.refusal)
    share = measure(
        f"routes.alone.all.{wave}",
        100 * _alone(plan, compare),
        "per cent",
        base=compare.n["treated"],
        wave=wave,
        decimals=0,
    )
    triples: list[tuple[str, str, Any]] = [("Attendees reached by a route that nobody else shares", "Value", share)]
    for number, (step, n) in enumerate(compare.ledger.items(), 1):
        key = cell_key("people", **arms.LEFT_OUT[step], wave=wave)
        count = Count(id=f"n.left_out.{number}.{wave}".lower(), n=n, key=key, kind="identity", wave=wave)
        triples.append((f"Left aside: {step}", "Value", count))
    return layout.table(plan, wave, "design.routes").add(triples).exhibit()


def _alone(plan: Plan, compare: Comparison) -> float:
    columns = [c for c in plan.treatment.route_columns if c in compare.people]
    return claiming.route_counterparts(compare.people, treat=TREATED, routes=columns)


def overlap_gates(plan: Plan, wave: str, compare: Comparison) -> list[Gate]:
    """Return the gates of notebook 03: identification, sizes, overlap, routes."""
    if compare.refusal is not None or compare.scores is None:
        stated = list(compare.refusal.gates) if compare.refusal is not None else []
        return stated or [Gate("attend.size", "size", False, note="enough people in each compared group")]
    inside = compare.scores.common_support().share_treated_inside
    bar, most = plan.matching.least_overlap, plan.treatment.most_without_counterpart
    alone = _alone(plan, compare)
    return [
        Gate(
            "attend.overlap",
            "design",
            inside >= bar,
            inside,
            bar,
            f"at least {bar:.0%} of attendees have a chance of attending that others share",
        ),
        Gate(
            "attend.routes",
            "design",
            alone <= most,
            alone,
            most,
            f"at most {most:.0%} of attendees were reached by a route that nobody else shares",
        ),
    ]


def overlap_answer(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the answer of notebook 03."""
    if compare.refusal is not None or compare.scores is None:
        return layout.refused(plan, wave, "answer.03", compare.refusal)
    failed = [g.note for g in overlap_gates(plan, wave, compare) if not g.passed]
    said = (
        "There are people who did not attend but could well have."
        if not failed
        else ("Attendees cannot be compared with others. Not met: " + "; ".join(failed) + ".")
    )
    inside = measure(
        f"answer.03.inside.{wave}",
        100 * compare.scores.common_support().share_treated_inside,
        "per cent",
        base=compare.n["treated"],
        wave=wave,
        decimals=0,
    )
    triples = [("Answer", "", words(f"answer.03.all.{wave}", said)), ("Attendees inside the common range", "", inside)]
    return layout.table(plan, wave, "answer.03").add(triples).exhibit()


def reasons(plan: Plan, wave: str, design: pd.DataFrame) -> Exhibit:
    """Return the share of people who did not attend who gave each reason; a person may give several.

    The question is the one of the codebook with several answers that was put only to people who did not attend.
    """
    title, book = f"Why {plan.words.untreated} did not", plan.codebook
    asked = design[plan.treatment.column].isin(plan.treatment.untreated) if plan.treatment.column in design else None
    for name in book.names():
        variable = book.variable(name)
        routed = plan.treatment.column in variable.route and any(u in variable.route for u in plan.treatment.untreated)
        held = {k: said for k, said in variable.levels.items() if f"{name}.{k}" in design}
        if asked is None or variable.type != "multi" or not routed or not held:
            continue
        given = design.loc[asked, [f"{name}.{k}" for k in held]].dropna(how="all").fillna(False).astype(bool)
        if len(given) < plan.sizes.least_people:
            continue
        whole = (cell_key("asked_why", wave=wave), len(given))
        counts = {k: int(given[f"{name}.{k}"].sum()) for k in held}
        triples = []
        for k in sorted((k for k in held if counts[k]), key=lambda k: -counts[k]):
            part = (cell_key("asked_why", reason=k, wave=wave), counts[k])
            share = measure(
                f"whynot.{k}.all.{wave}",
                100 * counts[k] / whole[1],
                "per cent",
                base=whole[1],
                wave=wave,
                decimals=0,
                share_of=(part[0], whole[0]),
                counts=(part, whole),
            )
            triples.append((held[k], "People who gave this reason", share))
        return layout.table(plan, wave, "attend.reasons", heading=title).add(triples).exhibit()
    none = words(f"whynot.none.all.{wave}", "not asked in this wave, or too few people answered")
    return layout.table(plan, wave, "attend.reasons", heading=title).add([("Reasons", "", none)]).exhibit()
