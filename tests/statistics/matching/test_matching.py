"""Matching and weighting against MatchIt and WeightIt: pairs, weights, distances; invariances and refusals."""

import numpy as np
import pandas as pd
import pytest
from attendance_study import NEAREST, SCORES, SPECS, WEIGHTS, D, P, T, X

from evaluation import errors
from evaluation.statistics import matching, propensity


def nearest(frame=D, scores=P, **words):
    return matching.nearest(frame, scores, treat="attended", **words)


def partners(spec):
    """Return focal unit → set of its partners, from MatchIt's matrix of row numbers."""
    matrix = spec["match_matrix"]
    rows = D.index.to_numpy()
    found = {}
    for focal, others in zip(matrix["treated_row"], matrix["control_row"], strict=True):
        others = others if isinstance(others, list) else [others]
        kept = {rows[o - 1] for o in others if o is not None}
        if kept:
            found[rows[focal - 1]] = kept
    return found


@pytest.mark.parametrize("name", sorted(NEAREST))
def test_pairs_and_weights_agree_with_matchit(name):
    spec, made = SPECS[name], nearest(**NEAREST[name])
    focal, other = ("control", "treated") if spec["estimand"] == "ATC" else ("treated", "control")
    ours = made.pairs.groupby(focal)[other].agg(set).to_dict()
    assert ours == partners(spec)
    assert made.match_weight.to_numpy() == pytest.approx(spec["weights"], abs=1e-8)
    if spec["caliper"] is not None:
        assert made.caliper.absolute == pytest.approx(spec["caliper"], rel=1e-6)


@pytest.mark.parametrize("name", ["nearest_default", "nearest_k2", "nearest_replace", "nearest_caliper02_logit"])
def test_own_scores_give_the_same_pairs(name):
    own = propensity.fit(D, treat="attended", covariates=X)
    made = nearest(scores=own, **NEAREST[name])
    assert made.pairs.groupby("treated")["control"].agg(set).to_dict() == partners(SPECS[name])


@pytest.mark.parametrize("name", sorted(NEAREST))
def test_order_of_rows_changes_nothing(name):
    shuffled = D.sample(frac=1, random_state=8)
    one, two = nearest(**NEAREST[name]), nearest(shuffled, **NEAREST[name])
    pd.testing.assert_series_equal(one.match_weight, two.match_weight.reindex(D.index))
    key = ["treated", "control", "round"]
    pd.testing.assert_frame_equal(
        one.pairs.sort_values(key).reset_index(drop=True), two.pairs.sort_values(key).reset_index(drop=True)
    )


def test_ties_are_settled_by_id_lower_side_first():
    frame = pd.DataFrame({"attended": [1, 0, 0, 0, 0]}, index=list("eabcd"))
    score = pd.Series([0.5, 0.4, 0.6, 0.4, 0.6], index=frame.index)
    for order in (list("eabcd"), list("dcbae"), list("cebda")):
        made = nearest(frame.loc[order], score, caliper_scale="score")
        assert made.pairs["control"].tolist() == nearest(frame, score, caliper_scale="score").pairs["control"].tolist()
        assert score[made.pairs["control"].item()] == 0.4


def test_the_range_over_ties_is_shown():
    """Coarse scores tie often: other orders of ids give other pairs of the same distance; fine scores never do."""
    coarse = P.round(2).clip(lower=0.01)
    made = matching.tie_breaks(D, coarse, treat="attended", draws=6, seed=1, caliper_scale="score")
    plain = nearest(scores=coarse, caliper_scale="score")
    for one in made:
        assert one.match_weight.index.equals(D.index)
        assert (D.loc[one.pairs["treated"], "attended"] == 1).all()
        assert (D.loc[one.pairs["control"], "attended"] == 0).all()
        assert one.n == plain.n
        assert (one.match_weight[one.pairs["control"]] > 0).all()
    means = {round(D.loc[one.pairs["control"], "trust"].mean(), 12) for one in made}
    assert len(means) > 1
    fine = matching.tie_breaks(D, P, treat="attended", draws=3, seed=1, caliper=0.2)
    for one in fine:
        pd.testing.assert_series_equal(one.match_weight, nearest(caliper=0.2).match_weight)
        assert set(one.unmatched) == set(nearest(caliper=0.2).unmatched)
    with pytest.raises(errors.Unsupported, match="order of ids"):
        matching.tie_breaks(D, P, treat="attended", seed=1, order="data")


@pytest.mark.parametrize("scale", ["score", "logit", "logit_pooled"])
@pytest.mark.parametrize("replace", [False, True])
def test_every_pair_lies_within_its_caliper(scale, replace):
    made = nearest(caliper=0.1, caliper_scale=scale, replace=replace)
    value = P if scale == "score" else np.log(P / (1 - P))
    gap = np.abs(value[made.pairs["treated"]].to_numpy() - value[made.pairs["control"]].to_numpy())
    assert gap.max() <= made.caliper.absolute + 1e-12


def test_the_three_calipers_are_three_widths():
    logit = np.log(P / (1 - P))
    widths = {s: nearest(caliper=0.2, caliper_scale=s).caliper for s in ("score", "logit", "logit_pooled")}
    assert widths["score"].absolute == pytest.approx(0.2 * P.std(), rel=1e-9)
    assert widths["logit"].absolute == pytest.approx(0.2 * SCORES["sd_logit_all"], rel=1e-6)
    pooled = np.sqrt((logit[T].var() + logit[~T].var()) / 2)
    assert widths["logit_pooled"].absolute == pytest.approx(0.2 * pooled, rel=1e-9)
    over = nearest(caliper=0.2, caliper_over="control").caliper
    assert over.absolute == pytest.approx(0.2 * logit[~T].std(), rel=1e-9)
    assert len({w.summary() for w in widths.values()}) == 3


def test_dropped_attendees_rename_the_estimand():
    whole, part = nearest(), nearest(caliper=0.2)
    assert (whole.estimand, len(whole.unmatched)) == ("ATT", 0)
    assert part.estimand == "ATM"
    assert len(part.unmatched) == T.sum() - part.n["treated"]
    assert part.share_unmatched == pytest.approx(len(part.unmatched) / T.sum())
    assert "ATM" in part.summary()
    assert part.tidy().set_index("arm").loc["treated", "dropped"] == len(part.unmatched)


def test_exact_pairs_agree_and_rounds_come_in_turn():
    made = nearest(exact=["ethnic5", "female"], ratio=2)
    for column in ("ethnic5", "female"):
        left, right = (D.loc[made.pairs[side], column].to_numpy() for side in ("treated", "control"))
        assert (left == right).all()
    assert made.pairs["control"].is_unique
    assert set(made.pairs["round"]) == {1, 2}


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("subclass6", lambda: matching.subclass(D, P, treat="attended", subclasses=6)),
        ("subclass6_ATE", lambda: matching.subclass(D, P, treat="attended", subclasses=6, estimand="ATE")),
        (
            "exact_race_married_nodegree",
            lambda: matching.coarsened_exact(
                D, treat="attended", covariates=["ethnic5", "female", "contact"], cutpoints={"female": 0, "contact": 0}
            ),
        ),
        ("cem_default", lambda: matching.coarsened_exact(D, treat="attended", covariates=X)),
        (
            "cem_cutpoints",
            lambda: matching.coarsened_exact(
                D,
                treat="attended",
                covariates=["age", "years_llr", "ethnic5", "deprivation"],
                cutpoints={"age": [24.5, 34.5, 49.5, 64.5], "years_llr": [2.5, 10.5, 20.5], "deprivation": [15, 25]},
            ),
        ),
    ],
)
def test_strata_agree_with_matchit(name, call):
    made = call()
    assert made.match_weight.to_numpy() == pytest.approx(SPECS[name]["weights"], abs=1e-8)


def _distance(made, spec=None):
    if spec is None:
        left, right = P[made.pairs["treated"]], P[made.pairs["control"]]
        return float(np.abs(left.to_numpy() - right.to_numpy()).sum())
    return sum(abs(P[t] - P[c]) for t, others in partners(spec).items() for c in others)


@pytest.mark.parametrize(("name", "ratio"), [("optimal_1to1", 1), ("optimal_k2", 2)])
def test_optimal_pairs_are_no_further_apart_than_optmatch(name, ratio):
    made = matching.optimal(D, P, treat="attended", ratio=ratio, caliper_scale="score")
    assert made.pairs["control"].is_unique
    assert (made.pairs.groupby("treated").size() == ratio).all()
    held = _distance(None, SPECS[name])
    assert _distance(made) <= held * (1 + 1e-6)
    assert _distance(made) == pytest.approx(held, rel=2e-2)  # optmatch stops at a tolerance
    assert _distance(made) <= _distance(nearest(ratio=ratio, caliper_scale="score"))


def test_full_matching_is_no_further_apart_than_optmatch():
    made = matching.full(D, P, treat="attended", caliper_scale="score")
    assert (made.match_weight > 0).all()

    def total(stratum):
        far = 0.0
        for _, members in P.groupby(stratum):
            left, right = members[D.loc[members.index, "attended"] == 1], members[D.loc[members.index, "attended"] == 0]
            assert len(left) > 0 < len(right)
            assert min(len(left), len(right)) == 1
            far += np.abs(left.to_numpy()[:, None] - right.to_numpy()[None, :]).sum()
        return far

    held = total(pd.Series(SPECS["full_default"]["subclass"], index=D.index))
    assert total(made.stratum) <= held * (1 + 1e-6)
    assert total(made.stratum) == pytest.approx(held, rel=2e-2)


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATC", "ATO", "ATM"])
def test_weights_agree_with_weightit(estimand):
    name = {"ATO": "logit_overlap_ATO", "ATM": "logit_matching_ATM"}.get(estimand, f"logit_{estimand}")
    own = propensity.fit(D, treat="attended", covariates=X)
    made = matching.weights(D, own, treat="attended", estimand=estimand)
    assert made.match_weight.to_numpy() == pytest.approx(WEIGHTS[name]["weights"], rel=1e-6)
    for arm, code in (("treated", "1"), ("control", "0")):
        assert made.n_effective[arm] == pytest.approx(WEIGHTS[name]["ess"][code], rel=1e-6)


def test_weights_from_a_weighted_score_agree_with_weightit():
    own = propensity.fit(D, treat="attended", covariates=X, survey_weight="survey_weight")
    made = matching.weights(D, own, treat="attended", survey_weight="survey_weight")
    held = np.array(WEIGHTS["logit_ATT_with_sampling_weights"]["weights"])
    assert made.match_weight.to_numpy() == pytest.approx(held, rel=1e-6)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_entropy_balancing_agrees_with_weightit(estimand):
    made = matching.entropy_balance(D, treat="attended", covariates=X, estimand=estimand)
    held = np.array(WEIGHTS[f"ebal_{estimand}"]["weights"])
    for arm in (T, ~T):
        ours = made.match_weight.to_numpy()[arm]
        assert ours / ours.sum() == pytest.approx(held[arm] / held[arm].sum(), rel=1e-5, abs=1e-10)


@pytest.mark.parametrize("weight", [None, "survey_weight"])
@pytest.mark.parametrize("moments", [1, 2])
def test_entropy_weights_balance_by_themselves(weight, moments):
    made = matching.entropy_balance(D, treat="attended", covariates=X, survey_weight=weight, moments=moments)
    w = made.match_weight.to_numpy() * (D[weight].to_numpy() if weight else 1.0)
    columns = pd.get_dummies(D[X], columns=["ethnic5"]).astype(float)
    if moments == 2:
        columns = columns.assign(**{f"{c}2": columns[c] ** 2 for c in ("age", "years_llr", "deprivation")})
    for name in columns:
        x = columns[name].to_numpy()
        gap = w[T] @ x[T] / w[T].sum() - w[~T] @ x[~T] / w[~T].sum()
        assert abs(gap) / x.std() < 1e-7, name


def test_entropy_balancing_ignores_the_scale_of_a_column():
    one = matching.entropy_balance(D, treat="attended", covariates=X)
    two = matching.entropy_balance(D.assign(age=D["age"] * 1e6 - 3e7), treat="attended", covariates=X)
    assert two.match_weight.to_numpy() == pytest.approx(one.match_weight.to_numpy(), rel=1e-6, abs=1e-9)


def test_entropy_balancing_that_cannot_balance_says_so():
    far = D.assign(age=np.where(T, 90 + D["age"], D["age"]))
    with pytest.raises(errors.NotConverged, match="age"):
        matching.entropy_balance(far, treat="attended", covariates=X)


@pytest.mark.parametrize(
    ("name", "estimand", "at", "lower"),
    [("logit_ATT_trim90", "ATT", 0.9, False), ("logit_ATE_trim_99_lower", "ATE", 0.95, True)],
)
def test_trimming_agrees_with_weightit(name, estimand, at, lower):
    own = propensity.fit(D, treat="attended", covariates=X)
    made = matching.trim(matching.weights(D, own, treat="attended", estimand=estimand), at=at, lower=lower)
    assert made.match_weight.to_numpy() == pytest.approx(WEIGHTS[name]["weights"], rel=1e-6)
    assert "capped" in made.summary()


def test_a_boost_forbids_what_it_would_distort():
    assert matching.weights(D, P, treat="attended", boosted=True).estimand == "ATT"
    for estimand in ("ATE", "ATO", "ATM"):
        with pytest.raises(errors.Unsupported, match="boost"):
            matching.weights(D, P, treat="attended", estimand=estimand, boosted=True)
    true = float(T.mean())
    same = matching.weights(D, P, treat="attended", estimand="ATE", boosted=True, prevalence=true)
    plain = matching.weights(D, P, treat="attended", estimand="ATE")
    assert same.match_weight.to_numpy() == pytest.approx(plain.match_weight.to_numpy(), rel=1e-9)


def test_survey_weights_stay_the_persons_own():
    """No design multiplies the survey weight in, or hands an attendee's weight to a control."""
    for made in (nearest(ratio=2), nearest(replace=True), matching.weights(D, P, treat="attended")):
        heavier = D.assign(survey_weight=np.where(T, 50.0, 1.0))
        again = matching.restrict(made, heavier.index)
        assert made.match_weight.reindex(D.index).equals(again.match_weight.reindex(D.index)) or len(made.pairs)
    plain = matching.weights(D, P, treat="attended").match_weight
    named = matching.weights(D, P, treat="attended", survey_weight="survey_weight").match_weight
    pd.testing.assert_series_equal(plain, named)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: nearest(D.assign(attended=1)), errors.EmptyCell, "everybody"),
        (lambda: nearest(D.assign(attended=0)), errors.EmptyCell, "nobody"),
        (lambda: nearest(caliper=1e-12), errors.NobodyMatched, "within"),
        (lambda: nearest(caliper=-1), errors.Unsupported, "positive"),
        (lambda: nearest(caliper=0.2, caliper_scale="logits"), errors.Unsupported, "caliper_scale"),
        (lambda: nearest(order="random"), errors.Unsupported, "order"),
        (lambda: nearest(ratio=0), errors.Unsupported, "ratio"),
        (lambda: nearest(estimand="ATE"), errors.Unsupported, "estimand"),
        (lambda: nearest(outcomes=["trust"]), errors.OutcomesClosed, "trust"),
        (lambda: nearest(exact=["nowhere"]), errors.UnknownColumn, "nowhere"),
        (lambda: nearest(D.assign(female=np.nan), exact=["female"]), errors.MissingValues, "female"),
        (lambda: nearest(scores=P.where(P.index != D.index[3])), errors.MissingValues, "propensity"),
        (lambda: nearest(scores=P * 3), errors.DataError, "between 0 and 1"),
        (lambda: nearest(scores=P.iloc[5:]), errors.DataError, "no propensity"),
        (lambda: nearest(pd.concat([D, D.iloc[:1]])), errors.DataError, "duplicate"),
        (lambda: matching.optimal(D, P, treat="attended", ratio=9), errors.EmptyCell, "9"),
        (lambda: matching.optimal(D, P, treat="attended", caliper=1e-12), errors.NobodyMatched, "caliper"),
        (lambda: matching.subclass(D, P, treat="attended", subclasses=1), errors.Unsupported, "2 or more"),
        (lambda: matching.weights(D, P, treat="attended", estimand="LATE"), errors.Unsupported, "LATE"),
        (lambda: matching.trim(nearest(), at=0.2), errors.Unsupported, "0.5"),
        (
            lambda: matching.entropy_balance(D.assign(t=1.0), treat="attended", covariates=[*X, "t"]),
            errors.Collinear,
            "'t'",
        ),
        (
            lambda: matching.entropy_balance(D, treat="attended", covariates=X, estimand="ATO"),
            errors.Unsupported,
            "ATO",
        ),
    ],
)
def test_refusals_say_what_is_wrong(call, error, said):
    with pytest.raises(error, match=said):
        call()
