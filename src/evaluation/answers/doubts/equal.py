"""Could a worthwhile difference be ruled out? The rule on the interval, and an unweighted test beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluation.answers import words as w
from evaluation.answers.attendees import joined, sample_for
from evaluation.answers.comparison import Comparison
from evaluation.answers.doubts.unseen import planned_row
from evaluation.answers.levels import Survey
from evaluation.answers.samples import TREATED
from evaluation.estimates import Estimate, NotIdentified
from evaluation.exhibits import Exhibit
from evaluation.statistics import power
from evaluation.study import Plan

TITLE = "Could a worthwhile difference be ruled out?"


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
        return w.refusal_exhibit("sensitivity.equivalence", TITLE, reason, wave, ("annex-I",), "equal.attend.all")
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
    return w.exhibit(
        "sensitivity.equivalence",
        TITLE,
        triples,
        sections=("annex-I",),
        wave=wave,
        row_header="Measure",
        notes=(
            "The last line is the chance of a difference this small if a worthwhile one existed; it knows neither "
            "weights nor sessions.",
        ),
    )


def unweighted(people: Any, sample: Any, outcome: str, margin: float) -> float:
    """Return the larger p of two one-sided t tests (pingouin) between matched attendees and their counterparts."""
    import pingouin

    used = people[(sample_for(people, sample).match_weight > 0).to_numpy()]
    arms = [used.loc[used[TREATED] == arm, outcome].to_numpy(float) for arm in (1, 0)]
    table = pingouin.tost(*arms, bound=margin)
    return float(table[next(c for c in table if c.startswith("p"))].iloc[0])
