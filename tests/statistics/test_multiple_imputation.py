"""Missing answers: Rubin's rules held to mice, imputations held to mice in distribution, refusals."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import multiple_imputation

GOLDEN = Path(__file__).parents[1] / "golden"
R = json.loads((GOLDEN / "fixtures" / "missing.json").read_text())
FIELDS = ("value", "within", "between", "total", "df", "increase", "fmi")
MODEL = ["attended", "age", "deprivation", "ethnic5", "female", "trust"]


def holed(*, words=True):
    d = pd.read_csv(GOLDEN / "data" / "attendance.csv")[MODEL]
    row = np.arange(1, len(d) + 1)
    d.loc[((row % 4 == 0) & (d["age"] > 40)) | (row % 11 == 0), "trust"] = np.nan
    d["female"] = d["female"].astype("Int64")
    d.loc[row % 7 == 3, "deprivation"] = np.nan
    d.loc[row % 6 == 1, "female"] = pd.NA
    if words:
        d.loc[row % 9 == 2, "ethnic5"] = None
    return d


@pytest.mark.parametrize("name", sorted(R["pool_scalar"]))
def test_pooling_agrees_with_pool_scalar(name):
    known = R["pool_scalar"][name]
    made = multiple_imputation.pool(known["Q"], known["U"], known["dfcom"])
    for field in FIELDS:
        assert getattr(made, field) == pytest.approx(known[field], rel=1e-12, abs=1e-14), field


def test_pooling_agrees_with_pool_of_linear_models():
    for j, _ in enumerate(R["terms"]):
        made = multiple_imputation.pool([e["b"][j] for e in R["each"]], [e["v"][j] for e in R["each"]], R["dfcom"])
        for field in FIELDS:
            assert getattr(made, field) == pytest.approx(R["pool"][field][j], rel=1e-9), (R["terms"][j], field)


def test_degrees_of_freedom_never_exceed_the_complete_data():
    for df in (3, 20, 500):
        assert multiple_imputation.pool([1, 2, 3.0], [0.1, 0.1, 0.1], df).df < df
    assert multiple_imputation.pool([1.0, 1.0], [0.1, 0.1], 20).df < 20
    assert multiple_imputation.barnard_rubin(5, 0.1, 0.5) == pytest.approx(4 / (1.2 * 0.1 / 0.5) ** 2)


def test_the_estimate_carries_its_interval():
    made = multiple_imputation.pool([1.1, 1.3, 0.9], [0.04, 0.05, 0.045], 40)
    estimate = made.estimate(outcome="trust", unit="scale points")
    assert estimate.se == pytest.approx(math.sqrt(made.total))
    assert estimate.df == made.df
    assert estimate.low < made.value < estimate.high
    assert list(made.tidy()["m"]) == [3]
    assert "3 imputations" in made.summary()


@pytest.mark.parametrize(
    ("q", "u", "df"),
    [
        ([1.0], [1.0], None),
        ([1.0, 2.0], [1.0], None),
        ([1, np.nan], [1, 1], None),
        ([1, 2], [1, -1], None),
        ([1, 2], [0, 0], None),
        ([1, 2], [1, 1], 0),
        ([[1, 2]], [[1, 1]], None),
    ],
)
def test_pooling_refuses(q, u, df):
    with pytest.raises(errors.DataError):
        multiple_imputation.pool(q, u, df)


def test_patterns_count_everybody_once():
    d = holed()
    table = multiple_imputation.patterns(d, MODEL)
    assert table["n"].sum() == len(d)
    assert table["share"].sum() == pytest.approx(1)
    complete = table[table["missing"] == 0]
    assert complete["n"].item() == len(d.dropna())
    lost = (~table["trust"]) * table["n"]
    assert lost.sum() == d["trust"].isna().sum()


def test_imputation_fills_holes_and_nothing_else():
    d = holed().assign(other="kept")
    before = d.copy(deep=True)
    made = multiple_imputation.impute(d, MODEL, m=3, iterations=3, seed=1)
    pd.testing.assert_frame_equal(d, before)
    assert len(made) == 3
    for one in made:
        assert one[MODEL].notna().all(axis=None)
        assert (one.dtypes == d.dtypes).all()
        for c in d:
            given = d[c].notna()
            assert (one.loc[given, c] == d.loc[given, c]).all()
            assert set(one[c]) <= set(d[c].dropna())
    assert not made[0].equals(made[1])
    again = multiple_imputation.impute(d, MODEL, m=3, iterations=3, seed=1)
    assert all(a.equals(b) for a, b in zip(made, again, strict=True))
    assert not multiple_imputation.impute(d, MODEL, m=3, iterations=3, seed=2)[0].equals(made[0])


def test_imputations_agree_with_mice_in_distribution():
    """Coefficients within 0.15 of mice's pooled error; shares within 1.5 points (both are random draws)."""
    made = multiple_imputation.impute(holed(words=False), MODEL, m=30, iterations=6, seed=7)
    b, v = [], []
    for one in made:
        black, white = ((one["ethnic5"] == g).astype(float) for g in ("black", "white"))
        x = np.column_stack(
            [np.ones(len(one)), one[["attended", "age", "deprivation"]], black, white, one["female"].astype(float)]
        )
        coefficient, rss = np.linalg.lstsq(x, one["trust"], rcond=None)[:2]
        b.append(coefficient)
        v.append(np.diag(np.linalg.inv(x.T @ x)) * rss[0] / (len(x) - x.shape[1]))
    for j, term in enumerate(R["terms"]):
        pooled = multiple_imputation.pool([c[j] for c in b], [c[j] for c in v], R["dfcom"])
        error = math.sqrt(R["pool"]["total"][j])
        assert abs(pooled.value - R["pool"]["value"][j]) < 0.25 * error, term
        assert pooled.se == pytest.approx(error, rel=0.12), term
    assert np.mean([(o["female"] == 1).mean() for o in made]) == pytest.approx(R["shares"]["female"], abs=0.015)
    assert np.mean([o["trust"].mean() for o in made]) == pytest.approx(R["shares"]["trust"], abs=0.01)


def _one_study(seed, n=300):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = 1 + 0.6 * x + rng.normal(scale=0.8, size=n)
    y[rng.random(n) < 1 / (1 + np.exp(-0.7 * x))] = np.nan
    made = multiple_imputation.impute(pd.DataFrame({"x": x, "y": y}), ["x", "y"], m=8, iterations=1, seed=seed)
    pooled = multiple_imputation.pool([o["y"].mean() for o in made], [o["y"].var() / n for o in made], n - 1).estimate(
        null=1.0
    )
    return pooled, np.nanmean(y)


def test_a_mean_missing_by_what_is_seen_is_recovered():
    """Complete cases are biased by about 0.2; the imputed mean is not, and its interval covers."""
    runs = [_one_study(s) for s in range(200)]
    values = np.array([p.value for p, _ in runs])
    assert np.mean([c for _, c in runs]) < 0.9
    assert abs(values.mean() - 1) < 0.03 + 2 * values.std() / math.sqrt(len(runs))
    assert 0.90 <= np.mean([p.low <= 1 <= p.high for p, _ in runs]) <= 0.99


def test_words_are_matched_on_what_predicts_them():
    """Shares of three groups, missing more often where one group is rare, come back; the seen shares are off."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=3000)
    group = np.where(x + rng.normal(size=3000) > 1, "a", np.where(x + rng.normal(size=3000) > -0.5, "c", "b"))
    seen = pd.Series(group, dtype=object)
    seen[rng.random(3000) < 1 / (1 + np.exp(1 - 1.5 * x))] = None
    made = multiple_imputation.impute(pd.DataFrame({"x": x, "group": seen}), ["x", "group"], m=5, iterations=1, seed=1)
    for level in "abc":
        truth = (group == level).mean()
        assert np.mean([(o["group"] == level).mean() for o in made]) == pytest.approx(truth, abs=0.025)
    assert abs((seen.dropna() == "a").mean() - (group == "a").mean()) > 0.06


def test_donors_are_the_nearest():
    rng = np.random.default_rng(3)
    have = np.sort(rng.normal(size=50))
    want = rng.normal(size=400)
    place = multiple_imputation._nearest_donors(have, want, 5, rng)
    for w, at in zip(want, place, strict=True):
        nearest = np.sort(np.abs(have - w))[:5]
        assert abs(have[at] - w) <= nearest[-1] + 1e-15


def test_separated_answers_still_give_draws():
    x = np.arange(60.0)
    y = pd.Series((x > 30).astype(float))
    y[[5, 29, 31, 55]] = np.nan
    made = multiple_imputation.impute(pd.DataFrame({"x": x, "y": y}), ["x", "y"], m=4, iterations=2, seed=1)
    assert all(o["y"].isin([0.0, 1.0]).all() for o in made)


def test_nothing_missing_returns_copies():
    d = holed().dropna()
    made = multiple_imputation.impute(d, MODEL, m=2, seed=1)
    assert all(o.equals(d) for o in made)


@pytest.mark.parametrize(
    ("change", "words", "error"),
    [
        ({}, {"m": 1}, errors.DataError),
        ({}, {"iterations": 0}, errors.DataError),
        ({}, {"methods": {"age": "tree"}}, errors.Unsupported),
        ({}, {"methods": {"trust": "logit"}}, errors.Unsupported),
        ({}, {"methods": {"nowhere": "pmm"}}, errors.UnknownColumn),
        ({"trust": np.nan}, {}, errors.EmptyCell),
        ({"trust": 1.0}, {}, errors.EmptyCell),
    ],
)
def test_imputation_refuses(change, words, error):
    with pytest.raises(error):
        multiple_imputation.impute(holed().assign(**change), MODEL, seed=1, **words)


def test_imputation_refuses_one_column_and_repeated_people():
    with pytest.raises(errors.DataError, match="two columns"):
        multiple_imputation.impute(holed(), ["trust"], seed=1)
    with pytest.raises(errors.DataError, match="duplicate"):
        multiple_imputation.impute(pd.concat([holed()] * 2), MODEL, seed=1)
