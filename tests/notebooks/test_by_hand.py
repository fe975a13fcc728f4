"""Notebooks by hand: from a fresh clone, by a plain kernel and through JupyterLab, without `evaluation run`."""

import json
import re
import subprocess
import sys

import notebook_study
import pytest
from run_study import shared


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Every notebook of a fresh clone, run in order by a plain kernel: name to (notebook, error)."""

    def build(folder):
        study = notebook_study.clone(folder / "clone")
        env, made = notebook_study.environment(study), {}
        for path in notebook_study.notebooks(study):
            made[path.stem] = notebook_study.by_plain_kernel(path, env)
            if made[path.stem][1] is not None:
                break
        return made

    return shared(tmp_path_factory, "by-hand", build)


@pytest.mark.run
def test_all_twelve_run_in_order_in_a_fresh_clone(done):
    made, folder = done
    for name, (_, error) in made.items():
        assert error is None, f"{name}: {error.ename}: {error.evalue}"
    assert len(made) == 12
    results = json.loads((folder / "clone" / "data_processed" / "W2025" / "results" / "doubted.json").read_text())
    assert any(r["id"] == "attend.conf_overall.all.w2025" for r in results)


def shown(notebook, word):
    """Return the fingerprints of a stage that a notebook's outputs show."""
    text = json.dumps([c.get("outputs", []) for c in notebook.cells])
    return set(re.findall(rf"{word}: fingerprint ([0-9a-f]+)", text))


@pytest.mark.run
def test_later_notebooks_read_the_weights_scores_and_sample_that_were_shown(done):
    made = {name[:2]: notebook for name, (notebook, _) in done[0].items()}
    for stage, maker, readers in (("weights", "02", "567"), ("scores", "03", "457"), ("sample", "04", "57")):
        (first,) = shown(made[maker], stage)
        for reader in readers:
            assert shown(made[f"0{reader}"], stage) == {first}, (stage, reader)


@pytest.mark.run
def test_no_notebook_shows_raw_braces_or_an_empty_cell(done):
    for name, (notebook, _) in done[0].items():
        text = json.dumps([c.source for c in notebook.cells if c.cell_type == "markdown"])
        assert "{{" not in text, name
        assert all(c.source.strip() for c in notebook.cells), name


@pytest.mark.run
def test_every_chart_of_a_notebook_is_shown_also_after_it_has_published(done):
    for name, (notebook, _) in done[0].items():
        drawing = [c for c in notebook.cells if c.cell_type == "code" and re.search(r"\bsns\.\w+\(", c.source)]
        for cell in drawing:
            assert any("image/png" in o.get("data", {}) for o in cell.outputs), f"{name}, {cell.id}"


@pytest.mark.run
def test_a_notebook_alone_names_the_one_to_run_first_in_one_sentence(tmp_path):
    study = notebook_study.clone(tmp_path / "clone")
    env = notebook_study.environment(study)
    path = next(p for p in notebook_study.notebooks(study) if p.stem.startswith("10"))
    _, error = notebook_study.by_plain_kernel(path, env)
    assert error.evalue.endswith("Run 00_can_this_wave_be_used.ipynb first.")
    assert error.traceback == [error.evalue]


@pytest.mark.run
def test_jupyterlab_runs_00_to_04_saves_them_and_leaves_git_clean(tmp_path):
    study = notebook_study.clone(tmp_path / "clone")
    names = [p.name for p in notebook_study.notebooks(study)[:5]]
    with notebook_study.Lab(study) as lab:
        made = [lab.run_all_and_save(name) for name in names]
    for name, notebook in zip(names, made, strict=True):
        outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
        assert not [o for o in outputs if o.output_type == "error"], name
        exhibits = [o.metadata["evaluation"]["exhibit"] for o in outputs if "exhibit" in o.metadata.get("evaluation", {})]
        assert f"answer.{name[:2]}" in exhibits, name
        assert any("image/png" in o.get("data", {}) for o in outputs), f"{name} draws no chart"
        tables = [o.data["text/html"] for o in outputs if "exhibit" in o.metadata.get("evaluation", {})]
        assert all("<table" in t for t in tables), name
    assert notebook_study.git(study, "status", "--porcelain"), "JupyterLab saved nothing"
    subprocess.run([sys.executable, ".hooks/strip_notebooks.py"], cwd=study, check=False, capture_output=True)
    assert notebook_study.git(study, "status", "--porcelain") == ""
