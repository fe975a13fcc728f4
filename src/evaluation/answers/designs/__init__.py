"""Notebook 06: the refused change of attendees, and the five designs that can honestly be asked."""

from evaluation.answers.designs.evidence import Evidence, evidence, exposed_places, place
from evaluation.answers.designs.made import all_designs, attendee_change
from evaluation.answers.designs.shown import answer, assumptions, cells, forest, recall, shocks

__all__ = [
    "Evidence", "all_designs", "answer", "assumptions", "attendee_change", "cells", "evidence", "exposed_places",
    "forest", "place", "recall", "shocks",
]  # fmt: skip
