"""Start notebook kernels from one process that has already imported the stack.

Imports are most of what a run costs, so one warm process imports the stack once and forks a fresh kernel for each
notebook. The kernels are ordinary IPython kernels behind a kernel provisioner, so papermill, time limits and
dead-kernel detection work unchanged. Where forking is not possible, or `EVALUATION_PLAIN_KERNELS=1` is set, plain
kernels are used and give the same outputs.

The warm process ends when this one does, and ends every kernel with it (`evaluation.warm`).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluation.run import warm as run_warm
from evaluation.run.warm import KERNEL_WORDS, PINNED, SCRATCH, can_fork


class Kernels:
    """The kernels of one run: a warm process, a folder of sockets, and what papermill needs to use them.

    Use as a context manager; leaving it, or calling `stop`, ends the warm process, every kernel and every socket.
    Several threads may start kernels at once.
    """

    def __init__(self, env: Mapping[str, str], *, fork: bool | None = None) -> None:
        self.fork = can_fork() if fork is None else fork
        self.folder = Path(tempfile.mkdtemp(prefix=SCRATCH))
        self.held = hold(self.folder)
        places = {"IPYTHONDIR": str(self.folder), "JUPYTER_RUNTIME_DIR": str(self.folder)}
        self.env = {**os.environ, **PINNED, **places, **env}
        self.server: run_warm.Server | None = None
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
            if server is not None:
                server.stdin.write(json.dumps(request) + "\n")
                server.stdin.flush()
                answer = server.stdout.readline()
        if not answer:
            raise RuntimeError("the warm kernel process ended; set EVALUATION_PLAIN_KERNELS=1 to use plain kernels")
        return json.loads(answer)

    def split(self) -> None:
        """Fork the warm process from this one where that is possible; else it starts afresh with the first kernel.

        To be called before there are threads.
        """
        if self.fork and run_warm.can_split():
            self.server = run_warm.split(self.folder, self.env)

    def _warm(self) -> run_warm.Server | None:
        """Return the warm process, started when it is first needed; None once the kernels were ended."""
        if self.server is None and not self._ended:
            self.server = run_warm.start(self.folder, self.env)
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
                display_name="Python 3",
                language="python",
                metadata=provisioner,
            )

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
