"""What shows that a wave's plan was frozen before its answers were opened, and what speaks against it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluation.intake import wave_file
from evaluation.plan import registration
from evaluation.plan.study import Plan


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing that tells when a plan was frozen.

    Attributes
    ----------
    id : str
        frozen, clock, answers, intake, order, fieldwork, reported, committed or rewritten.
    holds : bool or None
        Whether it fits a plan frozen before answers were opened; None where nothing was kept that could tell.
    says : str
        What was found, in a sentence.
    """

    id: str
    holds: bool | None
    says: str


def traces(plan: Plan, wave: str) -> list[Trace]:
    """Return every trace of when the plan of a wave was frozen; a single one where it was not.

    Raises
    ------
    StudyError
        The frozen plan was edited after it was frozen, or is another wave's.
    """
    content = registration.read(plan, wave)
    if not content:
        return [Trace("frozen", False, "No plan was frozen.")]
    return [*_of_file(content), *_of_intake(plan, wave, content), *_of_reports(plan, wave, content)]


def before_answers(found: Iterable[Trace]) -> bool | None:
    """Return whether the plan was frozen before answers were opened: False where a trace speaks against it.

    None where nothing speaks against it, and nothing shows it.
    """
    found = list(found)
    if any(t.holds is False for t in found):
        return False
    return True if any(t.id in ("answers", "intake") and t.holds for t in found) else None


def _of_file(content: dict[str, object]) -> Iterator[Trace]:
    """Yield what the frozen plan says of itself."""
    day, clock, answers = (str(content.get(k, "")) for k in ("frozen_on", "clock", "answers"))
    if not content.get("seal"):
        yield Trace(
            "clock", None, f"Its date, {day}, stands in it unsealed: an earlier version of the program made it."
        )
        yield Trace("answers", None, "It does not say whether answers were in when it was frozen.")
        return
    yield Trace("clock", day == clock, f"It is dated {day}; the machine's clock said {clock}.")
    out = answers == registration.OUT
    yield Trace("answers", out, f"When it was frozen, answers of the wave were {answers} the study's folder.")


def _of_intake(plan: Plan, wave: str, content: dict[str, object]) -> Iterator[Trace]:
    """Yield what was written down when the wave was taken in, and the dates of its fieldwork."""
    if not (plan.root / "data_raw" / "waves" / wave / "wave.toml").is_file():
        return
    info, day = wave_file.load(plan.root, wave), str(content.get("frozen_on", ""))
    if not info.plan_frozen:
        yield Trace("intake", None, "It was not written down whether a plan was frozen when answers were taken in.")
    else:
        same = info.plan_frozen == content.get("sha256")
        other = "no plan was" if info.plan_frozen == "no" else "another plan was"
        yield Trace("intake", same, f"When answers were taken in, {'this plan was' if same else other} frozen.")
    if info.taken_in:
        yield Trace("order", day <= info.taken_in, f"Dated {day}; answers were taken in on {info.taken_in}.")
    if info.end is not None and info.start is not None:
        early = day <= info.end.isoformat()
        yield Trace("fieldwork", early, f"Dated {day}; people answered from {info.start} to {info.end}.")


def _of_reports(plan: Plan, wave: str, content: dict[str, object]) -> Iterator[Trace]:
    """Yield whether a report of this wave was released before the day of freezing."""
    file, day = plan.root / "releases" / "ledger.json", str(content.get("frozen_on", ""))
    released = json.loads(file.read_text("utf-8"))["releases"] if file.is_file() else []
    older = [name for e in released if (name := str(e.get("report", ""))).endswith(wave) and name[:10] < day]
    if older:
        yield Trace("reported", False, f"Dated {day}; a report of the wave was released before, {older[0]}.")


def commits(plan: Plan, wave: str) -> Iterator[Trace]:
    """Yield when the frozen plan was first committed, and whether it was ever changed since.

    It depends on the checkout and not on the study, so it stands in the protocol and never in a report.
    """
    file = f"plans/{wave}.toml"
    if not (plan.root / file).is_file():
        return
    made = _git(plan.root, "log", "--format=%H %cs", "--", file).splitlines()
    if not made:
        yield Trace("committed", None, "No commit holds it, so nobody outside has seen it.")
        return
    first, day = made[-1].split()
    dated = str(registration.read(plan, wave).get("frozen_on", ""))
    near = abs((dt.date.fromisoformat(day) - dt.date.fromisoformat(dated)).days) <= 1
    yield Trace("committed", near, f"Dated {dated}; first committed on {day}.")
    changed = _git(plan.root, "show", f"{first}:./{file}") != (plan.root / file).read_text("utf-8")
    if changed or len(made) > 1:
        yield Trace("rewritten", False, "The file is not as it was first committed.")


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
