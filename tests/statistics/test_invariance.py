"""Measurement invariance: lavaan's numbers, planted shifts, statements that are few or lopsided."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import invariance

GOLDEN = Path(__file__).parents[1] / "golden"
REFERENCE = json.loads((GOLDEN / "fixtures" / "invariance.json").read_text())
ITEMS = [f"s{i}" for i in range(1, 7)]
D = pd.read_csv(GOLDEN / "data" / "invariance.csv").assign(g=lambda d: (d["group"] == "b").astype(int))
DATA = invariance.groups(D[ITEMS].to_numpy() - 1, D["g"].to_numpy())
FITS = {step: invariance.fit(DATA, step) for step in ("configural", "thresholds", "loadings", "intercepts")}
FITS["freed"] = invariance.fit(DATA, "intercepts", free=(1, 4))
CUTS = (-1.1, -0.35, 0.35, 1.35)


def people(n, gap=0.0, shift=(0.0,) * 6, seed=1, sessions=30):
    """Two groups of these sizes with sessions that share a mood; the second answers `shift` higher at equal trust."""
    rng = np.random.default_rng(seed)
    g = np.repeat([0, 1], n)
    session = rng.integers(0, sessions, len(g))
    trust = rng.normal(0, 0.25, sessions)[session] + rng.normal(0, 0.6, len(g)) + gap * g
    y = [1 + np.searchsorted(CUTS, trust + s * g + rng.normal(0, 0.75, len(g))) for s in shift]
    return pd.DataFrame(dict(zip(ITEMS, np.array(y, dtype=float), strict=True)) | {"g": g, "session": session})


@pytest.mark.parametrize("step", FITS)
def test_loadings_thresholds_and_the_factor_are_lavaans(step):
    ours, theirs = FITS[step], REFERENCE["fits"][step]
    assert np.allclose(ours.loadings, theirs["loadings"], atol=1e-3)
    assert np.allclose(ours.thresholds, theirs["thresholds"], atol=1e-3)
    assert np.allclose(ours.intercepts[1], theirs["intercepts"], atol=1e-3)
    assert np.allclose(ours.scales[1], theirs["scales"], atol=1e-3)
    assert [ours.mean[1], ours.variance[1]] == pytest.approx([theirs["mean"], theirs["variance"]], abs=1e-3)
    assert ours.chisq == pytest.approx(theirs["chisq"], rel=1e-5)


@pytest.mark.parametrize("pair", REFERENCE["tests"])
def test_scaled_difference_tests_are_lavaans(pair):
    wider, narrower = pair.split(", ")
    ours, theirs = invariance.difference(DATA, FITS[wider], FITS[narrower]), REFERENCE["tests"][pair]
    assert ours.df == theirs["df"]
    assert ours.chisq == pytest.approx(theirs["chisq"], rel=1e-2)
    assert ours.p == pytest.approx(theirs["p"], abs=1e-2, rel=1e-2)


def test_a_model_that_restricts_nothing_is_no_test():
    with pytest.raises(errors.DataError):
        invariance.difference(DATA, FITS["loadings"], FITS["loadings"])


def test_the_factor_model_names_the_statements_that_were_shifted():
    found = invariance.examine(D, ITEMS, "g")
    assert (found.state, found.method) == (invariance.UNLIKE, "ordinal factor model")
    assert found.worst[:2] == ("s2", "s5")
    assert found.items.loc["s2", "shift"] == pytest.approx(-0.4, abs=0.1)
    assert found.detectable < 0.3


def test_a_gap_in_trust_is_no_shift_of_statements():
    states = [
        invariance.examine(people((330, 110), -0.5, seed=s), ITEMS, "g", cluster="session").state for s in range(12)
    ]
    assert states.count(invariance.UNLIKE) <= 2


def test_small_groups_are_tested_statement_by_statement_with_the_score_purified():
    frame = people((330, 110), shift=(-0.6, -0.6, 0, 0, 0, 0), seed=4)
    table = invariance.item_functioning(frame, ITEMS, "g", cluster="session")
    assert set(table.index[table["flagged"]]) == {"s1", "s2"}
    assert np.allclose(table.loc[["s1", "s2"], "shift"], -0.5, atol=0.2)
    assert abs(table.loc["s3":, "shift"].mean()) < 0.1


def test_what_a_small_study_could_not_have_seen_was_not_tested():
    found = invariance.examine(people((90, 45)), ITEMS, "g", cluster="session")
    assert found.state == invariance.TOO_FEW
    assert found.detectable > 0.3
    assert "0.3" in found.reason


def test_a_shift_is_found_even_where_a_smaller_one_would_be_missed():
    found = invariance.examine(people((80, 45), shift=(-1.6, 0, 0, 0, 0, 0)), ITEMS, "g", cluster="session")
    assert found.state == invariance.UNLIKE
    assert found.worst[0] == "s1"


def test_missing_answers_leave_people_in_the_small_sample_tests():
    frame = people((330, 110), seed=2)
    frame.loc[frame.index % 5 == 0, "s1"] = np.nan
    assert sum(invariance.examine(frame, ITEMS, "g", cluster="session").n) == 440


def test_rows_in_another_order_change_nothing():
    frame = people((230, 220), seed=6)
    one, other = (
        invariance.examine(f, ITEMS, "g", cluster="session") for f in (frame, frame.sample(frac=1, random_state=3))
    )
    assert one.p == pytest.approx(other.p, rel=1e-6)
    small = people((130, 110), seed=6)
    one, other = (invariance.examine(f, ITEMS, "g") for f in (small, small.sample(frac=1, random_state=3)))
    assert one.p == pytest.approx(other.p, rel=1e-6)


def test_rare_levels_are_joined_to_a_neighbour_in_both_groups_alike():
    answers = pd.Series([1, 1, 1, 2, 2, 3, 3, 3, 4, 5, np.nan] * 8, dtype=float)
    group = np.tile([0, 1], 44)
    codes = invariance.joined_levels(answers, group, least=5)
    counts = pd.crosstab(codes.dropna(), group[codes.notna()])
    assert counts.to_numpy().min() >= 5 or len(counts) == 2
    assert codes.isna().sum() == 8
    known = answers.notna()
    assert (codes[known].groupby(answers[known]).nunique() == 1).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.assign(s1=np.where(d["s1"] > 3, 2.0, 1.0)), "fewer than three answers"),
        (lambda d: d.assign(s1=np.nan, s2=np.nan, s3=np.nan), "hardly anybody"),
        (lambda d: d.assign(session=d["g"]), "fewer clusters"),
    ],
)
def test_what_no_model_can_be_fitted_to_is_too_few_to_test_with_its_reason(change, words):
    found = invariance.examine(change(people((130, 110))), ITEMS, "g", cluster="session")
    assert (found.state, found.p, found.worst) == (invariance.TOO_FEW, None, ())
    assert words in found.reason


def test_a_scale_of_two_statements_or_of_three_groups_is_refused():
    with pytest.raises(errors.DataError):
        invariance.examine(D, ITEMS[:2], "g")
    with pytest.raises(errors.DataError):
        invariance.examine(D.assign(g=D.index % 3), ITEMS, "g")


def test_a_level_that_a_group_never_met_is_refused_by_the_factor_model():
    codes = D[ITEMS].to_numpy() - 1
    codes[(D["g"] == 1).to_numpy() & (codes[:, 0] == 4), 0] = 3
    with pytest.raises(errors.EmptyCell):
        invariance.groups(codes, D["g"].to_numpy())


def test_clusters_that_answer_alike_widen_the_covariance():
    frame = people((300, 300), sessions=12)
    codes, g = frame[ITEMS].to_numpy(dtype=int) - 1, frame["g"].to_numpy()
    alone, held = invariance.groups(codes, g), invariance.groups(codes, g, frame["session"].to_numpy())
    place = [np.diag(c)[:24].mean() for c in (alone.covariances[0], held.covariances[0])]
    assert place[1] > 1.3 * place[0]


@pytest.mark.slow
@pytest.mark.parametrize("n", [(330, 110), (330, 300)])
def test_the_gate_rejects_at_most_seven_per_cent_with_nothing_there(n):
    found = [invariance.examine(people(n, -0.3, seed=s), ITEMS, "g", cluster="session").p <= 0.05 for s in range(400)]
    assert np.mean(found) <= 0.07 + 2 * np.sqrt(0.05 * 0.95 / 400)
