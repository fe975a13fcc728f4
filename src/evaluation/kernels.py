"""Start notebook kernels from one process that has already imported the stack.

Imports are most of what a run costs, so one warm process imports the stack once and forks a fresh kernel for each
notebook. The kernels are ordinary IPython kernels behind a kernel provisioner, so papermill, time limits and
dead-kernel detection work unchanged. Where forking is not possible, or `EVALUATION_PLAIN_KERNELS=1` is set, plain
kernels are used and give the same outputs.

The warm process reads one JSON line per request from its standard input and answers with the new process id. When
its input closes, because the run ended or was killed, it kills every kernel it started and leaves.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# A grammar library behind JSON-schema checks costs 1.2 CPU seconds at import and is never needed here;
# jsonschema treats its absence as "no extra string formats".
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

PRELOAD = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "matplotlib_inline.backend_inline", "matplotlib.pyplot",
    "numpy", "pandas", "pyarrow.parquet", "scipy.stats", "scipy.optimize", "seaborn", "statsmodels.api",
    "evaluation.errors",
)  # fmt: skip
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

    Use as a context manager; leaving it ends the warm process, every kernel and every socket.
    """

    def __init__(self, env: dict[str, str], *, fork: bool | None = None) -> None:
        self.fork = can_fork() if fork is None else fork
        self.folder = Path(tempfile.mkdtemp(prefix="ev-"))
        pinned = {k: v for k, v in PINNED.items() if v}
        self.env = {**os.environ, **pinned, "IPYTHONDIR": str(self.folder), **env}
        self.server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Kernels:
        if self.fork:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "evaluation.kernels"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, env=self.env, start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        if self.server is not None:
            assert self.server.stdin is not None
            self.server.stdin.close()
            try:
                self.server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
            if self.server.stdout is not None:
                self.server.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, connection_file: str, cwd: str) -> int:
        """Fork a kernel that serves `connection_file`; return its process id."""
        assert self.server is not None
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        try:
            self.server.stdin.write(json.dumps({"file": connection_file, "cwd": cwd}) + "\n")
            self.server.stdin.flush()
            answer = self.server.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError("the warm kernel process ended; set EVALUATION_PLAIN_KERNELS=1 to use plain kernels")
        return int(json.loads(answer)["pid"])

    def engine_options(self) -> dict[str, Any]:
        """Return the keyword arguments that make papermill's client use these kernels."""
        from traitlets.config import Config

        manager: dict[str, Any] = {"transport": "ipc", "ip": str(self.folder / "k")} if os.name == "posix" else {}
        options: dict[str, Any] = {"config": Config({"KernelManager": manager})}
        if self.fork:
            options["kernel_manager_class"] = _manager_class(self)
        else:
            options["extra_arguments"] = ["--matplotlib=inline"]
        return options


def _manager_class(kernels: Kernels) -> type:
    """Return a kernel manager whose kernels are forked from this run's warm process."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class ForkKernelManager(AsyncKernelManager):
        warm = kernels

        @property
        def kernel_spec(self) -> KernelSpec:
            provisioner = {"kernel_provisioner": {"provisioner_name": "evaluation-fork"}}
            return KernelSpec(
                argv=["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                display_name="Python 3", language="python", metadata=provisioner,
            )  # fmt: skip

    return ForkKernelManager


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
            pid = warm.start(self.parent.connection_file, str(kwargs.get("cwd") or Path.cwd()))
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


def serve() -> None:
    """Import the stack, then fork one kernel per request line until the input closes."""
    import importlib

    for name in PRELOAD:
        importlib.import_module(name)
    children: set[int] = set()
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
            pid = _fork(json.loads(line))
            children.add(pid)
            os.write(1, json.dumps({"pid": pid}).encode() + b"\n")
    for pid in children:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            continue


def _reap(children: set[int]) -> None:
    for pid in list(children):
        if os.waitpid(pid, os.WNOHANG)[0]:
            children.discard(pid)


def _fork(request: dict[str, str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    os.chdir(request["cwd"])
    status = 1
    try:
        from ipykernel.kernelapp import IPKernelApp

        sys.argv = ["kernel"]
        IPKernelApp.launch_instance(argv=["-f", request["file"], "--matplotlib=inline"])
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    serve()
