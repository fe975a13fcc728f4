"""Cells of the population margins: columns crossed, small cells joined as planned, "not stated" shared out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from evaluation.exhibit import cell_key
from evaluation.plan.study import Collapse, Plan

NOT_STATED = "not stated"
JOIN = " × "
MERGED = "+"


@dataclass(frozen=True, slots=True)
class Cells:
    """One margin: each respondent's cell and each cell's population.

    Attributes
    ----------
    name : str
        Name of the margin; `columns` are the columns it crosses.
    of : Series
        Cell of each respondent ("not stated" where any of its columns is missing).
    population : Series
        People in the population per cell, "not stated" holding the sample's share of the total.
    steps : tuple of str
        Each collapse that was needed, in words.
    empty : tuple of str
        Cells with people in the population and nobody in the sample, after every collapse.
    """

    name: str
    columns: tuple[str, ...]
    of: pd.Series
    population: pd.Series
    steps: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    @property
    def stated(self) -> pd.Series:
        """People in the population per cell, among those who stated it."""
        return self.population.drop(NOT_STATED, errors="ignore")

    def key(self, cell: str, wave: str) -> str:
        """Return the key under which the disclosure gate knows a cell of this margin in the general sample."""
        return cell_key("general", margin=self.name, cell=cell, wave=wave)

    def label(self, plan: Plan, cell: str) -> str:
        """Return a cell in the words of its levels, "Black, Leicester city"; joined levels as "Mixed or Other".

        A column whose levels are all joined tells nothing apart and is left out.
        """
        parts = []
        for column, joined in zip(self.columns, cell.split(JOIN), strict=True):
            labels, levels = plan.levels_of(column), joined.split(MERGED)
            if len(levels) == 1 or not set(labels) <= set(levels):
                parts.append(" or ".join(labels.get(x, x) for x in levels))
        return ", ".join(parts) or "Everybody"


def collapsed(people: pd.DataFrame, name: str, margin: pd.Series, *, steps: Sequence[Collapse], least: int) -> Cells:
    """Return the cells of a margin after the collapses that the plan states, each only where a cell is too small.

    `margin` is indexed by the levels of the columns it is named by (a MultiIndex for crossed margins).
    """
    columns = tuple(str(n) for n in margin.index.names)
    keys = [k if isinstance(k, tuple) else (k,) for k in margin.index]
    cell = {key: key for key in keys}
    rows = people[list(columns)].astype(object)
    stated = rows.notna().all(axis=1)
    answers = [tuple(str(v) for v in r) for r in rows[stated].itertuples(index=False)]
    joinings = []
    for step in steps:
        if step.margin == name and step.column in columns:
            joinings += _apply(cell, answers, columns.index(step.column), step.merge, least)
    joinings += [f"{' × '.join(k)} is in no margin" for k in sorted({k for k in answers if k not in cell})]
    of = pd.Series(NOT_STATED, index=people.index, dtype=object)
    of[stated] = [JOIN.join(cell[k]) if k in cell else NOT_STATED for k in answers]
    population = margin.groupby([JOIN.join(cell[k]) for k in keys]).sum().astype(float)
    return _with_not_stated(Cells(name, columns, of, population, tuple(joinings)))


def _apply(cell: dict, answers: list, place: int, merge: Sequence[str], least: int) -> list[str]:
    """Merge, within each combination of the other columns, the named levels when one of their cells is too small."""
    counts = Counter(cell[key] for key in answers if key in cell)
    groups: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for now in set(cell.values()):
        if set(now[place].split(MERGED)) <= set(merge):
            groups.setdefault(now[:place] + now[place + 1 :], set()).add(now)
    joinings = []
    for rest, cells in sorted(groups.items()):
        if len(cells) < 2 or all(counts[c] >= least for c in cells):
            continue
        levels = [m for m in merge if any(m in c[place].split(MERGED) for c in cells)]
        joined = (*rest[:place], MERGED.join(levels), *rest[place:])
        cell.update({key: joined for key, now in cell.items() if now in cells})
        joinings.append(f"{' with '.join(levels)}" + (f", among {JOIN.join(rest)}" if rest else ""))
    return joinings


def _with_not_stated(cells: Cells) -> Cells:
    """Share out "not stated" in proportion: it becomes a cell with the sample's share of the population."""
    share = float((cells.of == NOT_STATED).mean())
    population = cells.population * (1 - share)
    if share > 0:
        population = pd.concat([population, pd.Series({NOT_STATED: cells.population.sum() * share})])
    answered = set(cells.of)
    empty = tuple(sorted(c for c in population.index if population[c] > 0 and c not in answered))
    return replace(cells, population=population, empty=empty)


def margin_columns(plan: Plan) -> list[str]:
    """Return the columns of the population margins, each once, in the plan's order."""
    known = [*plan.derive, *plan.codebook.names()]
    return list(dict.fromkeys(c for name in plan.population.margins for c in columns_of(name, known)))


def columns_of(margin: str, known: list[str]) -> list[str]:
    """Return the columns that the name of a margin joins with "_" ("age5_sex" is age5 and sex)."""
    if margin in known:
        return [margin]
    parts = margin.split("_")
    for cut in range(len(parts) - 1, 0, -1):
        head, tail = "_".join(parts[:cut]), "_".join(parts[cut:])
        if head in known:
            return [head, *columns_of(tail, known)]
    raise KeyError(f"margin {margin!r} names no known columns")
