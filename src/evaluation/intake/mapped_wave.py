"""A mapped wave: values, the reason of each missing one, and every fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from evaluation.intake.faults import MOST_ROWS, Fault, safe_number
from evaluation.intake.wave_file import WaveInfo


@dataclass(slots=True)
class Mapped:
    """Values by codebook name, the reason of each missing one, and every fault.

    `values` holds codes (text, whole numbers for ordinals), numbers and dates (NA where missing); `reasons` has the
    same shape: 0 present, else -9 to -3. `rows` is the row of the file of each record, `who` its respondent;
    `held` counts the rows of the file; `words` are the words for a missing answer, to its code.
    """

    values: dict[str, pd.Series] = field(default_factory=dict, repr=False)
    reasons: dict[str, pd.Series] = field(default_factory=dict, repr=False)
    faults: list[Fault] = field(default_factory=list)
    rows: pd.Series = field(default_factory=lambda: pd.Series(dtype=int), repr=False)
    held: int = 0
    words: dict[str, int] = field(default_factory=dict)
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


def reasons_of(codes: np.ndarray, index: pd.Index) -> pd.Series:
    """Return reasons as small whole numbers."""
    return pd.Series(codes.astype(np.int8), index=index)
