"""The declared tables: `exhibits.toml` read once, with the plan's words to fill its texts."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from evaluation.plan.study import Plan
from evaluation.table_builder import Declaration, Tables, declared


@cache
def declarations() -> dict[str, Declaration]:
    """Return every declared exhibit by id."""
    return declared(tomllib.loads(resources.files("evaluation.analysis").joinpath("exhibits.toml").read_text("utf-8")))


def tables(plan: Plan, wave: str, **words: Any) -> Tables:
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
