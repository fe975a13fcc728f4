"""Exhibits made by hand for the report's tests: no data, no model, every kind of chart and every kind of answer."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

from evaluation.exhibit import Count, Exhibit, Item, Measure, Text, cell_key
from evaluation.plan.study import Plan
from evaluation.report.context import ReportContext, SenseCheckRow, WaveWords
from evaluation.results import Estimate, Gate, NotIdentified, TooFew, with_verdict

ROOT = Path(__file__).resolve().parents[2]
LONG = "A label of two hundred characters that a survey tool exported with all of its words, " * 3
GROUPS = {"black": "Black respondents", "other": "All other respondents"}
ETHNIC = {"asian": "Asian", "black": "Black", "mixed": "Mixed", "white": "White", "others": "Other"}
OUTCOMES = ("conf_overall", "satis_overall", "prap_aware", "trust_overall")
WAVES = ("W2022", "W2024", "W2025")


def plan() -> Plan:
    """Return the shipped plan without its codebook: the report needs its words and sizes only."""
    return Plan(**tomllib.loads((ROOT / "study.toml").read_text("utf-8")), root=ROOT)


def context(**more: Any) -> ReportContext:
    """Return the context of a synthetic draft."""
    waves = (
        WaveWords("W2022", "First survey", attendance_asked=False, origin="synthetic"),
        WaveWords("W2024", "First re-run", dt.date(2024, 5, 1), dt.date(2024, 7, 15), origin="synthetic"),
        WaveWords("W2025", "Second re-run", dt.date(2025, 5, 1), dt.date(2025, 7, 10), origin="synthetic"),
    )
    made = {
        "title": plan().study.title,
        "plan": plan(),
        "wave": "W2025",
        "date": dt.date(2026, 7, 4),
        "waves": waves,
        "draft_reasons": ("run with --draft",),
        "synthetic": True,
        "gates": (
            Gate("overlap", "design", True, bar=0.8, note="Enough attendees have somebody like them"),
            Gate("balance", "quality", False, bar="90th percentile", note="Balance after matching"),
        ),
        "manifest": {"Code": "0123456789ab", "Seed": "20260704"},
        "environment": ("Python 3.11", "pandas 3.1"),
        "deviations": ("matching.ratio: 1 in the frozen plan, 2 now",),
        "sense_check": (
            SenseCheckRow("Stop and search", "amended", "2026-06-20", "It is about respect, not numbers."),
        ),
    }
    return ReportContext(**(made | more))


def contrast(id: str, value: float, half: float, **more: Any) -> Estimate:
    """Return a contrast on the five-point scale with its verdict."""
    parts = id.split(".")
    words = {
        "unit": "points on the 1 to 5 scale",
        "n": {"black": 94, "other": 211},
        "null": 0.0,
        "margin": 0.2,
        "mde": 0.35,
        "licence": "association",
        "planned": True,
        "outcome": parts[1],
        "group": parts[2],
        "wave": parts[3].upper(),
        "method": "regression",
        "se_method": "clustered by session",
        "question": f"The result {id}",
        "estimand": "a difference of means",
    }
    made = Estimate(value=value, se=half / 1.96, low=value - half, high=value + half, id=id, **(words | more))
    return with_verdict(made)


def level(outcome: str, group: str, wave: str, share: float, n: int = 94) -> Estimate:
    """Return a share in per cent with an interval."""
    return Estimate(
        value=share,
        se=4.0,
        low=max(share - 8, 0),
        high=min(share + 8, 100),
        id=f"level.{outcome}.{group}.{wave}".lower(),
        unit="per cent",
        n={group: n},
        outcome=outcome,
        group=group,
        wave=wave,
        method="weighted share",
        se_method="linearised",
        question=f"{outcome} among {group}",
    )


def grid(
    id: str, title: str, cells: list[tuple[str, str, Any]], sections: str, chart: str = "", **more: Any
) -> Exhibit:
    """Return an exhibit from (row, column, result) triples; sections are parted by spaces."""
    items = tuple(Item(*c) for c in cells)
    words = {"source": "the study's own survey", "wave": "W2025", "row_header": "Group"} | more
    return Exhibit(id=id, title=title, items=items, sections=tuple(sections.split()), chart=chart, **words)


def count(id: str, n: int, **levels: object) -> Count:
    """Return a count of the survey."""
    return Count(id=id, n=n, key=cell_key("people", wave="W2025", **levels), kind="identity", wave="W2025")


def main_answers(kind: str) -> list[Exhibit]:
    """Return the exhibits that the brief reads: levels, change, gap, attendance; of a named kind of study."""
    value, half = {
        "positive": (0.45, 0.2),
        "negative": (-0.45, 0.2),
        "null": (0.02, 0.12),
        "unsure": (0.1, 0.4),
        "small": (0.0, 0.4),
    }[kind]
    base = {"W2022": 38.0, "W2024": 41.0, "W2025": 38.0 + 40 * value}
    levels = [
        (
            f"Confidence in the police: {GROUPS[g]}",
            w,
            level("conf_overall", g, w, base[w] + (12 if g == "other" else 0), 94 if g == "black" else 211),
        )
        for g in GROUPS
        for w in WAVES
    ]
    few = TooFew(
        {"black": 12, "other": 80},
        30,
        id="change.conf_overall.black.w2025",
        outcome="conf_overall",
        wave="W2025",
        question="Did confidence change?",
    )
    change = (
        few
        if kind == "small"
        else contrast(
            "change.conf_overall.black.w2025",
            value,
            half,
            same_sign_share=0.97,
            licence="descriptive",
            family="primary",
        )
    )
    gap = contrast("gap.conf_overall.black.w2025", -0.3, 0.25, licence="descriptive")
    attend = contrast("attend.conf_overall.all.w2025", value * 0.6, half * 1.4)
    refused = NotIdentified(
        "no survey before the events asked where people live",
        "Ask for the ward in the next wave.",
        id="d1.conf_overall.all.w2025",
        outcome="conf_overall",
        wave="W2025",
        planned=True,
        question="Places with events and places without",
    )
    designs = [
        ("D1", refused),
        ("D2", contrast("d2.conf_overall.black.w2025", value * 0.8, half * 1.6)),
        ("D3", contrast("d3.conf_overall.all.w2025", value, half, licence="exploratory", planned=False)),
    ]
    return [
        grid("levels.trio", "Confidence in the police by wave", levels, "policy-5 annex-D", "panels"),
        grid(
            "change.all",
            "Change since the first survey",
            [("Confidence in the police", "Change", change)],
            "policy-8 annex-H",
            "forest",
            extras={"axis": "Points on the five-point scale", "reference": 0},
        ),
        grid(
            "gap.all",
            "Black and all other respondents",
            [("Confidence in the police", "Gap", gap)],
            "policy-5",
            "forest",
            extras={"reference": 0},
        ),
        grid(
            "attend.outcomes",
            "People who attended and people like them",
            [("Confidence", "Difference", attend)],
            "policy-7 annex-G",
            "forest",
            extras={"reference": 0},
        ),
        grid(
            "designs.forest",
            "Five ways of asking whether it changed",
            [(n, "Difference", r) for n, r in designs],
            "policy-8 annex-H",
            "forest",
            extras={"reference": 0},
        ),
    ]


def charts() -> list[Exhibit]:
    """Return an exhibit for each kind of chart that the main answers do not use, and some hard cases."""
    shares = {"black": (48, 30, 12, 10), "white": (62, 20, 11, 7), "asian": (55, 25, 12, 8), "mixed": (50, 28, 14, 8)}
    answers = ("Agree", "Neither agree nor disagree", "Don't know", "Disagree")
    stack = [
        (
            ETHNIC[g],
            a,
            Estimate(
                value=float(v),
                se=2.0,
                low=v - 4.0,
                high=v + 4.0,
                unit="per cent",
                n={g: 90},
                id=f"dist.conf_overall.{g}.w2025.{k}",
                outcome="conf_overall",
                wave="W2025",
            ),
        )
        for g, vs in shares.items()
        for k, (a, v) in enumerate(zip(answers, vs, strict=True))
    ]
    trust = [
        (q, GROUPS[g], level(f"trust_{q[:7].lower()}", g, "W2025", v))
        for q, a, b in (
            ("Respect", 44.0, 58.0),
            ("Protect", 51.0, 63.0),
            ("Involve", 30.0, 35.0),
            ("Represent", 26.0, 41.0),
        )
        for g, v in zip(GROUPS, (a, b), strict=True)
    ]
    who = [
        (ETHNIC[g], c, Measure(f"who.{g}.{k}", v, "per cent", base=305, decimals=0))
        for g, vs in {"asian": (24, 20, 19), "black": (31, 8, 8), "mixed": (6, 3, 3), "white": (36, 66, 67)}.items()
        for k, (c, v) in enumerate(zip(("Sample", "Weighted", "Census 2021"), vs, strict=True))
    ]
    love = [
        (
            f"Covariate {k}" if k else LONG[:200],
            c,
            Measure(f"balance.c{k}.{j}", abs(0.3 - 0.02 * k) / (1 + 3 * j), "SD"),
        )
        for k in range(14)
        for j, c in enumerate(("Before", "After"))
    ]
    bands = [
        (
            f"{k / 10:.1f} to {(k + 1) / 10:.1f}",
            c,
            Measure(f"overlap.b{k}.{j}", float(5 + (k * (3 + 4 * j)) % 23), "per cent", base=94, decimals=0),
        )
        for k in range(8)
        for j, c in enumerate(("Attended", "Had not"))
    ]
    spec = [
        (f"Way {k}", "Estimate", contrast(f"spec.conf_overall.s{k}.w2025", -0.1 + 0.012 * k, 0.22, planned=k == 20))
        for k in range(48)
    ]
    steps = [
        (s, "People", count(f"flow.{k}", n, step=k))
        for k, (s, n) in enumerate(
            (("Rows received", 342), ("Consented to analysis", 331), ("Lives in the area", 318), ("Analysed", 305))
        )
    ]
    events = [
        (a, m, Measure(f"events.{a[:4].lower()}.{k}", float((k * 17 + len(a)) % 60), "people", decimals=0))
        for a in ("Leicester", "Charnwood", "Rutland")
        for k, m in enumerate(("2023 spring", "2023 autumn", "2024 spring"))
    ]
    times = [
        ("First event held", "When", Text("t.1", "March 2023")),
        ("Disorder in the city", "When", Text("t.2", "August 2022")),
    ]
    doses = [(f"{k}", "Needed", Measure(f"break.{k}", 0.1 + 0.05 * k, "SD")) for k in range(1, 7)]
    months = [
        (m, "Leicester", Count(f"events.attendance.e{k}", n, cell_key("attendances", event=k), unit="attendances"))
        for k, (m, n) in enumerate((("October 2022", 35), ("January 2023", 60), ("March 2024", 85)))
    ]
    recorded = [
        (y, c, Measure(f"recording.{k}.{y[:4]}", v - 2 * i, "per cent", base=60_000, decimals=1))
        for i, y in enumerate(("2022-2023", "2023-2024", "2024-2025"))
        for k, (c, v) in enumerate((("Left blank", 40.0), ("Victim declined to say", 9.0)))
    ]
    return [
        grid("events.months", "Events by month and area", months, "annex-K", "strip", row_header="Month"),
        grid(
            "recording.share",
            "Victims whose ethnic group is not recorded",
            recorded,
            "policy-11 annex-M",
            "lines",
            row_header="Period",
            extras={"x": "rows", "axis": "Share of victims (per cent)"},
        ),
        grid("levels.all", "Answers on confidence by ethnic group", stack, "policy-5 annex-D", "stacked"),
        grid(
            "levels.trust",
            "Trust in four respects",
            trust,
            "policy-6 annex-F",
            "dots",
            extras={"axis": "Share giving a positive answer (per cent)"},
        ),
        grid("who.composition", "Who answered, and who lives here", who, "policy-4 annex-E", "bars"),
        grid(
            "design.balance",
            "How alike the groups are",
            love,
            "annex-G",
            "love",
            extras={"reference": [0.1, 0.25], "axis": "Standardised difference"},
        ),
        grid("design.overlap", "Where the groups overlap", bands, "annex-G", "overlap"),
        grid("sensitivity.curve", "Every way of analysing", spec, "annex-I", "curve"),
        grid("who.flow", "From rows received to people analysed", steps, "annex-C", "steps", row_header="Step"),
        grid("events.strip", "Events held", events, "policy-3 annex-K", "strip", row_header="Area"),
        grid("history.timeline", "What else happened", times, "policy-3 annex-N", "timeline", row_header="Event"),
        grid("power.curve", "How strong a doubt would have to be", doses, "annex-J", "curve", row_header="Strength"),
    ]


def tables() -> list[Exhibit]:
    """Return tables: forty rows, a long label, markup as a label, counts that must be hidden, themes, actions."""
    many = [(f"Row {k}", "Number", Measure(f"many.r{k}", k / 7, "")) for k in range(40)]
    odd = [
        ("<b>bold</b> & =cmd()", "<i>x</i>", Text("odd.1", "<script>alert(1)</script>")),
        (LONG[:200], "Long", Text("odd.2", LONG)),
    ]
    arms = [
        (a, "People", count(f"n.arms.{k}", n, arm=k))
        for k, (a, n) in enumerate((("LPACT only", 41), ("IAG only", 4), ("Both", 7), ("Neither", 230)))
    ]
    themes = [
        (t, "Comments", Count(f"feedback.theme.{k}", n, cell_key("comments", theme=k)))
        for k, (t, n) in enumerate((("Stop and search", 63), ("Being listened to", 41), ("Young people", 22)))
    ]
    done = [
        (
            s,
            "Actions",
            Count(
                f"actions.status.{s.lower().replace(' ', '_')}.w2025", n, cell_key("actions", status=s), sensitive=False
            ),
        )
        for s, n in (("Done", 14), ("Under way", 9), ("Could not", 3))
    ]
    costs = [("Each attendance", "Pounds", Measure("costs.per_attendance.w2025", 18.4, "pounds", decimals=0))]
    return [
        grid("many.rows", "A table of forty rows", many, "annex-D"),
        grid("odd.labels", "Labels with markup", odd, "annex-N"),
        grid("arms.counts", "Who attended what", arms, "policy-7 annex-G"),
        grid(
            "feedback.themes", "What people told us", themes, "policy-9 sense-check annex-L", "bars", row_header="Theme"
        ),
        grid("actions.status", "What happened to what people asked for", done, "policy-10", row_header="Status"),
        grid("costs.table", "What it cost", costs, "policy-12 practice-bank", row_header="Per"),
    ]


def exhibits(kind: str = "positive") -> list[Exhibit]:
    """Return the whole hand-made study."""
    return [*main_answers(kind), *charts(), *tables()]
