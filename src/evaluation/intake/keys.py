"""The study's key and private files: what a run needs before it reads any data."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from evaluation.errors import StudyError

VARIABLE = "EVALUATION_KEY_FILE"
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
LOST = (
    "A lost key cannot be made again. Exports that are still there are hashed anew, and their people match one "
    "another as before; link codes kept only as hashes match nobody any more, and the digests in earlier manifests can "
    "no longer be compared with the data."
)
KEY_NOTE = f"""The file `key` beside this one is the key of your studies: link codes and digests are hashed with it.
Keep a copy where you keep the raw exports, and let nobody else read it.
{LOST}
"""


def key_file() -> Path:
    """Return where the study's key stands: `$EVALUATION_KEY_FILE`, else the user's data folder.

    Raises
    ------
    StudyError
        Neither the variable nor a home folder is known.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    home = os.environ.get("XDG_DATA_HOME") or (
        os.environ.get("HOME") and str(Path(os.environ["HOME"]) / ".local/share")
    )
    if not home:
        raise StudyError("there is no home folder to keep the study's key in", todo=f"Name a file in ${VARIABLE}.")
    return Path(home) / "evaluation" / "key"


def study_key(*, create: bool = True) -> bytes:
    """Return the key under which link codes and input digests are kept; it is made on first use, mode 0600."""
    file = key_file()
    if file.is_file():
        key = file.read_bytes()
        if len(key) < 32:
            raise StudyError(
                "the study's key is shorter than 32 bytes", where=file.name, todo="Restore it from a copy."
            )
        return key
    if not create:
        raise StudyError("there is no study key here", where=file.name, todo=f"Name the file in ${VARIABLE}. {LOST}")
    file.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    beside = file.with_name(f".{file.name}-{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(handle, "wb") as out:
        out.write(secrets.token_bytes(32))
    try:
        os.link(beside, file)  # fails, rather than replaces, when another run made the key first
    except FileExistsError:
        pass
    finally:
        beside.unlink()
    write_private(file.with_name(f"{file.name}.txt"), KEY_NOTE.encode(), folder=False)
    return file.read_bytes()


def private_folder(path: Path) -> Path:
    """Return a folder that only its owner can enter, made if it is missing."""
    path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    path.chmod(PRIVATE_FOLDER)
    return path


def write_private(path: Path, content: bytes, *, folder: bool = True) -> None:
    """Write a file whole or not at all, readable by its owner only, in a folder that is made so too (`folder`)."""
    if folder:
        private_folder(path.parent)
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
    os.replace(beside, path)
