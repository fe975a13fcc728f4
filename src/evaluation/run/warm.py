"""The warm process: it has imported the stack once, and forks a fresh kernel for each notebook.

It reads one JSON line per request from its standard input and answers with the new process id. When its input closes,
because the run ended or was killed, it kills every kernel it started and leaves.

A command that was started with the environment of its kernels (`pin`) imports the stack itself and splits the warm
process off, so that nothing is imported twice. Any other caller starts it as a new Python.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

# A grammar library behind JSON-schema checks costs 1.2 CPU seconds at import and is never needed here;
# jsonschema treats its absence as "no extra string formats".
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# No notebook of a run is debugged, and importing the debugger in each kernel would be a third of starting it.
NOT_IN_KERNELS = "debugpy"

PRELOAD = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",
    "tornado.platform.asyncio",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.magics.execution",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "matplotlib_inline.backend_inline",
    "matplotlib.pyplot",
    "numpy",
    "pandas",
    "pandas.core.arrays.arrow.extension_types",
    "pandas.core.reshape.reshape",
    "pyarrow.parquet",
    "pyarrow.dataset",
    "scipy.stats",
    "scipy.optimize",
    "seaborn",
    "statsmodels.api",
    "linearmodels.panel",
    "pingouin",
    "pydantic",
    "yaml",
)
# Beside every room of answers.
ROOMS = ("evaluation.plan.study", "evaluation.intake.waves", "evaluation.disclosure", "evaluation.report.html")
PINNED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
KERNEL_WORDS = ("--matplotlib=inline", "--HistoryManager.enabled=False")
SCRATCH, READS, STARTED = "ev-", "EVALUATION_READS", "EVALUATION_STARTED"


def can_fork() -> bool:
    """Return whether kernels may be forked here: POSIX without macOS's unsafe forks, and not switched off."""
    return sys.platform.startswith("linux") and os.environ.get("EVALUATION_PLAIN_KERNELS") != "1"


def pin() -> None:
    """Start this command again, in this process, with the environment of its kernels, unless it has it.

    Threads of arithmetic, hash seed, locale and time zone are read once, when Python and its libraries start; a
    kernel can be forked from this process only when they are those of kernels. Input, output and errors that were
    closed are opened on nothing, so that no file takes their place.
    """
    closed = [number for number in (0, 1, 2) if not _is_open(number)]
    for _ in closed:  # each opens as the lowest number that is free
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    once = {STARTED: str(os.getpid())}  # the process stays the same, so that it can never start again and again
    if can_fork() and sys.executable and (closed or not _named()) and not once.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **PINNED, **once})


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def pinned() -> bool:
    """Return whether this process was started with the environment of kernels, and heeds it."""
    return _named() and not sys.flags.hash_randomization


def _named() -> bool:
    return all(os.environ.get(k) == v for k, v in PINNED.items())


class Server(Protocol):
    """What a run needs of the warm process: the part of `subprocess.Popen` that both ways of starting it have."""

    stdin: Any
    stdout: Any

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status; `subprocess.TimeoutExpired` after so many seconds."""

    def kill(self) -> None:
        """Kill it."""


def start(folder: Path, env: Mapping[str, str]) -> Server:
    """Start the warm process as a new Python."""
    return subprocess.Popen(
        [sys.executable, "-m", "evaluation.run.warm", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(env),
        start_new_session=True,
    )


def can_split() -> bool:
    """Return whether the warm process may be forked from this one: pinned, with nothing at work beside this thread.

    Kernels write to the outputs that they inherit, so these must be there.
    """
    return can_fork() and pinned() and sys.stdout is not None and sys.stderr is not None and not _at_work()


def _at_work() -> list[str]:
    """Return the names of the threads, of Python and of libraries, beside this one.

    Left out is the thread with which pyarrow's allocator gives memory back: that allocator sees to its own forks.
    """
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            if int(task.name) != threading.get_native_id():
                names.append((task / "comm").read_text("utf-8").strip())
    return [n for n in names if n != "jemalloc_bg_thd"]


def split(folder: Path, env: Mapping[str, str]) -> Server:
    """Import the stack here and fork the warm process from this one."""
    _preload()
    asks, answers = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            _alone(asks[0], answers[1], env)
            serve(str(folder))
            status = 0
        finally:
            os._exit(status)
    os.close(asks[0])
    os.close(answers[1])
    return _Split(pid, os.fdopen(asks[1], "w", encoding="utf-8"), os.fdopen(answers[0], encoding="utf-8"))


def _alone(asks: int, answers: int, env: Mapping[str, str]) -> None:
    """Part with what the run holds: its session, signals, open files (locks among them) and environment."""
    import fcntl

    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # Either may be 0 or 1, where the command was started with these closed.
    clear = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (asks, answers)]
    os.dup2(clear[0], 0)
    os.dup2(clear[1], 1)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with contextlib.suppress(OSError):
                os.close(int(name))
    os.environ.clear()
    os.environ.update(env)


class _Split:
    """The warm process that was forked from this one."""

    def __init__(self, pid: int, stdin: Any, stdout: Any) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        if self.returncode is None:
            try:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # whoever started this command had it ignore the ends of its children
                ended, status = self.pid, 0
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status."""
        end = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("the warm process", timeout or 0.0)
            time.sleep(0.005)
        return status

    def kill(self) -> None:
        """Kill it, unless it ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def serve(scratch: str = "") -> None:
    """Answer request lines until the input closes: fork a kernel, or tell what one used."""
    gc.freeze()  # kernels are spared from tracing what they share
    gc.set_threshold(20_000, 20, 50)  # and look for waste less often: frames and fits leave little
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else children that end cannot be waited for
    children: dict[int, int | None] = {}
    pending = b""
    while True:
        ready, _, _ = select.select([0], [], [], 0.1)
        _reap(children)
        if not ready:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            break
        pending += chunk
        while b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            os.write(1, json.dumps(_answer(json.loads(line), children)).encode() + b"\n")
    for pid in [p for p, peak in children.items() if peak is None]:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    if scratch and Path(scratch).name.startswith(SCRATCH):
        shutil.rmtree(scratch, ignore_errors=True)


def _preload() -> None:
    """Import the stack, and what the notebooks import from this package."""
    was = gc.isenabled()
    gc.disable()
    sys.modules.setdefault(NOT_IN_KERNELS, None)  # type: ignore[arg-type]
    for name in PRELOAD:
        importlib.import_module(name)
    rooms = pkgutil.walk_packages([str(Path(__file__).parents[1] / "analysis")], "evaluation.analysis.")
    for name in (*ROOMS, *(room.name for room in rooms)):
        # A module that cannot be imported fails in the notebook that needs it, where the cell is named.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if was:
        gc.enable()


def _answer(request: dict[str, Any], children: dict[int, int | None]) -> dict[str, Any]:
    if "usage" in request:
        _reap(children)
        return {"peak": children.get(request["usage"])}
    pid = _fork(request)
    children[pid] = None
    return {"pid": pid}


def _reap(children: dict[int, int | None]) -> None:
    """Collect the children that ended, each with its peak memory in bytes."""
    for pid in [p for p, peak in children.items() if peak is None]:
        ended, _, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            children[pid] = usage.ru_maxrss * 1024


def _fork(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        os.chdir(request["cwd"])
        os.environ.update(request["env"])
        watch(os.environ.get(READS, ""), request["cwd"])
        from ipykernel.kernelapp import IPKernelApp

        sys.argv = ["kernel"]
        IPKernelApp.launch_instance(argv=["-f", request["file"], *KERNEL_WORDS])
        status = 0
    finally:
        os._exit(status)


def watch(record: str, root: str) -> None:
    """Write to `record` each file below `root` that is opened, and each module of this package that is imported.

    What a notebook is known to depend on is compared with this record, so a dependency that nobody declared is
    noticed.
    """
    if not record:
        return
    out = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    seen: set[str] = set()
    inside = os.path.join(os.path.abspath(root), "")

    def write(line: str) -> None:
        if line and line not in seen:
            seen.add(line)
            os.write(out, line.encode("utf-8", "replace") + b"\n")

    def opened(event: str, details: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(details[0], str | os.PathLike):
            path = os.path.abspath(os.fspath(details[0]))
            write(path[len(inside) :] if isinstance(path, str) and path.startswith(inside) else "")

    sys.addaudithook(opened)
    _note_imports(lambda name: write(f"import {name}"))


def _note_imports(note: Callable[[str], None]) -> None:
    """Call `note` with each module of this package that an import statement names, imported before or not."""
    import builtins

    found = builtins.__import__

    def importing(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        module = found(name, globals, locals, fromlist, level)
        home = module.__name__ if fromlist or level else name
        if home.startswith("evaluation."):
            note(home)
        if fromlist and home.startswith("evaluation"):
            for one in fromlist:
                if f"{home}.{one}" in sys.modules:
                    note(f"{home}.{one}")
        return module

    builtins.__import__ = importing


if __name__ == "__main__":
    _preload()
    serve(*sys.argv[1:2])
