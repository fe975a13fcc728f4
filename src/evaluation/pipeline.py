"""Run the notebooks in order into a dated report: written aside, checked, and moved into place at the end."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import execution, provenance, study
from .errors import CheckFailed, EvaluationError, InputError, StudyError, nearest
from .estimates import Estimate, NotIdentified, TooFew
from .exhibits import Exhibit, Item
from .kernels import Kernels


@dataclass(frozen=True, slots=True)
class Request:
    """The words of `evaluation run`, resolved: nothing here is read from the environment."""

    study: Path | None = None
    wave: str = ""
    date: str = ""
    only: str = ""
    draft: bool = False
    fresh: bool = False
    say: Callable[[str], None] = print


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

    plan: study.Plan
    wave: str
    date: dt.date
    request: Request
    stage: Path
    folder: Path
    drafts: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    executed: list[execution.Executed] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    started: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))

    def say(self, line: str) -> None:
        self.log.append(f"{time.monotonic() - self.began:7.1f} s  {line}")
        self.request.say(line)


def resolve_wave(plan: study.Plan, wave: str) -> str:
    """Return the wave asked for, or the plan's last; a wave the plan lacks is an error naming the nearest."""
    if not wave:
        return plan.waves[-1]
    if wave not in plan.waves:
        raise StudyError(
            f"the study has no wave {wave!r}; it has {', '.join(plan.waves)}",
            todo=f"Did you mean {nearest(wave, plan.waves) or plan.waves[-1]!r}?",
        )
    return wave


def resolve_date(plan: study.Plan, asked: str) -> dt.date:
    """Return the report's date: as asked, else `$SOURCE_DATE_EPOCH`, else today in the study's time zone."""
    from zoneinfo import ZoneInfo

    if asked:
        try:
            return dt.date.fromisoformat(asked)
        except ValueError:
            raise StudyError(f"{asked!r} is not a date", todo="Write it as 2026-07-04.") from None
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch:
        if not epoch.isdigit():
            raise StudyError(f"SOURCE_DATE_EPOCH is {epoch!r}, not a number of seconds")
        return dt.datetime.fromtimestamp(int(epoch), dt.UTC).date()
    return dt.datetime.now(ZoneInfo(plan.study.timezone)).date()


def waves_up_to(plan: study.Plan, wave: str) -> tuple[str, ...]:
    """Return the wave and all before it, in order."""
    return (*plan.earlier_waves(wave), wave)


def check(plan: study.Plan, wave: str) -> list[Any]:
    """Return every fault of every wave that a report on `wave` reads, and of the registers; nothing is written."""
    from .intake import waves

    faults = [f for w in waves_up_to(plan, wave) for f in waves.check(plan, w)]
    return faults + waves.check_registers(plan)


def run(request: Request) -> Outcome:
    """Run the study for one wave; return the report's folder, or raise with nothing half-written.

    Raises
    ------
    StudyError, CodebookError, InputError
        Before the first notebook: the plan, the codebook or the inputs have faults (all at once).
    RunFailed, CheckFailed
        During the run: the last report and `latest` are untouched; `reports/.failed/` names notebook and cell.
    """
    plan, wave = _resolved(request)
    digest = run_digest(plan, wave, request)
    same = None if request.fresh or request.only else _same_as_last(plan, wave, digest)
    if same is not None:
        return Outcome(same, "unchanged", "Nothing changed since the last report.", unchanged=True)
    with _under_way(request, plan, wave) as state:
        _execute_all(state)
        if request.only:
            kept = _move_into(state.stage, plan.root / "data_processed" / wave, replace_old=True)
            return Outcome(None, "only", f"Notebook {request.only} ran; its stages are in {kept.name}/.")
        summary = _finish(state, digest)
        final = _place_report(state)
        _move_into(state.stage, plan.root / "data_processed" / wave, replace_old=True)
        return Outcome(final, summary["status"], summary["headline"], tuple(summary["gates_failed"]))


@contextlib.contextmanager
def rehearse(request: Request) -> Iterator[Path]:
    """Run the whole study and yield the finished report's folder, which is thrown away afterwards."""
    plan, wave = _resolved(request)
    with _under_way(request, plan, wave) as state:
        _execute_all(state)
        _finish(state, run_digest(plan, wave, request))
        yield state.folder


def _resolved(request: Request) -> tuple[study.Plan, str]:
    """Return plan and wave once everything that a run reads has been found without fault."""
    plan = study.load(request.study)
    wave = resolve_wave(plan, request.wave)
    resolve_date(plan, request.date)
    _draft_reasons(plan, wave, request.draft)
    faults = check(plan, wave)
    if faults:
        from .intake import waves

        raise InputError(waves.fault_table(faults), faults=faults, todo="Nothing was written.")
    return plan, wave


@contextlib.contextmanager
def _under_way(request: Request, plan: study.Plan, wave: str) -> Iterator[_Run]:
    """Yield a run with its own hidden folders; keep what a failed one may show, and always tidy up."""
    stage = _aside(plan.root / "data_processed", mode=0o700)
    folder = _aside(plan.root / "reports", mode=0o755)
    drafts = _draft_reasons(plan, wave, request.draft)
    state = _Run(plan, wave, resolve_date(plan, request.date), request, stage, folder, drafts)
    try:
        yield state
    except BaseException as error:
        _keep_failure(state, error)
        raise
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _finish(state: _Run, digest: str) -> dict[str, Any]:
    """Publish what the notebooks offered into the run's folder, with manifest, crate and log."""
    from .publication import publish_report

    summary = publish_report(state)
    manifest = _manifest(state, digest, summary)
    provenance.write_json(state.folder / "manifest.json", manifest)
    crate = provenance.ro_crate(manifest, state.plan.study.title)
    provenance.write_json(state.folder / "ro-crate-metadata.json", crate)
    (state.folder / "run.log").write_text("\n".join(state.log) + "\n", "utf-8")
    return summary


# ---- before the first notebook ----------------------------------------------------------------------------------


def _draft_reasons(plan: study.Plan, wave: str, permitted: bool) -> list[str]:
    """Return why the report is a draft; an unfrozen plan needs `--draft`, changed code stamps by itself."""
    from . import freezing

    reasons = []
    if not freezing.frozen_file(plan, wave).is_file():
        if not permitted:
            raise StudyError(
                f"the plan for {wave} was not frozen before outcomes were opened",
                todo=f"Freeze it: evaluation plan --freeze --wave {wave}. Or run with --draft: the report is stamped.",
            )
        reasons.append("the plan was not frozen before outcomes were opened")
    if provenance.code_version().dirty:
        reasons.append("the code differs from its last commit")
    if permitted:
        reasons.append("run with --draft")
    return reasons


def run_digest(plan: study.Plan, wave: str, request: Request) -> str:
    """Return a digest of all that decides a report's content: code, lock, plan, inputs, wave, parameters."""
    inputs = provenance.input_files(
        plan.root, waves_up_to(plan, wave), plan.study.codebook, plan.population.margins_file
    )
    parts = (
        provenance.digest_files(provenance.code_files()), provenance.digest_files(inputs, plan.root), wave,
        request.date, str(request.draft), sys.version.split()[0],
        str(sorted(provenance.environment()["packages"].items())),
    )  # fmt: skip
    import hashlib

    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _same_as_last(plan: study.Plan, wave: str, digest: str) -> Path | None:
    """Return the newest report of this wave when it was made from exactly the same things."""
    import json

    made = sorted((plan.root / "reports").glob(f"*_{wave}*/manifest.json"), key=lambda p: p.stat().st_mtime)
    if not made:
        return None
    last = json.loads(made[-1].read_text("utf-8"))
    return made[-1].parent if last.get("run_digest") == digest else None


def _aside(parent: Path, *, mode: int) -> Path:
    """Return a new hidden folder beside the final place, so that the last move is one rename."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".making-", dir=parent))
    folder.chmod(mode)
    return folder


# ---- the notebooks ----------------------------------------------------------------------------------------------


def _execute_all(state: _Run) -> None:
    names = _notebooks(state.request.only)
    words = {k: str(v) for k, v in state.plan.words.model_dump().items()}
    words |= {"title": state.plan.study.title, "wave": state.wave, "population": state.plan.population.title}
    done = state.stage / "notebooks"
    done.mkdir(mode=0o700)
    env = {
        "EVALUATION_STAGE": str(state.stage), "EVALUATION_DATE": state.date.isoformat(),
        "EVALUATION_DRAFT": "1" if state.request.draft else "",
    }  # fmt: skip
    with Kernels(env) as kernels:
        for number, source in enumerate(names, 1):
            parameters = {"study_file": "study.toml", "wave": state.wave}
            began = time.monotonic()
            run = execution.execute(
                source, done / source.name, parameters=parameters, words=words, cwd=state.plan.root, kernels=kernels
            )
            state.executed.append(run)
            seconds = time.monotonic() - began
            left = (time.monotonic() - state.began) / number * (len(names) - number)
            state.say(f"[{number:2d}/{len(names)}] {source.stem:<45} {seconds:5.1f} s, about {left:3.0f} s left")


def _notebooks(only: str) -> list[Path]:
    """Return the notebooks in order; with `only`, those up to the one whose number or name is given."""
    every = sorted(provenance.notebooks_folder().glob("[0-9][0-9]_*.ipynb"))
    if not only:
        return every
    last = [p for p in every if p.stem == only or p.stem.startswith(f"{only.zfill(2)}_")]
    if not last:
        raise StudyError(f"no notebook {only!r}", todo=f"Give a number from 00 to {every[-1].stem[:2]}.")
    return every[: every.index(last[0]) + 1]


def settle(exhibits: Sequence[Exhibit]) -> list[Exhibit]:
    """Return the exhibits with each result in its last published form (07 adds robustness, 10 the verdict).

    Raises
    ------
    CheckFailed
        Two exhibits publish one id with different numbers.
    """
    latest: dict[str, Any] = {}
    for exhibit in exhibits:
        for item in exhibit.items:
            before, now = latest.get(item.result.id), item.result
            same = before is None or (type(before) is type(now) and _numbers(before) == _numbers(now))
            if (
                not same
                and not isinstance(now, NotIdentified | TooFew)
                and not isinstance(before, NotIdentified | TooFew)
            ):
                raise CheckFailed(f"two exhibits publish {now.id!r} with different numbers", where=exhibit.id)
            latest[now.id] = now
    return [
        replace(e, items=tuple(Item(i.row, i.column, latest[i.result.id]) for i in e.items)) for e in exhibits
    ]  # fmt: skip


def _numbers(result: Any) -> tuple[Any, ...]:
    if isinstance(result, Estimate):
        return (result.value, result.se, result.low, result.high)
    return (getattr(result, "n", None), getattr(result, "value", None), getattr(result, "text", None))


# ---- after the last notebook ------------------------------------------------------------------------------------


def _manifest(state: _Run, digest: str, summary: dict[str, Any]) -> dict[str, Any]:
    from . import __version__, freezing
    from .intake import privacy

    plan = state.plan
    code = provenance.code_version()
    key = privacy.study_key(create=True)
    files = provenance.input_files(
        plan.root, waves_up_to(plan, state.wave), plan.study.codebook, plan.population.margins_file
    )
    return {
        "report": f"{state.date.isoformat()}_{state.wave}", "wave": state.wave, "date": state.date.isoformat(),
        "version": __version__, "run_digest": digest,
        "code": {"commit": code.commit, "dirty": code.dirty,
                 "digest": provenance.digest_files(provenance.code_files())},
        "inputs": {p.relative_to(plan.root).as_posix(): provenance.keyed(key, p.read_bytes()) for p in files},
        "plan": {"digest": plan.digest(), "frozen": freezing.frozen_digest(plan, state.wave),
                 "deviations": [d.text() for d in freezing.deviations(plan, state.wave)]},
        "codebook": plan.codebook.digest(), "seed": plan.seed, "environment": provenance.environment(),
        "parameters": {"study_file": ["study.toml", "default"],
                       "wave": [state.wave, "asked" if state.request.wave else "default"],
                       "date": [state.date.isoformat(),
                                "asked" if state.request.date else "clock or SOURCE_DATE_EPOCH"]},
        "notebooks": [{"name": e.name, "seconds": round(e.seconds, 2), "code_cells": e.cells} for e in state.executed],
        "started": state.started, "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "draft_reasons": state.drafts, "outputs": provenance.outputs(state.folder), **summary,
    }  # fmt: skip


def _place_report(state: _Run) -> Path:
    """Move the finished report to its dated folder, then point `latest` at it; neither is ever half there."""
    from .report import html

    reports = state.plan.root / "reports"
    name = f"{state.date.isoformat()}_{state.wave}"
    state.folder.chmod(0o755)
    for n in range(1, 1000):
        final = reports / (name if n == 1 else f"{name}_{n}")
        if final.exists():
            continue
        try:
            os.rename(state.folder, final)
            break
        except OSError:
            if not final.exists():
                raise
    link = reports / f".latest-{os.getpid()}"
    link.symlink_to(final.name)
    os.replace(link, reports / "latest")
    html.write_index(reports)
    return final


def _move_into(source: Path, target: Path, *, replace_old: bool) -> Path:
    """Move a folder into place in one rename; an old one is moved aside first and deleted after."""
    old = target.with_name(f".old-{target.name}-{os.getpid()}")
    if replace_old and target.exists():
        os.rename(target, old)
    os.rename(source, target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def _keep_failure(state: _Run, error: BaseException) -> None:
    """Keep what a failed run may show: the log, and notebooks without outputs, naming the cell that failed."""
    import nbformat

    kept = state.plan.root / "reports" / ".failed" / f"{state.started.replace(':', '')}_{state.wave}_{os.getpid()}"
    try:
        kept.mkdir(parents=True, exist_ok=True)
        said = str(error) if isinstance(error, EvaluationError) else type(error).__name__
        (kept / "run.log").write_text("\n".join([*state.log, f"failed: {said}"]) + "\n", "utf-8")
        for path in sorted((state.stage / "notebooks").glob("*.ipynb")):
            nbformat.write(execution.redacted(nbformat.read(path, as_version=4)), kept / path.name)
    except OSError:
        state.request.say("The failure could not be recorded (disk full or folder read-only).")
