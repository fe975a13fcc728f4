"""Write docs/requirements-map.md: each requirement row, what it asks in a few words, and the tests that hold it."""

from pathlib import Path

from benchmarks import tables
from benchmarks.requirement_rows import ROWS

PAGE = "requirements-map.md"
TESTS = Path(__file__).parents[1] / "tests"
INTRO = """# Requirements and the tests that hold them

One row for each requirement of the sources (R001 to R237; numbers left out were never given). A test may serve many
rows. The list is the project's own: no code of it stands in a report, a notebook or a result. The table is made by
`python -m benchmarks.requirements`; a test checks that it names every row and that every test it names exists.
"""

A, S, P, PI = "programme_tables", "requirement_rows", "programme", "programme_indicators"
F, D, RE, RP, NB = "programme_figures", "disparity", "programme_records", "pages", "phrases"
STATE = (f"{S}.what_the_registers_publish_shows_the_rows_that_name_it",)

# Rows of other capabilities: (id, capabilities, what it asks, tests).
OTHERS = (
    (
        "R001",
        "K1 K4",
        "Areas, residents of 16 and over, people from outside counted out",
        (
            "waves.the_ledger_names_every_step_and_everybody_it_left_out",
            "store.margins_are_indexed_by_the_levels_of_their_columns",
        ),
    ),
    (
        "R007",
        "E12 K10",
        "Partners, and who funded, ran and checked",
        (f"{A}.all_exhibits_pass_the_gate_together", f"{RP}.the_policy_report_has_its_fifteen_sections_in_order"),
    ),
    ("R011", "K5", "Knowledge of rights by age", ("disclosure.estimates_need_their_base_in_every_group",)),
    ("R014", "K5", "Being able to influence decisions", ("plan.the_shipped_plan_loads",)),
    (
        "R016",
        "E12",
        "Partners approached, agreed, answers through them",
        (f"{A}.a_register_of_one_row_is_laid_out_or_says_why_not",),
    ),
    (
        "R020",
        "K1",
        "Garbled text is reported, never guessed",
        ("readers.garbled_text_is_refused_with_its_row", "readers.text_of_any_encoding_and_delimiter_reads_alike"),
    ),
    (
        "R026",
        "K5 K2",
        "Too few young people to report, when true",
        ("disclosure.refusals_keep_their_reason_and_few_say_no_more",),
    ),
    ("R027", "K1", "Blank stays blank", ("waves.reasons_stay_apart_and_not_asked_never_becomes_no",)),
    ("R030", "E13", "Practice-bank status never above the verdict", (f"{RP}.every_page_table_and_chart_is_there",)),
    ("R031", "E13", "Topics of the practice-bank entry", (f"{RP}.every_page_table_and_chart_is_there",)),
    ("R032", "E13", "Organisation types of the entry", (f"{RP}.every_page_table_and_chart_is_there",)),
    ("R033", "E13", "Stage of the entry", (f"{RP}.every_page_table_and_chart_is_there",)),
    (
        "R035",
        "K1 K2",
        "Under-16s are not in the survey",
        ("waves.the_ledger_names_every_step_and_everybody_it_left_out",),
    ),
    (
        "R036",
        "K5 K7",
        "Confidence, satisfaction, awareness: level, gap, change",
        ("store.comparability_of_wording", f"{RP}.the_policy_report_has_its_fifteen_sections_in_order"),
    ),
    (
        "R038",
        "K5 K6",
        "Understanding of the police, attendees against matched",
        ("balance_effects.effects_recover_a_planted_truth",),
    ),
    (
        "R042",
        "K6",
        "Knowing a local officer is no covariate",
        ("did_traps.13_what_attending_may_have_changed_does_not_predict_it",),
    ),
    (
        "R046",
        "K7",
        "Primary result, definition of the group printed",
        ("verdict.the_verdict_is_made_again_from_results_csv", f"{RP}.every_printed_number_traces_to_a_result"),
    ),
    (
        "R082",
        "K1 K5",
        "The 2022 file with its absent columns",
        ("waves.reasons_stay_apart_and_not_asked_never_becomes_no", "input.the_shipped_plan_and_waves_have_no_fault"),
    ),
    ("R083", "K5", "Three items with wording recorded", ("store.comparability_of_wording",)),
    (
        "R084",
        "K3 K8",
        "Sessions, who gave out the survey, officers near",
        (
            "respondents.modes_sessions_and_their_design_effect",
            "claimed_attendance.routes_that_no_other_person_came_by",
        ),
    ),
    (
        "R085",
        "K3",
        "Exact numbers, exclusions, effective number",
        ("waves.the_ledger_names_every_step_and_everybody_it_left_out", "weighting.weights_agree_with_r"),
    ),
    (
        "R086",
        "K3 K4",
        "Composition before any outcome; raw beside weighted",
        ("respondents.sample_over_population_by_cell", "survey.means_totals_ratios_agree_with_r"),
    ),
    (
        "R087",
        "K1 K6",
        "Attendance not asked in 2022 is never no",
        (
            "did_traps.attendance_that_was_not_asked_is_never_zero",
            "input.a_baseline_with_attendance_coded_no_stops_the_run_with_the_reason",
        ),
    ),
    (
        "R088",
        "K7",
        "Change among the group, with its error",
        ("survey.jackknife_agrees_with_r", "survey.published_intervals_cover"),
    ),
    (
        "R090",
        "K9 K11",
        "Plan frozen before outcomes, deviations, planned or not",
        ("input.an_unfrozen_plan_needs_draft", "run.every_file_of_a_report_is_there"),
    ),
    ("R092", "K10", "What people told us is never cited as effect", (f"{NB}.the_checker_catches",)),
    (
        "R094",
        "K8 K10",
        "Too early and too few are verdicts",
        (
            "verdict.size_stands_above_what_the_interval_says",
            f"{RP}.a_study_too_small_says_so_and_prints_no_number_for_it",
        ),
    ),
    ("R104", "K2", "No officer can be identified", ("store.a_register_holds_codes_and_nobody_s_name",)),
    (
        "R110",
        "K7 K8",
        "Other people answered: composition between waves",
        (
            "balance_effects.placebo_grades_a_random_treatment_as_chance",
            "did_traps.07_the_same_people_are_not_two_samples",
        ),
    ),
    (
        "R111",
        "E12 K8",
        "Detectable differences before and after fieldwork",
        ("power.minimum_detectable_difference_is_found_with_the_power_asked",),
    ),
    (
        "R112",
        "K6",
        "Matched comparison, overlap, balance, sensitivity, no causal verb",
        ("matching.pairs_and_weights_agree_with_matchit", "verdict.an_association_never_gets_a_causal_verb"),
    ),
    ("R113", "E12", "Baseline checklist for the next programme", ("power.people_needed_agree_with_statsmodels",)),
    (
        "R114",
        "K5",
        "Reasons for not attending",
        ("waves.ticks_in_columns_and_ticks_in_one_column_are_the_same_answers",),
    ),
    (
        "R115",
        "K3 K8",
        "Response rate, or that it cannot be computed; bounds",
        ("respondents.the_response_rate_or_why_there_is_none", "sensitivity.nonresponse_matches_the_settled_example"),
    ),
    ("R116", "K10", "People who answered, not residents", (f"{RP}.pages_keep_the_phrasing_rules",)),
    (
        "R117",
        "K9",
        "No text of the sources is shipped",
        (f"{F}.published_registers_name_their_source_and_copy_no_passage",),
    ),
    (
        "R118",
        "K10",
        "The report carries its own ownership",
        (f"{RP}.the_policy_report_has_its_fifteen_sections_in_order",),
    ),
    (
        "R119",
        "K2",
        "Free text is redacted",
        ("privacy.a_planted_person_is_in_no_stage_and_contacts_are_in_the_private_store",),
    ),
    (
        "R131",
        "K9",
        "Another force can use it",
        ("house.the_library_knows_no_variable_of_this_study", "second_study.pages_and_notebooks_name_no_programme"),
    ),
    (
        "R153",
        "K8",
        "Subgroups planned and adjusted together",
        ("multiplicity.step_procedures_agree_with_a_second_implementation",),
    ),
    ("R158", "K5 K2", "Areas, with too few said so", ("disclosure.no_small_cell_is_shown",)),
    ("R159", "K3 K4", "Sample against the Census, cell by cell", ("respondents.sample_over_population_by_cell",)),
    (
        "R164",
        "K1 K2",
        "Protected characteristics: optional, with a sensitivity class",
        ("codebook.the_shipped_codebook_answers_for_every_variable",),
    ),
    (
        "R166",
        "K10",
        "No group left out without a word",
        (f"{RP}.with_nothing_published_each_section_says_what_is_absent",),
    ),
    ("R193", "K10", "Black residents are part of the public", (f"{NB}.the_checker_catches",)),
    ("R194", "K5", "The workforce reflects us", ("scales.scores_need_the_stated_number_of_answers",)),
    ("R205", "E13", "Practice-bank entry as a file", ("run.every_file_of_a_report_is_there",)),
)

# Tests that hold a row of the programme beside its state; else those of its capability.
OWN = {
    "R002": (f"{P}.advice_is_taken_explained_or_met_with_silence",),
    "R003": (
        f"{D}.public_months_give_the_three_published_ratios",
        f"{A}.the_public_record_on_three_bases_with_the_bounds_first",
    ),
    "R004": ("mediation_paths.reported_of_experienced_needs_thirty_people",),
    "R005": (f"{F}.the_line_of_dates_is_in_order_and_names_its_sources",),
    "R008": (f"{P}.advice_is_taken_explained_or_met_with_silence",),
    "R009": (f"{P}.permutation_of_meetings_agrees_with_every_split_in_r",),
    "R013": (f"{P}.middle_time_agrees_with_survfit_and_waits_for_half",),
    "R021": ("mediation_paths.parts_stand_by_group_and_by_attendance_without_their_own_covariate",),
    "R022": (
        f"{P}.permutation_of_meetings_agrees_with_every_split_in_r",
        f"{P}.three_meetings_a_side_cannot_give_an_interval",
    ),
    "R025": (f"{D}.a_change_over_a_year_is_raised_only_outside_expected_variation",),
    "R028": (f"{F}.a_source_that_was_not_seen_says_as_cited_in",),
    "R044": (f"{P}.cumulative_incidence_agrees_with_survfit",),
    "R048": (f"{P}.slips_match_the_focus_and_leave_unknowns_out", f"{A}.small_groups_meet_the_gate"),
    "R049": (f"{P}.slips_match_the_focus_and_leave_unknowns_out",),
    "R050": (f"{P}.attendances_are_not_people",),
    "R054": (f"{P}.the_checking_group_is_obeyed",),
    "R066": (f"{P}.themes_stand_beside_the_events_where_they_could_come_up",),
    "R067": (f"{P}.kappa_agrees_with_psych",),
    "R068": (f"{P}.voices_heard_on_forms_only_are_marked",),
    "R073": (f"{A}.a_rejected_theme_leaves_the_summary", f"{RP}.corrections_stand_beside_the_themes_unaltered"),
    "R074": (f"{P}.the_loop_counts_what_was_told_explained_and_is_overdue",),
    "R075": (f"{A}.unflattering_rows_stay",),
    "R078": (f"{P}.costs_keep_their_kinds_and_their_base",),
    "R089": (f"{A}.small_groups_meet_the_gate",),
    "R100": (f"{RP}.a_checked_report_of_real_data_carries_no_stamp",),
    "R106": (f"{P}.fidelity_counts_only_where_a_feature_is_known",),
    "R108": (f"{P}.people_lie_between_the_largest_event_and_every_attendance",),
    "R134": (f"{P}.a_change_is_told_three_ways", f"{F}.what_a_figure_lacks"),
    "R136": (f"{P}.a_control_chart_widens_only_with_enough_periods",),
    "R137": (f"{D}.officer_groups_may_be_given_apart", f"{RE}.the_published_labels_are_read_and_not_stated_is_a_value"),
    "R138": (f"{D}.not_stated_is_bounded_allocated_and_never_dropped_in_silence", f"{F}.what_a_figure_lacks"),
    "R142": (f"{P}.exact_intervals_agree_with_binom_test",),
    "R144": (f"{D}.a_change_over_a_year_is_raised_only_outside_expected_variation",),
    "R146": (f"{F}.what_a_figure_lacks", f"{P}.a_change_is_told_three_ways"),
    "R147": (f"{P}.a_change_is_told_three_ways",),
    "R151": (f"{P}.funnel_and_parity",),
    "R157": (f"{A}.other_surveys_are_compared_only_with_the_same_wording",),
    "R170": (f"{PI}.outputs_and_outcomes_stay_apart",),
    "R180": (f"{P}.not_less_than_one_in_four", f"{P}.those_not_known_decide_the_goal"),
    "R213": ("run.every_printed_result_stands_in_the_results",),
    "R222": ("store.comparability_of_wording",),
}
BY_TAG = {
    "E1": (f"{P}.attendances_are_not_people", f"{A}.attendances_are_bounded_as_people"),
    "E2": (f"{P}.the_checking_group_is_obeyed",),
    "E3": (f"{P}.refusals_compete_open_ones_are_censored_and_undated_ones_counted",),
    "E4": (f"{P}.advice_is_taken_explained_or_met_with_silence",),
    "E5": (f"{D}.rate_ratio_and_its_intervals_agree_with_r", f"{RE}.records_serve_the_same_exhibits_as_counts"),
    "E6": (f"{P}.a_control_chart_widens_only_with_enough_periods",),
    "E7": (f"{P}.those_not_known_decide_the_goal",),
    "E8": ("mediation_paths.reported_of_experienced_needs_thirty_people",),
    "E9": (f"{F}.figures_that_cannot_be_read_alone_stand_in_the_annex_only",),
    "E10": (f"{PI}.targets_are_never_invented", f"{PI}.no_direction_while_the_change_could_be_none"),
    "E11": (f"{F}.published_registers_name_their_source_and_copy_no_passage",),
}


def rows() -> list[list[str]]:
    """Return (row, capabilities, what it asks, tests) of every requirement, in order."""
    made = [[id, tags, what, tests] for id, tags, what, tests in OTHERS]
    for row in ROWS:
        own = OWN.get(row.id) or BY_TAG[row.tags.split()[0]]
        made.append([row.id, row.tags, row.what, (*own, *STATE)])
    return [[id, tags, what, "; ".join(_name(t) for t in tests)] for id, tags, what, tests in sorted(made)]


def _name(test: str) -> str:
    file, _, name = test.partition(".")
    (place,) = TESTS.rglob(f"test_{file}.py")
    return f"`tests/{place.relative_to(TESTS).as_posix()}::test_{name}`"


def page() -> str:
    """Return the whole page."""
    table = tables.markdown(["Row", "Capability", "What it asks", "Tests"], rows())
    return f"{INTRO}\n<!-- begin requirements -->\n{table}\n<!-- end requirements -->\n"


if __name__ == "__main__":
    (tables.DOCS / PAGE).write_text(page(), "utf-8")
