"""How results show themselves in a notebook: laid out as an exhibit, and shown through the disclosure gate."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

from evaluation.disclosure import protect
from evaluation.exhibit import Exhibit, Item, Measure, Text
from evaluation.plan.schema import Disclosure
from evaluation.report.notebooks import view
from evaluation.results import Bundle, Estimate, NotIdentified, Result, Results, TooFew, show_through
from evaluation.statistics.balance import Balance
from evaluation.statistics.matching import MatchedSample
from evaluation.statistics.propensity import PropensityScores
from evaluation.statistics.weighting import Weights

_RULES = [Disclosure()]


def by_rules_of(rules: Disclosure) -> None:
    """Let results show themselves by these disclosure rules from here on."""
    _RULES[:] = [rules]


def bundle(thing: object) -> Bundle:
    """Return what may be shown of a result, an exhibit, weights, scores, balance or a sample, by media type."""
    return view(protect([laid_out(thing)], _RULES[0]).exhibits[0])


@singledispatch
def laid_out(thing: object) -> Exhibit:
    """Return a thing as an exhibit."""
    raise TypeError(f"a {type(thing).__name__} has no view")


@laid_out.register
def _exhibit(thing: Exhibit) -> Exhibit:
    return thing


@laid_out.register(Estimate)
@laid_out.register(NotIdentified)
@laid_out.register(TooFew)
def _result(thing: Result) -> Exhibit:
    return laid_out(Results([thing]))


@laid_out.register
def _results(thing: Results) -> Exhibit:
    named = [replace(r, id=r.id or f"shown.{k}") for k, r in enumerate(thing)]
    last = {r.id: r for r in named}
    items = (Item(r.question or r.outcome or r.id, "Result", r) for r in last.values())
    return Exhibit("shown", "Results", tuple(_told_apart(items)), row_header="Question")


def _told_apart(items: object) -> list[Item]:
    """Return items whose rows differ: a question that stands twice bears its id."""
    out: list[Item] = []
    for item in items:  # type: ignore[attr-defined]
        taken = item.row in {i.row for i in out}
        out.append(replace(item, row=f"{item.row} ({item.result.id})") if taken else item)
    return out


@laid_out.register
def _weights(thing: Weights) -> Exhibit:
    numbers = {
        "Worth as many equal answers": thing.effective_n,
        "Design effect of unequal weights": thing.design_effect,
        "Largest weight, per cent of all": 100 * thing.largest_share,
        "Largest relative gap to a margin": thing.largest_gap,
    }
    return _numbers(f"Weights by {thing.method}", numbers, len(thing.values))


@laid_out.register
def _scores(thing: PropensityScores) -> Exhibit:
    inside = thing.common_support()
    numbers = {
        "Terms of the model": float(len(thing.coefficients)),
        "Attendees whose chance others share, per cent": 100 * inside.share_treated_inside,
    }
    return _numbers(
        f"Chances of attending, {thing.method}", numbers, int(min(thing.treated.sum(), (~thing.treated).sum()))
    )


@laid_out.register
def _balance(thing: Balance) -> Exhibit:
    numbers = {
        "Largest standardised difference before": float(thing.table["smd_before"].abs().max()),
        "Largest standardised difference after": thing.worst,
        "Others count as many, in effect": thing.effective_n["control_after"],
    }
    return _numbers(f"Balance ({thing.estimand})", numbers, int(min(thing.effective_n.values())))


@laid_out.register
def _sample(thing: MatchedSample) -> Exhibit:
    if not thing.treated.any():
        return Exhibit("shown", "Nobody is compared", (Item(thing.method, "Shown", Text("shown.0", "nobody")),))
    numbers = {
        "Attendees kept, about": 5.0 * round(thing.n["treated"] / 5),
        "Others count as many, in effect": thing.n_effective["control"],
        "Attendees left without a counterpart, per cent": 100 * thing.share_unmatched,
        "Largest weight among the others, per cent": 100 * thing.largest_control_share,
    }
    return _numbers(f"{thing.method} ({thing.estimand})", numbers, int(min(thing.n.values())))


def _numbers(title: str, numbers: dict[str, float], base: int) -> Exhibit:
    cells = (Measure(f"shown.{k}", value, base=base) for k, value in enumerate(numbers.values()))
    return Exhibit("shown", title, tuple(Item(row, "Shown", c) for row, c in zip(numbers, cells, strict=True)))


show_through(bundle)
