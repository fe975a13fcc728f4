"""What surrounds the programme: published figures, other surveys, history, initiatives, indicators, outcomes."""

from __future__ import annotations

import pandas as pd

from evaluation.answers.registers import shelf
from evaluation.answers.registers.goals import indicators_sheet, theory
from evaluation.answers.registers.shelf import Held, Triples, official, optional
from evaluation.answers.registers.status import requirements
from evaluation.answers.words import exhibit, measure, words
from evaluation.exhibits import Exhibit
from evaluation.study import Plan

AS_CITED = "Figures are as published by the body named; those not seen at their source are marked “as cited”."


def context(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return published figures, other surveys, the timeline, initiatives, indicators, outcomes, and what works."""
    return [
        _figures(plan, wave, held),
        _surveys(plan, wave, held),
        _timeline(plan, wave, held),
        _initiatives(plan, wave, held),
        _partners(plan, wave, held),
        indicators_sheet(plan, wave, held),
        theory(plan, wave, held),
        requirements(plan, wave, held),
    ]


def figures_and_history(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return the exhibits of published figures, other surveys, history and initiatives."""
    return [
        _figures(plan, wave, held),
        _surveys(plan, wave, held),
        _timeline(plan, wave, held),
        _initiatives(plan, wave, held),
    ]


def _figures(plan: Plan, wave: str, held: Held) -> Exhibit:
    sections = ("policy-11", "annex-N")
    rows = shelf.register(plan, wave, held, "context_figures")
    if rows is None:
        return shelf.absent(plan, wave, "context.figures", "Published figures", "context_figures", sections)
    seen, kinds = (shelf.levels(plan, "context_figures", c) for c in ("verified", "kind"))
    cells: Triples = []
    for row in rows.itertuples(index=False):
        label, stem = str(row.claim), f"context.{row.figure_id}"
        places = 0 if float(row.value).is_integer() else 1
        kind = kinds.get(row.kind, row.kind)
        against = optional(row, "comparator")
        cells += [
            (
                label,
                "Figure",
                measure(
                    f"{stem}.value.{wave}", float(row.value), str(kind).lower(), public=True, wave=wave, decimals=places
                ),
            ),
            (label, "Kind", words(f"{stem}.kind.{wave}", str(kind))),
            (label, "Area and period", words(f"{stem}.where.{wave}", f"{row.area_of_figure}, {row.period}")),
            (
                label,
                "Compared with",
                words(f"{stem}.against.{wave}", "not stated" if pd.isna(against) else str(against)),
            ),
            (label, "Source", words(f"{stem}.source.{wave}", _cited(row))),
            (label, "Seen by the team?", words(f"{stem}.seen.{wave}", seen.get(row.verified, row.verified))),
        ]
    return exhibit(
        "context.figures",
        "Published figures, as context",
        cells,
        sections=sections,
        wave=wave,
        row_header="Figure",
        source="Register of context figures",
        notes=(AS_CITED,),
    )


def _cited(row: object) -> str:
    source = str(getattr(row, "source", ""))
    return source if getattr(row, "verified", "") == "primary_seen" else f"as cited in {source}"


def _surveys(plan: Plan, wave: str, held: Held) -> Exhibit:
    rows = shelf.register(plan, wave, held, "external_surveys")
    title = "Other surveys, beside ours and never pooled with it"
    if rows is None:
        return shelf.absent(plan, wave, "context.surveys", title, "external_surveys", ("annex-N",))
    names = shelf.levels(plan, "external_surveys", "survey")
    ours = {plan.label_of(o).strip().lower() for o in plan.all_outcomes}
    cells: Triples = []
    labels = shelf.unique(
        [f"{names.get(r.survey, r.survey)}, {r.period}: {r.group}" for r in rows.itertuples(index=False)]
    )
    for place, (label, row) in enumerate(zip(labels, rows.itertuples(index=False), strict=True)):
        stem = f"context.survey{place + 1:02d}"
        ends = {k: float(v) for k, v in (("low", optional(row, "lo")), ("high", optional(row, "hi"))) if not pd.isna(v)}
        same = str(row.wording).strip().lower() in ours
        cells += [
            (
                label,
                "Estimate",
                measure(
                    f"{stem}.value.{wave}",
                    float(row.estimate),
                    "per cent",
                    public=True,
                    wave=wave,
                    decimals=0,
                    **(ends if len(ends) == 2 else {}),
                ),
            ),
            (label, "Wording there", words(f"{stem}.wording.{wave}", str(row.wording))),
            (
                label,
                "Comparable?",
                words(
                    f"{stem}.match.{wave}", "yes, the same wording" if same else "no, the wording differs: not compared"
                ),
            ),
        ]
        if row.n_base > 0:
            cells.append(
                (
                    label,
                    "Answers",
                    official(
                        f"{stem}.n.{wave}", int(row.n_base), wave, unit="people", universe="external", row=place + 1
                    ),
                )
            )
        else:
            cells.append((label, "Answers", words(f"{stem}.n.{wave}", "not stated")))
    return exhibit(
        "context.surveys",
        title,
        cells,
        sections=("annex-N",),
        wave=wave,
        row_header="Survey and group",
        source="Register of external surveys",
        notes=(AS_CITED,),
    )


def _timeline(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return fieldwork, the first and last event and dated outside events on one line, oldest first."""
    from evaluation.errors import EvaluationError
    from evaluation.intake import waves

    history, events = (shelf.register(plan, wave, held, n) for n in ("history", "events"))
    sections = ("policy-8", "annex-N")
    if history is None and events is None:
        return shelf.absent(plan, wave, "history.timeline", "What happened when", "history", sections)
    dated: list[tuple[pd.Timestamp, str, str]] = []
    for name in plan.waves:
        try:
            info = waves.info(plan, name)
        except (EvaluationError, OSError):
            continue
        if info.start is not None:
            dated.append((pd.Timestamp(info.start), f"Survey {name}: first answers", "fieldwork"))
        if info.end is not None:
            dated.append((pd.Timestamp(info.end), f"Survey {name}: last answers", "fieldwork"))
    if events is not None and events["event_date"].notna().any():
        dates = events["event_date"].dropna()
        dated += [
            (dates.min(), "First event on the register", "programme"),
            (dates.max(), "Latest event on the register", "programme"),
        ]
    if history is not None:
        places = shelf.levels(plan, "history", "area") | {"force": "force area", "national": "national"}
        for row in history.itertuples(index=False):
            area, end = optional(row, "area"), optional(row, "end")
            where = "" if pd.isna(area) else f" ({places.get(area, area)})"
            until = "" if pd.isna(end) else f", until {shelf.day_words(end)}"
            dated.append((row.start, f"{row.what}{where}{until}", "outside event"))
    dated.sort(key=lambda d: (d[0], d[1]))
    labels = shelf.unique([shelf.day_words(d[0]) for d in dated])
    cells: Triples = []
    for place, (label, (_, what, kind)) in enumerate(zip(labels, dated, strict=True)):
        cells.append((label, "What", words(f"history.{place + 1:02d}.{wave}", what)))
        cells.append((label, "Kind", words(f"history.{place + 1:02d}.kind.{wave}", kind)))
    return exhibit(
        "history.timeline",
        "What happened when",
        cells,
        sections=sections,
        wave=wave,
        chart="timeline",
        row_header="Date",
        source="Registers of history and events; fieldwork dates",
        notes=("What stands side by side here is not thereby connected.",),
    )


def _initiatives(plan: Plan, wave: str, held: Held) -> Exhibit:
    rows = shelf.register(plan, wave, held, "initiatives")
    if rows is None:
        return shelf.absent(plan, wave, "initiatives.table", "Other initiatives", "initiatives", ("annex-N",))
    kinds, answers = (shelf.levels(plan, "initiatives", c) for c in ("mechanism", "contamination_risk"))
    cells: Triples = []
    labels = shelf.unique([f"{r.title} ({r.organisation})" for r in rows.itertuples(index=False)])
    for label, row in zip(labels, rows.itertuples(index=False), strict=True):
        stem = f"initiatives.{row.initiative_id}"
        columns = (
            ("Mechanism", kinds.get(row.mechanism, row.mechanism)),
            ("Does its source report an outcome?", answers.get(row.outcome_reported, row.outcome_reported)),
            ("Could it reach people compared here?", answers.get(row.contamination_risk, row.contamination_risk)),
            ("Source", row.source_ref),
        )
        cells += [
            (label, c, words(f"{stem}.{k + 1}.{wave}", "not stated" if pd.isna(v) else str(v)))
            for k, (c, v) in enumerate(columns)
        ]
    return exhibit(
        "initiatives.table",
        "Initiatives named in the sources",
        cells,
        sections=("annex-N",),
        wave=wave,
        row_header="Initiative",
        source="Register of initiatives",
        notes=(
            "Nothing is claimed of these initiatives. One that can reach people compared here makes any "
            "difference between groups harder to read.",
        ),
    )


def _partners(plan: Plan, wave: str, held: Held) -> Exhibit:
    rows = shelf.register(plan, wave, held, "partners")
    title = "Organisations that helped to reach people"
    if rows is None:
        return shelf.absent(plan, wave, "context.partners", title, "partners", ("annex-D",))
    names = shelf.levels(plan, "partners", "network")
    cells: Triples = []
    for network, part in rows.groupby("network", sort=True):
        label, stem = names.get(str(network), str(network)), f"partners.{network}.{wave}"
        key = {"unit": "organisations", "universe": "partners", "network": network}
        cells += [
            (
                label,
                "Approached",
                shelf.plain(
                    f"{stem}.approached", int((part["approached"] == "yes").sum()), wave, **key, step="approached"
                ),
            ),
            (
                label,
                "Agreed",
                shelf.plain(f"{stem}.agreed", int((part["agreed"] == "yes").sum()), wave, **key, step="agreed"),
            ),
            (
                label,
                "Answers through them",
                shelf.people(
                    f"{stem}.answers",
                    int(part["n_responses"].sum()),
                    wave,
                    unit="people",
                    universe="people",
                    partner=network,
                ),
            ),
        ]
    return exhibit(
        "context.partners",
        title,
        cells,
        sections=("annex-D",),
        wave=wave,
        row_header="Network",
        source="Register of partners",
    )
