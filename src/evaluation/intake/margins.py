"""Read the population margins: every cell there, once, with people in it, and tables of one population."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pandas as pd

from evaluation.errors import InputError, nearest
from evaluation.intake import numbers, readers
from evaluation.plan.study import Plan

COLUMNS = ("margin", "cell", "population", "source")
MOST_DISAGREEMENT = 0.02  # share by which two published tables of one population may differ


def margins(plan: Plan) -> dict[str, pd.Series]:
    """Return the plan's population margins by name, each indexed by the levels of its columns.

    Raises
    ------
    InputError
        The file or a margin is missing; a cell has the wrong number of parts, an unknown level or nobody in it, or
        stands twice; a population is not a number of people.
    """
    if not plan.population.margins:
        return {}
    table, file = _table(plan)
    return {name: _margin(plan, name, table[table["margin"] == name], file) for name in plan.population.margins}


def require_whole(plan: Plan) -> None:
    """Refuse margins that cannot be of one population: cells that are lacking, totals that disagree.

    Raises
    ------
    InputError
        Every such fault at once, or what `margins` and `group_margins` refuse.
    """
    found = margins(plan)
    faults = [f for name, margin in found.items() for f in _lacking(plan, name, margin)] + list(_disagreeing(found))
    if faults:
        file = plan.population.margins_file
        raise InputError("\n".join(faults), where=file, todo="Give each cell of one population, once.")
    group_margins(plan)


def group_margins(plan: Plan) -> dict[str, pd.Series]:
    """Return the margins of the file that the plan does not rake everybody to: a group's own population."""
    if not plan.population.margins:
        return {}
    table, file = _table(plan)
    others = [str(n) for n in table["margin"].unique() if n not in plan.population.margins]
    return {name: _margin(plan, name, table[table["margin"] == name], file) for name in others}


def _table(plan: Plan) -> tuple[pd.DataFrame, str]:
    path = plan.root / plan.population.margins_file
    if not path.is_file():
        raise InputError(f"there is no {path.name}", where=plan.population.margins_file, todo="Add it, or plan none.")
    table = readers.read(path).frame.astype(object)
    lacking = set(COLUMNS) - set(table.columns)
    if lacking:
        raise InputError(f"{path.name} lacks the columns {sorted(lacking)}", todo=f"Its header is {','.join(COLUMNS)}.")
    return table, path.name


def _margin(plan: Plan, name: str, rows: pd.DataFrame, file: str) -> pd.Series:
    columns = columns_of(name, [*plan.derive, *plan.codebook.names()])
    if rows.empty or not columns:
        near = nearest(name, [*plan.population.margins, *plan.derive, *plan.codebook.names()])
        raise InputError(
            f"{file} has no rows of the margin {name!r}" if rows.empty else f"{file} has rows of a margin {name!r}",
            where=file,
            todo="Add them, or take it out of the plan."
            if rows.empty
            else f"A margin is named by its columns joined by _ (nearest: {near!r}).",
        )
    cells = [tuple(part.strip() for part in str(c).split("|")) for c in rows["cell"]]
    faults = [
        f"cell {'|'.join(c)!r} of {name}: {len(columns)} levels joined by |" for c in cells if len(c) != len(columns)
    ]
    for cell in cells:
        pairs = zip(cell, columns, strict=False)
        words = f"cell {'|'.join(cell)!r} of {name}"
        faults += [f"{words}: no level {p!r} of {c}" for p, c in pairs if p not in plan.levels_of(c)]
    population = pd.Series([numbers.number(str(p), numbers.convention(rows["population"])) for p in rows["population"]])
    for cell, people in zip(cells, population, strict=True):
        if people is None or people != people or people < 0 or not float(people).is_integer():
            faults.append(f"the population of cell {'|'.join(cell)!r} of {name} is not a number of people")
        elif people == 0 and name in plan.population.margins:
            faults.append(f"nobody lives in cell {'|'.join(cell)!r} of {name}: join it to another, or correct it")
    faults += [f"cell {'|'.join(c)!r} of {name} stands twice" for c in sorted({c for c in cells if cells.count(c) > 1})]
    if faults:
        raise InputError("\n".join(faults), where=file, todo="Correct the file.")
    return pd.Series(population.astype(float).to_numpy(), index=_index(cells, columns), name=name)


def _index(cells: Sequence[tuple[str, ...]], columns: Sequence[str]) -> pd.Index:
    if len(columns) == 1:
        return pd.Index([c[0] for c in cells], name=columns[0])
    return pd.MultiIndex.from_tuples(cells, names=columns)


def _lacking(plan: Plan, name: str, margin: pd.Series) -> Iterator[str]:
    """Return a line for each level that the population has and the margin does not, and each crossing left out."""
    columns = [str(c) for c in margin.index.names]
    held = {c if isinstance(c, tuple) else (c,) for c in margin.index}
    out = {(e.column, level) for e in plan.exclusions for level in e.drop}
    for place, column in enumerate(columns):
        levels = {str(v) for v in plan.levels_of(column)} - {level for c, level in out if c == column}
        for level in sorted(levels - {c[place] for c in held}):
            yield f"the margin {name} lacks the level {level!r} of {column}"
    parts = [sorted({c[i] for c in held}) for i in range(len(columns))]
    for cell in itertools.product(*parts):
        if cell not in held:
            yield f"the margin {name} lacks the cell {'|'.join(cell)!r}"


def _disagreeing(margins: dict[str, pd.Series]) -> Iterator[str]:
    """Return a line for each two margins whose totals, or whose totals of a level of one column, disagree."""
    for (one, a), (other, b) in itertools.combinations(margins.items(), 2):
        if _apart(a.sum(), b.sum()):
            yield f"the margins {one} and {other} have totals that differ by more than 2 %"
            continue
        for column in set(a.index.names) & set(b.index.names):
            left, right = (m.groupby(level=column).sum() for m in (a, b))
            for level in sorted(set(left.index) & set(right.index)):
                if _apart(left[level], right[level]):
                    yield f"the margins {one} and {other} differ by more than 2 % in {column} {level!r}"


def _apart(a: float, b: float) -> bool:
    return abs(a - b) > MOST_DISAGREEMENT * max(a, b)


def columns_of(margin: str, known: list[str]) -> list[str]:
    """Return the columns that a margin's name joins with "_" ("age5_sex" is age5 and sex); [] when it names none."""
    if margin in known:
        return [margin]
    parts = margin.split("_")
    for cut in range(len(parts) - 1, 0, -1):
        head, rest = "_".join(parts[:cut]), columns_of("_".join(parts[cut:]), known)
        if head in known and rest:
            return [head, *rest]
    return []
