"""Ratios, SD units, the bootstrap through every step, few sessions, and what an effect refuses."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from attendance_study import D, P, X

from evaluation import errors
from evaluation.statistics import _roles, effects, matching, propensity, weighting

SAID = {"outcome": "trust", "treat": "attended"}
HIGH = D.assign(high=(D["trust"] > 3).astype(float))


def test_a_ratio_is_marginal_and_stands_beside_the_difference():
    sample = matching.nearest(D, P, treat="attended", ratio=2)
    words = {"outcome": "high", "treat": "attended", "covariates": X}
    difference = effects.in_sample(HIGH, sample, **words)
    made = effects.ratio(HIGH, sample, **words)
    used = HIGH[sample.match_weight > 0].assign(w=sample.match_weight[sample.match_weight > 0])
    having = np.average(used.loc[used["attended"] == 1, "high"])
    assert made.value == pytest.approx(having / (having - difference.value))
    assert made.null == 1
    assert made.low < made.value < made.high
    assert "ratio" in made.estimand
    assert (made.low > 1) == (difference.low > 0) or abs(np.log(made.value)) < 3 * made.se
    plain = effects.ratio(HIGH, sample, outcome="high", treat="attended")
    without = np.average(used.loc[used["attended"] == 0, "high"], weights=used.loc[used["attended"] == 0, "w"])
    assert plain.value == pytest.approx(having / without)
    with pytest.raises(errors.DataError, match="no ratio"):
        effects.ratio(HIGH.assign(high=-1.0), sample, outcome="high", treat="attended")


def test_the_error_of_a_ratio_agrees_with_a_bootstrap_of_pairs():
    sample = matching.nearest(D, P, treat="attended")
    made = effects.ratio(HIGH, sample, outcome="high", treat="attended")
    pairs, rng = sample.pairs, np.random.default_rng(2)
    y = HIGH["high"]
    found = []
    for _ in range(500):
        rows = pairs.iloc[rng.integers(0, len(pairs), len(pairs))]
        found.append(np.log(y[rows["treated"]].mean() / y[rows["control"]].mean()))
    assert made.se == pytest.approx(np.std(found), rel=0.12)


def test_units_of_standard_deviations_scale_everything_but_the_test():
    sample = matching.nearest(D, P, treat="attended")
    points = effects.in_sample(D, sample, **SAID)
    sd = effects.in_sd(points, 2.5, of="non-attendees")
    assert (sd.value, sd.se, sd.low) == pytest.approx((points.value / 2.5, points.se / 2.5, points.low / 2.5))
    assert sd.p == points.p
    assert sd.unit.endswith("of non-attendees")
    with pytest.raises(errors.DataError, match="unit"):
        effects.in_sd(points, 0.0)


@pytest.mark.parametrize("method", ["weighting", "entropy balancing", "doubly robust"])
def test_the_bootstrap_agrees_with_the_error_of_stacked_equations(method):
    made = effects.bootstrap(D, covariates=X, method=method, draws=70, seed=4, **SAID)
    if method == "doubly robust":
        held = effects.doubly_robust(D, covariates=X, **SAID)
    else:
        sample = (
            matching.entropy_balance(D, treat="attended", covariates=X)
            if method == "entropy balancing"
            else matching.weights(D, propensity.fit(D, treat="attended", covariates=X), treat="attended")
        )
        held = effects.weighted(D, sample, **SAID)
    assert made.value == pytest.approx(held.value, abs=1e-9)
    assert made.se == pytest.approx(held.se, rel=0.25)
    assert "70 draws" in made.se_method


def raked(margins, frame, times):
    made = weighting.rake(frame, margins, base_weight=frame[times].astype(float)).values
    return made / frame[times]


def test_the_bootstrap_makes_the_weights_again_and_draws_the_same_for_any_number_of_workers(monkeypatch):
    margins = {"ethnic5": pd.Series({"asian": 0.15, "black": 0.05, "white": 0.8}) * 1000}
    words = {"covariates": X, "cluster": "session", "draws": 50, "seed": 9, "reweigh": partial(raked, margins)} | SAID
    once = effects.bootstrap(D, **words)
    fixed = D.assign(w=raked(margins, D.assign(n=1.0), "n"))
    words.pop("reweigh")
    given = effects.bootstrap(fixed, survey_weight="w", **words)
    assert once.value == pytest.approx(given.value)
    assert once.se != pytest.approx(given.se, rel=1e-6)
    assert once.df < D["session"].nunique()
    monkeypatch.setenv("EVALUATION_WORKERS", "2")
    again = effects.bootstrap(D, reweigh=partial(raked, margins), **words)
    assert again.se == once.se


def test_the_bootstrap_refuses_matching_and_too_little():
    with pytest.raises(errors.Unsupported, match="abadie_imbens"):
        effects.bootstrap(D, covariates=X, method="nearest", seed=1, **SAID)
    with pytest.raises(errors.DataError, match="too few"):
        effects.bootstrap(D, covariates=X, draws=5, seed=1, **SAID)
    with pytest.raises(errors.MissingValues):
        effects.bootstrap(D.assign(trust=np.nan), covariates=X, seed=1, **SAID)
    few = D.assign(session=np.where(D["attended"] == 1, D["session"] % 3, D["session"] + 10))
    with pytest.raises(errors.EmptyCell, match="sessions"):
        effects.bootstrap(few, covariates=X, seed=1, cluster="session", **SAID)
    rare = D.iloc[[*np.flatnonzero(D["attended"] == 1)[:2], *np.flatnonzero(D["attended"] == 0)[:40]]]
    with pytest.raises(errors.NotConverged, match="draws"):
        effects.bootstrap(rare, covariates=["age"], draws=60, seed=1, **SAID)


@pytest.mark.parametrize("sessions", [3, 6, 20])
def test_few_sessions_of_attendees_are_known_to_every_method(sessions):
    """Under 4: described only; under 12: by session with few degrees of freedom; else both ways."""
    rng = np.random.default_rng(sessions)
    frame = D.assign(s=np.where(D["attended"] == 1, rng.integers(0, sessions, len(D)), 100 + D["session"]))
    sample = matching.nearest(D, P, treat="attended", ratio=2)
    words = {"cluster": "s"} | SAID
    runs = [
        lambda: effects.in_sample(frame, sample, covariates=X, **words),
        lambda: effects.doubly_robust(frame, covariates=X, **words),
        lambda: effects.weighted(
            frame, matching.weights(D, propensity.fit(D, treat="attended", covariates=X), treat="attended"), **words
        ),
    ]
    for run in runs:
        if sessions < effects.LEAST_SESSIONS:
            with pytest.raises(errors.EmptyCell, match="described only"):
                run()
            continue
        made = run()
        assert made.df < (12 if sessions < effects.FEW_SESSIONS else 60)
        assert made.n_sessions
    if sessions == 6:
        assert "CR2" in runs[0]().se_method
    if sessions == 20:
        assert "two-way" in runs[0]().se_method


def test_subclasses_take_plain_robust_errors_and_full_matching_clusters_by_set():
    cells = effects.in_sample(D, matching.subclass(D, P, treat="attended"), **SAID)
    sets = effects.in_sample(D, matching.full(D, P, treat="attended"), **SAID)
    assert cells.se_method == "HC3"
    assert sets.se_method == "by pair, CR1S"
    assert sets.df < 116


@pytest.mark.parametrize(
    ("frame", "error", "said"),
    [
        (D.assign(trust=D["trust"].where(D.index != D.index[0])), errors.MissingValues, "trust"),
        (D.assign(w=D["survey_weight"].where(D.index != D.index[0])), errors.MissingValues, "w"),
        (D.assign(w=0.0), errors.DataError, "zero or negative"),
        (D.assign(age=D["age"].where(D.index != D.index[0])), errors.MissingValues, "age"),
        (D.assign(session=D["session"].where(D.index != D.index[0])), errors.MissingValues, "session"),
        (D.drop(columns="trust"), errors.UnknownColumn, "trust"),
    ],
)
def test_missing_in_any_role_of_an_outcome_is_refused(frame, error, said):
    frame = frame if "w" in frame else frame.assign(w=D["survey_weight"])
    everybody = matching.weights(D, P, treat="attended")
    for run in (
        lambda: effects.in_sample(frame, everybody, covariates=["age"], cluster="session", survey_weight="w", **SAID),
        lambda: effects.doubly_robust(frame, covariates=["age"], cluster="session", survey_weight="w", **SAID),
    ):
        with pytest.raises(error, match=said):
            run()


DESIGNS = {
    "nearest": lambda f, **w: matching.nearest(f, P.reindex(f.index), treat="attended", **w),
    "optimal": lambda f, **w: matching.optimal(f, P.reindex(f.index), treat="attended", **w),
    "full": lambda f, **w: matching.full(f, P.reindex(f.index), treat="attended", **w),
    "subclass": lambda f, **w: matching.subclass(f, P.reindex(f.index), treat="attended", **w),
    "weights": lambda f, **w: matching.weights(f, P.reindex(f.index), treat="attended", **w),
    "coarsened_exact": lambda f, **w: matching.coarsened_exact(f, treat="attended", covariates=X, **w),
    "entropy_balance": lambda f, **w: matching.entropy_balance(f, treat="attended", covariates=X, **w),
    "mahalanobis": lambda f, **w: matching.mahalanobis(
        f, treat="attended", covariates=X, scores=P.reindex(f.index), **w
    ),
    "propensity": lambda f, **w: propensity.fit(f, treat="attended", covariates=X, **w),
}
PLAIN = D.drop(columns="trust")


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_refuses_the_same_faults(name):
    make = DESIGNS[name]
    twice = pd.concat([PLAIN, PLAIN.iloc[:1]])
    lost = PLAIN.assign(attended=PLAIN["attended"].astype(float).where(PLAIN.index != PLAIN.index[2]))
    for frame, error, said in (
        (PLAIN.assign(attended=1), errors.EmptyCell, "everybody"),
        (PLAIN.assign(attended=0), errors.EmptyCell, "nobody"),
        (PLAIN.assign(attended=2 * PLAIN["attended"]), errors.DataError, "0 or 1"),
        (lost, errors.MissingValues, "attended"),
        (twice, errors.DataError, "duplicate"),
    ):
        with pytest.raises(error, match=said):
            make(frame)
    with pytest.raises(errors.OutcomesClosed, match="trust"):
        make(D, outcomes=["trust"])
    for weight, error, said in ((np.nan, errors.MissingValues, "survey"), (0.0, errors.DataError, "zero or negative")):
        spoilt = PLAIN.assign(survey_weight=PLAIN["survey_weight"].where(PLAIN.index != PLAIN.index[2], weight))
        with pytest.raises(error, match=said):
            make(spoilt, survey_weight="survey_weight")


@pytest.mark.parametrize("name", [n for n in DESIGNS if n != "propensity"])
def test_survey_weights_are_weights_and_never_counts(name):
    """A thousand times the weight changes no design; doubling one person's weight is not a second person."""
    make = DESIGNS[name]
    one = make(PLAIN, survey_weight="survey_weight")
    many = make(PLAIN.assign(survey_weight=1000 * PLAIN["survey_weight"]), survey_weight="survey_weight")
    assert many.match_weight.to_numpy() == pytest.approx(one.match_weight.to_numpy(), rel=1e-7, abs=1e-10)
    assert one.survey_weight == "survey_weight"
    again = [
        effects.in_sample(D.assign(survey_weight=k * D["survey_weight"]), one, survey_weight="survey_weight", **SAID)
        for k in (1, 1000)
    ]
    assert again[0].se == pytest.approx(again[1].se, rel=1e-7)
    assert again[0].n == again[1].n
    own = _roles.kish((one.match_weight * D["survey_weight"])[D["attended"] == 0].to_numpy())
    assert one.n_effective["control"] == pytest.approx(own)
