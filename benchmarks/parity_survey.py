"""Hold weights and survey estimates to R's survey, from committed numbers: no R is needed.

Run `python -m benchmarks.parity_survey`: prints every comparison's largest relative gap and writes the table into
docs/methods/survey.md. The numbers come from tests/golden/scripts/parity_survey.R.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation.statistics import survey, weighting

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
POPULATION = 100_000
SHARES: dict[str, dict[str, float]] = {
    "sex": {"F": 0.51, "M": 0.49},
    "age": {"16-24": 0.15, "25-44": 0.34, "45-64": 0.31, "65+": 0.20},
    "ethnicity": {"Asian": 0.20, "Black": 0.06, "Mixed": 0.04, "Not stated": 0.05, "White": 0.65},
    "district": {"City": 0.34, "East": 0.15, "North": 0.20, "South": 0.17, "West": 0.14},
}
Row = tuple[str, str, np.ndarray, np.ndarray]


def sample() -> pd.DataFrame:
    """Return the project's sample with sessions, strata and finite populations, as the R script makes them."""
    s = pd.read_csv(GOLDEN / "data" / "rake_survey.csv")
    k = (s["id"] * 7) % 45
    first = k < 20
    return s.assign(
        session="s" + k.astype(str),
        stratum=np.where(first, "a", "b"),
        place=np.where(first, k, k - 20),
        units=np.where(first, 60, 50),
        share=np.where(first, 20 / 60, 25 / 50),
        score=s["trust"] + np.sin(s["id"]),
        f=(s["sex"] == "F") * 1.0,
    )


def margins(size: float = POPULATION) -> dict[str, pd.Series]:
    """Return the four margins."""
    return {k: pd.Series(v) * size for k, v in SHARES.items()}


def totals(size: float = POPULATION) -> pd.Series:
    """Return the same margins as totals of indicators, the first level of each left out."""
    found = {"(Intercept)": float(size)}
    for column, shares in SHARES.items():
        found |= {f"{column}={level}": share * size for level, share in list(shares.items())[1:]}
    return pd.Series(found)


def weights(s: pd.DataFrame) -> dict[str, weighting.Weights]:
    """Return every set of weights that R made."""
    own = float(s["base_w"].sum())
    flat = weighting.rake(s, margins(), tolerance=1e-11)
    mean = float(flat.values.mean())
    return {
        "rake_flat": flat,
        "rake_base": weighting.rake(s, margins(), base_weight="base_w", tolerance=1e-11),
        "raked": weighting.rake(s, margins(), base_weight="base_w", tolerance=1e-12),
        "linear": weighting.calibrate(s, totals(), base_weight="base_w"),
        "linear_bounded": weighting.calibrate(s, totals(own), base_weight="base_w", bounds=(0.4, 3)),
        "logit": weighting.calibrate(s, totals(own), base_weight="base_w", method="logit", bounds=(0.3, 3)),
        "poststratified": weighting.poststratify(s, s.groupby(["sex", "age"]).size() * 10.0 + 1, base_weight="base_w"),
        "trimmed": weighting.trim(flat, lower=0.5 * mean, upper=2 * mean),
    }


def designs(s: pd.DataFrame, made: dict[str, weighting.Weights]) -> dict[str, survey.Design]:
    """Return every design that R made."""
    words: dict[str, Any] = {"cluster": "session", "strata": "stratum"}
    return {
        "stratified_clustered": survey.Design(s, weight="base_w", **words),
        "nested": survey.Design(s, weight="base_w", cluster="place", strata="stratum", nest=True),
        "finite_counts": survey.Design(s, weight="base_w", fpc="units", **words),
        "finite_shares": survey.Design(s, weight="base_w", fpc="share", **words),
        "unclustered": survey.Design(s, weight="base_w"),
    } | {
        k: survey.Design(s, weight=made[k], **words)
        for k in ("raked", "linear", "linear_bounded", "logit", "poststratified")
    }


def compare_design(d: survey.Design, r: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (quantity, ours, R's) of one design."""

    def both(results: list[Any]) -> list[float]:
        return [results[0].value, results[0].se]

    yield "degrees of freedom", d.df, r["df"]
    yield "mean and error", both(survey.mean(d, "trust")), r["mean"]
    yield "total and error", both(survey.total(d, "trust")), r["total"]
    yield "ratio and error", both(survey.ratio(d, "trust", "base_w")), r["ratio"]
    by, r_by = survey.mean(d, "trust", by="ethnicity"), r["by"]
    assert [e.group for e in by] == r_by["levels"]
    yield "domain means", [e.value for e in by], r_by["mean"]
    yield "errors of domain means", [e.se for e in by], r_by["se"]
    sums = survey.total(d, "trust", by="ethnicity")
    yield (
        "domain totals and errors",
        [x for e in sums for x in (e.value, e.se)],
        _pairs(r_by["total"], r_by["total_se"]),
    )
    shares = survey.proportion(d, "confident", by="ethnicity")
    yield (
        "domain shares and errors",
        [x for e in shares for x in (e.value, e.se)],
        _pairs(r_by["share"], r_by["share_se"]),
    )
    ratios = survey.ratio(d, "trust", "base_w", by="sex")
    yield (
        "domain ratios and errors",
        [x for e in ratios for x in (e.value, e.se)],
        _pairs(r["by_ratio"]["ratio"], r["by_ratio"]["se"]),
    )
    yield "difference of domains and error", both(survey.difference(d, "trust", by="sex")), r["difference"]
    spread = survey.distribution(d, "ethnicity")
    yield "distribution", [e.value for e in spread], r["distribution"]["share"]
    if max(r["distribution"]["se"]) > 1e-9:
        yield "errors of the distribution", [e.se for e in spread], r["distribution"]["se"]
    if r["own_share_se"] > 1e-9:
        yield "error of a share", survey.mean(d, "f")[0].se, r["own_share_se"]
    for kind, name in (("logit", "logit"), ("beta", "beta"), ("mean", "plain")):
        (p,) = survey.proportion(d, "confident", interval=kind)
        yield f"{kind} interval of a share", [p.low, p.high], r[name]
    for q, known in zip((0.25, 0.5, 0.75), r["quantile"], strict=True):
        (e,) = survey.quantile(d, "score", q=q)
        yield "quantiles, Woodruff intervals, errors", [e.value, e.low, e.high, e.se], known
    linear = survey.glm(d, "trust ~ sex + age + ethnicity")
    yield "linear model: coefficients", list(linear.params), list(r["glm"]["coef"].values())
    yield "linear model: errors", list(linear.se), list(r["glm"]["se"].values())
    yield "linear model: degrees of freedom", linear.df, r["glm"]["df"]
    logistic = survey.glm(d, "confident ~ sex + age", family="quasibinomial")
    yield "logistic model: coefficients", list(logistic.params), list(r["logistic"]["coef"].values())
    yield "logistic model: errors", list(logistic.se), list(r["logistic"]["se"].values())
    x = survey.chisq(d, "ethnicity", "confident")
    yield (
        "Rao-Scott F, df, p",
        [x["f"], x["df1"], x["df2"], x["p"]],
        [r["chisq"]["f"], *r["chisq"]["df"], r["chisq"]["p"]],
    )
    t = survey.t_test(d, "trust", "sex")
    yield "t test: difference, error, df", [t.value, t.se, t.df], r["t"]
    rank = survey.rank_test(d, "score", "sex")
    yield "rank test: difference, t, df", [rank.value, rank.value / rank.se, rank.df], r["rank"]


def _pairs(first: list[float], second: list[float]) -> list[float]:
    return [x for pair in zip(first, second, strict=True) for x in pair]


def compare_replicates(s: pd.DataFrame, r: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (quantity, ours, R's) of delete-one-session jackknives, the second calibrated again each time."""
    words: dict[str, Any] = {"cluster": "session", "strata": "stratum"}
    two = {k: margins()[k] for k in ("sex", "age")}
    raked = weighting.rake(s, two, base_weight="base_w", tolerance=1e-12)
    for name, d in (
        ("jackknife", survey.Design(s, weight="base_w", **words)),
        ("jackknife_raked", survey.Design(s, weight=raked, **words)),
    ):
        jk, y = survey.Jackknife(d), s["trust"].to_numpy(dtype=float)
        levels = sorted(s["ethnicity"].unique())
        parts = [jk.mean(y, (s["ethnicity"] == level).to_numpy(dtype=float)) for level in levels]
        whole = jk.mean(y, np.ones(len(s)))
        yield name, [whole.value, whole.se], r[name]["mean"]
        yield f"{name}, domains", [e.se for e in parts], r[name]["by"]["se"]


def compare_ordered(s: pd.DataFrame, r: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (quantity, ours, R's) of the weighted ordered logit."""
    fit = survey.ordered_logit(
        survey.Design(s, weight="base_w", cluster="session", strata="stratum"), "trust", ["sex", "age"]
    )
    yield "coefficients and thresholds", list(fit.params), list(r["ordered"]["coef"].values())
    yield "errors", list(fit.se), list(r["ordered"]["se"].values())


def rows() -> list[Row]:
    """Return every comparison: where, quantity, ours, R's stored numbers."""
    r = json.loads((GOLDEN / "fixtures" / "parity_survey.json").read_text())
    s = sample()
    made = weights(s)
    found: list[tuple[str, str, Any, Any]] = []
    found += [("weights", k, w.values.to_numpy(), r["weights"][k]) for k, w in made.items()]
    for name, d in designs(s, made).items():
        found += [(name, q, a, b) for q, a, b in compare_design(d, r["designs"][name])]
    found += [("replicates", q, a, b) for q, a, b in compare_replicates(s, r)]
    found += [("ordered logit", q, a, b) for q, a, b in compare_ordered(s, r)]
    return [(w, q, np.atleast_1d(np.asarray(a, float)), np.atleast_1d(np.asarray(b, float))) for w, q, a, b in found]


def gap(ours: np.ndarray, known: np.ndarray) -> float:
    """Return the largest relative gap."""
    return float(np.max(np.abs(ours - known) / np.maximum(np.abs(known), 1e-12)))


def table(found: list[Row]) -> list[tuple[str, str, str, str, str]]:
    """Return one row per quantity: the design where the gap is largest, ours and R's number there, the gap."""
    worst: dict[str, tuple[float, Row]] = {}
    for row in found:
        key = f"weights: {row[1].replace('_', ' ')}" if row[0] == "weights" else row[1].replace("_", " ")
        if row[0] == "ordered logit":
            key = f"ordered logit: {key}"
        size = gap(row[2], row[3])
        if key not in worst or size > worst[key][0]:
            worst[key] = (size, row)
    out = []
    for key, (size, (where, _, ours, known)) in worst.items():
        place = int(np.argmax(np.abs(ours - known) / np.maximum(np.abs(known), 1e-12)))
        out.append((key, where.replace("_", " "), f"{ours[place]:.10g}", f"{known[place]:.10g}", f"{size:.1e}"))
    return out


def main() -> None:
    """Print and write the table."""
    made = table(rows())
    meta = json.loads((GOLDEN / "fixtures" / "parity_survey.json").read_text())["meta"]
    text = tables.markdown(("Quantity", "Largest gap in design", "Here", "R", "Relative gap"), made)
    said = (
        f"R {meta['r']}, survey {meta['packages']['survey']}; ten designs on `tests/golden/data/rake_survey.csv`, each "
        f"quantity in the design where it differs most. Made by `python -m benchmarks.parity_survey`."
    )
    print(text)
    tables.write("methods/survey.md", "parity", f"{said}\n\n{text}")


if __name__ == "__main__":
    main()
