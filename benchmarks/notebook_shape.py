"""The shape of the notebooks, beside others that are read for teaching: `python -m benchmarks.notebook_shape`.

A code cell's lines (blank lines and comments left out), whether it calls a public library, whether it only publishes,
and words against code. Exit status 1 where a bar of the project is missed. Notebooks of other projects are measured the
same way where they are given: `python -m benchmarks.notebook_shape FOLDER`.
"""

from __future__ import annotations

import ast
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

OURS = Path(__file__).parents[1] / "notebooks"
MEDIAN, NINE_IN_TEN, LIBRARY, PUBLISH, WORDS = 3, 8, 0.40, 0.25, 2.0
OWN = {"evaluation", "math"}
# What only frames and series of pandas have: a call of one is a call of pandas, whatever the frame is called.
OF_FRAMES = {
    "agg", "apply", "assign", "astype", "columns", "cumsum", "describe", "dropna", "equals", "fillna", "groupby",
    "head", "isna", "melt", "merge", "notna", "nunique", "pivot", "pivot_table", "query", "reindex", "rename",
    "reset_index", "round", "set_index", "sort_index", "sort_values", "stack", "to_frame", "transform", "unstack",
    "value_counts",
}  # fmt: skip
# As counted when the plan for these notebooks was made: share of cells that call a public library, median lines.
ELSEWHERE = (("ThinkStats", "about 30 %", "2"), ("linearmodels", "nearly half", "4"))


@dataclass(frozen=True, slots=True)
class Shape:
    """What is measured of a set of notebooks."""

    cells: int
    median: float
    nine_in_ten: float
    library: float
    publish: float
    words_to_code: float


def measured(folder: Path) -> Shape:
    """Return the shape of a folder's notebooks."""
    lines: list[int] = []
    library = publish = words = code_words = 0
    for path in sorted(folder.rglob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        prose = [c.source for c in notebook.cells if c.cell_type == "markdown"]
        code = [c.source for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
        words += sum(len(text.split()) for text in prose)
        code_words += sum(len(text.split()) for text in code)
        public = _public_names("\n".join(map(_plain, code)))
        lines += [_lines(text) for text in code]
        library += sum(_calls_library(text, public) for text in code)
        publish += sum(_only_publishes(text) for text in code)
    n = len(lines)
    nine = statistics.quantiles(lines, n=10)[-1]
    return Shape(n, statistics.median(lines), nine, library / n, publish / n, words / code_words)


def _plain(code: str) -> str:
    """Return a cell without the lines that only IPython reads."""
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!", "?")))


def _tree(code: str) -> ast.Module:
    try:
        return ast.parse(_plain(code))
    except SyntaxError:
        return ast.Module([], [])


def _lines(code: str) -> int:
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in code.splitlines())


def _public_names(code: str) -> set[str]:
    """Return the names that imports from public libraries bind."""
    names = set()
    for node in ast.walk(_tree(code)):
        if isinstance(node, ast.Import):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names if a.name.split(".")[0] not in OWN}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in OWN:
            names |= {a.asname or a.name for a in node.names}
    return names


def _calls_library(code: str, public: set[str]) -> bool:
    for node in ast.walk(_tree(code)):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Attribute) and called.attr in OF_FRAMES:
                return True
            while isinstance(called, ast.Attribute):
                called = called.value
            if isinstance(called, ast.Name) and called.id in public:
                return True
    return False


def _only_publishes(code: str) -> bool:
    """Return whether a cell holds nothing but calls of `report.publish`."""
    body = _tree(code).body
    calls = [s.value for s in body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    return bool(body) and len(calls) == len(body) and all(ast.unparse(c.func) == "report.publish" for c in calls)


def missed(shape: Shape) -> list[str]:
    """Return the bars that a shape misses."""
    bars = (
        (shape.median <= MEDIAN, f"median of a code cell over {MEDIAN} lines"),
        (shape.nine_in_ten <= NINE_IN_TEN, f"one cell in ten over {NINE_IN_TEN} lines"),
        (shape.library >= LIBRARY, f"under {LIBRARY:.0%} of cells call a public library"),
        (shape.publish <= PUBLISH, f"over {PUBLISH:.0%} of cells only publish"),
        (shape.words_to_code >= WORDS, f"under {WORDS:g} words to a word of code"),
    )
    return [why for met, why in bars if not met]


def main(folders: list[str]) -> int:
    """Print the shape of the project's notebooks and of any others; return 1 where the project misses a bar."""
    print(f"{'notebooks':<28}{'cells':>6}{'median':>8}{'9 in 10':>9}{'library':>9}{'publish':>9}{'words':>7}")
    shapes = {"this project": measured(OURS)} | {Path(f).name: measured(Path(f)) for f in folders}
    for name, s in shapes.items():
        print(
            f"{name:<28}{s.cells:>6}{s.median:>8.1f}{s.nine_in_ten:>9.1f}{s.library:>9.0%}{s.publish:>9.0%}"
            f"{s.words_to_code:>7.1f}"
        )
    for name, library, median in ELSEWHERE:
        print(f"{name + ' (as the plan says)':<28}{'':>6}{median:>8}{'':>9}{library:>14}")
    for why in missed(shapes["this project"]):
        print(f"missed: {why}")
    return int(bool(missed(shapes["this project"])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
