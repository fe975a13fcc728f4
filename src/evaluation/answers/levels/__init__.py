"""Notebook 05, first half: what people say, how groups differ, and what changed since before."""

from evaluation.answers.levels.changing import changes, gaps, prior_wave
from evaluation.answers.levels.saying import raw_beside_weighted, reliability, trio, trust
from evaluation.answers.levels.surveyed import Survey, margin_of, prepare

__all__ = [
    "Survey", "changes", "gaps", "margin_of", "prepare", "prior_wave", "raw_beside_weighted", "reliability", "trio",
    "trust",
]  # fmt: skip
