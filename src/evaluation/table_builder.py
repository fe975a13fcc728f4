"""The one table builder: exhibits as declared, cells named after row and column, refusals handled once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pandas import DataFrame, isna

from evaluation.errors import DataError
from evaluation.exhibit import Cell, Column, Count, Declaration, Exhibit, Item, Measure, Text, as_id, cell_key, fill
from evaluation.results import Estimate, NotIdentified, TooFew


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
        """Begin a declared table.

        Parameters
        ----------
        id : str
            Id of the exhibit.
        **words : object
            What fills its texts beside the plan's words.

        Returns
        -------
        Table
            Without a cell.

        Raises
        ------
        DataError
            No exhibit of this id is declared.
        """
        if id not in self.declarations:
            raise DataError(f"no exhibit {id!r} is declared", where="exhibits.toml", todo="Add a block for it.")
        return Table(self.declarations[id], self.wave, {"wave": self.wave, **self.words, **words})

    def refused(self, id: str, refusal: NotIdentified | TooFew | None = None, **words: object) -> Exhibit:
        """Return a declared exhibit of one cell that says why there is nothing to show.

        Parameters
        ----------
        id : str
            Id of the exhibit.
        refusal : NotIdentified, TooFew or None
            The reason; None where the comparison could not be prepared.
        **words : object
            What fills its title.

        Returns
        -------
        Exhibit
            With one cell.
        """
        return self.table(id, **words).refused(refusal)


class Table:
    """One declared table under construction: cells are named after their row and column.

    `row` begins a row; `exhibit` returns the finished table. Cells may also be laid out at once: `crosstab`,
    `from_frame`.

    Parameters
    ----------
    declaration : Declaration
        What is declared of it.
    wave : str
        The report's wave.
    words : mapping of str to object
        What fills its texts.
    """

    def __init__(self, declaration: Declaration, wave: str, words: Mapping[str, object]) -> None:
        self.declaration, self.wave, self.words = declaration, wave, dict(words)
        self.items: list[Item] = []
        self.sums: list[tuple[str, tuple[str, ...]]] = []
        self._printed: list[tuple[str, str]] = []
        self._headings: dict[str, Column] = {}
        self.fields: dict[str, Any] = {}

    def __len__(self) -> int:
        """Return the number of cells so far."""
        return len(self.items)

    def text(self, text: str) -> str:
        """Return a declared text with its places filled.

        Parameters
        ----------
        text : str
            A declared text.

        Returns
        -------
        str
            The text.
        """
        return fill(text, self.words)

    def column(self, key: str) -> Column:
        """Return a declared column; one that is not declared is headed by its key.

        Parameters
        ----------
        key : str
            Key of the column.

        Returns
        -------
        Column
            Its heading, unit and kind.
        """
        columns = self.declaration.columns
        return self._headings.get(key) or columns.get(key) or replace(columns.get("*", Column("")), label=key)

    def head(self, labels: Mapping[Any, str], like: str = "*") -> Table:
        """Head columns whose words come from data; they hold what the declared column `like` holds.

        Parameters
        ----------
        labels : mapping
            Words by key.
        like : str
            Key of the declared column.

        Returns
        -------
        Table
            This table.
        """
        kind = self.declaration.columns.get(like, Column(""))
        self._headings |= {str(key): replace(kind, label=label) for key, label in labels.items()}
        return self

    def id(self, row: str, column: str, ids: str = "") -> str:
        """Return the id of a result, composed as declared: an empty part leaves no dot behind.

        Parameters
        ----------
        row, column : str
            Keys of its row and column.
        ids : str
            Pattern in place of the declared one.

        Returns
        -------
        str
            Lower case, unique in a run.
        """
        pattern = ids or self.declaration.ids or f"{self.declaration.id}.{{row}}.{{column}}.{{wave}}"
        made = fill(pattern, {**self.words, "row": row, "column": column, "wave": self.wave})
        return as_id(re.sub(r"\.{2,}", ".", made).strip("."))

    def row(self, key: str, label: str = "") -> Row:
        """Begin a row.

        Parameters
        ----------
        key : str
            Its part of the ids.
        label : str
            Its heading, where none is declared under the key.

        Returns
        -------
        Row
            Without a cell.
        """
        declared_label = self.declaration.rows.get(key)
        return Row(self, key, label or (self.text(declared_label) if declared_label is not None else key))

    def sentence(self, name: str, **words: object) -> str:
        """Return one of the declared sentences for a cell; `words` fill its places.

        Parameters
        ----------
        name : str
            Its name in the declaration.
        **words : object
            What fills it.

        Returns
        -------
        str
            The sentence.
        """
        return fill(self.declaration.sentences[name], {**self.words, **words})

    def numbers(self, **fields: object) -> Table:
        """Give numbers from here on these fields of `Measure` (base, unit ...); column and call may differ.

        Parameters
        ----------
        **fields : object
            Fields of `Measure`.

        Returns
        -------
        Table
            This table.
        """
        self.fields |= fields
        return self

    def note(self, name: str, **words: object) -> Table:
        """Print one of the declared optional notes; `words` fill its places.

        Parameters
        ----------
        name : str
            Its name in the declaration.
        **words : object
            What fills it.

        Returns
        -------
        Table
            This table.
        """
        if name not in self.declaration.optional:
            raise DataError(f"no note {name!r} is declared", where=self.declaration.id, todo="Add it under optional.")
        self._printed.append((name, fill(self.declaration.optional[name], {**self.words, **words})))
        return self

    def note_texts(self, name: str, texts: Iterable[str]) -> Table:
        """Print texts at the place of an optional note; each fills its `{text}`.

        Parameters
        ----------
        name : str
            Name of the note.
        texts : iterable of str
            One note each.

        Returns
        -------
        Table
            This table.
        """
        for text in texts:
            self.note(name, text=text)
        return self

    def notes(self) -> tuple[str, ...]:
        """Return the notes as they stand now, in the declared order.

        Returns
        -------
        tuple of str
            Optional notes at their places.
        """
        declared_notes = self.declaration.notes
        out: list[str] = []
        for note in declared_notes:
            if note.startswith("?"):
                out += [text for name, text in self._printed if name == note[1:]]
            else:
                out.append(self.text(note))
        return (*out, *(text for name, text in self._printed if f"?{name}" not in declared_notes))

    def sum(self, total: str, parts: Iterable[str]) -> Table:
        """Declare that the counts of the keys `parts` add up to the count of the key `total`, for the attacker.

        Parameters
        ----------
        total : str
            Cell key of the sum.
        parts : iterable of str
            Cell keys that add up to it.

        Returns
        -------
        Table
            This table.
        """
        self.sums.append((total, tuple(parts)))
        return self

    def add(self, cells: Iterable[tuple[str, str, Cell]]) -> Table:
        """Add (row, column, result) cells that have their ids already.

        Parameters
        ----------
        cells : iterable of (str, str, result)
            Labels of row and column, and the result.

        Returns
        -------
        Table
            This table.
        """
        self.items += [Item(row, column, result) for row, column, result in cells]
        return self

    def crosstab(
        self,
        frame: Any,
        column: str,
        *,
        labels: Mapping[Any, str] | None = None,
        headings: Mapping[Any, str] | None = None,
        totals: str = "",
        sums: bool = False,
        **levels: object,
    ) -> Table:
        """Lay out a table of counts: one row for each of the frame's rows, one column for each of its columns.

        Parameters
        ----------
        frame : DataFrame of int
            Counts; index and columns hold codes.
        column : str
            Key of the declared column that gives unit, universe and kind of the counts.
        labels, headings : mapping, optional
            Words for codes of the index and of the columns.
        totals : str
            Key of the declared column with the rows' totals; none unless given.
        sums : bool
            Whether each row's counts are declared to add up to the count of the row's code, for the attacker.
        **levels : object
            Further dimensions of every cell's key.

        Returns
        -------
        Table
            This table.
        """
        named, across, down = {**(labels or {})}, str(frame.columns.name or "column"), str(frame.index.name or "row")
        self.head({k: (headings or {}).get(k, self.column(str(k)).label) for k in frame.columns}, like=column)
        for code, counts in frame.iterrows():
            row, begun = self.row(str(code), named.get(code, str(code))), len(self.items)
            for key, n in counts.items():
                row.count(str(key), int(n), **{**levels, down: code, across: key})
            parts = tuple(i.result.key for i in self.items[begun:] if isinstance(i.result, Count))
            if totals:
                row.count(totals, int(counts.sum()), **{**levels, down: code})
            if sums:
                self.sum(cell_key(row.column(column).universe, **{**levels, down: code}), parts)
        return self

    def from_frame(self, frame: DataFrame, *, labels: Mapping[Any, str] | str | None = None, base: str = "") -> Table:
        """Lay out a tidy frame: one row each, one cell for each declared column that the frame has, as `Row.cells`.

        Parameters
        ----------
        frame : DataFrame
            The index holds the keys of the rows.
        labels : mapping or str, optional
            Words for keys of the index, or the frame's column that holds them.
        base : str, optional
            The frame's column with the people behind each row's numbers.

        Returns
        -------
        Table
            This table.
        """
        for key, values in frame.iterrows():
            label = str(values[labels]) if isinstance(labels, str) else (labels or {}).get(key, "")
            cells = {name: values[name] for name in self.declaration.columns if name in values}
            self.row(str(key), label).cells(cells, base=int(values[base]) if base else None)
        return self

    def refused(self, refusal: NotIdentified | TooFew | None = None) -> Exhibit:
        """Return the exhibit with one cell that says why there is nothing to show, and nothing else.

        Parameters
        ----------
        refusal : NotIdentified, TooFew or None
            The reason; None where the comparison could not be prepared.

        Returns
        -------
        Exhibit
            The cell bears the declared id of the refusal.
        """
        reason = refusal or NotIdentified(*self.declaration.why)
        id = as_id(fill(self.declaration.refusal or f"{self.declaration.id}.{{wave}}", self.words))
        return self.only(replace(reason, id=id, wave=self.wave))

    def only(self, cell: NotIdentified | TooFew) -> Exhibit:
        """Return the exhibit with nothing in it but a cell, which has its id already, that says why.

        Parameters
        ----------
        cell : NotIdentified or TooFew
            The reason.

        Returns
        -------
        Exhibit
            With one cell.
        """
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
            What the chart needs beyond what is declared.

        Returns
        -------
        Exhibit
            Its cells in the order in which they were added.
        """
        d = self.declaration
        if d.empty and not self.items:
            cell = {k: self.text(v) for k, v in d.empty.items()}
            row, column = self.row("none", cell["row"]), cell.get("column", "")
            if "text" in cell:
                chart = ""
                row.text(column, cell["text"], id=cell["id"])
            else:
                row.refused(column, cell["reason"], cell["help"], id=cell["id"])
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
    """One row of a table under construction; each method adds a cell and returns the row.

    Parameters
    ----------
    table : Table
        The table that it belongs to.
    key : str
        Its part of the ids.
    label : str
        Its heading.
    """

    def __init__(self, table: Table, key: str, label: str) -> None:
        self.table, self.key, self.label = table, key, label

    def column(self, key: str) -> Column:
        """Return what a cell of this row holds: as the row says where it does, as its column says elsewhere.

        Parameters
        ----------
        key : str
            Key of the column.

        Returns
        -------
        Column
            Unit, kind and decimals.
        """
        return replace(self.table.column(key), **self.table.declaration.measures.get(self.key, {}))

    def _add(self, column: Column, result: Cell) -> Row:
        self.table.items.append(Item(self.label, self.table.text(column.label), result))
        return self

    def _id(self, column: str, id: str) -> str:
        return as_id(id) if id else self.table.id(self.key, column, self.column(column).ids)

    def _levels(self, column: str, levels: Mapping[str, object]) -> dict[str, object]:
        keys = {**self.table.words, "row": self.key, "column": column}
        return {**{k: fill(v, keys) for k, v in self.column(column).levels.items()}, **levels}

    def cells(self, values: Mapping[str, Any], *, base: int | None = None) -> Row:
        """Add a cell for each value by column: text as words, counts where a column has a universe, shares, numbers.

        A result that has its id already stands as it is; what is missing is left out.

        Parameters
        ----------
        values : mapping of str to object
            Values by column; shares go from 0 to 1.
        base : int, optional
            People behind the numbers.

        Returns
        -------
        Row
            This row.
        """
        for name, value in values.items():
            kind = self.column(name)
            if isinstance(value, Cell):
                self.estimate(name, value)
            elif value is None or isna(value):
                continue
            elif isinstance(value, str):
                self.text(name, value)
            elif kind.universe:
                self.count(name, int(value))
            else:
                (self.share if kind.share else self.number)(name, float(value), base=base)
        return self

    def count(self, column: str, n: int, *, id: str = "", universe: str = "", **levels: object) -> Row:
        """Add a count; its cell key is made of a universe, else its column's, and `levels`; `wave` is its wave too.

        Parameters
        ----------
        column : str
            Key of the column.
        n : int
            The exact, unweighted count.
        id : str
            In place of the composed id.
        universe : str
            In place of the column's.
        **levels : object
            Dimensions of the cell key and their levels.

        Returns
        -------
        Row
            This row.
        """
        kind = self.column(column)
        key = cell_key(universe or kind.universe or kind.unit or "people", **self._levels(column, levels))
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
        """Add a number that is not an estimate.

        Parameters
        ----------
        column : str
            Key of the column.
        value : float
            In the column's unit.
        id : str
            In place of the composed id.
        unit : str, optional
            In place of the column's.
        **more : object
            Fields of `Measure` (base, low, high, decimals, wave ...).

        Returns
        -------
        Row
            This row.
        """
        kind = self.column(column)
        digits = 2 if kind.decimals is None else kind.decimals
        usual = {"wave": self.table.wave, "decimals": digits, "public": kind.kind == "official", **self.table.fields}
        filled = {**usual, **more}
        shared_unit = str(filled.pop("unit", ""))
        own_unit = (kind.unit or shared_unit) if unit is None else unit
        return self._add(kind, Measure(self._id(column, id), float(value), own_unit, **filled))

    def interval(self, column: str, result: Any, *, id: str = "", scale: float = 1.0, **more: Any) -> Row:
        """Add an estimate that has no id as a number with its range; a refusal in words.

        Parameters
        ----------
        column : str
            Key of the column.
        result : Estimate, NotIdentified or TooFew
            The estimate.
        id : str
            In place of the composed id.
        scale : float
            What its value and ends are multiplied by: 100 for shares in per cent.
        **more : object
            Fields of `Measure`.

        Returns
        -------
        Row
            This row.
        """
        if isinstance(result, NotIdentified):
            return self.text(column, result.reason, id=id)
        if isinstance(result, TooFew):
            text = f"too few {result.unit}: at least {result.needed} in every cell are needed"
            return self.text(column, text, id=id)
        ends = {k: None if getattr(result, k) is None else scale * getattr(result, k) for k in ("low", "high")}
        if isinstance(result, Estimate) and result.n and "base" not in self.table.fields:
            ends["base"] = min(result.n.values())
        return self.number(column, scale * result.value, id=id, **{**ends, **more})

    def numbers(self, values: Mapping[str, float | None], **more: Any) -> Row:
        """Add a number for each column that has one.

        Parameters
        ----------
        values : mapping of str to float or None
            Values by column.
        **more : object
            As in `number`.

        Returns
        -------
        Row
            This row.
        """
        for column, value in values.items():
            if value is not None:
                self.number(column, value, **more)
        return self

    def share(self, column: str, share: float, *, id: str = "", **more: Any) -> Row:
        """Add a share as a percentage without decimals.

        Parameters
        ----------
        column : str
            Key of the column.
        share : float
            From 0 to 1.
        id : str
            In place of the composed id.
        **more : object
            Fields of `Measure`; `low` and `high` are shares too.

        Returns
        -------
        Row
            This row.
        """
        ends = {k: 100 * more.pop(k) for k in ("low", "high") if more.get(k) is not None}
        usual = {"unit": "per cent", "decimals": self.column(column).decimals or 0}
        return self.number(column, 100 * share, id=id, **{**usual, **ends, **more})

    def part(self, column: str, top: int, bottom: int, *, id: str = "", universe: str = "", **levels: object) -> Row:
        """Add a share of people as the published counts give it: hidden where either count would be.

        Parameters
        ----------
        column : str
            Key of the column.
        top, bottom : int
            People counted, and people in all.
        id : str
            In place of the composed id.
        universe : str
            In place of the column's.
        **levels : object
            Dimensions of the cell keys and their levels.

        Returns
        -------
        Row
            This row.
        """
        of = universe or self.column(column).universe
        keys = (cell_key(of, **self._levels(column, levels), part=p) for p in ("yes", "any"))
        return self.share_of(column, *zip(keys, (int(top), int(bottom)), strict=True), id=id)

    def share_of(self, column: str, part: tuple[str, int], whole: tuple[str, int], **more: Any) -> Row:
        """Add the share of one count in another, each a cell key with its count: worked out from the rounded counts.

        Parameters
        ----------
        column : str
            Key of the column.
        part, whole : (str, int)
            Cell key and count.
        **more : object
            As in `share`.

        Returns
        -------
        Row
            This row.
        """
        share = part[1] / whole[1] if whole[1] else 0.0
        return self.share(column, share, base=whole[1], share_of=(part[0], whole[0]), counts=(part, whole), **more)

    def text(self, column: str, text: str, *, id: str = "") -> Row:
        """Add a cell of plain words.

        Parameters
        ----------
        column : str
            Key of the column.
        text : str
            Never free text of a respondent.
        id : str
            In place of the composed id.

        Returns
        -------
        Row
            This row.
        """
        return self._add(self.table.column(column), Text(self._id(column, id), text))

    def declared(self, column: str, key: str, *, id: str = "") -> Row:
        """Add a cell of the words that are declared for this column and key.

        Parameters
        ----------
        column : str
            Key of the column.
        key : str
            Key of the words, among the column's `texts`.
        id : str
            In place of the composed id.

        Returns
        -------
        Row
            This row.
        """
        return self.text(column, self.table.text(self.table.declaration.texts[column][key]), id=id)

    def estimate(self, column: str, result: Cell) -> Row:
        """Add a result that has its id already: an estimate, or why there is none.

        Parameters
        ----------
        column : str
            Key of the column.
        result : Estimate, NotIdentified, TooFew, Count, Measure or Words
            The cell.

        Returns
        -------
        Row
            This row.
        """
        return self._add(self.table.column(column), result)

    def refused(self, column: str, reason: str, help: str, *, id: str = "") -> Row:
        """Add a cell that says why it has no number, and what would help.

        Parameters
        ----------
        column : str
            Key of the column.
        reason, help : str
            Why, and what would help.
        id : str
            In place of the composed id.

        Returns
        -------
        Row
            This row.
        """
        cell = NotIdentified(reason, help, id=self._id(column, id), wave=self.table.wave, licence="descriptive")
        return self._add(self.table.column(column), cell)
