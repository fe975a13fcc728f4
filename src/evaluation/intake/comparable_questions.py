"""What makes a question comparable: the official words that each wave used, and the list of groups that it offered."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.errors import StudyError, nearest
from evaluation.intake import wave_file
from evaluation.intake.known_words import NOT_ASKED
from evaluation.intake.mapped_wave import Mapped
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.references import STAND_IN, wording_hash
from evaluation.plan.study import Plan


def official_hash(plan: Plan, info: WaveInfo, variable: str) -> str:
    """Return the hash of the official words that a wave used for a question; "" where nobody pasted them."""
    repeated = plan.codebook.harmonised.get(variable)
    return wording_hash(info.official_wording.get(variable) or (repeated.wording if repeated else ""))


def check(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Add a fault for each question whose official words, or whose list of groups, is not what it is said to be."""
    for name, kind, what, todo in (*_strangers(plan, info), *_stand_ins(info), *_differing(plan, info, mapped)):
        mapped.fault(kind, info, name, what, todo)


Found = Iterator[tuple[str, str, str, str]]  # variable, kind of fault, what is wrong, what to do


def _strangers(plan: Plan, info: WaveInfo) -> Found:
    """Refuse official words of a question that repeats none, and a list of groups for a question without one."""
    listed = {v.name for v in plan.codebook.table("survey").variables.values() if v.standard}
    for table, named, known in (
        ("official_wording", info.official_wording, set(plan.codebook.harmonised)),
        ("standards", info.standards, listed),
    ):
        for name in sorted(set(named) - known):
            hint = nearest(name, known)
            todo = f"Did you mean {hint!r}?" if hint else "State it of the variable in the codebook first."
            yield name, "unknown_variable", f"[{table}] names it, and the codebook states none of it", todo


def _stand_ins(info: WaveInfo) -> Found:
    for name, text in info.official_wording.items():
        if info.origin == "real" and text.startswith(STAND_IN):
            todo = f"Paste the official words under [official_wording] {name}, or take the line out."
            yield name, "official_wording_stand_in", "the official words of a real wave are a stand-in", todo


def _differing(plan: Plan, info: WaveInfo, mapped: Mapped) -> Found:
    """Refuse other official words than an earlier wave's for the same question: it is another question."""
    for name in plan.codebook.harmonised:
        own = official_hash(plan, info, name)
        asked = name in mapped.reasons and not (mapped.reasons[name] == NOT_ASKED).all()
        if not own or not asked or info.wave not in plan.waves:
            continue
        for before in plan.earlier_waves(info.wave):
            try:
                other = official_hash(plan, wave_file.load(plan.root, before), name)
            except StudyError:
                continue  # that wave's own check says what is wrong with it
            if other and other != own:
                what = f"its official words differ from those of {before} (hash {own}, there {other})"
                todo = "Paste the words that were used; if they changed, give the new question a variable of its own."
                yield name, "official_wording_differs", what, todo
                break
