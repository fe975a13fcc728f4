"""Run one notebook through papermill: parameters checked, failure named and redacted."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.errors import RunFailed, StudyError, nearest
from evaluation.run import folders, workers

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

SEE = "The folder reports/.failed/ marks the cell; open the notebook in JupyterLab to see more."
DIED = "its process died (killed, or out of memory)"
Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Executed:
    """One executed notebook: seconds of wall time, number of code cells, peak memory in bytes (None if unknown)."""

    name: str
    seconds: float
    cells: int
    peak: int | None = None


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


def execute(tell: workers.Tell, source: Path, output: Path, parameters: Parameters, seconds: int) -> Executed:
    """Execute a notebook with injected parameters and write it, outputs and all, to `output` (highly sensitive).

    In a worker, which runs this one notebook, papermill uses the engine of `evaluation.run.engine`; elsewhere its own,
    which starts a kernel.

    Parameters
    ----------
    tell : callable
        Told the number and the text of each code cell before it runs.
    source, output : Path
        The notebook, and where it is written with its outputs.
    parameters : mapping
        What is injected; checked against what the notebook declares.
    seconds : int
        Time limit of a cell, where a kernel runs it: whoever started a worker watches that itself.

    Raises
    ------
    RunFailed
        A cell raised, ran out of time or lost its kernel; the message names notebook and cell and never repeats
        what the cell printed.
    """
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    _silence()
    from papermill.exceptions import PapermillExecutionError

    name = source.stem
    notebook = nbformat.read(source, as_version=4)
    check_parameters(notebook, parameters, name=name)
    began, started = time.monotonic(), list[str]()

    def note(cell: NotebookNode, **_: object) -> None:
        started.append(cell.source)
        tell((len(started), cell.source))

    try:
        done = _through_papermill(notebook, parameters, note, seconds)
    except PapermillExecutionError as error:
        told = f"{error.ename}{_safe_reason(error)}"
    except CellTimeoutError:
        told = f"it ran longer than {seconds} seconds"
    except DeadKernelError:
        told = DIED
    else:
        for place, cell in enumerate(done.cells):
            cell.id = f"cell-{place}"  # papermill gives the cell it injects an id by chance
        nbformat.write(done, output)
        cells = sum(c.cell_type == "code" for c in done.cells)
        return Executed(name, time.monotonic() - began, cells, workers.peak_memory())
    write_unfinished(source, output, started[-1] if started else "")
    raise RunFailed(stopped(name, len(started), told), todo=SEE)


def _through_papermill(
    notebook: NotebookNode, parameters: Parameters, note: Callable[..., None], seconds: int
) -> NotebookNode:
    """Let papermill execute a notebook by the engine of this process."""
    from papermill import execute_notebook

    common = {"kernel_name": "python3", "progress_bar": False, "on_cell_execute": note}
    if workers.in_worker():
        return execute_notebook(notebook, None, dict(parameters), engine_name="evaluation", **common)
    with folders.scratch() as scratch:
        common |= {"execution_timeout": seconds, "config": _private_sockets(scratch)}
        return execute_notebook(notebook, None, dict(parameters), **common)


def _private_sockets(folder: Path) -> Config:
    """Return the configuration by which a kernel talks over sockets in a private folder, where there are sockets."""
    from traitlets.config import Config

    if os.name != "posix":
        return Config()
    places = {"connection_file": str(folder / "kernel.json"), "transport": "ipc", "ip": str(folder / "k")}
    return Config({"KernelManager": places})


def stopped(name: str, number: int, told: str) -> str:
    """Return what is said of a notebook that stopped at its code cell of this number."""
    return f"notebook {name} stopped at code cell {number}: {told}"


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


def write_unfinished(source: Path, output: Path, failed: str) -> None:
    """Write a notebook without outputs in place of the one that stopped, with the cell of this text marked."""
    import nbformat

    left = redacted(nbformat.read(source, as_version=4))
    for cell in left.cells:
        if cell.cell_type == "code" and cell.source == failed:
            cell.metadata = {"tags": ["failed-here"]}
    nbformat.write(left, output)


def redacted(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without any output: what failed may have printed a respondent, so nothing printed is kept."""
    import copy

    clean = copy.deepcopy(notebook)
    for cell in clean.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata = {"tags": ["failed-here"]} if "failed-here" in cell.metadata.get("tags", []) else {}
    clean.metadata.pop("papermill", None)
    return clean
