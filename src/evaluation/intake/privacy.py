"""Keep people out of what the study stores and says: keys, keyed link codes, private files."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

import pandas as pd

from evaluation.errors import StudyError

VARIABLE = "EVALUATION_KEY_FILE"
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


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
        raise StudyError("there is no study key here", where=file.name, todo=f"Name the file in ${VARIABLE}.")
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
    return file.read_bytes()


def keyed(values: pd.Series, key: bytes) -> pd.Series:
    """Return link codes as keyed hashes (HMAC-SHA256, 24 hex digits); case and spaces do not matter; NA stays NA."""

    def one(value: object) -> object:
        if value is None or value is pd.NA or value != value or not str(value).strip():
            return pd.NA
        plain = "".join(str(value).split()).lower().encode()
        return hmac.new(key, b"link:" + plain, hashlib.sha256).hexdigest()[:24]

    return pd.Series([one(v) for v in values], index=values.index, dtype=object)


def private_folder(path: Path) -> Path:
    """Return a folder that only its owner can enter, made if it is missing."""
    path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    path.chmod(PRIVATE_FOLDER)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable by its owner only."""
    private_folder(path.parent)
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
    os.replace(beside, path)
