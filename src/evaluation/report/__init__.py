"""Lay checked results out as tables, charts, sentences and accessible pages; compute no statistic."""

from evaluation.report.publish import answer, publish, publish_all

__all__ = ["answer", "publish", "publish_all"]
