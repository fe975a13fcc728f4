"""Tables of counts: each person in one cell, sums that hold, keys that two tables share."""

import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import crosstab

D = pd.DataFrame(
    {
        "group": ["b", "a", "a", "c", "a", "b", "a"],
        "said": ["yes", "no", "yes", "no", "yes", "no", "yes"],
        "wave": ["W1"] * 4 + ["W2"] * 3,
    }
)


def made(**words):
    return crosstab.crosstab(D, "group", **({"universe": "people", "id": "who.group"} | words))


def counts(items):
    return {i.result.key: i.result.n for i in items}


def test_one_way_counts_and_their_total():
    items, sums = made()
    known = D["group"].value_counts()
    for level in "abc":
        assert counts(items)[f"people|group={level}"] == known[level]
    assert counts(items)["people"] == len(D)
    assert sums == (("people", tuple(f"people|group={g}" for g in "abc")),)


@pytest.mark.parametrize("totals", [True, False])
def test_every_stated_sum_holds(totals):
    items, sums = made(columns="said", totals=totals)
    n = counts(items)
    for total, parts in sums:
        held = n.get(total, (D["said"] == total.split("said=")[1]).sum())
        assert held == sum(n[p] for p in parts)
    cells = pd.crosstab(D["group"], D["said"])
    for g in "abc":
        for s in ("yes", "no"):
            assert n[f"people|group={g}|said={s}"] == cells.loc[g, s]


def test_two_tables_name_one_cell_alike():
    one = counts(made(columns="said")[0])
    two = counts(crosstab.crosstab(D, "said", "group", universe="people", id="other")[0])
    shared = set(one) & set(two)
    assert {f"people|group={g}|said={s}" for g in "abc" for s in ("yes", "no")} <= shared
    assert all(one[k] == two[k] for k in shared)


def test_result_ids_differ_and_labels_keep_their_order():
    items, _ = made(columns="said", row_labels={"c": "Third", "a": "First"}, column_labels={"yes": "Said yes"})
    ids = [i.result.id for i in items]
    assert len(ids) == len(set(ids))
    assert all(i == i.lower() for i in ids)
    assert list(dict.fromkeys(i.row for i in items)) == ["Third", "First", "b", "All"]
    assert {i.column for i in items} == {"no", "Said yes"}


def test_shuffled_rows_change_nothing():
    items, sums = crosstab.crosstab(
        D.sample(frac=1, random_state=3), "group", "said", universe="people", id="who.group"
    )
    assert (items, sums) == made(columns="said")


def test_missing_and_absent_columns_are_refused():
    with pytest.raises(errors.MissingValues, match="group"):
        crosstab.crosstab(D.assign(group=D["group"].where(D.index > 0)), "group", universe="people", id="x")
    with pytest.raises(errors.UnknownColumn, match="group"):
        crosstab.crosstab(D, "gruop", universe="people", id="x")
