"""A folder of published stop and search months becomes the register: looked at first, copied whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from evaluation.errors import InputError, StudyError
from evaluation.intake import register_files, stop_search_records
from evaluation.intake.faults import fault_table
from evaluation.plan.study import Plan

NAME = register_files.RECORDS


def add(plan: Plan, source: Path) -> str:
    """Copy the record files of a folder into the registers, and say what they hold and what is left to do.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    source : Path
        A folder of months as data.police.uk publishes them; crimes and outcomes beside them are left where they are.

    Returns
    -------
    str
        Months, searches of people, searches of vehicles left out, and the line that registers.toml or the plan lacks.

    Raises
    ------
    InputError
        The folder is not there or holds no records, or the records have a fault (two forces, a month given twice).
    StudyError
        The study has a register of stop and search already.
    """
    files = stop_search_records.files_of(source) if source.is_dir() else []
    if not files:
        todo = "Name the folder that holds the months, 2025-01 and so on, with files ending in -stop-and-search.csv."
        raise InputError("the folder holds no stop and search records", where=source.name, todo=todo)
    held = register_files.register_file(plan, NAME)
    place = register_files.folder(plan) / NAME
    if held is not None or place.exists():
        there = (held or place).name
        raise StudyError(f"the register {there!r} stands there already", todo="Move it away first; nothing was copied.")
    counts, faults = stop_search_records.summarise(files)
    if faults:
        raise InputError(f"the records cannot be used; nothing was copied.\n{fault_table(faults)}", where=source.name)
    _copy(files, source, place)
    months = sorted(counts["period"].unique())
    said = [
        f"{len(files)} files, {months[0]} to {months[-1]}: {int(counts['searches'].sum()):,} searches of people.",
        f"{int(counts.attrs.get('vehicles', 0)):,} searches of vehicles alone are not counted.",
        f"They stand in data_raw/registers/{NAME}/, unchanged.",
    ]
    named = register_files.listed(plan).get(NAME, {}).get("file", NAME)
    if named != NAME:
        said.append(f'registers.toml names {named!r}: write file = "{NAME}" under [{NAME}].')
    if NAME not in plan.programme.registers:
        said.append(f'study.toml does not name it yet: add "{NAME}" to registers under [programme].')
    return "\n".join(said)


def _copy(files: list[Path], source: Path, place: Path) -> None:
    """Copy the files beside the register's place and move them there at once."""
    beside = place.with_name(f".{place.name}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        for file in files:
            target = beside / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        beside.replace(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
