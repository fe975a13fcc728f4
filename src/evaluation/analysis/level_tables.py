"""What people say: levels by group and wave, the scale's reliability, raw beside weighted."""

from __future__ import annotations

from typing import Any

from evaluation import errors
from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout
from evaluation.analysis.levels import Survey, is_item, level
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.statistics import scales


def group_column(plan: Plan) -> str:
    """Return the column that holds the focus group and the group it is compared with; "" where there is none."""
    return next((d.group for d in plan.designs.values() if len(d.group_levels) == 2), "")


def groups(plan: Plan) -> list[tuple[str, str, str]]:
    """Return (column, code, words) of each group shown, everybody last."""
    column, (first, second) = group_column(plan), focus(plan)
    named = [(column, first, plan.words.focus_group), (column, second, plan.words.comparison_group)] if column else []
    return [*named, ("", "", "Everybody")]


def _named(plan: Plan, result: Any, contrast: str, outcome: str, code: str, wave: str) -> Any:
    return contrasts.name(
        result,
        contrast,
        outcome=outcome,
        group=code or "all",
        wave=wave,
        planned=True,
        licence="descriptive",
        question=f"{plan.label_of(outcome)}, {code or 'all'}, {wave}",
    )


def reliability(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return how well each scale holds together in the report's wave."""
    rows = survey.people.index[survey.people["wave"] == wave]
    triples: list[tuple[str, str, Any]] = []
    for name, scale in plan.scales.items():
        items = [i for i in scale.items if i in survey.outcomes]
        try:
            found = scales.reliability(survey.outcomes.loc[rows], items)
        except errors.DataError as error:
            triples.append((scale.label, "Result", w.words(f"scale.{name}.all.{wave}", error.what)))
            continue
        id = f"scale.{name}.all.{wave}"
        more: dict[str, Any] = {"base": found.n, "wave": wave}
        triples += [
            (
                scale.label,
                "Alpha",
                w.measure(f"{id}.alpha", found.alpha, "", low=found.alpha_low, high=found.alpha_high, **more),
            ),
            (scale.label, "Omega", w.measure(f"{id}.omega", found.omega, "", **more)),
            (
                scale.label,
                "Lowest item-rest correlation",
                w.measure(f"{id}.lowest", float(found.items["item_rest"].min()), "", **more),
            ),
        ]
    if not triples:
        triples = [("No scale", "Result", w.words(f"scale.none.all.{wave}", "the plan names no scale"))]
    return layout.table(plan, wave, "scales.reliability").add(triples).exhibit()


def items(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return, for each statement of a scale, its correlation with the rest and the shares at both ends."""
    rows = survey.people.index[survey.people["wave"] == wave]
    triples: list[tuple[str, str, Any]] = []
    for name, scale in plan.scales.items():
        held = [i for i in scale.items if i in survey.outcomes]
        codes = [float(code) for i in held for code in plan.levels_of(i)]
        try:
            found = scales.reliability(survey.outcomes.loc[rows], held, ends=(min(codes), max(codes)))
        except (errors.DataError, ValueError):
            continue
        for row in found.items.itertuples(index=False):
            for column, value, unit in (
                ("Correlation with the other statements", row.item_rest, ""),
                ("At the lowest answer", 100 * row.floor, "per cent"),
                ("At the highest answer", 100 * row.ceiling, "per cent"),
            ):
                id = f"item.{row.item}.{name}.{wave}.{column.split()[-2 if unit else 0]}"
                made = w.measure(id, float(value), unit, base=found.n, wave=wave, decimals=0 if unit else 2)
                triples.append((plan.label_of(str(row.item)), column, made))
    if not triples:
        triples = [
            ("No scale", "Result", w.words(f"item.none.all.{wave}", "the plan names no scale, or too few answered"))
        ]
    return layout.table(plan, wave, "scales.items").add(triples).exhibit()


def _levels(plan: Plan, survey: Survey, outcomes: list[str], waves: list[str]) -> list[tuple[str, str, Any]]:
    triples = []
    for outcome in outcomes:
        for column, code, words in groups(plan):
            for wave in waves:
                if not survey.asked(outcome, wave):
                    continue
                made = level(plan, survey, outcome, wave, column=column, code=code, share=is_item(plan, outcome))
                contrast = "level" if is_item(plan, outcome) else "mean"
                triples.append(
                    (f"{plan.label_of(outcome)}: {words}", wave, _named(plan, made, contrast, outcome, code, wave))
                )
    return triples


def trio(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the outcomes that the first wave asked, by group and wave: share of positive answers, or the mean."""
    shown = [w_ for w_ in (*plan.earlier_waves(wave), wave) if w_ in survey.weights]
    outcomes = [o for o in plan.all_outcomes if survey.asked(o, shown[0]) and o not in plan.outcomes.negative_controls]
    return layout.table(plan, wave, "levels.trio").add(_levels(plan, survey, outcomes, shown)).exhibit()


def trust(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the other outcomes in the report's wave, and the items of the scales."""
    first = next(w_ for w_ in (*plan.earlier_waves(wave), wave) if w_ in survey.weights)
    items = [i for s in plan.scales.values() for i in s.items]
    rest = [o for o in (*items, *plan.all_outcomes) if not survey.asked(o, first) or first == wave]
    outcomes = [o for o in dict.fromkeys(rest) if survey.asked(o, wave) and is_item(plan, o)]
    triples = _levels(plan, survey, outcomes, [wave])
    if not triples:
        triples = [("No further question", "", w.words(f"level.none.all.{wave}", "no other question was asked"))]
    return layout.table(plan, wave, "levels.trust").add(triples).exhibit(chart=None if len(triples) > 1 else "")


def raw_beside_weighted(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return every outcome's mean unweighted and weighted, so that what weighting moved can be seen."""
    frame = survey.general(wave)
    triples: list[tuple[str, str, Any]] = []
    for outcome in plan.all_outcomes:
        if not survey.asked(outcome, wave):
            continue
        made = level(plan, survey, outcome, wave, share=False)
        raw = w.measure(
            f"rawmean.{outcome}.all.{wave}",
            float(frame[outcome].mean()),
            "points",
            base=int(frame[outcome].notna().sum()),
            wave=wave,
        )
        triples.append((plan.label_of(outcome), "Unweighted", raw))
        named = contrasts.name(
            made,
            "mean" if is_item(plan, outcome) else "weightedmean",
            outcome=outcome,
            group="all",
            wave=wave,
            licence="descriptive",
            planned=True,
        )
        triples.append((plan.label_of(outcome), "Weighted", named))
    return layout.table(plan, wave, "levels.all").add(triples).exhibit()
