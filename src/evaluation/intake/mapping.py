"""Apply a wave's map: export columns to codebook variables, labels to codes, blanks to reasons; every fault kept.

Each distinct text of a column is read once, however many people wrote it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation.errors import nearest
from evaluation.intake.faults import MOST_ROWS, SHOWN_FROM, Fault, safe, safe_number
from evaluation.intake.readers import Read
from evaluation.intake.wave_file import UNSTATED, WaveInfo
from evaluation.plan.codebook import Codebook, Variable

BLANK, ROUTED, NOT_ASKED, UNREADABLE = -9, -6, -5, -4
MISSING_WORDS = {
    "dont know": -8,
    "don't know": -8,
    "not sure": -8,
    "dont know / not sure": -8,
    "don't know / not sure": -8,
    "does not know": -8,
    "prefer not to say": -7,
    "prefers not to say": -7,
    "rather not say": -7,
    "prefer not to answer": -7,
    "refused": -7,
    "not applicable": -6,
    "n/a": -6,
    "left blank": -9,
    "no answer": -9,
    "not answered": -9,
    "blank": -9,
    "not asked in this wave": -5,
    "not asked": -5,
}
UNTICKED = frozenset({"0", "no", "not selected", "unselected", "unticked", "not ticked", "unchecked", "false", "n"})
MOST_DIGITS = 12
WHOLE_FLOAT = re.compile(r"-?\d+\.0+")
FIRST_SERIAL, LAST_SERIAL = 36526, 73050  # 2000-01-01 to 2099-12-31 as a spreadsheet counts days
MONTH_FORMS = ("%d %B %Y", "%d %b %Y", "%B %Y", "%b %Y", "%d-%b-%Y", "%d-%b-%y", "%B %d, %Y", "%b %d, %Y", "%m/%Y")


def normal(text: str) -> str:
    """Return a label for comparison: lower case, single spaces, straight apostrophes and dashes, no final stop.

    A whole number is the same label whether the export writes 7 or 7.0.
    """
    plain = " ".join(str(text).translate(_STRAIGHT).lower().split()).rstrip(".:")
    return plain[: plain.index(".")] if WHOLE_FLOAT.fullmatch(plain) else plain


_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " ", "\u200b": ""})


def label_map(labels: Mapping[str, str], var: Variable) -> dict[str, Any]:
    """Return normalised label to code: the codebook's words and coded words, then the wave's own map over them.

    A number alone is never a code: what 1 means differs between tools, so only the wave's own map may say it.
    """
    known: dict[str, Any] = {normal(words): code for code, words in var.levels.items()}
    known |= {normal(str(code)): code for code in var.levels if not str(code).lstrip("-").isdigit()}
    known |= {normal(code): code for code in var.extra_levels}
    return known | {normal(str(label)): str(code) for label, code in labels.items()}


def is_missing(code: Any) -> bool:
    """Return whether a code is one of the missing codes -9 to -3."""
    return bool(re.fullmatch(r"-[3-9]", str(code)))


def band(cell: str, banded: Mapping[str, Any]) -> str | None:
    """Return the level of a number by its cut points: levels[i] holds numbers under cuts[i], the last all others.

    A number under 0 that is under every cut may be a code for a missing answer, and gets no level.
    """
    found = number(cell)
    if found is None or (found < 0 and all(float(c) >= 0 for c in banded["cuts"])):
        return None
    return str(banded["levels"][sum(found >= float(c) for c in banded["cuts"])])


def number(cell: str) -> float | None:
    """Return a number written plainly, with thousands commas or a final unit sign; None when it is not one."""
    plain = cell.replace(",", "").removesuffix("%").removeprefix("£").strip()
    if len(plain) > MOST_DIGITS or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", plain):
        return None
    return float(plain)


def numeric(cell: str, var: Variable, *, under_0: bool = False) -> tuple[Any, str]:
    """Return a number of a numeric variable, or what is wrong with it (the cell itself is never shown).

    Unless `under_0`, a number under 0 of a variable without a stated least value is refused: it may be a code.
    """
    found = number(cell)
    if found is None:
        return None, "what stands here is not a number"
    if var.type == "integer" and not found.is_integer():
        return None, "the number is not whole"
    if found < 0 and var.min is None and not under_0:
        return None, "a number under 0 may be a code for a missing answer"
    low, high = var.min, var.max
    if (low is not None and found < low) or (high is not None and found > high):
        ends = (
            f"{low:g} to {high:g}"
            if low is not None and high is not None
            else (f"{low:g} and over" if low is not None else f"{high:g} and under")
        )
        return None, f"the number lies outside {ends}"
    return int(found) if var.type == "integer" else found, ""


def parse_date(cell: str, order: str) -> dt.date | None:
    """Return a date: ISO always; day or month first as stated; "mixed" takes what is unambiguous, else day first."""
    text = re.split(r"[T ]", cell.strip())[0] if re.match(r"\d{4}-\d", cell.strip()) else cell.strip()
    if match := re.fullmatch(r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?", text):
        return _made(int(match[1]), int(match[2]), int(match[3] or 1))
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        serial = int(float(text))
        inside = FIRST_SERIAL <= serial <= LAST_SERIAL
        return dt.date(1899, 12, 30) + dt.timedelta(days=serial) if inside else None
    if match := re.match(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?:[ T,]|$)", text):
        a, b, year = int(match[1]), int(match[2]), int(match[3])
        year += 2000 if year < 100 else 0
        if order == "iso":
            return None
        first_is_month = order == "month_first" or (order == "mixed" and b > 12)
        return _made(year, a, b) if first_is_month else _made(year, b, a)
    for form in MONTH_FORMS:
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


__all__ = [
    "BLANK",
    "MISSING_WORDS",
    "NOT_ASKED",
    "ROUTED",
    "ROW",
    "UNREADABLE",
    "Mapped",
    "apply",
    "normal",
    "parse_date",
]

ROW = "#row"
MOST_NUMBERS = 12


@dataclass(slots=True)
class Mapped:
    """Values by codebook name, the reason of each missing one, and every fault.

    `values` holds codes (text, whole numbers for ordinals), numbers and dates (NA where missing); `reasons` has the
    same shape: 0 present, else -9 to -3. `rows` is the row of the file of each record, `who` its respondent.
    """

    values: dict[str, pd.Series] = field(default_factory=dict, repr=False)
    reasons: dict[str, pd.Series] = field(default_factory=dict, repr=False)
    faults: list[Fault] = field(default_factory=list)
    rows: pd.Series = field(default_factory=lambda: pd.Series(dtype=int), repr=False)
    who: pd.Series = field(default_factory=lambda: pd.Series(dtype=object), repr=False)

    def fault(
        self, kind: str, info: WaveInfo, column: str, what: str, todo: str, places: Sequence[int] = (), near: str = ""
    ) -> None:
        """Keep a fault that stands at these places (row numbers from 0)."""
        if not len(places):
            self.faults.append(Fault(kind, info.file, column, what, todo, near=near))
            return
        rows = tuple(int(self.rows.iloc[p]) for p in places[:MOST_ROWS])
        who = safe_number(self.who.iloc[places[0]])
        self.faults.append(Fault(kind, info.file, column, what, todo, rows[0], who, near, len(places), rows))


def apply(read: Read, info: WaveInfo, book: Codebook, *, required: set[str]) -> Mapped:
    """Return the mapped wave; `required` are the variables that this wave must hold or declare as not asked."""
    out = Mapped()
    frame = read.frame
    out.rows = pd.Series(read.rows, index=frame.index)
    targets = _targets(frame, info, book, out)
    id_column = next((c for c, t in targets.items() if t == "resp_id"), "")
    numbered = pd.Series([str(i + 1) for i in range(len(frame))], frame.index, dtype=object)
    out.who = frame[id_column].astype(object) if id_column else numbered
    if info.columns.get(ROW) == "resp_id":
        out.values["resp_id"], out.reasons["resp_id"] = numbered, _reasons(np.zeros(len(frame)), frame.index)
    by_name: dict[str, list[str]] = {}
    for column, target in targets.items():
        by_name.setdefault(target.split(".")[0], []).append(column)
    for name, columns in by_name.items():
        var = book.variable(name)
        if var.type == "multi":
            _multi(columns, targets, frame, info, var, out)
        else:
            _one(columns[0], frame, info, var, out)
    _made_from(info, book, out)
    _not_asked(frame, info, book, required, out)
    return out


def _reasons(codes: np.ndarray, index: pd.Index) -> pd.Series:
    return pd.Series(codes.astype(np.int8), index=index)


def _targets(frame: pd.DataFrame, info: WaveInfo, book: Codebook, out: Mapped) -> dict[str, str]:
    """Return export column → codebook name (or name.level), with a fault for every column that has no home."""
    known = set(book.names())
    targets: dict[str, str] = {}
    if not any(c in frame.columns for c in info.columns):
        # the headings may be the first respondent's answers: none is repeated
        out.fault(
            "unknown_column",
            info,
            "",
            f"none of its {len(frame.columns)} columns is mapped",
            "See that header_row in wave.toml is the row of headings; then name each in [columns].",
        )
        _stated(replace(info, ignore={}), known, out)
        return {}
    for column in frame.columns:
        target = info.columns.get(column)
        if target is None:
            if column not in info.ignore:
                near = nearest(normal(column).replace(" ", "_"), known) or nearest(column, info.columns)
                out.fault(
                    "unknown_column",
                    info,
                    column,
                    "the map does not name this column",
                    "Add it to [columns] or, with a reason, to [ignore].",
                    near=near,
                )
        elif (near := _wrong_target(target, book)) is not None:
            out.fault(
                "unknown_variable", info, column, f"the codebook has no {target!r}", "Correct the map.", near=near
            )
        else:
            targets[column] = target
    for column in info.columns:
        if column not in frame.columns and column != ROW:
            out.fault(
                "missing_column",
                info,
                column,
                "the map names a column that the export lacks",
                "Correct the map.",
                near=nearest(column, frame.columns),
            )
    _stated(info, known, out)
    return _once(targets, info, out)


def _wrong_target(target: str, book: Codebook) -> str | None:
    """Return the nearest valid target of a wrong one ("" for none); None for a right one."""
    name, dot, level = target.partition(".")
    if name not in book.names():
        return nearest(name, book.names())
    var = book.variable(name)
    if dot and (var.type != "multi" or level not in var.levels):
        return nearest(level, var.levels) if var.type == "multi" else name
    return None


def _stated(info: WaveInfo, known: set[str], out: Mapped) -> None:
    """Add a fault for each entry of wave.toml that names no variable, or gives no reason where one is due."""
    if not info.confirmed:
        out.fault(
            "unconfirmed",
            info,
            "",
            "the proposed map of wave.toml has not been confirmed",
            "Read it line by line, then set confirmed = true.",
        )
    for table in ("ignore", "not_asked"):
        for name, reason in getattr(info, table).items():
            if not str(reason).strip() or reason == UNSTATED:
                near = nearest(normal(name).replace(" ", "_"), known) if table == "ignore" else ""
                out.fault("reason_unstated", info, name, f"[{table}] gives no reason", "Write it in words.", near=near)
    for table in ("labels", "not_asked", "wording", "multi", "bands"):
        for name in getattr(info, table):
            if name not in known:
                out.fault(
                    "unknown_variable",
                    info,
                    name,
                    f"[{table}] names a variable that the codebook lacks",
                    "Correct wave.toml.",
                    near=nearest(name, known),
                )


def _once(targets: dict[str, str], info: WaveInfo, out: Mapped) -> dict[str, str]:
    """Return the targets with the first of each doubled one; a variable is read from one column."""
    by_target: dict[str, list[str]] = {}
    for column, target in targets.items():
        by_target.setdefault(target, []).append(column)
    for target, columns in by_target.items():
        if len(columns) > 1:
            out.fault("doubled_column", info, " and ".join(columns), f"they are all mapped to {target!r}", "Keep one.")
    return {columns[0]: target for target, columns in by_target.items()}


def _one(column: str, frame: pd.DataFrame, info: WaveInfo, var: Variable, out: Mapped) -> None:
    """Read a column with one answer a person."""
    found = frame[column].array
    texts, codes = [str(c) for c in found.categories], found.codes
    people = np.bincount(codes, minlength=len(texts))
    labels = label_map(info.labels.get(var.name, {}), var)
    values = np.empty(len(texts), dtype=object)
    reasons = np.zeros(len(texts), dtype=np.int8)
    unexplained: list[int] = []
    for place, text in enumerate(texts):
        values[place], reasons[place], wrong, kind = _read_cell(text, var, info, labels, int(people[place]))
        if wrong and people[place] and kind == "unmapped_label" and number(text) is not None:
            unexplained.append(place)
        elif wrong and people[place]:
            near = nearest(normal(text), [normal(w) for w in var.levels.values()])
            shown = next((w for w in var.levels.values() if normal(w) == near), "") if near else ""
            todo = f"Map it in [labels.{var.name}], or correct it in the survey tool."
            out.fault(kind, info, column, wrong, todo, np.flatnonzero(codes == place), near=shown)
    if unexplained:
        _numbers_unexplained(
            column,
            [(texts[p], int(people[p])) for p in unexplained],
            info,
            var,
            out,
            np.flatnonzero(np.isin(codes, unexplained)),
        )
    out.values[var.name] = pd.Series(values[codes], index=frame.index, dtype=object)
    out.reasons[var.name] = _reasons(reasons[codes], frame.index)


def _numbers_unexplained(
    column: str, codes: Sequence[tuple[str, int]], info: WaveInfo, var: Variable, out: Mapped, places: np.ndarray
) -> None:
    """Say once for a column that its answers are numbers which nothing explains: one line, not one for each number."""
    held = sorted(((t, n) for t, n in codes), key=lambda pair: number(pair[0]) or 0.0)
    shown = [t for t, n in held if n >= SHOWN_FROM and safe(t) == repr(t)][:MOST_NUMBERS]
    words = f"the numbers {', '.join(shown)}" if shown else "numbers"
    out.fault(
        "unmapped_label",
        info,
        column,
        f"{words} stand here, and nothing says what they mean",
        f"Say what each means in [labels.{var.name}], or cut them into levels in [bands.{var.name}].",
        places,
    )


def _read_cell(
    text: str, var: Variable, info: WaveInfo, labels: Mapping[str, Any], people: int
) -> tuple[Any, int, str, str]:
    """Return value, reason, what is wrong, and the kind of fault, for one text of a column."""
    if text == "":
        return pd.NA, BLANK, "", ""
    plain = normal(text)
    code = labels.get(plain)
    if code is None and var.name in info.bands:
        code = band(text, info.bands[var.name])
    if code is None and not var.levels:
        value, wrong = _open(text, var, info.date_order)
        if not wrong:
            return value, 0, "", ""
        code, kind = MISSING_WORDS.get(plain), "value"
    else:
        code = MISSING_WORDS.get(plain) if code is None else code
        known = [*var.levels.values(), *labels]
        wrong, kind = f"the label {safe(text, people=people, known=known)} is not mapped", "unmapped_label"
    if code is None:
        return pd.NA, UNREADABLE, wrong, kind
    if is_missing(code):
        return pd.NA, int(code), "", ""
    if str(code) not in {str(c) for c in var.levels} | set(var.extra_levels) and var.levels:
        return pd.NA, UNREADABLE, f"the map gives the code {str(code)!r}, which the codebook lacks", "unknown_level"
    return (int(code) if var.type == "ordinal" else str(code)), 0, "", ""


def _open(text: str, var: Variable, order: str) -> tuple[Any, str]:
    """Return what stands in a column without levels; a message never shows it."""
    if var.type in ("integer", "number"):
        return numeric(text, var)
    if var.type in ("date", "datetime"):
        found = parse_date(text, order)
        return (found, "") if found else (None, f"what stands here is not a date in the order stated ({order})")
    if var.type == "id" and text.endswith(".0") and text[:-2].isdigit():
        return text[:-2], ""
    return text, ""


def _multi(
    columns: list[str], targets: Mapping[str, str], frame: pd.DataFrame, info: WaveInfo, var: Variable, out: Mapped
) -> None:
    """Read ticks from one delimited column or from a column per level; both give the same codes joined by ";"."""
    order = [str(level) for level in var.levels]
    ticks = np.zeros((len(frame), len(order)), dtype=bool)
    reasons = np.full(len(frame), BLANK, dtype=np.int8)
    labels = label_map(info.labels.get(var.name, {}), var)
    delimiter = str(info.multi.get(var.name, {}).get("delimiter", ";"))
    for column in columns:
        level = targets[column].partition(".")[2]
        found = frame[column].array
        for place, text in enumerate(str(c) for c in found.categories):
            if text == "":
                continue
            rows = np.flatnonzero(found.codes == place)
            if not len(rows):
                continue
            chosen, reason, wrong = _ticked(text, level, labels, delimiter, var, len(rows))
            for part, shown in wrong:
                near = nearest(part, var.levels.values())
                out.fault(
                    "unmapped_label",
                    info,
                    column,
                    f"the label {shown} is not mapped",
                    f"Map it in [labels.{var.name}].",
                    rows,
                    near=near,
                )
            reasons[rows] = np.where(reasons[rows] == 0, 0, reason)
            for code in chosen:
                ticks[rows, order.index(code)] = True
    shapes, which = np.unique(ticks, axis=0, return_inverse=True)
    words = np.array([";".join(o for o, t in zip(order, shape, strict=True) if t) for shape in shapes], dtype=object)
    values = words[which.reshape(-1)]
    values[reasons != 0] = pd.NA
    out.values[var.name] = pd.Series(values, index=frame.index, dtype=object)
    out.reasons[var.name] = _reasons(reasons, frame.index)


def _ticked(
    text: str, level: str, labels: Mapping[str, Any], delimiter: str, var: Variable, people: int
) -> tuple[list[str], int, list[tuple[str, str]]]:
    """Return the codes that one cell ticks, the reason when it says why none, and the parts that nothing maps."""
    if level:
        reason = MISSING_WORDS.get(normal(text), 0)
        return ([] if normal(text) in UNTICKED or reason else [level]), reason, []
    chosen, wrong, reason = [], [], 0
    whole = labels.get(normal(text))
    for part in [text] if whole is not None else [p.strip() for p in text.split(delimiter) if p.strip()]:
        code = labels.get(normal(part), MISSING_WORDS.get(normal(part)))
        if code is None or (not is_missing(code) and str(code) not in var.levels):
            wrong.append((part, safe(part, people=people, known=[*var.levels.values(), *labels])))
        elif is_missing(code):
            reason = int(code)
        else:
            chosen.append(str(code))
    return chosen, (0 if chosen else reason or (UNREADABLE if wrong else 0)), wrong


def _made_from(info: WaveInfo, book: Codebook, out: Mapped) -> None:
    """Fill a variable that is a coarser form of another: its levels are the first word of the other's codes."""
    for name in book.names():
        var = book.variable(name)
        if not var.made_from or var.made_from not in out.values:
            continue
        fine, reasons = out.values[var.made_from], out.reasons[var.made_from]
        made = {c: next((k for k in var.levels if str(c).split("_")[0] == k), pd.NA) for c in fine.dropna().unique()}
        coarse = fine.map(lambda c, made=made: pd.NA if c is pd.NA else made[c]).astype(object)
        if name not in out.values:
            out.values[name], out.reasons[name] = coarse, reasons.copy()
            continue
        both = coarse.notna() & out.values[name].notna()
        apart = np.flatnonzero((both & (coarse != out.values[name]).fillna(False).astype(bool)).to_numpy())
        if len(apart):
            out.fault(
                "contradiction",
                info,
                name,
                f"it disagrees with {var.made_from!r}",
                "Correct one of the two columns.",
                apart,
            )


def _not_asked(frame: pd.DataFrame, info: WaveInfo, book: Codebook, required: set[str], out: Mapped) -> None:
    """Fill what the wave did not ask with "not asked in this wave"; a required variable must say so itself."""
    for name in book.names():
        if name in out.values:
            if name in info.not_asked:
                out.fault(
                    "contradiction", info, name, "it is mapped and also said not to be asked", "Keep one of the two."
                )
            continue
        excused = not info.attendance_asked and book.role(name) == "treatment"
        if name in required and name not in info.not_asked and name != "wave" and not excused:
            out.fault(
                "missing_column",
                info,
                name,
                f"no column holds {book.label(name)!r}",
                "Map one in [columns], or say why in [not_asked].",
            )
        nothing = np.full(len(frame), pd.NA, dtype=object)
        out.values[name] = pd.Series(nothing, index=frame.index, dtype=object)
        out.reasons[name] = _reasons(np.full(len(frame), NOT_ASKED), frame.index)
