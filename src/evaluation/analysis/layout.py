"""The layout of every table: `exhibits.toml` read once, with the plan's words to fill its texts."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from evaluation.analysis import vocabulary
from evaluation.exhibit import Declaration, Exhibit, read_declarations
from evaluation.plan.study import Plan
from evaluation.results import NotIdentified, TooFew
from evaluation.table_builder import Table, Tables


def declarations(plan: Plan | None = None) -> dict[str, Declaration]:
    """Return every declared exhibit by id, with what is said otherwise in a study such as this."""
    return _declared() if plan is None else _declared(otherwise(plan), vocabulary.words(plan))


@cache
def _declared(over: tuple[str, ...] = (), how: vocabulary.Words = ()) -> dict[str, Declaration]:
    blocks: dict[str, Any] = {}
    for name in ("exhibits", *over):
        text = resources.files("evaluation.analysis").joinpath(f"{name}.toml").read_text("utf-8")
        blocks = _laid(blocks, tomllib.loads(text))
    return read_declarations(vocabulary.laid(blocks, how))


def _laid(under: Any, over: Any) -> Any:
    """Return one table with another laid over it, key by key."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return under | {k: _laid(under.get(k), v) for k, v in over.items()}


def otherwise(plan: Plan) -> tuple[str, ...]:
    """Return the files of what is said otherwise, for the facts of a study that its plan states.

    Parameters
    ----------
    plan : Plan
        Plan of the study.

    Returns
    -------
    tuple of str
        Such as "exhibits_without_events".
    """
    sample = plan.population.sample
    names = [] if plan.treatment.register_name or plan.events_register else ["exhibits_without_events"]
    names += [] if plan.treatment.column else ["exhibits_without_treatment"]
    names += [f"exhibits_{sample}"] if sample in ("probability", "census") else []
    return (*names, *(["exhibits_given_weight"] if plan.given_weight and not plan.population.margins else []))


def tables(plan: Plan, wave: str, **words: object) -> Tables:
    """Return the builder of a wave's tables; `words` fill declared texts beside the plan's own.

    Parameters
    ----------
    plan : Plan
        Its `[words]` fill `{name}` places, with `{title}` and `{population}`.
    wave : str
        The report's wave.
    **words : object
        Further words by name ("until", "source" …).

    Returns
    -------
    Tables
        The builder.
    """
    own = {k: str(v) for k, v in plan.words.model_dump().items()}
    if not any(len(d.group_levels) == 2 for d in plan.designs.values()):
        own |= {"focus_group": "people who answered", "comparison_group": "all others"}
    own["given_weight"] = plan.label_of(plan.given_weight) if plan.given_weight else ""
    return Tables(
        declarations(plan), wave, {**own, "title": plan.study.title, "population": plan.population.title, **words}
    )


def table(plan: Plan, wave: str, id: str, **words: object) -> Table:
    """Begin a declared table of a wave; `words` fill its texts beside the plan's."""
    return tables(plan, wave).table(id, **words)


def refused(plan: Plan, wave: str, id: str, refusal: NotIdentified | TooFew | None = None, **words: object) -> Exhibit:
    """Return a declared exhibit of one cell that says why there is nothing to show."""
    return tables(plan, wave).refused(id, refusal, **words)
