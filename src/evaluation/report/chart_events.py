"""Charts of events: strips of dots, along time where the rows are months, and timelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaluation.disclosure import CheckedRow
from evaluation.report.chart_rows import rows
from evaluation.report.context import MONTHS
from evaluation.report.phrases import known
from evaluation.report.sheet import (
    COLOURS,
    GREY,
    INK,
    LINE,
    MARGIN,
    Sheet,
    axis_label,
    dated,
    drawn,
    grid_of,
    scale,
    unit_of,
    width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def strip(sheet: Sheet) -> None:
    """Draw a dot per cell, its area in proportion, its figure beside it: along time where the rows are months."""
    exhibit = sheet.exhibit
    months = [m for r in exhibit.rows if (m := _month(r)) is not None]
    if 1 < len(months) == len(exhibit.rows):
        _along_time(sheet, months)
    elif len(exhibit.columns) == 1 or len(exhibit.columns) > (6 if sheet.narrow else 12):
        rows(sheet)
    else:
        _dots_in_grid(sheet)


def _month(label: str) -> int | None:
    """Return months since year 0 of "October 2022" (or "5 October 2022", "2022-10"), else None."""
    words = str(label).split()
    if len(words) >= 2 and words[-2] in MONTHS and words[-1].isdigit():
        return int(words[-1]) * 12 + MONTHS.index(words[-2])
    parts = str(label).split("-")
    if len(parts) >= 2 and all(p.isdigit() for p in parts) and len(parts[0]) == 4 and 1 <= int(parts[1]) <= 12:
        return int(parts[0]) * 12 + int(parts[1]) - 1
    return None


def _dots(ax: Axes, at: Sequence[tuple[float, float, CheckedRow]], largest: float) -> None:
    """Draw dots whose areas are in proportion to their numbers; an empty one where the number may not be shown."""
    import seaborn as sns

    most = max((known(x.value) for _, _, x in at if drawn(x)), default=0.0) or 1.0
    sizes = [12 + largest * max(known(x.value), 0.0) / most if drawn(x) else 12.0 for _, _, x in at]
    x, y, cells = zip(*at, strict=True)
    sns.scatterplot(x=x, y=y, s=sizes, color=COLOURS[0], edgecolor="white", linewidth=0.6, legend=False, clip_on=False,
                    zorder=3, ax=ax)  # fmt: skip
    ax.collections[-1].set_facecolor([COLOURS[0] if drawn(c) else "white" for c in cells])
    ax.collections[-1].set_edgecolor(["white" if drawn(c) else COLOURS[0] for c in cells])


def _along_time(sheet: Sheet, months: list[int]) -> None:
    """Draw a lane per column with time from left to right; figures stand above and below the dots by turns."""
    exhibit, size = sheet.exhibit, sheet.size - 1.5
    left = MARGIN + (0.0 if sheet.narrow else min(sheet.wide(exhibit.columns), 130.0) + 10)
    plot, top = sheet.width - left - MARGIN, sheet.y
    first, last = min(months) - 1, max(months) + 1
    met = {c: [(m, exhibit.cells[r, c]) for m, r in zip(months, exhibit.rows, strict=True) if (r, c) in exhibit.cells]
           for c in exhibit.columns}  # fmt: skip
    told = {c: [(m, x.text if drawn(x) else "few") for m, x in cells] for c, cells in met.items()}
    turns = {c: _turns([((m - first) * plot / (last - first), width(t, size)) for m, t in said])
             for c, said in told.items()}  # fmt: skip
    high = size * LINE
    lane = 18.0 + 2 * high * (max((t // 2 for one in turns.values() for t in one), default=0) + 1)
    lanes: dict[str, float] = {}
    for column in exhibit.columns:
        if sheet.narrow:
            sheet.say(column, fontweight="bold")
        else:
            sheet.put(column, room=left - MARGIN - 10, down=lane / 2 - sheet.size * 0.69)
        lanes[column] = sheet.y - top + lane / 2
        sheet.y += lane
    ax = sheet.axes(left, plot, sheet.y - top, top)
    ax.hlines(list(lanes.values()), first, last, color="#D0D0D0", lw=0.7, zorder=1)
    _dots(ax, [(m, lanes[c], x) for c, cells in met.items() for m, x in cells], 110)
    for column, said in told.items():
        for (month, words), turn in zip(said, turns[column], strict=True):
            up, away = turn % 2 == 0, 7 + turn // 2 * high
            ax.annotate(words, (month, lanes[column]), (0, away if up else -away), textcoords="offset points",
                        ha="center", va="bottom" if up else "top", fontsize=size, color=INK)  # fmt: skip
    ax.set(xlim=(first, last), ylim=(sheet.y - top, 0), yticks=[])
    scale(ax, "x", 5)
    years = [m for m in range(first, last + 1) if m % 12 == 0] or [first + 1]
    ax.set_xticks(years, [str(m // 12) for m in years])
    sheet.y += 18
    if caption := axis_label(exhibit, unit_of(exhibit)):
        said = f"Number beside each dot: {caption[:1].lower()}{caption[1:]}; a year's mark is its January."
        sheet.say(said, size=sheet.size - 0.5, color=GREY)


def _turns(at: Sequence[tuple[float, float]]) -> list[int]:
    """Return above (even) or below (odd), and how far, for words of some width at some place, so that none meet."""
    ends: list[float] = []
    turns = []
    for k, (middle, wide) in enumerate(at):
        free = [t for t in range(len(ends)) if ends[t] < middle - wide / 2]
        beside = 1 - turns[-1] % 2 if k else 0
        turn = min(free, key=lambda t: (t // 2, t % 2 != beside), default=len(ends))
        if turn == len(ends) or (turn // 2 == 0 and beside == len(ends)):
            turn = len(ends)
            ends.append(0.0)
        ends[turn] = middle + wide / 2 + 3
        turns.append(turn)
    return turns


def _dots_in_grid(sheet: Sheet) -> None:
    exhibit = sheet.exhibit
    left = MARGIN if sheet.narrow else MARGIN + min(sheet.wide(exhibit.rows), 150.0) + 10
    step = (sheet.width - MARGIN - left) / len(exhibit.columns)
    grey = {"size": sheet.size - 1, "color": GREY}
    sheet.y += max(sheet.put(c, x=left + step * k, room=step - 4, **grey) for k, c in enumerate(exhibit.columns)) + 2
    top, marks = sheet.y, []
    for label, cells in grid_of(exhibit):
        taken = sheet.put(label, room=sheet.room if sheet.narrow else left - MARGIN - 10)
        if sheet.narrow:
            sheet.y, taken = sheet.y + taken, 0.0
        at = [(left + step * exhibit.columns.index(c), x) for c, x in cells]
        told = [sheet.put(x.text, x=place + 18, room=step - 20, down=4, size=sheet.size - 1) for place, x in at]
        marks += [(place + 8, sheet.y + 10 - top, x) for place, x in at if drawn(x)]
        sheet.y += max(taken, 20.0, *told) + 5
    ax = sheet.axes(0, sheet.width, sheet.y - top, top)
    _dots(ax, marks, 120)
    ax.set(xlim=(0, sheet.width), ylim=(sheet.y - top, 0))
    ax.set_axis_off()


def timeline(sheet: Sheet) -> None:
    """Draw dated entries down a line, oldest first, each label beside its dot."""
    dots, top = [], sheet.y
    for when, label in dated(sheet.exhibit):
        dots.append(sheet.middle - top)
        sheet.say(when, x=28, fontweight="bold")
        sheet.say(label, x=28)
        sheet.y += 5
    ax = sheet.axes(MARGIN, 12, sheet.y - top, top)
    ax.plot([6] * len(dots), dots, "-o", lw=1.5, ms=7, color=COLOURS[0], mec="white", clip_on=False)
    ax.set(xlim=(0, 12), ylim=(sheet.y - top, 0))
    ax.set_axis_off()
