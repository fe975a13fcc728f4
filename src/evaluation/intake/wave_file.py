"""Read and write `wave.toml`: what an export is, and how its columns and labels map onto the codebook."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.errors import StudyError, nearest
from evaluation.plan import standards
from evaluation.plan.codebook import Variable
from evaluation.plan.study import WAVE_ID

KEYS = {
    "wave",
    "label",
    "file",
    "sha256",
    "sheet",
    "header_row",
    "header_rows",
    "delimiter",
    "encoding",
    "start",
    "end",
    "date_order",
    "decimal",
    "codes",
    "origin",
    "attendance_asked",
    "approached",
    "columns",
    "labels",
    "ignore",
    "not_asked",
    "wording",
    "official_wording",
    "standards",
    "mode",
    "waivers",
    "multi",
    "bands",
    "margins",
    "confirmed",
    "missing",
    "replaced",
    "taken_in",
    "plan_frozen",
    "shuffled",
}
TABLES = ("columns", "missing", "labels", "ignore", "not_asked", "wording", "multi", "bands")
TABLES += ("official_wording", "standards")
WHOLE = {"header_row": 1, "header_rows": 1, "approached": 0}
UNSTATED = "SAY WHY"
ORDERS = ("day_first", "month_first", "iso", "mixed")
MODES = ("", "face to face", "telephone", "online", "paper", "mixed")
CHOICES = {
    "origin": (("real", "synthetic"), "origin is 'real' or 'synthetic'"),
    "date_order": (ORDERS, f"date_order is one of {', '.join(ORDERS)}"),
    "codes": (("", "codebook"), "codes is 'codebook', where every number in the file is the codebook's own code"),
    "mode": (MODES, f"mode is how most of the general sample answered: {', '.join(MODES[1:])}"),
    "decimal": (("", ".", ","), "decimal is the mark before decimals, '.' or ','"),
}
WORDINGS = ("same", "changed", "unknown")


@dataclass(frozen=True, slots=True)
class Waiver:
    """A fault that a person allows, with the reason; it is printed in the report."""

    fault: str
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class WaveInfo:
    """`wave.toml` as a frozen object; dates are None when the fieldwork is unknown."""

    wave: str
    label: str
    file: str
    sha256: str = ""
    sheet: str = ""
    header_row: int = 1
    header_rows: int = 1
    delimiter: str = ""
    encoding: str = ""
    start: dt.date | None = None
    end: dt.date | None = None
    date_order: str = "day_first"
    decimal: str = ""
    codes: str = ""
    origin: str = "real"
    attendance_asked: bool = True
    approached: int | None = None
    columns: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    ignore: dict[str, str] = field(default_factory=dict)
    not_asked: dict[str, str] = field(default_factory=dict)
    wording: dict[str, str] = field(default_factory=dict)
    official_wording: dict[str, str] = field(default_factory=dict)
    standards: dict[str, str] = field(default_factory=dict)
    mode: str = ""
    waivers: tuple[Waiver, ...] = ()
    multi: dict[str, dict[str, str]] = field(default_factory=dict)
    bands: dict[str, dict[str, Any]] = field(default_factory=dict)
    confirmed: bool = True
    taken_in: str = ""  # the day that the export was taken in, and the hash of the plan frozen by then ("no" for none)
    plan_frozen: str = ""
    shuffled: bool = False  # its outcomes are shuffled within sessions: a mock report
    folder: Path = Path()

    @property
    def own_codes(self) -> bool:
        """Whether the file's numbers are the codebook's codes."""
        return self.codes == "codebook"

    def labels_of(self, var: Variable) -> dict[str, str]:
        """Return the labels of a variable: those of its shared levels, then its own over them."""
        return self.labels.get(var.level_set, {}) | self.labels.get(var.name, {})

    @property
    def path(self) -> Path:
        """Where the export stands."""
        return self.folder / self.file


def load(root: Path, wave: str) -> WaveInfo:
    """Return a wave's `wave.toml`.

    Raises
    ------
    StudyError
        The file is missing or not TOML, has an unknown key (the nearest is named), or a value out of its set.
    """
    if not WAVE_ID.fullmatch(wave):
        raise StudyError(f"{wave!r} is no wave id", todo="Ids look like W2026.")
    folder = root / "data_raw" / "waves" / wave
    file = folder / "wave.toml"
    if not file.is_file():
        raise StudyError(
            f"wave {wave} has no wave.toml",
            where=f"data_raw/waves/{wave}",
            todo=f"Take its export in: evaluation add-wave EXPORT --wave {wave}.",
        )
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"wave.toml of {wave} is not valid TOML: {error}", todo="Mend the line it names.") from None
    faults = _faults(content, wave)
    if faults:
        raise StudyError(f"wave.toml of {wave} has faults:\n" + "\n".join(f"- {f}" for f in faults))
    waivers = tuple(
        Waiver(str(w["fault"]), str(w.get("where", "")), str(w["reason"])) for w in content.get("waivers", [])
    )
    plain = {k: v for k, v in content.items() if k not in ("waivers", "margins", "replaced")}
    for key in ("start", "end"):
        plain[key] = _date(plain.get(key))
    return WaveInfo(**plain, waivers=waivers, folder=folder)


def _faults(content: dict[str, Any], wave: str) -> list[str]:
    """Return what is wrong with the keys; only when those are sound, what is wrong with their values."""
    out = []
    for key in sorted(set(content) - KEYS):
        hint = nearest(key, KEYS)
        out.append(f"unknown key {key!r}" + (f"; did you mean {hint!r}?" if hint else ""))
    out += [f"{key!r} is missing" for key in ("wave", "label", "file") if not content.get(key)]
    out += [f"[{key}] is a table of key = value" for key in TABLES if not isinstance(content.get(key, {}), dict)]
    for key, least in WHOLE.items():
        value = content.get(key, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            out.append(f"{key} is a whole number, {least} or more")
    for key in ("attendance_asked", "confirmed", "shuffled"):
        if not isinstance(content.get(key, True), bool):
            out.append(f"{key} is true or false")
    if Path(str(content.get("file", "x"))).name != str(content.get("file", "x")):
        out.append("file is the name of a file beside wave.toml, without folders")
    if content.get("wave", wave) != wave:
        out.append(f"it says wave {content['wave']!r} and stands in the folder of {wave!r}")
    out += [words for key, (known, words) in CHOICES.items() if content.get(key, known[0]) not in known]
    return out or _tables(content) + _dates(content) + _waivers(content)


def _tables(content: dict[str, Any]) -> list[str]:
    out = []
    for column, name in content.get("columns", {}).items():
        if not isinstance(name, str):
            out.append(f"columns: {column!r} is mapped to one name in quotes")
    for code in content.get("missing", {}).values():
        if not re.fullmatch("-[3-9]", str(code)):
            out.append("missing gives each word a code from -9 to -3")
    for name, labels in content.get("labels", {}).items():
        if not isinstance(labels, dict):
            out.append(f"labels.{name} is a table of label = code")
    for name, state in content.get("wording", {}).items():
        if state not in WORDINGS:
            out.append(f"wording.{name} is one of {', '.join(WORDINGS)}")
    out += _comparable(content)
    return out + [f for name, band in content.get("bands", {}).items() for f in _band_faults(name, band)]


def _comparable(content: dict[str, Any]) -> list[str]:
    """Return what is wrong with official words and with versions of lists."""
    out = []
    for name, text in content.get("official_wording", {}).items():
        if not isinstance(text, str) or not text.strip():
            out.append(f"official_wording.{name} is the official words of the question, in quotes")
    for name, version in content.get("standards", {}).items():
        if version not in standards.VERSIONS:
            lists = ", ".join(standards.VERSIONS)
            out.append(f"standards.{name} is one of {lists}: the list of groups that this wave offered")
    return out


def _band_faults(name: str, band: object) -> list[str]:
    if not isinstance(band, dict) or len(band.get("levels", ())) != len(band.get("cuts", ())) + 1:
        return [f"bands.{name} has cuts, and one level more than cuts"]
    if not _rising(band.get("cuts", ())):
        return [f"the cuts of bands.{name} are numbers, each above the one before"]
    if not all(isinstance(band.get(k, 0), int | float) for k in ("least", "most")):
        return [f"least and most of bands.{name} are numbers"]
    return []


def _rising(cuts: Any) -> bool:
    plain = isinstance(cuts, list) and all(isinstance(c, int | float) and not isinstance(c, bool) for c in cuts)
    return plain and all(a < b for a, b in itertools.pairwise(cuts))


def _dates(content: dict[str, object]) -> list[str]:
    out = []
    for key in ("start", "end"):
        try:
            _date(content.get(key))
        except ValueError:
            out.append(f"{key} is a date such as 2024-05-01")
    if not out:
        start, end = (_date(content.get(k)) for k in ("start", "end"))
        out += ["the fieldwork ends before it starts"] if start and end and start > end else []
    return out


def _waivers(content: dict[str, Any]) -> list[str]:
    given = content.get("waivers", [])
    listed = isinstance(given, list) and all(isinstance(w, dict) for w in given)
    if listed and all(w.get("fault") and w.get("reason") for w in given):
        return []
    return ["a waiver is a [[waivers]] entry with a fault, where it is, and a reason"]


def _date(value: object) -> dt.date | None:
    if value in (None, ""):
        return None
    if isinstance(value, dt.datetime):
        return value.date()
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value))
