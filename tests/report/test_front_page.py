"""Page one: the answer first, figures with range and people, caveats with their figure, and a paragraph to quote."""

import re
from dataclasses import replace

import pytest
import report_study as study

from evaluation import disclosure
from evaluation.exhibit import Count, Exhibit, Item, Measure, Text, cell_key
from evaluation.report import checks, front_page, html, page_parts, pages, phrases, sentences, too_small
from evaluation.report.page_parts import PageInputs
from evaluation.results import Estimate, TooFew, with_verdict

KINDS = ("positive", "negative", "null", "unsure", "small")
WAVE = "w2025"


def inputs_of(exhibits, **more):
    return PageInputs(disclosure.protect(exhibits, study.plan().disclosure), study.context(**more), {})


def page_one(exhibits, **more):
    inputs = inputs_of(exhibits, **more)
    page = html.render(pages.policy(inputs), inputs.ctx)
    return checks.text(re.search(r'<section id="s1".*?</section>', page, re.S).group())


def share(id, value, half, **more):
    parts = id.split(".")
    made = Estimate(
        value=value, se=half / 2, low=value - half, high=value + half, id=id, unit="percentage points",
        n={"black": 94, "other": 211}, null=0.0, outcome=parts[1], group=parts[2], wave=parts[3].upper(),
        licence="descriptive", **more,
    )  # fmt: skip
    return with_verdict(made)


def lone(id, *results):
    items = tuple(Item(f"row {k}", "x", r) for k, r in enumerate(results))
    return Exhibit(id, "A grid", items, ("annex-D",))


def with_share(kind, value, half):
    made = share(f"changeshare.conf_overall.black.{WAVE}", value, half)
    return [*study.main_answers(kind), lone("change.shares", made)]


# ---- the answer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("positive", "Among Black respondents, confidence in the police was higher than in 2022."),
        ("negative", "Among Black respondents, confidence in the police was lower than in 2022."),
        ("null", "Confidence in the police among Black respondents is close to what it was in 2022."),
        ("unsure", "We do not know whether confidence in the police among Black respondents changed since 2022."),
        ("small", "We cannot say whether confidence in the police among Black respondents changed"),
    ],
)
def test_the_first_line_answers_the_title_before_any_figure(kind, first):
    lines = page_one(study.main_answers(kind)).splitlines()
    assert lines[1].startswith(first)
    assert not re.search(r"\d+ ?(%|points)", lines[1])


def test_a_change_never_answers_why_and_says_so():
    for kind in ("positive", "negative"):
        assert "Whether LPACT is the reason is not shown." in page_one(study.main_answers(kind))
    for kind in ("null", "unsure"):
        assert "So nothing is shown about LPACT either way." in page_one(study.main_answers(kind))


def test_a_study_too_small_to_size_the_change_says_that_the_size_is_uncertain():
    wide = study.contrast(f"change.conf_overall.black.{WAVE}", 0.5, 0.4, mde=0.6, licence="descriptive")
    text = page_one([lone("change.all", wide)])
    assert "How much higher is very uncertain." in text
    sure = replace(wide, mde=0.3)
    assert "very uncertain" not in page_one([lone("change.all", sure)])


# ---- figures --------------------------------------------------------------------------------------------------------


def test_the_table_has_every_group_and_every_survey_with_range_and_people():
    text = page_one(study.main_answers("positive"))
    for who in ("Black respondents", "All other respondents"):
        assert who in text
    assert len(re.findall(r"\d+% \(\d+% to \d+%\) of about \d+", text)) >= 6
    assert {"2022", "2024", "2025"} <= set(text.splitlines())
    assert " in 10" not in text


def test_the_change_is_said_in_points_with_its_most_likely_size_and_range():
    text = page_one(with_share("positive", 22.0, 14.0))
    assert "Black respondents, 2025 against 2022: most likely 22 points higher (between 8 and 36)." in text
    down = page_one(with_share("negative", -22.0, 14.0))
    assert "most likely 22 points lower (between 8 and 36)." in down


@pytest.mark.parametrize(
    ("kind", "value", "half"), [("positive", 22.0, 14.0), ("unsure", 3.0, 9.0), ("null", -2.0, 4.0)]
)
def test_signs_are_words_on_page_one(kind, value, half):
    text = page_one(with_share(kind, value, half))
    assert "minus" not in text
    assert "\N{MINUS SIGN}" not in text


def test_a_range_across_no_change_names_both_sides():
    text = page_one(with_share("unsure", 3.0, 9.0))
    assert "most likely 3 points higher (from 6 lower to 12 higher)." in text


def test_a_share_that_tells_another_story_than_the_average_is_said_to():
    assert "The verdict rests on the average of all answers" in page_one(with_share("unsure", 20.0, 9.0))
    assert "The verdict rests on the average of all answers" in page_one(with_share("positive", 2.0, 9.0))
    assert "The verdict rests on the average" not in page_one(with_share("positive", 22.0, 9.0))


def test_each_other_planned_outcome_has_one_line_with_its_verdicts():
    trust = study.contrast(f"attend.trust_overall.all.{WAVE}", 0.68, 0.39, family="secondary", p_family=0.015)
    text = page_one([*study.main_answers("unsure"), lone("attend.all", trust)])
    assert "Trust in the police" in text
    assert "Higher: 0.68 (0.29 to 1.07)" in text


def test_a_failed_control_is_named():
    failed = study.contrast(f"attend.council_satisfaction.all.{WAVE}", 0.4, 0.2, family="control", p_family=0.01)
    text = page_one([*study.main_answers("unsure"), lone("attend.all", failed)])
    assert "A check failed: people who had attended an event also answered higher on" in text
    assert "LPACT cannot have changed that" in text
    passed = study.contrast(f"attend.council_satisfaction.all.{WAVE}", 0.1, 0.2, family="control", p_family=0.8)
    assert "A check failed" not in page_one([*study.main_answers("unsure"), lone("attend.all", passed)])


# ---- caveats, actions, next -----------------------------------------------------------------------------------------


def percent(id, value, base=100):
    return Measure(id, value, "per cent", base=base, decimals=0, wave="W2025")


def test_the_caveats_carry_their_figures_and_stand_only_where_they_are_known():
    made = lone(
        "facts",
        percent(f"collection.officer.black.{WAVE}", 42.0, 120),
        percent(f"collection.officer.other.{WAVE}", 39.0, 350),
        percent("base.again.all.w2022", 0.0, 480),
    )
    text = page_one([*study.main_answers("unsure"), made])
    assert "In 2025: 42% of about 120 Black respondents, 39% of about 350 all other respondents." in text
    assert "In 2022 and 2024 this was not recorded." in text
    assert "Nobody is known to have answered both in 2022 and in 2025; read them as different people." in text
    bare = page_one(study.main_answers("unsure"))
    assert "police officer" not in bare
    assert "is not known" in bare


def test_people_who_answered_twice_are_never_called_different_people():
    made = lone("facts", percent("base.again.all.w2022", 100.0, 480))
    text = page_one([*study.main_answers("unsure"), made])
    assert "100% of about 480 people who answered in 2025 had answered in 2022 too" in text
    assert "Nobody is known" not in text
    page = checks.text(html.render(pages.policy(i := inputs_of([*study.main_answers("unsure"), made])), i.ctx))
    assert "That people changed their minds" not in page


ACTIONS = {"all": 46, "did": 20, "doing": 15, "refused": 5, "open": 6, "explained": 3, "overdue": 21, "told": 15}


def actions():
    cells = (
        Count(f"actions.{k}.all.{WAVE}", n, cell_key("actions", part=k), sensitive=False, unit="actions", wave="W2025")
        for k, n in ACTIONS.items()
    )
    return lone("actions.loop", *cells)


def test_actions_are_all_there_add_up_and_are_the_same_on_every_page():
    inputs = inputs_of([*study.main_answers("unsure"), actions()])
    said = "46 things were asked for: 20 done, 15 under way or passed on, 5 refused, 6 without an answer yet."
    page = checks.text(html.render(pages.policy(inputs), inputs.ctx))
    assert page.count(said) == page.count("things were asked for") >= 3
    first, *parts = (int(x) for x in re.findall(r"\d+", said))
    assert first == sum(parts)


def test_what_a_survey_can_show_is_said_for_this_size_and_twice_it():
    need = [Measure(f"next.{k}.all.{WAVE}", v, u, wave="W2025", decimals=0) for k, v, u in SIZES]
    text = page_one([*study.main_answers("unsure"), lone("next.sizes", *need)])
    assert "With about 95 Black respondents in each survey, a change of 28 points is seen 8 times in 10." in text
    assert "With twice as many, one of 20 points is." in text
    assert "720" not in text
    assert "No date is set for the next survey." in text


SIZES = (("seen", 28.0, "percentage points"), ("twice", 20.0, "percentage points"), ("group", 720.0, "people"))


# ---- the paragraph to quote -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_paragraph_to_quote_has_at_most_sixty_words_and_carries_what_it_must(kind):
    exhibits = study.main_answers(kind) if kind == "small" else with_share(kind, 22.0, 14.0)
    inputs = inputs_of(exhibits)
    make = too_small.quoted if kind == "small" else front_page.board_paragraph
    said = phrases.plain(make(inputs.rows, inputs.ctx))
    assert len(said.split()) <= front_page.MOST_QUOTED
    assert "Draft" in said
    assert "ynthetic data" in said
    assert "2025" in said
    if kind != "small":
        assert "Verdict: " in said
        assert "(between 8 and 36)" in said
        assert "about 95" in said


def test_an_unplanned_or_capped_result_hints_and_no_more():
    hint = study.contrast(f"change.conf_overall.black.{WAVE}", 0.5, 0.2, licence="exploratory")
    text = page_one([lone("change.all", hint)])
    assert "The answers hint that among Black respondents" in text
    assert "the answers hint at 0.50 of a point higher (between 0.30 and 0.70) on the five-point scale" in text


def test_a_range_wider_than_the_scale_is_not_informative_and_has_no_number():
    wide = study.contrast(f"change.conf_overall.black.{WAVE}", 1.8, 4.2, licence="descriptive")
    line = sentences.primary(*(lambda i: (i.rows, i.ctx))(inputs_of([lone("change.all", wide)])))
    assert "not informative" in line.text()
    assert not re.search(r"\d\.\d", line.text())


def test_a_number_has_the_digits_of_its_table():
    row = disclosure.protect([lone("x", study.contrast(f"gap.a.b.{WAVE}", 0.5, 0.3))], study.plan().disclosure)
    made = next(iter(row.exhibits[0].cells.values()))
    assert re.findall(r"[\d.]+", phrases.plain(sentences.signed_range(made))) == re.findall(r"[\d.]+", made.text)


def test_what_may_be_quoted_stands_beside_the_paragraph():
    lines = page_one(study.main_answers("positive")).splitlines()
    assert lines[-1] == front_page.REUSE


# ---- the form of a small study --------------------------------------------------------------------------------------


def small(missed="people", answered=28, sessions=20):
    few = TooFew({"black": answered}, 30, id=f"change.conf_overall.black.{WAVE}", outcome="conf_overall", wave="W2025")
    base = lone(
        "levels.base",
        Text(f"base.missed.black.{WAVE}", missed),
        Count(f"base.answered.black.{WAVE}", answered, cell_key("answered", group="black", wave="W2025"), wave="W2025"),
        Count(f"base.sessions.black.{WAVE}", sessions, cell_key("s", wave="W2025"), sensitive=False, wave="W2025"),
    )
    then = study.level("conf_overall", "black", "W2024", 17.0, n=85)
    return [lone("change.all", few), lone("levels.trio", then), base]


@pytest.mark.parametrize(
    ("missed", "answered", "sessions", "says"),
    [
        ("people", 28, 20, "fewer than 30 Black respondents answered this question; a share is reported from 30 on."),
        ("people", 21, 20, "about 20 Black respondents answered this question; a share is reported from 30 on."),
        ("people", 6, 4, "fewer than 10 Black respondents answered this question; a share is reported from 30 on."),
        ("sessions", 41, 5, "about 40 Black respondents answered this question in 5 sessions; answers are needed from"),
        ("spread", 41, 9, "but a few sessions hold most of them; answers must be spread over at least 8."),
    ],
)
def test_the_small_form_says_the_count_and_the_bar_it_missed(missed, answered, sessions, says):
    text = page_one(small(missed, answered, sessions))
    assert says in text
    assert "This does not mean that nothing changed" in text


def test_the_small_form_names_the_last_usable_result_by_its_year():
    text = page_one(small())
    assert "The last survey that could be reported is that of 2024." in text
    assert "It says nothing about 2025." in text
    assert re.search(r"17% \(\d+% to \d+%\) of about 85 Black respondents", text)


def test_the_small_form_has_no_table_and_no_chart():
    inputs = inputs_of([*small(), *study.charts(), *study.tables()])
    page = html.render(pages.policy(inputs), inputs.ctx)
    assert "<table" not in page
    assert "<figure" not in page
    assert [s.title for s in pages.policy(inputs).sections] == list(too_small.TITLES)


# ---- the cover ------------------------------------------------------------------------------------------------------


def test_the_cover_names_place_force_and_the_programme_spelled_out():
    assert study.context().cover() == (
        "Leicester, Leicestershire and Rutland · Leicestershire Police · "
        "Leicestershire Police and Communities Together (LPACT)"
    )


def contact(**more):
    plan = study.plan()
    return study.context(plan=plan.model_copy(update={"contact": plan.contact.model_copy(update=more)}))


def test_a_draft_says_so_once_in_words_of_people_and_names_no_option():
    told = page_parts.meta(study.context())
    assert sum("Draft: " in line for line in told) == 1
    assert "who ran it, who paid for it and who checked it are not stated yet" in " ".join(told)
    assert "--" not in " ".join(told)
    full = page_parts.meta(contact(ran_by="A university", funded_by="A fund", checked_by="A reviewer"))
    assert "Run by: A university. Paid for by: A fund. Checked by: A reviewer." in full
    assert "not stated" not in " ".join(full)


@pytest.mark.parametrize("kind", KINDS)
def test_no_page_of_the_report_prints_an_option_of_the_command(kind):
    inputs = inputs_of(study.main_answers(kind))
    assert "--draft" not in checks.text(html.render(pages.policy(inputs), inputs.ctx))


def test_numbers_with_a_direction_in_words():
    row = disclosure.protect([lone("x", share(f"changeshare.a.b.{WAVE}", 0.2, 9.0))], study.plan().disclosure)
    made = next(iter(row.exhibits[0].cells.values()))
    assert phrases.plain(sentences.signed_range(made)) == "0 (from 9 lower to 9 higher)"
    assert phrases.plain(sentences.short_range(made)) == "9 lower to 9 higher"
