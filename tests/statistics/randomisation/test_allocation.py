"""The draw and its allocations, by hand and by counting; the exact test and its interval, by trying every effect."""

import hashlib
import itertools
import math

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import randomisation as lot

BLOCKS = list("aaaabbb")


def test_the_draw_can_be_made_again_with_sha256_alone():
    names = [f"u{k}" for k in range(7)]
    found = lot.draw(names, BLOCKS, share=0.5, seed="seed")
    for block, wanted in (("a", 2), ("b", 2)):
        own = [n for n, b in zip(names, BLOCKS, strict=True) if b == block]
        first = sorted(own, key=lambda n: hashlib.sha256(f"seed:1:{n}".encode()).hexdigest())[:wanted]
        assert {n for n, z in zip(names, found.treat, strict=True) if z and n in own} == set(first)


def test_every_unit_is_drawn_as_often_as_its_share_and_other_seeds_draw_others():
    names = [f"u{k}" for k in range(7)]
    drawn = np.array([lot.draw(names, BLOCKS, share=0.5, seed=str(s)).treat for s in range(3000)])
    assert drawn[:, :4].mean(axis=0) == pytest.approx([0.5] * 4, abs=0.04)
    assert drawn[:, 4:].mean(axis=0) == pytest.approx([2 / 3] * 3, abs=0.04)
    assert len(np.unique(drawn, axis=0)) == 18


def test_all_allocations_are_listed_once():
    made = lot.draw([f"u{k}" for k in range(7)], BLOCKS, share=0.5, seed="x").treat
    found = lot.allocations(BLOCKS, made)
    assert found.complete
    assert len(found.treat) == len(np.unique(found.treat, axis=0)) == math.comb(4, 2) * math.comb(3, 2)
    assert (found.treat[:, :4].sum(axis=1) == 2).all()
    assert lot.number_of_allocations(BLOCKS, made) == 18


@pytest.mark.parametrize(("units", "least"), [(6, 2 / 20), (8, 2 / 70), (10, 2 / 252), (12, 2 / 924)])
def test_few_units_cannot_reach_a_small_p(units, least):
    made = lot.draw([str(k) for k in range(units)], ["one"] * units, share=0.5, seed="s").treat
    assert lot.smallest_p(lot.allocations(["one"] * units, made)) == pytest.approx(least)


def test_where_the_mirror_image_cannot_be_drawn_one_allocation_is_enough():
    made = lot.draw([str(k) for k in range(5)], ["one"] * 5, share=0.4, seed="s").treat
    assert lot.smallest_p(lot.allocations(["one"] * 5, made)) == pytest.approx(1 / 10)


def test_too_many_allocations_are_drawn_with_the_one_that_was_made_first():
    blocks = ["one"] * 40
    made = lot.draw([str(k) for k in range(40)], blocks, share=0.5, seed="s").treat
    found = lot.allocations(blocks, made, seed=4)
    assert not found.complete
    assert len(found.treat) == 20_000
    assert (found.treat[0] == (made == 1)).all()
    assert (found.treat.sum(axis=1) == 20).all()
    assert found.treat[1:].mean(axis=0) == pytest.approx([0.5] * 40, abs=0.03)


def test_a_restricted_draw_keeps_to_its_rule_and_only_such_allocations_count():
    values = np.arange(10.0)[:, None]
    rule = lot.Restriction(values, 0.3)
    names, blocks = [str(k) for k in range(10)], ["one"] * 10
    found = lot.draw(names, blocks, share=0.5, seed="s", restriction=rule)
    kept = lot.allocations(blocks, found.treat, restriction=rule)
    sd = values.std(ddof=1)
    wanted = 0
    for chosen in itertools.combinations(range(10), 5):
        inside = values[list(chosen)].mean() - values[[k for k in range(10) if k not in chosen]].mean()
        wanted += abs(inside) <= 0.3 * sd + 1e-12
    assert len(kept.treat) == wanted < 252
    seen = np.array([lot.draw(names, blocks, share=0.5, seed=str(s), restriction=rule).treat for s in range(300)])
    assert rule.permits(seen == 1).all()


def test_an_allocation_outside_the_rule_is_refused():
    rule = lot.Restriction(np.arange(8.0)[:, None], 0.1)
    with pytest.raises(errors.DataError, match="breaks the restriction"):
        lot.allocations(["one"] * 8, [1, 1, 1, 1, 0, 0, 0, 0], restriction=rule)


def test_units_always_together_are_seen():
    found = lot.Allocations(np.array([[1, 1, 0, 0], [0, 0, 1, 1]], dtype=bool), complete=True)
    assert lot.together(found).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("names", "blocks", "share", "why"),
    [
        (["a", "a", "b", "c"], ["x"] * 4, 0.5, "stands twice"),
        (["a", "b", "c"], ["x", "x", "y"], 0.5, "one unit only"),
        (["a", "b"], ["x", "x"], 1.0, "between 0 and 1"),
    ],
)
def test_a_frame_that_cannot_be_drawn_from_is_refused(names, blocks, share, why):
    with pytest.raises(errors.DataError, match=why):
        lot.draw(names, blocks, share=share, seed="s")


# ---- the exact test ---------------------------------------------------------------------------------------------


def study(seed, effect, sizes=(4, 4, 4), people=(1, 1)):
    rng = np.random.default_rng(seed)
    blocks = [b for b, n in zip("abc", sizes, strict=False) for _ in range(n)]
    made = lot.draw([str(k) for k in range(len(blocks))], blocks, share=0.5, seed=str(seed)).treat
    n = rng.integers(people[0], people[1] + 1, len(blocks))
    total = [float((rng.normal(size=k) + effect * z).sum()) for k, z in zip(n, made, strict=True)]
    return pd.DataFrame({"z": made, "total": total, "n": n, "block": blocks})


def exact(units, found):
    return lot.exact_test(units, found, treat="z", total="total", people="n", block="block")


def by_trying(units, effect):
    """Return the p-value of a constant effect, by imputing every answer under every allocation."""
    frame = units.assign(total=units["total"] - effect * units["z"] * units["n"])
    rows = [np.flatnonzero(units["block"] == b) for b in units["block"].unique()]
    each = [list(itertools.combinations(r, int(units["z"].iloc[r].sum()))) for r in rows]

    def statistic(drawn):
        value = 0.0
        for r in rows:
            one, none = [k for k in r if k in drawn], [k for k in r if k not in drawn]
            mean = [frame["total"].iloc[k].sum() / frame["n"].iloc[k].sum() for k in (one, none)]
            value += frame["n"].iloc[r].sum() / frame["n"].sum() * (mean[0] - mean[1])
        return value

    seen = abs(statistic(set(np.flatnonzero(units["z"]))))
    every = [abs(statistic({k for part in chosen for k in part})) for chosen in itertools.product(*each)]
    return float(np.mean([e >= seen - 1e-9 for e in every]))


@pytest.mark.parametrize(("seed", "sizes", "people"), [(1, (4, 4), (1, 1)), (2, (3, 4), (2, 9)), (5, (7,), (1, 4))])
def test_p_value_and_interval_are_those_of_trying_every_effect(seed, sizes, people):
    units = study(seed, 1.5, sizes, people)
    found = exact(units, lot.allocations(list(units["block"]), units["z"]))
    assert found.p == pytest.approx(by_trying(units, 0.0))
    assert found.complete
    for end, step in ((found.low, -1e-6), (found.high, 1e-6)):
        if math.isfinite(end):
            assert by_trying(units, end - step) > 0.05
            assert by_trying(units, end + step) <= 0.05


def test_six_units_give_an_interval_without_ends():
    units = study(3, 4.0, (6,))
    found = exact(units, lot.allocations(list(units["block"]), units["z"]))
    assert found.p >= 0.1
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_an_allocation_that_is_not_the_lots_is_refused():
    units = study(3, 0.0, (6,))
    others = lot.allocations(list(units["block"]), units["z"])
    with pytest.raises(errors.DataError, match="not among"):
        exact(units, lot.Allocations(others.treat[~(others.treat == (units["z"] == 1).to_numpy()).all(axis=1)], True))


@pytest.mark.parametrize("restricted", [False, True])
def test_the_size_of_the_exact_test_holds_with_few_places(restricted):
    rng = np.random.default_rng(11)
    rejected, studies = 0, 400
    for s in range(studies):
        earlier = rng.normal(size=(10, 1))
        rule = lot.Restriction(earlier, 0.5) if restricted else None
        blocks = ["one"] * 10
        made = lot.draw([str(k) for k in range(10)], blocks, share=0.5, seed=str(s), restriction=rule).treat
        n = rng.integers(5, 20, 10)
        total = n * (earlier[:, 0] + rng.standard_t(3, 10))
        units = pd.DataFrame({"z": made, "total": total, "n": n, "block": blocks})
        rejected += exact(units, lot.allocations(blocks, made, restriction=rule)).p <= 0.05
    assert rejected / studies <= 0.075
    assert rejected > 0


# ---- power ------------------------------------------------------------------------------------------------------


def test_six_hundred_people_and_a_take_up_of_a_quarter_cannot_answer():
    found = lot.lot_power(people=600, share=0.5, sd=1.03, take_up=(0.05, 0.25))
    assert found.half_width == pytest.approx(0.83, abs=0.01)
    assert not found.can_answer(0.2)


def test_power_is_that_of_published_tables():
    # Cohen (1988), table 2.3.5: two groups of 64, d = 0.5, two-sided 5 %: power 0.80
    found = lot.lot_power(people=128, share=0.5, sd=1.0, take_up=(0.0, 1.0))
    assert found.detectable == pytest.approx(0.5, abs=0.005)
    half = lot.lot_power(people=128, share=0.5, sd=1.0, take_up=(0.0, 1.0), correlation=math.sqrt(0.5))
    assert half.error == pytest.approx(found.error * math.sqrt(0.5))


def test_places_count_as_the_units_drawn():
    few = lot.lot_power(people=600, share=0.5, sd=1.0, take_up=(0.0, 1.0), units=12, within=0.05)
    assert few.error == pytest.approx(math.sqrt((1 + 49 * 0.05) / 150))


def test_a_rehearsal_finds_a_large_effect_and_little_where_there_is_none():
    rng = np.random.default_rng(5)
    units = pd.DataFrame({"answer": rng.normal(size=300), "block": ["a", "b", "c"] * 100})
    found = lot.rehearse(
        units,
        answer="answer",
        block="block",
        share=0.5,
        effect=0.8,
        take_up=(0.0, 1.0),
        answering=0.8,
        draws=100,
        seed=1,
    )
    assert found.found > 0.95
    assert found.false_alarms <= 0.12
    assert found.half_width == pytest.approx(1.96 * math.sqrt(4 / 240), rel=0.15)


def test_places_beside_a_drawn_one_are_compared_with_places_that_have_none():
    made = np.array([1, 1, 0, 0, 0, 0])
    units = pd.DataFrame({"z": made, "mean": [3.0, 3.0, 2.0, 1.0, 1.0, 1.0]})
    every = lot.allocations(["one"] * 6, made).treat
    found = lot.spill_over(units, every, [(0, 2), (1, 2), (3, 4)], treat="z", mean="mean")
    assert found.value == pytest.approx(1.0)
    assert found.se is None
