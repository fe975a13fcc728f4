"""Population weights by wave: margins collapsed as planned, raked, trimmed, and raked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from evaluation import errors
from evaluation.analysis import arms
from evaluation.analysis.margin_cells import Cells, collapsed
from evaluation.intake import objects
from evaluation.intake.stages import Stage
from evaluation.plan.study import Plan
from evaluation.statistics import weighting
from evaluation.statistics._constraints import Constraints
from evaluation.statistics.weighting import Weights

PLANNED_ICC = 0.05  # correlation of answers within a session, a planning value: outcomes are not open yet
MOST_DISAGREEMENT = 0.02  # share by which totals of two published margins may differ before they are refused
MOST_UNMET = 0.05  # share of the population by which weights may miss a margin that is left out in favour of the others


@dataclass(frozen=True, slots=True)
class WaveWeights:
    """Population weights of one wave's general sample.

    Attributes
    ----------
    wave : str
    frame : DataFrame
        The general sample with a column per margin ("margin.<name>") holding each respondent's cell.
    weights : Weights or None
        Raked and trimmed; None where no margin could be used, and every weight is then 1, or the base weight.
    cells : tuple of Cells
        The margins used; `left_out` those that could not be: a cell of theirs has nobody in it (`empty`), or no
        weights of these answers meet them and the others at once.
    trimmed : float
        Share of respondents whose weight was trimmed.
    outside : float
        Share whose weight lies outside the trimming bounds again, once the margins were met again.
    base : Series or None
        Weights by which people were drawn, from which raking started; None where everybody starts from 1.
    """

    wave: str
    frame: pd.DataFrame
    weights: Weights | None
    cells: tuple[Cells, ...]
    left_out: tuple[Cells, ...] = ()
    trimmed: float = 0.0
    outside: float = 0.0
    base: pd.Series | None = None

    @property
    def values(self) -> pd.Series:
        """Weight of each respondent of the general sample."""
        if self.weights is not None:
            return self.weights.values
        return pd.Series(1.0, index=self.frame.index) if self.base is None else self.base


def base_weights(plan: Plan, rows: pd.DataFrame) -> pd.Series | None:
    """Return the weights by which people were drawn, mean 1 in each wave; None where no wave holds any.

    Everybody of a wave has one or nobody has: intake refuses other waves.
    """
    name = plan.given_weight
    if not name or name not in rows or not rows[name].notna().any():
        return None
    base = rows[name].astype("Float64")
    waves = rows["wave"] if "wave" in rows else pd.Series("", index=rows.index)
    return (base / base.groupby(waves).transform("mean")).fillna(1.0).astype(float)


Group = tuple[str, dict[str, WaveWeights]]  # the focus group's column, and its weights by wave


def by_wave(plan: Plan, people: pd.DataFrame, margins: Mapping[str, pd.Series]) -> dict[str, WaveWeights]:
    """Return the population weights of each wave in `people`, the boost left out (its weight is 0)."""
    general = arms.general(plan, people)
    return {str(w): rake(plan, rows, margins, wave=str(w)) for w, rows in general.groupby("wave", sort=True)}


def rake(plan: Plan, rows: pd.DataFrame, margins: Mapping[str, pd.Series], *, wave: str = "") -> WaveWeights:
    """Return weights of `rows` that meet every usable margin of the plan.

    Where no weights meet them all at once, one margin is joined further by the plan's order, or left out, as long as
    the others nearly meet it (`MOST_UNMET`): the least detailed margin first. What is left out stands in `left_out`.

    Raises
    ------
    NotConverged
        No weights of these answers meet the margins, and none of them can be spared.
    """
    pop = plan.population
    usable = [n for n in pop.margins if n in margins and set(margins[n].index.names) <= set(rows.columns)]

    def cells(least: int) -> list[Cells]:
        return [collapsed(rows, n, margins[n], steps=pop.collapse, least=least) for n in usable]

    return _met_by(plan, rows, cells, wave)


def _met_by(plan: Plan, rows: pd.DataFrame, cells: Callable[[int], list[Cells]], wave: str) -> WaveWeights:
    """Return weights that meet every margin without an empty cell; `cells` makes them for a least number in a cell."""
    every = cells(plan.population.least_in_cell)
    full = tuple(c for c in every if not c.empty)
    if not full:
        return WaveWeights(wave, rows.copy(), None, (), tuple(every), base=base_weights(plan, rows))
    first: errors.NotConverged | None = None
    for used, spared in _choices(full, cells, len(rows) + 1):
        try:
            weights = _raked(plan, rows, used, wave)
        except errors.NotConverged as error:
            first = first or error
            continue
        if spared is None or _unmet(weights.values, spared) <= MOST_UNMET:
            names = {c.name for c in used}
            return replace(weights, left_out=tuple(c for c in every if c.name not in names))
    todo = "No margin can be spared: join cells in the plan's collapse order, or give margins that hold together."
    raise errors.NotConverged(first.what if first else "", where=wave, todo=todo) from first


def _choices(
    full: tuple[Cells, ...], cells: Callable[[int], list[Cells]], everybody: int
) -> Iterator[tuple[tuple[Cells, ...], Cells | None]]:
    """Yield the margins to try, and the one spared: all; then one joined as far as the plan goes, or left out.

    The least detailed margin comes first; of equals, the one that the plan names last.
    """
    yield full, None
    further = {c.name: c for c in cells(everybody)}
    for place in sorted(range(len(full)), key=lambda k: (_detail(full[k]), -k)):
        one = full[place]
        joined = further.get(one.name, one)
        if 1 < _detail(joined) < _detail(one):
            yield tuple(joined if c is one else c for c in full), one
        if len(full) > 1:
            yield tuple(c for c in full if c is not one), one


def _detail(cells: Cells) -> int:
    return len(cells.stated)


def _unmet(values: pd.Series, cells: Cells) -> float:
    """Return the largest gap of weights to a margin that they were not made to meet, as a share of the population."""
    got = values.groupby(cells.of).sum().reindex(cells.population.index, fill_value=0.0) / values.sum()
    return float((got - cells.population / cells.population.sum()).abs().max())


def _raked(plan: Plan, rows: pd.DataFrame, used: tuple[Cells, ...], wave: str) -> WaveWeights:
    """Return weights that meet every margin of `used`: raked, trimmed, and raked again.

    What is trimmed is what raking did to the weight of the draw, not that weight.
    """
    pop = plan.population
    frame = rows.assign(**{f"margin.{c.name}": c.of for c in used})
    targets = {f"margin.{c.name}": p for c, p in zip(used, _one_total(used), strict=True)}
    base = base_weights(plan, rows)
    weights = weighting.rake(frame, targets, base_weight=base, tolerance=pop.tolerance)
    start = pd.Series(1.0, index=frame.index) if base is None else base
    factor = weights.values / start
    low, high = pop.trim_low * float(factor.median()), pop.trim_high * float(factor.median())
    outside = ~factor.between(low, high)
    if outside.any():
        cut = weighting.trim(replace(weights, values=factor), lower=low, upper=high)
        weights = weighting.rake(frame, targets, base_weight=cut.values * start, tolerance=pop.tolerance)
    still = ~(weights.values / start).between(low, high)
    return WaveWeights(wave, frame, weights, used, (), float(outside.mean()), float(still.mean()), base)


def of_group(plan: Plan, people: pd.DataFrame, margins: Mapping[str, pd.Series]) -> Group:
    """Return the focus group's column and, by wave, weights of its people to its own population.

    Each population margin that crosses the question the group is made from is cut to the group and met one column at
    a time (its cells are few). The group speaks for itself here, whatever its share of the whole population.
    """
    column, code, levels = focus_levels(plan)
    if not column or column not in people:
        return "", {}
    source = plan.derive[column].source if column in plan.derive else column
    general = arms.general(plan, people)
    rows = general[(general[column] == code).fillna(False).astype(bool)]
    return column, {
        str(wave): _met_by(plan, part, partial(_group_cells, plan, part, margins, source, levels), str(wave))
        for wave, part in rows.groupby("wave", sort=True)
    }


def focus_levels(plan: Plan) -> tuple[str, str, tuple[str, ...]]:
    """Return the column of the focus group, its code, and the levels of its source that it is made of."""
    design = next((d for d in plan.designs.values() if len(d.group_levels) == 2), None)
    if design is None:
        return "", "", ()
    column, code = design.group, design.group_levels[0]
    if column not in plan.derive:
        return column, code, (code,)
    return column, code, tuple(k for k, v in plan.derive[column].map.items() if v == code and k != "*")


def _group_cells(
    plan: Plan, part: pd.DataFrame, margins: Mapping[str, pd.Series], source: str, levels: Sequence[str], least: int
) -> list[Cells]:
    """Return the group's own margins, one column each; one with a single cell tells nothing apart and is left out."""
    cells: dict[str, Cells] = {}
    for margin in margins.values():
        others = [str(c) for c in margin.index.names if c != source]
        if source not in margin.index.names or not set(others) <= set(part.columns):
            continue
        own = margin[margin.index.get_level_values(source).isin(levels)]
        for column in others:
            target = own.groupby(level=column, sort=False).sum()
            steps = [c.model_copy(update={"margin": column}) for c in plan.population.collapse if c.column == column]
            if column not in cells and target.sum() > 0:
                cells[column] = collapsed(part, column, target, steps=steps, least=least)
    return [c for c in cells.values() if len(c.population) > 1]


def benchmark_gaps(one: WaveWeights, margins: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return, for every cell of the published margins as they were before any collapse, the gap to the population.

    Columns: margin, cell (a tuple of levels), answered and weighted (percentage points over the population's share,
    among people who stated it). What was joined to meet the margins is not hidden here.
    """
    rows = []
    for name, margin in margins.items():
        columns = [str(c) for c in margin.index.names]
        if not set(columns) <= set(one.frame.columns):
            continue
        stated = one.frame[columns].notna().all(axis=1)
        keys = pd.Series([tuple(map(str, k)) for k in one.frame.loc[stated, columns].to_numpy(object)], dtype=object)
        w = one.values[stated].reset_index(drop=True)
        for cell, people in margin.items():
            key = tuple(map(str, cell)) if isinstance(cell, tuple) else (str(cell),)
            inside, target = keys == key, float(people / margin.sum())
            shares = (float(inside.mean()), float(w[inside].sum() / w.sum()))
            rows.append((name, key, *(100 * (share - target) for share in shares)))
    return pd.DataFrame(rows, columns=["margin", "cell", "answered", "weighted"])


def effective_n(plan: Plan, one: WaveWeights, *, icc: float = PLANNED_ICC) -> float:
    """Return the effective number of answers with weights and sessions allowed for; a planning value of `icc`."""
    session = plan.population.session_column
    cluster = one.frame[session] if session and session in one.frame else None
    return weighting.effective_n(one.values, cluster=cluster, icc=icc)


def _one_total(cells: tuple[Cells, ...]) -> list[pd.Series]:
    """Return margins scaled to the first one's total (published tables differ by rounding); refuse real gaps."""
    total = cells[0].population.sum()
    for c in cells[1:]:
        if abs(c.population.sum() / total - 1) > MOST_DISAGREEMENT:
            raise errors.MarginMismatch(
                f"margins {cells[0].name!r} and {c.name!r} differ in their totals by more than 2 %",
                todo="Give margins of one population.",
            )
    return [c.population * (total / c.population.sum()) for c in cells]


def comparison_weight(
    plan: Plan, design: pd.DataFrame, treated: pd.Series, margins: Mapping[str, pd.Series]
) -> pd.Series:
    """Return the weights of the attendee comparison: attendees 1, others raked among themselves to mean 1."""
    weight = pd.Series(1.0, index=design.index, name="comparison_weight")
    others = treated == 0
    raked = rake(plan, design[others], margins).values
    weight[others] = raked / raked.mean()
    return weight


def indicators(one: WaveWeights) -> pd.DataFrame:
    """Return a column of 0 and 1 for each cell of the margins that the weights meet; one for everybody without any."""
    if not one.cells:
        return pd.DataFrame({"everybody": 1.0}, index=one.frame.index)
    inside = [pd.get_dummies(c.of, dtype=float).reindex(columns=c.population.index, fill_value=0.0) for c in one.cells]
    return pd.concat([x.add_prefix(f"{c.name}: ") for x, c in zip(inside, one.cells, strict=True)], axis=1)


def shares(one: WaveWeights) -> pd.DataFrame:
    """Return each cell of `indicators` with its share (0 to 1) of those who answered and of the population."""
    inside = indicators(one)
    population = [c.population / c.population.sum() for c in one.cells]
    target = pd.concat(population).to_numpy() if population else [1.0]
    return pd.DataFrame({"cell": inside.columns, "answered": inside.mean().to_numpy(), "population": target})


def save(plan: Plan, wave: str, weights: Mapping[str, WaveWeights], group: Group) -> Stage:
    """Keep the weights as notebook 02 showed them: of everybody by wave, and of the focus group."""
    everybody = {name: _slim(one) for name, one in weights.items()}
    focus = (group[0], {name: _slim(one) for name, one in group[1].items()})
    return objects.keep(plan, wave, "weights", {"everybody": everybody, "group": focus})


def load(plan: Plan, wave: str, people: pd.DataFrame) -> tuple[dict[str, WaveWeights], Group]:
    """Return the weights that notebook 02 kept; refused where they are missing, altered or of another state."""
    made = objects.kept(plan, wave, "weights", (WaveWeights, Weights, Constraints, Cells))
    column, focus = made["group"]
    everybody = {name: _whole(one, people) for name, one in made["everybody"].items()}
    return everybody, (column, {name: _whole(one, people) for name, one in focus.items()})


def _slim(one: WaveWeights) -> WaveWeights:
    """Return weights without what the design holds of their people already."""
    return replace(one, frame=one.frame[[c for c in one.frame if str(c).startswith("margin.")]])


def _whole(one: WaveWeights, people: pd.DataFrame) -> WaveWeights:
    return replace(one, frame=people.loc[one.frame.index].join(one.frame))


def frame(weights: Mapping[str, WaveWeights], people: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return `population_weight` by respondent, all waves; 0 for the `people` who are not in the general sample."""
    values = pd.concat([w.values for w in weights.values()]).rename("population_weight")
    return (values if people is None else values.reindex(people.index, fill_value=0.0)).to_frame()


def margins_met(plan: Plan, weights: Mapping[str, WaveWeights]) -> bool:
    """Return whether every weighted margin equals its population figure within the plan's tolerance."""
    for wave in weights.values():
        for cells, target in zip(wave.cells, _one_total(wave.cells) if wave.cells else [], strict=True):
            got = wave.values.groupby(cells.of).sum()
            gap = (got.reindex(target.index) / got.sum() - target / target.sum()).abs().max()
            if not gap <= max(plan.population.tolerance * 10, 1e-8):
                return False
    return True
