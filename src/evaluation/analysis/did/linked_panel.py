"""Design D5, the linked panel: the same people before and after, and weights for who let answers be linked."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from evaluation.analysis import arms, layout
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.inputs import DesignInputs, attended, ends
from evaluation.plan.study import Design, Plan
from evaluation.results import Estimate, NotIdentified, Result, TooFew
from evaluation.statistics import did


def linked(plan: Plan, inputs: DesignInputs, design: Design) -> list[tuple[str, Result]]:
    """D5: change of people who attended for the first time between two waves against people who never did.

    Companions: first differences (the same estimate with an error that few people need), and linked people weighted to
    resemble everybody who answered the first wave.
    """
    panel, _ = linked_rows(plan, inputs, design)
    if panel is None:
        return [("", NotIdentified(*layout.declarations(plan)["designs.linkage"].why))]
    status = panel.groupby("link")["treat"].max()
    counts = {"newly attended": int((status == 1).sum()), "never attended": int((status == 0).sum())}
    if min(counts.values()) < plan.sizes.least_linked:
        return [("", TooFew(counts=counts, needed=plan.sizes.least_linked))]
    roles: dict[str, object] = {"outcome": design.outcome, "treat": "treat", "unit": "link", "time": "wave"}
    weighted = panel.assign(linkage_weight=panel["link"].map(linkage_weights(plan, inputs, design, panel)))
    results = [
        ("", guarded(did.linked_panel, panel, **roles)),
        ("first-differences", guarded(did.first_differences, panel, **roles)),
        ("linkage-weighted", guarded(did.first_differences, weighted, weight="linkage_weight", **roles)),
    ]
    return [(name, replace(r, n=counts) if isinstance(r, Estimate) else r) for name, r in results]


def answered_first(
    plan: Plan, inputs: DesignInputs, design: Design, panel: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return everybody who answered the first wave, `linked` 0/1, with covariates complete, and their names."""
    people = inputs.survey.people
    rows = people[people["wave"] == design.waves[0]]
    inside = rows["link"].isin(panel["link"]) & rows["link"].notna()
    covariates, names = arms.fill_covariates(plan, rows, inside)
    return covariates.assign(linked=inside.astype(float), link=rows["link"]), list(names)


def linkage_weights(plan: Plan, inputs: DesignInputs, design: Design, panel: pd.DataFrame) -> pd.Series:
    """Return each linked person's weight (by link code): 1 over the chance of being linked, of mean 1."""
    frame, names = answered_first(plan, inputs, design, panel)
    if not names or frame["linked"].nunique() < 2:
        return pd.Series(1.0, index=panel["link"].unique())
    weight = did.linkage_weights(frame, linked="linked", covariates=names)
    inside = frame["linked"] == 1
    return pd.Series(weight[inside].to_numpy(), index=frame.loc[inside, "link"].to_numpy())


def linked_rows(plan: Plan, inputs: DesignInputs, design: Design) -> tuple[pd.DataFrame | None, dict[str, int]]:
    """Return linked people × two waves with `treat`, and how many linked people stand in no group, by reason."""
    first, last = ends(design)
    people = inputs.survey.people
    if "link" not in people or not {first, last} <= set(inputs.arms):
        return None, {}
    rows = people[people["wave"].isin([first, last]) & people["link"].notna()]
    rows = rows[~rows.duplicated(["wave", "link"], keep=False)]
    rows = rows.join(inputs.survey.outcomes[[design.outcome]]).dropna(subset=[design.outcome])
    rows["attended"] = attended(inputs, rows)
    wide = rows.pivot(index="link", columns="wave", values="attended").reindex(columns=[first, last])
    in_both = rows.groupby("link")["wave"].nunique().reindex(wide.index) == 2
    newly = in_both & (wide[first] == 0) & (wide[last] == 1)
    never = in_both & (wide[first] == 0) & (wide[last] == 0)
    aside = {
        "already attended before": int((in_both & (wide[first] == 1)).sum()),
        "attendance not known at both times": int((in_both & ~newly & ~never & (wide[first] != 1)).sum()),
    }
    kept = rows[rows["link"].isin(wide.index[newly | never])].copy()
    kept["treat"] = (kept["link"].isin(wide.index[newly]) & (kept["wave"] == last)).astype(float)
    return (kept, aside) if len(kept) else (None, aside)
