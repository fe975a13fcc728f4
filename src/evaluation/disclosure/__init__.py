"""The gate: suppress, round, attack what is left. The only maker of objects that may be shown."""

from __future__ import annotations

from evaluation.disclosure.attack import Tables, intervals, protect_counts, round_count
from evaluation.disclosure.checked_results import CheckedExhibit, CheckedResults, CheckedRow
from evaluation.disclosure.leaks import escape_cell, scan
from evaluation.disclosure.protection import protect
from evaluation.verdict import TOO_FEW

__all__ = [
    "TOO_FEW",
    "CheckedExhibit",
    "CheckedResults",
    "CheckedRow",
    "Tables",
    "escape_cell",
    "intervals",
    "protect",
    "protect_counts",
    "round_count",
    "scan",
    "to_ledger",
]


def to_ledger(results: CheckedResults, *, report: str) -> dict[str, object]:
    """Return what a release adds to the ledger: published counts by key, nothing exact.

    Parameters
    ----------
    results : CheckedResults
        What the run published.
    report : str
        Name of the report's folder.

    Returns
    -------
    dict
        "report", and "counts": key to rounded count, None where hidden.
    """
    return {"report": report, "counts": dict(sorted(results.counts.items()))}
