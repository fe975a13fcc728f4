"""Run the notebooks into a dated report: written aside, checked, and moved into place at the end."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import EvaluationError, InputError, StudyError
from evaluation.plan import study
from evaluation.plan.study import Plan
from evaluation.run import crate, folders, notebooks, scheduling, workers
from evaluation.run import manifest as run_manifest
from evaluation.run.request import CELL_SECONDS, Request, resolve_date, resolve_wave

if TYPE_CHECKING:
    from evaluation.intake.faults import Fault
    from evaluation.intake.ingest import WaveIn
    from evaluation.intake.read_table import WaveRead


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left: the report's folder (None with `--only`), its status, and what to say about it."""

    folder: Path | None
    status: str
    headline: str
    gates_failed: tuple[str, ...] = ()
    unchanged: bool = False


@dataclass(slots=True)
class _Run:
    """One run under way: where it writes, what it knows, what it has said."""

    plan: Plan
    wave: str
    date: dt.date
    request: Request
    sources: list[Path]
    parameters: dict[str, notebooks.Parameters]
    stage: Path
    folder: Path
    drafts: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    executed: list[notebooks.Executed] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    started: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))

    def say(self, line: str) -> None:
        self.log.append(f"{time.monotonic() - self.began:7.1f} s  {line}")
        self.request.say(line)


def check(plan: Plan, wave: str, seen: list[WaveRead] | None = None) -> list[Fault]:
    """Return every fault of every wave that a report on `wave` reads, and of the registers; nothing is written.

    `seen` is given what was read of each wave.
    """
    from evaluation.intake import waves

    found = {name: waves.inspect(plan, name) for name in plan.waves_up_to(wave)}
    faults = [replace(f, file=f"{name}/{f.file}") for name, one in found.items() for f in one.faults]
    if seen is not None:
        seen += [one.read for one in found.values() if one.read is not None]
    faults += waves.check_registers(plan)
    return faults or _unweighable(plan, [one.take_in() for one in found.values() if one.take_in is not None])


def _unweighable(plan: Plan, taken: Sequence[WaveIn]) -> list[Fault]:
    """Return a fault for each wave that no weights bring to the population: its levels and the margins' disagree."""
    from evaluation.analysis import population_weights
    from evaluation.errors import DataError
    from evaluation.intake import waves
    from evaluation.intake.faults import Fault

    faults, margins = [], waves.margins(plan)
    for one in taken if margins else ():
        try:
            population_weights.by_wave(plan, one.design, margins)
        except DataError as error:
            what = f"no weights bring {one.meta.wave} to the population: {error.what}"
            faults.append(Fault("margins", plan.population.margins_file, "", what, error.todo))
    return faults


def run(request: Request) -> Outcome:
    """Run the study for one wave; return the report's folder, or raise with nothing half-written.

    Raises
    ------
    StudyError, CodebookError, InputError
        Before the first notebook: the plan, the codebook or the inputs have faults (all at once).
    RunFailed, CheckFailed
        During the run: the last report and `latest` are untouched; `reports/.failed/` names notebook and cell.
    """
    plan, wave = _chosen(request)
    digest = run_digest(plan, wave, request)
    same = None if request.fresh or request.only else _same_as_last(plan, wave, digest)
    if same is not None:
        return Outcome(same, "unchanged", "Nothing changed since the last report.", unchanged=True)
    from evaluation.intake import stages

    sources, parameters = _ready(request, plan, wave)
    with _under_way(request, plan, wave, sources, parameters) as state:
        stages.say_made_from(state.stage, plan, wave)
        state.executed = scheduling.execute_all(state, sources)
        home = plan.root / "data_processed" / wave
        if request.only:
            with folders.study_lock(plan.root):
                folders.move_into(state.stage, home / "only")
            return Outcome(None, "only", f"Notebook {request.only} ran; its stages are in {wave}/only/.")
        summary = _finish(state, digest)
        with folders.study_lock(plan.root):
            final = folders.place_report(state.folder, plan.root / "reports", _name(state))
            folders.move_into(state.stage, home)
            _show_as_last(plan, final)
        return Outcome(final, summary["status"], summary["headline"], tuple(summary["gates_failed"]))


@contextlib.contextmanager
def rehearse(request: Request, *, everything: bool = False) -> Iterator[Path]:
    """Run the whole study afresh and yield the finished report's folder, which is thrown away afterwards.

    With `everything`, each notebook sees what every notebook before it wrote, one at a time.
    """
    request = replace(request, fresh=True)
    plan, wave = _chosen(request)
    sources, parameters = _ready(request, plan, wave)
    with _under_way(request, plan, wave, sources, parameters) as state:
        state.executed = scheduling.execute_all(state, sources, everything=everything)
        _finish(state, run_digest(plan, wave, request))
        yield state.folder


def _chosen(request: Request) -> tuple[Plan, str]:
    """Return plan and wave once the words of the run make sense."""
    plan = study.load(request.study)
    wave = resolve_wave(plan, request.wave)
    resolve_date(plan, request.date)
    _draft_reasons(plan, wave, request.draft)
    return plan, wave


def _ready(request: Request, plan: Plan, wave: str) -> tuple[list[Path], dict[str, notebooks.Parameters]]:
    """Return the notebooks to run and their parameters once everything that a run reads was found without fault."""
    from evaluation.intake import keys

    keys.study_key(create=True)  # where it cannot be kept, this says so before anything is written
    if request.cluster:
        from evaluation import parallel

        parallel.require_cluster(request.cluster)
    sources = _notebooks(request.only)
    parameters = notebooks.parameters_for(sources, {"study_file": "study.toml", "wave": wave}, request.parameters)
    _in_worker(request, plan, _require_inputs, plan, wave)
    return sources, parameters


def _in_worker(
    request: Request, plan: Plan, function: Callable[..., Any], *arguments: Any, stage: Path | None = None
) -> Any:
    """Return what a step of the run returned, done in a worker: this process imports none of what it needs."""
    seconds = max(CELL_SECONDS, request.cell_seconds)
    env = {"EVALUATION_STAGE": str(stage)} if stage else {}
    return workers.call(function, *arguments, env=env, folder=plan.root, seconds=seconds)


def _require_inputs(_: workers.Tell, plan: Plan, wave: str) -> None:
    """Refuse inputs that have faults: all at once."""
    from evaluation.intake import waves

    faults = check(plan, wave)
    if faults:
        raise InputError(waves.fault_table(faults), faults=faults, todo="Nothing was written.")


@contextlib.contextmanager
def _under_way(
    request: Request, plan: Plan, wave: str, sources: list[Path], parameters: dict[str, notebooks.Parameters]
) -> Iterator[_Run]:
    """Yield a run with its own hidden folders; keep what a failed one may show, and always tidy up."""
    drafts = _draft_reasons(plan, wave, request.draft)
    with folders.run_folders(plan.root) as (stage, folder):
        date = resolve_date(plan, request.date)
        state = _Run(plan, wave, date, request, sources, parameters, stage, folder, drafts)
        try:
            yield state
        except BaseException as error:
            _keep_failure(state, error)
            raise


def _finish(state: _Run, digest: str) -> run_manifest.Manifest:
    """Publish what the notebooks offered into the run's folder, with manifest, crate and log."""
    from evaluation.run import publish

    state.say("Protecting, checking and writing the report ...")
    names = tuple(e.name for e in state.executed)
    job = publish.Job(state.plan, state.wave, state.date, state.stage, state.folder, tuple(state.drafts), names)
    summary = _in_worker(state.request, state.plan, publish.publish_report, job, stage=state.stage)
    state.say("The report is written and checked.")
    manifest = _manifest(state, digest, summary)
    run_manifest.write_json(state.folder / "manifest.json", manifest)
    metadata = crate.ro_crate(manifest, state.plan.study.title)
    run_manifest.write_json(state.folder / "ro-crate-metadata.json", metadata)
    (state.folder / "run.log").write_text("\n".join(state.log) + "\n", "utf-8")
    return summary


def _name(state: _Run) -> str:
    return f"{state.date.isoformat()}_{state.wave}"


def _show_as_last(plan: Plan, report: Path) -> None:
    """Write the index of all reports and let `latest` name this one, last of all."""
    from evaluation.run import publish

    reports = plan.root / "reports"
    workers.call(publish.write_index, reports, env={}, folder=plan.root, seconds=CELL_SECONDS)
    folders.point_latest(reports, report)


# ---- before the first notebook ----------------------------------------------------------------------------------


def _draft_reasons(plan: Plan, wave: str, permitted: bool) -> list[str]:
    """Return why the report is a draft; an unfrozen plan needs `--draft`, changed code stamps by itself."""
    from evaluation.plan import registration

    reasons = []
    if not registration.frozen_file(plan, wave).is_file():
        if not permitted:
            raise StudyError(
                f"the plan for {wave} was not frozen before outcomes were opened",
                todo=f"Freeze it: evaluation plan --freeze --wave {wave}. Or run with --draft: the report is stamped.",
            )
        reasons.append("the plan was not frozen before outcomes were opened")
    if run_manifest.code_version().dirty:
        reasons.append("the code differs from its last commit")
    if permitted:
        reasons.append("run with --draft")
    return reasons


def run_digest(plan: Plan, wave: str, request: Request) -> str:
    """Return a digest of all that decides a report's content: code, lock, plan, inputs, wave, words of the run."""
    import hashlib

    inputs = run_manifest.input_files(
        plan.root, plan.waves_up_to(wave), plan.study.codebook, plan.population.margins_file
    )
    dated = str(resolve_date(plan, request.date)) if request.date or os.environ.get("SOURCE_DATE_EPOCH") else ""
    parts = (
        run_manifest.digest_files(run_manifest.code_files(), run_manifest.PACKAGE.parents[1]),
        run_manifest.digest_files(inputs, plan.root),
        wave,
        dated,
        str(_draft_reasons(plan, wave, request.draft)),
        str(sorted(request.parameters.items())),
        run_manifest.installed(),
        sys.version.split()[0],
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _same_as_last(plan: Plan, wave: str, digest: str) -> Path | None:
    """Return the last report of this wave when it was made from exactly the same things.

    A run that was killed after it had placed the report and before `latest` named it is finished here.
    """
    made = folders.reports_of(plan.root, wave)
    if not made or made[-1][1].get("run_digest") != digest:
        return None
    report, manifest = made[-1]
    if manifest.get("number") == folders.next_number(plan.root) - 1:
        link = plan.root / "reports" / "latest"
        if not link.is_symlink() or os.readlink(link) != report.name:
            with folders.study_lock(plan.root):
                _show_as_last(plan, report)
    return report


# ---- the notebooks ----------------------------------------------------------------------------------------------


def _notebooks(only: str) -> list[Path]:
    """Return the notebooks in order; with `only`, the one whose number or name is given and those it comes after."""
    every = sorted(run_manifest.notebooks_folder().glob("[0-9][0-9]_*.ipynb"))
    if not only:
        return every
    last = [p for p in every if p.stem == only or p.stem.startswith(f"{only.zfill(2)}_")]
    if not last:
        raise StudyError(f"no notebook {only!r}", todo=f"Give a number from 00 to {every[-1].stem[:2]}.")
    wanted = {*scheduling.upstream(last[0].stem, scheduling.after(every)), last[0].stem}
    return [p for p in every if p.stem in wanted]


# ---- after the last notebook ------------------------------------------------------------------------------------


def _manifest(state: _Run, digest: str, summary: run_manifest.Manifest) -> run_manifest.Manifest:
    from evaluation import __version__
    from evaluation.intake import keys
    from evaluation.plan import registration

    plan = state.plan
    code = run_manifest.code_version()
    key = keys.study_key(create=True)
    files = run_manifest.input_files(
        plan.root, plan.waves_up_to(state.wave), plan.study.codebook, plan.population.margins_file
    )
    return {
        "report": f"{state.date.isoformat()}_{state.wave}",
        "wave": state.wave,
        "date": state.date.isoformat(),
        "version": __version__,
        "run_digest": digest,
        "code": {
            "commit": code.commit,
            "dirty": code.dirty,
            "digest": run_manifest.digest_files(run_manifest.code_files()),
        },
        "inputs": {p.relative_to(plan.root).as_posix(): run_manifest.keyed(key, p.read_bytes()) for p in files},
        "plan": {
            "digest": plan.digest(),
            "frozen": registration.frozen_digest(plan, state.wave),
            "deviations": [d.text() for d in registration.deviations(plan, state.wave)],
        },
        "codebook": plan.codebook.digest(),
        "seed": plan.seed,
        "number": folders.next_number(plan.root),
        "parameters": {
            "study_file": ["study.toml", "default"],
            "wave": [state.wave, "asked" if state.request.wave else "default"],
            "date": [state.date.isoformat(), "asked" if state.request.date else "clock or SOURCE_DATE_EPOCH"],
            **{k: [v, "asked"] for k, v in state.request.parameters.items()},
        },
        "notebooks": [_notebook_row(state, e) for e in state.executed],
        "started": state.started,
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "team": plan.contact.team,
        "draft_reasons": state.drafts,
        "outputs": run_manifest.outputs(state.folder),
        **summary,
    }


def _notebook_row(state: _Run, run: notebooks.Executed) -> dict[str, object]:
    """Return what the manifest says of one notebook."""
    source = next(p for p in state.sources if p.stem == run.name)
    return {
        "name": run.name,
        "digest": run_manifest.digest_files([source]),
        "seconds": round(run.seconds, 2),
        "code_cells": run.cells,
        "peak_bytes": run.peak,
    }


def _keep_failure(state: _Run, error: BaseException) -> None:
    """Keep what a failed run may show: the log, and notebooks without outputs, naming the cell that failed."""
    import nbformat

    kept = state.plan.root / "reports" / ".failed" / f"{state.started.replace(':', '')}_{state.wave}_{os.getpid()}"
    try:
        kept.mkdir(parents=True, exist_ok=True)
        said = str(error) if isinstance(error, EvaluationError) else type(error).__name__
        (kept / "run.log").write_text("\n".join([*state.log, f"failed: {said}"]) + "\n", "utf-8")
        for path in sorted((state.stage / scheduling.NOTEBOOKS).glob("*.ipynb")):
            with contextlib.suppress(ValueError):  # half-written where the disk was full
                nbformat.write(notebooks.redacted(nbformat.read(path, as_version=4)), kept / path.name)
    except OSError:
        state.request.say("The failure could not be recorded (disk full or folder read-only).")
