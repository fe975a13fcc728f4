"""Read `study.toml` into a frozen plan, and refuse an incomplete or mistyped one.

Every choice of the study stands in that file with its reason; nothing else chooses. A key that the plan does not
know is an error that names the nearest key.
"""

from __future__ import annotations

import copy
import hashlib
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from evaluation.errors import StudyError, nearest
from evaluation.plan import codebook as codebooks
from evaluation.plan.checks import plan_faults
from evaluation.plan.schema import (
    WAVE_ID,
    Collapse,
    Contact,
    Context,
    Crosswalk,
    Derived,
    Design,
    Disclosure,
    Exclusion,
    Exposure,
    General,
    Lot,
    Matching,
    Outcomes,
    Part,
    Population,
    Power,
    PracticeBank,
    Programme,
    Review,
    Scale,
    Sensitivity,
    Sizes,
    Subset,
    Treatment,
    Words,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["BLANK", "WAVE_ID", "Collapse", "Derived", "Design", "Plan", "Subset", "find", "load"]
BLANK = "FILL IN"


class Plan(Part):
    """The whole plan of a study, frozen: one attribute for each table of `study.toml`.

    Attributes
    ----------
    root : Path
        The study's folder.
    codebook : Codebook
        The codebook that the plan names.
    """

    study: General
    words: Words = Words()
    contact: Contact = Contact()
    sizes: Sizes = Sizes()
    disclosure: Disclosure = Disclosure()
    exclusions: tuple[Exclusion, ...] = ()
    derive: dict[str, Derived] = Field(default_factory=dict)
    population: Population
    outcomes: Outcomes
    scales: dict[str, Scale] = Field(default_factory=dict)
    treatment: Treatment = Field(default_factory=Treatment)  # type: ignore[arg-type]
    covariates: dict[str, str] = Field(default_factory=dict)
    matching: Matching = Matching()
    designs: dict[str, Design] = Field(default_factory=dict)
    exposure: Exposure | None = None
    sensitivity: Sensitivity = Sensitivity()
    power: Power = Power()
    programme: Programme = Programme()
    practice_bank: PracticeBank = PracticeBank()
    context: Context = Context()
    crosswalks: dict[str, Crosswalk] = Field(default_factory=dict)
    lots: dict[str, Lot] = Field(default_factory=dict)
    review: dict[Literal["1A", "2", "3", "4", "5", "6"], Review] = Field(default_factory=dict)
    root: Path = Path()
    codebook: Any = None

    @property
    def waves(self) -> tuple[str, ...]:
        """Wave ids in order.

        Returns
        -------
        tuple of str
            Such as "W2024".
        """
        return self.study.waves

    @property
    def seed(self) -> int:
        """The study's seed, of which every random step takes a child.

        Returns
        -------
        int
            As the plan states it.
        """
        return self.study.seed

    @property
    def all_outcomes(self) -> tuple[str, ...]:
        """Every outcome the plan names.

        Returns
        -------
        tuple of str
            Columns, and scales by their own name: primary first, controls last.
        """
        named = self.outcomes
        return (named.primary, *named.secondary, *named.exploratory, *named.negative_controls)

    @property
    def waves_before_treatment(self) -> tuple[str, ...]:
        """The waves in which, as the plan states, nobody can have taken part yet; none where it states nothing.

        Returns
        -------
        tuple of str
            Wave ids.
        """
        first = self.treatment.nobody_before
        return self.earlier_waves(first) if first in self.waves else ()

    @property
    def events_register(self) -> str:
        """The register that says which places were reached; "" where none does, or the plan itself says it.

        Returns
        -------
        str
            A table of the codebook.
        """
        place = self.exposure
        return place.register_name if place is not None and place.reached is None else ""

    @property
    def given_weight(self) -> str:
        """The survey variable with the weights by which people were drawn, by the plan or the codebook; "" for none.

        Returns
        -------
        str
            A column of the survey.
        """
        return self.population.given_weight or str(self.codebook.base_weight)

    @property
    def dose_source(self) -> str:
        """The number that both sides of the treatment were cut from; "" where the treatment is no cut number.

        Returns
        -------
        str
            A column of the survey.
        """
        made = self.derive.get(self.treatment.column)
        return made.source if made is not None and made.cuts else ""

    @property
    def treatment_source(self) -> str:
        """The question that says who took part: the treatment's column, or the one that it was made from.

        Returns
        -------
        str
            A column of the survey; "" without a treatment.
        """
        made = self.derive.get(self.treatment.column)
        return made.source if made is not None else self.treatment.column

    def positive(self, outcome: str) -> tuple[int, ...]:
        """Return the answers of an outcome that count as positive.

        Parameters
        ----------
        outcome : str
            An outcome of the plan, or a question that repeats another survey's, which says what its figures count.

        Returns
        -------
        tuple of int
            Codes of its levels.
        """
        stated = (self.outcomes.positive_of or {}).get(outcome)
        repeated = self.codebook.harmonised.get(outcome) if self.codebook else None
        return stated or (repeated.reference.positive if repeated else self.outcomes.positive)

    def earlier_waves(self, wave: str) -> tuple[str, ...]:
        """Return the waves before a wave, in order.

        Parameters
        ----------
        wave : str
            A wave of the plan.

        Returns
        -------
        tuple of str
            Wave ids.
        """
        return self.waves[: self.waves.index(wave)]

    def waves_up_to(self, wave: str) -> tuple[str, ...]:
        """Return a wave and all before it, in order.

        Parameters
        ----------
        wave : str
            A wave of the plan.

        Returns
        -------
        tuple of str
            Wave ids.
        """
        return (*self.earlier_waves(wave), wave)

    def label_of(self, column: str) -> str:
        """Return the words for a column: from the derived columns, the scales, else the codebook.

        Parameters
        ----------
        column : str
            A column of the survey, derived or not, or a scale.

        Returns
        -------
        str
            Its label.

        Raises
        ------
        CodebookError
            Nothing defines the column.
        """
        if column in self.derive:
            return self.derive[column].label
        if column in self.scales:
            return self.scales[column].label
        return str(self.codebook.label(column))

    def levels_of(self, column: str) -> dict[str, str]:
        """Return the levels of a column.

        Parameters
        ----------
        column : str
            A column of the survey, derived or not.

        Returns
        -------
        dict
            Code to words; empty for numbers.

        Raises
        ------
        CodebookError
            Nothing defines the column.
        """
        if column in self.derive:
            made = self.derive[column]
            codes = list(dict.fromkeys(made.map.values())) or list(made.levels)
            return {c: made.labels.get(c, c) for c in codes}
        levels: dict[str, str] = self.codebook.levels(column)
        return levels

    def digest(self) -> str:
        """Return the hash of the plan's choices (not of comments, order of keys or the folder's name).

        Returns
        -------
        str
            SHA-256.
        """
        return hashlib.sha256(self.model_dump_json(exclude={"root", "codebook"}).encode()).hexdigest()


def find(start: Path | None = None) -> Path:
    """Return the nearest `study.toml` at or above a folder.

    Parameters
    ----------
    start : Path, optional
        Where to begin; the working directory when left out.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StudyError
        There is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "study.toml").is_file():
            return folder / "study.toml"
    raise StudyError(
        "no study.toml here or above",
        where=here.name,
        todo="Name one (--study, or study_file in a notebook), or make one: evaluation init FOLDER.",
    )


def load(path: str | os.PathLike[str] | None = None) -> Plan:
    """Return the plan of a study file, checked against its codebook.

    Parameters
    ----------
    path : path-like, optional
        A `study.toml`; the nearest one when left out.

    Returns
    -------
    Plan
        The frozen plan.

    Raises
    ------
    StudyError
        Every fault of the file at once: unknown keys (with the nearest known one), wrong types, missing parts,
        variables that the codebook lacks.
    CodebookError
        The codebook that it names cannot be used.
    """
    file = Path(path) if path else find()
    if not file.is_file():
        raise StudyError(f"no study file {file.name!r}", where=str(path), todo="Give the path of a study.toml.")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{file.name} is not valid TOML: {error}", todo="Mend the line it names.") from None
    plan, faults = _validated(content)
    root = file.resolve().parent
    if plan is not None:
        book = codebooks.load(root / plan.study.codebook)
        plan = plan.model_copy(update={"root": root, "codebook": book})
        faults += [f for f in plan_faults(plan) if BLANK not in f]
    if faults or plan is None:
        last = ["Replace each FILL IN."] if any(BLANK in f for f in faults) else []
        raise StudyError("\n".join([f"{file.name} has faults:", *faults, *last]))
    return plan


def _validated(content: dict[str, Any]) -> tuple[Plan | None, list[str]]:
    """Return the plan as far as it can be read, and a line for every blank, mistyped key and wrong value.

    Unknown keys are reported and set aside, so that what else is wrong is said in the same breath.
    """
    faults = [f"- {place}: still to be filled in ({text!r})" for place, text in _unfilled(content)]
    try:
        return Plan(**content), faults
    except ValidationError as error:
        found = error.errors()
    faults += [_explain(e) for e in found]
    content = copy.deepcopy(content)
    for place in [e["loc"] for e in found if e["type"] == "extra_forbidden"]:
        _without(content, place)
    try:
        return Plan(**content), faults
    except ValidationError:
        return None, faults


def _without(content: Any, place: tuple[int | str, ...]) -> None:
    for part in place[:-1]:
        content = content[part]
    content.pop(place[-1], None)


def _unfilled(content: object, place: str = "") -> list[tuple[str, str]]:
    """Return (place, text) of everything that a new study has not filled in yet."""
    if isinstance(content, dict):
        pairs = [(f"{place}.{k}" if place else str(k), x) for k, v in content.items() for x in (k, v)]
        return [found for where, value in pairs for found in _unfilled(value, where)]
    if isinstance(content, list):
        return [found for k, value in enumerate(content) for found in _unfilled(value, f"{place}[{k}]")]
    return [(place, content)] if isinstance(content, str) and content.startswith(BLANK) else []


def _explain(error: ErrorDetails) -> str:
    """Say one pydantic fault in a line: the key, what is wrong, the nearest known key."""
    place = ".".join(str(p) for p in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1])
        hint = nearest(str(error["loc"][-1]), known)
        return f"- {place}: unknown key" + (f"; did you mean {hint!r}?" if hint else f"; known keys: {sorted(known)}")
    if error["type"] == "missing":
        return f"- {place}: missing; every choice must be stated"
    return f"- {place}: {error['msg'].removeprefix('Value error, ')}"


def _known_keys(parents: tuple[int | str, ...]) -> list[str]:
    """Return the keys known at a place of the plan."""
    model: Any = Plan
    for part in parents:
        found = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if found is None:
            continue  # the name of an entry, such as a design's
        model = _inner_model(found.annotation) or model
    return [f.alias or name for name, f in model.model_fields.items() if name not in ("root", "codebook")]


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _inner_model(inner)
        if found is not None:
            return found
    return None
