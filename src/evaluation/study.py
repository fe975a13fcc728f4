"""Read `study.toml` into a frozen plan, and refuse an incomplete or mistyped one.

Every choice of the study stands in that file with its reason; nothing else chooses. A key that the plan does not
know is an error that names the nearest key.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from . import codebook as codebooks
from .errors import StudyError, nearest
from .plan_faults import plan_faults

BLANK = "FILL IN"
WAVE_ID = re.compile(r"W[0-9]{4}[a-z]?")
Licence = Literal["effect", "association", "exploratory", "descriptive"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_from_a_word(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse a word or true/false where a number is due: what was written is never read as something else."""
        kinds = get_args(cls.model_fields[info.field_name].annotation) or (
            cls.model_fields[info.field_name].annotation,
        )
        if isinstance(value, str | bool) and set(kinds) <= {int, float, type(None)}:
            raise ValueError(f"should be a number, not {value!r}")
        return value


class General(_Part):
    """Title, waves in order, codebook, time zone and seed."""

    title: str
    slug: str
    waves: tuple[str, ...]
    codebook: str = "data_raw/codebook.yaml"
    timezone: str = "Europe/London"
    seed: int

    @field_validator("waves")
    @classmethod
    def _known_form(cls, waves: tuple[str, ...]) -> tuple[str, ...]:
        bad = [w for w in waves if not WAVE_ID.fullmatch(w)]
        if bad or not waves or len(set(waves)) < len(waves):
            raise ValueError(f"wave ids look like W2024 or W2024b, each once, at least one; got {list(waves)}")
        return waves


class Words(_Part):
    """Study-specific words that are filled into notebooks and reports."""

    institution: str
    programme: str
    programme_long: str
    programme_description: str
    place: str
    treated: str
    untreated: str
    treated_short: str
    untreated_short: str
    second_programme: str = ""
    focus_group: str = "the focus group"
    comparison_group: str = "all other respondents"
    attended_question: str = "whether they took part"
    checking_group: str = "the checking group"


class Contact(_Part):
    """Who owns, funded, ran and checked the study."""

    team: str = "not stated"
    funded_by: str = "not stated"
    ran_by: str = "not stated"
    checked_by: str = "not stated"


class Sizes(_Part):
    """Minimum sizes, unweighted: one table for every estimate and verdict."""

    least_people: int = 30
    indicative_people: int = 50
    least_sessions: int = 8
    indicative_sessions: int = 10
    least_exposed_sessions: int = 4
    least_linked: int = 30
    least_effective_n: float = 30
    least_answers: int = 50


class Disclosure(_Part):
    """Profile of the disclosure gate."""

    profile: str = "ons-10-5"
    threshold: int = Field(10, ge=5)
    rounding: int = Field(5, ge=1)
    least_base: int = Field(30, ge=10)


class Exclusion(_Part):
    """A named step that leaves people out, with its reason."""

    column: str
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    reason: str
    step: str
    only_where_asked: bool = True


class Derived(_Part):
    """A column made from another by a map of levels ("*" stands for all others) or by cut points of a number."""

    source: str = Field(alias="from")
    map: dict[str, str] = {}
    cuts: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    label: str
    labels: dict[str, str] = {}
    reason: str


class Collapse(_Part):
    """One step of the collapse order: merge these levels of a column in a margin."""

    margin: str
    merge: tuple[str, ...]
    column: str


class Population(_Part):
    """Margins to rake to, trimming, collapse order, and who is left out of population weights."""

    title: str
    margins_file: str = "data_raw/population/margins.csv"
    margins: tuple[str, ...] = ()
    least_in_cell: int = 20
    not_stated: Literal["proportional", "refuse"] = "proportional"
    tolerance: float = 1e-9
    trim_low: float = 0.2
    trim_high: float = 5.0
    collapse: tuple[Collapse, ...] = ()
    general_sources_only: bool = True
    boost_column: str = ""
    boost_sources: tuple[str, ...] = ()
    session_column: str = ""


class Outcomes(_Part):
    """One primary outcome, families of others, the smallest worthwhile change."""

    primary: str
    primary_reason: str
    margin_sd: float | None = 0.2
    margin_share: float | None = 5.0
    positive: tuple[int, ...] = (4, 5)
    secondary: tuple[str, ...] = ()
    secondary_reason: str = ""
    exploratory: tuple[str, ...] = ()
    negative_controls: tuple[str, ...] = ()
    negative_controls_reason: str = ""
    short: dict[str, str] = {}

    def family(self, outcome: str) -> str:
        """Return "primary", "secondary", "exploratory" or "control" for an outcome."""
        for name in ("secondary", "exploratory"):
            if outcome in getattr(self, name):
                return name
        return "primary" if outcome == self.primary else "control" if outcome in self.negative_controls else ""


class Scale(_Part):
    """A scale: the mean of its items for people who answered at least `least_items`."""

    items: tuple[str, ...]
    label: str
    least_items: int
    reason: str


class Treatment(_Part):
    """Who counts as treated, the arms, and how the claim is checked."""

    column: str
    treated: tuple[str, ...]
    untreated: tuple[str, ...]
    second_column: str = ""
    arms: dict[str, str] = {}
    aside_column: str = ""
    aside_levels: tuple[str, ...] = ()
    dose_column: str = ""
    first_month_column: str = ""
    register_name: str = Field("", alias="register")
    register_date: str = ""
    specificity: tuple[float, ...] = (0.95, 0.97, 0.98, 0.99, 0.995)
    retrospective_column: str = ""
    link_column: str = ""
    route_columns: tuple[str, ...] = ()
    most_without_counterpart: float = 0.5


class Matching(_Part):
    """The planned comparison and its bars."""

    prognostic: tuple[str, ...]
    ratio: int = Field(2, ge=1)
    caliper: float | None = 0.2
    caliper_scale: Literal["logit", "score", "logit_pooled"] = "logit"
    exact: tuple[str, ...] = ()
    replace: bool = False
    order: Literal["descending", "ascending", "closest", "data"] = "descending"
    most_unmatched: float = 0.1
    placebo_draws: int = 200
    flag_smd: float = 0.1
    fail_smd: float = 0.25
    least_controls_ratio: float = 2.0
    largest_control_share: float = 0.05
    least_overlap: float = 0.8


class Design(_Part):
    """One difference-in-differences design: group, waves, people, weights, errors, estimand, licence.

    `time`, `sample`, `weights` and `clusters` say how it is made; a choice the design cannot follow is refused.
    """

    title: str
    outcome: str
    group: str
    group_levels: tuple[str, ...] = ()
    unit: str = ""
    estimand: str
    licence: Licence
    planned: bool
    waves: tuple[str, ...]
    time: str = ""
    sample: str = ""
    weights: str = ""
    clusters: str = ""


class Exposure(_Part):
    """How exposure of places is made from the events register."""

    register_name: str = Field("events", alias="register")
    area_column: str
    ward_column: str = ""
    city_level: str = ""
    pre_waves: tuple[str, ...] = ()


class Subset(_Part):
    """A part of the sample that the comparison is repeated in: levels kept, or levels left out."""

    name: str
    column: str
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Sensitivity(_Part):
    """Draws, axes, subsets and bars of the sensitivity analyses."""

    subsets: tuple[Subset, ...] = ()
    negative_exposures: tuple[Subset, ...] | None = None  # what cannot have moved anybody; None names none
    kappa_sd: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    shocks_points: tuple[float, ...] = (0.0, 3.0, 5.0)
    response_correlations: tuple[float, ...] = (0.002, 0.005, 0.01)
    bootstrap_draws: int = 199
    least_same_sign: float = 0.9
    specification_axes: tuple[str, ...] = ("outcome_form", "method", "covariates", "sample", "survey_weight")
    disorder_window: tuple[str, ...] = ()


class Power(_Part):
    """What the next wave should be able to see."""

    power: float = 0.8
    size: float = 0.05
    target_points: float = 10.0


class Programme(_Part):
    """Registers that the study holds, and the parameters of their measures."""

    registers: tuple[str, ...] = ()
    police_heavy_ratio: float = 0.25
    staff_rate: float = 0.0
    stop_group: str = "Black"
    stop_comparator: str = "White"
    recruit_goal: float = 0.25


class Plan(_Part):
    """The whole plan of a study, frozen; `root` is the study's folder."""

    study: General
    words: Words
    contact: Contact = Contact()
    sizes: Sizes = Sizes()
    disclosure: Disclosure = Disclosure()
    exclusions: tuple[Exclusion, ...] = ()
    derive: dict[str, Derived] = {}
    population: Population
    outcomes: Outcomes
    scales: dict[str, Scale] = {}
    treatment: Treatment
    covariates: dict[str, str]
    matching: Matching
    designs: dict[str, Design] = {}
    exposure: Exposure | None = None
    sensitivity: Sensitivity = Sensitivity()
    power: Power = Power()
    programme: Programme = Programme()
    root: Path = Path()
    codebook: Any = None

    @property
    def waves(self) -> tuple[str, ...]:
        """Wave ids in order."""
        return self.study.waves

    @property
    def seed(self) -> int:
        """The study's seed."""
        return self.study.seed

    @property
    def all_outcomes(self) -> tuple[str, ...]:
        """Every outcome the plan names, primary first, controls last; scales by their own name."""
        named = self.outcomes
        return (named.primary, *named.secondary, *named.exploratory, *named.negative_controls)

    def earlier_waves(self, wave: str) -> tuple[str, ...]:
        """Return the waves before `wave`, in order."""
        return self.waves[: self.waves.index(wave)]

    def label_of(self, column: str) -> str:
        """Return the words for a column: from the derived columns, the scales, else the codebook."""
        if column in self.derive:
            return self.derive[column].label
        if column in self.scales:
            return self.scales[column].label
        return self.codebook.label(column)

    def levels_of(self, column: str) -> dict[str, str]:
        """Return code to words for the levels of a column (empty for numbers)."""
        if column in self.derive:
            made = self.derive[column]
            codes = list(dict.fromkeys(made.map.values())) or list(made.levels)
            return {c: made.labels.get(c, c) for c in codes}
        return self.codebook.levels(column)

    def digest(self) -> str:
        """Return the SHA-256 of the plan's choices (not of comments, order of keys or the folder's name)."""
        return hashlib.sha256(self.model_dump_json(exclude={"root", "codebook"}).encode()).hexdigest()


def find(start: Path | None = None) -> Path:
    """Return the nearest `study.toml` at or above `start` (default: the working directory)."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "study.toml").is_file():
            return folder / "study.toml"
    raise StudyError(
        "no study.toml here or above",
        where=here.name,
        todo="Name one with --study, or make one: evaluation init FOLDER.",
    )


def load(path: str | os.PathLike[str] | None = None) -> Plan:
    """Return the plan of a study file (default: the nearest one), checked against its codebook.

    Raises
    ------
    StudyError
        Every fault of the file at once: unknown keys (with the nearest known one), wrong types, missing parts,
        variables that the codebook lacks.
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


def _without(content: Any, place: tuple[Any, ...]) -> None:
    for part in place[:-1]:
        content = content[part]
    content.pop(place[-1], None)


def _unfilled(content: Any, place: str = "") -> list[tuple[str, str]]:
    """Return (place, text) of everything that a new study has not filled in yet."""
    if isinstance(content, dict):
        pairs = [(f"{place}.{k}" if place else str(k), x) for k, v in content.items() for x in (k, v)]
        return [found for where, value in pairs for found in _unfilled(value, where)]
    if isinstance(content, list):
        return [found for k, value in enumerate(content) for found in _unfilled(value, f"{place}[{k}]")]
    return [(place, content)] if isinstance(content, str) and content.replace("-", " ").startswith(BLANK) else []


def _explain(error: Any) -> str:
    """Say one pydantic fault in a line: the key, what is wrong, the nearest known key."""
    place = ".".join(str(p) for p in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1])
        hint = nearest(str(error["loc"][-1]), known)
        return f"- {place}: unknown key" + (f"; did you mean {hint!r}?" if hint else f"; known keys: {sorted(known)}")
    if error["type"] == "missing":
        return f"- {place}: missing; every choice must be stated"
    return f"- {place}: {error['msg'].removeprefix('Value error, ')}"


def _known_keys(parents: tuple[Any, ...]) -> list[str]:
    """Return the keys known at a place of the plan."""
    model: Any = Plan
    for part in parents:
        found = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if found is None:
            continue  # the name of an entry, such as a design's
        model = _inner_model(found.annotation) or model
    return [f.alias or name for name, f in model.model_fields.items() if name not in ("root", "codebook")]


def _inner_model(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _inner_model(inner)
        if found is not None:
            return found
    return None
