"""The register answers: every exhibit passes the gate and can be drawn; an absent register is a sentence, not a hole."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from evaluation import disclosure
from evaluation.analysis.programme import (
    actions,
    advisory_groups,
    context,
    costs,
    ethnicity_recording,
    indicators,
    participants,
    recruitment,
    register_cells,
    stop_search_ratios,
)
from evaluation.analysis.programme import events as programme_events
from evaluation.analysis.programme import feedback as programme_feedback
from evaluation.exhibit import Count, Exhibit, Item, Text
from evaluation.intake import waves
from evaluation.plan import study
from evaluation.report import figures, tables
from evaluation.results import Estimate, Gate, NotIdentified

ROOT = Path(__file__).parents[2]
MAKERS = {
    "events": programme_events.events,
    "feedback": programme_feedback.feedback,
    "actions": actions.actions,
    "advisory": advisory_groups.advisory,
    "costs": costs.costs,
    "recording": ethnicity_recording.recording,
    "recruitment": recruitment.recruitment,
    "context": context.context,
}
READ = {
    "events": "events",
    "feedback": "feedback",
    "actions": "actions",
    "advisory": "iag_meetings",
    "costs": "events",
    "recording": "victim_recording",
    "recruitment": "recruitment",
}
CAUSAL = re.compile(r"\b(caus\w+|led to|because of|improv\w+|result(ed|s) in|thanks to|impact|due to)\b", re.I)


@pytest.fixture(scope="module", autouse=True)
def nothing_published_before():
    """States are read from what a run published; here no run stands behind them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indicators, "_published", lambda *_: [])
        patch.setattr(waves, "load_results", lambda *_: [])
        yield


@pytest.fixture(scope="module")
def plan():
    return study.load(ROOT / "study.toml")


@pytest.fixture(scope="module")
def held(plan):
    return waves.registers_held(plan)


@pytest.fixture(scope="module")
def wave(plan):
    return plan.waves[-1]


def everything(plan, wave, held):
    made = [e for maker in MAKERS.values() for e in maker(plan, wave, held)]
    made += stop_search_ratios.stops(plan, wave, held, waves.margins(plan))
    return [*made, context.programme_answer(plan, wave, held), context.wider_answer(plan, wave, held)]


@pytest.fixture(scope="module")
def made(plan, wave, held):
    return everything(plan, wave, held)


@pytest.fixture(scope="module")
def checked(plan, made):
    return disclosure.protect(made, plan.disclosure)


def results(made, id):
    return [i.result for e in made if e.id == id for i in e.items]


def test_all_exhibits_pass_the_gate_together(made, checked):
    assert checked.audit["recovered"] == 0
    assert len({e.id for e in made}) == len(made)
    ids = [i.result.id for e in made for i in e.items]
    assert len(ids) == len(set(ids))
    assert [i for i in ids if not re.fullmatch(r"[a-z0-9_.-]+", i)] == []
    assert "recording.blank.all.w2025.2022q4" in ids


def test_a_last_period_without_victims_is_said(plan, wave, held):
    recording = held["victim_recording"].copy()
    last = recording["period"] == recording["period"].max()
    recording.loc[last, list(recording.select_dtypes("number").columns)] = 0
    changed = {**held, "victim_recording": recording}
    (answer,) = [r for r in results([context.wider_answer(plan, wave, changed)], "answer.09") if "recording" in r.id]
    assert "no victims" in answer.text
    for maker in MAKERS.values():
        assert disclosure.protect(maker(plan, wave, changed), plan.disclosure)


def test_every_exhibit_the_reports_read_is_made(made):
    wanted = {
        "events.strip",
        "events.fidelity",
        "feedback.themes",
        "feedback.check",
        "actions.said_did",
        "actions.status",
        "iag.depth",
        "stops.ratio",
        "recording.share",
        "recruitment.goal",
        "costs.table",
        "context.figures",
        "history.timeline",
        "initiatives.table",
        "indicators.sheet",
        "theory.change",
        "answer.08",
        "answer.09",
    }
    assert wanted <= {e.id for e in made}
    for e in made:
        assert all(re.fullmatch(r"policy-\d+|annex-[A-P]|sense-check|practice-bank", s) for s in e.sections), e.id
        assert bool(e.sections) != e.id.startswith("answer."), e.id


def test_every_exhibit_can_be_laid_out_and_drawn(checked):
    drawn = 0
    for e in checked.exhibits:
        assert "<table>" in str(tables.of(e))
        figure = figures.draw(e)
        if e.chart:
            assert figure is not None, e.id
            assert e.id in ("history.timeline",) or figure.alt
            drawn += 1
    assert drawn >= 10


def test_words_stay_plain(made):
    for e in made:
        own = [e.title, *e.notes, e.source, *(i.row for i in e.items), *(i.column for i in e.items)]
        assert not [text for text in own if CAUSAL.search(text)], e.id
        assert not any("×" in text or "\u200b" in text for text in own), e.id
        for i in e.items:
            if isinstance(i.result, Text):
                assert "×" not in i.result.text


def test_attendances_are_bounded_as_people(made):
    found = {r.id.split(".")[1]: r for r in results(made, "events.summary")}
    assert found["people_least"].n == found["largest"].n
    assert found["people_least"].key == found["largest"].key
    assert found["people_most"].n == found["attendances"].n > found["people_least"].n


def test_counts_of_actions_are_read_by_the_summary(made, held):
    rows = [r for r in results(made, "actions.status") if isinstance(r, Count)]
    assert [r.id.split(".")[2] for r in rows][:4] == ["reported-back", "done", "under-way", "could-not-be-done"]
    assert sum(r.n for r in rows) == len(held["actions"])
    assert not any(r.sensitive for r in rows)


def test_unflattering_rows_stay(made, held):
    said = [i for e in made if e.id == "actions.said_did" for i in e.items]
    why = [i.result.text for i in said if i.column == "Because"]
    assert any("no reason was given" in text for text in why)
    assert {i.row for i in said} == set(held["actions"]["issue"])


def test_the_cost_that_the_practice_bank_prints(checked):
    cost = next(r for r in checked.frame().to_dict("records") if r["id"].startswith("costs.attend."))
    assert cost["value"] > 0
    assert "pounds" in cost["unit"]


def test_small_groups_meet_the_gate(checked, plan):
    hidden = [x for e in checked.exhibits for x in e.cells.values() if x.kind == "count" and not x.shown]
    assert hidden
    for e in checked.exhibits:
        for x in e.cells.values():
            if x.kind == "count" and x.shown and x.unit in ("comments", "slips", "attendances"):
                assert x.n % plan.disclosure.rounding == 0
                assert x.n == 0 or x.n >= plan.disclosure.threshold


# ---- stops ------------------------------------------------------------------------------------------------------


def test_the_public_record_on_three_bases_with_the_bounds_first(made):
    ratio = next(e for e in made if e.id == "stops.ratio")
    values = {i.result.id.split(".")[2]: i.result.value for i in ratio.items}
    assert list(values)[:2] == ["bound_low", "bound_high"]
    expected = {"drop": 3.68, "officer_defined": 4.87, "self_then_officer": 4.72}
    for name, value in expected.items():
        assert values[name] == pytest.approx(value, abs=0.005)
    words = " ".join((ratio.title, ratio.source, *ratio.notes))
    assert all(w in words for w in ("December 2019 to February 2020", "White residents", "Census 2021", "force area"))
    assert all(isinstance(i.result, Estimate) and i.result.null is None for i in ratio.items)


def test_not_stated_is_a_row_and_its_share_is_shown(made):
    counts = next(e for e in made if e.id == "stops.counts")
    rows = {i.row: i.result for i in counts.items if i.column == "All"}
    assert rows["Self-defined: Not stated"].n == 123
    assert rows["All searches"].n == 701
    assert rows["Share not stated"].value == pytest.approx(100 * 123 / 701)


def districts(months=3):
    rows = [
        (f"2024-{m + 1:02d}", area, "cross", code, officer, n + 3 * (m % 4))
        for m in range(months)
        for area, counts in {"leicester": (60, 90, 20), "rutland": (2, 30, 4), "blaby": (3, 40, 5)}.items()
        for code, officer, n in zip(("B2", "W1", "NS"), ("black", "white", "white"), counts, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["period", "area", "basis", "ethnicity", "officer", "searches"])
    people = {
        ("leicester", "B2"): 20000,
        ("leicester", "W1"): 130000,
        ("rutland", "B2"): 300,
        ("rutland", "W1"): 38000,
        ("blaby", "B2"): 1500,
        ("blaby", "W1"): 80000,
    }
    frame["population"] = [people.get((a, e)) for a, e in zip(frame["area"], frame["ethnicity"], strict=True)]
    frame["population_source"] = "residents: all ages, Census 2021"
    return frame.astype({"searches": "Int64", "population": "Int64"})


def test_areas_stand_pooled_and_within(plan, wave):
    made = stop_search_ratios.stops(plan, wave, {"stop_search": districts()}, {})
    ids = [i.result.id.split(".")[2] for e in made if e.id == "stops.areas" for i in e.items]
    assert ids == ["area_blaby", "area_leicester", "area_rutland", "pooled", "within"]
    disclosure.protect(made, plan.disclosure)


def test_dispersion_is_learnt_from_enough_months_and_areas(plan, wave):
    made = stop_search_ratios.stops(plan, wave, {"stop_search": districts(12)}, {})
    rows = results(made, "stops.variation")
    assert [r.id.split(".")[2] for r in rows] == ["dispersion_found"]
    assert "quasi-Poisson" in rows[0].se_method
    few = results(stop_search_ratios.stops(plan, wave, {"stop_search": districts(1)}, {}), "stops.variation")
    assert [r.id.split(".")[2] for r in few] == ["dispersion_1_0", "dispersion_1_5", "dispersion_2_0", "dispersion_3_0"]


def test_without_residents_no_ratio_is_shown(plan, wave, held):
    bare = held["stop_search"].drop(columns=["population", "population_source"])
    (only,) = stop_search_ratios.stops(plan, wave, {"stop_search": bare}, {})
    assert isinstance(only.items[0].result, NotIdentified)
    from_margins = stop_search_ratios.stops(plan, wave, {"stop_search": bare}, waves.margins(plan))
    assert plan.population.title in from_margins[0].source


# ---- absent and empty registers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in MAKERS if n != "context"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_a_register_that_is_not_there_leaves_one_plain_sentence(plan, wave, held, name, how):
    without = {k: v for k, v in held.items() if k != READ[name]}
    if how == "empty":
        without[READ[name]] = held[READ[name]].iloc[:0]
    made = MAKERS[name](plan, wave, without)
    assert made
    for e in made:
        assert e.sections
        assert all(isinstance(i.result, NotIdentified) for i in e.items)
        assert "register" in e.items[0].result.reason
    shown = disclosure.protect(made, plan.disclosure)
    assert all(tables.of(e) for e in shown.exhibits)


@pytest.mark.parametrize("how", ["absent", "empty"])
@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("context_figures", "context.figures"),
        ("external_surveys", "context.surveys"),
        ("initiatives", "initiatives.table"),
        ("partners", "context.partners"),
        ("indicators", "indicators.sheet"),
        ("indicators", "theory.change"),
        ("stop_search", "stops.ratio"),
        ("attendance", "events.who"),
    ],
)
def test_each_other_register_that_is_not_there_leaves_its_sentence(plan, wave, held, name, id, how):
    given = {} if how == "absent" else {name: held[name].iloc[:0]}
    if name == "attendance":
        made = programme_events.events(plan, wave, {"events": held["events"], **given})
    elif name == "stop_search":
        made = stop_search_ratios.stops(plan, wave, given, waves.margins(plan))
    else:
        made = context.context(plan, wave, given)
    (cell,) = results(made, id)
    assert isinstance(cell, NotIdentified)
    assert cell.reason == f"no register of {name.replace('_', ' ')} was supplied, or it has no rows yet"
    assert name in cell.what_would_help


def test_with_no_registers_at_all_everything_still_answers(plan, wave):
    made = everything(plan, wave, {})
    checked = disclosure.protect(made, plan.disclosure)
    assert len(checked.exhibits) == len(made)


@pytest.mark.parametrize("name", sorted(study.load(ROOT / "study.toml").programme.registers))
def test_a_register_of_one_row_is_laid_out_or_says_why_not(plan, wave, held, name):
    checked = disclosure.protect(everything(plan, wave, {name: held[name].iloc[:1]}), plan.disclosure)
    assert all(tables.of(e) for e in checked.exhibits)


def test_what_a_register_may_hold_besides_is_shown(plan, wave, held):
    events = held["events"].assign(observation_offered=10, observation_taken=4, agenda_version=["v1", "v2"] * 12)
    meetings = held["iag_meetings"].assign(n_black=3, police_venue="yes", paid="no")
    made = everything(plan, wave, {**held, "events": events, "iag_meetings": meetings})
    found = {i.result.id: i.result for e in made for i in e.items}
    w = wave.lower()
    assert (found[f"events.observation.offered.{w}"].n, found[f"events.observation.taken.{w}"].n) == (240, 96)
    assert found[f"events.observation.share.{w}"].value == pytest.approx(40)
    assert found[f"events.agenda.all.{w}"].n == 2
    here = meetings[meetings["model"] == "revised"]
    assert found[f"iag.mix.revised.{w}"].value == pytest.approx(100 * 3 * len(here) / here["n_members"].sum())
    assert found[f"iag.residents_mix.all.{w}"].value == pytest.approx(3.06, abs=0.01)  # of residents of 16 and over
    assert (found[f"iag.station.revised.{w}"].n, found[f"iag.paid.revised.{w}"].n) == (len(here), 0)
    disclosure.protect(made, plan.disclosure)


def test_black_recruits_stand_apart_without_a_goal_and_few_of_them_are_not_shown(plan, wave, held):
    rows = held["recruitment"]
    black = rows.assign(group="Black", n_people=12)
    few = rows.assign(group="Asian", n_people=4)
    made = recruitment.recruitment(plan, wave, {"recruitment": pd.concat([rows, black, few], ignore_index=True)})
    checked = disclosure.protect(made, plan.disclosure)
    goal = {i.row.rpartition(": ")[2]: {} for i in made[0].items}
    for i in made[0].items:
        goal[i.row.rpartition(": ")[2]][i.column] = i.result
    assert goal["Black"]["Goal met that year?"].text == "no goal was set for this group"
    assert (
        goal["Ethnic minorities, White minorities excluded"]["Goal met that year?"].text
        != goal["Black"]["Goal met that year?"].text
    )
    assert isinstance(goal["Asian"]["Share of those known"], NotIdentified)
    text = " ".join(x.text for e in checked.exhibits for (r, _), x in e.cells.items() if "Asian" in r)
    assert not re.search(r"\b(2%|1\.9|4)\b", text)
    parity = [i.result for e in made if e.id == "recruitment.parity" for i in e.items if ": Black" in i.row]
    assert parity[-1].value == pytest.approx(12 / 204 / 0.0306, rel=0.01)


@pytest.mark.parametrize("gone", ["attendance", "events", "context_figures", "history", "indicators"])
def test_one_register_less_never_breaks_the_others(plan, wave, held, gone):
    disclosure.protect(everything(plan, wave, {k: v for k, v in held.items() if k != gone}), plan.disclosure)


def test_optional_columns_may_be_left_out(plan, wave, held):
    bare = {
        name: frame[[c for c in frame if plan.codebook.table(name).variables[c].required_from == "always"]]
        for name, frame in held.items()
    }
    disclosure.protect(everything(plan, wave, bare), plan.disclosure)


def test_an_earlier_wave_sees_only_what_had_happened(plan, held):
    first = plan.waves[0]
    day = register_cells.through(plan, first, held)
    events = register_cells.register(plan, first, held, "events")
    actions = register_cells.register(plan, first, held, "actions")
    assert len(events) < len(held["events"])
    assert (events["event_date"] <= day).all()
    assert set(actions.loc[actions["status_date"] > day, "status"]) <= {"raised"}
    assert (register_cells.register(plan, first, held, "history")["start"] <= day).all()
    assert register_cells.register(plan, first, held, "recruitment") is None  # its first year ended later
    assert register_cells.register(plan, first, held, "victim_recording") is None
    assert len(register_cells.register(plan, plan.waves[-1], held, "victim_recording")) == len(held["victim_recording"])
    disclosure.protect(everything(plan, first, held), plan.disclosure)


def test_counts_of_searches_alone_are_cut_at_the_wave_and_not_before(plan, held):
    first, last = plan.waves[0], plan.waves[-1]
    given = {"stop_search": held["stop_search"]}
    assert len(register_cells.register(plan, first, given, "stop_search")) == len(held["stop_search"])
    later = {"stop_search": held["stop_search"].assign(period="2024-01")}
    assert register_cells.register(plan, first, later, "stop_search") is None
    assert register_cells.register(plan, last, later, "stop_search") is not None


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2024-02", "2024-02-29"),
        ("2024 Q1", "2024-03-31"),
        ("2024Q4", "2024-12-31"),
        ("2024", "2024-12-31"),
        ("2024-13", None),
        ("2023/24", None),
        ("2023-2024", None),
        ("year to March", None),
    ],
)
def test_periods_in_words_have_their_last_day(text, end):
    assert register_cells.period_end(text) == pd.Timestamp(end) if end else pd.isna(register_cells.period_end(text))


# ---- correction, agreement, goals -------------------------------------------------------------------------------


def test_a_rejected_theme_leaves_the_summary(plan, wave, held):
    feedback = held["feedback"].copy()
    feedback.loc[feedback["theme"] == "stops", "sense_check"] = "rejected"
    made = programme_feedback.feedback(plan, wave, {**held, "feedback": feedback})
    label = plan.codebook.variable("theme", "feedback").levels["stops"]
    assert label not in {i.row for i in made[0].items}
    assert any(label in note for e in made if e.id == "feedback.check" for note in e.notes)


def test_an_example_is_redacted_agreed_short_and_of_a_theme_with_enough_comments(plan, wave, held):
    comments = held["feedback"].assign(text_redacted="")
    stops = comments.index[comments["theme"] == "stops"]
    comments.loc[stops[0], ["text_redacted", "sense_check"]] = ["They never say why.", "agreed"]
    comments.loc[stops[1], ["text_redacted", "sense_check"]] = ["Nobody agreed to this.", "pending"]
    young = comments.index[comments["theme"] == "young_people"]
    comments.loc[young[0], ["text_redacted", "sense_check"]] = ["long " * 60, "agreed"]
    made = programme_feedback.feedback(plan, wave, {**held, "feedback": comments})
    assert [r.text for r in results(made, "feedback.examples")] == ["They never say why."]
    few = pd.concat([comments[comments["theme"] != "stops"], comments.loc[stops[:5]]])
    made = programme_feedback.feedback(plan, wave, {**held, "feedback": few})
    assert "They never say why." not in [r.text for r in results(made, "feedback.examples")]


def test_one_coder_gives_no_kappa(plan, wave, held):
    alone = held["feedback"].drop(columns="theme_second")
    made = programme_feedback.feedback(plan, wave, {**held, "feedback": alone})
    (cell,) = results(made, "feedback.kappa")
    assert isinstance(cell, NotIdentified)


def test_a_community_in_focus_names_its_groups():
    groups = ["black_african", "black_caribbean", "black_other", "mixed_white_black_african", "white_irish"]
    assert participants.belongs("african", groups) == ("black_african",)
    assert participants.belongs("all_black", groups) == ("black_african", "black_caribbean", "black_other")
    assert participants.belongs("young_black", groups) == participants.belongs("all_black", groups)
    assert participants.belongs("other", groups) == ()


def test_gaps_are_shown_as_gaps_and_results_are_read_from_the_run(plan, wave, held, monkeypatch):
    seen = Estimate(0.3, low=0.1, high=0.5, null=0.0, margin=0.05, id=f"change.conf_overall.black.{wave}".lower())
    run = [Exhibit("change", "Change", (Item("a", "b", seen),), ("annex-H",), wave=wave)]
    monkeypatch.setattr(indicators, "_published", lambda *_: run)
    table = indicators.theory(plan, wave, held)
    state = {i.row: i.result.text for i in table.items if i.column == "Verdict"}
    assert state["Officers understand what troubles communities"] == indicators.GAP
    assert state["Black communities have more confidence in the police"] == "higher"
    assert state["People who attend have more confidence in the police"] == "not measured in this run"


def test_the_theory_carries_the_verdict_after_the_doubts(plan, wave, held, monkeypatch):
    words = {"null": 0.0, "margin": 0.05, "id": f"attend.conf_overall.all.{wave}".lower(), "n": {"a": 90, "b": 90}}
    first = Estimate(0.3, low=0.1, high=0.5, **words)
    run = [Exhibit("attend", "Attendees", (Item("a", "b", first),), ("annex-G",), wave=wave)]
    label = "People who attend have more confidence in the police"
    monkeypatch.setattr(indicators, "_published", lambda *_: run)

    def shown(doubted):
        monkeypatch.setattr(waves, "load_results", lambda *_: doubted)
        return {i.column: i.result for i in indicators.theory(plan, wave, held).items if i.row == label}

    assert shown([])["Verdict"].text == "higher"
    quality = Gate("attend.controls", "quality", False)
    after = shown([replace(first, gates=(quality,))])
    assert after["Verdict"].text == "higher, but fragile"
    assert after["Evidence"].value == 0.3
    refused = shown([replace(first, gates=(Gate("attend.overlap", "design", False),))])
    assert refused["Verdict"].text == "not answerable"
    assert isinstance(refused["Evidence"], Text)  # no number stands beside a question that cannot be answered


def test_other_surveys_are_compared_only_with_the_same_wording(plan, wave, held):
    ours = plan.label_of(plan.outcomes.primary)
    rows = held["external_surveys"].iloc[:2].copy()
    rows = rows.assign(variable=pd.NA)
    rows.loc[rows.index[0], "wording"] = ours
    table = next(
        e for e in context.context(plan, wave, {**held, "external_surveys": rows}) if e.id == "context.surveys"
    )
    said = [i.result.text for i in table.items if i.column == "Comparable?"]
    assert said[0].startswith("yes")
    assert said[1].startswith("no")


def test_a_figure_not_seen_at_its_source_says_as_cited(made, held):
    table = next(e for e in made if e.id == "context.register")
    sources = [i.result.text for i in table.items if i.column == "Source"]
    cited = (held["context_figures"]["verified"] == "cited_only").sum()
    assert sum(s.startswith("as cited in") for s in sources) == cited > 0
