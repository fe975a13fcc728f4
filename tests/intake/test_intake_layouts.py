"""Group prefixes, the codebook's own codes, misplaced headings, and a file with very many wrong rows."""

import pandas as pd
import pytest
from intake_study import AGREE, HEADINGS, answers, csv_bytes, describe, folder_of, headed, make, put, rows_of

from evaluation.intake import waves


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def coded():
    frame = answers(seed=1)
    for name in ("conf_overall", "trust_fair", "nhs_confidence"):
        frame[name] = [str(AGREE.index(w) + 1) for w in frame[name]]
    frame.loc[0, "trust_fair"] = "-8"
    return frame


def test_the_codebook_s_codes_are_said_once_for_a_file(plan):
    expected = waves.take_in(plan, "W2024").outcomes
    put(plan, "W2024", coded())
    assert {f.kind for f in waves.check(plan, "W2024")} == {"unmapped_label"}
    put(plan, "W2024", coded(), codes="codebook")
    assert waves.check(plan, "W2024") == []
    taken = waves.take_in(plan, "W2024")
    pd.testing.assert_series_equal(taken.outcomes["conf_overall"], expected["conf_overall"])
    assert taken.reasons["trust_fair"].iloc[0] == -8
    put(plan, "W2024", coded().assign(conf_overall="6"), codes="codebook")
    assert ("unmapped_label", "conf_overall") in {(f.kind, f.column) for f in waves.check(plan, "W2024")}
    put(plan, "W2024", coded(), codes="mine")
    assert "codes is 'codebook'" in waves.check(plan, "W2024")[0].what


@pytest.mark.parametrize("prefix", ["about/", "about/you/", "data/Q_3/"])
def test_groups_before_a_heading_are_no_part_of_it(tmp_path, prefix):
    plan = make(tmp_path / "one", waves=("W2022",))
    frame = answers(seed=1)
    said = frame.pop("contact_12m")
    for level, word in {"none": "None", "victim": "Victim", "witness": "Witness"}.items():
        frame[f"contact_12m/{level}"] = ["1" if word in s.split(";") else "0" for s in said]
    export = tmp_path / "a.csv"
    export.write_bytes(csv_bytes(rows_of(frame.rename(columns={c: prefix + c for c in frame if c != "resp_id"}))))
    added = waves.add(plan, export, "W2024")
    assert added.unmapped == ()
    targets = {p.column: p.target for p in added.proposals}
    assert targets[f"{prefix}conf_overall"] == "conf_overall"
    assert targets[f"{prefix}contact_12m/victim"] == "contact_12m.victim"


def test_import_ids_among_the_answers_are_said_once(plan):
    rows = rows_of(headed(answers(seed=1)))
    ids = [f'{{"ImportId":"QID{i}"}}' for i in range(len(rows[0]))]
    put(plan, "W2024", answers(seed=1), content=csv_bytes([rows[0], rows[0], ids, *rows[1:]]))
    found = waves.check(plan, "W2024")
    assert [f.kind for f in found] == ["unreadable"]
    assert "header_rows = 3" in found[0].todo


@pytest.mark.parametrize("kind", ["all different", "all alike"])
def test_very_many_wrong_rows_are_said_briefly(plan, kind):
    n = 6000
    block = pd.concat([answers(2000, seed=s) for s in range(3)], ignore_index=True)
    block["resp_id"] = [str(i) for i in range(n)]
    block["link_code"] = [f"AB{i}" for i in range(n)]
    for name in ("area", "conf_overall", "years_in_llr", "interview_date", "contact_12m", "sex", "age_band", "ethnic5"):
        block[name] = [f"wrong {name} {i if kind == 'all different' else ''}" for i in range(n)]
    path = folder_of(plan, "W2024") / "export.csv"
    headed(block).to_csv(path, index=False)
    describe(plan, "W2024", path, {HEADINGS.get(c, c): c for c in block})
    found = waves.check(plan, "W2024")
    table = waves.fault_table(found)
    assert len(table) <= 3000
    assert {f.column for f in found} >= {"area", "conf_overall", "years_in_llr", "sex"}
    assert "more" in table
