"""The gate: nothing small is shown or can be worked out; nothing but the gate makes what is shown."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from evaluation import disclosure
from evaluation.disclosure.attack import Tables, components, intervals
from evaluation.errors import CheckFailed
from evaluation.exhibit import Count, Exhibit, Item, Measure, Text
from evaluation.results import Estimate, NotIdentified, TooFew, from_se

RULES = SimpleNamespace(threshold=10, rounding=5, least_base=30)


def grid(numbers, *, id="a", dims=("g", "h"), totals=True, wave="W1"):
    """Return a two-way table of counts as an exhibit, with its margins and the sums they imply."""
    numbers = np.asarray(numbers)
    items, sums = [], []

    def add(row, column, n, **levels):
        key = "|".join(["people", *(f"{k}={levels[k]}" for k in sorted(levels))])
        items.append(Item(row, column, Count(id=f"{id}.{row}.{column}", n=int(n), key=key, wave=wave)))
        return key

    keys = {}
    for i, line in enumerate(numbers):
        for j, n in enumerate(line):
            keys[i, j] = add(f"r{i}", f"c{j}", n, **{dims[0]: f"r{i}", dims[1]: f"c{j}"})
    if totals:
        rows = [add(f"r{i}", "all", n, **{dims[0]: f"r{i}"}) for i, n in enumerate(numbers.sum(axis=1))]
        columns = [add("all", f"c{j}", n, **{dims[1]: f"c{j}"}) for j, n in enumerate(numbers.sum(axis=0))]
        whole = add("all", "all", numbers.sum())
        sums += [(rows[i], tuple(keys[i, j] for j in range(numbers.shape[1]))) for i in range(len(rows))]
        sums += [(columns[j], tuple(keys[i, j] for i in range(numbers.shape[0]))) for j in range(len(columns))]
        sums += [(whole, tuple(rows)), (whole, tuple(columns))]
    return Exhibit(id=id, title="A table", items=tuple(items), sums=tuple(sums))


def one(result, id="x"):
    return Exhibit(id=id, title="One", items=(Item("row", "column", result),))


def shown(result, rules=RULES):
    return disclosure.protect([one(result)], rules).result(result.id)


def attack(exhibits, checked, key, rules=RULES):
    """Return the least and most a hidden count can be, by whole numbers and a solver apart from the gate's own."""
    exact = {i.result.key: i.result for e in exhibits for i in e.items if isinstance(i.result, Count)}
    keys = list(exact)
    low, high = [], []
    for k in keys:
        published = checked.counts.get(k)
        if k in checked.counts and published is None:
            low.append(0)
            high.append(np.inf)
        else:
            half = 0 if k not in checked.counts else (rules.rounding - 1) // 2
            n = exact[k].n if k not in checked.counts else published
            low.append(max(0, n - half))
            high.append(n + half)
    rows = []
    for e in exhibits:
        for total, parts in e.sums:
            line = np.zeros(len(keys))
            line[keys.index(total)] = -1
            for p in parts:
                line[keys.index(p)] += 1
            rows.append(line)
    held = LinearConstraint(np.array(rows), 0, 0) if rows else None
    ends = []
    for sign in (1, -1):
        cost = np.zeros(len(keys))
        cost[keys.index(key)] = sign
        found = milp(cost, integrality=np.ones(len(keys)), bounds=Bounds(low, high), constraints=held)
        ends.append(sign * found.fun if found.status == 0 else -sign * np.inf)
    return ends


def protected_or_refused(exhibits, earlier=()):
    try:
        return disclosure.protect(exhibits, RULES, earlier=earlier)
    except CheckFailed:
        return None


cells = st.one_of(st.integers(0, 12), st.integers(0, 200))
tables = st.integers(2, 4).flatmap(
    lambda r: st.integers(2, 3).flatmap(
        lambda c: st.lists(st.lists(cells, min_size=c, max_size=c), min_size=r, max_size=r)
    )
)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@QUICK
@given(tables)
def test_no_small_cell_is_shown(numbers):
    exhibit = grid(numbers)
    checked = protected_or_refused([exhibit])
    if checked is None:
        return
    for item in exhibit.items:
        row = checked.result(item.result.id)
        if item.result.n < RULES.threshold:
            assert not row.shown
            assert row.n is None
            assert row.value is None
            assert row.text == disclosure.TOO_FEW
            assert checked.counts[item.result.key] is None
        elif row.shown:
            assert row.n % RULES.rounding == 0
            assert abs(row.n - item.result.n) <= 2


@QUICK
@given(tables)
def test_an_attacker_never_pins_a_suppressed_cell(numbers):
    """Every hidden small cell could still be anything from 1 or less up to the threshold or more."""
    exhibit = grid(numbers)
    checked = protected_or_refused([exhibit])
    if checked is None:
        return
    assert checked.audit["recovered"] == 0
    for item in exhibit.items:
        if item.result.n < RULES.threshold:
            low, high = attack([exhibit], checked, item.result.key)
            assert low <= 1, item.result.key
            assert high >= RULES.threshold, item.result.key


@QUICK
@given(tables, st.integers(0, 3))
def test_two_tables_of_the_same_cells_hide_the_same(numbers, pick):
    """A margin shown again in another exhibit does not give back what the first one hid."""
    first = grid(numbers)
    whole = np.asarray(numbers)
    column = pick % whole.shape[1]
    keys = [f"people|g=r{i}|h=c{column}" for i in range(len(whole))]
    items = tuple(Item(f"r{i}", "n", Count(id=f"b.{i}", n=int(whole[i, column]), key=k)) for i, k in enumerate(keys))
    total = Count(id="b.total", n=int(whole[:, column].sum()), key=f"people|h=c{column}")
    second = Exhibit(id="b", title="Again", items=(*items, Item("all", "n", total)), sums=((total.key, tuple(keys)),))
    checked = protected_or_refused([first, second])
    if checked is None:
        return
    for i, k in enumerate(keys):
        again = checked.result(f"a.r{i}.c{column}")
        assert checked.result(f"b.{i}").shown == again.shown
        assert checked.result(f"b.{i}").n == again.n
        if whole[i, column] < RULES.threshold:
            low, high = attack([first, second], checked, k)
            assert low <= 1
            assert high >= RULES.threshold


@QUICK
@given(tables)
def test_protection_knows_no_order(numbers):
    exhibit = grid(numbers)
    turned = Exhibit(id="a", title="A table", items=exhibit.items[::-1], sums=exhibit.sums[::-1])
    one_way, other = protected_or_refused([exhibit]), protected_or_refused([turned])
    assert (one_way is None) == (other is None)
    if one_way is not None:
        assert one_way.counts == other.counts


def test_most_tables_can_be_protected():
    """The properties above are not empty: random tables with small cells are shown, not refused."""
    rng = np.random.default_rng(1)
    made = [protected_or_refused([grid(rng.integers(0, 60, (3, 3)))]) for _ in range(12)]
    assert sum(m is not None and m.log["threshold"] > 0 for m in made) >= 9


def test_a_lone_small_cell_takes_another_with_it():
    checked = disclosure.protect([grid([[120, 4, 80], [60, 70, 90]])], RULES)
    assert checked.log["threshold"] == 1
    assert checked.log["secondary"] >= 1
    low, high = attack([grid([[120, 4, 80], [60, 70, 90]])], checked, "people|g=r0|h=c1")
    assert low <= 1
    assert high >= 10


def test_nothing_small_hides_nothing():
    checked = disclosure.protect([grid([[120, 40], [60, 70]])], RULES)
    assert None not in checked.counts.values()
    assert checked.log["threshold"] == checked.log["secondary"] == 0


def test_an_earlier_release_is_read_by_the_attacker():
    """A cell that an earlier release published keeps its neighbours from hiding behind it."""
    exhibit = grid([[120, 4], [60, 70]])
    plain = disclosure.protect([exhibit], RULES)
    secondary = [k for k, n in plain.counts.items() if n is None and k != "people|g=r0|h=c1"]
    assert secondary
    entry = {
        "counts": {
            k: disclosure.round_count(
                {
                    "people|g=r0|h=c0": 120,
                    "people|g=r1|h=c1": 70,
                    "people|g=r1|h=c0": 60,
                    "people|g=r0": 124,
                    "people|h=c1": 74,
                    "people|g=r1": 130,
                    "people|h=c0": 180,
                    "people": 254,
                }[k],
                5,
            )
            for k in secondary
        }
    }
    told = protected_or_refused([exhibit], earlier=[entry])
    assert told is None or told.counts != plain.counts


def test_one_key_has_one_count_and_sums_hold():
    clash = [one(Count(id="x", n=40, key="people")), one(Count(id="y", n=45, key="people"), id="y")]
    with pytest.raises(CheckFailed, match="two different counts"):
        disclosure.protect(clash, RULES)
    items = tuple(Item(k, "n", Count(id=k, n=n, key=k)) for k, n in (("p", 50), ("q", 40), ("t", 95)))
    with pytest.raises(CheckFailed, match="does not hold"):
        disclosure.protect([Exhibit(id="e", title="E", items=items, sums=(("t", ("p", "q")),))], RULES)


def test_official_and_impersonal_counts_stay_exact():
    assert shown(Count(id="o", n=3, key="official", public=True)).n == 3
    assert shown(Count(id="e", n=7, key="events", sensitive=False, unit="events")).text == "7"


@pytest.mark.parametrize(("n", "seen"), [(9, None), (10, 10), (12, 10), (13, 15), (1234, 1235)])
def test_counts_are_hidden_or_rounded(n, seen):
    row = shown(Count(id="c", n=n, key="c"))
    assert row.n == seen
    assert row.shown is (seen is not None)


def test_estimates_need_their_base_in_every_group():
    words = {"id": "d", "unit": "scale points"}
    few = shown(from_se(0.5, 0.1, n={"attended": 29, "others": 300}, **words))
    assert not few.shown
    assert few.value is None
    assert few.low is None
    assert few.verdict == "too few to report"
    enough = shown(from_se(0.5, 0.1, n={"attended": 31, "others": 302}, **words))
    assert enough.shown
    assert enough.n_text == "about 30 and about 300"
    assert enough.n == 330


def test_shares_near_the_ends_are_not_told_apart():
    for value in (0.4, 4.0):
        row = shown(from_se(value, 0.3, null=None, id="s", unit="per cent", n={"all": 400}))
        assert row.text.startswith("under 5%")
        assert row.value == 5.0
    row = shown(from_se(99.0, 0.3, null=None, id="s", unit="per cent", n={"all": 400}))
    assert row.text.startswith("over 95%")
    assert row.value == 95.0


def test_a_share_of_a_hidden_count_is_hidden_and_others_come_from_rounded_counts():
    counts = [one(Count(id=k, n=n, key=k), id=k) for k, n in (("top", 47), ("small", 6), ("base", 112))]
    share = Measure(id="share", value=41.96, unit="per cent", base=112, share_of=("top", "base"), decimals=0)
    lost = Measure(id="lost", value=5.4, unit="per cent", base=112, share_of=("small", "base"))
    checked = disclosure.protect([*counts, one(share, "s"), one(lost, "l")], RULES)
    assert checked.result("share").value == round(100 * 45 / 110)
    assert not checked.result("lost").shown
    assert checked.log["share"] == 1


def test_sums_that_one_giver_dominates_are_hidden():
    assert not shown(Measure(id="m", value=100_000, unit="£", largest=(95_000, 4_000))).shown
    assert shown(Measure(id="m", value=100_000, unit="£", largest=(40_000, 30_000))).shown
    assert not shown(Measure(id="m", value=3.0, base=9)).shown


def test_refusals_keep_their_reason_and_few_say_no_more():
    row = shown(NotIdentified(reason="one area only", what_would_help="More areas.", id="q"))
    assert row.reason == "one area only"
    few = shown(TooFew(counts={"attended": 4, "others": 90}, needed=10, id="f"))
    assert "4" not in "".join(str(getattr(few, k)) for k in ("text", "reason", "n", "value", "n_text"))
    assert shown(Text(id="w", text="Not asked")).text == "Not asked"


def test_only_the_gate_makes_what_is_shown():
    for maker in (disclosure.CheckedRow, disclosure.CheckedExhibit, disclosure.CheckedResults):
        with pytest.raises(TypeError, match=r"disclosure\.protect"):
            maker(object())


def test_the_ledger_holds_nothing_exact():
    checked = disclosure.protect([grid([[123, 4, 81], [62, 73, 97]])], RULES)
    entry = disclosure.to_ledger(checked, report="R1")
    assert entry["report"] == "R1"
    assert all(v is None or v % RULES.rounding == 0 for v in entry["counts"].values())
    frame = checked.frame()
    assert not frame["id"].duplicated().any()
    hidden = frame["status"] == disclosure.TOO_FEW
    assert frame.loc[hidden, ["value", "n", "se", "low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("text", ["=1+1", "+44", "-2", "@sum", "\tx", "\rx"])
def test_cells_that_a_spreadsheet_would_run_are_words(text):
    assert disclosure.escape_cell(text) == "'" + text
    assert disclosure.escape_cell("a" + text) == "a" + text


def test_identifiers_are_found_and_never_repeated():
    text = "write to someone@example.org or 07700 900123, LE1 6TD"
    found = disclosure.scan(text, planted=["someone"])
    assert set(found) == {"e-mail address", "UK telephone number", "UK postcode", "planted value"}
    assert not any(word in " ".join(found) for word in ("someone", "0770", "LE1"))
    assert disclosure.scan("Trust rose from 41% to 45% in 2025.") == []


@pytest.mark.parametrize(
    ("result", "what"),
    [
        (Count("a", -3, "people|g=a"), "its count is negative"),
        (Count("a", 12.5, "people|g=a"), "its count is not a whole number"),
        (Count("a", float("nan"), "people|g=a", public=True), "its count is not a whole number"),
        (Count("a", True, "people|g=a"), "its count is not a whole number"),
        (Measure("a", float("nan")), "its value is not a finite number"),
        (Measure("a", float("inf"), public=True), "its value is not a finite number"),
        (Measure("a", 1.0, high=float("nan")), "its high end is not a finite number"),
        (Measure("a", 1.0, base=-1), "its base is negative"),
        (
            Measure("a", 1.0, share_of=("p", "q"), counts=(("p", 3), ("q", 0.5))),
            "the count of 'q' is not a whole number",
        ),
        (Measure("a", 900.0, "pounds", base=60, largest=(float("nan"), 1.0)), "a largest contribution is not a finite"),
        (Estimate(3.0, se=float("nan"), id="a"), "its se is not a finite number"),
        (Estimate(3.0, n={"all": 4.5}, id="a"), "its number of 'all' is not a whole number"),
    ],
)
def test_what_is_no_number_is_refused_by_name_and_never_by_value(result, what):
    with pytest.raises(CheckFailed) as error:
        disclosure.protect([one(Text("w", "fine"), id="words"), one(result, id="table")], RULES)
    said = str(error.value)
    assert f"1 offered numbers are none: 'a' in table: {what}" in said
    assert "refuse with a reason" in said
    assert "12.5" not in said
    assert "-3" not in said


def test_every_number_that_is_none_is_counted_and_the_first_are_named():
    many = [one(Count(f"a{k}", -1, f"people|g={k}"), id=f"t{k}") for k in range(8)]
    with pytest.raises(CheckFailed, match=r"8 offered numbers are none: 'a0' in t0.*'a4' in t4.*; and 3 more"):
        disclosure.protect(many, RULES)


def test_numbers_of_numpy_are_numbers():
    kept = shown(Count("a", np.int64(40), "people|g=a"))
    assert (kept.shown, kept.n) == (True, 40)
    assert shown(Measure("b", np.float64(2.5), base=np.int64(60))).shown


def test_the_attacker_finds_the_same_ends_for_many_cells_at_once_as_for_each_alone():
    rng = np.random.default_rng(5)
    endless = 0
    for _ in range(40):
        grid = rng.integers(0, 30, (2, int(rng.integers(3, 6))))
        counts = {f"c{a}.{b}": int(n) for (a, b), n in np.ndenumerate(grid)}
        counts |= {f"r{a}": int(row.sum()) for a, row in enumerate(grid)}
        sums = [(f"r{a}", tuple(f"c{a}.{b}" for b in range(grid.shape[1]))) for a in range(2)]
        sums += [(f"k{b}", (f"c0.{b}", f"c1.{b}")) for b in range(grid.shape[1])]
        tables = Tables(counts, sums, 5, 10)
        hidden = {k for k, n in counts.items() if n < 10 or rng.random() < 0.2}
        for keys, own in components(tables.keys, tables.sums):
            together = intervals(tables, keys, own, hidden)
            for key, ends in together.items():
                alone = intervals(tables, keys, own, hidden, {key})[key]
                assert alone == pytest.approx(ends, abs=1e-6)
                assert ends[0] - 1e-6 <= counts[key] <= ends[1] + 1e-6
                endless += np.isinf(ends[1])
    assert endless > 10, "some cells have no upper end: those are found one at a time"
