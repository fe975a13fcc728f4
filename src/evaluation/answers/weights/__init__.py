"""Notebook 02: population weights of every wave, their price, and the comparison weights of non-attendees."""

from evaluation.answers.weights.cells import Cells, collapsed
from evaluation.answers.weights.made import WaveWeights, by_wave, comparison_weight, frame, met
from evaluation.answers.weights.shown import answer, gates, margins_table, summary

__all__ = [
    "Cells", "WaveWeights", "answer", "by_wave", "collapsed", "comparison_weight", "frame", "gates", "margins_table",
    "met", "summary",
]  # fmt: skip
