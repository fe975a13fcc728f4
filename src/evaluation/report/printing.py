"""One Chromium that prints several pages, spoken to over a pipe (the DevTools protocol), so that it starts once."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Message = dict[str, Any]
# Where Chromium reads what it is asked and writes what it answers, each message ended by a null byte.
ASKED, ANSWERED = 3, 4
SECONDS, ENDING = 180.0, 5.0  # for a page, and for leaving
_PAPER = {"printBackground": True, "preferCSSPageSize": True, "generateTaggedPDF": True}


class Printer:
    """A browser that waits for pages to print. Use as a context manager; leaving it ends the browser.

    Parameters
    ----------
    command : sequence of str
        The browser and its flags.
    prepare : callable
        Called in the new process before it becomes the browser.
    scratch : Path, optional
        Where the browser's throw-away profile is made.

    Raises
    ------
    OSError
        The browser ended, answered with an error, or took too long (`TimeoutError`).
    """

    def __init__(self, command: Sequence[str], prepare: Callable[[], None], scratch: Path | None = None) -> None:
        self._number = 0
        self._pending = b""
        self._events = deque[Message]()
        self._deadline = time.monotonic() + SECONDS
        self._profile = tempfile.TemporaryDirectory(prefix="pdf-", dir=scratch, ignore_cleanup_errors=True)
        words = [*command, f"--user-data-dir={self._profile.name}", "--remote-debugging-pipe", "about:blank"]
        asks, self._asks = _pipe()
        self._answers, answers = _pipe()
        self._listening = select.poll()
        self._listening.register(self._answers, select.POLLIN)

        def connect() -> None:
            os.dup2(asks, ASKED)
            os.dup2(answers, ANSWERED)
            prepare()

        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=connect,
                pass_fds=(ASKED, ANSWERED),
            )
        except BaseException:
            self._let_go()
            raise
        finally:
            os.close(asks)
            os.close(answers)

    def __enter__(self) -> Printer:
        return self

    def __exit__(self, *_: object) -> None:
        """End the browser: it leaves by itself once nobody can ask it any more, and is killed if it does not."""
        self._deadline = time.monotonic() + min(ENDING, SECONDS)
        with contextlib.suppress(OSError):
            self._ask("Browser.close")
        try:
            self._process.wait(min(ENDING, SECONDS))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        os.close(self._asks)
        os.close(self._answers)
        self._profile.cleanup()

    def pdf(self, address: str) -> bytes:
        """Return a page as a tagged PDF, on the paper that its style asks for."""
        self._deadline = time.monotonic() + SECONDS
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        tab = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable", tab)
        self._ask("Page.setLifecycleEventsEnabled", tab, enabled=True)
        opened = self._ask("Page.navigate", tab, url=address)
        if opened.get("errorText"):
            raise OSError(f"the browser could not open the page: {opened['errorText']}")
        self._await("load", opened["loaderId"])
        stream = self._ask("Page.printToPDF", tab, transferMode="ReturnAsStream", **_PAPER)["stream"]
        content = self._whole(stream, tab)
        self._ask("Target.closeTarget", targetId=target)
        return content

    def _whole(self, stream: str, tab: str) -> bytes:
        parts, ended = list[bytes](), False
        while not ended:
            part = self._ask("IO.read", tab, handle=stream, size=1 << 22)
            data, ended = part["data"], part["eof"]
            parts.append(base64.b64decode(data) if part.get("base64Encoded") else data.encode())
        return b"".join(parts)

    def _await(self, name: str, loader: str) -> None:
        """Wait for an event in the life of the page that `loader` loads."""
        while True:
            event = self._events.popleft() if self._events else self._read()
            told = event.get("params", {})
            if event.get("method") == "Page.lifecycleEvent" and (told["name"], told["loaderId"]) == (name, loader):
                return

    def _ask(self, method: str, tab: str = "", **words: Any) -> Message:
        """Ask for one thing and return the answer; events that come before it are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": words} | ({"sessionId": tab} if tab else {})
        os.write(self._asks, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self._events.append(answer)
        if "result" not in answer:
            raise OSError(f"the browser refused {method}")
        return answer["result"]

    def _read(self) -> Message:
        while b"\0" not in self._pending:
            left = self._deadline - time.monotonic()
            if left <= 0 or not self._listening.poll(left * 1000):
                raise TimeoutError("the browser did not answer in time")
            part = os.read(self._answers, 1 << 20)
            if not part:
                raise OSError("the browser ended")
            self._pending += part
        message, self._pending = self._pending.split(b"\0", 1)
        try:
            return json.loads(message)
        except ValueError:
            raise OSError("the browser's answer cannot be read") from None


def _pipe() -> tuple[int, int]:
    """Return a pipe whose ends stay clear of the numbers that the browser uses."""
    import fcntl

    ends = os.pipe()
    clear = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return clear[0], clear[1]


def available() -> bool:
    """Return whether a browser can be spoken to over a pipe here."""
    return os.name == "posix"
