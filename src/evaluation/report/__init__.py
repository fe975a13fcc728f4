"""Lay checked results out as tables, charts, sentences and accessible pages; compute no statistic."""

from evaluation.analysis.model_table import model_table
from evaluation.report import display
from evaluation.report.publish import answer, publish, words

__all__ = ["answer", "display", "model_table", "publish", "words"]
