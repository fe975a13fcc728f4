"""What each design is made with, and the plan held to it: a choice that the code would not follow is refused."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation import errors
from evaluation.study import Design

MADE_WITH: Mapping[str, Mapping[str, str]] = {
    "D1": {"time": "wave", "sample": "general", "weights": "population", "clusters": "place"},
    "D2": {"time": "wave", "sample": "general", "weights": "population", "clusters": "session"},
    "D3": {"time": "wave", "sample": "general", "weights": "population", "clusters": "session"},
    "D4": {"time": "recalled", "sample": "comparison", "weights": "comparison", "clusters": "session"},
    "D5": {"time": "wave", "sample": "linked", "weights": "none", "clusters": "person"},
}
WORDS = {
    "wave": "one survey and the next",
    "recalled": "remembered and now",
    "general": "the general sample, without lists",
    "comparison": "attendees, lists included, and others",
    "linked": "people who gave a link code twice",
    "place": "place",
    "session": "collection session",
    "person": "person",
    "population": "population weight",
    "none": "unweighted",
}


def hold(name: str, design: Design) -> None:
    """Refuse a design whose time, sample, weights or clusters in the plan are not what it is made with."""
    for key, used in MADE_WITH[name].items():
        asked = getattr(design, key)
        if asked and asked != used:
            raise errors.Unsupported(
                f"design {name}: the plan asks for {key} = {asked!r}, and it is made with {used!r}",
                todo=f"Write {key} = {used!r}, or leave it out.",
            )


def said(name: str) -> str:
    """Return in words what a design is made with."""
    used = MADE_WITH[name]
    weights = "comparison weight" if used["weights"] == "comparison" else WORDS[used["weights"]]
    return (
        f"compares {WORDS[used['time']]}; people: {WORDS[used['sample']]}; {weights}; "
        f"errors by {WORDS[used['clusters']]}"
    )


__all__ = ["MADE_WITH", "hold", "said"]
