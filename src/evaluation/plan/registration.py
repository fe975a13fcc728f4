"""Freeze the plan before outcomes are opened, and list every deviation from it afterwards."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from evaluation.errors import StudyError
from evaluation.plan import study

IN, OUT = "in", "not in"  # whether answers of the wave were in the study's folder when its plan was frozen
OUTSIDE = {"root", "codebook", "words", "contact", "review", "practice_bank"}  # chooses nothing, so it is not frozen


@dataclass(frozen=True, slots=True)
class Deviation:
    """One field of the plan that differs from the frozen one.

    Attributes
    ----------
    field : str
        Dotted name of the key, such as "matching.ratio".
    frozen, now : str
        The value when the plan was frozen and the present one, as JSON; "absent" where there is none.
    """

    field: str
    frozen: str
    now: str

    def text(self) -> str:
        """Return the deviation in a line.

        Returns
        -------
        str
            The field with both values.
        """
        return f"{self.field}: frozen as {self.frozen}, now {self.now}"


def frozen_file(plan: study.Plan, wave: str) -> Path:
    """Return where the frozen plan of a wave stands.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        Wave id.

    Returns
    -------
    Path
        `plans/<wave>.toml` below the study's folder, whether or not it exists.
    """
    return plan.root / "plans" / f"{wave}.toml"


def freeze(plan: study.Plan, wave: str, *, date: str, clock: str = "") -> Path:
    """Write `plans/<wave>.toml` with the plan's choices, their hash, and whether answers were in; overwrite none.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        Wave id.
    date : str
        Day of freezing, as 2026-11-25.
    clock : str
        Day by the machine's clock; the day of freezing where it is left out.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    StudyError
        The wave is unknown or its plan is frozen already (a plan is changed by a stated deviation, not rewritten).
    """
    import tomli_w

    if wave not in plan.waves:
        todo = f"Name one of {', '.join(plan.waves)}."
        raise StudyError(f"the study has no wave {wave!r}", todo=todo)
    path = frozen_file(plan, wave)
    if path.exists():
        raise StudyError(
            f"the plan for {wave} is frozen already",
            where=path.name,
            todo="Change study.toml and let the report list the deviation.",
        )
    choices = _choices(plan)
    path.parent.mkdir(exist_ok=True)
    answers = IN if answers_in(plan, wave) else OUT
    content: dict[str, object] = {"wave": wave, "frozen_on": date, "clock": clock or date, "answers": answers}
    content |= {"sha256": _digest(choices), "plan": choices}
    path.write_text(tomli_w.dumps({"seal": _digest(content)} | content), "utf-8")
    return path


def answers_in(plan: study.Plan, wave: str) -> bool:
    """Return whether a file of the wave stands in the study's folder.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        Wave id.

    Returns
    -------
    bool
        True where the wave's folder holds anything.
    """
    folder = plan.root / "data_raw" / "waves" / wave
    return any(not p.name.startswith(".") for p in folder.glob("*"))


def frozen_digest(plan: study.Plan, wave: str) -> str:
    """Return the hash of the frozen plan.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        Wave id.

    Returns
    -------
    str
        SHA-256 of the frozen choices, or "" when no plan was frozen for the wave.

    Raises
    ------
    StudyError
        The frozen plan was edited after it was frozen.
    """
    return str(read(plan, wave).get("sha256", ""))


def frozen_plan(plan: study.Plan, wave: str) -> study.Plan | None:
    """Return the plan as it was frozen, with the present words and codebook, which choose nothing.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        Wave id.

    Returns
    -------
    Plan or None
        The frozen plan; None when no plan was frozen for the wave.

    Raises
    ------
    StudyError
        The frozen plan was edited after it was frozen, or holds what this version cannot read.
    """
    content = read(plan, wave).get("plan")
    if not isinstance(content, dict):
        return None
    try:
        then = study.Plan.model_validate(content)
    except ValueError:
        todo = "Use the version of the program that froze it."
        raise StudyError(f"the frozen plan of {wave} cannot be read by this version", todo=todo) from None
    return then.model_copy(update={k: getattr(plan, k) for k in OUTSIDE})


def deviations(plan: study.Plan, wave: str) -> list[Deviation]:
    """Return the fields in which the plan differs from the frozen one; a blank text is the same as no text.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        Wave id.

    Returns
    -------
    list of Deviation
        In order of field; empty when nothing differs, and when no plan was frozen for the wave.

    Raises
    ------
    StudyError
        The frozen plan was edited after it was frozen.
    """
    frozen = read(plan, wave)
    if not frozen:
        return []
    then, now = ({k: v for k, v in _flat(p).items() if v != ""} for p in (frozen["plan"], _choices(plan)))
    keys = sorted(then.keys() | now.keys())
    return [Deviation(k, then.get(k, "absent"), now.get(k, "absent")) for k in keys if then.get(k) != now.get(k)]


def read(plan: study.Plan, wave: str) -> dict[str, object]:
    """Return what `plans/<wave>.toml` holds.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        Wave id.

    Returns
    -------
    dict
        wave, frozen_on, clock, answers ("in" or "not in"), seal, sha256, plan; empty when no plan was frozen. Files of
        before 2026-12 have no clock, answers or seal.

    Raises
    ------
    StudyError
        The file was edited after it was made, or is another wave's.
    """
    import tomllib

    path = frozen_file(plan, wave)
    if not path.is_file():
        return {}
    content = tomllib.loads(path.read_text("utf-8"))
    seal = content.pop("seal", None)
    edited = _digest(content.get("plan", {})) != content.get("sha256") or seal not in (None, _digest(content))
    if edited or (seal is None and {"clock", "answers"} & set(content)):
        raise StudyError(f"the frozen plan {path.name} was edited after it was frozen", todo="Restore it from git.")
    if content.get("wave") != wave:
        raise StudyError(f"the frozen plan {path.name} is that of {content.get('wave')}", todo="Restore it from git.")
    return {**content, "seal": seal or ""}


def _choices(plan: study.Plan) -> dict[str, object]:
    """Return the plan without words and contacts, which choose nothing."""
    choices: dict[str, object] = json.loads(plan.model_dump_json(exclude=OUTSIDE, exclude_none=True, by_alias=True))
    return choices


def _digest(choices: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(choices, sort_keys=True).encode()).hexdigest()


def _flat(tree: object, prefix: str = "") -> dict[str, str]:
    if isinstance(tree, dict):
        merged: dict[str, str] = {}
        for key, value in tree.items():
            merged |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
        return merged
    return {prefix: json.dumps(tree)}
