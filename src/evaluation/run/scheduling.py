"""Run the notebooks in the order of what they read, several at once.

Each notebook writes into a folder of its own that holds, to begin with, what the notebooks it comes after wrote. What
it adds is kept apart, and laid together in the order of the notebooks at the end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.errors import RunFailed
from evaluation.run import folders, notebooks, stage_folders, workers

NOTEBOOKS = "notebooks"
TYPICAL_SECONDS = 3.0
SURVEY = ("00", "01", "02", "03", "04", "05", "06", "07")
# The notebooks whose stages, gates or results each one opens. It sees only what these wrote (and what those came
# after), so a missing entry fails at once.
AFTER: dict[str, tuple[str, ...]] = {
    "00": (),
    "01": ("00",),
    "02": ("00",),
    "03": ("00",),
    "04": ("00", "03"),
    "05": ("00", "01", "02", "03", "04"),
    "06": ("00", "02", "04"),
    "07": ("00", "02", "03", "04", "05"),
    "08": SURVEY,
    "09": (*SURVEY, "08"),
    "10": (*SURVEY, "08", "09"),
    "11": (*SURVEY, "08", "09", "10"),
}

Table = Mapping[str, tuple[str, ...]]


def after(sources: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    """Return the notebooks that each one comes after, by name; one that is not in the table comes after all before."""
    names = [p.stem for p in sources]
    out = {}
    for place, name in enumerate(names):
        known = AFTER.get(name[:2])
        if known is None or not all(any(n.startswith(f"{a}_") for n in names) for a in known):
            out[name] = tuple(names[:place])
        else:
            out[name] = tuple(n for n in names if n[:2] in known)
    return out


def upstream(name: str, table: Table) -> tuple[str, ...]:
    """Return every notebook that must come before `name`, in order."""
    found: set[str] = set()
    waiting = list(table[name])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += table[one]
    return tuple(n for n in table if n in found)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class Job:
    """The notebooks of one run, in what order, and what is known of them."""

    sources: dict[str, Path]
    table: Table
    state: Any
    env: dict[str, str]
    past: Mapping[str, float]
    done: dict[str, notebooks.Executed] = field(default_factory=dict)
    before: dict[str, dict[str, Any]] = field(default_factory=dict)

    def made(self, name: str) -> Path:
        """Return the folder of what a notebook added."""
        return self.state.stage / "made" / name

    def executed(self, name: str) -> Path:
        """Return where the executed notebook is written."""
        return self.state.stage / NOTEBOOKS / f"{name}.ipynb"

    def work(self, name: str) -> Path:
        """Return the folder in which a notebook works."""
        return self.state.stage / "work" / name


def execute_all(state: Any, sources: list[Path], *, everything: bool = False) -> list[notebooks.Executed]:
    """Execute notebooks and lay what they wrote into the stage.

    Parameters
    ----------
    state : pipeline run
        `.plan`, `.wave`, `.date`, `.stage`, `.request`, `.parameters`, `.say`.
    everything : bool
        Let each notebook see what every notebook before it wrote, one at a time: the plain order, for comparison.

    Raises
    ------
    RunFailed
        A notebook failed; those running beside it were ended.
    """
    names = [p.stem for p in sources]
    table = {n: tuple(names[:k]) for k, n in enumerate(names)} if everything else after(sources)
    at_once = max(1, min(cores(), len(sources))) if workers.available() and not everything else 1
    job = Job({p.stem: p for p in sources}, table, state, _environment(state, at_once), _past(state))
    for folder in (NOTEBOOKS, "made"):
        (state.stage / folder).mkdir(mode=0o700)
    _run_in_order(job, at_once)
    stage_folders.merge(state.stage, [job.made(n) for n in names])
    for folder in ("work", "made"):
        shutil.rmtree(state.stage / folder)
    return [job.done[n] for n in names]


def _environment(state: Any, at_once: int) -> dict[str, str]:
    env = {"EVALUATION_DATE": state.date.isoformat(), "EVALUATION_DRAFT": "1" if state.request.draft else ""}
    env |= {"EVALUATION_WORKERS": os.environ.get("EVALUATION_WORKERS") or str(max(1, cores() // at_once))}
    return env | ({"EVALUATION_CLUSTER": state.request.cluster} if state.request.cluster else {})


def _past(state: Any) -> dict[str, float]:
    """Return the seconds that each notebook took in the last run."""
    made = folders.reports_of(state.plan.root, state.wave)
    return {row["name"]: float(row["seconds"]) for row in made[-1][1].get("notebooks", ())} if made else {}


def _run_in_order(job: Job, at_once: int) -> None:
    waiting, running = list(job.sources), dict[str, workers.Work]()
    try:
        while waiting or running:
            for name in _ready(job, waiting)[: at_once - len(running)]:
                waiting.remove(name)
                running[name] = _started(job, name)
            workers.wait(list(running.values()))
            for name, work in list(running.items()):
                answer = _answer(job, name, work)
                if answer is not None:
                    running.pop(name).end()
                    _finished(job, answer, len(running) + len(waiting))
    finally:
        for work in running.values():
            work.end()


def _ready(job: Job, waiting: list[str]) -> list[str]:
    """Return the notebooks that can start, the longest road ahead first."""
    ready = [n for n in waiting if all(a in job.done for a in job.table[n])]
    return sorted(ready, key=lambda n: (-_road(job, n), n))


def _started(job: Job, name: str) -> workers.Work:
    """Lay out a notebook's folder and start it."""
    state, seconds = job.state, job.state.request.cell_seconds
    job.before[name] = stage_folders.merge(job.work(name), [job.made(n) for n in upstream(name, job.table)])
    given = (job.sources[name], job.executed(name), state.parameters.get(name, {}), seconds)
    env = {**job.env, "EVALUATION_STAGE": str(job.work(name))}
    return workers.start(notebooks.execute, given, env=env, folder=state.plan.root, seconds=seconds)


def _answer(job: Job, name: str, work: workers.Work) -> notebooks.Executed | None:
    """Return what a notebook left once it has ended; one whose process died is a failure."""
    try:
        answer = work.answer()
    except workers.Gone as gone:
        number, source = gone.last or (0, "")
        notebooks.write_unfinished(job.sources[name], job.executed(name), source)
        told = f"it ran longer than {work.seconds:g} seconds" if gone.too_long else notebooks.DIED
        raise RunFailed(notebooks.stopped(name, number, told), todo=notebooks.SEE) from None
    if answer is None:
        return None
    stage_folders.keep_own(job.work(name), job.made(name), job.before.pop(name))
    shutil.rmtree(job.work(name))
    return answer[0]


# ---- progress ---------------------------------------------------------------------------------------------------


def _road(job: Job, name: str) -> float:
    """Return the seconds from the start of a notebook to the end of the last one that waits for it."""
    behind = [n for n in job.table if name in job.table[n]]
    return _expected(job, name) + max((_road(job, n) for n in behind), default=0.0)


def _expected(job: Job, name: str) -> float:
    return job.past.get(name, TYPICAL_SECONDS)


def _finished(job: Job, run: notebooks.Executed, left: int) -> None:
    job.done[run.name] = run
    rest = f", about {_seconds_left(job):.0f} s left" if left else ""
    job.state.say(f"[{len(job.done):2d}/{len(job.sources)}] {run.name:<45} {run.seconds:5.1f} s{rest}")


def _seconds_left(job: Job) -> float:
    """Return how long the rest should take: by the last run's times, at the pace of this run."""
    rest = [n for n in job.sources if n not in job.done]
    pace = sum(run.seconds for run in job.done.values()) / sum(_expected(job, n) for n in job.done)
    spread = sum(_expected(job, n) for n in rest) / max(1, min(cores(), len(rest)))
    return pace * max(spread, max(_road(job, n) for n in rest))
