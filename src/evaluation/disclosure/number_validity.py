"""What is offered must be numbers at all: counts whole and not negative, measures and ranges finite."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Integral, Real

from evaluation.errors import CheckFailed
from evaluation.exhibit import Count, Exhibit, Measure, Text
from evaluation.results import Estimate, NotIdentified, TooFew

MOST_NAMED = 5  # results that the message names
NUMBERS = ("value", "se", "low", "high", "low_90", "high_90", "p", "p_family", "n_effective", "margin", "mde")


def require_valid_numbers(exhibits: Sequence[Exhibit]) -> None:
    """Refuse exhibits with a count that is not whole or is negative, or a number that is not finite.

    Parameters
    ----------
    exhibits : sequence of Exhibit
        Everything that a run offers.

    Raises
    ------
    CheckFailed
        Names each result whose count or number cannot be one; the message holds no value.
    """
    found = [f"{i.result.id!r} in {e.id}: {what}" for e in exhibits for i in e.items for what in _faults(i.result)]
    if found:
        more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise CheckFailed(
            f"{len(found)} offered numbers are none: {'; '.join(found[:MOST_NAMED])}{more}",
            todo="Count whole people, and refuse with a reason (NotIdentified, TooFew) what cannot be computed.",
        )


def _faults(result: object) -> Iterator[str]:
    if isinstance(result, Count):
        yield from _whole("its count", result.n)
    elif isinstance(result, Measure):
        yield from _finite("its value", result.value)
        for name in ("low", "high"):
            yield from _finite(f"its {name} end", getattr(result, name))
        yield from _whole("its base", result.base)
        for key, n in result.counts:
            yield from _whole(f"the count of {key!r}", n)
        for part in result.largest:
            yield from _finite("a largest contribution", part)
    elif isinstance(result, Estimate):
        for name in NUMBERS:
            yield from _finite(f"its {name}", getattr(result, name))
        for group, n in result.n.items():
            yield from _whole(f"its number of {group!r}", n)
    elif not isinstance(result, NotIdentified | TooFew | Text):
        yield f"a {type(result).__name__} cannot be published"


def _whole(what: str, n: object) -> Iterator[str]:
    if n is None:
        return
    if isinstance(n, bool) or not isinstance(n, Integral):
        yield f"{what} is not a whole number"
    elif n < 0:
        yield f"{what} is negative"


def _finite(what: str, number: object) -> Iterator[str]:
    if number is not None and not (isinstance(number, Real) and math.isfinite(number)):
        yield f"{what} is not a finite number"
