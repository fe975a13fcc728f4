"""Notebook 06: the refused change of attendees, and the five designs that can honestly be asked."""

from evaluation.answers.designs.beside import composition, few_places, linkage
from evaluation.answers.designs.doubting import bounds, placebo_exhibit, sides
from evaluation.answers.designs.evidence import Evidence, evidence, exposed_places, place
from evaluation.answers.designs.running import all_designs, attendee_change, with_placebos
from evaluation.answers.designs.shown import ASSUMES, answer, assumptions, cells, forest, refusals
from evaluation.answers.designs.waves_since import fooled, over_time
from evaluation.answers.designs.widened import recall, shocks

__all__ = [
    "ASSUMES",
    "Evidence",
    "all_designs",
    "answer",
    "assumptions",
    "attendee_change",
    "bounds",
    "cells",
    "composition",
    "evidence",
    "exposed_places",
    "few_places",
    "fooled",
    "forest",
    "linkage",
    "over_time",
    "place",
    "placebo_exhibit",
    "recall",
    "refusals",
    "shocks",
    "sides",
    "with_placebos",
]
