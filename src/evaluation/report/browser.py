"""Find Chromium and print a page to PDF with it; without it the report has no PDF, and says so in the log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The shell is Chromium without windows: the same page and PDF, for less than half of what starting the whole costs.
NAMES = (
    "chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome",
    "google-chrome-stable", "chrome",
)  # fmt: skip
_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
FLAGS = (
    "--headless", "--disable-gpu", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-extensions", "--disable-background-networking", "--no-pdf-header-footer", "--mute-audio",
)  # fmt: skip

_NODE = re.compile(rb"node\d{8}")
_DETAILS = re.compile(r"(<details\b[^>]*>|</details>)")


def find() -> str:
    """Return the path of Chromium, from `EVALUATION_CHROMIUM` or the usual names; "" when there is none."""
    named = os.environ.get("EVALUATION_CHROMIUM")
    if named is not None:
        return named
    return next((p for n in NAMES if (p := shutil.which(n))), _MAC if Path(_MAC).exists() else "")


def run(*words: str, seconds: int = 180) -> subprocess.CompletedProcess[bytes]:
    """Run Chromium with its own throw-away profile."""
    with tempfile.TemporaryDirectory(prefix="pdf-", ignore_cleanup_errors=True) as profile:
        command = [find(), *FLAGS, f"--user-data-dir={profile}", *words]
        return subprocess.run(
            command, capture_output=True, timeout=seconds, check=False,
            preexec_fn=_end_with_parent if sys.platform.startswith("linux") else None,
        )  # fmt: skip


def _end_with_parent() -> None:
    """Ask the kernel to kill this child when the run that started it dies, so that none is left behind."""
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def print_pdf(page: Path, target: Path) -> bool:
    """Print a page to PDF with fixed dates and numbers inside; return whether a PDF was made.

    Links to the files beside the page are left out: a PDF would hold them as paths of the machine that made it.
    What is folded is not printed, and laying it out would cost a third of the time, so it is left out before.
    """
    copy = page.with_name(f".print-{page.name}")
    text = re.sub(r' href="(?!#|https?:|mailto:)[^"]*"', "", page.read_text("utf-8"))
    copy.write_text(unfolded(text), "utf-8")
    try:
        run(f"--print-to-pdf={target}", copy.resolve().as_uri())
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        copy.unlink()
    if not target.is_file():
        return False
    target.write_bytes(settled(target.read_bytes()))
    return True


def unfolded(page: str) -> str:
    """Return a page without the details that are closed, and all that stands in them."""
    out, depth = [], 0
    for part in _DETAILS.split(page):
        opens, closes = part.startswith("<details"), part == "</details>"
        if opens and (depth or not re.search(r"\sopen\b", part)):
            depth += 1
        elif closes and depth:
            depth -= 1
        elif not depth:
            out.append(part)
    return "".join(out)


def settled(pdf: bytes) -> bytes:
    """Return a PDF with its dates fixed and its structure's nodes numbered from 1, in their order.

    Chromium numbers the nodes of a tagged PDF from where its process happens to be. Lengths stay, so offsets do too.
    """
    pdf = re.sub(rb"\(D:\d{14}[^)]*\)", lambda m: b"(D:20200101000000" + m[0][17:], pdf)
    names = {name: b"node%08d" % k for k, name in enumerate(sorted(set(_NODE.findall(pdf))), start=1)}
    return _NODE.sub(lambda m: names[m[0]], pdf)
