"""The kinds of chart an exhibit may ask for, and what draws each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .other_charts import curve, lines, overlap, strip, timeline
from .panel_charts import panels
from .row_charts import rows
from .sheet import Sheet, has_marks
from .stacked_chart import stacked

DRAWERS: dict[str, Callable[[Sheet], Any]] = {
    "bars": rows,
    "steps": rows,
    "dots": rows,
    "forest": rows,
    "love": rows,
    "stacked": stacked,
    "lines": lines,
    "panels": panels,
    "curve": curve,
    "overlap": overlap,
    "strip": strip,
    "timeline": timeline,
}

__all__ = ["DRAWERS", "Sheet", "has_marks"]
