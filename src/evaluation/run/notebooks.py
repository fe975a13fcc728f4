"""Run one notebook through papermill: parameters checked, failure named and redacted."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.errors import RunFailed, StudyError, nearest
from evaluation.run import kernels as _kernels
from evaluation.run.request import CELL_SECONDS

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from papermill.exceptions import PapermillExecutionError

# blocks a needless grammar library before nbformat is imported


Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Executed:
    """One executed notebook: seconds of wall time, number of code cells, peak memory in bytes (None if unknown).

    `reused` says that an earlier execution of exactly the same things was used again.
    """

    name: str
    notebook: NotebookNode
    seconds: float
    cells: int
    peak: int | None = None
    reused: bool = False


def check_parameters(notebook: NotebookNode, parameters: Parameters, *, name: str) -> None:
    """Raise `StudyError` for a parameter that the notebook does not declare, or declares with another type."""
    declared = declared_parameters(notebook, name=name)
    for key, value in parameters.items():
        if key not in declared:
            hint = nearest(key, declared)
            raise StudyError(f"notebook {name} has no parameter {key!r}" + (f"; nearest: {hint!r}" if hint else ""))
        if type(declared[key]) is not type(value):
            wanted = type(declared[key]).__name__
            raise StudyError(f"parameter {key!r} of notebook {name} is {wanted}, not {type(value).__name__}")


def parameters_for(sources: list[Path], always: Parameters, requested: Mapping[str, str]) -> dict[str, Parameters]:
    """Return the parameters of each notebook by name: those of every run, and those asked for where it declares them.

    Raises
    ------
    StudyError
        Before any notebook has run, all faults at once: a parameter that no notebook declares (the nearest is
        named), one that the run sets itself, or a value of another type than the declared one.
    """
    import nbformat

    declared = {p.stem: declared_parameters(nbformat.read(p, as_version=4), name=p.stem) for p in sources}
    known = {key for names in declared.values() for key in names} - set(always)
    faults = [_unknown(key, known, always) for key in requested if key not in known]
    out: dict[str, Parameters] = {}
    for name, defaults in declared.items():
        faults += [f"notebook {name} does not declare the parameter {k!r}" for k in always if k not in defaults]
        chosen = {k: v for k, v in requested.items() if k in defaults and k not in always}
        typed = {k: _typed(v, defaults[k]) for k, v in chosen.items()}
        faults += [
            f"parameter {k!r} of notebook {name} is {type(defaults[k]).__name__}, not {chosen[k]!r}"
            for k, v in typed.items()
            if v is None
        ]
        out[name] = {**always, **typed}
    if faults:
        raise StudyError("\n".join(faults), todo="Nothing was run.")
    return out


def _unknown(key: str, known: set[str], always: Parameters) -> str:
    if key in always:
        return f"parameter {key!r} is set by the run (--study and --wave choose it)"
    hint = nearest(key, known | set(always))
    return f"no notebook has a parameter {key!r}" + (f"; nearest: {hint!r}" if hint else "")


def _typed(text: str, default: object) -> object:
    """Return a value of the default's type; None when the text does not say one."""
    import ast

    if isinstance(default, str):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    if isinstance(default, float) and type(value) is int:
        return float(value)
    return value if type(value) is type(default) else None


def declared_parameters(notebook: NotebookNode, *, name: str) -> dict[str, object]:
    """Return the parameters and defaults that the cell tagged `parameters` declares."""
    import ast

    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise StudyError(f"notebook {name} needs exactly one cell tagged 'parameters', found {len(tagged)}")
    body = ast.parse(tagged[0].source).body
    return {s.targets[0].id: ast.literal_eval(s.value) for s in body if isinstance(s, ast.Assign)}  # type: ignore[attr-defined]


def execute(
    source: Path,
    output: Path,
    *,
    parameters: Parameters,
    env: Mapping[str, str],
    kernels: _kernels.Kernels,
    seconds: int = CELL_SECONDS,
) -> Executed:
    """Execute a notebook with injected parameters and write it, outputs and all, to `output` (highly sensitive).

    The kernel runs in the working directory, with `env` on top of the run's environment.

    Raises
    ------
    RunFailed
        A cell raised, ran out of time or lost its kernel; the message names notebook and cell and never repeats
        what the cell printed. What the notebook had done so far stands in `output`.
    """
    import nbformat
    from jupyter_core.utils import ensure_event_loop
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    _silence()
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    name = source.stem
    notebook = nbformat.read(source, as_version=4)
    check_parameters(notebook, parameters, name=name)
    began = time.monotonic()
    options = kernels.engine_options(env)
    started: list[NotebookNode] = []

    def note(cell: NotebookNode, **_: object) -> None:
        started.append(cell)

    try:
        done = execute_notebook(
            notebook,
            output,
            parameters=dict(parameters),
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=seconds,
            request_save_on_cell_execute=False,
            on_cell_execute=note,
            **options,
        )
    except PapermillExecutionError as error:
        what = f"notebook {name} stopped at code cell {error.exec_count}: {error.ename}"
        raise RunFailed(what + _safe_reason(error), todo=_todo()) from None
    except CellTimeoutError:
        what = f"notebook {name} stopped at code cell {len(started)}: it ran longer than {seconds} seconds"
        _write_unfinished(notebook, output, started, "CellTimeoutError")
        raise RunFailed(what, todo=_todo()) from None
    except DeadKernelError:
        what = f"notebook {name} stopped at code cell {len(started)}: its kernel died (killed, or out of memory)"
        _write_unfinished(notebook, output, started, "DeadKernelError")
        raise RunFailed(what, todo=_todo()) from None
    finally:
        ensure_event_loop().close()  # each thread's own; the client would leave it open
    for place, cell in enumerate(done.cells):
        cell.id = f"cell-{place}"  # papermill gives the cell it injects an id by chance
    nbformat.write(done, output)
    seconds, cells = time.monotonic() - began, sum(c.cell_type == "code" for c in done.cells)
    return Executed(name, done, seconds, cells, kernels.peak_memory(options))


def _silence() -> None:
    """Keep papermill's log off the screen: it may repeat what a cell printed."""
    import logging

    log = logging.getLogger("papermill")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())


def _safe_reason(error: PapermillExecutionError) -> str:
    """Return the message of the study's own refusals, which never hold a respondent's value; "" for any other.

    The words of an assertion are shown where they stand in the notebook's cell: any others may come from the data.
    """
    from evaluation import errors

    own = getattr(errors, str(error.ename), None)
    is_own = isinstance(own, type) and issubclass(own, errors.EvaluationError)
    text = str(error.evalue or "")
    written = error.ename == "AssertionError" and text and _is_plain(text) and text in (error.source or "")
    return f": {error.evalue}" if is_own or written else ""


def _is_plain(text: str) -> bool:
    return len(text) < 200 and not re.search(r"[\d@]", text)


def _todo() -> str:
    return "The folder reports/.failed/ marks the cell; open the notebook in JupyterLab to see more."


def _write_unfinished(notebook: NotebookNode, output: Path, started: list[NotebookNode], ename: str) -> None:
    """Write the notebook without outputs, an error at the cell that was under way when it stopped."""
    import nbformat

    left = redacted(notebook)
    for cell in left.cells if started else ():
        if cell.cell_type == "code" and cell.source == started[-1].source:
            cell.outputs = [nbformat.v4.new_output("error", ename=ename, evalue="", traceback=[])]
    nbformat.write(left, output)


def redacted(notebook: NotebookNode) -> NotebookNode:
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
