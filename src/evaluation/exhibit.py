"""What a notebook offers for publication: results laid out as a grid, and how they ask to be drawn.

An exhibit holds unprotected results. `disclosure` turns exhibits into checked ones, the only objects that
tables, figures and sentences accept; the table, the chart, the alt text and the sentence of an exhibit are views
of the same checked rows, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluation.results import Estimate, Gate, NotIdentified, TooFew


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
class Words:
    """A cell of plain words (a reason, a status, a date): never free text of a respondent."""

    id: str
    text: str


Cell = Estimate | NotIdentified | TooFew | Count | Measure | Words


@dataclass(frozen=True, slots=True)
class Item:
    """One cell of an exhibit: its row label, its column label and the result in it."""

    row: str
    column: str
    result: Cell


@dataclass(frozen=True, slots=True)
class Exhibit:
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


def exhibit(
    id: str, title: str, results: Sequence[tuple[str, str, Any]], *, sections: Sequence[str], wave: str, **more: Any
) -> Exhibit:
    """Return an exhibit from (row, column, result) triples."""
    items = tuple(Item(row, column, result) for row, column, result in results)
    return Exhibit(id=id, title=title, items=items, sections=tuple(sections), wave=wave, **more)


def measure(id: str, value: float, unit: str, *, base: int | None = None, wave: str = "", **more: Any) -> Measure:
    """Return a measure with an id in lower case."""
    return Measure(id=as_id(id), value=float(value), unit=unit, base=base, wave=wave, **more)


def words(id: str, text: str) -> Words:
    """Return a cell of words with an id in lower case."""
    return Words(id=as_id(id), text=text)


def gate_rows(gates: Sequence[Gate], wave: str) -> list[tuple[str, str, Words]]:
    """Return (gate, column, words) rows: what each gate asked and whether it passed."""
    rows = []
    for gate in gates:
        state = "passed" if gate.passed else "failed"
        rows.append((gate.id, "Result", words(f"gate.{gate.id}.{wave}", state)))
        rows.append((gate.id, "Kind", words(f"gate.{gate.id}.{wave}.kind", gate.kind)))
        if gate.note:
            rows.append((gate.id, "What it asks", words(f"gate.{gate.id}.{wave}.note", gate.note)))
    return rows
