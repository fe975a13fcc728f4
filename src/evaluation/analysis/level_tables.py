"""Levels of the outcomes by group and wave, reliability of the scales, and means unweighted and weighted."""

from __future__ import annotations

import pandas as pd

from evaluation import errors
from evaluation.analysis import contrasts, layout
from evaluation.analysis.levels import Survey, _too_few_sessions, domain, is_item, level
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import Exhibit, cell_key
from evaluation.plan.study import Plan
from evaluation.statistics import scales
from evaluation.table_builder import Row, Table


def group_column(plan: Plan) -> str:
    """Return the column that holds the focus group and the group it is compared with; "" where there is none."""
    return next((d.group for d in plan.designs.values() if len(d.group_levels) == 2), "")


def groups(plan: Plan) -> list[tuple[str, str, str]]:
    """Return (column, code, words) of each group shown, everybody last."""
    column, (first, second) = group_column(plan), focus(plan)
    named = [(column, first, plan.words.focus_group), (column, second, plan.words.comparison_group)] if column else []
    return [*named, ("", "", "Everybody")]


def _reliability(plan: Plan, wave: str, survey: Survey, name: str, *, ends: bool = False) -> scales.Reliability:
    """Return how well a scale holds together in a wave; with `ends`, the shares at its lowest and highest answer."""
    items = [i for i in plan.scales[name].items if i in survey.outcomes]
    codes = [float(code) for i in items for code in plan.levels_of(i)]
    answers = survey.outcomes.loc[survey.people.index[survey.people["wave"] == wave]]
    return scales.reliability(answers, items, **({"ends": (min(codes), max(codes))} if ends else {}))


def reliability(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return how well each scale holds together in the report's wave."""
    table = layout.table(plan, wave, "scales.reliability")
    for name, scale in plan.scales.items():
        row = table.row(name, scale.label)
        try:
            scale_fit = _reliability(plan, wave, survey, name)
        except errors.DataError as error:
            row.text("", error.what)
            continue
        given = {"base": scale_fit.n}
        row.number("alpha", scale_fit.alpha, low=scale_fit.alpha_low, high=scale_fit.alpha_high, **given)
        row.numbers({"omega": scale_fit.omega, "lowest": scale_fit.items["item_rest"].min()}, **given)
    return table.exhibit()


def items(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return, for each statement of a scale, its correlation with the rest and the shares at both ends."""
    table = layout.table(plan, wave, "scales.items")
    for name in plan.scales:
        try:
            scale_fit = _reliability(plan, wave, survey, name, ends=True)
        except (errors.DataError, ValueError):
            continue
        for item in scale_fit.items.itertuples(index=False):
            shown = {"correlation": item.item_rest, "lowest": 100 * item.floor, "highest": 100 * item.ceiling}
            table.row(f"{item.item}.{name}", plan.label_of(str(item.item))).numbers(shown, base=scale_fit.n)
    return table.exhibit()


def base(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return, by group and wave, everybody, the general sample, who answered the primary question, and sessions."""
    outcome, sizes = plan.outcomes.primary, plan.sizes
    least = {"least_people": sizes.least_people, "least_sessions": sizes.least_sessions}
    table = layout.table(plan, wave, "levels.base", short=contrasts.short(plan, outcome), **least)
    for when in [w for w in (*plan.earlier_waves(wave), wave) if w in survey.weights]:
        everybody = survey.people[survey.people["wave"] == when]
        general = survey.general(when)
        for column, code, who in groups(plan):
            row = table.row(f"{code or 'all'}.{when}", f"{who}, {when}")
            frames = {
                "all": everybody,
                "general": general,
                "answered": general[general[outcome].notna()] if outcome in general else general.iloc[:0],
            }
            kept = {k: f[(f[column] == code).fillna(False)] if column else f for k, f in frames.items()}
            where = {"wave": when, **({"group": code} if code else {})}
            for key, people in kept.items():
                row.count(key, len(people), **where)
            session = plan.population.session_column
            if session and session in general:
                row.count("sessions", kept["answered"][session].nunique(), **where)
            row.declared("missed", bar_missed(plan, survey, when, column=column, code=code))
            if when != wave and not column and plan.treatment.link_column:
                _again(row, survey, when, wave)
    return table.exhibit()


def _again(row: Row, survey: Survey, earlier: str, wave: str) -> None:
    """Add the share of this wave's people whose code shows that they answered an earlier one too.

    None is a fact about how the surveys were made, not about a person: it is 0, not hidden.
    """
    people = survey.people
    linked = people["link"].dropna() if "link" in people else pd.Series(dtype=object)
    codes = {w: linked[people["wave"].reindex(linked.index) == w] for w in (earlier, wave)}
    whole = (cell_key("people", wave=wave), int((people["wave"] == wave).sum()))
    n = int(codes[wave].isin(codes[earlier]).sum())
    if n:
        row.share_of("again", (cell_key("people", also=earlier, wave=wave), n), whole)
    else:
        row.share("again", 0.0, base=whole[1])


def bar_missed(plan: Plan, survey: Survey, wave: str, *, column: str, code: str) -> str:
    """Return which bar a group misses on the primary outcome: "people", "sessions", "spread" over them, or "none"."""
    frame, outcome = survey.general(wave), plan.outcomes.primary
    if outcome not in frame:
        return "people"
    inside = domain(frame, outcome, column, code)
    design = survey.jackknife(plan, wave).design
    if inside.sum() < plan.sizes.least_people:
        return "people"
    if not _too_few_sessions(plan, design, inside):
        return "none"
    few = len(set(design.cluster_codes[inside > 0])) < plan.sizes.least_sessions
    return "sessions" if few else "spread"


def _levels(plan: Plan, table: Table, survey: Survey, outcomes: list[str], waves: list[str]) -> Table:
    """Add a row for each outcome and group: the share of positive answers, or the mean, in each wave that asked."""
    for outcome in outcomes:
        share = is_item(plan, outcome)
        for column, code, who in groups(plan):
            row = table.row(outcome, f"{plan.label_of(outcome)}: {who}")
            for wave in [w for w in waves if survey.asked(outcome, w)]:
                result = level(plan, survey, outcome, wave, column=column, code=code, share=share)
                group, contrast = code or "all", "level" if share else "mean"
                question = f"{plan.label_of(outcome)}, {group}, {wave}"
                row.estimate(wave, contrasts.level(result, contrast, outcome, group, wave, question))
    return table


def trio(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the outcomes that the first wave asked, by group and wave: share of positive answers, or the mean."""
    shown = [w for w in (*plan.earlier_waves(wave), wave) if w in survey.weights]
    outcomes = [o for o in plan.all_outcomes if survey.asked(o, shown[0]) and o not in plan.outcomes.negative_controls]
    return _levels(plan, layout.table(plan, wave, "levels.trio"), survey, outcomes, shown).exhibit()


def trust(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the other outcomes in the report's wave, and the items of the scales."""
    first = next(w for w in (*plan.earlier_waves(wave), wave) if w in survey.weights)
    items = [i for s in plan.scales.values() for i in s.items]
    rest = [o for o in (*items, *plan.all_outcomes) if not survey.asked(o, first) or first == wave]
    outcomes = [o for o in dict.fromkeys(rest) if survey.asked(o, wave) and is_item(plan, o)]
    table = _levels(plan, layout.table(plan, wave, "levels.trust"), survey, outcomes, [wave])
    return table.exhibit(chart=None if len(table) > 1 else "")


def weighted_means(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return every outcome's mean unweighted and weighted, so that what weighting moved can be seen."""
    table, frame = layout.table(plan, wave, "levels.all"), survey.general(wave)
    for outcome in [o for o in plan.all_outcomes if survey.asked(o, wave)]:
        answers = frame[outcome]
        row = table.row(outcome, plan.label_of(outcome))
        row.number("unweighted", answers.mean(), base=int(answers.notna().sum()))
        mean, contrast = (
            level(plan, survey, outcome, wave, share=False),
            "mean" if is_item(plan, outcome) else "weightedmean",
        )
        row.estimate("weighted", contrasts.level(mean, contrast, outcome, "all", wave))
    return table.exhibit()
