"""Notebook 05, first half: what people say, how groups differ, and what changed since before."""

from evaluation.answers.levels.changing import changes, gaps, prior_wave
from evaluation.answers.levels.checking import errors_beside, own_population, unanswered
from evaluation.answers.levels.saying import items, raw_beside_weighted, reliability, trio, trust
from evaluation.answers.levels.spread import distributions, ordinal
from evaluation.answers.levels.surveyed import Survey, margin_of, prepare

__all__ = [
    "Survey",
    "changes",
    "distributions",
    "errors_beside",
    "gaps",
    "items",
    "margin_of",
    "ordinal",
    "own_population",
    "prepare",
    "prior_wave",
    "raw_beside_weighted",
    "reliability",
    "trio",
    "trust",
    "unanswered",
]
