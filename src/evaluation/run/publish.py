"""Publish a run: settle its results, apply disclosure control once to all of them, write the report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.plan import registration
from evaluation.results import Estimate, Gate, NotIdentified, TooFew
from evaluation.run import manifest, release

if TYPE_CHECKING:
    from evaluation.disclosure import CheckedResults
    from evaluation.exhibit import Exhibit
    from evaluation.plan.study import Plan
    from evaluation.report.context import ReportContext, WaveWords
    from evaluation.run.workers import Tell


MOCK_REASON = "a mock: people of a session swapped their answers, so that it rehearses the report and finds nothing"


@dataclass(frozen=True, slots=True)
class Job:
    """A run whose notebooks are done: its plan, wave, date, folders, reasons for a draft and notebooks."""

    plan: Plan
    wave: str
    date: dt.date
    stage: Path
    folder: Path
    drafts: tuple[str, ...]
    notebooks: tuple[str, ...]


def publish_report(_: Tell, job: Job) -> manifest.Manifest:
    """Protect everything that the notebooks published, write the report into the run's folder, and sum it up.

    Returns
    -------
    dict
        status, headline, gates passed and failed, suppressions (numbers of cells by rule), results, audit, environment.
    """
    import nbformat

    from evaluation import disclosure
    from evaluation.analysis import foretold
    from evaluation.intake import waves
    from evaluation.report import html
    from evaluation.run.settle import settle

    plan, wave = job.plan, job.wave
    exhibits = foretold.marked(settle(waves.load_published(plan, wave)), foretold.frozen(plan, wave))
    gates = waves.load_gates(plan, wave)
    checked = disclosure.protect(exhibits, plan.disclosure, earlier=release.ledger(plan))
    context = make_context(job, gates, checked)
    executed = {n: nbformat.read(job.stage / "notebooks" / f"{n}.ipynb", as_version=4) for n in job.notebooks}
    html.write_report(checked, context, job.folder, notebooks=executed)
    entry = disclosure.to_ledger(checked, report=f"{job.date.isoformat()}_{wave}")
    manifest.write_json(job.folder / release.ENTRY, entry)
    return {
        "status": context.status,
        "headline": headline(plan, wave, exhibits),
        "results": len(checked.frame()),
        "gates_failed": [g.id for g in gates if not g.passed],
        "gates_passed": [g.id for g in gates if g.passed],
        "suppressions": dict(checked.log),
        "audit": dict(checked.audit),
        "synthetic": context.synthetic,
        "mock": context.mock,
        "environment": manifest.environment(),
    }


def write_index(_: Tell, reports: Path) -> None:
    """Write the index of all reports."""
    from evaluation.report import html

    html.write_index(reports)


def headline(plan: Plan, wave: str, exhibits: Iterable[Exhibit]) -> str:
    """Return the primary contrast in a line: its question and verdict (numbers stand in the report)."""
    from evaluation.analysis.verdicts import primary_id

    by_id = {i.result.id: i.result for e in exhibits for i in e.items}
    result = by_id.get(primary_id(plan, wave))
    if not isinstance(result, Estimate | NotIdentified | TooFew):
        return "No primary contrast was made." if plan.treatment.column else "What people say is in the report."
    return f"{result.question or plan.study.title} Verdict: {result.verdict or 'none'}."


def make_context(job: Job, gates: tuple[Gate, ...], checked: CheckedResults) -> ReportContext:
    """Return what the pages print besides results: words, waves, status, manifest, sense-check."""
    from evaluation.intake import plan_evidence, waves
    from evaluation.report.context import ReportContext

    plan, wave = job.plan, job.wave
    traces = plan_evidence.traces(plan, wave)
    names = plan.waves_up_to(wave)
    code = manifest.code_version()
    reasons, rows, themes = list(job.drafts), release.sense_check(plan, wave), released_themes(checked)
    unchecked = sorted(t for t in themes if t not in {r.theme for r in rows})
    if any(waves.info(plan, w).shuffled for w in names):
        reasons.append(MOCK_REASON)
    if unchecked or not rows:
        reasons.append(f"not yet checked by {plan.words.checking_group}")
    known = {
        "Code": code.commit[:12] + (" with changes" if code.dirty else ""),
        "Seed": str(plan.seed),
        "Plan": plan.digest()[:12],
        "Plan frozen": (registration.frozen_digest(plan, wave) or "not frozen")[:12],
        "Codebook": plan.codebook.digest()[:12],
    }
    env = manifest.environment()
    packages = [f"{k} {v}" for k, v in sorted(env["packages"].items())]
    return ReportContext(
        title=plan.study.title,
        plan=plan,
        wave=wave,
        date=job.date,
        waves=tuple(_wave_words(plan, w) for w in names),
        status="draft" if reasons else "checked",
        draft_reasons=tuple(reasons),
        synthetic=_synthetic(plan, names),
        mock=any(waves.info(plan, w).shuffled for w in names),
        gates=tuple(gates),
        manifest=known,
        environment=(f"Python {env['python']}", *packages),
        deviations=tuple(d.text() for d in registration.deviations(plan, wave)),
        planned_said=_planned_said(plan, wave, checked),
        plan_traces=tuple(t.says for t in traces),
        fixed_before=plan_evidence.before_answers(traces),
        sense_check=rows,
        known_truth=manifest.known_truth(),
    )


def _planned_said(plan: Plan, wave: str, checked: CheckedResults) -> str:
    """Return how the results that are called planned compare with those that the frozen plan foretells."""
    from evaluation.analysis import foretold

    told = foretold.frozen(plan, wave)
    if told is None:
        return "No plan was frozen, so nothing was foretold."
    rows = [r for _, r in checked.rows()]
    odd, absent = foretold.unforetold([r for r in rows if r.planned], told), foretold.ungiven(rows, told)
    said = (
        f"It foretells {len(told)} results (levels, answers, differences); called planned and not foretold: {len(odd)}"
    )
    return f"{said}; foretold and neither given nor refused by name: {len(absent)}, of groups too small to show."


def released_themes(checked: CheckedResults) -> set[str]:
    """Return the codes of the feedback themes that the report shows."""
    ids = [row for e in checked.exhibits if e.id.startswith("feedback.themes") for row in e.cells]
    return {str(row).strip() for row, _ in ids}


def _wave_words(plan: Plan, wave: str) -> WaveWords:
    from evaluation.intake import waves
    from evaluation.report.context import WaveWords

    info = waves.info(plan, wave)
    return WaveWords(wave, info.label, info.start, info.end, info.attendance_asked, info.origin)


def _synthetic(plan: Plan, names: tuple[str, ...]) -> bool:
    from evaluation.intake import waves

    return any(waves.info(plan, w).origin == "synthetic" or waves.info(plan, w).shuffled for w in names)
