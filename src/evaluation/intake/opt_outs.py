"""Where the lists of people who withdrew stand."""

from __future__ import annotations

from pathlib import Path

NAMES = ("withdrawn.csv", "withdrawn.xlsx")


def files(root: Path) -> list[Path]:
    """Return the lists of withdrawals that are read: `withdrawn.csv` or `.xlsx` in data_raw, in any case."""
    folder = root / "data_raw"
    return sorted(p for p in folder.glob("*") if p.is_file() and p.name.strip().lower() in NAMES)
