"""Run the notebooks in the order of what they read, several at once, and use again what is current.

Each notebook writes into a folder of its own that holds, to begin with, what the notebooks it comes after wrote. What
it adds is kept apart, so that it can be used again, and merged in the order of the notebooks at the end.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.run import currency, manifest
from evaluation.run import notebooks as run_notebooks
from evaluation.run.kernels import Kernels
from evaluation.run.warm import READS

MADE, FILES, NOTEBOOK, RECORD = "made", "files", "executed.ipynb", "record.json"
GATES, ORDER = "gates.json", "published/order.json"
TYPICAL_SECONDS = 3.0


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class Job:
    """The notebooks of one run, what they need, and where what they make is kept."""

    sources: dict[str, Path]
    table: dict[str, currency.Needs]
    modules: dict[str, tuple[Path, ...]]
    parts: dict[str, dict[str, str]]
    stage: Path
    earlier: tuple[Path, ...]
    state: Any
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    past: dict[str, dict[str, Any]] = field(default_factory=dict)
    notebooks: dict[str, Any] = field(default_factory=dict)


def execute_all(state: Any, sources: list[Path], *, everything: bool = False) -> list[run_notebooks.Executed]:
    """Execute notebooks (those that are not current, or all with `--fresh`) and merge what they wrote into the stage.

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
    job = _job(state, sources, everything)
    at_once = 1 if everything else max(1, min(cores(), len(sources)))
    env = {"EVALUATION_DATE": state.date.isoformat(), "EVALUATION_DRAFT": "1" if state.request.draft else ""}
    env |= {"EVALUATION_WORKERS": os.environ.get("EVALUATION_WORKERS") or str(max(1, cores() // at_once))}
    if state.request.cluster:
        env["EVALUATION_CLUSTER"] = state.request.cluster
    before = Path.cwd()
    os.chdir(state.plan.root)  # kernels start here; papermill's own change of folder is not made for threads
    try:
        with Kernels(env) as kernels:
            _run_in_order(job, kernels, at_once)
    finally:
        os.chdir(before)
    merge(state.stage, [_made(job, n) for n in job.sources])
    shutil.rmtree(state.stage / "work", ignore_errors=True)
    (state.stage / "notebooks").mkdir(mode=0o700)
    for name in job.sources:
        os.link(_made(job, name) / NOTEBOOK, state.stage / "notebooks" / f"{name}.ipynb")
    return [_executed(job, n) for n in job.sources]


def _job(state: Any, sources: list[Path], everything: bool) -> Job:

    plan, waves = state.plan, state.plan.waves_up_to(state.wave)
    table = currency.needs(sources)
    if everything:
        names = list(table)
        table = {n: currency.Needs(tuple(names[:k]), table[n].reads) for k, n in enumerate(names)}
    known = currency.Modules()
    modules = {p.stem: known.of(p) for p in sources}
    parts = {
        p.stem: currency.parts(
            p,
            plan,
            waves,
            table[p.stem],
            parameters=state.parameters.get(p.stem, {}),
            draft=state.request.draft,
            modules=modules[p.stem],
        )
        for p in sources
    }
    home = plan.root / "data_processed" / state.wave
    job = Job(
        {p.stem: p for p in sources}, table, modules, parts, state.stage, (home / MADE, home / "only" / MADE), state
    )
    job.past = {n: r for n in table for r in [_record(job, n)] if r}
    (state.stage / MADE).mkdir(mode=0o700)
    return job


def _record(job: Job, name: str) -> dict[str, Any]:
    """Return the record of the last execution of a notebook, or nothing."""
    for folder in job.earlier:
        file = folder / name / RECORD
        if file.is_file():
            return json.loads(file.read_text("utf-8"))
    return {}


def _run_in_order(job: Job, kernels: Kernels, at_once: int) -> None:
    waiting, running = list(job.sources), dict[Future[dict[str, Any]], str]()
    _use_again(job, waiting, running)
    if waiting:
        kernels.split()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            while waiting or running:
                for name in _ready(job, waiting)[: at_once - len(running)]:
                    waiting.remove(name)
                    running[pool.submit(_execute, job, name, kernels)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    _finished(job, name, future.result(), len(running) + len(waiting))
                _use_again(job, waiting, running)
        except BaseException:
            kernels.stop()
            raise


def _ready(job: Job, waiting: list[str]) -> list[str]:
    """Return the notebooks that can start, the longest road ahead first."""
    ready = [n for n in waiting if all(a in job.done for a in job.table[n].after)]
    return sorted(ready, key=lambda n: (-_road(job, n), n))


def _use_again(job: Job, waiting: list[str], running: Sized) -> None:
    """Take from the waiting, one after the other, every notebook of which an earlier execution still stands."""
    if job.state.request.fresh:
        return
    while found := next(((n, f) for n in _ready(job, waiting) if (f := _current(job, n))), None):
        name, folder = found
        waiting.remove(name)
        shutil.copytree(folder, _made(job, name), copy_function=os.link)
        record = json.loads((folder / RECORD).read_text("utf-8"))
        _finished(job, name, record | {"reused": True}, len(running) + len(waiting))


def _key(job: Job, name: str) -> str:
    before = {n: job.done[n]["output"] for n in currency.upstream(name, job.table)}
    return currency.key(job.parts[name], before)


def _current(job: Job, name: str) -> Path | None:
    """Return the folder of an earlier execution that still stands."""
    key = _key(job, name)
    for folder in job.earlier:
        file = folder / name / RECORD
        if file.is_file() and json.loads(file.read_text("utf-8")).get("key") == key:
            return folder / name
    return None


def _made(job: Job, name: str) -> Path:
    return job.stage / MADE / name


def _execute(job: Job, name: str, kernels: Kernels) -> dict[str, Any]:
    """Execute one notebook in its own folder and keep what it added; return its record."""
    made, work = _made(job, name), job.stage / "work" / name
    made.mkdir(mode=0o700)
    before = merge(work, [_made(job, n) for n in currency.upstream(name, job.table)])
    reads = work.with_suffix(".reads")
    run = run_notebooks.execute(
        job.sources[name],
        made / NOTEBOOK,
        parameters=job.state.parameters.get(name, {}),
        env={"EVALUATION_STAGE": str(work), READS: str(reads)},
        kernels=kernels,
        seconds=job.state.request.cell_seconds,
    )
    job.notebooks[name] = run.notebook
    _keep_own(work, made / FILES, before)
    record = {
        "key": _key(job, name),
        "parts": job.parts[name],
        "seconds": round(run.seconds, 2),
        "cells": run.cells,
        "peak": run.peak,
        "output": manifest.digest_files(_files(made / FILES), made / FILES),
    }
    beyond = _undeclared(job, name, reads)
    if beyond:
        record |= {"key": "", "undeclared": beyond}
    manifest.write_json(made / RECORD, record)
    shutil.rmtree(work)
    return record


def _undeclared(job: Job, name: str, reads: Path) -> list[str]:

    plan, waves = job.state.plan, job.state.plan.waves_up_to(job.state.wave)
    text = reads.read_text("utf-8") if reads.is_file() else ""
    return currency.undeclared(text, job.table[name], plan, waves, job.modules[name])


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


# ---- what notebooks write ---------------------------------------------------------------------------------------


def merge(target: Path, outcomes: Iterable[Path]) -> dict[str, Any]:
    """Lay what notebooks wrote into one folder, in order, by links; return each file's identity, and the gates.

    Gates and the order of exhibits are joined; of any other file the last one stands.
    """
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    gates, order = dict[str, Any](), list[str]()
    for folder in outcomes:
        for file in _files(folder / FILES):
            name = file.relative_to(folder / FILES).as_posix()
            if name == GATES:
                gates |= {g["id"]: g for g in json.loads(file.read_text("utf-8"))}
            elif name == ORDER:
                order += [i for i in json.loads(file.read_text("utf-8")) if i not in order]
            else:
                place = target / name
                place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                place.unlink(missing_ok=True)
                os.link(file, place)
    if gates:
        _write_private(target / GATES, list(gates.values()))
    if order:
        _write_private(target / ORDER, order)
    return {p.relative_to(target).as_posix(): _identity(p) for p in _files(target)} | {"gates": gates, "order": order}


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def _write_private(path: Path, content: Any) -> None:
    from evaluation.intake import stages

    stages.write_json(path, content)


def _keep_own(work: Path, target: Path, before: Mapping[str, Any]) -> None:
    """Keep what a notebook added to its folder: its own files, its own gates, its own exhibits."""
    target.mkdir(mode=0o700)
    for file in _files(work):
        name = file.relative_to(work).as_posix()
        if before.get(name) == _identity(file):
            continue
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if name == GATES:
            now = json.loads(file.read_text("utf-8"))
            _write_private(place, [g for g in now if before["gates"].get(g["id"]) != g])
        elif name == ORDER:
            _write_private(place, [i for i in json.loads(file.read_text("utf-8")) if i not in before["order"]])
        else:
            os.link(file, place)


# ---- progress ---------------------------------------------------------------------------------------------------


def _road(job: Job, name: str) -> float:
    """Return the seconds from the start of a notebook to the end of the last one that waits for it."""
    after = [n for n in job.table if name in job.table[n].after]
    return _expected(job, name) + max((_road(job, n) for n in after), default=0.0)


def _expected(job: Job, name: str) -> float:
    return float(job.past.get(name, {}).get("seconds", TYPICAL_SECONDS))


def _finished(job: Job, name: str, record: dict[str, Any], left: int) -> None:
    job.done[name] = record
    how = "used again" if record.get("reused") else f"{record['seconds']:5.1f} s{_because(job, name)}"
    number, all_of_them = len(job.done), len(job.sources)
    rest = f", about {_seconds_left(job):.0f} s left" if left else ""
    job.state.say(f"[{number:2d}/{all_of_them}] {name:<45} {how}{rest}")
    for line in record.get("undeclared", ()):
        job.state.say(f"        {name} also read {line}; it will run again every time")


def _because(job: Job, name: str) -> str:
    """Return which kinds of thing changed since the last execution."""
    past = job.past.get(name, {}).get("parts")
    if not past:
        return ""
    changed = [k for k, v in job.parts[name].items() if past.get(k) != v]
    return f" ({', '.join(changed)} changed)" if changed else " (what it reads changed)"


def _seconds_left(job: Job) -> float:
    """Return how long the rest should take: by the last run's times, at the pace of this run."""
    rest = [n for n in job.sources if n not in job.done]
    ran = [n for n in job.done if not job.done[n].get("reused")]
    planned = sum(_expected(job, n) for n in ran)
    pace = sum(job.done[n]["seconds"] for n in ran) / planned if planned else 1.0
    spread = sum(_expected(job, n) for n in rest) / max(1, min(cores(), len(rest)))
    return pace * max(spread, max(_road(job, n) for n in rest))


def _executed(job: Job, name: str) -> run_notebooks.Executed:
    import nbformat

    notebook = job.notebooks.get(name) or nbformat.read(_made(job, name) / NOTEBOOK, as_version=4)
    r = job.done[name]
    return run_notebooks.Executed(name, notebook, r["seconds"], r["cells"], r["peak"], bool(r.get("reused")))
