"""Results and exhibits to JSON and back without loss: what one notebook hands to the next."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation import estimates, exhibits

KINDS = {
    c.__name__: c
    for c in (
        estimates.Estimate,
        estimates.NotIdentified,
        estimates.TooFew,
        estimates.Gate,
        estimates.Label,
        exhibits.Count,
        exhibits.Measure,
        exhibits.Words,
        exhibits.Item,
        exhibits.Exhibit,
    )
}


def plain(thing: Any) -> Any:
    """Return a thing as JSON can hold it; types are named, and numbers keep every digit.

    Raises
    ------
    TypeError
        A type that cannot come back as it was.
    """
    if thing is None or isinstance(thing, str | bool):
        return thing
    if type(thing) is int or (type(thing) is float and math.isfinite(thing)):
        return thing
    if is_dataclass(thing) and type(thing).__name__ in KINDS:
        return {"__kind__": type(thing).__name__} | {f.name: plain(getattr(thing, f.name)) for f in fields(thing)}
    if isinstance(thing, list):
        return [plain(x) for x in thing]
    return _tagged(thing)


def _tagged(thing: Any) -> dict[str, Any]:
    if isinstance(thing, float | np.floating):
        number = float(thing)
        return {"__float__": repr(number)} if not math.isfinite(number) else number  # type: ignore[return-value]
    if isinstance(thing, np.generic):
        return plain(thing.item())
    if isinstance(thing, tuple):
        return {"__tuple__": [plain(x) for x in thing]}
    if isinstance(thing, Mapping):
        return {"__pairs__": [[plain(k), plain(v)] for k, v in thing.items()]}
    if isinstance(thing, dt.date):
        return {"__date__": thing.isoformat(), "whole": not isinstance(thing, dt.datetime)}
    if isinstance(thing, np.ndarray) and thing.ndim == 1:
        return {"__array__": [plain(x) for x in thing.tolist()]}
    if isinstance(thing, pd.Series):
        parts = (thing.astype(object).tolist(), thing.index.astype(object).tolist(), thing.name, str(thing.dtype))
        return {"__series__": [plain(p) for p in parts]}
    raise TypeError(f"a {type(thing).__name__} cannot be kept between notebooks")


def thing(value: Any) -> Any:
    """Return what `plain` was given."""
    if isinstance(value, list):
        return [thing(x) for x in value]
    if not isinstance(value, dict):
        return value
    if "__kind__" in value:
        return KINDS[value["__kind__"]](**{k: thing(v) for k, v in value.items() if k != "__kind__"})
    tag = next(iter(k for k in value if k in BACK))
    return BACK[tag](value)


def _series(value: Mapping[str, Any]) -> pd.Series:
    held, index, name, kind = (thing(v) for v in value["__series__"])
    return pd.Series(held, index=index, name=name, dtype=kind)


def _date(value: Mapping[str, Any]) -> dt.date:
    return dt.date.fromisoformat(value["__date__"]) if value["whole"] else pd.Timestamp(value["__date__"])


BACK: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "__float__": lambda v: float(v["__float__"]),
    "__tuple__": lambda v: tuple(thing(x) for x in v["__tuple__"]),
    "__pairs__": lambda v: {thing(k): thing(x) for k, x in v["__pairs__"]},
    "__date__": _date,
    "__array__": lambda v: np.array(thing(v["__array__"])),
    "__series__": _series,
}
