"""Notebook 06 on made-up waves with a known truth: what each design says, when it refuses, and what stands beside it."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.analysis import layout
from evaluation.analysis.did import (
    designs,
    event_study,
    exposed_places,
    few_clusters,
    inputs,
    linked_panel,
    placebos,
    predicted_and_recalled,
    tables,
)
from evaluation.analysis.levels import Survey
from evaluation.analysis.population_weights import WaveWeights
from evaluation.plan import study
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import did

ROOT = Path(__file__).parents[2]
PLAN = study.load(ROOT / "study.toml")
DISTRICTS = ["charnwood", "blaby", "harborough", "melton", "oadby_wigston", "rutland"]
UNITS = [*DISTRICTS, *[f"lg{i}" for i in range(1, 7)]]
YEARS = {"W2020": 2020, "W2021": 2021, "W2022": 2022, "W2024": 2024, "W2025": 2025}
REACHED = {"lg1": "2023-03-01", "lg2": "2023-04-01", "charnwood": "2023-05-01", "melton": "2023-06-01"}


def wave(name, rng, n, reached, effect, moved, asked):
    """Return one wave's people and outcomes: places of their own level, an effect from the first event on."""
    index = [f"{name}-{i:04d}" for i in range(n)]
    unit = rng.choice(UNITS, n)
    city = np.char.startswith(unit.astype(str), "lg")
    black = rng.random(n) < 0.3
    exposed = np.array([u in reached and int(reached[u][:4]) < YEARS[name] for u in unit])
    people = pd.DataFrame(
        {
            "wave": name,
            "area": np.where(city, "leicester", unit),
            "ward_group": np.where(city, unit, None),
            "age5": rng.choice(["16_24", "25_34", "35_49"], n),
            "sex": rng.choice(["female", "male"], n),
            "ethnic5": np.where(black, "black", rng.choice(["white", "asian"], n)),
            "focus": np.where(black, "black", "other"),
            "area2": np.where(city, "city", "elsewhere"),
            "education": rng.choice(["none", "degree"], n),
            "black_heritage": np.where(black, "black", "other") if asked else pd.NA,
            "session_id": [f"{name}s{k}" for k in rng.integers(0, 24, n)],
            "link": pd.NA,
            "sample_source": "street",
            "interview_date": pd.Timestamp(f"{YEARS[name]}-08-15") + pd.to_timedelta(rng.integers(0, 60, n), "D"),
        },
        index=index,
    )
    level = {u: 0.05 * i for i, u in enumerate(UNITS)}
    mood = 3 + 0.04 * (YEARS[name] - 2022) + np.array([level[u] for u in unit]) - 0.4 * black
    y = mood + effect * exposed + rng.normal(0, 0.7, n)
    answers = {"conf_overall": y, "satis_overall": mood + rng.normal(0, 0.7, n)}
    for i, control in enumerate(PLAN.outcomes.negative_controls):
        answers[control] = mood + (moved * exposed if i == 0 else 0) + rng.normal(0, 0.7, n)
    answers["conf_then"] = mood + rng.normal(0, 0.5, n) if asked else np.nan
    outcomes = pd.DataFrame(answers, index=index)
    if name == PLAN.waves[0]:
        outcomes[list(PLAN.outcomes.negative_controls)] = np.nan
    return people, outcomes


def make(seed=1, n=900, effect=0.6, moved=0.0, reached=None, waves=PLAN.waves, linked=0, gain=0.5):
    """Return a plan and the inputs of made-up waves; `linked` people answered both of the last two."""
    rng, reached = np.random.default_rng(seed), REACHED if reached is None else reached
    few = {
        "study": PLAN.study.model_copy(update={"waves": tuple(waves)}),
        "sensitivity": PLAN.sensitivity.model_copy(update={"bootstrap_draws": 20}),
        "matching": PLAN.matching.model_copy(update={"placebo_draws": 60}),
    }
    plan = PLAN.model_copy(update=few)
    parts = [wave(w, rng, n, reached, effect, moved, w >= "W2024") for w in waves]
    people, outcomes = pd.concat([p for p, _ in parts]), pd.concat([o for _, o in parts])
    arms = {}
    for w in [w for w in waves if w >= "W2024"]:
        rows = people.index[people["wave"] == w]
        arms[w] = pd.Series(np.where(rng.random(len(rows)) < 0.25, "first", "neither"), index=rows)
    if linked:
        first, last = (people.index[people["wave"] == w][:linked] for w in waves[-2:])
        people.loc[first, "link"] = people.loc[last, "link"] = [f"c{i}" for i in range(linked)]
        came = np.arange(linked) % 2 == 0
        arms[waves[-2]][first] = "neither"
        arms[waves[-1]][last] = np.where(came, "first", "neither")
        own = rng.normal(0, 1, linked)
        for w, rows in ((0, first), (1, last)):
            outcomes.loc[rows, "conf_overall"] = 3 + own + gain * came * w + rng.normal(0, 0.3, linked)
    made = {w: WaveWeights(w, people[people["wave"] == w], None, ()) for w in waves}
    survey = Survey(people, outcomes, made, {o: float(outcomes[o].std()) for o in outcomes})
    events = pd.DataFrame(
        {
            "event_date": list(reached.values()),
            "area": [u if u in DISTRICTS else "leicester" for u in reached],
            "ward_group": [None if u in DISTRICTS else u for u in reached],
        }
    )
    fieldwork = {w: (dt.date(YEARS[w], 8, 15), dt.date(YEARS[w], 10, 14)) for w in waves}
    table = pd.DataFrame("same", index=list(outcomes.columns), columns=list(waves))
    return plan, inputs.DesignInputs(waves[-1], survey, events, table, fieldwork, arms)


def by_id(results):
    return {tuple(r.id.split(".")[i] for i in (0, 4) if i < len(r.id.split("."))): r for r in results}


@pytest.fixture(scope="module")
def held():
    plan, found = make(linked=160)
    return plan, found, designs.all_designs(plan, found)


def test_every_design_runs_and_speaks_with_its_licence(held):
    plan, _, results = held
    found = by_id(results)
    for name in ("d1", "d2", "d3", "d4", "d5"):
        assert isinstance(found[name,], Estimate), found[name,]
        assert found[name,].licence == plan.designs[name.upper()].licence
        assert found[name,].estimand == plan.designs[name.upper()].estimand
        assert any(g.id == "size" and g.passed for g in found[name,].gates)
    assert found["d1", "next-door"].licence == found["d2", "by-place"].licence == "exploratory"
    assert not found["d1", "adjusted"].planned


def test_places_recover_what_was_planted_and_say_their_error():
    plan, found = make(seed=2)
    found = by_id(designs.all_designs(plan, found))
    for key in (("d1",), ("d1", "adjusted")):
        assert found[key].value == pytest.approx(0.6, abs=3 * found[key].se)
        assert found[key].low > 0
        assert found[key].se_method.startswith("CR2")
        assert found[key].df >= 3
    assert abs(found["d1", "next-door"].value) < 3 * found["d1", "next-door"].se


def test_attendees_before_and_after_are_refused(held):
    plan, found, _ = held
    refusal = designs.attendee_change(plan, found)
    assert isinstance(refusal, NotIdentified)
    assert "W2022 did not ask" in refusal.reason
    arms = dict(found.arms) | {"W2022": pd.Series("neither", index=found.survey.people.query("wave == 'W2022'").index)}
    coded = inputs.DesignInputs(found.wave, found.survey, found.events, found.comparable, found.fieldwork, arms)
    again = designs.attendee_change(plan, coded)
    assert isinstance(again, NotIdentified)
    assert "nobody in W2022 had attended yet" in again.reason
    shown = tables.refusals(plan, found, held[2], refusal)
    assert {"Why not", "What the next wave should ask"} <= {i.column for i in shown.items}
    assert shown.items[0].row == "Attendees before and after"


@pytest.mark.parametrize(("places_", "kind"), [(1, "refused"), (2, "area means"), (4, "CR2")])
def test_few_places_get_the_inference_they_can_carry(places_, kind):
    plan, found = make(seed=3, reached=dict(list(REACHED.items())[:places_]))
    made = by_id(designs.all_designs(plan, found))["d1",]
    if kind == "refused":
        assert isinstance(made, NotIdentified)
        assert "ranks" in made.reason
        assert few_clusters.few_places(plan, found).items[0].row == "Not shown"
    else:
        assert kind in made.method or kind in made.se_method
    if kind == "area means":
        assert made.df == len(UNITS) - 2


def test_no_place_reached_is_a_reason_not_a_number():
    plan, found = make(seed=4, n=300, reached={"lg1": "2025-12-01"})
    made = by_id(designs.all_designs(plan, found))["d1",]
    assert isinstance(made, NotIdentified)
    assert "no place" in made.reason


def test_small_cells_are_counted_and_not_estimated():
    plan, found = make(seed=5, n=90)
    results = by_id(designs.all_designs(plan, found))
    few = results["d2", "by-place"]
    assert isinstance(few, TooFew)
    assert len(few.counts) == 8
    assert few.unit == "people"
    text = [i.result.text for i in tables.cells(plan, found, list(results.values())).items if hasattr(i.result, "text")]
    assert any(t.startswith("under 10") for t in text)


def test_the_group_is_defined_twice_where_the_waves_allow(held):
    found = by_id(held[2])
    assert isinstance(found["d2", "black-heritage"], NotIdentified)
    assert "W2022" in found["d2", "black-heritage"].reason
    since = found["d2", "black-heritage-since-w2024"]
    assert isinstance(since, Estimate)
    assert abs(since.value) < 4 * since.se


def test_the_triple_difference_counts_eight_cells(held):
    made = by_id(held[2])["d2", "by-place"]
    assert len(made.n) == 8
    assert abs(made.value) < 4 * made.se  # events moved everybody in reached places alike


def test_linked_people_are_weighted_to_those_who_answered(held):
    plan, found, results = held
    by = by_id(results)
    plain, differences, weighted = (by["d5", *m] for m in ((), ("first-differences",), ("linkage-weighted",)))
    assert plain.value == pytest.approx(differences.value)
    assert plain.se == pytest.approx(differences.se, rel=0.05)
    assert plain.value == pytest.approx(0.5, abs=4 * plain.se)
    assert weighted.value != plain.value
    panel, _ = linked_panel.linked_rows(plan, found, plan.designs["D5"])
    weights = linked_panel.linkage_weights(plan, found, plan.designs["D5"], panel)
    assert weights.mean() == pytest.approx(1.0)
    assert (weights > 0).all()
    assert "Answering twice" in few_clusters.linkage(plan, found).notes[0]


def test_memory_is_set_beside_the_answers_of_then(held):
    plan, found, _ = held
    shown = {i.result.id.split(".")[2]: i.result for i in tables.recall(plan, found).items}
    bias = shown["bias"]
    assert bias.low < bias.value < bias.high
    assert bias.value == pytest.approx(0.12, abs=0.25)  # the mood of the waves differs by 0.04 a year


@pytest.mark.parametrize(
    ("arm", "what"), [("first", "known not to have attended"), ("neither", "known to have attended")]
)
def test_memory_without_one_of_the_sides_says_which(held, arm, what):
    plan, found, _ = held
    arms = {w: pd.Series(arm, index=a.index) for w, a in found.arms.items()}
    one = inputs.DesignInputs(found.wave, found.survey, found.events, found.comparable, found.fieldwork, arms)
    ((_, refused),) = predicted_and_recalled.then_and_now(plan, one, plan.designs["D4"])
    assert refused.reason == f"nobody who answered is {what}"
    assert any(refused.reason in str(i.result) for i in tables.recall(plan, one).items)


def test_a_placebo_that_moves_downgrades_its_design():
    plan, found = make(seed=7, n=1500, moved=1.5, reached=dict.fromkeys(REACHED, "2024-12-01"))
    shown, supported = placebos.placebo_exhibit(plan, found)
    assert supported["D1"] is False
    readings = {i.row: i.result.text for i in shown.items if i.column == "Reading"}
    assert sum(r == "differs" for r in readings.values()) >= 1
    results = designs.with_placebos(designs.all_designs(plan, found), supported)
    gates = [g for r in results if r.id.startswith("d1.") for g in r.gates if g.id == "d1.placebo"]
    assert gates
    assert not any(g.passed for g in gates)
    assert by_id(results)["d1",].licence == "association"


def test_an_event_within_the_first_fieldwork_leaves_an_association(held):
    plan, found, results = held
    assert by_id(results)["d1",].licence == "effect"
    none = designs.attendee_change(plan, found)
    assert not any("cause and effect" in n for n in tables.forest(plan, found, results, none).notes)
    events = found.events.assign(event_date=["2022-10-05", *found.events["event_date"][1:]])
    early = inputs.DesignInputs(found.wave, found.survey, events, found.comparable, found.fieldwork, found.arms)
    again = designs.all_designs(plan, early)
    made = by_id(again)["d1",]
    assert made.value == by_id(results)["d1",].value  # the same number, which may say less
    assert made.licence == by_id(again)["d1", "adjusted"].licence == "association"
    assert [g.id for g in made.gates if not g.passed] == ["d1.dates"]
    notes = tables.forest(plan, early, again, none).notes
    assert (
        "“Places with events and places without” may not be read as cause and effect: a condition that the plan set for "
        "that was not met (the earlier survey was over before the first event)."
    ) in notes
    verb = {i.row: i.result.text for i in tables.answer(plan, early, again, none).items if i.column == "May say"}
    assert verb["Places with events and places without"] == "“went with”, no more"
    for evidence, made, word in ((found, results, "is consistent with"), (early, again, "went with")):
        said = {i.row: i.result.text for i in tables.assumptions(plan, evidence, made).items if i.column == "May say"}
        assert said["Places with events and places without"].startswith(word)


def test_a_placebo_that_could_not_see_has_not_passed():
    plan, found = make(seed=8, n=250)
    shown, supported = placebos.placebo_exhibit(plan, found)
    readings = {i.result.text for i in shown.items if i.column == "Reading"}
    assert "not informative" in readings or "too few people" in readings
    assert True not in supported.values()
    assert all(
        g.id != "d1.placebo" or not g.passed
        for r in designs.with_placebos(designs.all_designs(plan, found), supported)
        for g in r.gates
    )
    rows = {i.row for i in shown.items}
    assert any("first wave split in two" in r for r in rows)
    assert any("places never reached" in r for r in rows)
    assert any("cannot move" in r for r in rows)


def test_bounds_widen_and_say_where_a_result_vanishes(held):
    plan, found, results = held
    shown = placebos.bounds(plan, found, results)
    d1 = [i for i in shown.items if i.row.startswith("Places with events")]
    width = [i.result.high - i.result.low for i in d1 if i.column.startswith("Apart")]
    assert width == sorted(width)
    made = by_id(results)["d1",]
    assert next(i.result.value for i in d1 if i.column == "Would vanish at") == pytest.approx(made.value)


def test_mean_and_share_stand_side_by_side(held):
    plan, found, _ = held
    discrete = found.survey.outcomes.assign(conf_overall=lambda f: f["conf_overall"].round().clip(1, 5))
    survey = Survey(found.survey.people, discrete, found.survey.weights, found.survey.sd)
    shown = placebos.sides(
        plan, inputs.DesignInputs(found.wave, survey, found.events, found.comparable, found.fieldwork, found.arms)
    )
    d1 = {i.column: i.result for i in shown.items if i.row.startswith("Places with events")}
    assert set(d1) == {"Mean", "Share of positive answers", "Share, by a logit"}
    assert d1["Share of positive answers"].unit == "percentage points"
    assert abs(d1["Share of positive answers"].value - d1["Share, by a logit"].value) < 12
    assert d1["Share, by a logit"].low is None


def test_composition_is_read_against_chance(held):
    plan, found, _ = held
    shown = {(i.row.split(" (")[0], i.column): i.result for i in few_clusters.composition(plan, found).items}
    assert shown["Places with events and places without", "Read against chance"].text in (
        "as chance would give",
        "more than chance in nine of ten",
    )
    assert shown["Places with events and places without", "Composition taken as constant"].value == pytest.approx(
        0.5, abs=0.3
    )
    assert shown["Places with events and places without", "Composition free to change"].value == pytest.approx(
        0.5, abs=0.3
    )
    assert ("Black and other respondents", "All cells weighted to the group before") in shown


def test_attendance_is_the_first_stage_by_place(held):
    plan, found, _ = held
    rows = {i.row: i.result for i in few_clusters.few_places(plan, found).items}
    assert {"Places reached", "Places not reached", "Change per person reached"} <= set(rows)
    assert "not closed" in rows["Change per person reached"].text  # attendance does not differ between places here
    assert sum(r.startswith("Without ") for r in rows) == len(UNITS)


def test_a_ratio_is_shown_only_with_a_closed_anderson_rubin_range():
    rng = np.random.default_rng(11)
    frame = pd.DataFrame({"area": np.repeat(np.arange(12), 200), "t": np.tile([0, 1], 1200)})
    frame["g"] = (frame["area"] < 6).astype(int)
    p = np.where(frame["g"] == 1, 0.6, 0.1) * frame["t"]
    frame["taken"] = (rng.random(2400) < p).astype(float)
    frame["y"] = 0.8 * frame["taken"] + rng.normal(0, 0.5, 2400)
    words = {"outcome": "y", "taken": "taken", "group": "g", "time": "t", "area": "area"}
    strong = did.wald_ratio(frame, **words)
    assert strong.bounded
    assert strong.low < 0.8 < strong.high
    change = did.area_changes(frame, "y", "t", "area", None) - strong.low * did.area_changes(
        frame, "taken", "t", "area", None
    )
    a, b = change[:6], change[6:]
    from scipy import stats

    assert stats.ttest_ind(a, b).pvalue == pytest.approx(0.05, abs=1e-6)
    weak = did.wald_ratio(
        frame.assign(taken=lambda f: f["taken"].sample(frac=1, random_state=1).to_numpy() * f["t"]), **words
    )
    assert not weak.bounded


def staggered(effect=0.6, seed=9):
    """Return four waves in which two groups of places are first reached at different times."""
    reached = {
        "lg1": "2020-12-01",
        "lg2": "2020-12-01",
        "charnwood": "2020-12-01",
        "lg3": "2021-12-01",
        "melton": "2021-12-01",
        "blaby": "2021-12-01",
        "lg4": "2021-12-01",
    }
    return make(seed=seed, n=1200, effect=effect, reached=reached, waves=("W2020", "W2021", "W2022", "W2024"))


def test_places_reached_at_different_times_are_compared_with_those_not_yet_reached():
    plan, found = staggered()
    frame = event_study.staggered_frame(plan, found, plan.designs["D1"])
    assert set(frame["first"]) == {0.0, 2.0, 3.0}
    made = event_study.effects_over_time(plan, plan.designs["D1"], frame)
    assert isinstance(made, did.GroupTime)
    for e, g, t in zip(made, made.groups, made.times, strict=True):
        assert e.value == pytest.approx(0.6 if t >= g else 0.0, abs=4 * e.se)
    shown = event_study.over_time(plan, found)
    rows = {i.row for i in shown.items}
    assert any(r.startswith("Overall, simple:") for r in rows)
    assert any(r.startswith("Overall, dynamic:") for r in rows)
    assert any("power 80 %" in r for r in rows)
    assert any("largest before" in r for r in rows)


def test_one_wave_before_leaves_earlier_trends_untested(held):
    plan, found, _ = held
    text = {i.row: getattr(i.result, "text", "") for i in event_study.over_time(plan, found).items}
    assert "not available" in text["Slope before"]
    assert "not available" in text["Sensitivity to earlier trends"]
    two = plan.model_copy(update={"study": plan.study.model_copy(update={"waves": ("W2022", "W2025")})})
    short = event_study.over_time(two, found)
    assert short.items[0].row == "Not shown"
    assert "three waves" in short.items[0].result.reason


def test_places_reached_before_the_first_wave_are_left_out():
    plan, found = make(seed=12, reached=dict(REACHED, rutland="2022-01-01"))
    frame = event_study.staggered_frame(plan, found, plan.designs["D1"])
    assert "rutland" not in set(frame["unit"])
    _, gate = inputs.exposed_places(plan, found, ("W2022", "W2025"))
    assert not gate.passed


def test_the_table_of_what_fools_says_its_truth(held):
    plan, found, _ = held
    cells = {(i.row, i.column): i.result.value for i in event_study.fooled(plan, found, people=40_000).items}
    seen, unseen = "They came by what is known", "They came because they trusted already"
    truth = cells["The truth", seen]
    four, after = "Four groups weighted by predicted attendance", "The same, adjusted for what is known"
    assert cells[four, unseen] > truth + 0.25
    assert cells[four, unseen] == pytest.approx(cells[after, unseen], abs=0.08)
    assert cells["The same people", unseen] == pytest.approx(truth, abs=0.08)


def test_words_about_designs_claim_no_cause():
    forbidden = ("caused", "because of", "led to", "thanks to", "impact", "improved", "raised")
    texts = layout.declarations()["designs.assumptions"].texts
    for column in ("q", "a", "h", "b"):
        assert not any(f in " ".join(texts[column].values()).lower() for f in forbidden)
        assert set(texts[column]) == set(PLAN.designs)


def test_changed_wording_blocks_and_unknown_wording_caps(held):
    plan, found, _ = held
    for state, kind in (("changed", NotIdentified), ("unknown", Estimate)):
        table = found.comparable.copy()
        table.loc["conf_overall", "W2025"] = state
        other = inputs.DesignInputs(found.wave, found.survey, found.events, table, found.fieldwork, found.arms)
        made = by_id(designs.all_designs(plan, other))["d1",]
        assert isinstance(made, kind)
        if kind is Estimate:
            assert made.licence == "exploratory"


def test_shared_helpers_refuse_in_words():
    row = layout.table(PLAN, "W2025", "designs.sides").row("x")
    row.interval("mean", TooFew(counts={"a": 3}, needed=30))
    assert "too few people" in row.table.items[0].result.text
    assert exposed_places.source_of(PLAN, "age5") == "age_band"


def test_each_design_says_whom_it_compares_and_the_methods_page_lists_it():
    page = (ROOT / "docs" / "methods" / "did.md").read_text("utf-8")
    comparisons = layout.declarations()["designs.assumptions"].texts["m"]
    assert set(comparisons) == set(designs.DESIGNS)
    for name, printed in comparisons.items():
        assert f"| {name} | {printed.removeprefix('compares ').split(';')[0]} |" in page
