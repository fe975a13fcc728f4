"""Which results a plan foretells, and what else claims to have been planned: a difference of two sets.

A result is foretold by its contrast, outcome, group and wave. Only the plan, the codebook and the list of questions
that each wave put (its map, never an answer) decide, so the same list stands in the protocol before a wave is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from evaluation.analysis import answer_distributions, level_tables, levels, verdicts
from evaluation.exhibit import Exhibit, Item
from evaluation.intake import waves
from evaluation.plan import registration
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, Result, Results, TooFew

LEVELS = {"level": "level", "mean": "level", "weightedmean": "level"}
REPEATS = "theory"  # a row of the table of intended outcomes shows another result once more
PLANNED_FAMILIES = ("primary", "secondary")
Asked = Mapping[str, frozenset[str]]  # wave to the questions it put; a wave that is not here puts every one


class Foretold(NamedTuple):
    """What names a result beforehand; `contrast` is "level" for shares and means alike."""

    contrast: str
    outcome: str
    group: str
    wave: str


def key(id: str) -> Foretold | None:
    """Return what names a result, from its id; None for an id that names no result of an outcome."""
    parts = id.lower().split(".")
    return Foretold(LEVELS.get(parts[0], parts[0]), *parts[1:4]) if len(parts) >= 4 else None


def asked(plan: Plan, wave: str) -> dict[str, frozenset[str]]:
    """Return the questions that each wave up to `wave` put, from its map; a wave that is not in yet is left out."""
    found = {}
    for name in plan.waves_up_to(wave):
        if (plan.root / "data_raw" / "waves" / name / "wave.toml").is_file():
            info = waves.info(plan, name)
            mapped = {str(v).split(".")[0] for v in (*info.columns.values(), *info.multi)} - set(info.not_asked)
            found[name] = frozenset(mapped)
    return found


def foretold(plan: Plan, wave: str, put: Asked | None = None) -> frozenset[Foretold]:
    """Return every result that the plan foretells for a report on `wave`.

    Parameters
    ----------
    plan : Plan
        The plan, or the one that was frozen.
    wave : str
        Wave of the report.
    put : mapping, optional
        Questions that each wave put; every question in every wave where it is left out.

    Returns
    -------
    frozenset of Foretold
        In lower case, as ids are.
    """
    listed = _Listed(plan, wave, put or {})
    made = (listed.levels(), listed.answers(), listed.differences(), listed.attendance(), listed.designs())
    return frozenset(Foretold(*(str(x).lower() for x in one)) for part in made for one in part)


def frozen(plan: Plan, wave: str) -> frozenset[Foretold] | None:
    """Return what the frozen plan of a wave foretells; None where no plan was frozen."""
    then = registration.frozen_plan(plan, wave)
    return None if then is None else foretold(then, wave, asked(plan, wave))


class _Listed:
    """The results of one report, part by part, as the notebooks make them."""

    def __init__(self, plan: Plan, wave: str, put: Asked) -> None:
        self.plan, self.wave, self.put = plan, wave, put
        self.waves = plan.waves_up_to(wave)
        self.groups = [code or "all" for _, code, _ in level_tables.groups(plan)]
        self.focus = verdicts.focus(plan)[0]

    def asks(self, outcome: str, wave: str) -> bool:
        """Return whether a wave puts an outcome; a scale where it puts one of its statements."""
        scale = self.plan.scales.get(outcome)
        parts = scale.items if scale is not None else (outcome,)
        return wave not in self.put or any(p in self.put[wave] for p in parts)

    def asking(self, outcome: str) -> list[str]:
        return [w for w in self.waves if self.asks(outcome, w)]

    def levels(self) -> Iterator[tuple[str, ...]]:
        """Yield what people say: outcomes of the first wave in every wave, all others in the report's."""
        plan, wave, named = self.plan, self.wave, self.plan.outcomes
        items = [i for s in plan.scales.values() for i in s.items]
        old = [o for o in plan.all_outcomes if self.asks(o, self.waves[0]) and o not in named.negative_controls]
        new = [o for o in (*items, *plan.all_outcomes) if not self.asks(o, self.waves[0]) or self.waves[0] == wave]
        yield from (("level", o, g, w) for o in old for g in self.groups for w in self.asking(o))
        shown = [o for o in new if self.asks(o, wave) and levels.is_item(plan, o)]
        yield from (("level", o, g, wave) for o in shown for g in self.groups)
        yield from (("level", o, "all", wave) for o in plan.all_outcomes if self.asks(o, wave))
        if plan.population.margins and self.focus != "all":
            own = [o for o in (named.primary, *named.secondary) if self.asks(o, wave)]
            yield from (("level", o, self.focus, wave) for o in own)

    def answers(self) -> Iterator[tuple[str, ...]]:
        """Yield the share of each answer: the primary question by group and wave, the others for everybody."""
        plan, wave, primary = self.plan, self.wave, self.plan.outcomes.primary
        fine, coarse = answer_distributions.detailed(plan)
        if levels.is_item(plan, primary) and self.asks(primary, wave):
            yield from (("answers", primary, g.id, w) for g in (*fine, *coarse) for w in self.asking(primary))
        rest = [o for o in plan.all_outcomes if o != primary and levels.is_item(plan, o) and self.asks(o, wave)]
        yield from (("answers", o, "all", wave) for o in rest)

    def differences(self) -> Iterator[tuple[str, ...]]:
        """Yield gaps between the groups, and changes since the first wave that asked, of the planned families."""
        named, wave = self.plan.outcomes, self.wave
        for outcome in (named.primary, *named.secondary):
            when = self.asking(outcome)
            gaps = when if outcome == named.primary else [w for w in when if w == wave]
            yield from (("gap", outcome, self.focus, w) for w in gaps if self.focus != "all")
            if wave in when and len(when) > 1:
                yield from (("change", outcome, g, wave) for g in self.groups)

    def attendance(self) -> Iterator[tuple[str, ...]]:
        """Yield the comparison of people who took part with alike others, its controls, its place on the curve."""
        named, wave = self.plan.outcomes, self.wave
        if not self.plan.treatment.column:
            return
        outcomes = (named.primary, *named.secondary, *named.negative_controls)
        yield from (("attend", o, "all", wave) for o in outcomes if self.asks(o, wave))
        yield from (("control", o, "all", wave) for o in named.negative_controls if self.asks(o, wave))
        yield ("spec", named.primary, "all", wave)

    def designs(self) -> Iterator[tuple[str, ...]]:
        """Yield the planned designs, and each lot with the outcomes that it names."""
        for name, design in self.plan.designs.items():
            if design.planned:
                yield (name, design.outcome, design.group_levels[0] if design.group_levels else "all", self.wave)
        for name, lot in self.plan.lots.items():
            yield from (("d6", o, name, self.wave) for o in lot.outcomes or (self.plan.outcomes.primary,))


class Named(Protocol):
    """A result with its id and what it is about."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def outcome(self) -> str: ...  # noqa: D102
    @property
    def wave(self) -> str: ...  # noqa: D102


def is_foretold(row: Named, told: frozenset[Foretold]) -> bool:
    """Return whether a result is foretold; one that is shown once more, where any result of the same people is."""
    if row.id.split(".")[0] == REPEATS:
        group = getattr(row, "group", "")  # a refusal names none
        known = (x for x in told if group in ("", x.group))
        return any((x.outcome, x.wave) == (row.outcome.lower(), row.wave.lower()) for x in known)
    return key(row.id) in told


def unforetold(rows: Iterable[Named], told: frozenset[Foretold]) -> list[str]:
    """Return the ids, of results that claim to have been planned, that the plan does not foretell."""
    return sorted(r.id for r in rows if not is_foretold(r, told))


def ungiven(rows: Iterable[Named], told: frozenset[Foretold]) -> list[Foretold]:
    """Return what the plan foretells and no row gives, whether as an estimate or as a refusal with its reason."""
    return sorted(told - {k for r in rows if (k := key(r.id))})


def demoted(results: Iterable[Result], told: frozenset[Foretold] | None) -> list[Result]:
    """Return the results; one that the frozen plan does not foretell is no planned one, and explores.

    `told` is None where no plan was frozen: the report is a draft then, and says so.
    """
    return [r if told is None or not r.planned or is_foretold(r, told) else _explores(r) for r in results]


def _explores(row: Result) -> Result:
    licence = row.licence if row.licence == "descriptive" else "exploratory"
    if not isinstance(row, Estimate):
        return replace(row, planned=False, licence=licence)
    family = "exploratory" if row.family in PLANNED_FAMILIES else row.family
    return replace(row, planned=False, family=family, licence=licence)


def marked(exhibits: Sequence[Exhibit], told: frozenset[Foretold] | None) -> list[Exhibit]:
    """Return exhibits in which no result claims to be planned that the frozen plan does not foretell."""
    if told is None:
        return list(exhibits)

    def one(item: Item) -> Item:
        result = item.result
        known = isinstance(result, Estimate | NotIdentified | TooFew)
        return replace(item, result=demoted([result], told)[0]) if known else item

    return [replace(e, items=tuple(one(i) for i in e.items)) for e in exhibits]


def final_results(plan: Plan, wave: str, published: Sequence[Exhibit], doubted: Sequence[Result]) -> Results:
    """Return every contrast of the run in its last form, with its verdict, held to the frozen plan."""
    told = frozen(plan, wave)
    return verdicts.final_results(plan, wave, marked(published, told), demoted(doubted, told))
