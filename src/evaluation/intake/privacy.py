"""Keep people out of what the study stores and says: keys, keyed link codes, private files."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from evaluation.intake.mapped_wave import Mapped
    from evaluation.plan.study import Plan


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
