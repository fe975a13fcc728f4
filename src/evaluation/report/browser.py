"""Find Chromium and print pages to PDF with it; without it the report has no PDF, and says so in the log."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from evaluation.report import printing

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

_NODE = re.compile(rb"node\d{8}")
_DETAILS = re.compile(r"(<details\b[^>]*>|</details>)")


def find() -> str:
    """Return the path of Chromium, from `EVALUATION_CHROMIUM` or the usual names; "" when there is none."""
    named = os.environ.get("EVALUATION_CHROMIUM")
    if named is not None:
        return named
    return next((p for n in NAMES if (p := shutil.which(n))), _MAC if Path(_MAC).exists() else "")


def run(*words: str, seconds: int = 180, scratch: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run Chromium with its own throw-away profile."""
    with tempfile.TemporaryDirectory(prefix="pdf-", dir=scratch, ignore_cleanup_errors=True) as profile:
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


def print_pdfs(pages: Sequence[Path], scratch: Path | None = None) -> list[Path]:
    """Print pages to PDFs beside them, with fixed dates and numbers inside; return those that were made.

    Links to the files beside the page are left out: a PDF would hold them as paths of the machine that made it.
    What is folded is not printed, and laying it out would cost a third of the time, so it is left out before.

    What Chromium keeps for itself is in `scratch`, which is made and taken away (default: the system's folder for such
    things). One Chromium prints all; a page that it did not print is printed by one of its own.
    """
    if scratch is not None:
        scratch.mkdir(mode=0o700)
    copies = {page: page.with_name(f".print-{page.name}") for page in pages}
    try:
        for page, copy in copies.items():
            text = re.sub(r' href="(?!#|https?:|mailto:)[^"]*"', "", page.read_text("utf-8"))
            copy.write_text(unfolded(text), "utf-8")
        made = _together(list(copies.values()), scratch)
        made |= {copy: pdf for copy in copies.values() if copy not in made and (pdf := _alone(copy, scratch))}
    finally:
        for copy in copies.values():
            copy.unlink(missing_ok=True)
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    for page, copy in copies.items():
        if copy in made:
            page.with_suffix(".pdf").write_bytes(settled(made[copy]))
    return [page.with_suffix(".pdf") for page, copy in copies.items() if copy in made]


def _together(pages: Sequence[Path], scratch: Path | None) -> dict[Path, bytes]:
    """Return the pages that one Chromium printed, up to the first that it did not."""
    made = dict[Path, bytes]()
    if printing.available():
        with contextlib.suppress(OSError), printing.Printer([find(), *FLAGS], _end_with_parent, scratch) as printer:
            for page in pages:
                made[page] = printer.pdf(page.resolve().as_uri())
    return made


def _alone(page: Path, scratch: Path | None) -> bytes:
    """Return one page, printed by a Chromium of its own; empty when it made no PDF."""
    with tempfile.TemporaryDirectory(prefix="pdf-", dir=scratch, ignore_cleanup_errors=True) as folder:
        target = Path(folder) / "page.pdf"
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            run("--no-pdf-header-footer", f"--print-to-pdf={target}", page.resolve().as_uri(), scratch=scratch)
        return target.read_bytes() if target.is_file() else b""


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
