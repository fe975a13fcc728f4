"""Notebook 02: population weights of every wave, their price, and the comparison weights of non-attendees."""

from evaluation.answers.weights.cells import Cells, collapsed
from evaluation.answers.weights.made import (
    WaveWeights,
    benchmark_gaps,
    by_wave,
    comparison_weight,
    effective_n,
    focus_levels,
    frame,
    met,
    of_group,
)
from evaluation.answers.weights.shown import answer, gates, group_table, margins_table, summary, unused

__all__ = [
    "Cells",
    "WaveWeights",
    "answer",
    "benchmark_gaps",
    "by_wave",
    "collapsed",
    "comparison_weight",
    "effective_n",
    "focus_levels",
    "frame",
    "gates",
    "group_table",
    "margins_table",
    "met",
    "of_group",
    "summary",
    "unused",
]
