"""The layout of every table: `exhibits.toml` read once, with the plan's words to fill its texts."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from evaluation.exhibit import Declaration, Exhibit, read_declarations
from evaluation.plan.study import Plan
from evaluation.results import NotIdentified, TooFew
from evaluation.table_builder import Table, Tables


@cache
def declarations() -> dict[str, Declaration]:
    """Return every declared exhibit by id."""
    return read_declarations(
        tomllib.loads(resources.files("evaluation.analysis").joinpath("exhibits.toml").read_text("utf-8"))
    )


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
    return Tables(
        declarations(), wave, {**own, "title": plan.study.title, "population": plan.population.title, **words}
    )


def table(plan: Plan, wave: str, id: str, **words: object) -> Table:
    """Begin a declared table of a wave; `words` fill its texts beside the plan's."""
    return tables(plan, wave).table(id, **words)


def refused(plan: Plan, wave: str, id: str, refusal: NotIdentified | TooFew | None = None, **words: object) -> Exhibit:
    """Return a declared exhibit of one cell that says why there is nothing to show."""
    return tables(plan, wave).refused(id, refusal, **words)
