"""A fault of an input: what is wrong, where, the nearest valid value, and what to do; and the table of them all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_OF_A_KIND = 8
TYPED_IN = re.compile(r"@|\d{5,}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|https?:|www\.", re.I)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `kind` is what a waiver names; `row` is the row of the file; `who` the respondent's number."""

    kind: str
    file: str
    column: str
    what: str
    todo: str
    row: int | None = None
    who: str = ""
    near: str = ""

    def line(self) -> str:
        """Return the fault in one line."""
        place = f"{self.file}" + (f", row {self.row}" if self.row else "") + (f", {self.column}" if self.column else "")
        who = f" [respondent {self.who}]" if self.who else ""
        near = f" Nearest: {self.near}." if self.near else ""
        return f"{place}{who}: {self.what}.{near} {self.todo} ({self.kind})"


def safe(text: str) -> str:
    """Return a label as a message may show it: anything that looks typed in by a person is withheld."""
    shown = " ".join(str(text).split())
    return "(withheld: it looks typed in)" if TYPED_IN.search(shown) or len(shown) > 60 else repr(shown)


def fault_table(faults: Sequence[Fault]) -> str:
    """Return every fault as a readable table: many of one kind in one column are counted after the first few."""
    groups: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.file, fault.kind, fault.column), []).append(fault)
    lines = [f"{len(faults)} fault{'s' if len(faults) != 1 else ''} found:"]
    for found in groups.values():
        lines += [f"  {f.line()}" for f in found[:MOST_OF_A_KIND]]
        if len(found) > MOST_OF_A_KIND:
            lines.append(
                f"  … and {len(found) - MOST_OF_A_KIND} more of this kind in {found[0].column or found[0].file}"
            )
    return "\n".join(lines)
