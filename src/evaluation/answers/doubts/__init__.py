"""Notebook 07: how large an unseen difference would have to be, and in how many honest ways the answer holds."""

from evaluation.answers.doubts.collecting import collection, who_did_not_answer, window
from evaluation.answers.doubts.controlled import Controls, controls, controls_table
from evaluation.answers.doubts.curved import curve_table, specifications
from evaluation.answers.doubts.equal import equivalence
from evaluation.answers.doubts.exposed import exposures
from evaluation.answers.doubts.settled import answer, applied, gates
from evaluation.answers.doubts.several import Together, families, together
from evaluation.answers.doubts.unanswered import levels_otherwise, missing_answers
from evaluation.answers.doubts.unseen import unseen

__all__ = [
    "Controls",
    "Together",
    "answer",
    "applied",
    "collection",
    "controls",
    "controls_table",
    "curve_table",
    "equivalence",
    "exposures",
    "families",
    "gates",
    "levels_otherwise",
    "missing_answers",
    "specifications",
    "together",
    "unseen",
    "who_did_not_answer",
    "window",
]
