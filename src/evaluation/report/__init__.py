"""Lay checked results out as tables, charts, sentences and accessible pages; compute no statistic."""

from .publishing import answer, publish

__all__ = ["answer", "publish"]
