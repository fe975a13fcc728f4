"""Apply a wave's map: export columns to codebook variables, labels to codes, blanks to reasons; every fault kept."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from evaluation.codebook import Codebook, Variable
from evaluation.errors import nearest
from evaluation.intake.faults import Fault, safe
from evaluation.intake.readers import Read
from evaluation.intake.wavefile import WaveInfo

BLANK, ROUTED, NOT_ASKED = -9, -6, -5
MISSING_WORDS = {
    "dont know": -8, "don't know": -8, "not sure": -8, "dont know / not sure": -8, "don't know / not sure": -8,
    "does not know": -8, "prefer not to say": -7, "prefers not to say": -7, "rather not say": -7,
    "not applicable": -6, "n/a": -6, "left blank": -9, "no answer": -9,
}  # fmt: skip
ROW = "#row"


@dataclass(slots=True)
class Mapped:
    """Values by codebook name, the reason of each missing one, and every fault.

    `values` holds codes (text, whole numbers for ordinals), numbers and dates (NA where missing); `reasons` has the
    same shape: 0 present, else -9 to -3. `rows` is the row of the file of each record.
    """

    values: dict[str, pd.Series] = field(default_factory=dict)
    reasons: dict[str, pd.Series] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    rows: pd.Series = field(default_factory=lambda: pd.Series(dtype=int))
    who: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))


def normal(text: str) -> str:
    """Return a label for comparison: lower case, single spaces, straight apostrophes and dashes, no final stop."""
    plain = text.replace("\u2019", "'").replace("\u2018", "'").replace("\u2013", "-").replace("\u2014", "-")
    return " ".join(plain.lower().split()).rstrip(".:")


def apply(read: Read, info: WaveInfo, book: Codebook, *, required: set[str]) -> Mapped:
    """Return the mapped wave; `required` are the variables that this wave must hold or declare as not asked."""
    out = Mapped()
    frame = read.frame
    out.rows = pd.Series(range(read.first_row, read.first_row + len(frame)), index=frame.index)
    targets = _targets(frame, info, book, out)
    id_column = next((c for c, t in targets.items() if t == "resp_id"), "")
    numbered = ROW in info.columns
    out.who = (
        frame[id_column].astype(str) if id_column else pd.Series([str(i + 1) for i in range(len(frame))], frame.index)
    )
    if numbered:
        out.values["resp_id"], out.reasons["resp_id"] = out.who, pd.Series(0, frame.index)
    by_name: dict[str, list[str]] = {}
    for column, target in targets.items():
        by_name.setdefault(target.split(".")[0], []).append(column)
    for name, columns in by_name.items():
        _one(name, columns, targets, frame, info, book.variable(name), out)
    _not_asked(frame, info, book, required, out)
    return out


def _targets(frame: pd.DataFrame, info: WaveInfo, book: Codebook, out: Mapped) -> dict[str, str]:
    """Return export column → codebook name (or name.level), with a fault for every column that has no home."""
    file, known = info.file, set(book.names())
    targets: dict[str, str] = {}
    for column in frame.columns:
        target = info.columns.get(column)
        if target is None:
            if column not in info.ignore:
                near = nearest(normal(column).replace(" ", "_"), known) or nearest(column, known)
                out.faults.append(Fault("unknown_column", file, column, "the map does not name this column",
                                        "Add it to [columns] or, with a reason, to [ignore].", near=near))  # fmt: skip
            continue
        if target.split(".")[0] not in known:
            out.faults.append(Fault("unknown_variable", file, column, f"the codebook has no {target!r}",
                                    "Correct the map.", near=nearest(target, known)))  # fmt: skip
            continue
        targets[column] = target
    for column in info.columns:
        if column not in frame.columns and column != ROW:
            out.faults.append(Fault("missing_column", file, column, "the map names a column that the export lacks",
                                    "Correct the map.", near=nearest(column, frame.columns)))  # fmt: skip
    for target in sorted({t for t in targets.values() if list(targets.values()).count(t) > 1}):
        both = [c for c, t in targets.items() if t == target]
        out.faults.append(Fault("doubled_column", file, " and ".join(both), f"two columns are mapped to {target!r}",
                                "Keep one."))  # fmt: skip
        for column in both[1:]:
            del targets[column]
    return targets


def _one(
    name: str, columns: list[str], targets: Mapping[str, str], frame: pd.DataFrame, info: WaveInfo, var: Variable,
    out: Mapped,
) -> None:  # fmt: skip
    if var.type == "multi":
        _multi(name, columns, targets, frame, info, var, out)
        return
    column = columns[0]
    cells = frame[column].astype(str).str.strip()
    readers = {"integer": _numeric, "number": _numeric, "date": _dates, "datetime": _dates, "id": _ids, "text": _ids}
    values: list[Any] = [pd.NA] * len(cells)
    reasons = [0] * len(cells)
    labels = _label_map(info.labels.get(name, {}), var)
    reader = readers.get(var.type)
    banded = info.bands.get(name)
    for place, cell in enumerate(cells):
        if cell == "":
            reasons[place] = BLANK
            continue
        code = labels.get(normal(cell))
        if code is None and banded is not None:
            code = _band(cell, banded)
        if code is None and reader is not None:
            found, wrong = reader(cell, var, info.date_order)
            if not wrong:
                values[place] = found
                continue
            code, problem = MISSING_WORDS.get(normal(cell)), wrong
        else:
            code = MISSING_WORDS.get(normal(cell)) if code is None else code
            problem = f"the label {safe(cell)} is not mapped"
        if code is None:
            kind = "unmapped_label" if reader is None else "value"
            near = "" if reader else nearest(cell, var.levels.values())
            out.faults.append(Fault(kind, info.file, column, problem, f"Map it in [labels.{name}].", near=near,
                                    row=int(out.rows.iloc[place]), who=str(out.who.iloc[place])))  # fmt: skip
            reasons[place] = -4
        elif _is_missing(code):
            reasons[place] = int(code)
        else:
            values[place] = int(code) if var.type == "ordinal" else str(code)
    out.values[name] = pd.Series(values, index=frame.index, dtype=object)
    out.reasons[name] = pd.Series(reasons, index=frame.index)


def _is_missing(code: Any) -> bool:
    return bool(re.fullmatch(r"-[3-9]", str(code)))


def _label_map(given: Mapping[str, str], var: Variable) -> dict[str, Any]:
    """Return normalised label → code: the wave's own map first, then the codebook's words (never a number alone)."""
    known = {normal(words): code for code, words in var.levels.items()}
    known |= {normal(str(code)): code for code in var.levels if not str(code).lstrip("-").isdigit()}
    return known | {normal(str(label)): str(code) for label, code in given.items()}


def _band(cell: str, band: Mapping[str, Any]) -> str | None:
    """Return the level of a number by its cut points: levels[i] holds numbers under cuts[i], the last all others."""
    try:
        number = float(cell)
    except ValueError:
        return None
    place = sum(number >= float(c) for c in band["cuts"])
    return str(band["levels"][place])


def _numeric(cell: str, var: Variable, _: str) -> tuple[Any, str]:
    try:
        number = float(cell.replace(",", ""))
    except ValueError:
        return None, f"{safe(cell)} is not a number"
    if var.type == "integer" and not number.is_integer():
        return None, "the number is not whole"
    if (var.min is not None and number < var.min) or (var.max is not None and number > var.max):
        return None, f"the number lies outside {var.min:g} to {var.max:g}" if var.max is not None else "too small"
    return int(number) if var.type == "integer" else number, ""


def _ids(cell: str, _: Variable, __: str) -> tuple[Any, str]:
    return cell, ""


def _dates(cell: str, _: Variable, order: str) -> tuple[Any, str]:
    found = parse_date(cell, order)
    return (found, "") if found else (None, f"{safe(cell)} is not a date in the order stated ({order})")


def parse_date(cell: str, order: str) -> dt.date | None:
    """Return a date: ISO always; day or month first as stated; "mixed" takes what is unambiguous, else day first."""
    text = cell.strip().split("T")[0].split(" ")[0] if re.match(r"\d{4}-\d", cell) else cell.strip()
    if match := re.fullmatch(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?", text):
        return _made(int(match[1]), int(match[2]), int(match[3] or 1))
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        return dt.date(1899, 12, 30) + dt.timedelta(days=int(float(text)))
    if match := re.match(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?:\s|$)", text):
        a, b, year = int(match[1]), int(match[2]), int(match[3])
        year += 2000 if year < 100 else 0
        if order == "iso":
            return None
        first_is_month = order == "month_first" or (order == "mixed" and b > 12)
        return _made(year, a, b) if first_is_month else _made(year, b, a)
    for form in ("%d %B %Y", "%d %b %Y", "%B %Y", "%b %Y", "%d-%b-%Y"):
        try:
            return dt.datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def _made(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _multi(
    name: str, columns: list[str], targets: Mapping[str, str], frame: pd.DataFrame, info: WaveInfo, var: Variable,
    out: Mapped,
) -> None:  # fmt: skip
    """Read ticks from one delimited column or from a column per level; both give the same codes joined by ";"."""
    chosen: list[list[str]] = [[] for _ in range(len(frame))]
    reasons = [BLANK] * len(frame)
    labels = _label_map(info.labels.get(name, {}), var)
    delimiter = info.multi.get(name, {}).get("delimiter", ";")
    for column in columns:
        level = targets[column].partition(".")[2]
        for place, cell in enumerate(frame[column].astype(str).str.strip()):
            if cell == "":
                continue
            reasons[place] = 0
            for part in [cell] if level else [p.strip() for p in cell.split(delimiter) if p.strip()]:
                if level:
                    if normal(part) not in ("0", "no", "not selected", "unticked", "false"):
                        chosen[place].append(level)
                    continue
                code = labels.get(normal(part), MISSING_WORDS.get(normal(part)))
                if code is None:
                    out.faults.append(Fault(
                        "unmapped_label", info.file, column, f"the label {safe(part)} is not mapped",
                        f"Map it in [labels.{name}].", near=nearest(part, var.levels.values()),
                        row=int(out.rows.iloc[place]), who=str(out.who.iloc[place])))  # fmt: skip
                elif _is_missing(code):
                    reasons[place] = int(code)
                else:
                    chosen[place].append(str(code))
    order = list(var.levels)
    values = [
        ";".join(sorted(set(c), key=order.index)) if r == 0 else pd.NA for c, r in zip(chosen, reasons, strict=True)
    ]
    out.values[name] = pd.Series(values, index=frame.index, dtype=object)
    out.reasons[name] = pd.Series(reasons, index=frame.index)


def _not_asked(frame: pd.DataFrame, info: WaveInfo, book: Codebook, required: set[str], out: Mapped) -> None:
    """Fill what the wave did not ask with "not asked in this wave"; a required variable must say so itself."""
    for name in book.names():
        if name in out.values:
            continue
        if name in required and name not in info.not_asked and name != "wave":
            out.faults.append(Fault("missing_column", info.file, name, f"no column holds {book.label(name)!r}",
                                    "Map one in [columns], or say why in [not_asked]."))  # fmt: skip
        out.values[name] = pd.Series([pd.NA] * len(frame), index=frame.index, dtype=object)
        out.reasons[name] = pd.Series(NOT_ASKED, index=frame.index)
