"""Lay checked results out as tables, charts, sentences and accessible pages; compute no statistic."""
