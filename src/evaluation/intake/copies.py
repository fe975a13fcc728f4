"""Write a file whole or not at all, readable by its owner only: a kill or a full disk leaves nothing half-written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PART = ".part-"  # what a stopped copy may leave; nobody reads it, and the next one removes it


def sha(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copied(source: Path, target: Path) -> None:
    """Copy a file into place."""
    with _aside(target) as part:
        shutil.copyfile(source, part)


def written(target: Path, text: str) -> None:
    """Write a text into place."""
    with _aside(target) as part:
        part.write_text(text, "utf-8")


@contextlib.contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Yield a file beside the target, which takes its place at the end, or is removed."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in target.parent.glob(f"{PART}*"):
        left.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=PART, dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
