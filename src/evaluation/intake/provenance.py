"""What a stage was made from and by which notebook: code, plan and data, held against what stands there now.

A run makes every stage itself and says once, in a file beside them, what all are made from; only a notebook that is
opened by hand can meet a stage that an earlier state of the study left behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from evaluation.errors import CheckFailed
from evaluation.intake import opt_outs
from evaluation.plan.study import Plan

PACKAGE = Path(__file__).resolve().parents[1]
DECIDING = ("plan", "intake", "statistics", "programme", "disclosure", "analysis")  # rooms whose code decides a stage
NOTEBOOKS = (
    "00_can_this_wave_be_used",
    "01_who_answered",
    "02_whom_do_these_answers_speak_for",
    "03_who_attended_and_who_could_have",
    "04_who_is_compared_with_whom",
    "05_do_attendees_trust_the_police_more",
    "06_did_confidence_change_more",
    "07_how_easily_could_this_be_wrong",
    "08_what_did_the_programme_do",
    "09_wider_picture",
    "10_what_can_be_said",
    "11_what_would_the_next_wave_need",
)
MAKERS = {  # stage to the number of the notebook that makes it; every other one is made by the first
    "weights": 2,
    "scores": 3,
    "sample": 4,
    "pairs": 4,
    "attend": 5,
    "designs": 6,
    "doubted": 7,
}
OTHERWISE = {
    "code": "was made by other code than this",
    "plan": "was made with another plan or codebook",
    "data": "was made from other data than stand in data_raw",
}


def maker(stage: str) -> str:
    """Return the file name of the notebook that makes a stage; `answer.05` is made by the notebook of that number."""
    kind, _, number = stage.partition(".")
    if kind == "answer" and number.isdigit():
        return f"{NOTEBOOKS[int(number)]}.ipynb"
    return f"{NOTEBOOKS[MAKERS.get(stage, 0)]}.ipynb"


def missing(stage: str) -> CheckFailed:
    """Return the refusal of a stage that is not there: which notebook makes it."""
    return CheckFailed(f"the stage {stage!r} is not there", todo=f"Run {maker(stage)} first.")


def made_from(plan: Plan, wave: str) -> dict[str, str]:
    """Return digests of what a wave's stages are made from: the code, the plan with its codebook, the data."""
    return {
        "code": _code(),
        "plan": hashlib.sha256((plan.digest() + plan.codebook.digest()).encode()).hexdigest(),
        "data": _digest(data_files(plan.root, plan.waves_up_to(wave), plan.population.margins_file), plan.root),
    }


def data_files(root: Path, waves: Sequence[str], margins: str) -> list[Path]:
    """Return the files with data that exist: waves, registers, lots, margins, withdrawals."""
    kept = (root / "data_raw" / "registers", root / "data_raw" / "lots", root / "plans" / "lots")
    folders = [*kept, *(root / "data_raw" / "waves" / w for w in waves)]
    inside = [p for folder in folders if folder.is_dir() for p in folder.rglob("*")]
    return sorted({p for p in (root / margins, *opt_outs.files(root), *inside) if p.is_file()})


def refuse_other(stage: str, recorded: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse a stage that was made from something else than stands there now.

    Raises
    ------
    CheckFailed
        Names the stage, what differs, and the notebook to run again.
    """
    differs = next((kind for kind in OTHERWISE if recorded.get(kind) != now[kind]), None)
    if differs:
        raise CheckFailed(f"the stage {stage!r} {OTHERWISE[differs]}", todo=f"Run {maker(stage)} again.")


@cache
def _code() -> str:
    """Return the digest of the code as this process began to use it."""
    rooms = (p for room in DECIDING for p in (PACKAGE / room).rglob("*") if p.suffix in {".py", ".toml"})
    return _digest([*PACKAGE.glob("*.py"), *rooms], PACKAGE)


def _digest(files: Iterable[Path], root: Path) -> str:
    """Return one digest over the names, below `root`, and contents of files."""
    total = hashlib.sha256()
    for file in sorted(files):
        found = file.stat()
        name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
        total.update(f"{name}\0{_content(file, found.st_size, found.st_mtime_ns)}\0".encode())
    return total.hexdigest()


@cache
def _content(file: Path, size: int, stamp: int) -> str:  # noqa: ARG001 - they renew the cache
    return hashlib.sha256(file.read_bytes()).hexdigest()
