"""What a notebook offers for publication: results laid out as a grid, and how they ask to be drawn.

An exhibit holds unprotected results. `disclosure` turns exhibits into checked ones, the only objects that
tables, figures and sentences accept; the table, the chart, the alt text and the sentence of an exhibit are views
of the same checked rows, so they cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evaluation.errors import DataError
from evaluation.results import Displayed, Estimate, NotIdentified, TooFew

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True)
class Count:
    """A number of people, events or records in one cell.

    Attributes
    ----------
    n : int
        The exact, unweighted count.
    key : str
        Canonical name of the cell, "people|attended=yes|ethnic5=black|wave=W2025" (dimensions sorted). The same
        cell in two tables, or in two releases, has the same key: the attacker of `disclosure` joins on it.
    kind : str
        "identity" (people in a cell of characteristics), "register" (events, comments, actions …) or "official"
        (a published figure). `sensitive=False` marks a count that describes nobody (events held, notebooks run).
    public : bool
        True for official published figures, which stay exact.
    """

    id: str
    n: int
    key: str
    kind: str = "register"
    sensitive: bool = True
    public: bool = False
    unit: str = "people"
    wave: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number about a group or a step that is not an estimate: a balance statistic, an effective n, a cost.

    Attributes
    ----------
    base : int or None
        Unweighted people (or units) behind it; None when it describes a procedure and nobody in particular.
    largest : tuple of float
        The two largest contributions to a sum of money or hours, for the dominance rule; empty otherwise.
    share_of : tuple of str
        (numerator key, denominator key) when the value is a share of two counts: it is then recomputed from the
        published, rounded counts.
    counts : tuple of (key, count)
        Exact counts behind `share_of` that no table shows by themselves: the gate treats them as if one did.
    """

    id: str
    value: float
    unit: str = ""
    base: int | None = None
    low: float | None = None
    high: float | None = None
    largest: tuple[float, ...] = ()
    share_of: tuple[str, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    public: bool = False
    wave: str = ""
    method: str = ""
    decimals: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A cell of plain words (a reason, a status, a date): never free text of a respondent."""

    id: str
    text: str


Cell = Estimate | NotIdentified | TooFew | Count | Measure | Text


@dataclass(frozen=True, slots=True)
class Item:
    """One cell of an exhibit: its row label, its column label and the result in it."""

    row: str
    column: str
    result: Cell


@dataclass(frozen=True, slots=True)
class Exhibit(Displayed):
    """One published object: rows and columns of results, a chart, notes, a source, and where it stands.

    Attributes
    ----------
    id : str
        Unique in a run, lower case, stable: "levels.trio", "design.balance".
    sections : tuple of str
        Where it is placed: "policy-1" … "policy-15", "annex-A" … "annex-P", "sense-check", "practice-bank".
    title : str
        Plain title without numbers; the finding is composed after protection.
    chart : str
        "" for none, else "bars", "stacked", "dots", "forest", "strip", "love", "overlap", "curve", "timeline",
        "steps" or "lines".
    sums : tuple
        (total key, (part keys …)) for each sum that the table implies; read by the attacker. A key that no table
        shows may stand in a sum: the attacker takes it as unknown.
    extras : mapping
        What a chart needs besides the grid (axis label, reference lines, order of levels); no respondent data.
    """

    id: str
    title: str
    items: tuple[Item, ...]
    sections: tuple[str, ...] = ()
    chart: str = ""
    row_header: str = ""
    notes: tuple[str, ...] = ()
    source: str = ""
    wave: str = ""
    sums: tuple[tuple[str, tuple[str, ...]], ...] = ()
    extras: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = [i.result.id for i in self.items]
        doubled = sorted({x for x in ids if ids.count(x) > 1}) if len(set(ids)) < len(ids) else []
        if doubled or "" in ids:
            raise ValueError(f"exhibit {self.id!r}: result ids must be present and unique; look at {doubled or ids}")

    def table(self) -> DataFrame:
        """Return the cells as they are, unprotected, one row each, for a chart or a sum in a notebook.

        Returns
        -------
        DataFrame
            Columns row, column, id, value (of a number or a count; missing where there is none), low and high.
        """
        from pandas import DataFrame

        cells = [(i.row, i.column, i.result.id, _value(i.result), *_ends(i.result)) for i in self.items]
        numbers = {"value": float, "low": float, "high": float}
        return DataFrame(cells, columns=["row", "column", "id", *numbers]).astype(numbers)


def _value(cell: Cell) -> float | None:
    return cell.n if isinstance(cell, Count) else getattr(cell, "value", None)


def _ends(cell: Cell) -> tuple[float | None, float | None]:
    return getattr(cell, "low", None), getattr(cell, "high", None)


def cell_key(universe: str, **levels: object) -> str:
    """Return the canonical key of a cell, "people|attended=yes|wave=W2025" (dimensions sorted by name).

    Parameters
    ----------
    universe : str
        What is counted.
    **levels : object
        Dimension to level.

    Returns
    -------
    str
        The same for the same cell in every table and release.
    """
    return "|".join([universe, *(f"{k}={levels[k]}" for k in sorted(levels))])


SHARE = "percentage points"


def result_id(contrast: str, outcome: str, group: str, wave: str, method: str = "") -> str:
    """Return `<contrast>.<outcome>.<group>.<wave>[.<method>]` in lower case.

    Parameters
    ----------
    contrast, outcome, group, wave, method : str
        Parts of the id; no method leaves it out.

    Returns
    -------
    str
        The id.
    """
    parts = (contrast, outcome, group, wave, method) if method else (contrast, outcome, group, wave)
    return as_id(".".join(parts))


def as_id(text: str) -> str:
    """Return words as an id: lower case, without spaces.

    Parameters
    ----------
    text : str
        Words.

    Returns
    -------
    str
        The id.
    """
    return text.replace(" ", "-").lower()


def fill(text: str, words: Mapping[str, object]) -> str:
    """Return a declared text with its `{name}` places filled; a place that holds a result's id stays for the report.

    Parameters
    ----------
    text : str
        A declared text; `{name}` is a place, `{costs.hire.total.W2025}` a result that the report fills.
    words : mapping of str to object
        Words by name.

    Returns
    -------
    str
        The text.

    Raises
    ------
    DataError
        A name that no word was given for: what it is, and which are known.
    """

    def _word(place: re.Match[str]) -> str:
        if place[1] not in words:
            raise DataError(f"{text!r} has no word for {place[0]}", todo=f"Known: {', '.join(words)}.")
        return str(words[place[1]])

    return re.sub(r"\{([a-z_0-9]+)\}", _word, text)


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of a declared table holds.

    Attributes
    ----------
    label : str
        Its heading; `{name}` places are filled.
    unit : str
        Unit of its numbers or counts ("people", "pounds", "per cent").
    decimals : int or None
        Digits after the point of its numbers: 2 unless given, of shares none.
    universe : str
        What its counts count ("events", "actions"): the first part of their cell keys.
    kind : str
        "register", "identity" or "official", as in `Count`.
    exact : bool
        True for counts that describe nobody (events, meetings): printed exactly.
    share : bool
        True where its numbers are shares of 0 to 1, for `Row.cells`.
    ids : str
        How its results are named where that differs from the table's `ids`.
    levels : mapping of str to str
        Dimensions of its counts' cell keys; `{row}`, `{column}` and the words of the table are filled.
    """

    label: str = ""
    unit: str = ""
    decimals: int | None = None
    universe: str = ""
    kind: str = "register"
    exact: bool = False
    share: bool = False
    ids: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One exhibit as `exhibits.toml` declares it: everything about a table but its numbers.

    Attributes
    ----------
    id, title, row_header, source, chart : str
        As in `Exhibit`; `{name}` places are filled from the plan's words and from what the table is given.
    places : tuple of str
        `Exhibit.sections`: where it stands in the reports.
    ids : str
        How a result is named, from `{row}`, `{column}` and `{wave}`: "costs.{row}.{column}.{wave}".
    refusal : str
        Id of the one cell of an exhibit that says why there is nothing to show.
    refused_title : str
        Title where there is nothing to show; the title itself unless one is given.
    why : tuple of str
        (reason, what would help) where a table is refused without a reason of its own.
    notes : tuple of str
        Notes under the table; "?name" is where an optional note stands if it is printed.
    optional : mapping of str to str
        Notes by name that `Table.note` prints where they apply (those without a place in `notes`: at the end).
    sentences : mapping of str to str
        Texts of cells by name, for `Table.sentence`.
    texts : mapping of str to mapping of str to str
        Words of cells by column and key, for `Row.declared`.
    rows : mapping of str to str
        Labels of rows by key.
    columns : mapping of str to Column
        Columns by key; "*" stands for every column that is not declared, which is headed by its key.
    measures : mapping of str to mapping
        What rows say by key of their own cells (fields of `Column`), whatever their columns say.
    empty : mapping of str to str
        The one cell of a table that got no other: its `row`, `column` and `id`, and its `text`, which is drawn as no
        chart, or its `reason` and `help`.
    extras : mapping
        `Exhibit.extras`; texts in it are filled.
    """

    id: str
    title: str
    places: tuple[str, ...] = ()
    ids: str = ""
    refusal: str = ""
    refused_title: str = ""
    row_header: str = ""
    source: str = ""
    chart: str = ""
    why: tuple[str, str] = ("the comparison could not be prepared", "See the gates.")
    notes: tuple[str, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    sentences: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)
    measures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    empty: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, object] = field(default_factory=dict)


def read_declarations(blocks: Mapping[str, Mapping[str, Any]]) -> dict[str, Declaration]:
    """Return the declarations of a table file, by exhibit id; `@name` in notes stands for a shared text.

    Parameters
    ----------
    blocks : mapping of str to mapping
        The parsed file: one block for each exhibit, and a block `shared` with texts by name.

    Returns
    -------
    dict of str to Declaration
        By exhibit id.

    Raises
    ------
    DataError
        A key that no declaration has, or a shared text that is not there.
    """
    shared = blocks.get("shared", {})

    def _shared(value: object) -> Any:
        if isinstance(value, str) and value.startswith("@"):
            if value[1:] not in shared:
                raise DataError(f"no shared text {value!r}", where="exhibits.toml", todo="Name one that [shared] has.")
            return shared[value[1:]]
        if isinstance(value, dict):
            return {k: _shared(v) for k, v in value.items()}
        return [_shared(v) for v in value] if isinstance(value, list) else value

    made: dict[str, Declaration] = {}
    for id, block in blocks.items():
        if id == "shared":
            continue
        content = {k: _shared(v) for k, v in block.items()}
        try:
            columns = {k: _column(c) for k, c in block.get("columns", {}).items()}
            rows = {k: _column(r) for k, r in block.get("rows", {}).items()}
            lists = {k: tuple(content[k]) for k in ("places", "notes", "why") if k in content}
            heads: dict[str, object] = {"rows": {k: r.label for k, r in rows.items()}, "columns": columns}
            tabled = {k: r for k, r in block.get("rows", {}).items() if not isinstance(r, str)}
            measures = {k: {f: v for f, v in r.items() if f != "label"} for k, r in tabled.items()}
            parts: dict[str, Any] = dict(content) | dict(lists) | heads
            made[id] = Declaration(id=id, measures=measures, **parts)
        except TypeError as error:
            raise DataError(f"the declaration cannot be read: {error}", where=f"exhibits.toml, {id}") from None
    return made


def _column(content: str | Mapping[str, Any]) -> Column:
    """Return what a heading's block says: a label alone, or a label with unit, decimals and kind."""
    return Column(content) if isinstance(content, str) else Column(**content)
