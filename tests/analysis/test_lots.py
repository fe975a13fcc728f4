"""Lots end to end: committed, drawn once, verified, tampered with; and design D6 on answers with a planted effect."""

import datetime as dt
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w

from evaluation.analysis import levels
from evaluation.analysis.did.inputs import DesignInputs
from evaluation.analysis.lots import lot_draws, lot_effects, lot_prospects, lot_tables, verification
from evaluation.errors import EvaluationError, InputError, StudyError
from evaluation.intake import keys, lot_frames, lot_records, privacy
from evaluation.plan import study
from evaluation.results import Estimate, NotIdentified

ROOT = Path(__file__).resolve().parents[2]
LOT = {
    "kind": "people",
    "title": "Personal invitations",
    "reason": "not everybody can be invited at once",
    "unit": "link_code",
    "blocks": ["area", "band"],
    "serves": "W2025",
    "public_number": "the six main numbers of the draw of 12 July 2025",
}
DAY = dt.date(2025, 7, 1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a study with one lot of 240 people, not yet committed."""
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))
    root = tmp_path / "study"
    for wave in ("W2022", "W2024", "W2025"):
        (root / "data_raw" / "waves" / wave).mkdir(parents=True)
        shutil.copy(ROOT / "data_raw" / "waves" / wave / "wave.toml", root / "data_raw" / "waves" / wave)
    shutil.copy(ROOT / "data_raw" / "codebook.yaml", root / "data_raw")
    rows = [(f"AB{k:03d}X", "city" if k % 3 else "county", "low" if k % 2 else "high", k % 7) for k in range(240)]
    write(root, pd.DataFrame(rows, columns=["link_code", "area", "band", "score"]))
    plan_of(root, LOT)
    keys.write_private(root / "data_raw" / "lots" / "invitations.key", b"0" * 64, folder=False)  # one draw for all
    return root


def write(root, frame, name="invitations"):
    (root / "data_raw" / "lots").mkdir(exist_ok=True)
    frame.to_csv(root / "data_raw" / "lots" / f"{name}.csv", index=False)


def frame_of(root):
    return pd.read_csv(root / "data_raw" / "lots" / "invitations.csv", dtype=str)


def plan_of(root, lot):
    words = tomllib.loads((ROOT / "study.toml").read_text("utf-8"))
    (root / "study.toml").write_text(tomli_w.dumps(words | {"lots": {"invitations": lot}}), "utf-8")
    return study.load(root / "study.toml")


def drawn(root, number="8123344", **more):
    plan = study.load(root / "study.toml")
    lot_draws.draw(plan, "invitations", lot_draws.DrawRequest(DAY))
    lot_draws.draw(plan, "invitations", lot_draws.DrawRequest(DAY + dt.timedelta(days=12), number, **more))
    return plan


def fails(plan):
    return [c.id for c in verification.conditions(plan, "invitations") if not c.holds]


# ---- drawing ----------------------------------------------------------------------------------------------------


def test_a_lot_is_committed_then_drawn_and_verifies(folder):
    plan = drawn(folder)
    record = lot_records.read_record(plan, "invitations")
    assert record.table().groupby("block")["drawn"].mean().tolist() == pytest.approx([0.5] * 4)
    assert fails(plan) == []
    said, good = verification.summary(plan, "invitations")
    assert good
    assert "8123344" in said


def test_no_link_code_stands_in_the_record(folder):
    (folder / "data_raw" / "lots" / "invitations.key").unlink()
    plan = drawn(folder)
    text = lot_records.record_file(plan, "invitations").read_text("utf-8")
    assert not [c for c in frame_of(folder)["link_code"] if c.lower() in text.lower()]
    assert lot_frames.key_file(plan, "invitations").stat().st_mode & 0o777 == 0o600


def test_the_list_for_senders_is_private_and_holds_who_was_drawn(folder, tmp_path):
    plan = drawn(folder, senders=tmp_path / "who.csv")
    senders = pd.read_csv(tmp_path / "who.csv", dtype=str)
    assert len(senders) == 120
    assert (tmp_path / "who.csv").stat().st_mode & 0o777 == 0o600
    with pytest.raises(StudyError, match="in the repository"):
        lot_draws._refuse_inside(plan, folder / "who.csv")


def test_an_order_of_rows_or_a_column_filled_in_later_moves_nothing(folder):
    plan = drawn(folder)
    shuffled = frame_of(folder).sample(frac=1, random_state=1)
    write(folder, shuffled.assign(done=["yes", "no"] * 120))
    assert fails(plan) == []


REQUEST = lot_draws.DrawRequest


@pytest.mark.parametrize(
    ("request_", "why"),
    [(REQUEST(DAY, "5"), "not committed before its number"), (REQUEST(dt.date(2025, 9, 1)), "which began on")],
)
def test_a_lot_out_of_order_is_refused(folder, request_, why):
    with pytest.raises(StudyError, match=why):
        lot_draws.draw(study.load(folder / "study.toml"), "invitations", request_)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (REQUEST(DAY), "waits for its number"),
        (REQUEST(DAY, "a lucky one"), "is no number"),
        (REQUEST(dt.date(2025, 10, 1), "5"), "which began on"),
    ],
)
def test_a_commitment_is_drawn_with_a_number_and_in_time(folder, request_, why):
    plan = study.load(folder / "study.toml")
    lot_draws.draw(plan, "invitations", REQUEST(DAY))
    with pytest.raises(StudyError, match=why):
        lot_draws.draw(plan, "invitations", request_)
    assert not lot_records.read_record(plan, "invitations").draws


def test_a_second_draw_is_refused_and_recorded_only_with_a_reason(folder):
    plan = drawn(folder)
    first = lot_records.read_record(plan, "invitations")
    with pytest.raises(StudyError, match="was drawn on 2025-07-13"):
        lot_draws.draw(plan, "invitations", REQUEST(DAY, "99"))
    assert lot_records.read_record(plan, "invitations") == first
    lot_draws.draw(plan, "invitations", REQUEST(DAY + dt.timedelta(20), "99", again="the list was lost"))
    both = lot_records.read_record(plan, "invitations")
    assert both.draws[0] == first.draws[0]
    assert both.draws[1]["reason"] == "the list was lost"
    assert fails(plan) == ["once"]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda f: pd.concat([f, f.iloc[:1].assign(link_code=" ab 000x")]), "stands twice"),
        (lambda f: f.assign(link_code=f["link_code"].where(f.index != 4)), "row 6 .* has no unit"),
        (lambda f: f.assign(area=f["area"].where(f.index != 2)), "row 4 .* has no block"),
        (lambda f: f.drop(columns="band"), "lacks 'band'"),
        (lambda f: f.assign(area=["one", *f["area"][1:]]), "one unit only"),
        (lambda f: f.assign(done="perhaps"), "neither yes nor no"),
    ],
)
def test_a_frame_with_a_fault_is_refused_and_nothing_is_written(folder, spoil, why):
    write(folder, spoil(frame_of(folder)))
    plan = study.load(folder / "study.toml")
    with pytest.raises(EvaluationError, match=why):
        lot_draws.draw(plan, "invitations", REQUEST(DAY))
    assert lot_records.read_record(plan, "invitations") is None


def test_no_message_about_a_frame_names_a_person(folder):
    frame = frame_of(folder)
    write(folder, pd.concat([frame, frame.iloc[:9]]))
    with pytest.raises(InputError) as caught:
        lot_frames.read_frame(study.load(folder / "study.toml"), "invitations", create_key=True)
    assert not [c for c in frame["link_code"] if c in str(caught.value)]


def test_a_restricted_draw_is_balanced_and_verifies(folder):
    plan_of(folder, LOT | {"restrict": ["score"], "most_difference": 0.05})
    plan = drawn(folder)
    record = lot_records.read_record(plan, "invitations")
    values = np.array([v[0] for _, _, v in record.units])
    arm = record.table()["drawn"].to_numpy()
    assert abs(values[arm == 1].mean() - values[arm == 0].mean()) <= 0.05 * values.std(ddof=1) + 1e-9
    assert fails(plan) == []


# ---- tampering --------------------------------------------------------------------------------------------------


def swapped(record):
    codes = record["draws"][0]["drawn"]
    other = next(u["code"] for u in record["units"] if u["code"] not in codes)
    codes[0] = other


def signed_again(record):
    """Put a hash over what was changed, as somebody would who knows how."""
    record.pop("sha256")
    return {"sha256": lot_records._digest(record), **record}


TAMPERED = {
    "the allocation": (swapped, "allocation"),
    "the number": (lambda r: r["draws"][0].update(number="8123345"), "allocation"),
    "the tries": (lambda r: r["draws"][0].update(tries=2), "allocation"),
    "the share": (lambda r: r["settings"].update(share=0.4), "committed"),
    "the blocks": (lambda r: r["units"][0].update(block="city | low and more"), "frame"),
    "a unit taken out": (lambda r: r["units"].pop(0), "frame"),
    "the commitment": (lambda r: r.update(commitment="0" * 64), "committed"),
    "the frame's digest": (lambda r: r.update(frame="0" * 64), "committed"),
    "the day": (lambda r: r["draws"][0].update(drawn_on="2025-12-01"), "in time"),
    "the algorithm": (lambda r: r.update(algorithm="mine"), "algorithm"),
}


@pytest.mark.parametrize("hashed_again", [False, True])
@pytest.mark.parametrize("what", TAMPERED)
def test_a_record_tampered_with_is_found_out(folder, what, hashed_again):
    plan = drawn(folder)
    path, (change, condition) = lot_records.record_file(plan, "invitations"), TAMPERED[what]
    record = tomllib.loads(path.read_text("utf-8"))
    change(record)
    path.write_text(tomli_w.dumps(signed_again(record) if hashed_again else record), "utf-8")
    found = fails(plan)
    assert condition in found
    assert ("whole" in found) is not hashed_again
    assert not verification.summary(plan, "invitations")[1]


def test_a_frame_edited_after_the_commitment_is_found_out(folder):
    plan = drawn(folder)
    frame = frame_of(folder)
    frame.loc[0, "band"] = "low" if frame.loc[0, "band"] == "high" else "high"
    write(folder, frame)
    assert fails(plan) == ["frame"]


def test_a_frame_edited_before_the_draw_stops_it(folder):
    plan = study.load(folder / "study.toml")
    lot_draws.draw(plan, "invitations", REQUEST(DAY))
    write(folder, frame_of(folder).iloc[1:])
    with pytest.raises(InputError, match="not the one that was committed"):
        lot_draws.draw(plan, "invitations", REQUEST(DAY, "5"))


def test_a_plan_changed_after_the_draw_is_found_out(folder):
    drawn(folder)
    assert fails(plan_of(folder, LOT | {"serves": "W2026"})) == ["planned"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"unit": "area"}, "treatment.link_column"),
        ({"outcomes": ["conf_overal"]}, "did you mean 'conf_overall'"),
        ({"before": "W2025"}, "before the one that the lot serves"),
        ({"blocks": ["area", "area"]}, "stands twice"),
        ({"take_up": [0.5, 0.2]}, "less than the second"),
        ({"neighbours": [["a", "b"]]}, "only places"),
        ({"done": "area"}, "no column of the draw"),
    ],
)
def test_a_lot_that_cannot_be_meant_is_a_fault_of_the_plan(folder, change, why):
    with pytest.raises(EvaluationError, match=why):
        plan_of(folder, LOT | change)


# ---- what it could see, and the page ----------------------------------------------------------------------------


def test_the_prospects_refuse_to_promise(folder):
    plan = study.load(folder / "study.toml")
    said = lot_prospects.prospects(plan, "W2025", draws=20)
    assert "240 units in 4 blocks" in said
    assert "this lot cannot answer" in said
    assert "Drawn 20 times" in said


def test_the_public_page_says_how_and_that_nobody_is_left_out(folder):
    from evaluation.report import lot_page

    plan = drawn(folder)
    page = lot_page.page(plan, "invitations")
    assert "Nobody is left out in the end" in page
    assert "8123344" in page
    assert "gave the same" in page
    assert "120" in lot_page.counts(plan, "invitations") or "drawn on 2025-07-13" in lot_page.counts(
        plan, "invitations"
    )


# ---- design D6 --------------------------------------------------------------------------------------------------


def inputs_of(plan, *, effect, answering=(0.9, 0.9), done=True):
    """Return inputs of the designs in which those drawn come more often, and coming moves confidence."""
    rng = np.random.default_rng(8)
    frame = lot_frames.read_frame(plan, "invitations")
    record = lot_records.read_record(plan, "invitations")
    arm = record.table()["drawn"].to_numpy()
    if done:
        names = {k: "yes" if z else "no" for k, z in zip(frame.rows["link_code"], arm, strict=True)}
        rows = frame_of(plan.root)
        write(plan.root, rows.assign(done=rows["link_code"].map(names)))
    links = privacy.keyed(frame.rows["link_code"], keys.study_key())
    here = rng.random(len(arm)) < np.where(arm == 1, *answering)
    came = rng.random(len(arm)) < np.where(arm == 1, 0.7, 0.1)
    answer = np.clip(np.round(rng.normal(3, 1, len(arm)) + effect * came), 1, 5)
    people = pd.DataFrame({"wave": "W2025", "link": links.to_numpy()}, index=[f"W2025:{k}" for k in range(len(arm))])
    outcomes = pd.DataFrame({"conf_overall": answer}, index=people.index)
    survey = levels.Survey(people[here], outcomes[here], {}, {"conf_overall": 1.1})
    arms = {"W2025": pd.Series(np.where(came, "first", "neither"), index=people.index)[here]}
    return DesignInputs("W2025", survey, None, pd.DataFrame(), {}, arms)


def by_method(found):
    return {r.id.split(".")[4] if r.id.count(".") > 3 else "": r for r in found.results}


def test_an_effect_of_a_proved_lot_may_be_called_one(folder):
    plan = drawn(folder)
    found = lot_effects.analyse(plan, inputs_of(plan, effect=1.5), "invitations")
    results = by_method(found)
    assert results[""].licence == "effect"
    assert results[""].low > 0
    assert results["took-part"].value == pytest.approx(1.5, abs=0.6)
    assert results["any-strength"].low > 0
    assert results["exact"].p <= 0.01
    assert results["exact"].value == pytest.approx(results[""].value)


def test_what_was_not_recorded_or_not_done_takes_the_licence(folder):
    plan = drawn(folder)
    found = by_method(lot_effects.analyse(plan, inputs_of(plan, effect=1.0, done=False), "invitations"))[""]
    assert found.licence == "association"
    assert [g.id for g in found.gates if not g.passed] == ["lot.followed"]
    inputs_of(plan, effect=1.0)
    rows = frame_of(folder)
    write(folder, rows.assign(done=rows["done"].where(rows.index > 40, "yes")))
    again = lot_effects.analyse(plan, inputs_of(plan, effect=1.0, done=False), "invitations")
    assert 0.05 < again.people.crossovers() < 0.2
    assert again.results[0].licence == "association"


def test_answering_that_differs_by_arm_takes_the_licence_and_is_bounded(folder):
    plan = drawn(folder)
    found = lot_effects.analyse(plan, inputs_of(plan, effect=0.5, answering=(0.95, 0.6)), "invitations")
    assert [g.id for g in found.results[0].gates if not g.passed] == ["lot.answered"]
    assert found.results[0].licence == "association"
    ids = {i.result.id for e in lot_tables.exhibits(plan, "W2025", [found]) for i in e.items}
    assert "lot.arms.invitations.bounds.all.w2025.took" in ids


def test_a_lot_tampered_with_claims_no_effect_and_says_why(folder):
    plan = drawn(folder)
    inputs = inputs_of(plan, effect=1.0)
    path = lot_records.record_file(plan, "invitations")
    record = tomllib.loads(path.read_text("utf-8"))
    swapped(record)
    path.write_text(tomli_w.dumps(signed_again(record)), "utf-8")
    found = lot_effects.analyse(plan, inputs, "invitations")
    assert found.results[0].licence == "association"
    (table,) = [e for e in lot_tables.exhibits(plan, "W2025", [found]) if e.id == "lots.effects"]
    assert any("nothing may be called an effect" in n and "verifies" in n for n in table.notes)


def test_a_lot_that_was_never_drawn_is_refused_with_what_to_do(folder):
    plan = study.load(folder / "study.toml")
    survey = levels.Survey(pd.DataFrame({"wave": ["W2025"]}), pd.DataFrame({"conf_overall": [3.0]}), {}, {})
    found = lot_effects.analyse(plan, DesignInputs("W2025", survey, None, pd.DataFrame(), {}, {}), "invitations")
    assert isinstance(found.results[0], NotIdentified)
    assert "not committed" in found.results[0].reason


def test_a_frame_that_no_longer_names_the_units_is_refused(folder):
    plan = drawn(folder)
    inputs = inputs_of(plan, effect=1.0)
    write(folder, frame_of(folder).iloc[3:])
    found = lot_effects.analyse(plan, inputs, "invitations")
    assert isinstance(found.people, NotIdentified)
    assert "does not name 3 of the lot's 240 units" in found.people.reason


def test_no_effect_gives_a_verdict_without_direction(folder):
    plan = drawn(folder)
    found = by_method(lot_effects.analyse(plan, inputs_of(plan, effect=0.0), "invitations"))
    assert isinstance(found[""], Estimate)
    assert found[""].low < 0 < found[""].high


# ---- places and ways of answering -------------------------------------------------------------------------------

PLACES = [f"wg{k}" for k in range(1, 11)]


def survey_of(people, outcomes, before=None):
    frame = people if before is None else pd.concat([before, people])
    return levels.Survey(frame, outcomes, {}, {"conf_overall": 1.0})


def ids_of(exhibits):
    return {i.result.id: i.result for e in exhibits for i in e.items}


def test_places_are_drawn_compared_and_tested_by_the_lots_own_allocations(folder):
    places = LOT | {
        "kind": "places",
        "unit": "ward_group",
        "blocks": [],
        "neighbours": [["wg1", "wg2"], ["wg3", "wg4"]],
    }
    write(folder, pd.DataFrame({"ward_group": PLACES}))
    plan_of(folder, places)
    plan = drawn(folder)
    write(folder, pd.DataFrame({"ward_group": PLACES, "done": ""}))
    record = lot_records.read_record(plan, "invitations")
    assert [code for code, _, _ in record.units] == sorted(PLACES)
    arm = dict(record.table()[["code", "drawn"]].itertuples(index=False))
    rng = np.random.default_rng(2)
    ward = rng.choice(PLACES, 400)
    people = pd.DataFrame({"wave": "W2025", "ward_group": ward}, index=[f"W2025:{k}" for k in range(400)])
    answer = 3 + 0.8 * np.array([arm[w] for w in ward]) + rng.normal(size=400)
    survey = survey_of(people, pd.DataFrame({"conf_overall": answer}, index=people.index))
    arms = {"W2025": pd.Series("neither", index=people.index)}
    found = lot_effects.analyse(plan, DesignInputs("W2025", survey, None, pd.DataFrame(), {}, arms), "invitations")
    results = by_method(found)
    assert results["exact"].se_method.startswith("randomisation test over all")
    assert results["exact"].p == pytest.approx(2 / 252)
    assert results[""].n_sessions == 10
    assert "lot.neighbours.invitations.all.w2025" in ids_of(lot_tables.exhibits(plan, "W2025", [found]))


def test_six_places_are_told_that_nothing_can_be_clear(folder):
    places = LOT | {"kind": "places", "unit": "ward_group", "blocks": []}
    write(folder, pd.DataFrame({"ward_group": PLACES[:6]}))
    said = lot_prospects.prospects(plan_of(folder, places), "W2025", draws=0)
    assert "no result of this lot could be called clear" in said


def test_answers_given_alone_are_compared_within_sessions(folder):
    slots = pd.DataFrame(
        [(f"S{s:02d}-{k}", f"S{s:02d}") for s in range(12) for k in range(10)], columns=["ward_group", "session"]
    )
    write(folder, slots)
    plan_of(
        folder,
        LOT
        | {"kind": "modes", "unit": "ward_group", "blocks": ["session"], "outcomes": ["conf_overall", "satis_overall"]},
    )
    plan = drawn(folder)
    arm = dict(lot_records.read_record(plan, "invitations").table()[["code", "drawn"]].itertuples(index=False))
    rng = np.random.default_rng(4)
    people = pd.DataFrame(
        {"wave": "W2025", "ward_group": slots["ward_group"].to_numpy()}, index=[f"W2025:{k}" for k in range(120)]
    )
    near = 1 - np.array([arm[u] for u in people["ward_group"]])
    outcomes = pd.DataFrame(
        {
            "conf_overall": 2 + 1.0 * near + rng.normal(scale=0.3, size=120),
            "satis_overall": 3 + rng.normal(scale=0.3, size=120),
        },
        index=people.index,
    )
    inputs = DesignInputs("W2025", survey_of(people, outcomes), None, pd.DataFrame(), {}, {})
    found = lot_effects.analyse(plan, inputs, "invitations")
    assert {r.outcome for r in found.results} == {"conf_overall", "satis_overall"}
    assert by_method(lot_effects.LotAnalysis("x", found.people, found.results[:2], found.compliance))[
        ""
    ].value == pytest.approx(-1, abs=0.2)
    seen = ids_of(lot_tables.exhibits(plan, "W2025", [found]))
    assert seen["lot.modes.invitations.conf_overall.all.w2025.alone"].value == pytest.approx(2.0, abs=0.15)
    assert seen["lot.modes.invitations.conf_overall.all.w2025.answered"].value == pytest.approx(2.5, abs=0.15)
