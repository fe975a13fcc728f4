"""Notebook 11 and `evaluation plan`: what could have been seen, what the next wave needs, sheet, questionnaire."""

from evaluation.answers.next_wave.asked import asked, questionnaire
from evaluation.answers.next_wave.needed import (
    answer,
    detectable,
    missing_questions,
    needs,
    observed_effect,
    per_session,
    planning,
    precision,
    sizes,
)
from evaluation.answers.next_wave.rehearsed import Power, Size, rehearse
from evaluation.answers.next_wave.sheet import rehearsals, sheet, sizes_of, text

__all__ = [
    "Power",
    "Size",
    "answer",
    "asked",
    "detectable",
    "missing_questions",
    "needs",
    "observed_effect",
    "per_session",
    "planning",
    "precision",
    "questionnaire",
    "rehearsals",
    "rehearse",
    "sheet",
    "sizes",
    "sizes_of",
    "text",
]
