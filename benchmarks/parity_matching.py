"""Matching, weighting, balance and effects beside MatchIt, WeightIt, cobalt, sandwich and Matching: the largest gaps.

Run as `python -m benchmarks.parity_matching`: reads the numbers that R made (tests/golden) and writes the tables.
"""

from __future__ import annotations

import attendance_study as held
import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation.statistics import balance, effects, matching, propensity

D, X = held.D, held.X


def gap(ours: object, theirs: object) -> float:
    """Return the largest absolute gap."""
    return float(np.max(np.abs(np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float))))


def of_matching(name: str) -> tuple[object, ...]:
    """Return the row of one specification of MatchIt."""
    spec, made = held.SPECS[name], held.design(name)
    pairs = ("same" if held.our_partners(made) == held.partners(spec) else "OTHER") if len(made.pairs) else "no pairs"
    table = balance.compare(D, treat="attended", covariates=X, weights=made.match_weight, estimand=made.target).table
    table = table.set_index("variable")
    rows = {held.level_name(k): v for k, v in spec["balance_matched"].items() if held.level_name(k) in table.index}
    smd = gap([table.loc[k, "smd_after"] for k in rows], [v["Std. Mean Diff."] for v in rows.values()])
    paired = len(made.pairs) and not made.replace
    values, errors = [], []
    for model, covariates in (("unadjusted", ()), ("gcomp_interacted", X)):
        known = spec["effects"][model]
        ours = effects.in_sample(D, made, outcome="trust", treat="attended", covariates=covariates)
        values.append(abs(ours.value - known["est"]))
        se = known["se_CL_HC1" if paired else "se_HC3"]
        errors += [] if se is None else [abs(ours.se - se)]
    weights = gap(made.match_weight, spec["weights"])
    return (f"`{name}`", pairs, *(f"{v:.0e}" for v in (weights, smd, max(values), max(errors))))


def of_distance(name: str) -> tuple[object, ...]:
    """Return the row of a specification that stops at a tolerance in R: total distances, ours and theirs."""
    spec, made = held.SPECS[name], held.design(name)
    if len(made.pairs):
        ours = float(np.abs(held.P[made.pairs["treated"]].to_numpy() - held.P[made.pairs["control"]].to_numpy()).sum())
        theirs = sum(abs(held.P[t] - held.P[c]) for t, cs in held.partners(spec).items() for c in cs)
    else:
        ours = held.total_distance(made.stratum)
        theirs = held.total_distance(pd.Series(spec["subclass"], index=D.index))
    return (f"`{name}`", f"{ours:.5f}", f"{theirs:.5f}")


def of_weighting() -> list[tuple[object, ...]]:
    """Return rows of WeightIt: weights, differences and their errors."""
    scores = propensity.fit(D, treat="attended", covariates=X)
    rows: list[tuple[object, ...]] = []
    names = {
        "logit_ATT": "ATT",
        "logit_ATE": "ATE",
        "logit_ATC": "ATC",
        "logit_overlap_ATO": "ATO",
        "logit_matching_ATM": "ATM",
    }
    for name, estimand in names.items():
        made = matching.weights(D, scores, treat="attended", estimand=estimand)
        rows.append(_weighted(name, made, held.WEIGHTS[name]))
    for estimand in ("ATT", "ATE"):
        made = matching.entropy_balance(D, treat="attended", covariates=X, estimand=estimand)
        rows.append(_weighted(f"ebal_{estimand}", made, held.WEIGHTS[f"ebal_{estimand}"], target="fixed"))
    return rows


def _weighted(name: str, made: matching.MatchedSample, known: dict, **words: str) -> tuple[object, ...]:
    parts = []
    for arm in (held.T, ~held.T):
        ours, theirs = made.match_weight.to_numpy()[arm], np.array(known["weights"])[arm]
        parts.append(gap(ours / ours.mean(), theirs / theirs.mean()))
    found = effects.weighted(D, made, outcome="trust", treat="attended", **words)
    held_by = known["effects"]["m_estimation"]
    return (
        f"`{name}`",
        *(f"{v:.0e}" for v in (max(parts), abs(found.value - held_by["est"]), abs(found.se - held_by["se"]))),
    )


def main() -> None:
    """Write the three tables."""
    scores = propensity.fit(D, treat="attended", covariates=X)
    fitted = gap(scores.values, held.SCORES["fitted"])
    header = ("MatchIt 4.7.1", "Pairs", "Weights", "SMD", "Effect", "Error")
    text = [
        f"Largest absolute gap to R on the seeded attendance data (720 people). Score: {fitted:.0e} to `glm`.",
        tables.markdown(header, [of_matching(n) for n in held.EQUAL]),
        "Error: clustered by pair (`vcovCL`, HC1), or HC3 without pairs and with replacement.",
        tables.markdown(("By distance", "Ours", "optmatch or quickmatch"), [of_distance(n) for n in held.BY_DISTANCE]),
        tables.markdown(("WeightIt 1.4.0", "Weights (mean 1)", "Difference", "M-estimation error"), of_weighting()),
        "`ebal` holds its target fixed; with the target estimated, as by default here, the error equals that of `ipt`.",
    ]
    tables.write("methods/matching.md", "parity_matching", "\n\n".join(text))


if __name__ == "__main__":
    main()
