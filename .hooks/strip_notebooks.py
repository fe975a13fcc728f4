"""Take outputs out of notebooks and write them in nbformat's order: `strip_notebooks.py [--check] [FILE ...]`.

Without files, every notebook of `notebooks/`. With `--check` nothing is written; exit status 1 names what would change.
"""

import sys
from pathlib import Path

import nbformat

KEPT = ("tags",)  # metadata of a cell that is the notebook's own; what an editor leaves behind goes


def stripped(text: str) -> str:
    """Return a notebook's text without outputs, counts and editors' marks."""
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        cell.metadata = nbformat.NotebookNode({k: v for k, v in cell.metadata.items() if k in KEPT})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.NotebookNode({"kernelspec": kernel, "language_info": {"name": "python"}})
    return nbformat.writes(notebook) + "\n"


def main(words: list[str]) -> int:
    """Strip the notebooks named, or all of them."""
    check = "--check" in words
    files = [Path(w) for w in words if w != "--check"] or sorted(Path("notebooks").glob("*.ipynb"))
    moved = []
    for file in files:
        before = file.read_text("utf-8")
        after = stripped(before)
        if before != after:
            moved.append(str(file))
            if not check:
                file.write_text(after, "utf-8")
    print("\n".join(moved)) if moved else None
    return int(bool(moved))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
