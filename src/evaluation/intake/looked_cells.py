"""What a look into a sheet finds before its cells are read."""

from __future__ import annotations

from dataclasses import dataclass, field

Place = tuple[int, int]  # column and row, both from 1


@dataclass(slots=True)
class Looked:
    """Places of cells whose value nobody can know, and how far the sheet reaches.

    Attributes
    ----------
    formulas, errors : list of Place
        Formulas without a stored result, and cells that hold an error.
    merged : list of (int, int, int)
        First column, first and last row of cells merged downwards.
    size, cells : int
        Bytes of the sheet as it is kept, and cells that it spans.
    """

    formulas: list[Place] = field(default_factory=list)
    errors: list[Place] = field(default_factory=list)
    merged: list[tuple[int, int, int]] = field(default_factory=list)
    size: int = 0
    cells: int = 0
