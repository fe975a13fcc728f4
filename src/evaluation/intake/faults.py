"""A fault of an input: what is wrong, where, the nearest valid value, and what to do; and the table of them all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_OF_A_KIND = 8
MOST_ROWS = 5
MOST_CHARACTERS = 2800
SHOWN_FROM = 3  # people who gave a label before it counts as the tool's and not as one person's words
LIKE = 0.8
TYPED_IN = re.compile(r"@|\d{5,}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|https?:|www\.|\+?\d[\d ()-]{8,}", re.I)
NUMBER_OF_PERSON = re.compile(r"(?=.*[0-9])[A-Za-z0-9_-]{1,40}")  # a digit, no blank: not a name
PHONE_OR_POSTCODE = re.compile(r"(0|44)\d{9,10}|[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}", re.I)
NEVER_WAIVED = frozenset(
    {
        "unreadable",
        "unknown_column",
        "unknown_variable",
        "missing_column",
        "doubled_column",
        "missing_id",
        "duplicate_respondent",
        "attendance_not_asked",
        "export_changed",
        "identifier",
        "mixed_origin",
        "reason_unstated",
        "bad_waiver",
        "unconfirmed",
        "withdrawal",
        "two_codes_with_one_label",
        "label_said_twice",
        "no_primary_outcome",
        "one_answer",
        "base_weight",
        "drawn_otherwise",
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes
    ----------
    kind : str
        What a waiver names.
    row, who : int or None, str
        First row of the file that has it, and that respondent's number.
    n, rows : int, tuple of int
        How many rows have it, and the first of them.
    near : str
        The nearest valid value.
    """

    kind: str
    file: str
    column: str
    what: str
    todo: str
    row: int | None = None
    who: str = ""
    near: str = ""
    n: int = 1
    rows: tuple[int, ...] = ()

    @property
    def waivable(self) -> bool:
        """Whether a person may allow it in wave.toml, with a reason."""
        return self.kind not in NEVER_WAIVED

    def place(self) -> str:
        """Return the rows in words: "row 5", or "rows 5, 9, 12 and 34 more"."""
        rows = self.rows or ((self.row,) if self.row else ())
        if not rows:
            return ""
        shown = ", ".join(str(r) for r in rows[:MOST_ROWS])
        more = self.n - min(len(rows), MOST_ROWS)
        return f"row{'s' if self.n > 1 else ''} {shown}" + (f" and {more} more" if more > 0 else "")

    def line(self) -> str:
        """Return the fault in one line."""
        column = "(a heading that looks typed in)" if TYPED_IN.search(self.column) else self.column
        where = ", ".join(p for p in (self.file, self.place(), column) if p)
        who = f" [respondent {self.who}]" if self.who else ""
        near = f" Nearest: {self.near}." if self.near else ""
        return f"{where}{who}: {self.what}.{near} {self.todo} ({self.kind})"


def safe(text: str, *, people: int = SHOWN_FROM, known: Iterable[str] = ()) -> str:
    """Return a label as a message may show it; what one person may have typed is withheld.

    A label is shown when it does not look like a contact detail, is short, and either several people gave it (then
    it is the tool's) or it is nearly one of the `known` labels (then it is a slip).
    """
    shown = " ".join(str(text).split())
    if TYPED_IN.search(shown) or len(shown) > 60:
        return "(withheld: it looks typed in)"
    low = shown.lower()
    if people >= SHOWN_FROM or any(SequenceMatcher(None, low, k.lower()).ratio() >= LIKE for k in known):
        return repr(shown)
    return "(withheld: too few people gave it, it may be their own words)"


def safe_number(who: str) -> str:
    """Return a respondent's number as a message may show it; "" when it may be a name or a contact detail."""
    text = str(who).strip()
    plain = re.sub(r"\W", "", text)
    return text if NUMBER_OF_PERSON.fullmatch(text) and not PHONE_OR_POSTCODE.fullmatch(plain) else ""


def fault_table(faults: Sequence[Fault]) -> str:
    """Return every fault as a readable table of at most 3,000 characters: what does not fit is counted.

    Each column's first fault of a kind comes before the second of any.
    """
    groups: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.file, fault.kind, fault.column), []).append(fault)
    lines = [f"{len(faults)} fault{'s' if len(faults) != 1 else ''} found:"]
    room, shown = MOST_CHARACTERS - len(lines[0]), dict.fromkeys(groups, 0)
    for turn in range(MOST_OF_A_KIND):
        for key, found in groups.items():
            need = len(found[turn].line()) + 3 if turn < len(found) else 0
            if need and shown[key] == turn and need <= room:
                shown[key], room = turn + 1, room - need
    for key, found in groups.items():
        lines += [f"  {f.line()}" for f in found[: shown[key]]]
        if 0 < shown[key] < len(found) and room > 0:
            lines.append(f"  … and {len(found) - shown[key]} more of this kind in {found[0].file}")
            room -= len(lines[-1]) + 1
    unseen = [found for key, found in groups.items() if not shown[key]]
    if unseen:
        lines.append(f"  … and {sum(map(len, unseen))} more in {len(unseen)} other columns or kinds")
    return "\n".join(lines)
