"""Survey weights in every design: a partner keeps its own weight, and the match stays a match."""

import numpy as np
import pandas as pd
import pytest

from evaluation.statistics import balance, effects, matching, propensity


def boosted(seed, n0=500, n1=120):
    """Attendees with weight 1, others oversampled in a small group that attends more; the true difference is 0.2."""
    rng = np.random.default_rng(seed)
    size = 30_000
    group, z, v = (rng.random(size) < 0.1).astype(float), rng.normal(size=size), rng.normal(size=size)
    went = rng.random(size) < 1 / (1 + np.exp(4 - 1.5 * group - 0.5 * z))
    y = 0.2 * went - 0.8 * group + 0.4 * z + 0.8 * v + rng.normal(size=size)
    pull = np.exp(1.6 * group + 0.6 * v) * ~went
    chance = np.minimum(1, pull * n0 / pull.sum())
    kept = np.r_[rng.choice(np.flatnonzero(went), n1, replace=False), np.flatnonzero(rng.random(size) < chance)]
    base = np.where(went, 1.0, 1 / np.where(went, 1, chance) / (1 / chance[~went & (chance > 0)]).mean())
    return pd.DataFrame({"went": went, "group": group, "z": z, "w": base, "y": y}).iloc[kept].reset_index(drop=True)


def matched_by(data, survey_weight):
    people = data[["went", "group", "z", "w"]].astype(float)
    scores = propensity.fit(people, treat="went", covariates=["group", "z"], survey_weight="w")
    words = {"treat": "went", "ratio": 2, "caliper": 0.2, "caliper_over": "control"}
    return people, matching.nearest(people, scores, survey_weight=survey_weight, **words)


def test_partners_keep_their_survey_weight_without_undoing_the_match():
    """Match times survey weight stays balanced where a group is oversampled; pairs are the same with and without."""
    for seed in range(3):
        data = boosted(seed)
        people, levelled = matched_by(data, "w")
        plain = matched_by(data, None)[1]
        pd.testing.assert_frame_equal(levelled.pairs, plain.pairs)
        words = {"treat": "went", "covariates": ["group", "z"], "survey_weight": "w"}
        worst = [balance.compare(people, weights=m.match_weight, **words).worst for m in (levelled, plain)]
        assert worst[0] < 0.15 < 0.3 < worst[1]
        ours = (levelled.match_weight * people["w"])[levelled.match_weight > 0]
        kept = ours[people["went"] == 0]
        assert levelled.n_effective["control"] == pytest.approx(kept.sum() ** 2 / (kept**2).sum())


def test_equal_and_rescaled_survey_weights_change_no_match_weight():
    people = boosted(1)
    for name, word in (("one", 1.0), ("many", 3210.0)):
        flat, plain = (matched_by(people.assign(w=word), w)[1] for w in ("w", None))
        assert flat.match_weight.to_numpy() == pytest.approx(plain.match_weight.to_numpy(), abs=1e-12), name
    once, again = (matched_by(people.assign(w=people["w"] * k), "w")[1] for k in (1.0, 70.0))
    assert once.match_weight.to_numpy() == pytest.approx(again.match_weight.to_numpy(), rel=1e-9)
    shuffled = matched_by(people.sample(frac=1, random_state=3), "w")[1]
    pd.testing.assert_series_equal(once.match_weight, shuffled.match_weight.reindex(once.match_weight.index))


def test_cells_count_people_by_their_survey_weight():
    data = boosted(2)[["went", "group", "w"]].astype({"went": int})
    made = matching.coarsened_exact(data, treat="went", covariates=["group"], cutpoints={"group": 0}, survey_weight="w")
    total = made.analysis.groupby([data["went"], data["group"]]).sum().unstack()
    assert (total.loc[0] / total.loc[0].sum()).to_numpy() == pytest.approx(total.loc[1] / total.loc[1].sum())


def test_balance_takes_the_sample_its_weights_or_an_array():
    people, sample = matched_by(boosted(2), "w")
    words = {"treat": "went", "covariates": ["group", "z"], "survey_weight": "w"}
    tables = [
        balance.compare(people, weights=w, **words).table
        for w in (sample, sample.match_weight, sample.match_weight.to_numpy())
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


def test_five_times_the_boost_moves_nothing():
    """Attendees sought out in other numbers: the ATT stays, because they weigh 1 and the others stand for residents."""
    found = {n1: [] for n1 in (80, 400)}
    for seed in range(25):
        for n1, values in found.items():
            data = boosted(seed, n1=n1).astype({"went": int})
            people = data[["went", "group", "z", "w"]].astype(float)
            made = matching.entropy_balance(people, treat="went", covariates=["group", "z"], survey_weight="w")
            words = {"outcome": "y", "treat": "went", "survey_weight": "w"}
            values.append(effects.weighted(data, made, **words).value - 0.2)
    few, many = (np.array(v) for v in found.values())
    for values in (few, many):
        assert abs(values.mean()) < 3 * values.std(ddof=1) / 5
    assert abs((few - many).mean()) < 3 * (few - many).std(ddof=1) / 5


@pytest.mark.slow
def test_survey_weights_in_matching_leave_no_bias():
    """120 samples whose weights carry more than the covariates: the partners' own weights are needed, and enough."""
    found = {"own": [], "none": []}
    for seed in range(120):
        data = boosted(seed).astype({"went": int})
        for name, word in (("own", "w"), ("none", None)):
            sample = matched_by(data, word)[1]
            made = effects.in_sample(
                data, sample, outcome="y", treat="went", covariates=("group", "z"), survey_weight=word
            )
            found[name].append((made.value - 0.2, made.low <= 0.2 <= made.high))
    own, none = (np.array(found[k], dtype=float) for k in ("own", "none"))
    error = own[:, 0].std(ddof=1) / np.sqrt(len(own))
    assert abs(own[:, 0].mean()) < 0.03 + 2 * error
    assert 0.9 <= own[:, 1].mean() <= 0.99
    assert none[:, 0].mean() < -0.3
    assert none[:, 1].mean() < 0.5
