"""What stands in which section: views of the policy report, themes judged wrong, the known-truth table, the packs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import report_study as study

from evaluation import disclosure
from evaluation.exhibit import Count, Exhibit, Item, Measure, Text, cell_key
from evaluation.report import (
    annex_pages,
    caveats,
    chart_titles,
    checks,
    figures,
    html,
    pages,
    phrases,
    policy_views,
    practice_bank_pages,
    programme_text,
    sense_check_pages,
    tables,
)
from evaluation.report.context import SenseCheckRow
from evaluation.report.page_parts import PageInputs
from evaluation.results import Estimate, Gate


def checked(*exhibits):
    return disclosure.protect(list(exhibits), study.plan().disclosure)


def desk_of(exhibits, **more):
    return PageInputs(checked(*exhibits), study.context(**more), {})


def policy(exhibits, **more):
    inputs = desk_of(exhibits, **more)
    return html.render(pages.policy(inputs), inputs.ctx)


def annex(exhibits, **more):
    inputs = desk_of(exhibits, **more)
    return html.render(annex_pages.annex(inputs, []), inputs.ctx)


def lone(id, triples):
    return Exhibit(id, "A grid", tuple(Item(*t) for t in triples))


def section(page, anchor):
    return re.search(rf'<section id="{anchor}".*?</section>', page, re.S).group()


# ---- views --------------------------------------------------------------------------------------------------------


def test_a_view_holds_the_same_checked_rows_and_no_other():
    context = study.context()
    for exhibit in checked(*study.exhibits()).exhibits:
        seen = policy_views.view(exhibit, context)
        whole = {x.id: x for x in exhibit.cells.values()}
        assert {x.id for x in seen.cells.values()} <= set(whole)
        assert all(x is whole[x.id] for x in seen.cells.values())


def test_the_policy_view_of_levels_names_years_and_the_compared_groups():
    trio = next(e for e in checked(*study.main_answers("null")).exhibits if e.id == "levels.trio")
    seen = policy_views.view(trio, study.context())
    assert seen.columns == ("2022", "2024", "2025")
    assert {x.group for x in seen.cells.values()} == {"black", "other"}
    assert seen.id == "levels.trio.policy"


def test_two_surveys_in_a_year_keep_their_ids_apart():
    waves = list(study.context().waves)
    context = study.context(waves=(waves[0], replace(waves[1], id="W2025a"), waves[2]))
    assert policy_views._year(context, "W2025") == "W2025"
    assert context.when("W2025") == "May 2025"
    assert context.when("W2022") == "2022"


def test_a_contrast_that_is_not_answerable_is_drawn_in_the_annex_alone():
    blocked = replace(study.contrast("attend.conf_overall.all.w2025", 0.3, 0.2), verdict="not answerable")
    exhibit = study.grid("attend.methods", "By method", [("Planned", "Difference", blocked)], "policy-7", "forest")
    shown, folded = policy_views.section_exhibits(list(checked(exhibit).exhibits), 7, study.context())
    assert [e.id for e in shown] == []
    assert [e.id for e in folded] == ["attend.methods"]


def test_long_lists_of_charts_stand_behind_a_fold():
    extra = [
        study.grid(f"extra.e{k}", f"Extra {k}", [("a", "b", Measure(f"extra.m{k}", 1.0 + k, "people"))], "policy-5")
        for k in range(4)
    ]
    page = section(policy([*study.main_answers("null"), *extra]), "s5")
    assert page.count("<summary>More on this: Extra") == 4


# ---- themes judged wrong, corrections, status -----------------------------------------------------------------------


def sheet(verdict):
    return (SenseCheckRow("Young people", verdict, "2026-06-20", "We never said that."),)


def test_a_theme_judged_wrong_leaves_the_summary_and_its_verdict_is_printed_unaltered():
    page = section(policy(study.tables(), sense_check=sheet("rejected")), "s9")
    table = re.search(r'<caption id="t-feedback-themes.*?</table>', page, re.S).group()
    assert "Young people" not in table
    assert "Stop and search" in table
    text = checks.text(page)
    assert "judged it wrong: Young people." in text
    assert "We never said that." in text
    assert "2026-06-20" in text
    assert "Young people" in annex(study.tables(), sense_check=sheet("rejected"))


def test_a_theme_that_was_amended_or_agreed_stays():
    for verdict in ("amended", "agreed"):
        page = section(policy(study.tables(), sense_check=sheet(verdict)), "s9")
        assert "feedback.theme.2" in page
        assert "We never said that." in page


def test_the_return_sheet_is_read_back_by_the_column_names_it_is_written_with():
    from evaluation.run.release import COLUMNS, MISSING, VERDICTS

    lines = sense_check_pages.return_sheet(desk_of(study.tables())).decode().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert [x.split(",")[0] for x in lines[1:]] == ["Stop and search", "Being listened to", "Young people", MISSING]
    page = sense_check_pages.sense_check(desk_of(study.tables()))
    assert all(v in " ".join(page.foot) for v in VERDICTS)


# ---- annex P --------------------------------------------------------------------------------------------------------

TRUTH = {
    "header": ["Check", "Studies", "Found"],
    "rows": [["Bias", 1000, "0.004"]],
    "digest": "ab" * 32,
    "made_on": "2026-06-30",
    "stale": False,
}


def test_the_known_truth_table_is_printed_and_a_stale_one_says_so():
    fresh = section(annex([], known_truth=TRUTH), "P")
    assert "0.004" in fresh
    assert "2026-06-30" in fresh
    assert "earlier code" not in fresh
    assert "it describes the earlier code" in section(annex([], known_truth=TRUTH | {"stale": True}), "P")
    assert "No table was found" in section(annex([]), "P")


def test_an_exhibit_of_two_annex_sections_stands_once_and_is_linked_from_the_second():
    both = study.grid("two.places", "In two places", [("a", "b", Measure("two.m", 1.0, "people"))], "annex-H annex-I")
    page = annex([both])
    assert checks.accessibility(page) == []
    assert page.count('id="two.m"') == page.count('data-result="two.m"') == 1
    assert 'href="#t-two-places"' in section(page, "I")


# ---- findings -------------------------------------------------------------------------------------------------------


def said(exhibit):
    return phrases.plain(chart_titles.finding(checked(exhibit).exhibits[0]))


def test_a_finding_that_is_given_is_filled_and_falls_back_where_a_number_may_not_be_shown():
    text = "Of {feedback.all} comments {feedback.few} were rejected"
    cells = [
        ("All", "Comments", Count("feedback.all", 40, cell_key("comments", v="all"))),
        ("Rejected", "Comments", Count("feedback.few", 12, cell_key("comments", v="rejected"))),
    ]
    shown = study.grid("feedback.check", "The check", cells, "policy-9", "bars", extras={"finding": text})
    assert said(shown) == "Of 40 comments 10 were rejected"
    hidden = study.grid(
        "feedback.check",
        "The check",
        [cells[0], ("Rejected", "Comments", Count("feedback.few", 3, cell_key("comments", v="rejected")))],
        "policy-9",
        "bars",
        extras={"finding": text},
    )
    assert "rejected" not in said(hidden).lower()


def test_findings_are_sentences_without_an_ellipsis():
    for exhibit in study.exhibits():
        if exhibit.chart:
            text = said(exhibit)
            assert "…" not in text
            assert "(" not in text.replace(exhibit.title, ""), text


def test_one_scale_carries_one_unit():
    cells = [
        ("Share", "W2025", study.level("conf_overall", "black", "w2025", 40.0)),
        (
            "Mean",
            "W2025",
            Estimate(
                value=2.1,
                se=0.1,
                low=1.9,
                high=2.3,
                id="mean.prap.black.w2025",
                n={"black": 90},
                unit="points on the 1 to 3 scale",
                outcome="prap",
                wave="W2025",
            ),
        ),
    ]
    drawn = figures.draw(checked(study.grid("mixed", "Mixed", cells, "", "dots")).exhibits[0])
    words = drawn.svg.decode()
    assert "points on the 1 to 3 scale" in words
    assert ">per cent<" in words


def test_a_row_with_two_units_is_drawn_on_two_scales():
    cells = [
        ("A check", "Difference", Measure("c.1", 0.3, "points")),
        ("A check", "Noticed", Measure("c.2", 0.4, "SD")),
        ("Another", "Difference", Measure("c.3", 0.1, "points")),
    ]
    drawn = figures.draw(checked(study.grid("controls", "Checks", cells, "", "forest")).exhibits[0])
    words = re.findall(r">([^<]+)</text>", drawn.svg.decode())
    assert words.count("A check") == 2
    assert words.count("Another") == 1
    assert {"points", "SD"} <= set(words)


def test_events_by_month_stand_along_time_with_their_numbers():
    months = next(e for e in study.charts() if e.id == "events.months")
    drawn = figures.draw(checked(months).exhibits[0])
    places = {t: float(x) for x, t in re.findall(r'<text [^>]*?x="([\d.]+)"[^>]*>(\d+)</text>', drawn.svg.decode())}
    assert places["35"] < places["60"] < places["85"]
    assert places["60"] - places["35"] < places["85"] - places["60"]


# ---- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["positive", "negative", "null", "unsure", "small"])
def test_percentages_of_the_first_pages_print_their_base(kind):
    page = policy(study.main_answers(kind) + study.tables())
    for number in (1, 2):
        breaches = phrases.baseless(checks.text(section(page, f"s{number}")))
        assert not breaches, [str(b) for b in breaches]


def test_a_percentage_without_a_base_is_found():
    assert phrases.baseless("Confidence was 41%.")
    assert not phrases.baseless("Confidence was 41% of about 90 people.")


# ---- sections 4, 7 and 14 -----------------------------------------------------------------------------------------


def collected(kind, value, n=480):
    return Measure(f"collection.{kind}.all.w2025", value, "per cent", base=n, wave="W2025", decimals=0)


def test_answers_near_an_officer_and_at_an_event_are_said_with_their_base():
    rows = desk_of([lone("who.x", [("a", "b", collected("officer", 39.0)), ("c", "b", collected("event", 0.0))])])
    said = phrases.plain(" ".join(programme_text.who(rows.rows, rows.ctx)))
    assert "39% of about 480 answers were given to, or near, a police officer." in said
    assert "None of about 480 answers was given at an event." in said


def dose(times, value, n=60):
    made = study.contrast("attend.conf_overall.all.w2025", value, 0.3, n={"a": n, "b": 200}, wave="W2025")
    return replace(made, id=f"attenddose.conf_overall.all.w2025.{times}")


def test_doses_are_said_together_or_one_sentence_says_why_not():
    full = desk_of([lone("d", [("1", "x", dose(1, 0.2)), ("2", "x", dose(2, -0.05))])])
    said = phrases.plain(programme_text.doses(full.rows, full.ctx))
    assert "one event, 0.20 (between minus 0.10 and 0.50); two events, minus 0.05 (between minus 0.35 and 0.25)" in said
    small = desk_of([lone("d", [("1", "x", dose(1, 0.2)), ("2", "x", dose(2, -0.05, n=12))])])
    said = phrases.plain(programme_text.doses(small.rows, small.ctx))
    assert said.startswith("Results by number of events attended are not set side by side.")
    assert "0.2" not in said


@pytest.mark.parametrize(
    ("now", "says"), [(95, "With about 95 Black respondents in each survey"), (800, "With about 800 Black respondents")]
)
def test_the_size_of_a_clear_answer_is_said_beside_the_size_now(now, says):
    need = Measure("next.group.all.w2025", 720.0, "people", wave="W2025", decimals=0)
    level = study.level("conf_overall", "black", "w2025", 36.0, n=now)
    seen = [
        Measure(f"next.{k}.all.w2025", v, "percentage points", wave="W2025") for k, v in (("seen", 28), ("twice", 20))
    ]
    cells = [("a", "b", need), ("c", "b", level), *((x.id, "b", x) for x in seen)]
    inputs = desk_of([lone("n", cells)])
    said = phrases.plain(" ".join(caveats.next_wave(inputs)))
    assert says in said
    assert "A change of 10 points would take about 720 Black respondents in each survey." in said


def test_a_place_without_a_figure_is_explained_under_the_table():
    rows = [("a", "x", collected("officer", 39.0)), ("b", "y", collected("event", 10.0))]
    page = str(tables.of(checked(lone("who.x", rows)).exhibits[0]))
    assert "no figure" in page
    assert tables.NO_FIGURE in page
    whole = str(tables.of(checked(lone("who.x", rows[:1])).exhibits[0]))
    assert tables.NO_FIGURE not in whole


def test_the_board_paragraph_reads_aloud():
    page = checks.text(section(policy(study.main_answers("unsure")), "s1"))
    board = page.splitlines()[-2]
    assert "Verdict: too uncertain to say." in board
    assert "The survey does not show why." in board
    assert not re.search(r"W20\d\d|re-run|[a-z]\.[a-z_]+\.", board)
    assert not phrases.too_long(board)


def test_what_may_not_be_said_has_the_fixed_wording():
    text = checks.text(section(policy(study.main_answers("null")), "s2"))
    assert "People who attended may have differed before they came. This comparison cannot rule that out." in text
    assert re.search(r"That people changed their minds\. .+\. We adjusted for .+; other differences may remain\.", text)
    text = checks.text(section(policy(study.main_answers("unsure")), "s2"))
    assert re.search(
        r"A gap between people who had attended an event and others under [\d.]+ .+ could stay unseen\.", text
    )


def test_an_attendee_difference_prints_what_would_remove_it_in_the_same_sentence():
    gap = study.grid(
        "sensitivity.unseen",
        "Unseen",
        [
            (
                "Break-even",
                "Size",
                Measure("breakeven.conf_overall.all.w2025", 0.21, "points on the 1 to 5 scale", base=90),
            )
        ],
        "annex-I",
    )
    attend = study.grid(
        "attend.outcomes",
        "Attended",
        [("Confidence", "Difference", study.contrast("attend.conf_overall.all.w2025", 0.5, 0.2))],
        "policy-7",
        "forest",
    )
    text = checks.text(section(policy([*study.main_answers("positive")[:3], attend, gap]), "s1"))
    sentence = next(s for s in phrases.sentences(text) if "People who had attended an event against" in s)
    assert "a gap of 0.21 of a point on the five-point scale before they came would remove it" in sentence


# ---- practice bank --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["positive", "negative", "null", "unsure", "small"])
def test_the_practice_bank_entry_uses_no_word_of_success(kind):
    inputs = desk_of(study.main_answers(kind) + study.tables())
    text = checks.text(html.render(practice_bank_pages.practice_bank(inputs), inputs.ctx))
    assert not re.search(r"\b(?:worked|works|promising|success\w*|effective)\b", text.replace("no word of success", ""))
    assert re.search(r"Maryland scale: level \d awarded for all else; the methods used have a ceiling of \d\.", text)
    assert "Reason:" in text
    for heading in (
        "Effect",
        "Mechanism",
        "Moderators",
        "Implementation",
        "Economic cost",
        "Key details",
        "Aim",
        "Intended outcome",
        "Description",
        "Costs and resources",
        "Evaluation",
        "Overall result",
        "Learning",
        "Copyright",
        "Left blank",
        *practice_bank_pages.KEY_DETAILS,
        "Does it work?",
    ):
        assert heading in text.splitlines() or any(line.endswith(heading) for line in text.splitlines()), heading
    assert "Funded by: [contact] funded_by." in text
    assert "Start date: [practice_bank] start_date." in text
    assert re.search(r"18 pounds per attendance", text)


def bank_of(rating="", lot=None):
    """Return the entry's text under a rating of the plan, with a lot's row."""
    plan = study.plan()
    plan = plan.model_copy(update={"practice_bank": plan.practice_bank.model_copy(update={"rating": rating})})
    lots = [study.grid("lots.effects", "Lots", [(lot.id, "Effect", lot)], "annex-H")] if lot is not None else []
    inputs = desk_of(study.main_answers("null") + study.tables() + lots, plan=plan)
    return checks.text(html.render(practice_bank_pages.practice_bank(inputs), inputs.ctx))


def lot_row(licence="effect", failed="", value=0.5, half=0.2, ids=("lot.record", "lot.followed", "lot.answered")):
    gates = tuple(Gate(g, "quality", g != failed, note=f"{g} is asked") for g in ids)
    id = "d6.conf_overall.invitations.w2025"
    return study.contrast(id, value, half, licence=licence, gates=gates, family="primary")


@pytest.mark.parametrize(
    ("row", "five"),
    [
        ({}, True),
        ({"licence": "association", "failed": "lot.record"}, False),
        ({"licence": "association", "failed": "lot.followed"}, False),
        ({"licence": "association", "failed": "lot.answered"}, False),
        ({"failed": "lot.followed"}, False),  # a licence that its own conditions do not carry
        ({"licence": "association"}, False),
        ({"ids": ("lot.followed",)}, False),
        (None, False),
    ],
)
def test_level_five_is_for_a_lot_that_earned_the_word_effect_and_for_nothing_else(row, five):
    text = bank_of(lot=lot_row(**row) if row is not None else None)
    assert ("drawn by lot: level 5, for that alone" in text) is five
    assert ("not level 5, as this is not met" in text) is not five
    assert "level 2 awarded for all else" in text
    if row and row.get("failed"):
        assert f"{row['failed']} is asked" in text


@pytest.mark.parametrize("word", ["It worked", "works", "Promising", "Effective practice"])
def test_a_word_of_success_is_printed_only_where_a_lot_earned_it(word):
    assert f"{word}." not in bank_of(word)
    assert f"{word}." not in bank_of(word, lot_row("association", "lot.record"))
    assert f"{word}." not in bank_of(word, lot_row(value=-0.5))
    assert f"{word}." in bank_of(word, lot_row())


def test_the_rating_is_the_plans_word_and_a_blank_one_is_listed():
    assert "Evaluated locally. The design cannot show" in bank_of("Evaluated locally")
    assert "Does it work?: [practice_bank] rating." in bank_of("")


# ---- sense-check pack -----------------------------------------------------------------------------------------------


def test_the_pack_says_what_was_heard_in_sentences_with_an_example_and_room_to_write():
    cells = [
        ("Stop and search", c, Count(f"feedback.theme.stops.w2025.{k}", n, cell_key("comments", q=k)))
        for k, (c, n) in enumerate((("Respect", 40), ("All questions", 63)))
    ]
    themes = study.grid("feedback.themes", "What people said", cells, "sense-check", row_header="Theme")
    sides = [
        ("Stop and search", c, Count(f"feedback.stance.stops.w2025.{k}", n, cell_key("comments", s=k)))
        for k, (c, n) in enumerate((("What is wrong", 30), ("What good looks like", 20)))
    ]
    words = [("Stop and search", "An example", Text("feedback.example.stops.w2025", "They never say why."))]
    inputs = desk_of([themes, study.grid("feedback.wrong_good", "x", sides, ""), lone("feedback.examples", words)])
    page = checks.text(html.render(sense_check_pages.sense_check(inputs), inputs.ctx))
    assert "“Stop and search” came up in 65 comments: 40 on respect. Somebody said: “They never say why.”" in page
    assert "On “Stop and search”, 20 comments said what good looks like, and 30 what is wrong." in page
    assert "In your words" in page
    none = desk_of([themes])
    assert "Somebody said" not in checks.text(html.render(sense_check_pages.sense_check(none), none.ctx))
