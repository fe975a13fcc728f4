"""A papermill engine that runs a notebook's cells in an IPython shell in this process.

papermill finds it by the entry point `papermill.engine`, under the name `evaluation`. It is meant for a process that
runs one notebook and ends (`evaluation.run.workers`); what it leaves in the notebook is what papermill's own engine
leaves, which asks a kernel in another process.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import TextIOBase
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.engines import Engine, NotebookExecutionManager
from traitlets import Type
from traitlets.config import Config

LANGUAGE = {
    "name": "python",
    "version": sys.version.split()[0],
    "mimetype": "text/x-python",
    "codemirror_mode": {"name": "ipython", "version": sys.version_info[0]},
    "pygments_lexer": "ipython3",
    "nbconvert_exporter": "python",
    "file_extension": ".py",
}


class ShellEngine(Engine):
    """Runs each code cell in one shell of this process; stops at the first that fails."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, *, on_cell_execute: Callable[..., None], **_: object
    ) -> None:
        """Run the cells of `nb_man.nb`, and put into each its outputs.

        Parameters
        ----------
        nb_man : NotebookExecutionManager
            papermill's account of the notebook.
        kernel_name : str
            Not used: the cells run in this Python.
        on_cell_execute : callable
            Called with `cell` and `cell_index` before each code cell.
        **_ : object
            What papermill gives to engines that start kernels.
        """
        del kernel_name
        shell = Shell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        shell.enable_matplotlib("inline")
        nb_man.nb.metadata["language_info"] = LANGUAGE
        for index, cell in enumerate(nb_man.nb.cells):
            nb_man.cell_start(cell, index)
            failed = cell.cell_type == "code" and cell.source.strip() and not _run(shell, cell, index, on_cell_execute)
            if failed:
                nb_man.cell_exception(cell, cell_index=index)
            nb_man.cell_complete(cell, cell_index=index)
            if failed:
                return


def _run(shell: Shell, cell: NotebookNode, index: int, tell: Callable[..., None]) -> bool:
    """Run a cell and return whether the notebook goes on."""
    cell.execution_count = shell.execution_count
    cell.outputs = shell.outputs = []
    tell(cell=cell, cell_index=index)
    with redirect_stdout(_Stream(shell, "stdout")), redirect_stderr(_Stream(shell, "stderr")):
        done = shell.run_cell(cell.source, store_history=True)
    return bool(done.success) or "raises-exception" in cell.metadata.get("tags", [])


class _Stream(TextIOBase):
    """Standard output or errors of a cell."""

    def __init__(self, shell: Shell, name: str) -> None:
        self.shell, self.name = shell, name

    def write(self, text: str) -> int:
        last = self.shell.outputs[-1] if self.shell.outputs else {}
        if last.get("output_type") == "stream" and last["name"] == self.name:
            last["text"] += text
        elif text:
            self.shell.add("stream", name=self.name, text=text)
        return len(text)

    def writable(self) -> bool:
        return True


class _Publisher(DisplayPublisher):
    """What `display` calls."""

    def publish(
        self,
        data: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        *,
        transient: Mapping[str, Any] | None = None,
        update: bool = False,
        **_: object,
    ) -> None:
        content = {"data": _encoded(data), "metadata": dict(metadata or {})}
        known = self.shell.displays.setdefault((transient or {}).get("display_id"), [])
        if update:
            for output in known:
                output.update(content)
        else:
            known.append(self.shell.add("display_data", **content))

    def clear_output(self, wait: bool = False) -> None:  # noqa: ARG002 - nobody watches it go
        self.shell.outputs.clear()


class _Hook(DisplayHook):
    """What shows the value of a cell's last line."""

    def write_output_prompt(self) -> None:
        """Show no prompt: the notebook keeps its number."""

    def write_format_data(self, format_dict: Mapping[str, Any], md_dict: Mapping[str, Any] | None = None) -> None:
        count, shown = self.prompt_count, _encoded(format_dict)
        self.shell.add("execute_result", data=shown, metadata=dict(md_dict or {}), execution_count=count)

    def finish_displayhook(self) -> None:
        self._is_active = False


class Shell(InteractiveShell):
    """An IPython shell whose cells show into `outputs`."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)

    def __init__(self, **words: Any) -> None:
        self.outputs: list[NotebookNode] = []
        self.displays: dict[str | None, list[NotebookNode]] = {}
        super().__init__(**words)

    def add(self, kind: str, **content: Any) -> NotebookNode:
        """Add an output to the cell."""
        self.outputs.append(new_output(kind, **content))
        return self.outputs[-1]

    def enable_gui(self, gui: str | None = None) -> None:
        """Start no event loop: nobody looks on."""

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.add("error", ename=etype.__name__, evalue=str(evalue), traceback=stb)


def _encoded(data: Mapping[str, Any]) -> dict[str, Any]:
    return {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in data.items()}
