"""Draw a survey of others with something wrong, and take it through `init`, `check` and the notebooks."""

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import stranger_surveys

from evaluation.errors import EvaluationError

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
MOST_PEOPLE = 400


def emptied(frame, column, _):
    return frame.assign(**{column: np.nan})


def mostly_blank(frame, column, rng):
    return frame.assign(**{column: frame[column].where(rng.random(len(frame)) < 0.05)})


def constant(frame, column, _):
    return frame.assign(**{column: frame[column].iloc[0]})


def words(frame, column, _):
    return frame.assign(**{column: [f"word {k % 5}" for k in range(len(frame))]})


def numbers(frame, column, rng):
    return frame.assign(**{column: rng.normal(50, 10, len(frame)).round(2)})


def codes(frame, column, rng):
    return frame.assign(**{column: frame[column].astype(object).where(rng.random(len(frame)) > 0.1, 99)})


def without_level(frame, column, rng):
    held = frame[column].dropna().unique()
    return frame[frame[column] != held[rng.integers(len(held))]].reset_index(drop=True) if len(held) else frame


def without_column(frame, column, _):
    return frame.drop(columns=column)


def doubled_rows(frame, *_):
    import pandas as pd

    return pd.concat([frame, frame.head(3)], ignore_index=True)


def few_people(frame, _, rng):
    return frame.head(int(rng.integers(20, 90)))


def shuffled(frame, column, rng):
    return frame.assign(**{column: rng.permutation(frame[column].to_numpy())})


CHANGES = (
    emptied,
    mostly_blank,
    constant,
    words,
    numbers,
    codes,
    without_level,
    without_column,
    doubled_rows,
    few_people,
    shuffled,
)


def of_plan(text, rng):
    """Return a plan with one thing said otherwise."""
    swaps = (
        (r'primary = "\w+"', 'primary = "educ"'),
        (r'treated = \["(\w+)"\]', 'treated = ["0"]'),
        (r'sample = "\w+"', 'sample = "census"'),
        (r'session_column = "\w+"\n', ""),
        (r'given_weight = "\w+"\n', ""),
        (r"prognostic = \[.*\]", "prognostic = []"),
        (r"positive_of = .*\n", ""),
        (r'link_column = "\w+"', 'link_column = "educ"'),
        (r"\[designs\.D1\]", "[designs.D2]"),
        (r"\[designs\.D5\]", "[designs.D3]"),
        (r"\[designs\.D(\d)\]", r"[designs.D\1b]"),
        (r'since = "\w+"', 'since = "W2006"'),
        (r"reached = \[.*\]", 'reached = ["pacific"]'),
        (r'waves = \["(\w+)", .*"(\w+)"\]  ', r'waves = ["\2"]  '),
        (r"\n\[matching\]", "\n[matching]\nratio = 50\ncaliper = 0.001"),
    )
    fitting = [s for s in swaps if re.search(s[0], text)]
    pattern, other = fitting[rng.integers(len(fitting))]
    return re.sub(pattern, other, text, count=1)


def drawn(seed, folder):
    """Return what became of a study with something wrong: "refused: …", "fault: …" or "report"; raise on a crash."""
    from evaluation.plan import study
    from evaluation.run import new_study, pipeline

    rng = np.random.default_rng(seed)
    kind = tuple(stranger_surveys.ANSWERS)[seed % len(stranger_surveys.ANSWERS)]
    held = {
        w: f.sample(min(MOST_PEOPLE, len(f)), random_state=7).sort_index()
        for w, f in stranger_surveys.frames(kind).items()
    }
    if kind == "panel":
        held = {w: f.head(MOST_PEOPLE) for w, f in stranger_surveys.frames(kind).items()}
    late, planned = rng.random() < 0.5, rng.random() < 0.3
    wrong = {w: changed(f, rng) if not planned and rng.random() < 0.6 else f for w, f in held.items()}
    home = folder / "study"
    try:
        made = stranger_surveys.exports(kind, folder / "exports", held if late else wrong)
        new_study.begin(home, list(made.values()), list(made), stranger_surveys.ANSWERS[kind], None, accept=True)
    except EvaluationError as error:
        return f"refused: {error}"
    stranger_surveys.confirm(home)
    if late:
        replaced(home, wrong)
    if planned:
        path = home / "study.toml"
        path.write_text(of_plan(path.read_text("utf-8"), rng), "utf-8")
    quick = home / "study.toml"
    text = quick.read_text("utf-8")
    matching = "placebo_draws = 20" if "[matching]" in text else ""
    text = text.replace("[matching]", f"[matching]\n{matching}") + "\n[sensitivity]\nbootstrap_draws = 20\n"
    quick.write_text(text, "utf-8")
    try:
        plan = study.load(quick)
        faults = pipeline.check(plan, plan.waves[-1])
    except EvaluationError as error:
        return f"fault: {error}"
    if faults:
        return f"fault: {faults[0].kind}"
    run(home)
    return "report"


def changed(frame, rng):
    column = frame.columns[rng.integers(len(frame.columns))]
    return CHANGES[rng.integers(len(CHANGES))](frame, column, rng)


def replaced(home, frames):
    """Put another export in each wave's place, as if it had been that one all along."""
    for wave, frame in frames.items():
        folder = home / "data_raw" / "waves" / wave
        path = next(p for p in folder.iterdir() if p.name != "wave.toml")
        stranger_surveys.write(frame, path)
        text, now = (folder / "wave.toml").read_text("utf-8"), hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / "wave.toml").write_text(re.sub(r'sha256 = "\w+"', f'sha256 = "{now}"', text), "utf-8")


def run(home):
    """Run every notebook of the study in this process, then protect and write the report."""
    import datetime as dt

    import matplotlib

    from evaluation.plan import study
    from evaluation.run import publish

    matplotlib.use("Agg")
    before = Path.cwd()
    os.chdir(home)
    try:
        for path in sorted(NOTEBOOKS.glob("*.ipynb")):
            cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
            names = {}
            with contextlib.redirect_stdout(io.StringIO()):
                for number, cell in enumerate(cells, 1):
                    try:
                        exec("".join(cell["source"]), names)
                    except Exception as error:
                        raise AssertionError(f"{path.stem}, code cell {number}: {error!r}") from error
            matplotlib.pyplot.close("all")
        plan = study.load()
        job = publish.Job(plan, plan.waves[-1], dt.date(2026, 7, 4), home, home / "out", ("a try",), ())
        publish.publish_report(lambda *_: None, job)
    finally:
        os.chdir(before)
        shutil.rmtree(home / "out", ignore_errors=True)
