"""The folders of a run: hidden while it works, moved into place at its end, or deleted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: renames alone keep each file whole
    fcntl = None  # type: ignore[assignment]

from evaluation.errors import RunFailed
from evaluation.run.manifest import Manifest

MAKING, OLD, SCRATCH = ".making-", ".old-", "ev-"


@contextlib.contextmanager
def run_folders(root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a hidden folder for stages and one for the report, which are gone afterwards unless moved into place.

    Both are locked while this process lives: what a killed run left is known by being unlocked, and cleared first.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_only_run(root))
        made = []
        for parent, mode in ((root / "data_processed", 0o700), (root / "reports", 0o755)):
            parent.mkdir(parents=True, exist_ok=True)
            clear_abandoned(parent, MAKING)
            folder = Path(tempfile.mkdtemp(prefix=MAKING, dir=parent))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            handle = hold(folder)
            if handle is not None:
                stack.callback(os.close, handle)
            folder.chmod(mode)
            made.append(folder)
        clear_abandoned(Path(tempfile.gettempdir()), SCRATCH)
        yield made[0], made[1]


@contextlib.contextmanager
def _only_run(root: Path) -> Iterator[None]:
    """Refuse a second run of a study while one is under way."""
    (root / "data_processed").mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        if fcntl:
            handle = os.open(root / "data_processed", os.O_RDONLY)
            stack.callback(os.close, handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                todo = "Wait for its end, or end it first."
                raise RunFailed("another run of this study is under way", todo=todo) from None
            except OSError:  # a file system without locks
                pass
        yield


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a private folder with a short name, for sockets; it is gone afterwards, or cleared by the next run."""
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if (handle := hold(folder)) is not None:
            stack.callback(os.close, handle)
        yield folder


def hold(folder: Path) -> int | None:
    """Lock a folder for as long as this process lives; None where it is locked already or cannot be locked."""
    handle = None
    try:
        if fcntl:
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if handle is not None:
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


@contextlib.contextmanager
def study_lock(root: Path) -> Iterator[None]:
    """Hold the study's folder while things are moved into place, so that two runs do it one after the other."""
    with contextlib.ExitStack() as stack:
        if fcntl:
            handle = os.open(root, os.O_RDONLY)
            stack.callback(os.close, handle)
            with contextlib.suppress(OSError):  # a file system without locks: renames alone keep each file whole
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def place_report(folder: Path, reports: Path, name: str) -> Path:
    """Move a finished report to `name`, or `name_2`, `name_3` when a report of that name stands there."""
    folder.chmod(0o755)
    taken = {p.name for p in reports.iterdir()}
    final = next(reports / n for n in (name, *(f"{name}_{k}" for k in range(2, 100_000))) if n not in taken)
    os.rename(folder, final)
    return final


def point_latest(reports: Path, report: Path) -> None:
    """Let `latest` name a report, by a relative link that is swapped in one step."""
    link = reports / ".latest-new"
    link.unlink(missing_ok=True)
    link.symlink_to(report.name)
    os.replace(link, reports / "latest")


def move_into(source: Path, target: Path) -> Path:
    """Move a folder into place; an old one is moved aside first and deleted after."""
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(f"{OLD}{target.name}")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.rename(target, old)
    os.rename(source, target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def reports_of(root: Path, wave: str) -> list[tuple[Path, Manifest]]:
    """Return the reports of a wave with their manifests, in the order in which they were made (whatever the clock)."""
    found = []
    for file in (root / "reports").glob(f"[0-9]*_{wave}*/manifest.json"):
        manifest = json.loads(file.read_text("utf-8"))
        if manifest.get("wave") == wave:
            found.append((file.parent, manifest))
    return sorted(found, key=lambda pair: (pair[1].get("number", 0), pair[0].name))


def next_number(root: Path) -> int:
    """Return one more than the largest number of a report of the study."""
    made = (json.loads(p.read_text("utf-8")) for p in (root / "reports").glob("[0-9]*/manifest.json"))
    return 1 + max((int(m.get("number", 0)) for m in made), default=0)
