"""The report rehearsed on shuffled outcomes: what the pages will look like, with nothing in them to choose by."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from evaluation.errors import StudyError
from evaluation.plan import registration
from evaluation.plan.study import Plan
from evaluation.run import folders, pipeline, release
from evaluation.run.request import Request

APART = ("study.toml", "data_raw", "data_processed", "reports")  # of a study's folder, not lent to its mock


def reason_for_none(plan: Plan, wave: str) -> str:
    """Return why a mock report cannot be made; "" where it can.

    Shuffling within sessions hides who answered what, but not what a whole wave answered: before the plan is frozen
    even that may not be seen.
    """
    absent = [w for w in plan.waves_up_to(wave) if not (plan.root / "data_raw" / "waves" / w / "wave.toml").is_file()]
    if absent:
        return f"no answers of {', '.join(absent)} are in to be shuffled: rehearse with evaluation synthesise"
    if not registration.frozen_digest(plan, wave):
        return "the plan is not frozen, and shuffled answers would still show what everybody together answered"
    return ""


def make(plan: Plan, wave: str, folder: Path, *, date: str = "", say: Callable[[str], None] = print) -> Path:
    """Run the study's own notebooks on outcomes shuffled within sessions, and leave the stamped report in a folder.

    Parameters
    ----------
    plan : Plan
        The study: its own data and reports stay untouched.
    wave : str
        Wave of the report.
    folder : Path
        `mock/` is made in it anew.

    Returns
    -------
    Path
        The mock report's folder.

    Raises
    ------
    StudyError
        No wave is in, or the plan is not frozen.
    InputError, RunFailed, CheckFailed
        As a run of the study.
    """
    why = reason_for_none(plan, wave)
    if why:
        raise StudyError(f"no mock report: {why}")
    target = folder / "mock"
    with _lent(plan, wave) as study_file:
        request = Request(study_file, wave, date, draft=True, say=say)
        with pipeline.rehearse(request) as made:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(made, target)
    (target / release.ENTRY).unlink()  # without it nobody can release it
    for one in (target / "notebooks").glob("*.ipynb"):  # they carry no stamp
        one.unlink()
    return target


@contextlib.contextmanager
def _lent(plan: Plan, wave: str) -> Iterator[Path]:
    """Yield the plan of a private copy of the study, whose waves are marked as shuffled; its data are links."""
    parent = plan.root / "data_processed"
    parent.mkdir(exist_ok=True)
    folders.clear_abandoned(parent, folders.MAKING)
    home = Path(tempfile.mkdtemp(prefix=folders.MAKING, dir=parent))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        if (handle := folders.hold(home)) is not None:
            stack.callback(os.close, handle)
        shutil.copy(plan.root / "study.toml", home)
        (home / "data_raw" / "waves").mkdir(parents=True)
        for folder, left in ((Path(), APART), (Path("data_raw"), ("waves",))):
            for one in (plan.root / folder).iterdir():
                if one.name not in left and not one.name.startswith("."):
                    (home / folder / one.name).symlink_to(one)
        for name in plan.waves_up_to(wave):
            _lend(plan.root / "data_raw" / "waves" / name, home / "data_raw" / "waves" / name)
        yield home / "study.toml"


def _lend(source: Path, target: Path) -> None:
    target.mkdir()
    for one in source.iterdir():
        if one.name != "wave.toml":
            (target / one.name).symlink_to(one)
    text = re.sub(r"(?m)^shuffled\s*=.*\n", "", (source / "wave.toml").read_text("utf-8"))
    (target / "wave.toml").write_text(f"shuffled = true\n{text}", "utf-8")
