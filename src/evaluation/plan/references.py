"""Questions of other surveys that a study may ask too: references with answers and years, and hashes of pasted wording.

No official wording is shipped. Whoever owns the study pastes it; its hash says which words a wave used.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from evaluation.errors import nearest

KEYS = ("survey", "variable", "years", "scale", "wording")
YEARS = re.compile(r"(\d{4})-(\d{4})")
STAND_IN = "SYNTHETIC"  # how wording begins that stands for the official words where nobody was asked
QUOTES = str.maketrans("‘’“”–—", "''\"\"--")


@dataclass(frozen=True, slots=True)
class Reference:
    """A question of another survey.

    Attributes
    ----------
    key : str
        Survey and variable, "csew.local_confidence".
    title, survey : str
        What it measures, in this project's words, and who asks it.
    scale : str
        Name of its answers.
    levels : mapping of int to str
        Answers by code.
    positive : tuple of int
        Answers that its published share counts.
    since : int
        First year in which it was asked as it is now.
    mode, ages, coverage : str
        How, of whom and where it is asked.
    words : str
        Where its official wording stands.
    """

    key: str
    title: str
    survey: str
    scale: str
    levels: Mapping[int, str]
    positive: tuple[int, ...]
    since: int
    mode: str
    ages: str
    coverage: str
    words: str


@dataclass(frozen=True, slots=True)
class Harmonised:
    """What a codebook states of a question that another survey asks too.

    Attributes
    ----------
    reference : Reference
        The other survey's question.
    years : tuple of two int
        First and last year of that survey's figures that may stand beside this question.
    wording : str
        The official words as pasted into the codebook; "" where waves paste their own, or nobody did.
    """

    reference: Reference
    years: tuple[int, int]
    wording: str = ""


@cache
def shipped() -> Mapping[str, Reference]:
    """Return every reference that comes with the package.

    Returns
    -------
    mapping of str to Reference
        By key, "csew.local_confidence".
    """
    content: dict[str, Any] = tomllib.loads(
        resources.files("evaluation.plan").joinpath("references.toml").read_text("utf-8")
    )
    surveys, scales = content.pop("surveys"), content.pop("scales")
    found = {}
    for survey, questions in content.items():
        about = {k: str(surveys[survey][k]) for k in ("mode", "ages", "coverage", "words")}
        for name, q in questions.items():
            levels = {int(code): str(words) for code, words in scales[q["scale"]].items()}
            key = f"{survey}.{name}"
            found[key] = Reference(
                key, q["title"], surveys[survey]["title"], q["scale"], levels, tuple(q["positive"]), q["since"], **about
            )
    return found


def read(raw: object, levels: Mapping[Any, str], where: str, faults: list[str]) -> Harmonised | None:
    """Return what a variable's `harmonised` states, or None with a fault added for each thing that is wrong.

    Parameters
    ----------
    raw : object
        `{survey, variable, years, scale}`, with `wording` where the official words are pasted here.
    levels : mapping
        The variable's own answers by code: those of the reference's scale, in number and order.
    where : str
        Table and variable.
    faults : list of str
        Gets a line for each fault.

    Returns
    -------
    Harmonised or None
        None where nothing is stated, or not enough.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or not set(KEYS[:4]) <= set(raw):
        faults.append(f"{where}: harmonised is written {{survey: , variable: , years: 2012-2025, scale: }}")
        return None
    unknown = sorted(set(raw) - set(KEYS))
    faults += [f"{where}: harmonised has no key {k!r}; nearest: {nearest(k, KEYS)!r}" for k in unknown]
    key = f"{raw['survey']}.{raw['variable']}"
    found = shipped().get(key)
    if found is None:
        hint = nearest(key, shipped())
        faults.append(f"{where}: no reference {key!r}" + (f"; did you mean {hint!r}?" if hint else _known()))
        return None
    years = YEARS.fullmatch(str(raw["years"]))
    first, last = (int(y) for y in years.groups()) if years else (0, 0)
    if not found.since <= first <= last:
        faults.append(f"{where}: years of {key!r} are written 2012-2025, from {found.since} on, when it was asked so")
    if raw["scale"] != found.scale or [str(c) for c in levels] != [str(c) for c in found.levels]:
        answers = ", ".join(f"{c} {words}" for c, words in found.levels.items())
        faults.append(f"{where}: {key!r} has the scale {found.scale!r}, whose answers are: {answers}")
    return Harmonised(found, (first, last), str(raw.get("wording") or ""))


def _known() -> str:
    return f"; they are {', '.join(shipped())}"


def wording_hash(text: str) -> str:
    """Return a short hash of official wording: equal for texts that differ in spaces or kinds of quotation mark only.

    Parameters
    ----------
    text : str
        The wording as pasted.

    Returns
    -------
    str
        Twelve hexadecimal digits; "" for no text.
    """
    plain = " ".join(text.translate(QUOTES).split())
    return hashlib.sha256(plain.encode()).hexdigest()[:12] if plain else ""
