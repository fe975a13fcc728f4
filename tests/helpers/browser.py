"""Find Chromium, and run it on a page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The shell is Chromium without windows: the same page and PDF, for less than half of what starting the whole costs.
NAMES = (
    "/usr/lib/chromium/chromium-headless-shell",
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-extensions",
    "--disable-background-networking",
    "--mute-audio",
)


def find() -> str:
    """Return the path of Chromium, from `EVALUATION_CHROMIUM` or the usual names; "" when there is none."""
    named = os.environ.get("EVALUATION_CHROMIUM")
    if named is not None:
        return named
    return next((p for n in NAMES if (p := shutil.which(n))), _MAC if Path(_MAC).exists() else "")


def run(*words: str, seconds: int = 180) -> subprocess.CompletedProcess[bytes]:
    """Run Chromium with its own throw-away profile."""
    with tempfile.TemporaryDirectory(prefix="page-", ignore_cleanup_errors=True) as profile:
        command = [find(), *FLAGS, f"--user-data-dir={profile}", *words]
        return subprocess.run(
            command,
            capture_output=True,
            timeout=seconds,
            check=False,
            preexec_fn=_end_with_parent if os.name == "posix" else None,
        )


def _end_with_parent() -> None:
    """Ask the kernel (Linux) to kill this child when the run that started it dies, so that none is left behind."""
    if sys.platform.startswith("linux"):
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
