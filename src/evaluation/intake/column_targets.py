"""Which variable each column of an export is read as: the wave's own map, held against the export and the codebook."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pandas as pd

from evaluation.errors import nearest
from evaluation.intake.known_words import normal
from evaluation.intake.mapped_wave import Mapped
from evaluation.intake.wave_file import UNSTATED, WaveInfo
from evaluation.plan.codebook import Codebook

ROW = "#row"
REST = "*"  # in [ignore]: every column that no line names
LEAST_NAMED = 0.2  # of the columns, before a heading that the map does not name is shown


def targets(frame: pd.DataFrame, info: WaveInfo, book: Codebook, out: Mapped) -> dict[str, str]:
    """Return export column → codebook name (or name.level), with a fault for every column that has no home."""
    known = set(book.names())
    found: dict[str, str] = {}
    if not _are_headings(frame, info):  # they may be the first respondent's answers: none is repeated
        out.fault(
            "unknown_column",
            info,
            "",
            f"{_few(frame, info)} of its {len(frame.columns)} columns is mapped",
            "See that header_row in wave.toml is the row of headings; then name each in [columns].",
        )
        _stated(replace(info, ignore={}), known, out)
        return {}
    for column in frame.columns:
        target = info.columns.get(column)
        if target is None:
            if column not in info.ignore and REST not in info.ignore:
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
            found[column] = target
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
    _stated(info, known, out, {v.level_set for v in book.table("survey").variables.values()})
    return _once(found, info, out)


def _named(frame: pd.DataFrame, info: WaveInfo) -> int:
    return sum(c in info.columns or c in info.ignore or REST in info.ignore for c in frame.columns)


def _are_headings(frame: pd.DataFrame, info: WaveInfo) -> bool:
    """Return whether the map names enough of the columns for the others to be headings too, and to be shown."""
    return _named(frame, info) > len(frame.columns) * LEAST_NAMED and any(c in frame.columns for c in info.columns)


def _few(frame: pd.DataFrame, info: WaveInfo) -> str:
    n = _named(frame, info)
    return "none" if not n else f"only {n}"


def _wrong_target(target: str, book: Codebook) -> str | None:
    """Return the nearest valid target of a wrong one ("" for none); None for a right one."""
    name, dot, level = target.partition(".")
    if name not in book.names():
        return nearest(name, book.names())
    var = book.variable(name)
    if dot and (var.type != "multi" or level not in var.levels):
        return nearest(level, var.levels) if var.type == "multi" else name
    return None


def _stated(info: WaveInfo, known: set[str], out: Mapped, sets: Collection[str] = ()) -> None:
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
            if name not in known and not (table == "labels" and name in sets):
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
