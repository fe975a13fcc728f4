"""What notebooks 00 to 03 offer holds every sum that an attacker could form, and says what it should."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from intake_study import answers, make, put

from evaluation import disclosure
from evaluation.analysis import arms, attendance, population_weights, respondents, wave_checks, weight_tables
from evaluation.exhibit import Count, Exhibit, Item, Measure
from evaluation.intake import validation, waves
from evaluation.results import from_se
from evaluation.verdict import NOT_SHOWN

RULES = SimpleNamespace(threshold=10, rounding=5, least_base=30)
FULL = {"female": 52.0, "male": 48.0}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALUATION_KEY_FILE", str(folder / "key"))
        patch.delenv("EVALUATION_STAGE", raising=False)
        plan = make(folder / "study", n=240)
        frame = answers(240, seed=5)
        frame.loc[:6, "consent_analysis"] = "No"
        frame.loc[7:9, "works_for_police"] = "Yes"
        frame.loc[20:34, "sample_source"] = "LPACT contact list"
        frame.loc[40:43, "conf_overall"] = ""
        frame.loc[44:60, "conf_overall"] = "Don't know"
        put(plan, "W2025", frame, approached=900)
        taken = waves.take_in_all(plan, "W2025")
        waves.store(plan, "W2025", taken)
        people = waves.load_design(plan, "W2025", only="all")
        yield SimpleNamespace(
            plan=plan,
            taken=taken,
            people=people,
            missing=waves.load_missing(plan, "W2025"),
            completion=waves.load_completion(plan, "W2025"),
            approached=waves.approached(plan, "W2025"),
        )


def margin(**population):
    return pd.Series(population, name="sex").rename_axis("sex")


def text(exhibit, row, column, rules=RULES):
    checked = disclosure.protect([exhibit], rules)
    return checked.exhibits[0].cells[row, column].text


# ---- the attacker reads what no table shows -------------------------------------------------------------------------


def count(key, n):
    return Item(key, "n", Count(id=key, n=n, key=key))


def test_steps_whose_remainder_is_never_shown_are_not_worked_out():
    """300 read, 298 kept, two steps of 2 and 0 between them: by the rounded ends each would be known to within 4."""
    chain = (("read", ("out1", "left1")), ("left1", ("out2", "kept")))
    table = (count("read", 300), count("out1", 2), count("out2", 0), count("kept", 298))
    weak = disclosure.protect([Exhibit("a", "Ledger", table)], RULES)
    assert weak.counts["read"] == 300, "without its sums nobody could know"
    safe = disclosure.protect([Exhibit("a", "Ledger", table, sums=chain)], RULES)
    assert safe.counts["read"] is None
    assert safe.counts["kept"] == 300, "the people of a wave are the last to be hidden"
    assert safe.audit["recovered"] == 0


def test_a_total_that_other_tables_break_down_is_hidden_last():
    items = (count("all", 100), count("a", 4), count("b", 96), count("x", 40), count("y", 60))
    checked = disclosure.protect(
        [Exhibit("t", "Two tables", items, sums=(("all", ("a", "b")), ("all", ("x", "y"))))], RULES
    )
    assert checked.counts["all"] == 100
    assert checked.counts["b"] is None


def test_a_release_that_the_data_has_left_behind_does_not_blind_the_attacker():
    """Earlier "12 of 100" printed as 10; now somebody withdrew: the contradiction must not make all cells look safe."""
    items = (count("all", 97), count("a", 3), count("b", 94))
    table = Exhibit("t", "A table", items, sums=(("all", ("a", "b")),))
    stale = [{"counts": {"all": 200}}]
    assert disclosure.protect([table], RULES, earlier=stale).counts["b"] is None


def test_what_was_printed_before_does_not_stop_a_run_for_ever():
    """A cell printed as 10 last time and hidden now is no new disclosure; a new sum that narrows it is."""
    items = (count("all", 60), count("a", 9), count("b", 51))
    before = [{"counts": {"a": 10}}]
    checked = disclosure.protect([Exhibit("t", "A table", items[1:])], RULES, earlier=before)
    assert checked.counts == {"a": None, "b": 50}
    summed = Exhibit("t", "A table", items, sums=(("all", ("a", "b")),))
    assert disclosure.protect([summed], RULES, earlier=before).audit["recovered"] == 0


def share(id, n, base):
    return Measure(
        id=id,
        value=100 * n / base,
        unit="per cent",
        base=base,
        decimals=0,
        share_of=(f"k{id}", "kall"),
        counts=((f"k{id}", n), ("kall", base)),
    )


def test_a_share_of_few_people_is_no_way_round_the_rule_for_counts():
    shares = {"a": 3, "b": 212}
    made = Exhibit(
        "s",
        "Shares",
        tuple(Item(k, "share", share(k, n, 215)) for k, n in shares.items()),
        sums=(("kall", tuple(f"k{k}" for k in shares)),),
    )
    checked = disclosure.protect([made], RULES)
    assert checked.result("a").text == disclosure.TOO_FEW
    assert checked.result("b").text == NOT_SHOWN, "it would give the other away: shares add up to 100"
    assert checked.log["share"] == 2
    more = {"d": 30, "e": 185}
    other = Exhibit("s", "Shares", tuple(Item(k, "share", share(k, n, 215)) for k, n in more.items()))
    assert disclosure.protect([other], RULES).result("e").text == "86%"
    assert checked.counts["ka"] is None


def test_a_ratio_comes_from_rounded_counts():
    ratio = Measure(
        id="r",
        value=2.04,
        unit="times",
        base=98,
        decimals=2,
        share_of=("top", "all"),
        counts=(("top", 51), ("all", 98)),
    )
    shown = disclosure.protect([Exhibit("r", "Ratio", (Item("r", "x", ratio),))], RULES).result("r")
    assert shown.value == round(2.04 * (50 / 100) / (51 / 98), 2)


def test_a_share_without_its_counts_is_hidden_not_guessed():
    lost = Measure(id="l", value=40.0, unit="per cent", base=100, share_of=("nowhere", "neither"))
    assert disclosure.protect([Exhibit("l", "Lost", (Item("r", "x", lost),))], RULES).result("l").shown is False


def test_without_weights_and_sessions_no_number_is_the_exact_number_of_people():
    """With equal weights the effective number is the number of people, and the degrees of freedom are it less one."""
    level = from_se(
        3.2, 0.1, df=943.0, unit="points", n={"all": 944}, n_effective=944.0, id="level.x.all.w1", licence="descriptive"
    )
    kish = Measure(id="effective", value=944.0, unit="people", base=944, decimals=0)
    size = Measure(id="size", value=11.4, unit="people", base=944, decimals=0)
    made = Exhibit("e", "Exact", tuple(Item(x.id, "x", x) for x in (level, kish, size)))
    checked = disclosure.protect([made], RULES)
    row = checked.result("level.x.all.w1")
    assert (row.n, row.n_effective, row.df) == (945, 945, 945.0)
    assert checked.result("effective").text == "945"
    assert checked.result("size").text == "11", "an average is no number of people of a group"
    few = disclosure.protect([Exhibit("f", "Few", (Item("a", "b", replace(level, df=23.46)),))], RULES)
    assert few.result("level.x.all.w1").df == 23.5


# ---- what the notebooks offer -----------------------------------------------------------------------------------


def offered(stored):
    s = stored
    population = {"sex": margin(**FULL)}
    design = s.people[s.people["wave"] == "W2025"]
    arm = arms.arms(s.plan, design)
    return [
        wave_checks.flow(s.plan, "W2025", s.taken),
        respondents.composition(s.plan, "W2025", s.people),
        respondents.over_population(s.plan, "W2025", s.people, population),
        respondents.collection(s.plan, "W2025", s.people),
        respondents.missing(s.plan, "W2025", s.missing),
        respondents.response(s.plan, "W2025", s.people, s.approached),
        respondents.completion(s.plan, "W2025", s.completion),
        attendance.arms_table(s.plan, "W2025", design, arm),
        weight_tables.margins_table(
            s.plan, "W2025", s.people, population_weights.by_wave(s.plan, s.people, population)
        ),
    ]


def test_every_sum_that_is_stated_holds_and_nothing_small_is_recovered(stored):
    made = offered(stored)
    checked = disclosure.protect(made, stored.plan.disclosure)
    assert checked.audit["recovered"] == 0
    assert checked.audit["attacked"] > 10
    small = {i.result.key for e in made for i in e.items if isinstance(i.result, Count) and 0 < i.result.n < 10}
    assert small
    assert all(checked.counts[k] is None for k in small)


def test_the_same_people_have_one_key_whatever_table_counts_them(stored):
    counted = {}
    for exhibit in offered(stored):
        for item in exhibit.items:
            if isinstance(item.result, Count):
                counted.setdefault(item.result.key, set()).add(item.result.n)
    assert all(len(n) == 1 for n in counted.values())
    kept = len(stored.people[stored.people["wave"] == "W2025"])
    assert counted["people|wave=W2025"] == {kept}


def test_a_characteristic_that_a_wave_did_not_ask_is_not_called_not_stated(stored):
    made = respondents.composition(stored.plan, "W2025", stored.people)
    rows = {(i.row, i.column) for i in made.items}
    head = stored.plan.label_of("education")
    assert any(r.startswith(head) and c == "W2025" for r, c in rows)
    assert not any(r.startswith(head) and c == "W2022" for r, c in rows)


def test_a_coarser_form_of_a_column_is_not_counted_beside_it(stored):
    shown = respondents.closed_columns(stored.plan, stored.people)
    assert "area3" in shown
    assert "area2" not in shown
    assert "years_in_llr" not in shown, "a number is no table of levels"


def test_sample_over_population_by_cell(stored):
    made = respondents.over_population(stored.plan, "W2025", stored.people, {"sex": margin(**FULL)})
    now = stored.people[stored.people["wave"] == "W2025"]
    general = arms.general(stored.plan, now)
    n = int((general["sex"] == "female").sum())
    rounded = 5 * round(n / 5)
    assert text(made, "Female", "People (about)") == f"{rounded}"
    whole = 5 * round(int(general["sex"].notna().sum()) / 5)
    assert text(made, "Female", "Share of them") == f"{100 * rounded / whole:.0f}%"
    assert text(made, "Female", "Share of residents") == "52%"
    assert text(made, "Female", "Ratio") == f"{rounded / whole / 0.52:.1f}"
    assert text(respondents.over_population(stored.plan, "W2025", stored.people, {}), "Everybody", "").startswith(
        "no popul"
    )


def test_modes_sessions_and_their_design_effect(stored):
    made = respondents.collection(stored.plan, "W2025", stored.people)
    now = stored.people[stored.people["wave"] == "W2025"]
    sizes = now["session_id"].value_counts()
    usual = (sizes**2).sum() / sizes.sum()
    assert text(made, "Collection sessions", "W2025") == str(len(sizes))
    row = "Design effect of sessions, answers alike by 0.05"
    assert text(made, row, "W2025") == f"{1 + (usual - 1) * 0.05:.1f}"
    mode = stored.plan.label_of("admin_by")
    assert any(i.row.startswith(f"{mode}: ") for i in made.items)
    steps = {e.column for e in stored.plan.exclusions}
    assert not any(i.row.startswith(stored.plan.label_of(c)) for i in made.items for c in steps)


def test_answered_and_every_reason_add_up_to_everybody(stored):
    made = respondents.missing(stored.plan, "W2025", stored.missing)
    head = stored.plan.label_of("conf_overall")
    n = {i.column: i.result.n for i in made.items if i.row == head}
    kept = len(stored.people[stored.people["wave"] == "W2025"])
    assert sum(n.values()) == kept
    assert n["Does not know"] == 17
    assert n["Left blank"] == 4
    assert text(made, head, "Left blank") == disclosure.TOO_FEW


def test_completion_by_who_gave_out_the_survey(stored):
    made = respondents.completion(stored.plan, "W2025", stored.completion)
    now = stored.taken[-1]
    who_gave = now.design["admin_by"] == "self_online"
    items = [c for c in now.reasons if c in set(validation.outcome_items(stored.plan))]
    reasons = now.reasons.loc[who_gave, items]
    share = 100 * (reasons == 0).to_numpy().sum() / (~reasons.isin([-5, -6])).to_numpy().sum()
    head = f"{stored.plan.label_of('admin_by')}: {stored.plan.levels_of('admin_by')['self_online']}"
    assert text(made, head, "W2025") == f"{share:.0f}%"
    nobody = stored.completion.iloc[:0]
    assert (
        text(respondents.completion(stored.plan, "W2025", nobody), "How answers were collected", "")
        == "was not recorded"
    )


def test_the_response_rate_or_why_there_is_none(stored):
    made = respondents.response(stored.plan, "W2025", stored.people, stored.approached)
    kept = len(stored.people[stored.people["wave"] == "W2025"])
    assert text(made, "Response rate", "W2025") == f"{100 * 5 * round(kept / 5) / 900:.0f}%"
    assert text(made, "Response rate", "W2022") == respondents.UNCOUNTED
    fewer = respondents.response(stored.plan, "W2025", stored.people, {"W2025": 10})
    assert text(fewer, "Response rate", "W2025") == respondents.MISCOUNTED


def test_bands_of_the_chance_of_attending_follow_the_rule_for_counts(stored):
    """The overlap of 03 shows shares: a band with few people is hidden, not printed as 2 per cent."""
    rng = np.random.default_rng(3)
    n = 60
    treated = pd.Series(np.arange(n) % 2, name="treated")
    scores = pd.Series(np.where(rng.random(n) < 0.1, 0.95, rng.uniform(0.2, 0.4, n)))
    bands = pd.DataFrame({"low": np.arange(10) / 10, "high": np.arange(1, 11) / 10})
    for name, mask in (("share_treated", treated == 1), ("share_control", treated == 0)):
        bands[name] = [((scores[mask] >= r.low) & (scores[mask] < r.high)).mean() for r in bands.itertuples()]
    fake = SimpleNamespace(
        refusal=None, n={"treated": 30, "untreated": 30}, scores=SimpleNamespace(overlap=lambda: bands)
    )
    made = attendance.overlap(stored.plan, "W2025", fake)
    checked = disclosure.protect([made], RULES).exhibits[0]
    for r in bands.itertuples():
        for arm, column in (
            (r.share_treated, stored.plan.words.treated_short),
            (r.share_control, stored.plan.words.untreated_short),
        ):
            cell = checked.cells[f"{r.low:.1f} to {r.high:.1f}", column]
            assert cell.shown is False or round(30 * arm) >= 10
