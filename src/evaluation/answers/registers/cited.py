"""Published figures and other surveys: beside ours, with base, area, period and whether the source was seen."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.answers.registers import shelf
from evaluation.answers.registers.shelf import Held, Triples, official, optional
from evaluation.answers.words import exhibit, measure, words
from evaluation.exhibits import Exhibit
from evaluation.programme import figures as published
from evaluation.study import Plan

AS_CITED = "Figures are as published by the body named; those not seen at their source are marked “as cited in”."
UNITS = {
    "share": "per cent",
    "rate_ratio": "times",
    "pct_change_count": "per cent of the earlier count",
    "target": "per cent",
}


def as_cited(row: Any) -> str:
    """Return the source of a row of a register: bare when the team saw it, else "as cited in"."""
    source, seen = optional(row, "source"), optional(row, "verified")
    if pd.isna(source) or not str(source).strip():
        return "source not stated"
    if pd.isna(seen) or seen == "cited_only":
        return f"as cited in {source}"
    return f"{source}; its own source differs" if seen == "conflicts" else str(source)


def figures(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return the published figures that can be read alone, and every one with what it lacks."""
    title = "Published figures, as context"
    rows = shelf.register(plan, wave, held, "context_figures")
    if rows is None:
        return [shelf.absent(plan, wave, "context.figures", title, "context_figures", ("policy-11", "annex-N"))]
    lacks = [published.lacking(**_parts(row)) for row in rows.itertuples(index=False)]
    whole: Triples = []
    every: Triples = []
    for row, lack in zip(rows.itertuples(index=False), lacks, strict=True):
        stem = f"context.{row.figure_id}"
        if not lack:
            whole += _figure(row, wave, stem)
        every += _entry(plan, row, wave, stem, lack)
    incomplete = sum(bool(x) for x in lacks)
    note = "Every figure stands in the annex; those without a base, an area, a period or a comparator stand only there."
    source = "Register of context figures"
    made = (
        [
            exhibit(
                "context.figures",
                title,
                whole,
                sections=("policy-11",),
                wave=wave,
                row_header="Figure",
                source=source,
                notes=(AS_CITED, *((note,) if incomplete else ())),
            )
        ]
        if whole
        else []
    )
    register = exhibit(
        "context.register",
        "Every published figure, and what it lacks",
        every,
        sections=("annex-N",),
        wave=wave,
        row_header="Figure",
        source=source,
        notes=(
            AS_CITED,
            "A percentage without its two numbers, a ratio without its comparator and an average without "
            "its number of cases cannot be read; no base was invented.",
        ),
    )
    return [*made, register]


def _parts(row: Any) -> dict[str, Any]:
    names = ("kind", "value", "numerator", "denominator", "comparator", "area_of_figure", "period")
    return {n: optional(row, n) for n in names}


def _value(row: Any, id: str, wave: str) -> Any:
    text = f"{float(row.value):.10f}".rstrip("0")
    return measure(
        id, float(row.value), UNITS.get(row.kind, ""), public=True, wave=wave, decimals=len(text.partition(".")[2])
    )


def _figure(row: Any, wave: str, stem: str) -> Triples:
    label = str(row.claim)
    return [
        (label, "Value", _value(row, f"{stem}.value.{wave}", wave)),
        (label, "Of what", words(f"{stem}.base.{wave}", _base(row))),
        (label, "Area and period", words(f"{stem}.where.{wave}", f"{row.area_of_figure}, {row.period}")),
        (label, "Source", words(f"{stem}.source.{wave}", as_cited(row))),
    ]


def _base(row: Any) -> str:
    top, bottom, against = (optional(row, n) for n in ("numerator", "denominator", "comparator"))
    if not pd.isna(top) and not pd.isna(bottom):
        return f"{float(top):,.0f} of {float(bottom):,.0f}"
    return "–" if pd.isna(against) else f"against {against}"


def _entry(plan: Plan, row: Any, wave: str, stem: str, lack: str) -> Triples:
    seen, kinds = (shelf.levels(plan, "context_figures", c) for c in ("verified", "kind"))
    label = f"{row.figure_id} {row.claim}"
    return [
        (label, "Value", _value(row, f"{stem}.entry.{wave}", wave)),
        (label, "Kind", words(f"{stem}.kind.{wave}", str(kinds.get(row.kind, row.kind)))),
        (label, "Area and period", words(f"{stem}.entry_where.{wave}", f"{row.area_of_figure}, {row.period}")),
        (label, "Base", words(f"{stem}.lacks.{wave}", lack or _base(row))),
        (label, "Source", words(f"{stem}.entry_source.{wave}", as_cited(row))),
        (label, "Seen by the team?", words(f"{stem}.seen.{wave}", seen.get(row.verified, str(row.verified)))),
    ]


def surveys(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return other surveys' estimates, compared with ours only where the wording is the same."""
    rows = shelf.register(plan, wave, held, "external_surveys")
    title = "Other surveys, beside ours and never pooled with it"
    if rows is None:
        return shelf.absent(plan, wave, "context.surveys", title, "external_surveys", ("annex-N",))
    names = shelf.levels(plan, "external_surveys", "survey") | {"other": ""}
    ours = {plan.label_of(o).strip().lower() for o in plan.all_outcomes}
    labels = shelf.unique([_survey(names, r) for r in rows.itertuples(index=False)])
    cells: Triples = []
    for place, (label, row) in enumerate(zip(labels, rows.itertuples(index=False), strict=True)):
        cells += _estimate(row, label, f"context.survey{place + 1:02d}", wave, str(row.wording).strip().lower() in ours)
    return exhibit(
        "context.surveys",
        title,
        cells,
        sections=("annex-N",),
        wave=wave,
        row_header="Survey and group",
        source="Register of external surveys",
        notes=(AS_CITED, "A survey that asked other words measured something else, so no difference is worked out."),
    )


def _survey(names: dict[str, str], row: Any) -> str:
    survey = names.get(row.survey, row.survey)
    return f"{survey}, {row.period}: {row.group}" if survey else f"{row.period}: {row.group}"


def _estimate(row: Any, label: str, stem: str, wave: str, same: bool) -> Triples:
    ends = {k: float(v) for k, v in (("low", optional(row, "lo")), ("high", optional(row, "hi"))) if not pd.isna(v)}
    match = "yes, the same wording" if same else "no, the wording differs: not compared"
    known = not pd.isna(row.n_base) and row.n_base > 0
    return [
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
        (
            label,
            "Answers",
            official(f"{stem}.n.{wave}", int(row.n_base), wave, unit="people", universe="external", row=stem)
            if known
            else words(f"{stem}.n.{wave}", "not stated"),
        ),
        (label, "Wording there", words(f"{stem}.wording.{wave}", str(row.wording))),
        (label, "Comparable?", words(f"{stem}.match.{wave}", match)),
        (label, "Source", words(f"{stem}.source.{wave}", as_cited(row))),
    ]
