"""Stages: lossless between notebooks, outcomes behind the fixed sample, registers and margins by the codebook."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_study import answers, make, put, xlsx

from evaluation.errors import CheckFailed, InputError, OutcomesClosed, StudyError
from evaluation.exhibit import Count, Exhibit, Item, Measure, Text
from evaluation.intake import store, waves
from evaluation.results import Estimate, Gate, NotIdentified, TooFew


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("EVALUATION_STAGE", raising=False)


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


@pytest.fixture
def stored(plan):
    waves.store(plan, "W2024", waves.take_in_all(plan, "W2024"))
    return plan


# ---- lossless -----------------------------------------------------------------------------------------------------

FLOAT = st.floats(allow_nan=False, width=64)
RESULT = st.one_of(
    st.builds(
        Estimate,
        value=FLOAT.filter(math.isfinite),
        se=FLOAT,
        df=st.just(math.inf) | FLOAT,
        unit=st.text(max_size=5),
        n=st.dictionaries(st.text(max_size=5), st.integers(0, 9**9), max_size=3),
        gates=st.just((Gate("a", "size", True, 1.5, "b"),)),
    ),
    st.builds(NotIdentified, reason=st.text(), what_would_help=st.text()),
    st.builds(TooFew, counts=st.dictionaries(st.text(max_size=5), st.integers(), max_size=3), needed=st.integers()),
    st.builds(Count, id=st.text(), n=st.integers(), key=st.text()),
    st.builds(Measure, id=st.text(), value=FLOAT, largest=st.tuples(FLOAT, FLOAT), share_of=st.just(("a", "b"))),
    st.builds(Text, id=st.text(), text=st.text()),
)


@settings(max_examples=60, deadline=None)
@given(result=RESULT)
def test_every_result_comes_back_as_it_was(result):
    import json

    assert store.thing(json.loads(json.dumps(store.plain(result)))) == result


def test_exhibits_come_back_with_all_they_hold_in_order_of_publication(stored):
    extras = {"axis": "x", "order": ("a", "b"), 3: [1, np.float64(0.1)], "nan": math.inf, "sub": {"t": (1, (2,))}}
    one = Exhibit(
        "b.two", "T", (Item("r", "c", Count("n", 3, "k")),), ("annex-A",), sums=(("t", ("a", "b")),), extras=extras
    )
    waves.save_published(stored, "W2024", one)
    waves.save_published(stored, "W2024", Exhibit("a.one", "A", ()))
    waves.save_published(stored, "W2024", one)
    assert waves.load_published(stored, "W2024") == [one, Exhibit("a.one", "A", ())]


def test_results_come_back_and_missing_ones_name_the_notebook_that_makes_them(stored):
    results = [TooFew({"a": 3}, 30, id="x"), Estimate(value=0.1 + 0.2, df=math.inf), NotIdentified("r", "w")]
    waves.save_results(stored, "W2024", "attend", results)
    assert waves.load_results(stored, "W2024", "attend") == results
    with pytest.raises(CheckFailed, match=r"'designs' is not there\. Run 06_did_confidence_change_more\.ipynb first"):
        waves.load_results(stored, "W2024", "designs")


def test_series_dates_and_arrays_come_back():
    whole = pd.Series([1.5, 2.0], index=["a", "b"], name="s")
    pd.testing.assert_series_equal(store.thing(store.plain(whole)), whole)
    for value in (pd.Timestamp("2024-05-01").date(), pd.Timestamp("2024-05-01 10:00"), np.float32(0.5), np.bool_(True)):
        assert store.thing(store.plain(value)) == value
    assert list(store.thing(store.plain(np.array([1.5, math.inf])))) == [1.5, math.inf]


def test_what_cannot_come_back_is_refused():
    with pytest.raises(TypeError, match="cannot be kept"):
        store.plain({"frame": pd.DataFrame({"a": [1]})})


def test_gates_are_replaced_by_id_and_keep_their_place(stored):
    first = waves.save_gate(stored, "W2024", "overlap", True, 0.9, 0.8, kind="design")
    waves.save_gate(stored, "W2024", "n", False)
    assert waves.load_gates(stored, "W2024")[0] == first
    waves.save_gate(stored, "W2024", "overlap", False, 0.5, 0.8, kind="design", note="few")
    assert [(g.id, g.passed) for g in waves.load_gates(stored, "W2024")] == [("overlap", False), ("n", False)]


def test_a_stage_comes_back_and_a_missing_one_says_what_to_run(stored, monkeypatch, tmp_path):
    frame = pd.DataFrame(
        {"population_weight": [0.5, 1.5]}, index=pd.Index(["W2024-0001", "W2024-0002"], name="respondent")
    )
    waves.save_stage(stored, "W2024", "weights", frame)
    pd.testing.assert_frame_equal(waves.load_stage(stored, "W2024", "weights"), frame)
    monkeypatch.setenv("EVALUATION_STAGE", str(tmp_path / "run"))
    with pytest.raises(CheckFailed, match="'weights' is not there"):
        waves.load_stage(stored, "W2024", "weights")


# ---- roles and the sample -----------------------------------------------------------------------------------------


def sample_of(plan, weight=1.0):
    index = waves.load_design(plan, "W2024").index
    pairs = pd.DataFrame({"treated": index[:2], "control": index[2:4], "round": [1, 1]})
    return SimpleNamespace(
        match_weight=pd.Series(weight, index=index),
        pairs=pairs,
        estimand="ATT",
        method="nearest",
        treat="treated",
        replace=False,
        unmatched=index[:0],
        treated=pd.Series([True, False] * (len(index) // 2), index=index),
    )


@pytest.mark.parametrize("only", [None, "all", "W2022"])
def test_the_design_never_holds_an_outcome(stored, only):
    frame = waves.load_design(stored, "W2024", only=only)
    assert set(frame["wave"]) == {None: {"W2024"}, "all": {"W2022", "W2024"}, "W2022": {"W2022"}}[only]
    roles = {stored.codebook.role(c.split(".")[0]) for c in frame if c.split(".")[0] in stored.codebook.names()}
    assert not roles & {"outcome", "mediator", "control"}


def test_outcomes_open_for_the_fixed_sample_and_no_other(stored):
    with pytest.raises(OutcomesClosed, match="until a sample"):
        waves.load_outcomes(stored, "W2024", sample_of(stored))
    with pytest.raises(OutcomesClosed, match="no sample"):
        waves.load_sample(stored, "W2024")
    waves.save_sample(stored, "W2024", sample_of(stored))
    sample = waves.load_sample(stored, "W2024")
    assert sample.estimand == "ATT"
    assert waves.load_outcomes(stored, "W2024", sample)["conf_overall"].notna().all()
    assert len(waves.load_outcomes(stored, "W2024", sample, only="all")) == 120
    other = sample_of(stored, weight=2.0)
    with pytest.raises(OutcomesClosed, match="not the sample"):
        waves.load_outcomes(stored, "W2024", other)
    fewer = sample_of(stored)
    fewer.pairs = fewer.pairs.iloc[:1]
    with pytest.raises(OutcomesClosed):
        waves.load_outcomes(stored, "W2024", fewer)


def test_what_is_missing_is_counted_with_its_reason_and_without_values(stored):
    table = waves.load_missing(stored, "W2024")
    assert list(table.columns) == ["wave", "variable", "reason", "n"]
    early = table[(table["wave"] == "W2022") & (table["variable"] == "trust_overall")]
    assert early[["reason", "n"]].to_numpy().tolist() == [[-5, 60]]
    assert (table.groupby(["wave", "variable"])["n"].sum() == 60).all()


def test_comparability_of_wording(plan):
    put(
        plan,
        "W2024",
        answers(seed=1),
        wording={
            **dict.fromkeys(plan.scales["trust_scale"].items, "same"),
            "conf_overall": "changed",
            "satis_overall": "unknown",
            "prap_aware": "same",
            "trust_overall": "same",
            "influence": "same",
            "understand_police": "same",
            "nhs_confidence": "same",
            "council_satisfaction": "same",
            "refuse_satisfaction": "same",
        },
    )
    waves.store(plan, "W2024", waves.take_in_all(plan, "W2024"))
    table = waves.comparability(plan, "W2024")
    assert table.loc["conf_overall"].tolist() == ["new", "changed"]
    assert table.loc["satis_overall"].tolist() == ["new", "unknown"]
    assert table.loc["trust_overall"].tolist() == ["not asked", "new"]
    assert table.loc["know_rights"].tolist() == ["not asked", "not asked"]


def test_attendance_where_it_was_not_asked_is_none(stored):
    assert waves.not_asked_but_answered(stored, "W2024") == set()
    design = waves.load_design(stored, "W2024", only="all")
    design.loc[design["wave"] == "W2022", stored.treatment.column] = "no"
    waves.save_stage(stored, "W2024", "design", design)
    assert waves.not_asked_but_answered(stored, "W2024") == {stored.treatment.column}


def test_a_design_can_be_read_without_a_run_and_writes_nothing(plan):
    people = waves.read_design(plan, "W2024")
    assert len(people) == 120
    assert not (plan.root / "data_processed").exists()


def test_real_and_synthetic_waves_never_meet(plan):
    put(plan, "W2024", answers(seed=1), origin="real")
    with pytest.raises(CheckFailed, match="mix real and synthetic"):
        waves.take_in_all(plan, "W2024")
    assert [f.kind for f in waves.check_registers(plan) if f.kind == "mixed_origin"] == ["mixed_origin"]


# ---- registers and margins ----------------------------------------------------------------------------------------

SLIPS = [
    ["event_id", "slip_no", "ethnic_group", "age_band", "area", "first_time", "role", "iag_member", "optin_name"],
    ["E1", "1", "black_african", "18-24", "Leicester", "yes", "Attendee", "No", "Zebedee Q"],
    ["E1", "2", "white_irish", "75_plus", "rutland", "Don't know / can't remember", "attendee", "no", ""],
]


def register(plan, rows, kind="csv", name="attendance"):
    folder = plan.root / "data_raw" / "registers"
    folder.mkdir(exist_ok=True)
    for old in folder.glob(f"{name}.*"):
        old.unlink()
    if kind == "csv":
        (folder / f"{name}.csv").write_text("\n".join(",".join(r) for r in rows), "utf-8")
    else:
        xlsx(folder / f"{name}.xlsx", {"S": rows})


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_register_holds_codes_and_nobody_s_name(plan, kind):
    register(plan, SLIPS, kind)
    frame = waves.register(plan, "attendance")
    assert frame["age_band"].tolist() == ["18_24", "75_plus"]
    assert frame["first_time"].tolist() == ["yes", "dk"]
    assert "optin_name" not in frame
    assert list(waves.registers_held(plan)) == (["attendance"] if "attendance" in plan.programme.registers else [])


def test_a_register_that_was_not_supplied_is_none(plan):
    assert waves.register(plan, "events") is None
    assert waves.register(plan, "") is None
    assert waves.register(plan, "no such") is None


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda r: r[0].__setitem__(8, "shoe_size"), "unknown_column"),
        (lambda r: [x.pop(3) for x in r], "missing_column"),
        (lambda r: r[1].__setitem__(4, "Leicster"), "value"),
        (lambda r: r[2].__setitem__(1, "1"), "duplicate_row"),
        (lambda r: r[1].__setitem__(4, "Zebedee Quillfeather"), "value"),
    ],
)
def test_faults_of_a_register(plan, change, kind):
    rows = [list(r) for r in SLIPS]
    change(rows)
    register(plan, rows)
    found = [f for f in waves.check_registers(plan) if f.file == "attendance.csv"]
    assert kind in {f.kind for f in found}
    assert "Zebedee" not in waves.fault_table(found)
    with pytest.raises(InputError):
        waves.register(plan, "attendance")


def test_a_share_under_0_in_a_register_is_a_number_and_not_a_missing_code(plan):
    rows = [
        ["figure_id", "claim", "value", "kind", "area_of_figure", "period", "source", "verified"],
        ["F1", "fell", "-5", "pct_change_count", "force", "2024", "s", "primary_seen"],
    ]
    register(plan, rows, name="context_figures")
    assert waves.register(plan, "context_figures")["value"].tolist() == [-5.0]


def test_broken_registers_toml_is_named(plan):
    register(plan, SLIPS)
    (plan.root / "data_raw" / "registers" / "registers.toml").write_text("[attendance")
    with pytest.raises(StudyError, match=r"registers.toml is not valid"):
        waves.register(plan, "attendance")


MARGINS = {
    "ethnic5_area2": [f"{e}|{a}" for e in ("asian", "black", "mixed", "white", "other") for a in ("city", "elsewhere")],
    "age5_sex": [f"{a}|{s}" for a in ("16_24", "25_34", "35_49", "50_64", "65_plus") for s in ("female", "male")],
    "area3": ["leicester", "rutland", "county"],
}


def margins_file(plan, change=lambda text: text):
    rows = [f"{m},{c},1000,Census" for m, cells in MARGINS.items() for c in cells]
    path = plan.root / plan.population.margins_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(change("margin,cell,population,source\n" + "\n".join(rows)))


def test_margins_are_indexed_by_the_levels_of_their_columns(plan):
    margins_file(plan)
    found = waves.margins(plan)
    assert list(found) == list(plan.population.margins)
    assert list(found["ethnic5_area2"].index.names) == ["ethnic5", "area2"]
    assert found["ethnic5_area2"]["black", "city"] == 1000
    assert found["area3"].index.name == "area3"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("black|city", "blak|city"), "no level 'blak' of ethnic5"),
        (lambda t: t.replace("black|city", "black"), "2 levels joined"),
        (lambda t: t.replace("1000", "-4", 1), "not a number of people"),
        (lambda t: t.replace("1000", "many", 1), "not a number of people"),
        (lambda t: "\n".join(r for r in t.splitlines() if "area3" not in r), "no rows of the margin 'area3'"),
        (lambda t: t.replace("population,source", "people,source"), "lacks the columns"),
        (lambda t: t + "\narea3,rutland,5,again", "twice"),
    ],
)
def test_faults_of_the_margins(plan, change, message):
    margins_file(plan, change)
    with pytest.raises(InputError, match=message):
        waves.margins(plan)
    assert "margins" in {f.kind for f in waves.check_registers(plan)}


def test_a_missing_margins_file_is_named(plan):
    with pytest.raises(InputError, match=r"no margins.csv"):
        waves.margins(plan)
