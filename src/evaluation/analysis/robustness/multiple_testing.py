"""Several outcomes at once: chances corrected within their family, and how many would differ by chance alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from evaluation import errors
from evaluation import exhibit as w
from evaluation.analysis import layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, joined, sample_for
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness.unmeasured_confounding import planned_row
from evaluation.analysis.verdicts import FAMILIES
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import multiplicity, power

LEVEL = 0.05
WEIGHT = "analysis_weight"
LEAST_DRAWS = 199


@dataclass(frozen=True, slots=True)
class Together:
    """Result id → p within its family, and family → the method that made it."""

    p: dict[str, float] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)


def together(plan: Plan, compare: Comparison, sample: Any, survey: Survey, attend: Sequence[Any]) -> Together:
    """Return the corrected p of every planned comparison of a family.

    Secondary outcomes and controls: Romano-Wolf by wild cluster bootstrap in the designed sample, weighted and
    adjusted as planned, never below the p of the planned estimate itself; Holm where sessions are too few for it.
    Exploratory outcomes: Benjamini and Hochberg.
    """
    p: dict[str, float] = {}
    methods: dict[str, str] = {}
    for family in FAMILIES:
        rows = [r for r in attend if _in_family(r, family)]
        if not rows:
            continue
        plain = pd.Series({r.id: r.p for r in rows})
        if family == "exploratory":
            found, methods[family] = multiplicity.benjamini_hochberg(plain), "Benjamini and Hochberg"
        else:
            found, methods[family] = _stepped(plan, compare, sample, survey, rows, plain)
        p |= {k: float(v) for k, v in found.items()}
    return Together(p, methods)


def _in_family(row: Any, family: str) -> bool:
    named = isinstance(row, Estimate) and row.family == family and row.p is not None
    return named and row.id.startswith("attend.") and row.id.count(".") == 3


def _stepped(plan, compare, sample, survey, rows, plain) -> tuple[pd.Series, str]:
    """Return step-down p-values of a family in the designed sample; Holm's where the bootstrap cannot serve."""
    fixed = sample_for(compare.people, sample)
    frame = compare.people.assign(**{WEIGHT: fixed.match_weight * compare.people[COMPARISON_WEIGHT]})
    answers = survey.outcomes.reindex(frame.index)[[r.outcome for r in rows]].astype(float)
    frame = frame.join(answers)[lambda f: f[WEIGHT] > 0]
    try:
        table = multiplicity.romano_wolf(
            frame,
            outcomes=list(answers),
            treat=TREATED,
            covariates=adjusted_for(plan, frame),
            weight=WEIGHT,
            cluster="session",
            draws=max(plan.sensitivity.bootstrap_draws, LEAST_DRAWS),
            seed=plan.seed,
            missing="each",
        )
    except errors.DataError:
        return multiplicity.holm(plain), "Holm"
    if str(table["method"].iloc[0]) != multiplicity.WILD:
        return multiplicity.holm(plain), "Holm"
    stepped = pd.Series(table["p_family"].to_numpy(), index=plain.index)
    return pd.concat([stepped, plain], axis=1).max(axis=1), "Romano and Wolf, sessions drawn"


def families(plan: Plan, wave: str, attend: Sequence[Any], found: Together) -> Exhibit:
    """Return each outcome's chance as it stands and corrected, and how many would differ by chance alone."""
    triples: list[tuple[str, str, Any]] = []
    for row in attend:
        if row.id not in found.p:
            continue
        name, base = f"{plan.label_of(row.outcome)} ({row.family})", min(row.n.values())
        words = {"base": base, "wave": wave, "decimals": 3}
        triples.append((name, "Chance alone", w.measure(f"p.{row.id}", row.p, "", **words)))
        triples.append((name, "Within its family", w.measure(f"pfamily.{row.id}", found.p[row.id], "", **words)))
    triples += (
        _counts(wave, len(found.p))
        if found.p
        else [("No family", "Chance alone", w.words(f"tests.none.all.{wave}", "no further outcome could be compared"))]
    )
    notes = tuple(f"{family.capitalize()}: {method}." for family, method in found.methods.items())
    return layout.table(plan, wave, "sensitivity.families").add(triples).note_texts("more", notes).exhibit()


def _counts(wave: str, count: int) -> list[tuple[str, str, Any]]:
    by_chance = multiplicity.expected_by_chance(count, LEVEL)
    cells = (("Comparisons made", "count", count, 0), ("Would differ by chance alone", "chance", by_chance, 1))
    return [
        (name, "Chance alone", w.measure(f"tests.{id}.all.{wave}", value, "comparisons", wave=wave, decimals=places))
        for name, id, value, places in cells
    ]


def equivalence(
    plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey, attend: Sequence[Any]
) -> Exhibit:
    """Return whether the whole 95 % interval of the planned contrast lies inside the smallest worthwhile difference.

    Weights and sessions are in the interval. Beside it: the chance that a study of this error rules it out if there is
    no difference, and two one-sided tests of the matched people without weights or sessions (Schuirmann 1987).
    """
    row = planned_row(plan, attend)
    if not isinstance(row, Estimate) or not row.se or not row.margin:
        reason = row if not isinstance(row, Estimate) else NotIdentified("no margin was stated", "State one.")
        return layout.refused(plan, wave, "sensitivity.equivalence", reason)
    stem, base = f"equal.{row.outcome}.all.{wave}", min(row.n.values())
    inside = -row.margin < row.low - (row.null or 0.0) and row.high - (row.null or 0.0) < row.margin
    chance = power.chance_of_equivalence(row.margin, row.se, df=row.df or float("inf"))
    words = {"base": base, "wave": wave}
    triples: list[tuple[str, str, Any]] = [
        ("Smallest worthwhile difference", "Size", w.measure(f"{stem}.margin", row.margin, row.unit, **words)),
        (
            "Difference and its range",
            "Size",
            w.measure(f"{stem}.range", row.value, row.unit, **words, low=row.low, high=row.high),
        ),
        ("Whole range smaller than it", "Size", w.words(f"{stem}.inside", "yes" if inside else "no")),
        (
            "Chance of a yes if there is no difference at all",
            "Size",
            w.measure(f"{stem}.chance", 100 * chance, "per cent", **words, decimals=0),
        ),
    ]
    p = unweighted(joined(compare, survey, row.outcome), sample, row.outcome, row.margin)
    name = "Two one-sided tests, matched people, no weights"
    triples.append((name, "Size", w.measure(f"{stem}.tost", p, "", **words, decimals=3)))
    return layout.table(plan, wave, "sensitivity.equivalence").add(triples).exhibit()


def unweighted(people: Any, sample: Any, outcome: str, margin: float) -> float:
    """Return the larger p of two one-sided t tests (pingouin) between matched attendees and their counterparts."""
    import pingouin

    used = people[(sample_for(people, sample).match_weight > 0).to_numpy()]
    arms = [used.loc[used[TREATED] == arm, outcome].to_numpy(float) for arm in (1, 0)]
    table = pingouin.tost(*arms, bound=margin)
    return float(table[next(c for c in table if c.startswith("p"))].iloc[0])
