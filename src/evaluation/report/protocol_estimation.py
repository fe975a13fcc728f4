"""How a study's numbers are worked out, for its protocol: estimand, estimator and error of each kind, and families."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.analysis import declared_inputs, vocabulary
from evaluation.plan.study import Plan
from evaluation.report import tables
from evaluation.report.page_parts import Block

TOGETHER = (
    "of the comparison of people: Romano and Wolf's step-down (Holm's method where it cannot serve); "
    "of changes and gaps: Holm's method, within a group"
)
UNPLANNED = "Benjamini and Hochberg's method, over all unplanned comparisons together"
CONTROLS = "Romano and Wolf's step-down and a joint test: none should differ"
RANGES = (
    "Every range is of 95 per cent, and a direction needs the whole of it on one side. People without an answer are "
    "left out of what needs it; the same with their answers filled in stands beside the planned comparison."
)


def estimation(plan: Plan) -> Iterator[Block]:
    """Yield the table of estimands, estimators and errors of what the plan declares, and what holds for all of them."""
    rows = [(what, estimand, how, vocabulary.own(plan, error)) for what, estimand, how, error in _rows(plan)]
    header = ("Of", "What is estimated", "How", "Error")
    yield Block("html", tables.plain(header, rows, caption="Estimation", name="p-estimation"), fixed=True)
    scales = (
        f"{s.label}: the mean of {s.least_items} or more of {len(s.items)} answers." for s in plan.scales.values()
    )
    yield Block("para", [RANGES, *scales], fixed=True)


def _rows(plan: Plan) -> Iterator[tuple[str, str, str, str]]:
    held, replicates = declared_inputs.of(plan), "sessions left out in turn, weights made again; t"
    weighted = "weighted" if plan.population.margins or plan.given_weight else "unweighted"
    yield "Levels", "mean, or share of positive answers, in the population", f"{weighted} mean", replicates
    if declared_inputs.BEFORE in held:
        yield "Changes", "difference of a level between two waves", f"difference of {weighted} means", replicates
    if declared_inputs.GROUPS in held:
        yield "Gaps", "difference of a level between two groups", f"difference of {weighted} means", replicates
    if declared_inputs.TREATMENT in held:
        treated, untreated = plan.words.treated, plan.words.untreated
        yield (
            f"{treated} against {untreated}",
            f"mean difference among {treated} who answered (ATT)",
            f"{weighted} g-computation on the matched people, adjusted for the prognostic characteristics",
            "by pair and session (CR2, Satterthwaite degrees of freedom, where sessions are few)",
        )
