"""Notebook 05, second half: people who attended and similar people who did not, by the planned method and others."""

from evaluation.answers.attendees.beside import claimed, doses, sources, ties, units
from evaluation.answers.attendees.methods import answer, estimates, methods, outcomes
from evaluation.answers.attendees.planned import adjusted_for, guarded, joined, planned, sample_for

__all__ = [
    "adjusted_for",
    "answer",
    "claimed",
    "doses",
    "estimates",
    "guarded",
    "joined",
    "methods",
    "outcomes",
    "planned",
    "sample_for",
    "sources",
    "ties",
    "units",
]
