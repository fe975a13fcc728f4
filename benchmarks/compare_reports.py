"""Hold one report against another to the byte: `python -m benchmarks.compare_reports BEFORE AFTER [--words FILE]`.

Numbers, ids, verdicts and words of `results.csv`, every figure, and the text of every page are compared. What differs
is listed; manifest, crate and log carry times and are left out. Exit status 1 where anything but the ids named on the
command line (`--gone PREFIX`) moved.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import html
import re
import sys
from pathlib import Path

PAGES = ("index.html", "annex.html", "sense-check.html", "practice-bank.html", "dossier.html")


def rows(report: Path) -> dict[str, dict[str, str]]:
    """Return the rows of `results.csv` by id."""
    with (report / "results.csv").open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def moved_results(before: Path, after: Path, gone: tuple[str, ...]) -> list[str]:
    """Return each result that is gone, new or different, but for ids that begin with a prefix of `gone`."""
    a, b = rows(before), rows(after)
    kept = [id for id in a if not id.startswith(gone)] if gone else list(a)
    new = [id for id in b if not id.startswith(gone)] if gone else list(b)
    said = [f"gone: {id}" for id in kept if id not in b] + [f"new: {id}" for id in new if id not in a]
    for id in kept:
        if id in b and a[id] != b[id]:
            cells = [
                f"{k}: {a[id].get(k)!r} was, {b[id].get(k)!r} is"
                for k in {**a[id], **b[id]}
                if a[id].get(k) != b[id].get(k)
            ]
            said.append(f"{id}: {'; '.join(cells)}")
    order = [id for id in kept if id in b] == [id for id in new if id in a]
    return said if order else [*said, "the order of the results moved"]


def moved_figures(before: Path, after: Path) -> list[str]:
    """Return each figure file that is gone, new or different by a byte."""
    a, b = ({p.name: p.read_bytes() for p in (r / "figures").glob("*")} for r in (before, after))
    return [f"figure {name}" for name in sorted({*a, *b}) if a.get(name) != b.get(name)]


def lines(page: Path) -> list[str]:
    """Return what a page says, one line for each element."""
    text = re.sub(r"<(script|style)\b.*?</\1>", "", page.read_text("utf-8"), flags=re.DOTALL)
    return [line for part in re.split(r"<[^>]+>", text) if (line := " ".join(html.unescape(part).split()))]


def moved_pages(before: Path, after: Path) -> list[str]:
    """Return the lines that a page lost or gained; a page with equal words and other bytes is named."""
    said = []
    for name in PAGES:
        a, b = before / name, after / name
        if a.read_bytes() == b.read_bytes():
            continue
        found = [
            d
            for d in difflib.unified_diff(lines(a), lines(b), lineterm="", n=0)
            if d[:1] in "+-" and d[:3] not in ("+++", "---")
        ]
        said += [f"{name}: {d}" for d in found] or [f"{name}: the words are equal, the bytes are not"]
    return said


def main(words: list[str]) -> int:
    """Compare two reports; print what moved and return 1 where anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--gone", action="append", default=[], help="prefix of ids that were taken out on purpose")
    parser.add_argument("--most", type=int, default=60)
    asked = parser.parse_args(words)
    results = moved_results(asked.before, asked.after, tuple(asked.gone))
    said = [*results, *moved_figures(asked.before, asked.after), *moved_pages(asked.before, asked.after)]
    print("\n".join(said[: asked.most]))
    print(f"{len(rows(asked.before))} results before, {len(rows(asked.after))} after; {len(said)} differences")
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
