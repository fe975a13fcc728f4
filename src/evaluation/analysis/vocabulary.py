"""The package's own texts in a study's vocabulary: attendees and collection sessions are words of one kind of study.

Only texts of the package are reworded (declared tables, names of methods, conditions), never labels or words of a plan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan

Words = tuple[tuple[str, str], ...]  # patterns, and what stands in their place

TREATED: Words = (  # in this order; a study that keeps no register of events knows treated people
    (r"people who attended and answered", "treated people who answered"),
    (r"people who attended, answered and", "treated people who answered and"),
    (r"people who did not attend", "people who were not treated"),
    (r"people who had not attended", "people who had not been treated"),
    (r"people who (?:had )?attended", "treated people"),
    (r"could as well have attended", "could as well have been treated"),
    (r"who attended", "who was treated"),
    (r"who attends", "who is treated"),
    (r"attendee", "treated person"),
    (r"attendees", "treated people"),
    (r"(of|both|about|with) attending", r"\1 being treated"),
    (r"to attend", "to be treated"),
    (r"event and attendance", "occasion"),
    (r"attendance", "treatment"),
    (r"had not attended", "had not been treated"),
    (r"did not attend", "was not treated"),
    (r"(already|never|newly|ever) attended", r"\1 treated"),
    (r"(they|had) attended", r"\1 been treated"),
    (r"they been treated", "they were treated"),
    (r"could attend", "could be treated"),
    (r"assigned to come", "assigned to it"),
    (r"attending", "being treated"),
    (r"number of events", "number of times"),
    (r"register of events", "register of what was done"),
    (r"what (?:the )?events cannot", "what the treatment cannot"),
    (r"through events", "through the treatment"),
    (r"to or near an officer", "to or near somebody with a stake in the answers"),
)
UNWEIGHTED: Words = ((r"survey, weighted", "survey, unweighted"),)
LEFT = frozenset({"id", "ids", "refusal", "places", "chart", "universe", "levels", "kind", "sums", "key"})
OF_METHOD = ("estimand", "se_method", "note", "gates")


def words(plan: Plan) -> Words:
    """Return how the package's texts are reworded for a study.

    Parameters
    ----------
    plan : Plan
        Plan of the study.

    Returns
    -------
    tuple of (str, str)
        Patterns and replacements; empty where people attend events and are asked in sessions.
    """
    attended = plan.treatment.register_name or plan.events_register
    weighted = bool(plan.population.margins or plan.given_weight)
    return (() if attended else TREATED) + _sessions(plan.words.session) + (() if weighted else UNWEIGHTED)


def _sessions(noun: str) -> Words:
    if noun == "session":
        return ()
    many = noun if noun.endswith("s") else f"{noun}s"
    return (
        (r"collection session", "session"),
        (r"collection sessions", "sessions"),
        ("sessions", many),
        ("session", noun),
    )


def own(plan: Plan, text: str) -> str:
    """Return a text of the package in a plan's vocabulary.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    text : str
        Words of the package, none of the plan.

    Returns
    -------
    str
        The text; places in braces are left as they are.
    """
    return reworded(text, words(plan))


def reworded(text: str, how: Words) -> str:
    """Return a text of the package in a study's vocabulary.

    Parameters
    ----------
    text : str
        Words of the package; places in braces are left as they are.
    how : tuple of (str, str)
        Patterns and replacements, as `words` gives them.

    Returns
    -------
    str
        The text; capitals at its beginning are kept.
    """
    parts = re.split(r"(\{[^{}]*\})", text)
    return "".join(part if part.startswith("{") else _part(part, how) for part in parts)


def _part(text: str, how: Words) -> str:
    for pattern, other in how:
        text = re.sub(rf"\b{pattern}\b", lambda found, other=other: _cased(found, other), text, flags=re.IGNORECASE)
    return text


def _cased(found: re.Match[str], other: str) -> str:
    """Return what stands in the place of a match, with a capital where the match has one."""
    told = found.expand(other)
    return told[:1].upper() + told[1:] if found[0][0].isupper() else told


def laid(block: Any, how: Words) -> Any:
    """Return declared tables with their texts reworded; ids, places and kinds stay.

    Parameters
    ----------
    block : object
        What `exhibits.toml` holds: mappings, lists and texts.
    how : tuple of (str, str)
        Patterns and replacements.

    Returns
    -------
    object
        The same, with other texts.
    """
    if isinstance(block, str):
        return reworded(block, how)
    if isinstance(block, Mapping):
        return {k: v if k in LEFT else laid(v, how) for k, v in block.items()}
    return [laid(v, how) for v in block] if isinstance(block, list) else block


def of_methods(exhibit: Exhibit, plan: Plan) -> Exhibit:
    """Return an exhibit whose results name their estimand, error and conditions in a study's vocabulary.

    Parameters
    ----------
    exhibit : Exhibit
        What a notebook offers.
    plan : Plan
        Plan of the study.

    Returns
    -------
    Exhibit
        Itself where nothing is reworded.
    """
    how = words(plan)
    if not how:
        return exhibit
    return replace(exhibit, items=tuple(replace(i, result=_named(i.result, how)) for i in exhibit.items))


def _named(thing: Any, how: Words) -> Any:
    """Return a result or a condition with the texts of its method reworded."""
    if isinstance(thing, tuple):
        return tuple(_named(x, how) for x in thing)
    if isinstance(thing, str):
        return reworded(thing, how)
    if not is_dataclass(thing) or isinstance(thing, type):
        return thing
    held = {f.name for f in fields(thing)} & set(OF_METHOD)
    return replace(cast("Any", thing), **{name: _named(getattr(thing, name), how) for name in held})
