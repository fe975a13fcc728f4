"""Work done in processes of their own, each forked from the standard library's fork server and gone afterwards.

The server imports the stack once (`evaluation.run.preload`), so a worker starts in a hundredth of a second, knows
nothing of any other, and has the environment that results must not depend on: one thread of arithmetic, one hash seed,
one locale, one time zone. A worker ends with the run, however the run ends. Where there is no fork server (Windows),
where forking is unsafe (macOS), or where `EVALUATION_PLAIN_ENGINE=1` is set, work is done in the calling process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from multiprocessing import connection, forkserver
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, Protocol

from evaluation.errors import EvaluationError, RunFailed, unforeseen
from evaluation.run import folders
from evaluation.run.folders import SCRATCH

PINNED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONSAFEPATH": "1",
}
LONGEST = 107 - len("/ev-12345678/pymp-12345678/listener-12345678")  # a socket's name has at most 107 signs
LEAVING = 5.0  # seconds for a worker whose work is done
Tell = Callable[[Any], None]
_at_work = False


class Gone(RunFailed):
    """A worker ended without an answer, or was ended because it told nothing for too long.

    Parameters
    ----------
    what : str
        What is wrong.
    last : object
        What the worker told last; None where it told nothing.
    too_long : bool
        Whether it was ended for its silence.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "", last: Any = None, too_long: bool = False) -> None:
        super().__init__(what, where=where, todo=todo)
        self.last, self.too_long = last, too_long


def available() -> bool:
    """Return whether work can be done in forked workers here."""
    return sys.platform.startswith("linux") and os.environ.get("EVALUATION_PLAIN_ENGINE") != "1"


class Work(Protocol):
    """A piece of work under way."""

    seconds: float

    def answer(self) -> tuple[Any] | None:
        """Return what the work returned, as a tuple of one; None while it goes on. What it raised is raised."""

    def end(self) -> None:
        """End it, and whatever it started, if it has not ended."""


def start(
    function: Callable[..., Any], arguments: Sequence[Any], *, env: Mapping[str, str], folder: Path, seconds: float
) -> Work:
    """Start `function(tell, *arguments)`, in a worker where there are workers, else here once its answer is asked for.

    Parameters
    ----------
    function : callable
        Its first argument is a function that tells the run something. All of it can be pickled.
    arguments : sequence
        What else it is called with.
    env : mapping
        Environment on top of the run's.
    folder : Path
        Where it works.
    seconds : float
        How long it may go on without telling anything.
    """
    kind = _Worker if available() else _Here
    return kind(function, arguments, {**os.environ, **PINNED, **env}, folder, seconds)


def wait(works: Sequence[Work]) -> None:
    """Wait until one of them tells something, ends, or was silent for too long."""
    under_way = [w for w in works if isinstance(w, _Worker)]
    if len(under_way) == len(works):
        connection.wait([w.receiver for w in under_way], timeout=min(w.left() for w in under_way))


def call(function: Callable[..., Any], *arguments: Any, env: Mapping[str, str], folder: Path, seconds: float) -> Any:
    """Return `function(tell, *arguments)`, as `start` does it.

    Raises
    ------
    Gone
        The worker died, or told nothing for `seconds`.
    """
    work = start(function, arguments, env=env, folder=folder, seconds=seconds)
    try:
        while (answer := work.answer()) is None:
            wait([work])
        return answer[0]
    finally:
        work.end()


class _Here:
    """Work that is done in this process."""

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        env: Mapping[str, str],
        folder: Path,
        seconds: float,
    ) -> None:
        self.function, self.arguments, self.env, self.folder, self.seconds = function, arguments, env, folder, seconds

    def answer(self) -> tuple[Any]:
        with surroundings(self.env), contextlib.chdir(self.folder):
            return (self.function(lambda _: None, *self.arguments),)

    def end(self) -> None:
        """Nothing is left of it."""


class _Worker:
    """Work that is done in a process of its own."""

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        env: Mapping[str, str],
        folder: Path,
        seconds: float,
    ) -> None:
        _ensure_server()
        self.seconds, self.last, self.heard, self.answered = seconds, None, time.monotonic(), False
        self.receiver, sender = multiprocessing.Pipe(duplex=False)
        task = (sender, env, folder, function, tuple(arguments))
        self.process = multiprocessing.get_context("forkserver").Process(target=_work, args=task)
        self.process.start()
        sender.close()

    def left(self) -> float:
        """Return the seconds in which it has to tell something."""
        return max(0.0, self.heard + self.seconds - time.monotonic())

    def answer(self) -> tuple[Any] | None:
        try:
            while self.receiver.poll():
                kind, content = self.receiver.recv()
                self.answered = kind != "told"
                if kind == "answer":
                    return (content,)
                if kind == "error":
                    raise content
                self.last, self.heard = content, time.monotonic()
        except (EOFError, ConnectionError):
            raise Gone("a process of the run ended (killed, or out of memory)", last=self.last) from None
        if not self.left():
            what = f"a process of the run told nothing for {self.seconds:g} seconds"
            raise Gone(what, last=self.last, too_long=True)
        return None

    def end(self) -> None:
        if self.answered:
            self.process.join(LEAVING)
        _kill(self.process)
        self.process.join()
        self.receiver.close()


def _kill(process: multiprocessing.process.BaseProcess) -> None:
    """Kill a worker, and what it started."""
    with contextlib.suppress(OSError):  # nothing of it is left, or it has not made its group yet
        os.killpg(int(process.pid or 0), signal.SIGKILL)
    process.kill()


def _end_all() -> None:
    """Kill what an interruption left under way: at its end Python waits for it."""
    for process in multiprocessing.active_children():
        _kill(process)


@contextlib.contextmanager
def surroundings(env: Mapping[str, str]) -> Iterator[None]:
    """Let the environment be `env` for a while."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@cache
def _ensure_server() -> None:
    """Start the fork server with the environment of workers; it ends with this process.

    Its socket stands in a folder that is locked while this process lives, so that the next run can clear what a killed
    one left.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:  # where the command was started with its streams closed
        os.set_inheritable(number, True)
    os.close(number)
    if len(tempfile.gettempdir()) > LONGEST:
        raise RunFailed(
            "the name of the folder for temporary files is too long for a socket in it",
            todo="Let TMPDIR name a folder with a short name.",
        )
    folder = tempfile.mkdtemp(prefix=SCRATCH)
    folders.hold(Path(folder))
    Finalize(None, _end_all, exitpriority=10)  # before Python waits for its children
    # After the standard library has taken away its own folder in it.
    Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=-200)
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        with surroundings({**os.environ, **PINNED}):
            forkserver.set_forkserver_preload(["evaluation.run.preload"])
            forkserver.ensure_running()
    finally:
        tempfile.tempdir = before


def in_worker() -> bool:
    """Return whether this process is a worker."""
    return _at_work


def peak_memory() -> int | None:
    """Return the peak memory of this worker in bytes; None in any other process."""
    if not in_worker():
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# ---- in the worker ----------------------------------------------------------------------------------------------


def _work(
    sender: connection.Connection,
    env: Mapping[str, str],
    folder: Path,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    """Do the work in a session of its own and send what it returned or raised."""
    global _at_work
    _at_work = True
    os.setsid()
    shown = (2,) if os.environ.get("EVALUATION_TRACEBACK") == "1" else ()
    for stream in {0, 1, 2}.difference(shown):  # what the work prints past Python may hold an answer
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    try:
        answer = function(lambda content: sender.send(("told", content)), *arguments)
        sender.send(("answer", answer))
    except (EvaluationError, OSError) as error:
        sender.send(("error", error))
    except Exception as error:  # noqa: BLE001 - its text may hold a respondent's value, so only its kind is sent
        sender.send(("error", RunFailed(unforeseen(error))))


def _end_with_the_run() -> None:
    """Wait for the end of the process that asked for the work; then end this one and all that it started."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)
