"""What may be shown: rows, exhibits and results that only `disclosure.protect` can make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

import pandas as pd

from evaluation.results import Gate, gates_text
from evaluation.verdict import NOT_ANSWERABLE, NOT_SHOWN, TOO_FEW

_TOKEN = object()
COLUMNS = (
    "id",
    "exhibit",
    "kind",
    "status",
    "text",
    "question",
    "outcome",
    "group",
    "wave",
    "value",
    "se",
    "low",
    "high",
    "low_90",
    "high_90",
    "df",
    "p",
    "unit",
    "n",
    "n_text",
    "n_effective",
    "n_sessions",
    "null",
    "margin",
    "mde",
    "family",
    "p_family",
    "same_sign_share",
    "specification_median",
    "doubt",
    "indicative",
    "licence",
    "planned",
    "estimand",
    "method",
    "se_method",
    "sample",
    "gates",
    "verdict",
    "reason",
    "what_would_help",
)


def require_token(token: object) -> None:
    """Refuse whoever is not `disclosure.protect`.

    Parameters
    ----------
    token : object
        What the caller hands over; only `protect` holds the right one.

    Raises
    ------
    TypeError
        A checked row, exhibit or result was about to be made elsewhere.
    """
    if token is not _TOKEN:
        raise TypeError("checked results are made by disclosure.protect and by nothing else")


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One result as it may be shown: text of its table cell, protected numbers, and its words.

    Attributes
    ----------
    id, kind : str
        Id of the result; "count", "measure", "words", "estimate", "too_few" or "not_identified".
    text : str
        What its table cell prints.
    shown : bool
        False where there is nothing to print but a `reason`.
    value, se, low, high, low_90, high_90 : float or None
        In `unit`; None where hidden. `low` and `high` are the 95 % interval.
    n, n_text : int or None, str
        Rounded number of people, and "about 45".
    n_effective, n_sessions, df, p : float or None
        Effective number of people (rounded like a count), collection sessions, degrees of freedom, p-value (0 to 1).
    null, margin, mde : float or None
        Value of no difference, smallest worthwhile difference and smallest detectable one, in `unit`.
    gates : tuple of Gate
        What was asked of the result, and whether it passed.
    verdict : str
        What may be said of the result ("" for a level).
    """

    token: object = field(repr=False)
    id: str = ""
    kind: str = "words"
    text: str = ""
    shown: bool = True
    reason: str = ""
    value: float | None = None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    low_90: float | None = None
    high_90: float | None = None
    df: float | None = None
    p: float | None = None
    unit: str = ""
    n: int | None = None
    n_text: str = ""
    n_effective: float | None = None
    n_sessions: int | None = None
    null: float | None = None
    margin: float | None = None
    mde: float | None = None
    family: str = ""
    p_family: float | None = None
    same_sign_share: float | None = None
    specification_median: float | None = None
    doubt: str = ""
    indicative: bool = False
    question: str = ""
    outcome: str = ""
    group: str = ""
    wave: str = ""
    licence: str = ""
    planned: bool = False
    estimand: str = ""
    method: str = ""
    se_method: str = ""
    sample: str = ""
    gates: tuple[Gate, ...] = ()
    verdict: str = ""
    what_would_help: str = ""

    def __post_init__(self) -> None:
        require_token(self.token)


@dataclass(frozen=True, slots=True)
class CheckedExhibit:
    """An exhibit as it may be shown.

    Attributes
    ----------
    id, title : str
        Id and title of the exhibit.
    sections : tuple of str
        Sections of the report that print it.
    rows, columns : tuple of str
        Their order.
    cells : mapping
        (row, column) to its checked row.
    """

    token: object = field(repr=False)
    id: str = ""
    title: str = ""
    sections: tuple[str, ...] = ()
    chart: str = ""
    row_header: str = ""
    notes: tuple[str, ...] = ()
    source: str = ""
    wave: str = ""
    extras: Mapping[str, object] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cells: Mapping[tuple[str, str], CheckedRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_token(self.token)


@dataclass(frozen=True, slots=True)
class CheckedResults:
    """Everything of a run that may be shown.

    Attributes
    ----------
    exhibits : tuple of CheckedExhibit
        In the order in which they were offered.
    log : mapping
        Rule to number of cells it hid ("threshold", "secondary", "base", "dominance", "share").
    audit : mapping
        What the attacker tried and recovered: "attacked", "recovered" (0, or the run fails), "components".
    counts : mapping
        Key to published rounded count, or None where hidden: what a release adds to the ledger.
    """

    token: object = field(repr=False)
    exhibits: tuple[CheckedExhibit, ...] = ()
    log: Mapping[str, int] = field(default_factory=dict)
    audit: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_token(self.token)

    def exhibit(self, id: str) -> CheckedExhibit:
        """Return an exhibit by its id.

        Parameters
        ----------
        id : str
            Id of an exhibit of the run.

        Returns
        -------
        CheckedExhibit
            The first one with this id.

        Raises
        ------
        StopIteration
            The run has no such exhibit.
        """
        return next(e for e in self.exhibits if e.id == id)

    def rows(self) -> Iterator[tuple[str, CheckedRow]]:
        """Yield each result once, at its first place.

        Yields
        ------
        tuple of str and CheckedRow
            Id of the exhibit, and the row.
        """
        seen: set[str] = set()
        for exhibit in self.exhibits:
            for row in exhibit.cells.values():
                if row.id not in seen:
                    seen.add(row.id)
                    yield exhibit.id, row

    def result(self, id: str) -> CheckedRow:
        """Return a result by its id.

        Parameters
        ----------
        id : str
            Id of a result of the run.

        Returns
        -------
        CheckedRow
            The first one with this id.

        Raises
        ------
        StopIteration
            The run has no such result.
        """
        return next(row for _, row in self.rows() if row.id == id)

    def frame(self) -> pd.DataFrame:
        """Return the rows of results.csv: one per result id.

        Returns
        -------
        DataFrame
            Columns `COLUMNS`; numbers that are hidden are blank, and `status` says why.
        """
        known = {f.name for f in fields(CheckedRow)}
        records = []
        for exhibit, row in self.rows():
            record: dict[str, object] = {c: getattr(row, c) for c in COLUMNS if c in known}
            record["exhibit"] = exhibit
            refused = row.kind == "not_identified" and row.reason
            hidden = NOT_SHOWN if row.reason == NOT_SHOWN else TOO_FEW
            record["status"] = "shown" if row.shown else NOT_ANSWERABLE if refused else hidden
            record["gates"] = gates_text(row.gates)
            records.append(record)
        return pd.DataFrame(records, columns=list(COLUMNS))
