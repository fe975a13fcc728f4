"""Count the house: `python -m benchmarks.house_counts [TREE …]` prints one column for each checkout that is named.

Lines and modules by room, modules at the top, groups of modules that import one another, modules named by bare
participles, uses of `Any`, lines exempt from the formatter, exhibits with their titles in code.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

IRREGULAR = {
    "held",
    "made",
    "found",
    "said",
    "drawn",
    "shown",
    "spent",
    "heard",
    "told",
    "met",
    "taken",
    "given",
    "seen",
}
NOUNS = {"mapping", "matching", "weighting"}


def modules(tree: Path) -> dict[str, Path]:
    """Return the modules of the package by dotted name."""
    src = tree / "src"
    named = (
        (".".join(p.relative_to(src).with_suffix("").parts), p) for p in sorted((src / "evaluation").rglob("*.py"))
    )
    return {name.removesuffix(".__init__"): path for name, path in named}


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules of the package that a module imports, deferred imports and those for types included."""
    package = name if path.name == "__init__.py" else name.rsplit(".", 1)[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            yield from (
                m for m in (f"{base}.{alias.name}", base) if m in known and m != name and not name.startswith(m)
            )


def circles(tree: Path) -> int:
    """Return how many modules are in a circle of imports."""
    known = modules(tree)
    reach = {name: set(imports(name, path, known)) for name, path in known.items()}
    changed = True
    while changed:
        changed = False
        for to in reach.values():
            more = set().union(*(reach[t] for t in to)) - to
            changed, to_more = changed or bool(more), more
            to |= to_more
    return sum(name in to for name, to in reach.items())


def is_participle(stem: str) -> bool:
    """Return whether a module's name is a bare participle."""
    return "_" not in stem.strip("_") and stem not in NOUNS and (stem.endswith(("ed", "ing")) or stem in IRREGULAR)


def code_lines(text: str) -> int:
    """Return how many lines hold code: no docstring, no comment, no blank line."""
    tree = ast.parse(text)
    prose: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            prose |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    kept = (line.strip() for place, line in enumerate(text.splitlines(), 1) if place not in prose)
    return sum(bool(line) and not line.startswith("#") for line in kept)


def counts(tree: Path) -> dict[str, int]:
    """Return every figure of one checkout."""
    files = list(modules(tree).values())
    texts = {p: p.read_text("utf-8") for p in files}
    python = [p for folder in ("src", "tests", "benchmarks") for p in (tree / folder).rglob("*.py")]
    stems = Counter(p.stem for p in files if p.stem != "__init__")
    lines: Counter[str] = Counter()
    for path, text in texts.items():
        parts = path.relative_to(tree / "src" / "evaluation").parts
        lines["lines: " + (parts[0] if len(parts) > 1 else "top")] += len(text.splitlines())
    titled = re.compile(r"(?<![\w.])(?:w\.)?exhibit\(\s*\n?\s*f?\"")
    return {
        **dict(sorted(lines.items())),
        "lines: all of src": sum(lines.values()),
        "lines of code: all of src": sum(map(code_lines, texts.values())),
        "modules": len(files),
        "modules at the top": len(list((tree / "src" / "evaluation").glob("*.py"))),
        "modules in a circle of imports": circles(tree),
        "modules named by a bare participle": sum(map(is_participle, stems)),
        "basenames that stand twice": sum(n > 1 for n in stems.values()),
        "uses of Any": sum(len(re.findall(r"\bAny\b", t)) for t in texts.values()),
        "lines exempt from the formatter": sum(p.read_text("utf-8").count("# fmt: " + "skip") for p in python),
        "exhibits with their title in code": sum(len(titled.findall(t)) for t in texts.values()),
    }


def main(words: list[str]) -> int:
    """Print the counts of the checkouts named (this one where none is)."""
    trees = [Path(w) for w in words] or [Path(__file__).parents[1]]
    found = [counts(t) for t in trees]
    for name in dict.fromkeys(k for c in found for k in c):
        print(f"{name:40}", *(f"{c.get(name, 0):>8,}" for c in found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
