"""Few places a side: what has no honest error is refused or left out, and what is printed keeps its size."""

import inspect
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import did
from evaluation.statistics.did import composition, whole_clusters

ROLES = {"outcome": "y", "group": "g", "time": "t"}


def places(rng, count, treated, times=2, n=16, shock=0.3):
    """People of `count` places at several times, the first `treated` of them reached; nothing happens anywhere."""
    place, time = np.repeat(np.arange(count), n * times), np.tile(np.repeat(np.arange(times), n), count)
    moved = rng.normal(0, shock, (count, times))[place, time] + rng.normal(0, 0.5, count)[place]
    frame = pd.DataFrame(
        {"place": place, "t": time, "g": (place < treated) * 1, "y": moved + rng.normal(size=len(place))}
    )
    frame["x"], frame["h"] = rng.normal(size=len(place)), rng.integers(0, 2, len(place))
    return frame[rng.random(len(place)) < 0.8].reset_index(drop=True)


DESIGNS = {
    "two by two": lambda f: did.two_by_two(f, cluster="place", **ROLES),
    "two by two, CR1": lambda f: did.two_by_two(f, cluster="place", vcov="CR1", **ROLES),
    "doubly robust": lambda f: did.doubly_robust(f, covariates=["x"], cluster="place", **ROLES),
    "four groups": lambda f: composition.four_group(f, covariates=["x"], cluster="place", **ROLES),
    "triple": lambda f: did.triple(f, outcome="y", group="h", place="g", time="t", cluster="place"),
    "probability": lambda f: did.probability_difference(
        f.assign(y=(f["y"] > 0) * 1.0), covariates=["x"], cluster="place", **ROLES
    ),
    "event study": lambda f: did.event_study(f, start=1, cluster="place", **ROLES)[0],
    "group and time": lambda f: did.group_time(f, outcome="y", first_treated="g", time="t", cluster="place")[0],
    "group and time, never treated": lambda f: did.group_time(
        f, outcome="y", first_treated="g", time="t", cluster="place", control="never"
    )[0],
}


def outcome_of(design, frame):
    try:
        return DESIGNS[design](frame)
    except errors.EmptyCell as error:
        return error


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("few", [1, 2])
def test_one_or_two_places_on_either_side_are_refused(design, few):
    for treated in (few, 8 - few):
        made = outcome_of(design, places(np.random.default_rng(few), 8, treated))
        assert isinstance(made, NotIdentified | errors.EmptyCell)
        assert {1: "one", 2: "two"}[few] in str(getattr(made, "reason", made))
        assert "by_area" in str(getattr(made, "what_would_help", made))


@pytest.mark.parametrize("design", DESIGNS)
def test_three_places_a_side_and_clusters_across_both_sides_are_estimated(design):
    frame = places(np.random.default_rng(5), 8, 3)
    across = frame.assign(place=np.random.default_rng(6).integers(0, 9, len(frame)))
    for one in (frame, across):
        made = outcome_of(design, one)
        assert isinstance(made, Estimate)
        assert made.se > 0


def test_two_places_a_side_are_left_to_changes_of_area_means():
    frame = places(np.random.default_rng(2), 5, 2)
    made = did.by_area(frame, area="place", **ROLES)
    assert made.df == 3
    assert "t on 3 degrees" in made.se_method
    assert isinstance(did.by_area(places(np.random.default_rng(2), 5, 1), area="place", **ROLES), NotIdentified)


def test_cell_sizes_are_asked_by_one_name_with_one_default():
    asking = [did.two_by_two, did.doubly_robust, did.triple, did.event_study, did.group_time, did.by_area]
    assert {inspect.signature(f).parameters["least"].default for f in asking} == {did.LEAST}


@pytest.mark.parametrize("vcov", ["HC0", "HC1", "HC2", "HC3"])
def test_a_cluster_that_the_covariance_cannot_use_is_refused(vcov):
    frame, words = places(np.random.default_rng(4), 8, 4), {"cluster": "place", "vcov": vcov}
    calls = [
        lambda: did.two_by_two(frame, **ROLES, **words),
        lambda: did.triple(frame, outcome="y", group="h", place="g", time="t", **words),
        lambda: did.event_study(frame, start=1, **ROLES, **words),
    ]
    for call in calls:
        with pytest.raises(errors.Unsupported, match="cannot use the cluster 'place'"):
            call()


def cohorts(rng, sizes, times=4, n=12):
    """Places by time of first treatment: `sizes` maps it (0 for never) to a number of places."""
    first = np.concatenate([[g] * k for g, k in sizes.items()])
    frame = places(rng, len(first), 0, times=times, n=n)
    return frame.assign(first=first[frame["place"]])


def test_cohorts_of_one_or_two_places_are_left_out_and_listed():
    frame = cohorts(np.random.default_rng(3), {1: 3, 2: 1, 3: 2, 0: 3})
    made = did.group_time(frame, outcome="y", first_treated="first", time="t", cluster="place")
    assert set(made.groups) == {1.0}
    assert {g for g, _ in made.left_out} >= {2.0, 3.0}
    by_place = frame.groupby(["place", "first", "t"], as_index=False)["y"].mean()
    alone = did.group_time(by_place, outcome="y", first_treated="first", time="t", unit="place")
    assert set(alone.groups) == {1.0}
    assert {g for g, _ in alone.left_out} >= {2.0, 3.0}


def test_few_places_have_the_error_of_their_means():
    rng = np.random.default_rng(11)
    means = pd.DataFrame([(p, t, rng.normal()) for p in range(8) for t in range(2)], columns=["place", "t", "y"])
    means["g"] = (means["place"] < 3) * 1
    change = means.pivot(index="place", columns="t", values="y").diff(axis=1)[1]
    a, b = change[:3], change[3:]
    se = np.sqrt(a.var(ddof=1) / 3 + b.var(ddof=1) / 5)
    df = (1 / 3 + 1 / 5) ** 2 / ((1 / 3) ** 2 / 2 + (1 / 5) ** 2 / 4)
    found = [
        did.group_time(means, outcome="y", first_treated="g", time="t", unit="place")[0],
        did.group_time(means, outcome="y", first_treated="g", time="t", unit="place", cluster="place")[0],
        did.doubly_robust(means, covariates=[], unit="place", cluster="place", **ROLES),
    ]
    for made in found:
        assert made.value == pytest.approx(a.mean() - b.mean())
        assert made.se == pytest.approx(se)
        assert made.df == pytest.approx(df)


@pytest.mark.parametrize("seed", range(6))
def test_degrees_of_freedom_are_those_of_the_quadratic_form(seed):
    rng = np.random.default_rng(seed)
    loads, first, second = [], 0.0, 0.0
    for sign in (1, -1):
        own = rng.uniform(0.05, 2, rng.integers(3, 9))
        share = own / own.sum()
        m = np.eye(len(own)) - np.outer(np.ones(len(own)), share)
        a = m.T @ np.diag(own**2 / (1 - share)) @ m
        first, second = first + np.trace(a), second + np.trace(a @ a)
        loads.append(np.concatenate([np.zeros(2), sign * own]))
    assert whole_clusters.freedom(loads) == pytest.approx(first**2 / second)


def test_places_of_which_one_holds_nearly_everybody_have_no_error():
    frame = places(np.random.default_rng(4), 40, 4, n=60)
    lone = frame[(frame["place"] == 0) | (frame.groupby(["place", "t"]).cumcount() < 4)]
    with pytest.raises(errors.EmptyCell, match="unequal"):
        did.doubly_robust(lone, covariates=[], cluster="place", **ROLES)


@pytest.mark.parametrize("never", [0, np.inf, np.nan, None])
@pytest.mark.parametrize("unit", ["id", None])
def test_never_treated_may_be_written_in_four_ways(never, unit):
    rng = np.random.default_rng(1)
    rows = [(i, [3, 4, 0][i % 3], t, rng.normal()) for i in range(90) for t in range(1, 6)]
    frame = pd.DataFrame(rows, columns=["id", "first", "t", "y"])
    words = {"outcome": "y", "first_treated": "first", "time": "t", "unit": unit, "control": "never"}
    other = frame.assign(first=frame["first"].astype(object).where(frame["first"] > 0, never))
    known, made = did.group_time(frame, **words), did.group_time(other, **words)
    assert [e.value for e in made] == [e.value for e in known]
    assert [e.n for e in made] == [e.n for e in known]


def test_people_treated_from_the_start_are_listed_as_left_out():
    rng = np.random.default_rng(1)
    rows = [(i, [1, 4, 0][i % 3], t, rng.normal()) for i in range(300) for t in range(1, 7)]
    frame = pd.DataFrame(rows, columns=["id", "g", "t", "y"])
    made = did.group_time(frame, outcome="y", first_treated="g", time="t", control="never", unit="id")
    assert made.always_treated == 100
    assert {g for g, _ in made.left_out} == {1.0}
    others = did.group_time(
        frame[frame["g"] != 1], outcome="y", first_treated="g", time="t", control="never", unit="id"
    )
    assert [e.value for e in made] == [e.value for e in others]
    assert others.left_out == []
    assert others.always_treated == 0


def rejected(studies, seed):
    """Share of 5 % tests that reject where nothing happened, by printed row; 6 to 10 places."""
    rng, counts = np.random.default_rng(seed), defaultdict(lambda: [0, 0])

    def note(name, made):
        if isinstance(made, Estimate):
            counts[name][0] += 1
            counts[name][1] += made.p < 0.05

    for _ in range(studies):
        for treated in (1, 2, 3):
            frame = places(rng, int(rng.integers(6, 11)), treated)
            for design in DESIGNS.keys() - {"two by two, CR1"}:  # a kind that R has and that must be asked for
                note(design, outcome_of(design, frame))
            note("by area", did.by_area(frame, area="place", **ROLES))
        never = int(rng.integers(2, 5))
        frame = cohorts(rng, {1: 3, 2: 1, 3: 2, 0: never})
        by_place = frame.groupby(["place", "first", "t"], as_index=False)["y"].mean()
        for control in ("not_yet", "never"):
            for data, words in ((frame, {"cluster": "place"}), (by_place, {"unit": "place"})):
                try:
                    made = did.group_time(data, outcome="y", first_treated="first", time="t", control=control, **words)
                except errors.EmptyCell:
                    continue
                for row in [
                    *made,
                    *(e for kind in ("simple", "group", "dynamic", "calendar") for e in made.aggregate(kind)),
                ]:
                    note(f"{control} {sorted(words)[0]} {row.estimand}", row)
    return {name: (hits / n, n) for name, (n, hits) in counts.items()}


@pytest.mark.slow
def test_every_printed_row_keeps_its_size_with_few_places():
    for name, (share, n) in rejected(2000, 1).items():
        assert share <= 0.07, f"{name}: {share:.1%} of {n}"


def linked_people(rng, count, treated, each=8):
    """The same people of `count` places at two times; the places of the first are reached in between."""
    place, time = np.tile(np.repeat(np.arange(count), each), 2), np.repeat([0, 1], count * each)
    moved = rng.normal(0, 0.3, (count, 2))[place, time]
    frame = pd.DataFrame({"id": np.tile(np.arange(count * each), 2), "place": place, "t": time})
    return frame.assign(d=((place < treated) & (time == 1)) * 1, y=moved + rng.normal(0, 0.7, len(frame)))


PANEL = {"outcome": "y", "treat": "d", "unit": "id", "time": "t", "cluster": "place"}


@pytest.mark.parametrize("function", [did.linked_panel, did.first_differences])
def test_linked_people_of_few_places(function):
    for few in (1, 2, 6, 7):
        with pytest.raises(errors.EmptyCell, match="only on one side"):
            function(linked_people(np.random.default_rng(1), 8, few), **PANEL)
    frame = linked_people(np.random.default_rng(1), 8, 3)
    assert function(frame, **PANEL).df == pytest.approx((1 / 3 + 1 / 5) ** 2 / ((1 / 3) ** 2 / 2 + (1 / 5) ** 2 / 4))
    across = frame.assign(place=frame["id"] % 8)
    assert did.linked_panel(across, **PANEL).df == 7


@pytest.mark.slow
def test_linked_people_of_few_places_keep_their_size():
    rng, functions = np.random.default_rng(5), (did.linked_panel, did.first_differences)
    hits = np.array(
        [
            [f(frame, **PANEL).p < 0.05 for f in functions]
            for frame in (linked_people(rng, int(rng.integers(6, 11)), 3) for _ in range(1000))
        ]
    )
    assert (hits.mean(axis=0) <= 0.07).all(), hits.mean(axis=0)
