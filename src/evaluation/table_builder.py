"""The one table builder: exhibits as declared, cells named after row and column, refusals handled once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from evaluation.errors import DataError
from evaluation.exhibit import Cell, Count, Exhibit, Item, Measure, Words, as_id, cell_key
from evaluation.results import NotIdentified, TooFew


def fill(text: str, words: Mapping[str, object]) -> str:
    """Return a declared text with its `{name}` places filled; a place that holds a result's id stays for the report.

    Raises
    ------
    DataError
        A name that no word was given for: what it is, and which are known.
    """

    def put(place: re.Match[str]) -> str:
        if place[1] not in words:
            raise DataError(f"{text!r} has no word for {place[0]}", todo=f"Known: {', '.join(words)}.")
        return str(words[place[1]])

    return re.sub(r"\{([a-z_0-9]+)\}", put, text)


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of a declared table holds.

    Attributes
    ----------
    label : str
        Its heading; `{name}` places are filled.
    unit : str
        Unit of its numbers or counts ("people", "pounds", "per cent").
    decimals : int
        Digits after the point of its numbers.
    universe : str
        What its counts count ("events", "actions"): the first part of their cell keys.
    kind : str
        "register", "identity" or "official", as in `Count`.
    exact : bool
        True for counts that describe nobody (events, meetings): printed exactly.
    """

    label: str
    unit: str = ""
    decimals: int = 2
    universe: str = ""
    kind: str = "register"
    exact: bool = False


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
    notes : tuple of str
        Notes under the table; "?name" is where an optional note stands if it is printed.
    optional : mapping of str to str
        Notes by name that `Table.note` prints where they apply (those without a place in `notes`: at the end).
    sentences : mapping of str to str
        Texts of cells by name, for `Table.sentence`.
    rows : mapping of str to str
        Labels of rows by key.
    columns : mapping of str to Column
        Columns by key; "*" stands for every column that is not declared, which is headed by its key.
    measures : mapping of str to Column
        Rows by key that say unit, decimals, universe and kind themselves, whatever their columns say.
    empty : mapping of str to str
        The one cell of a table that got no other: its `row`, `column`, `id` and `text`; it is drawn as no chart.
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
    notes: tuple[str, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    sentences: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)
    measures: Mapping[str, Column] = field(default_factory=dict)
    empty: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, object] = field(default_factory=dict)


def read_declarations(blocks: Mapping[str, Mapping[str, Any]]) -> dict[str, Declaration]:
    """Return the declarations of a table file, by exhibit id; `@name` in notes stands for a shared text.

    Parameters
    ----------
    blocks : mapping of str to mapping
        The parsed file: one block for each exhibit, and a block `shared` with texts by name.

    Raises
    ------
    DataError
        A key that no declaration has, or a shared text that is not there.
    """
    shared = blocks.get("shared", {})

    def text(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("@"):
            if value[1:] not in shared:
                raise DataError(f"no shared text {value!r}", where="exhibits.toml", todo="Name one that [shared] has.")
            return shared[value[1:]]
        if isinstance(value, dict):
            return {k: text(v) for k, v in value.items()}
        return [text(v) for v in value] if isinstance(value, list) else value

    made = {}
    for id, block in blocks.items():
        if id == "shared":
            continue
        content = {k: text(v) for k, v in block.items()}
        try:
            columns = {k: _column(c) for k, c in block.get("columns", {}).items()}
            rows = {k: _column(r) for k, r in block.get("rows", {}).items()}
            lists = {k: tuple(content.get(k, ())) for k in ("places", "notes")}
            heads = {"rows": {k: r.label for k, r in rows.items()}, "columns": columns}
            measures = {k: r for k, r in rows.items() if not isinstance(block["rows"][k], str)}
            made[id] = Declaration(id=id, measures=measures, **{**content, **lists, **heads})
        except TypeError as error:
            raise DataError(f"the declaration cannot be read: {error}", where=f"exhibits.toml, {id}") from None
    return made


def _column(content: str | Mapping[str, Any]) -> Column:
    """Return what a heading's block says: a label alone, or a label with unit, decimals and kind."""
    return Column(content) if isinstance(content, str) else Column(**content)


@dataclass(frozen=True, slots=True)
class Tables:
    """The builder of one wave's tables: what is declared, the wave, and the words that fill declared texts.

    Attributes
    ----------
    declarations : mapping of str to Declaration
        Every exhibit by id.
    wave : str
        The report's wave.
    words : mapping of str to object
        Words of the plan by name, for `{name}` places.
    """

    declarations: Mapping[str, Declaration]
    wave: str
    words: Mapping[str, object]

    def table(self, id: str, **words: object) -> Table:
        """Begin a declared table; `words` fill its texts beside the plan's.

        Raises
        ------
        DataError
            No exhibit of this id is layout.
        """
        if id not in self.declarations:
            raise DataError(f"no exhibit {id!r} is declared", where="exhibits.toml", todo="Add a block for it.")
        return Table(self.declarations[id], self.wave, {"wave": self.wave, **self.words, **words})

    def refused(self, id: str, refusal: NotIdentified | TooFew | None, **words: object) -> Exhibit:
        """Return a declared exhibit of one cell that says why there is nothing to show."""
        return self.table(id, **words).refused(refusal)


class Table:
    """One declared table under construction: cells are named after their row and column.

    `row` begins a row; `exhibit` returns the finished table. Cells may also be laid out at once: `crosstab`,
    `from_frame`.
    """

    def __init__(self, declaration: Declaration, wave: str, words: Mapping[str, object]) -> None:
        self.declaration, self.wave, self.words = declaration, wave, dict(words)
        self.items: list[Item] = []
        self.sums: list[tuple[str, tuple[str, ...]]] = []
        self._printed: list[tuple[str, str]] = []

    def __len__(self) -> int:
        """Return the number of cells so far."""
        return len(self.items)

    def text(self, text: str) -> str:
        """Return a declared text with its places filled."""
        return fill(text, self.words)

    def column(self, key: str) -> Column:
        """Return a declared column; one that is not declared is headed by its key."""
        columns = self.declaration.columns
        return columns.get(key) or replace(columns.get("*", Column("")), label=key)

    def id(self, row: str, column: str) -> str:
        """Return the id of a result, composed as declared: an empty part leaves no dot behind."""
        pattern = self.declaration.ids or f"{self.declaration.id}.{{row}}.{{column}}.{{wave}}"
        made = fill(pattern, {**self.words, "row": row, "column": column, "wave": self.wave})
        return as_id(re.sub(r"\.{2,}", ".", made).strip("."))

    def row(self, key: str, label: str = "") -> Row:
        """Begin a row: `key` is its part of the ids, `label` its heading where none is layout."""
        declared_label = self.declaration.rows.get(key)
        return Row(self, key, label or (self.text(declared_label) if declared_label is not None else key))

    def sentence(self, name: str, **words: object) -> str:
        """Return one of the declared sentences for a cell; `words` fill its places."""
        return fill(self.declaration.sentences[name], {**self.words, **words})

    def note(self, name: str, **words: object) -> Table:
        """Print one of the declared optional notes; `words` fill its places."""
        self._printed.append((name, fill(self.declaration.optional[name], {**self.words, **words})))
        return self

    def note_texts(self, name: str, texts: Iterable[str]) -> Table:
        """Print texts at the place of an optional note; each fills its `{text}`."""
        for text in texts:
            self.note(name, text=text)
        return self

    def notes(self) -> tuple[str, ...]:
        """Return the notes as they stand now, in the declared order."""
        declared_notes = self.declaration.notes
        out: list[str] = []
        for note in declared_notes:
            if note.startswith("?"):
                out += [text for name, text in self._printed if name == note[1:]]
            else:
                out.append(self.text(note))
        return (*out, *(text for name, text in self._printed if f"?{name}" not in declared_notes))

    def sum(self, total: str, parts: Iterable[str]) -> Table:
        """Declare that the counts of the keys `parts` add up to the count of the key `total`, for the attacker."""
        self.sums.append((total, tuple(parts)))
        return self

    def add(self, cells: Iterable[tuple[str, str, Cell]]) -> Table:
        """Add (row, column, result) cells that have their ids already."""
        self.items += [Item(row, column, result) for row, column, result in cells]
        return self

    def crosstab(self, frame: Any, column: str, *, labels: Mapping[Any, str] | None = None, **levels: object) -> Table:
        """Lay out a table of counts: one row for each of the frame's rows, one column for each of its columns.

        Parameters
        ----------
        frame : DataFrame of int
            Counts; index and columns hold codes.
        column : str
            Key of the declared column that gives unit, universe and kind of the counts.
        labels : mapping, optional
            Words for codes of the index.
        **levels : object
            Further dimensions of every cell's key.
        """
        named = {**(labels or {})}
        across, down = str(frame.columns.name or "column"), str(frame.index.name or "row")
        for code, counts in frame.iterrows():
            row = self.row(str(code), named.get(code, str(code)))
            for key, n in counts.items():
                kind = replace(self.column(column), label=self.column(str(key)).label)
                row.count(str(key), int(n), as_column=kind, **{**levels, down: code, across: key})
        return self

    def from_frame(self, frame: Any, *, labels: Mapping[Any, str] | str | None = None, base: str = "") -> Table:
        """Lay out a tidy frame: one row each, one cell for each declared column that the frame has.

        Numbers become numbers, texts words; a missing value leaves its cell out.

        Parameters
        ----------
        frame : DataFrame
            The index holds the keys of the rows.
        labels : mapping or str, optional
            Words for keys of the index, or the frame's column that holds them.
        base : str, optional
            The frame's column with the people behind each row's numbers.
        """
        for key, values in frame.iterrows():
            label = str(values[labels]) if isinstance(labels, str) else (labels or {}).get(key, "")
            row, people = self.row(str(key), label), int(values[base]) if base else None
            for name in self.declaration.columns:
                value = values.get(name)
                if value is None or value != value:
                    continue
                if isinstance(value, str):
                    row.words(name, value)
                else:
                    row.number(name, float(value), base=people)
        return self

    def refused(self, refusal: NotIdentified | TooFew | None) -> Exhibit:
        """Return the exhibit with one cell that says why there is nothing to show, and nothing else."""
        reason = refusal or NotIdentified("the comparison could not be prepared", "See the gates.", wave=self.wave)
        id = as_id(fill(self.declaration.refusal or f"{self.declaration.id}.{{wave}}", self.words))
        return self.only(replace(reason, id=id, wave=self.wave))

    def only(self, cell: NotIdentified | TooFew) -> Exhibit:
        """Return the exhibit with nothing in it but a cell, which has its id already, that says why."""
        d = self.declaration
        return Exhibit(
            d.id, self.text(d.refused_title or d.title), (Item("Not shown", "", cell),), d.places, wave=self.wave
        )

    def exhibit(
        self, *, chart: str | None = None, sums: Iterable[tuple[str, tuple[str, ...]]] = (), **extras: object
    ) -> Exhibit:
        """Return the finished table.

        Parameters
        ----------
        chart : str, optional
            In place of the declared chart; "" draws none.
        sums : iterable of (str, tuple of str)
            Sums that the table implies, beside those of `sum`.
        **extras : object
            What the chart needs beyond what is layout.
        """
        d = self.declaration
        if d.empty and not self.items:
            chart = ""
            head = self.text(self.column(d.empty["column"]).label) if "column" in d.empty else ""
            self.items.append(
                Item(d.empty["row"], head, Words(as_id(self.text(d.empty["id"])), self.text(d.empty["text"])))
            )
        filled = {
            k: self.text(v) if isinstance(v, str) else tuple(v) if isinstance(v, list) else v
            for k, v in d.extras.items()
        }
        return Exhibit(
            id=d.id,
            title=self.text(d.title),
            items=tuple(self.items),
            sections=d.places,
            chart=d.chart if chart is None else chart,
            row_header=self.text(d.row_header),
            notes=self.notes(),
            source=self.text(d.source),
            wave=self.wave,
            sums=(*self.sums, *sums),
            extras={**filled, **extras},
        )


class Row:
    """One row of a table under construction; each method adds a cell and returns the row."""

    def __init__(self, table: Table, key: str, label: str) -> None:
        self.table, self.key, self.label = table, key, label

    def column(self, key: str) -> Column:
        """Return what a cell of this row holds: as the row says where it does, as its column says elsewhere."""
        column = self.table.column(key)
        own = self.table.declaration.measures.get(self.key)
        return replace(own, label=column.label) if own else column

    def _add(self, column: Column, result: Cell) -> Row:
        self.table.items.append(Item(self.label, self.table.text(column.label), result))
        return self

    def _id(self, column: str, id: str) -> str:
        return as_id(id) if id else self.table.id(self.key, column)

    def count(
        self,
        column: str,
        n: int,
        *,
        id: str = "",
        universe: str = "",
        as_column: Column | None = None,
        **levels: object,
    ) -> Row:
        """Add a count; its cell key is made of a universe, else its column's, and `levels`; `wave` is its wave too."""
        kind = as_column or self.column(column)
        key = cell_key(universe or kind.universe or kind.unit or "people", **levels)
        result = Count(
            self._id(column, id),
            int(n),
            key,
            kind=kind.kind,
            sensitive=not kind.exact,
            public=kind.kind == "official",
            unit=kind.unit or "people",
            wave=str(levels.get("wave", self.table.wave)),
        )
        return self._add(kind, result)

    def number(self, column: str, value: float, *, id: str = "", unit: str | None = None, **more: Any) -> Row:
        """Add a number; `more` are fields of `Measure` (base, low, high, decimals, wave …)."""
        kind = self.column(column)
        filled = {"wave": self.table.wave, "decimals": kind.decimals, **more}
        return self._add(
            kind, Measure(self._id(column, id), float(value), kind.unit if unit is None else unit, **filled)
        )

    def numbers(self, values: Mapping[str, float | None], **more: Any) -> Row:
        """Add a number for each column that has one; `more` as in `number`."""
        for column, value in values.items():
            if value is not None:
                self.number(column, value, **more)
        return self

    def share(self, column: str, share: float, *, id: str = "", **more: Any) -> Row:
        """Add a share of 0 to 1 as a percentage without decimals; `low` and `high` are shares too."""
        ends = {k: 100 * more.pop(k) for k in ("low", "high") if more.get(k) is not None}
        return self.number(column, 100 * share, id=id, **{"unit": "per cent", "decimals": 0, **ends, **more})

    def share_of(self, column: str, part: tuple[str, int], whole: tuple[str, int], **more: Any) -> Row:
        """Add the share of one count in another, each a cell key with its count: worked out from the rounded counts."""
        share = part[1] / whole[1] if whole[1] else 0.0
        return self.share(column, share, base=whole[1], share_of=(part[0], whole[0]), counts=(part, whole), **more)

    def words(self, column: str, text: str, *, id: str = "") -> Row:
        """Add a cell of plain words."""
        return self._add(self.table.column(column), Words(self._id(column, id), text))

    def estimate(self, column: str, result: Cell) -> Row:
        """Add a result that has its id already: an estimate, or why there is none."""
        return self._add(self.table.column(column), result)

    def refused(self, column: str, reason: str, help: str, *, id: str = "") -> Row:
        """Add a cell that says why it has no number, and what would help."""
        cell = NotIdentified(reason, help, id=self._id(column, id), wave=self.table.wave, licence="descriptive")
        return self._add(self.table.column(column), cell)
