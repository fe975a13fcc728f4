"""Notebooks 03 and 04: who attended, who could have, and who is compared with whom; no outcome is seen here."""

from evaluation.answers.comparison.attendance import (
    arms_table,
    attendance_model,
    claimed_share,
    claims,
    overlap,
    overlap_answer,
    overlap_gates,
    reasons,
    routes,
)
from evaluation.answers.comparison.balanced import balance_answer, balance_gates, balance_table, placebo, sample_table
from evaluation.answers.comparison.described import lots, sources, spread_table, support, weights_audit
from evaluation.answers.comparison.prepared import (
    COMPARISON_WEIGHT,
    Comparison,
    caliper_over,
    companion,
    everybody,
    holds_outcomes,
    match,
    nobody,
    planned_matching,
    prepare,
)

__all__ = [
    "COMPARISON_WEIGHT",
    "Comparison",
    "arms_table",
    "attendance_model",
    "balance_answer",
    "balance_gates",
    "balance_table",
    "caliper_over",
    "claimed_share",
    "claims",
    "companion",
    "everybody",
    "holds_outcomes",
    "lots",
    "match",
    "nobody",
    "overlap",
    "overlap_answer",
    "overlap_gates",
    "placebo",
    "planned_matching",
    "prepare",
    "reasons",
    "routes",
    "sample_table",
    "sources",
    "spread_table",
    "support",
    "weights_audit",
]
