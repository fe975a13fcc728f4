"""Run one notebook through papermill: words filled in, parameters checked, failure named and redacted."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import kernels as _kernels  # blocks a needless grammar library before nbformat is imported
from .errors import RunFailed, StudyError, nearest

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
CELL_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Executed:
    """One executed notebook: its name, the notebook, seconds of wall time and number of code cells."""

    name: str
    notebook: Any
    seconds: float
    cells: int


def fill_words(notebook: Any, words: Mapping[str, str], *, name: str) -> Any:
    """Return the notebook with `{{ word }}` in its Markdown replaced by the study's words.

    Raises
    ------
    StudyError
        A placeholder that `[words]` of the study does not define; the nearest one is named.
    """
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            unknown = [w for w in PLACEHOLDER.findall(cell.source) if w not in words]
            if unknown:
                hint = nearest(unknown[0], words)
                raise StudyError(f"notebook {name} uses the word {unknown[0]!r}, nearest {hint!r}", where="[words]")
            cell.source = PLACEHOLDER.sub(lambda m: words[m.group(1)].strip(), cell.source)
    return notebook


def check_parameters(notebook: Any, parameters: Mapping[str, Any], *, name: str) -> None:
    """Raise `StudyError` for a parameter that the notebook does not declare, or declares with another type."""
    declared = declared_parameters(notebook, name=name)
    for key, value in parameters.items():
        if key not in declared:
            hint = nearest(key, declared)
            raise StudyError(f"notebook {name} has no parameter {key!r}" + (f"; nearest: {hint!r}" if hint else ""))
        if type(declared[key]) is not type(value):
            wanted = type(declared[key]).__name__
            raise StudyError(f"parameter {key!r} of notebook {name} is {wanted}, not {type(value).__name__}")


def declared_parameters(notebook: Any, *, name: str) -> dict[str, Any]:
    """Return the parameters and defaults that the cell tagged `parameters` declares."""
    import ast

    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise StudyError(f"notebook {name} needs exactly one cell tagged 'parameters', found {len(tagged)}")
    body = ast.parse(tagged[0].source).body
    return {s.targets[0].id: ast.literal_eval(s.value) for s in body if isinstance(s, ast.Assign)}  # type: ignore[attr-defined]


def execute(
    source: Path, output: Path, *, parameters: Mapping[str, Any], words: Mapping[str, str], cwd: Path,
    kernels: _kernels.Kernels, seconds: int = CELL_SECONDS,
) -> Executed:  # fmt: skip
    """Execute a notebook with injected parameters and write it, outputs and all, to `output` (highly sensitive).

    Raises
    ------
    RunFailed
        A cell raised, ran out of time or lost its kernel; the message names notebook and cell and never repeats
        what the cell printed. What the notebook had done so far stands in `output`.
    """
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    name = source.stem
    notebook = fill_words(nbformat.read(source, as_version=4), words, name=name)
    check_parameters(notebook, parameters, name=name)
    began = time.monotonic()
    try:
        done = execute_notebook(
            notebook, output, parameters=dict(parameters), kernel_name="python3", cwd=cwd, progress_bar=False,
            execution_timeout=seconds, request_save_on_cell_execute=False, **kernels.engine_options(),
        )  # fmt: skip
    except PapermillExecutionError as error:
        what = f"notebook {name} stopped at code cell {error.exec_count}: {error.ename}"
        raise RunFailed(what + _safe_reason(error), todo=_todo(error)) from None
    except CellTimeoutError:
        raise RunFailed(f"notebook {name}: a cell ran longer than {seconds} seconds") from None
    except DeadKernelError:
        raise RunFailed(f"notebook {name}: its kernel died (killed, or out of memory)") from None
    return Executed(name, done, time.monotonic() - began, sum(c.cell_type == "code" for c in done.cells))


def _safe_reason(error: Any) -> str:
    """Return the message of the study's own refusals, which never hold a respondent's value; "" for any other."""
    from . import errors

    own = getattr(errors, str(error.ename), None)
    is_own = isinstance(own, type) and issubclass(own, errors.EvaluationError)
    return f": {error.evalue}" if is_own or (error.ename == "AssertionError" and _is_plain(error.evalue)) else ""


def _is_plain(text: str) -> bool:
    return len(text) < 200 and not re.search(r"[\d@]", text)


def _todo(error: Any) -> str:
    return "The failed run's folder names the cell; open the notebook in JupyterLab to see more." if error else ""


def redacted(notebook: Any) -> Any:
    """Return a copy without any output: what failed may have printed a respondent, so nothing printed is kept."""
    import copy

    clean = copy.deepcopy(notebook)
    for cell in clean.cells:
        if cell.cell_type == "code":
            failed = any(o.get("output_type") == "error" for o in cell.get("outputs", []))
            cell.outputs = []
            cell.execution_count = None
            cell.metadata = {"tags": ["failed-here"]} if failed else {}
    clean.metadata.pop("papermill", None)
    return clean
