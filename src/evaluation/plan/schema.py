"""The tables of `study.toml`: what each may hold, with its defaults. A key that a table does not know is an error."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

WAVE_ID = re.compile(r"W[0-9]{4}[a-z]?")
Licence = Literal["effect", "association", "exploratory", "descriptive"]


class Part(BaseModel):
    """A table of the plan: nothing unknown in it, nothing changed after it was read."""

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


class General(Part):
    """Title, waves in order, codebook, time zone and seed."""

    title: str
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


class Words(Part):
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


class Contact(Part):
    """Who owns, funded, ran and checked the study."""

    team: str = "not stated"
    funded_by: str = "not stated"
    ran_by: str = "not stated"
    checked_by: str = "not stated"


class Sizes(Part):
    """Minimum sizes, unweighted: one table for every estimate and verdict."""

    least_people: int = 30
    indicative_people: int = 50
    least_sessions: int = 8
    indicative_sessions: int = 10
    least_linked: int = 30
    least_effective_n: float = 30
    least_answers: int = 50


class Disclosure(Part):
    """Profile of the disclosure gate."""

    threshold: int = Field(10, ge=5)
    rounding: int = Field(5, ge=1)
    least_base: int = Field(30, ge=10)


class Exclusion(Part):
    """A named step that leaves people out, with its reason."""

    column: str
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    reason: str
    step: str
    only_where_asked: bool = True


class Derived(Part):
    """A column made from another by a map of levels ("*" stands for all others) or by cut points of a number."""

    source: str = Field(alias="from")
    map: dict[str, str] = {}
    cuts: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    label: str
    labels: dict[str, str] = {}
    reason: str


class Collapse(Part):
    """One step of the collapse order: merge these levels of a column in a margin."""

    margin: str
    merge: tuple[str, ...]
    column: str


class Population(Part):
    """Margins to rake to, trimming, collapse order, and who is left out of population weights."""

    title: str
    margins_file: str = "data_raw/population/margins.csv"
    margins: tuple[str, ...] = ()
    least_in_cell: int = 20
    tolerance: float = 1e-9
    trim_low: float = 0.2
    trim_high: float = 5.0
    collapse: tuple[Collapse, ...] = ()
    boost_column: str = ""
    boost_sources: tuple[str, ...] = ()
    session_column: str = ""


class Outcomes(Part):
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


class Scale(Part):
    """A scale: the mean of its items for people who answered at least `least_items`."""

    items: tuple[str, ...]
    label: str
    least_items: int
    reason: str


class Treatment(Part):
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


class Matching(Part):
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


class Design(Part):
    """One difference-in-differences design: its outcome, waves, estimand and licence, and the groups it names, if any.

    Whom a design compares, with which weights and clusters, is fixed by its name (D1 to D5): docs/methods/did.md.
    """

    title: str
    outcome: str
    group: str = ""
    group_levels: tuple[str, ...] = ()
    estimand: str
    licence: Licence
    planned: bool
    waves: tuple[str, ...]


class Exposure(Part):
    """How exposure of places is made from the events register."""

    register_name: str = Field("events", alias="register")
    area_column: str
    ward_column: str = ""
    city_level: str = ""
    pre_waves: tuple[str, ...] = ()


class Subset(Part):
    """A part of the sample that the comparison is repeated in: levels kept, or levels left out."""

    name: str
    column: str
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Sensitivity(Part):
    """Draws, axes, subsets and bars of the sensitivity analyses."""

    subsets: tuple[Subset, ...] = ()
    negative_exposures: tuple[Subset, ...] | None = None  # what cannot have moved anybody; None names none
    kappa_sd: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    shocks_points: tuple[float, ...] = (0.0, 3.0, 5.0)
    response_correlations: tuple[float, ...] = (0.002, 0.005, 0.01)
    bootstrap_draws: int = 199
    specification_axes: tuple[str, ...] = ("outcome_form", "method", "covariates", "sample", "survey_weight")
    disorder_window: tuple[str, ...] = ()


class Power(Part):
    """What the next wave should be able to see."""

    power: float = 0.8
    size: float = 0.05
    target_points: float = 10.0


class Programme(Part):
    """Registers that the study holds, and the parameters of their measures."""

    registers: tuple[str, ...] = ()
    police_heavy_ratio: float = 0.25
    staff_rate: float = 0.0
    stop_group: str = "Black"
    stop_comparator: str = "White"
    recruit_goal: float = 0.25
