"""Keep people out of what the study stores and says: keys, keyed link codes, private files."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation.errors import StudyError

if TYPE_CHECKING:
    from evaluation.intake.mapped_wave import Mapped
    from evaluation.plan.study import Plan

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


def keyed(values: pd.Series, key: bytes) -> pd.Series:
    """Return link codes as keyed hashes (HMAC-SHA256, 24 hex digits); case and spaces do not matter; NA stays NA."""

    def one(value: object) -> object:
        if value is None or value is pd.NA or value != value or not str(value).strip():
            return pd.NA
        plain = "".join(str(value).split()).lower().encode()
        return hmac.new(key, b"link:" + plain, hashlib.sha256).hexdigest()[:24]

    return pd.Series([one(v) for v in values], index=values.index, dtype=object)


POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?) ?([0-9][A-Z]{2})", re.I)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PHONE = re.compile(r"(\+44|0044|0)[ ()-]?[1-9]([ ()-]?[0-9]){8,9}")


def district(postcode: str) -> str:
    """Return the district (outward code) of a full UK postcode, "LE2" of "LE2 7AB"; "" when it is not one."""
    match = POSTCODE.fullmatch(" ".join(str(postcode).upper().split()))
    return match[1] if match else ""


def identifies(text: str) -> bool:
    """Return whether a text is, or holds, an e-mail address, a UK phone number or a full UK postcode."""
    plain = " ".join(str(text).split())
    return bool(EMAIL.search(plain) or PHONE.fullmatch(plain) or POSTCODE.fullmatch(plain))


WRITTEN_PHONE = re.compile(r"(?<![\d.])(\+44|0044|0)[ ()-]{0,3}[1-9]([ ()-]?[0-9]){8,9}(?![\d.])")
WRITTEN_POSTCODE = re.compile(r"\b[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}\b")


def holds_contact(text: str) -> bool:
    """Return whether a text that may be printed holds an e-mail address, a UK phone number or a full UK postcode."""
    plain = " ".join(str(text).split())
    return identifies(plain) or bool(WRITTEN_PHONE.search(plain) or WRITTEN_POSTCODE.search(plain.upper()))


def coarsen(plan: Plan, mapped: Mapped) -> None:
    """Fill the variables that take the district of a full postcode; one that cannot be read becomes uncodable."""
    book = plan.codebook
    for name in book.names():
        target = book.variable(name).becomes
        if not target or name not in mapped.values or not (mapped.reasons[target] == -5).all():
            continue
        found = mapped.values[name].map(lambda v: pd.NA if v is pd.NA else district(v) or pd.NA)
        mapped.values[target] = found.astype(object)
        unread = found.isna().to_numpy() & (mapped.reasons[name] == 0).to_numpy()
        mapped.reasons[target] = mapped.reasons[name].mask(unread, -4).astype(np.int8)


def identifiers(plan: Plan, mapped: Mapped, index: pd.Index) -> pd.DataFrame:
    """Return the direct identifiers that the export holds: names and contacts, no link code, no answer."""
    book, columns = plan.codebook, {}
    for name in book.names():
        var = book.variable(name)
        held = name in mapped.values and mapped.values[name].notna().any()
        if held and var.sens == "direct" and var.role == "collection" and not var.becomes:
            columns[name] = mapped.values[name].astype("str").to_numpy()
    return pd.DataFrame(columns, index=index)


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
