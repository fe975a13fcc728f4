"""Difference-in-differences held to R: DRDID, did, fixest, plm, clubSandwich, sandwich, and to printed numbers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.statistics import did, inference, multiplicity
from evaluation.statistics.did import pre_trends

GOLDEN = Path(__file__).parents[2] / "golden"
TEACHING = [p / "teaching" for p in (GOLDEN, *[x / "shared" / "data" for x in Path(__file__).resolve().parents[:4]])]


def fixture(name):
    return json.loads((GOLDEN / "fixtures" / f"{name}.json").read_text())


def teaching(name):
    """Return a published example's data, which is not committed; skip where it is not at hand."""
    found = next((p / name for p in TEACHING if (p / name).exists()), None)
    if found is None:
        pytest.skip(f"{name} is not at hand")
    return pd.read_csv(found)


RC = pd.read_csv(GOLDEN / "data" / "rc_two_wave.csv")
PANEL = pd.read_csv(GOLDEN / "data" / "panel_two_period.csv")
LONG = pd.concat([PANEL.assign(t=0, y=PANEL["y0"]), PANEL.assign(t=1, y=PANEL["y1"])], ignore_index=True)
STAGGERED = pd.read_csv(GOLDEN / "data" / "staggered_panel.csv")
DR, DP, ATTGT, TWFE = (fixture(f"c_{n}") for n in ("drdid_rc", "drdid_panel", "attgt", "twfe"))
TWFE = TWFE["results"]
X = ["female", "minority", "age"]
NAMES = {"traditional": "drdid", "improved": "drdid_imp", "regression": "reg_did", "weighting": "std_ipw_did"}
METHODS = {"dr": "traditional", "reg": "regression", "ipw": "weighting"}


def rc_words(case):
    return {
        "outcome": "agree" if "binary" in case else "trust",
        "group": "d",
        "time": "wave",
        "covariates": X if case.startswith("covariates") else [],
        "weight": "w" if "_weighted" in case else None,
    }


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("case", DR["results"])
def test_cross_sections_agree_with_drdid(case, method):
    known = DR["results"][case][f"{NAMES[method]}_rc"]
    made = did.doubly_robust(RC, method=method, **rc_words(case))
    close = 1e-5 if method == "improved" else 1e-8
    assert made.value == pytest.approx(known["att"], abs=close)
    if method != "traditional" or case.startswith("intercept"):
        assert made.se == pytest.approx(known["se"], abs=close)


def arrays(case):
    words = rc_words(case)
    x = np.column_stack([np.ones(len(RC)), *(RC[c] for c in words["covariates"])])
    w = RC["w"].to_numpy() if words["weight"] else np.ones(len(RC))
    return (RC[words["outcome"]].to_numpy(float), RC["wave"].to_numpy(float), RC["d"].to_numpy(float), x, w / w.mean())


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("case", ["covariates_unweighted", "covariates_weighted"])
def test_influence_functions_of_cross_sections_agree_with_drdid(case, method):
    from evaluation.statistics.did import influence_functions

    known = DR["results"][case][f"{NAMES[method]}_rc"]
    y, post, d, x, w = arrays(case)
    _, inf = influence_functions.RC[method](y, post, d, x, w)
    if method == "traditional":  # DRDID to 1.2.3 adds both terms of the earlier regression where it should subtract
        _, linear = influence_functions.outcome_regression(y, x, w * (1 - d) * (1 - post))
        p, _ = influence_functions.propensity(x, d, w)
        own, others = w * d * (1 - post), w * p / (1 - p) * (1 - d) * (1 - post)
        inf = inf - 2 * linear @ ((own @ x) / own.sum() - (others @ x) / others.sum())
    assert inf[:10] == pytest.approx(known["inf_first10"], abs=2e-4 if method == "improved" else 1e-7)
    assert inf.std(ddof=1) == pytest.approx(known["inf_sd"], rel=1e-5 if method == "improved" else 1e-9)


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("case", DP["results"])
def test_linked_people_agree_with_drdid(case, method):
    known = DP["results"][case][f"{NAMES[method]}_panel"]
    terms = ["x1", "x2", "x3"] if case.startswith("covariates") else []
    made = did.doubly_robust(
        LONG,
        outcome="y",
        group="d",
        time="t",
        covariates=terms,
        method=method,
        unit="id",
        weight="w" if "_weighted" in case else None,
    )
    close = 1e-5 if method == "improved" else 1e-8
    assert (made.value, made.se) == pytest.approx((known["att"], known["se"]), abs=close)


def group_time(kind, name):
    part = name.split("_")[0]
    return did.group_time(
        STAGGERED,
        outcome="y",
        first_treated="first",
        time="period",
        covariates=[] if part == "nocov" else ["x"],
        unit="id" if kind == "panel" else None,
        control="not_yet" if "notyet" in name else "never",
        weight="w" if name.endswith("_weighted") else None,
        method=METHODS.get(part, "traditional"),
        base="universal" if "universal" in name else "varying",
        anticipation=int("anticip" in name),
    )


CASES = [(k, n) for k in ("panel", "repeated_cross_section") for n in ATTGT[k]]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_group_time_effects_agree_with_did(kind, name):
    known, made = ATTGT[kind][name], group_time(kind, name)
    held = {(g, t): v for g, t, *v in zip(known["group"], known["t"], known["att"], known["se"], strict=True)}
    held = {k: v for k, v in held.items() if v[1] is not None}
    assert {(int(g), int(t)) for g, t in zip(made.groups, made.times, strict=True)} == set(held)
    slip = kind != "panel" and name.startswith("dr")  # did calls DRDID, whose error has the sign slip there
    for e, g, t in zip(made, made.groups, made.times, strict=True):
        value, se = held[int(g), int(t)]
        assert e.value == pytest.approx(value, abs=1e-9)
        assert e.se == pytest.approx(se, rel=5e-3 if slip else 1e-6)
    wald = made.pretest()
    assert wald.f * wald.df_num == pytest.approx(known["wald_pretest"], rel=5e-3 if slip else 1e-6)
    assert wald.p == pytest.approx(known["wald_p"], abs=5e-3 if slip else 1e-5)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_aggregates_agree_with_did(kind, name):
    known, made = ATTGT[kind][name]["aggte"], group_time(kind, name)
    slip = kind != "panel" and name.startswith("dr")
    for label, held in known.items():
        overall, *parts = made.aggregate(label)
        assert overall.value == pytest.approx(held["overall"], abs=1e-9)
        assert overall.estimand.startswith(f"{label}:")
        if label != "group":
            assert overall.se == pytest.approx(held["overall_se"], rel=5e-3 if slip else 1e-6)
        shown = (
            {}
            if held["egt"] is None
            else dict(zip(held["egt"], zip(held["att"], held["se"], strict=True), strict=True))
        )
        for e in parts:
            value, se = shown[int(float(e.group))]
            assert e.value == pytest.approx(value, abs=1e-9)
            assert e.se == pytest.approx(se, rel=5e-3 if slip else 1e-6)


def test_the_group_aggregate_has_the_error_of_later_versions_of_did():
    """did 2.1.2 gave the weights' term of the first group to every group; later versions, and we, do not."""
    made = group_time("panel", "nocov_nevertreated")
    held = ATTGT["panel"]["nocov_nevertreated"]["aggte"]["group"]
    right = made.aggregate("group")[0].se
    assert right == pytest.approx(held["overall_se"], rel=0.01)
    assert right != pytest.approx(held["overall_se"], rel=1e-4)
    first = (STAGGERED.drop_duplicates("id")["first"] == 3).to_numpy(float)
    for j, share in enumerate(made.share.values()):
        made._share_influence[:, j] = first - share
    assert made.aggregate("group")[0].se == pytest.approx(held["overall_se"], rel=1e-9)


def test_county_employment_agrees_with_did_2_5():
    """Callaway and Sant'Anna's county data: the numbers of did 2.5.0, never treated, no covariates."""
    frame = teaching("did_mpdta.csv").rename(columns={"first.treat": "first"})
    made = did.group_time(frame, outcome="lemp", first_treated="first", time="year", unit="countyreal", control="never")
    held = {
        (2004, 2004): (-0.0105032462209624, 0.0232510363681664),
        (2004, 2005): (-0.0704231581031467, 0.0309847667572767),
        (2004, 2006): (-0.137258738889403, 0.0364356642876865),
        (2004, 2007): (-0.100811363085404, 0.0343592258346732),
        (2006, 2006): (-0.00459460695286304, 0.0177551966592763),
        (2006, 2007): (-0.0412244715462175, 0.0202291807041068),
        (2007, 2007): (-0.0260544, 0.0166554),
    }
    found = {(int(g), int(t)): e for e, g, t in zip(made, made.groups, made.times, strict=True)}
    for key, (value, se) in held.items():
        close = 1e-7 if key != (2007, 2007) else 2e-5
        assert (found[key].value, found[key].se) == pytest.approx((value, se), abs=close)
    for label, value, se in (
        ("simple", -0.0399512751551763, 0.0120340127701854),
        ("group", -0.0310182822287484, 0.0124460593209979),
        ("dynamic", -0.0772398214573151, 0.0199649890618494),
    ):
        overall = made.aggregate(label)[0]
        assert (overall.value, overall.se) == pytest.approx((value, se), abs=1e-10)
    wald = made.pretest()
    assert (wald.f * wald.df_num, wald.p) == pytest.approx((7.79123662720035, 0.16812), abs=1e-5)


def test_simulated_cross_sections_of_drdid():
    frame = teaching("drdid_sim_rc.csv")
    made = did.doubly_robust(frame, outcome="y", group="d", time="post", covariates=["x1", "x2", "x3", "x4"])
    assert (made.value, made.se) == pytest.approx((-0.1677954, 0.2025580), abs=1e-7)
    other = did.doubly_robust(
        frame, outcome="y", group="d", time="post", covariates=["x1", "x2", "x3", "x4"], method="improved"
    )
    assert other.value == pytest.approx(-0.209, abs=5e-4)


def test_published_sensitivity_of_an_event_study():
    """Benzarti and Carloni's profits, as HonestDiD prints them (fixed-length and conditional least-favourable)."""
    frame = teaching("honestdid_bc.csv")
    beta, cov = frame["beta"].to_numpy(), frame.iloc[:, 2:].to_numpy()
    d = pre_trends.Departures.of(beta[:4], beta[4:], cov)
    smooth = pre_trends.smoothness(d, bounds=[0, 0.1, 0.2, 0.3])
    assert smooth["low"].tolist() == pytest.approx([0.131, 0.119, 0.0194, -0.0806], abs=6e-4)
    assert smooth["high"].tolist() == pytest.approx([0.216, 0.419, 0.519, 0.619], abs=6e-4)
    mean = pre_trends.smoothness(d, bounds=[0, 0.1, 0.2], combine=[0.25] * 4)
    assert mean["low"].tolist() == pytest.approx([0.133, -0.186, -0.686], abs=6e-4)
    steps = pre_trends.relative_magnitudes(d, bounds=np.linspace(0, 2, 10)[[0, 1, 3, 5, 7, 9]])
    assert steps["low"].tolist() == pytest.approx([0.159, 0.143, 0.102, 0.0551, 0.00722, -0.0422], abs=1.2e-3)
    assert steps["high"].tolist()[:4] == pytest.approx([0.233, 0.248, 0.287, 0.329], abs=1.2e-3)


def test_fixed_effects_of_a_panel_agree_with_fixest_and_plm():
    frame = STAGGERED.assign(
        d=lambda f: ((f["first"] > 0) & (f["period"] >= f["first"])).astype(int), xt=lambda f: f["x"] * f["period"]
    )
    words = {"outcome": "y", "treat": "d", "unit": "id", "time": "period", "covariates": ["xt"]}
    held = TWFE["fixest"]
    assert did.linked_panel(frame, **words).value == pytest.approx(TWFE["panel_plm_twoways"]["coef"]["D"], rel=1e-9)
    for more, known in (
        ({}, held["panel_twfe"]["cluster_id"]),
        ({"cluster": "area"}, held["panel_twfe"]["cluster_area"]),
        ({"weight": "w"}, held["panel_twfe_weighted"]["cluster_id"]),
    ):
        made = did.linked_panel(frame, **words, **more)
        assert (made.value, made.se) == pytest.approx((known["coef"]["D"], known["se"]["D"]), rel=1e-8)
        assert made.df == known["t_df"]


def test_event_study_agrees_with_fixest():
    frame = STAGGERED[STAGGERED["first"].isin([0, 4])].assign(g=lambda f: (f["first"] == 4).astype(int))
    made = did.event_study(frame, outcome="y", group="g", time="period", start=4, cluster="id")
    known = TWFE["fixest"]["event_study"]
    assert [int(t) for t in made.times] == [1, 2, 4, 5, 6]
    for e in made:
        held = known[f"period::{e.wave}:first == 4"]
        assert e.value == pytest.approx(held["Estimate"], abs=1e-9)
        assert e.se == pytest.approx(held["Std. Error"], rel=5e-3)  # CR2 here, CR1 with other degrees of freedom there
    assert (len(made.before), len(made.after)) == (2, 3)
    assert made.matrix().shape == (5, 5)


def design(frame, terms, weights=None, y="trust"):
    x = np.column_stack([np.ones(len(frame)), *(frame[t] for t in terms)]).astype(float)
    w = None if weights is None else frame[weights].to_numpy(float)
    return inference.regress(x, frame[y].to_numpy(float), ["(Intercept)", *terms], w)


BOTH = RC.assign(d_wave=RC["d"] * RC["wave"])


@pytest.mark.parametrize(
    ("name", "terms", "weight"),
    [
        ("did_unweighted", ["d", "wave", "d_wave"], None),
        ("did_weighted", ["d", "wave", "d_wave"], "w"),
        ("did_weighted_covariates", ["d", "wave", "d_wave", *X], "w"),
    ],
)
def test_errors_without_clusters_agree_with_sandwich(name, terms, weight):
    made = design(BOTH, terms, weight)
    for kind in inference.HC:
        held = TWFE[name][f"se_{kind}_noncluster"]
        assert list(inference.heteroskedastic(made, kind=kind).se) == pytest.approx(list(held.values()), rel=1e-8)
    two = did.two_by_two(RC, outcome="trust", group="d", time="wave", covariates=terms[3:], weight=weight, vcov="HC3")
    assert two.se == pytest.approx(TWFE[name]["se_HC3_noncluster"]["d_wave"], rel=1e-8)


def test_area_fixed_effects_agree_with_club_sandwich():
    dummies = pd.get_dummies(RC["area"], drop_first=True).astype(float)
    frame = BOTH.join(dummies)
    made = design(frame, ["d", "wave", "d_wave", *X, *dummies.columns], "w")
    compared = 0
    for kind in inference.KINDS:
        known = TWFE["did_weighted_area_fe"][f"se_{kind}"].get("d_wave")  # clubSandwich gives no CR3 here
        if known is not None:
            compared += 1
            found = inference.cluster_robust(made, RC["area"], kind=kind).se["d_wave"]
            assert found == pytest.approx(known, rel=1e-7), kind
    assert compared >= 3


def test_joint_test_agrees_with_club_sandwich():
    made = inference.cluster_robust(design(BOTH, ["d", "wave", "d_wave"], "w"), RC["area"]).wald(["d", "d_wave"])
    held = TWFE["wald_did_d_HTZ"]
    assert (made.f, made.df_num, made.df_denom, made.p) == pytest.approx(
        (held["F"], held["df_num"], held["df_denom"], held["p"]), rel=1e-8
    )


def test_ten_clusters_agree_with_club_sandwich():
    frame = pd.read_csv(GOLDEN / "data" / "few_clusters.csv").assign(tp=lambda f: f["treat"] * f["post"])
    held = fixture("c_wild_cluster")["cr"]
    made = design(frame, ["treat", "post", "tp", "x"], y="y")
    for kind in inference.KINDS:
        found = inference.cluster_robust(made, frame["cluster"], kind=kind)
        assert list(found.se) == pytest.approx(list(held[f"se_{kind}"].values()), rel=1e-8)
    df = inference.cluster_robust(made, frame["cluster"]).df
    table = held["CR2_satterthwaite"]
    known = (
        {k: v["df"] for k, v in table.items()}
        if "rows" not in table
        else {r: v[table["cols"].index("df")] for r, v in zip(table["rows"], table["values"], strict=True)}
    )
    assert df.to_dict() == pytest.approx(known, rel=1e-8)


def test_logit_as_difference_of_probabilities_agrees_with_r():
    """The saturated logit's coefficients are R's; the effect is the difference of shares, not the coefficient."""
    from evaluation.statistics import _logistic

    x = np.column_stack([np.ones(len(RC)), RC["d"], RC["wave"], RC["d"] * RC["wave"], *(RC[c] for c in X)]).astype(
        float
    )
    beta = _logistic.fit(x, RC["agree"].to_numpy(float), np.ones(len(RC))).beta
    held = TWFE["logit_agree"]
    assert beta == pytest.approx(list(held["coef"].values()), rel=1e-6)
    without, inside = x.copy(), x.copy()
    without[:, 3], inside[:, 3] = 0.0, 1.0
    p = lambda m: 1 / (1 + np.exp(-(m @ beta)))  # noqa: E731
    assert (p(inside) - p(without)).mean() == pytest.approx(held["ame_d_wave_unadjusted_delta"], rel=1e-6)
    made = did.probability_difference(RC, outcome="agree", group="d", time="wave", covariates=X, cluster="area")
    own = (RC["d"] * RC["wave"] == 1).to_numpy()
    assert made.value == pytest.approx((p(x) - p(without))[own].mean(), rel=1e-8)
    assert abs(made.value) < abs(held["coef"]["d_wave"]) / 3


def test_thrombolysis_p_values():
    """Benjamini and Hochberg 1995, section 4.1: Bonferroni and Holm reject 3 at 5 %, Benjamini-Hochberg 4."""
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.324,
        0.4262,
        0.5719,
        0.6528,
        0.759,
        1,
    ]
    named = {f"e{i:02d}": v for i, v in enumerate(p)}
    assert sum(v * len(p) <= 0.05 for v in p) == 3
    assert sum(v <= 0.05 for v in adjusted(multiplicity.holm(named))) == 3
    assert sum(v <= 0.05 for v in adjusted(multiplicity.benjamini_hochberg(named))) == 4


def adjusted(found):
    return list(found.values()) if isinstance(found, dict) else list(found)
