"""Notebooks 08 and 09: what the registers say of the programme, and of what surrounds it."""

from evaluation.answers.registers.acted import actions
from evaluation.answers.registers.advised import advisory
from evaluation.answers.registers.around import context
from evaluation.answers.registers.closing import programme_answer, wider_answer
from evaluation.answers.registers.heard import feedback
from evaluation.answers.registers.meeting import events
from evaluation.answers.registers.reached import awareness
from evaluation.answers.registers.recorded import recording
from evaluation.answers.registers.recruited import recruitment
from evaluation.answers.registers.spent import costs
from evaluation.answers.registers.stopped import stops

__all__ = [
    "actions",
    "advisory",
    "awareness",
    "context",
    "costs",
    "events",
    "feedback",
    "programme_answer",
    "recording",
    "recruitment",
    "stops",
    "wider_answer",
]
