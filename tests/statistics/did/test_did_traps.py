"""The twenty-two traps of difference-in-differences here: each is shown to be avoided, or caught with a reason."""

import datetime as dt
import math
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evaluation import errors
from evaluation.analysis import layout
from evaluation.analysis.did import inputs
from evaluation.plan import study
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import did, inference, predicted_attendance, propensity, survey
from evaluation.statistics.did import composition, pre_trends, selection_demo, two_by_two_cells

GOLDEN = Path(__file__).parents[2] / "golden"
ROOT = Path(__file__).parents[3]
EIGHT = pd.read_csv(GOLDEN / "data" / "eight_areas.csv").assign(did=lambda f: f["exposed"] * f["post"])
RC = pd.read_csv(GOLDEN / "data" / "rc_two_wave.csv")
X = ["female", "minority", "age"]


def eight(weight=None):
    x = np.column_stack([np.ones(len(EIGHT)), EIGHT["exposed"], EIGHT["post"], EIGHT["did"]]).astype(float)
    w = None if weight is None else EIGHT[weight].to_numpy()
    return inference.regress(x, EIGHT["y"].to_numpy(), ["one", "exposed", "post", "did"], w)


def areas(rng, reached=3, others=5, people=40, effect=0.0):
    a = np.repeat(np.arange(reached + others), 2 * people)
    t = np.tile(np.repeat([0, 1], people), reached + others)
    g = (a < reached).astype(int)
    y = 3 + rng.normal(0, 0.3, reached + others)[a] + effect * g * t + rng.normal(0, 0.9, len(a))
    return pd.DataFrame({"y": y, "area": a, "g": g, "t": t})


WORDS = {"outcome": "y", "group": "g", "time": "t", "area": "area"}


def test_01_weighting_by_predicted_attendance_hides_selection():
    """In surveys so large that only bias is left, the four-group contrast errs as the comparison after does."""
    found = selection_demo.large(people=40_000, seed=1)
    truth = selection_demo.World().effect
    assert found.loc["adjusted", "seen"] == pytest.approx(truth, abs=0.05)
    assert found.loc["four_group", "seen"] == pytest.approx(truth, abs=0.05)
    assert found.loc["adjusted", "unseen"] > truth + 0.3
    assert found.loc["four_group", "unseen"] == pytest.approx(found.loc["adjusted", "unseen"], abs=0.06)
    assert found.loc["linked", "unseen"] == pytest.approx(truth, abs=0.06)
    assert abs(found.loc["slope", "unseen"] - truth) < 0.35
    assert "already trusted" in layout.declarations()["designs.assumptions"].texts["b"]["D3"]


def test_02_the_wild_bootstrap_keeps_the_weights():
    plain, weighted = (inference.wild_cluster(eight(w), EIGHT["area"], term="did").p for w in (None, "w"))
    assert (plain, weighted) == (0.3046875, 0.359375)
    root = np.sqrt(EIGHT["w"].to_numpy())
    made = eight("w")
    brute = inference.regress(made.x * root[:, None], made.y * root, made.names)
    assert inference.wild_cluster(brute, EIGHT["area"], term="did").p == weighted


def test_03_no_normal_p_values_with_eight_areas():
    made = inference.cluster_robust(eight(), EIGHT["area"])
    plain = inference.cluster_robust(eight(), EIGHT["area"], kind="CR1S")
    t = plain.params["did"] / plain.se["did"]
    assert plain.df["did"] == 7
    assert made.df["did"] < 7
    normal, student = 2 * stats.norm.sf(abs(t)), plain.estimate("did").p
    assert normal < student < made.estimate("did").p
    default = did.by_area(EIGHT.rename(columns={"exposed": "g", "post": "t"}), **WORDS)
    assert default.p == pytest.approx(made.estimate("did").p)
    assert "CR2" in default.se_method


def test_04_ordered_models_keep_the_weights():
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    rng = np.random.default_rng(4)
    x = rng.normal(size=300)
    y = np.digitize(0.9 * x + rng.logistic(size=300), [-1, 0.5])
    w = rng.integers(1, 5, 300) + (y == 2) * 3
    frame = pd.DataFrame({"x": x, "y": y, "w": w.astype(float)})
    ours = survey.ordered_logit(survey.Design(frame, weight="w"), "y", ["x"]).params["x"]
    copies = frame.loc[frame.index.repeat(w)]
    held = OrderedModel(copies["y"], copies[["x"]], distr="logit").fit(disp=False, method="bfgs").params["x"]
    stock = OrderedModel(frame["y"], frame[["x"]], distr="logit").fit(disp=False, method="bfgs").params["x"]
    assert ours == pytest.approx(held, abs=1e-4)
    assert abs(stock - held) > 1e-3


def test_05_the_kind_of_error_asked_for_is_the_kind_given():
    se = {k: inference.cluster_robust(eight(), EIGHT["area"], kind=k).se["did"] for k in inference.KINDS}
    assert len({round(v, 8) for v in se.values()}) == len(inference.KINDS)
    assert se["CR1S"] == pytest.approx(0.33722, abs=5e-6)
    assert se["CR3"] == pytest.approx(0.40674, abs=5e-6)


@pytest.mark.parametrize("weight", [None, "w"])
def test_06_cr3_is_the_jackknife_around_the_estimate(weight):
    made = eight(weight)
    total = np.zeros((4, 4))
    for a in EIGHT["area"].unique():
        keep = (EIGHT["area"] != a).to_numpy()
        left = np.linalg.pinv(made.x[keep].T @ (made.x[keep] * made.weights[keep, None]))
        gap = left @ (made.x[keep].T @ (made.weights[keep] * made.y[keep])) - made.params
        total += np.outer(gap, gap)
    found = inference.cluster_robust(made, EIGHT["area"], kind="CR3").se
    assert found.to_numpy() == pytest.approx(np.sqrt(np.diag(total)), rel=1e-8)


def test_07_the_same_people_are_not_two_samples():
    rng = np.random.default_rng(7)
    n = 300
    own, g = rng.normal(0, 1, n), np.arange(n) % 2
    frame = pd.concat(
        [pd.DataFrame({"id": range(n), "t": t, "g": g, "y": own + 0.3 * g * t + rng.normal(0, 0.5, n)}) for t in (0, 1)]
    )
    apart = did.two_by_two(frame, outcome="y", group="g", time="t", vcov="HC2")
    together = did.first_differences(
        frame.assign(d=frame["g"] * frame["t"]), outcome="y", treat="d", unit="id", time="t"
    )
    assert apart.value == pytest.approx(together.value)
    assert apart.se > 1.5 * together.se
    by_person = did.two_by_two(frame, outcome="y", group="g", time="t", cluster="id")
    assert by_person.se == pytest.approx(together.se, rel=0.02)
    with pytest.raises(errors.DataError, match="several times"):
        two_by_two_cells.refuse_repeats(frame, "id", "t", linked=False)
    with pytest.raises(errors.DataError, match="twice"):
        did.linked_panel(pd.concat([frame, frame.head(1)]), outcome="y", treat="g", unit="id", time="t")
    with pytest.raises(errors.DataError, match="one time only"):
        did.doubly_robust(frame.iloc[1:], outcome="y", group="g", time="t", covariates=[], unit="id")


def test_08_relative_magnitudes_hold_their_level():
    """With M the true ratio of steps the interval covers; a plain interval does not. More M, wider."""
    rng = np.random.default_rng(8)
    cov = 0.01 * (np.eye(4) + 0.5)
    truth = np.array([-0.4, -0.2, 0.2, 0.4])  # a straight trend of 0.2 a step, no effect at all
    covered, plain, runs = 0, 0, 80
    for _ in range(runs):
        beta = rng.multivariate_normal(truth, cov)
        found = pre_trends.relative_magnitudes(pre_trends.Departures.of(beta[:2], beta[2:], cov), bounds=[1.0]).iloc[0]
        covered += found["low"] <= 0 <= found["high"]
        plain += abs(beta[2]) <= 1.96 * math.sqrt(cov[2, 2])
    assert covered / runs >= 0.93
    assert plain / runs < 0.7
    d = pre_trends.Departures.of(truth[:2], truth[2:], cov)
    table = pre_trends.relative_magnitudes(d, bounds=[0, 0.5, 1, 2])
    assert (np.diff(table["high"] - table["low"]) > 0).all()
    smooth = pre_trends.smoothness(d, bounds=[0, 0.1])
    assert smooth.loc[0, "low"] < 0 < smooth.loc[0, "high"]
    for refused in (
        pre_trends.smoothness(pre_trends.Departures.of([], [0.1], np.eye(1)), bounds=[0]),
        pre_trends.smoothness(pre_trends.Departures.of([0.0], [0.1], np.eye(2)), bounds=[0]),
        pre_trends.relative_magnitudes(pre_trends.Departures.of([], [0.1], np.eye(1)), bounds=[1]),
    ):
        assert isinstance(refused, NotIdentified)
        assert "not available" in refused.reason


def test_09_the_error_of_a_weighted_triple_difference_is_that_of_a_bootstrap():
    rng = np.random.default_rng(9)
    n = 1200
    frame = pd.DataFrame({"g": rng.integers(0, 2, n), "e": rng.integers(0, 2, n), "t": rng.integers(0, 2, n)})
    frame["w"] = rng.uniform(0.4, 2.5, n)
    frame["y"] = 3 + 0.3 * frame["g"] * frame["e"] * frame["t"] + rng.normal(0, 0.9, n)
    words = {"outcome": "y", "group": "g", "place": "e", "time": "t", "weight": "w", "vcov": "HC1"}
    made = did.triple(frame, **words)
    drawn = [
        did.triple(frame.sample(n, replace=True, random_state=i).reset_index(drop=True), **words).value
        for i in range(140)
    ]
    assert made.se == pytest.approx(np.std(drawn), rel=0.15)
    gaps = frame.groupby(["g", "e", "t"]).apply(lambda f: np.average(f["y"], weights=f["w"]), include_groups=False)
    step = lambda g, e: gaps[g, e, 1] - gaps[g, e, 0]  # noqa: E731
    assert made.value == pytest.approx((step(1, 1) - step(0, 1)) - (step(1, 0) - step(0, 0)))
    assert len(made.n) == 8
    few = did.triple(frame.drop(frame.query("g == 1 and e == 1 and t == 0").index[20:]), least=30, **words)
    assert isinstance(few, TooFew)
    assert min(few.counts.values()) == 20


def test_10_the_influence_function_of_doubly_robust_is_right():
    words = {"outcome": "trust", "group": "d", "time": "wave", "covariates": X, "weight": "w"}
    made = did.doubly_robust(RC, **words)
    drawn = [
        did.doubly_robust(RC.sample(len(RC), replace=True, random_state=i).reset_index(drop=True), **words).value
        for i in range(130)
    ]
    assert made.se == pytest.approx(np.std(drawn), rel=0.15)
    multiplied = did.doubly_robust(RC, draws=4999, seed=1, **words)
    assert multiplied.value == made.value
    assert multiplied.se == pytest.approx(made.se, rel=0.04)


def test_11_improved_is_the_locally_efficient_one():
    import json

    held = json.loads((GOLDEN / "fixtures" / "c_drdid_rc.json").read_text())["results"]["covariates_weighted"]
    made = did.doubly_robust(RC, outcome="trust", group="d", time="wave", covariates=X, weight="w", method="improved")
    assert made.value == pytest.approx(held["drdid_imp_rc"]["att"], abs=1e-8)
    assert abs(made.value - held["drdid_imp_rc1"]["att"]) > 0.01
    with pytest.raises(errors.Unsupported, match="improved"):
        did.doubly_robust(RC, outcome="trust", group="d", time="wave", covariates=X, method="imp")


def test_12_one_wave_weighted_a_hundredfold_moves_nothing():
    big = RC.assign(w=np.where(RC["wave"] == 1, 100 * RC["w"], RC["w"]))
    words = {"outcome": "trust", "group": "d", "time": "wave", "weight": "w", "cluster": "area"}
    for kind in inference.KINDS:
        a, b = (did.two_by_two(f, vcov=kind, **words) for f in (RC, big))
        assert (a.value, a.se, a.df) == pytest.approx((b.value, b.se, b.df), rel=1e-9)
    raw = [did.two_by_two(f, covariates=X, **words).value for f in (RC, big)]
    scaled = [did.two_by_two(f, covariates=X, rescale=True, **words).value for f in (RC, big)]
    robust = [did.doubly_robust(f, covariates=X, rescale=True, **words).value for f in (RC, big)]
    assert scaled[0] == pytest.approx(scaled[1], rel=1e-10)
    assert robust[0] == pytest.approx(robust[1], rel=1e-10)
    assert abs(scaled[0] - raw[0]) < 0.02
    assert abs(raw[1] - raw[0]) > 1e-4


def test_13_what_attending_may_have_changed_does_not_predict_it():
    frame = pd.DataFrame({"attended": [0, 1] * 20, "age": range(40), "heard": [0, 1] * 20}, index=range(40))
    with pytest.raises(errors.DataError, match="heard"):
        propensity.fit(frame, treat="attended", covariates=["age", "heard"], changed_by_attending=["heard"])
    waves = [frame.assign(y=1.0).drop(columns="attended"), frame.assign(y=1.0)]
    for bad in ("y", "attended"):
        with pytest.raises(errors.OutcomesClosed, match=bad):
            predicted_attendance.attendance(*waves, outcome="y", treat="attended", covariates=["age", bad])


def test_14_the_smallest_reachable_p_is_printed():
    frame = areas(np.random.default_rng(14), reached=3, others=3, effect=4.0)
    p, least = did.permutation(frame, **WORDS)
    assert (p, least) == (0.1, 0.1)
    table = pd.DataFrame(did.companions(frame, **WORDS)).set_index("test")
    assert table.loc["randomisation over places", "smallest_p"] == 0.1
    assert table.loc["wild cluster bootstrap", "smallest_p"] == 2 / 2**6
    assert (table["p"] >= table["smallest_p"] - 1e-12).all()
    assert did.smallest_p(8, 3) == pytest.approx(1 / 56)


def test_15_a_level_with_no_attendee_is_counted_not_dropped():
    rng = np.random.default_rng(15)
    n = 400
    before, after = (
        pd.DataFrame(
            {
                "eth": rng.choice(["a", "b", "c"], n, p=[0.6, 0.35, 0.05]),
                "age": rng.normal(size=n),
                "y": rng.normal(size=n),
            }
        )
        for _ in range(2)
    )
    after["attended"] = ((rng.random(n) < 0.2) & (after["eth"] != "c")).astype(int)
    slope, four = predicted_attendance.attendance(
        before, after, outcome="y", treat="attended", covariates=["eth", "age"], draws=40
    )
    assert all(math.isfinite(e.value) and math.isfinite(e.se) for e in (slope, four))
    assert sum(slope.n.values()) == 2 * n
    frame = pd.concat([before.assign(t=0), after.assign(t=1)]).assign(g=lambda f: (f["eth"] == "c").astype(int))
    with pytest.raises(errors.NotConverged, match="apart"):
        did.doubly_robust(frame, outcome="y", group="g", time="t", covariates=["eth"])


def test_16_an_aggregate_carries_its_label():
    frame = pd.read_csv(GOLDEN / "data" / "staggered_panel.csv")
    made = did.group_time(frame, outcome="y", first_treated="first", time="period", unit="id", control="never")
    overall = {k: made.aggregate(k)[0] for k in ("simple", "group", "dynamic", "calendar")}
    assert len({round(e.value, 6) for e in overall.values()}) == 4
    for kind, e in overall.items():
        assert e.estimand.startswith(f"{kind}: ")
        assert kind in e.method
    with pytest.raises(errors.Unsupported, match="aggregate"):
        made.aggregate("overall")


def test_17_missing_cluster_labels_are_an_error():
    torn = RC.assign(area=RC["area"].mask(RC.index < 3))
    for call in (
        lambda: did.two_by_two(torn, outcome="trust", group="d", time="wave", cluster="area"),
        lambda: did.doubly_robust(torn, outcome="trust", group="d", time="wave", covariates=X, cluster="area"),
        lambda: did.by_area(torn, outcome="trust", group="d", time="wave", area="area"),
        lambda: inference.wild_cluster(eight(), EIGHT["area"].astype(float).mask(EIGHT.index == 0), term="did"),
        lambda: inference.cluster_robust(eight(), EIGHT["area"].astype(float).mask(EIGHT.index == 0)),
    ):
        with pytest.raises(errors.MissingValues):
            call()


def test_18_the_effect_on_a_share_is_not_the_coefficient_of_a_logit():
    words = {"outcome": "agree", "group": "d", "time": "wave", "weight": "w"}
    made, linear = did.probability_difference(RC, **words), did.two_by_two(RC, vcov="HC1", **words)
    shares = RC.groupby(["d", "wave"]).apply(lambda f: np.average(f["agree"], weights=f["w"]), include_groups=False)
    odds = np.log(shares / (1 - shares))
    coefficient = odds[1, 1] - odds[1, 0] - odds[0, 1] + odds[0, 0]
    counterfactual = 1 / (1 + math.exp(-(odds[1, 0] + odds[0, 1] - odds[0, 0])))
    assert made.value == pytest.approx(shares[1, 1] - counterfactual, rel=1e-8)
    assert linear.value == pytest.approx(shares[1, 1] - shares[1, 0] - shares[0, 1] + shares[0, 0])
    assert abs(made.value - linear.value) < 0.02
    assert abs(coefficient) > 2 * abs(made.value)
    drawn = [
        did.probability_difference(RC.sample(len(RC), replace=True, random_state=i), **words).value for i in range(120)
    ]
    assert made.se == pytest.approx(np.std(drawn), rel=0.2)


def test_19_a_reversed_or_miscoded_item_stops_the_wave(tmp_path, monkeypatch):
    from intake_study import AGREE, answers, make, put

    from evaluation.intake import waves as intake_waves

    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))
    plan = make(tmp_path / "study", waves=("W2022", "W2024"))
    good = answers(seed=1)
    turned = {"trust_fair": [AGREE[4 - AGREE.index(v)] for v in good["trust_fair"]]}
    coded = {"conf_overall": ["99", *good["conf_overall"][1:]]}
    for change, kind in ((turned, "reversed_item"), (coded, "unmapped_label")):
        put(plan, "W2024", good.assign(**change))
        assert kind in {f.kind for f in intake_waves.check(plan, "W2024")}


def test_20_the_fitted_chance_of_attending_is_not_taken_as_known():
    rng = np.random.default_rng(20)
    n = 250
    before, after = (pd.DataFrame({"x1": rng.normal(size=n), "x2": rng.normal(size=n)}) for _ in range(2))
    for f, wave in ((before, 0), (after, 1)):
        f["y"] = 3 + 0.5 * f["x1"] + 0.1 * wave + rng.normal(0, 0.5, n)
    after["attended"] = (rng.random(n) < 1 / (1 + np.exp(2 - 0.3 * after["x1"]))).astype(int)
    words = {"outcome": "y", "treat": "attended", "covariates": ["x1", "x2"]}
    slope = predicted_attendance.attendance(before, after, draws=150, seed=1, **words)[0]
    data = predicted_attendance._arrays(before, after, "y", "attended", ["x1", "x2"], None, None)
    from evaluation.statistics import _logistic

    late = data.t == 1
    beta = _logistic.fit(data.x[late], data.a[late], data.w[late], ridge=predicted_attendance.RIDGE).beta
    chance = 1 / (1 + np.exp(-(data.x @ beta)))
    fixed = []
    for _ in range(150):
        rows = np.concatenate([rng.choice(np.flatnonzero(data.t == t), n) for t in (0, 1)])
        t, p = data.t[rows], chance[rows]
        terms = np.column_stack([data.x[rows], t, p, p * t])
        fixed.append(np.linalg.lstsq(terms, data.y[rows], rcond=None)[0][-1])
    assert slope.se > 1.5 * np.std(fixed)
    assert "both steps" in slope.se_method


def test_21_draws_do_not_depend_on_the_order_of_rows():
    order = np.random.default_rng(21).permutation(len(RC))
    mixed = RC.iloc[order]
    words = {"outcome": "trust", "group": "d", "time": "wave", "covariates": X}
    for more in ({}, {"cluster": "area"}):
        a, b = (did.doubly_robust(f, draws=99, seed=3, **words, **more).se for f in (RC, mixed))
        assert a == pytest.approx(b, rel=1e-6)
    x = np.column_stack([np.ones(len(RC)), RC["d"], RC["wave"], RC["d"] * RC["wave"]]).astype(float)
    p = [
        inference.wild_cluster(
            inference.regress(x[i], RC["trust"].to_numpy()[i], list("abcd")),
            RC["area"].to_numpy()[i],
            term="d",
            draws=499,
            seed=1,
        ).p
        for i in (np.arange(len(RC)), order)
    ]
    assert p[0] == p[1]
    before, after = RC[RC["wave"] == 0].drop(columns="d"), RC[RC["wave"] == 1]
    shuffled = [f.sample(frac=1, random_state=1) for f in (before, after)]
    se = [
        predicted_attendance.attendance(*f, outcome="trust", treat="d", covariates=X, draws=20, seed=5)[0].se
        for f in ((before, after), shuffled)
    ]
    assert se[0] == pytest.approx(se[1], rel=1e-6)


def test_22_an_event_before_the_first_survey_was_over_is_seen():
    plan = study.load(ROOT / "study.toml")
    fieldwork = {"W2022": (dt.date(2022, 8, 15), dt.date(2022, 10, 14)), "W2025": (dt.date(2025, 9, 1), None)}
    rows = {
        "event_date": ["2022-10-05", "2023-05-01", "2025-09-02"],
        "area": ["leicester", "charnwood", "rutland"],
        "ward_group": ["lg1", None, None],
    }
    events = pd.DataFrame(rows)
    found = SimpleNamespace(events=events, fieldwork=fieldwork)
    names, gate = inputs.exposed_places(plan, found, ("W2022", "W2025"))
    assert names == {"lg1", "charnwood"}  # rutland's event came after the later survey began
    assert not gate.passed
    assert gate.value == 1
    _, late = inputs.exposed_places(
        plan, SimpleNamespace(events=events.iloc[1:], fieldwork=fieldwork), ("W2022", "W2025")
    )
    assert late.passed


def test_attendance_that_was_not_asked_is_never_zero():
    """The first comfort: attendees of the later wave against "nobody" before is refused in every estimator."""
    silent = RC.assign(d=RC["d"].where(RC["wave"] == 1))
    words = {"outcome": "trust", "group": "d", "time": "wave"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for made in (
            did.two_by_two(silent, **words),
            did.doubly_robust(silent, covariates=X, **words),
            did.doubly_robust(silent, covariates=X, method="improved", **words),
            did.probability_difference(silent, **(words | {"outcome": "agree"})),
            composition.robust_to_composition(silent, covariates=X, **words),
            composition.composition_test(silent, covariates=X, **words),
            composition.four_group(silent, covariates=X, **words),
        ):
            assert isinstance(made, NotIdentified)
            assert not isinstance(made, Estimate)
            assert made.what_would_help
