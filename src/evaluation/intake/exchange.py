"""Results and exhibits to JSON and back without loss: what one notebook hands to the next."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

from evaluation import estimates, exhibits

KINDS = {
    c.__name__: c
    for c in (
        estimates.Estimate, estimates.NotIdentified, estimates.TooFew, estimates.Gate, exhibits.Count,
        exhibits.Measure, exhibits.Words, exhibits.Item, exhibits.Exhibit,
    )
}  # fmt: skip


def plain(thing: Any) -> Any:
    """Return a thing as JSON can hold it; types are named, and numbers keep every digit."""
    if is_dataclass(thing) and not isinstance(thing, type):
        return {"__kind__": type(thing).__name__} | {f.name: plain(getattr(thing, f.name)) for f in fields(thing)}
    if isinstance(thing, dict) or hasattr(thing, "items"):
        return {"__pairs__": [[plain(k), plain(v)] for k, v in thing.items()]}
    if isinstance(thing, (list, tuple)):
        return {"__tuple__": [plain(x) for x in thing]} if isinstance(thing, tuple) else [plain(x) for x in thing]
    if isinstance(thing, bool) or thing is None or isinstance(thing, str):
        return thing
    if hasattr(thing, "item"):
        return plain(thing.item())
    if isinstance(thing, float) and not math.isfinite(thing):
        return {"__float__": repr(thing)}
    if isinstance(thing, (int, float)):
        return thing
    raise TypeError(f"a {type(thing).__name__} cannot be kept between notebooks")


def thing(value: Any) -> Any:
    """Return what `plain` was given."""
    if isinstance(value, list):
        return [thing(x) for x in value]
    if not isinstance(value, dict):
        return value
    if "__kind__" in value:
        return KINDS[value["__kind__"]](**{k: thing(v) for k, v in value.items() if k != "__kind__"})
    if "__tuple__" in value:
        return tuple(thing(x) for x in value["__tuple__"])
    if "__float__" in value:
        return float(value["__float__"])
    return {thing(k): thing(v) for k, v in value["__pairs__"]}
