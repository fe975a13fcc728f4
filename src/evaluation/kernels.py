"""Start notebook kernels from one process that has already imported the stack.

Imports are most of what a run costs, so one warm process imports the stack once and forks a fresh kernel for each
notebook. The kernels are ordinary IPython kernels behind a kernel provisioner, so papermill, time limits and
dead-kernel detection work unchanged. Where forking is not possible, or `EVALUATION_PLAIN_KERNELS=1` is set, plain
kernels are used and give the same outputs.

The warm process reads one JSON line per request from its standard input and answers with the new process id. When
its input closes, because the run ended or was killed, it kills every kernel it started and leaves.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# A grammar library behind JSON-schema checks costs 1.2 CPU seconds at import and is never needed here;
# jsonschema treats its absence as "no extra string formats".
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

PRELOAD = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "matplotlib_inline.backend_inline", "matplotlib.pyplot",
    "numpy", "pandas", "pyarrow.parquet", "scipy.stats", "scipy.optimize", "seaborn", "statsmodels.api",
    "pydantic", "yaml",
)  # fmt: skip
ROOMS = ("evaluation.study", "evaluation.report", "evaluation.intake.waves")  # and every room of answers
PINNED = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0",
    "TZ": "UTC", "LC_ALL": "C.UTF-8", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1", "IPYTHONDIR": "", "JPY_PARENT_PID": "",
}  # fmt: skip


def can_fork() -> bool:
    """Return whether kernels may be forked here: POSIX without macOS's unsafe forks, and not switched off."""
    return sys.platform.startswith("linux") and os.environ.get("EVALUATION_PLAIN_KERNELS") != "1"


class Kernels:
    """The kernels of one run: a warm process, a folder of sockets, and what papermill needs to use them.

    Use as a context manager; leaving it, or calling `stop`, ends the warm process, every kernel and every socket.
    Several threads may start kernels at once.
    """

    def __init__(self, env: Mapping[str, str], *, fork: bool | None = None) -> None:
        self.fork = can_fork() if fork is None else fork
        self.folder = Path(tempfile.mkdtemp(prefix=SCRATCH))
        self.held = hold(self.folder)
        pinned = {k: v for k, v in PINNED.items() if v}
        places = {"IPYTHONDIR": str(self.folder), "JUPYTER_RUNTIME_DIR": str(self.folder)}
        self.env = {**os.environ, **pinned, **places, **env}
        self.server: subprocess.Popen[str] | None = None
        self._ended = False
        self._turn = threading.Lock()
        self._numbers = itertools.count()
        self._pids: dict[str, int] = {}

    def __enter__(self) -> Kernels:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.held is not None:
            os.close(self.held)
            self.held = None

    def stop(self) -> None:
        """End the warm process and with it every kernel; notebooks still running fail at once."""
        self._ended = True
        server, self.server = self.server, None
        if server is None:
            return
        assert server.stdin is not None
        assert server.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            server.stdin.close()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()

    def start(self, connection_file: str, cwd: str, env: Mapping[str, str]) -> int:
        """Fork a kernel that serves `connection_file`, with `env` on top of the run's; return its process id."""
        pid = int(self._ask({"file": connection_file, "cwd": cwd, "env": dict(env)})["pid"])
        self._pids[connection_file] = pid
        return pid

    def peak_memory(self, options: Mapping[str, Any]) -> int | None:
        """Return the peak memory, in bytes, of the kernel of these engine options, which ended; None if unknown."""
        pid = self._pids.get(options["config"].KernelManager.connection_file)
        return None if pid is None else self._ask({"usage": pid}).get("peak")

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request to the warm process and return its answer."""
        answer = ""
        with self._turn, contextlib.suppress(OSError, ValueError):
            server = self._warm()
            if server is not None and server.stdin is not None and server.stdout is not None:
                server.stdin.write(json.dumps(request) + "\n")
                server.stdin.flush()
                answer = server.stdout.readline()
        if not answer:
            raise RuntimeError("the warm kernel process ended; set EVALUATION_PLAIN_KERNELS=1 to use plain kernels")
        return json.loads(answer)

    def _warm(self) -> subprocess.Popen[str] | None:
        """Return the warm process, started when it is first needed; None once the kernels were ended."""
        if self.server is None and not self._ended:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "evaluation.kernels", str(self.folder)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True, env=self.env, start_new_session=True,
            )  # fmt: skip
        return self.server

    def engine_options(self, env: Mapping[str, str]) -> dict[str, Any]:
        """Return the keyword arguments that make papermill's client use these kernels, each with its own sockets."""
        from traitlets.config import Config

        number = next(self._numbers)
        manager: dict[str, Any] = {"connection_file": str(self.folder / f"c{number}.json")}
        if os.name == "posix":
            manager |= {"transport": "ipc", "ip": str(self.folder / f"k{number}")}
        options: dict[str, Any] = {"config": Config({"KernelManager": manager})}
        options["kernel_manager_class"] = _manager_class(self, dict(env))
        if not self.fork:
            options["extra_arguments"] = list(KERNEL_WORDS)
        return options


KERNEL_WORDS = ("--matplotlib=inline", "--HistoryManager.enabled=False")
SCRATCH = "ev-"


def hold(folder: Path) -> int | None:
    """Lock a folder for as long as this process lives; None where it is locked already or cannot be locked."""
    import fcntl

    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def clear_abandoned(parent: Path, prefix: str) -> None:
    """Remove the folders that killed runs left: those of this user, with this prefix, that no process holds."""
    with contextlib.suppress(OSError):
        for folder in parent.glob(f"{prefix}*"):
            if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
                continue
            handle = hold(folder)
            if handle is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)


def _manager_class(kernels: Kernels, env: dict[str, str]) -> type:
    """Return a kernel manager whose kernels get `env` and, where that is possible, are forked from the warm process."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class PlainKernelManager(AsyncKernelManager):
        async def start_kernel(self, **words: Any) -> None:
            await AsyncKernelManager.start_kernel(self, env={**kernels.env, **env}, **words)

    class ForkKernelManager(PlainKernelManager):
        warm, extra = kernels, env

        @property
        def kernel_spec(self) -> KernelSpec:
            provisioner = {"kernel_provisioner": {"provisioner_name": "evaluation-fork"}}
            return KernelSpec(
                argv=["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                display_name="Python 3", language="python", metadata=provisioner,
            )  # fmt: skip

    return ForkKernelManager if kernels.fork else PlainKernelManager


class ForkedProcess:
    """The part of `subprocess.Popen` that a provisioner needs, for a process that the warm process forked."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Return None while the process lives, else 0 (the warm process reaps it and keeps no status)."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        """Return 0; the provisioner calls this only after `poll` has seen the end."""
        return 0

    def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel."""
        os.kill(self.pid, signum)

    def kill(self) -> None:
        """Kill the kernel."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)


def _provisioner() -> type:
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner

    class ForkProvisioner(LocalProvisioner):
        """Launch kernels by forking the warm process instead of starting Python anew."""

        async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:  # noqa: ARG002
            warm: Kernels = self.parent.warm
            pid = warm.start(self.parent.connection_file, str(kwargs.get("cwd") or Path.cwd()), self.parent.extra)
            self.process = ForkedProcess(pid)
            self.pid = self.pgid = pid
            return self.connection_info

    return ForkProvisioner


def __getattr__(name: str) -> Any:
    """Build `ForkProvisioner` when the entry point asks for it, so that this module imports nothing heavy."""
    if name == "ForkProvisioner":
        return _provisioner()
    raise AttributeError(name)


# ---- the warm process -------------------------------------------------------------------------------------------


def serve(scratch: str = "") -> None:
    """Import the stack, then answer request lines until the input closes: fork a kernel, or tell what one used."""
    _preload()
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
    """Import the stack and what the notebooks import from this package, and spare kernels from tracing it for waste."""
    import gc
    import importlib
    import pkgutil

    gc.disable()
    for name in PRELOAD:
        importlib.import_module(name)
    answers = pkgutil.iter_modules([str(Path(__file__).parent / "answers")], "evaluation.answers.")
    for name in (*ROOMS, *(room.name for room in answers)):
        # A module that cannot be imported fails in the notebook that needs it, where the cell is named.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
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


READS = "EVALUATION_READS"


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

    def importing(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:  # fmt: skip
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
    serve(*sys.argv[1:2])
