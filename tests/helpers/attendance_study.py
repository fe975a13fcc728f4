"""The seeded attendance data, R's numbers about it, and every design of ours that R's specifications name."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.statistics import matching

GOLDEN = Path(__file__).parents[1] / "golden"
FIXTURES = GOLDEN / "fixtures"
SPECS = json.loads((FIXTURES / "a_matching.json").read_text())["specs"]
SCORES = json.loads((FIXTURES / "a_propensity.json").read_text())
WEIGHTS = json.loads((FIXTURES / "a_weighting.json").read_text())["results"]
D = pd.read_csv(GOLDEN / "data" / "attendance.csv").set_index("unit")
X = ["age", "years_llr", "ethnic5", "female", "contact", "deprivation", "distance_km"]
T = (D["attended"] == 1).to_numpy()
P = pd.Series(SCORES["fitted"], index=D.index)  # R's scores, so that ties and pairs are R's

NEAREST = {
    "nearest_default": {"caliper_scale": "score"},
    "nearest_data_order": {"caliper_scale": "score", "order": "data"},
    "nearest_smallest": {"caliper_scale": "score", "order": "ascending"},
    "nearest_closest": {"caliper_scale": "score", "order": "closest"},
    "nearest_linear_logit": {},
    "nearest_caliper02_ps": {"caliper_scale": "score", "caliper": 0.2},
    "nearest_caliper02_logit": {"caliper": 0.2},
    "nearest_caliper_abs_005": {"caliper_scale": "score", "caliper": 0.05, "caliper_over": "none"},
    "nearest_replace": {"caliper_scale": "score", "replace": True},
    "nearest_replace_caliper02": {"caliper_scale": "score", "replace": True, "caliper": 0.2},
    "nearest_k2": {"caliper_scale": "score", "ratio": 2},
    "nearest_k3_replace": {"caliper_scale": "score", "ratio": 3, "replace": True},
    "nearest_exact_race": {"caliper_scale": "score", "exact": ["ethnic5"]},
    "nearest_discard_both": {"caliper_scale": "score", "common_support": True, "replace": True},
    "nearest_ATC": {"caliper_scale": "score", "estimand": "ATC", "replace": True},
}
MAHALANOBIS = {"nearest_mahalanobis": {}, "nearest_mahalanobis_replace": {"replace": True}}
SUBCLASS = {
    "subclass6": {"subclasses": 6},
    "subclass6_ATE": {"subclasses": 6, "estimand": "ATE"},
    "subclass5_min_n": {"subclasses": 5, "least": 5},
}
CELLS = {
    "exact_race_married_nodegree": {
        "covariates": ["ethnic5", "female", "contact"],
        "cutpoints": {"female": 0, "contact": 0},
    },
    "cem_default": {"covariates": X},
    "cem_cutpoints": {
        "covariates": ["age", "years_llr", "ethnic5", "deprivation"],
        "cutpoints": {"age": [24.5, 34.5, 49.5, 64.5], "years_llr": [2.5, 10.5, 20.5], "deprivation": [15, 25]},
    },
}
BY_DISTANCE = {  # optmatch and quickmatch stop at a tolerance: total distance is compared, not who is with whom
    "optimal_1to1": ("optimal", {"ratio": 1}),
    "optimal_k2": ("optimal", {"ratio": 2}),
    "full_default": ("full", {}),
    "full_ATE": ("full", {"estimand": "ATE"}),
    "quick_full": ("full", {}),
}
EQUAL = [*NEAREST, *MAHALANOBIS, *SUBCLASS, *CELLS]


def design(name, frame=D, scores=P):
    """Return our design for one of R's specifications."""
    if name in NEAREST:
        return matching.nearest(frame, scores, treat="attended", **NEAREST[name])
    if name in MAHALANOBIS:
        return matching.mahalanobis(frame, treat="attended", covariates=X, **MAHALANOBIS[name])
    if name in SUBCLASS:
        return matching.subclass(frame, scores, treat="attended", **SUBCLASS[name])
    if name in CELLS:
        return matching.coarsened_exact(frame, treat="attended", **CELLS[name])
    function, words = BY_DISTANCE[name]
    return getattr(matching, function)(frame, scores, treat="attended", caliper_scale="score", **words)


def partners(spec):
    """Return focal unit to the set of its partners, from MatchIt's matrix of row numbers."""
    matrix, rows, found = spec["match_matrix"], D.index.to_numpy(), {}
    for focal, others in zip(matrix["treated_row"], matrix["control_row"], strict=True):
        others = others if isinstance(others, list) else [others]
        kept = {rows[o - 1] for o in others if o is not None}
        if kept:
            found[rows[focal - 1]] = kept
    return found


def our_partners(made):
    """Return the same of a design of ours."""
    focal, other = ("control", "treated") if made.target == "ATC" else ("treated", "control")
    return made.pairs.groupby(focal)[other].agg(set).to_dict()


def level_name(name):
    """Return our name of a row of MatchIt's balance table."""
    return f"ethnic5[{name[7:]}]" if name.startswith("ethnic5") else name


def total_distance(stratum):
    """Return the summed distances within the sets of a full matching."""
    far = 0.0
    for _, members in P.groupby(stratum):
        attended = D.loc[members.index, "attended"] == 1
        far += np.abs(members[attended].to_numpy()[:, None] - members[~attended].to_numpy()[None, :]).sum()
    return far
