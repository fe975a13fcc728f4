"""The tables of `study.toml`: what each may hold, with its defaults. A key that a table does not know is an error."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from evaluation.errors import nearest

MOST_LETTERS = 160  # of words that stand in a sentence
WAVE_ID = re.compile(r"W[0-9]{4}[a-z]?")
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Chance = Annotated[float, Field(gt=0, lt=1)]
AtLeastOne = Annotated[int, Field(ge=1)]
Licence = Literal["effect", "association", "exploratory", "descriptive"]


class Part(BaseModel):
    """A table of the plan: nothing unknown in it, nothing changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_from_a_word(cls, value: object, info: ValidationInfo) -> object:
        """Refuse a word or true/false where a number is due: what was written is never read as something else."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = get_args(annotation) or (annotation,)
        if isinstance(value, str | bool) and set(kinds) <= {int, float, type(None)}:
            raise ValueError(f"should be a number, not {value!r}")
        return value


class General(Part):
    """What the study is.

    Attributes
    ----------
    title : str
        The question that the study asks.
    waves : tuple of str
        Wave ids in order, W2024 or W2024b.
    codebook : str
        Path of the codebook, below the study's folder.
    timezone : str
        Zone in which "today" is the report's date.
    seed : int
        Every random step takes a child of it.
    """

    title: str
    waves: tuple[str, ...]
    codebook: str = "data_raw/codebook.yaml"
    timezone: str = "Europe/London"
    seed: Annotated[int, Field(ge=0, lt=2**63)]

    @field_validator("waves")
    @classmethod
    def _known_form(cls, waves: tuple[str, ...]) -> tuple[str, ...]:
        bad = [w for w in waves if not WAVE_ID.fullmatch(w)]
        if bad or not waves or len(set(waves)) < len(waves):
            raise ValueError(f"wave ids look like W2024 or W2024b, each once, at least one; got {list(waves)}")
        return waves

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, timezone: str) -> str:
        from zoneinfo import available_timezones

        if timezone not in available_timezones():
            hint = nearest(timezone, available_timezones())
            raise ValueError("no such time zone" + (f"; did you mean {hint!r}?" if hint else "; write Europe/London"))
        return timezone


class Words(Part):
    """Study-specific words that are filled into notebooks and reports: whatever a person may say in a sentence."""

    institution: str = "the owner of the study"
    programme: str = "the programme"
    programme_long: str = "the programme"
    programme_description: str = ""
    place: str = "the study's area"
    treated: str = "people who took part"
    untreated: str = "people who did not take part"
    treated_short: str = "Took part"
    untreated_short: str = "Did not take part"
    second_programme: str = ""
    focus_group: str = "the focus group"
    comparison_group: str = "all other respondents"
    attended_question: str = "whether they took part"
    session: str = "session"
    checking_group: str = "the checking group"

    @field_validator("*")
    @classmethod
    def _words_of_a_sentence(cls, text: str, info: ValidationInfo) -> str:
        """Refuse what cannot stand in a sentence: no letter, a break of the line, signs that nothing prints."""
        name = str(info.field_name)
        if not any(c.isalpha() for c in text) and (text or cls.model_fields[name].default != ""):
            raise ValueError("should be words: it has no letter")
        if text != text.strip() and name != "programme_description":
            raise ValueError("begins or ends with a blank")
        if any(not c.isprintable() for c in text.replace("\n", " " if name == "programme_description" else "\n")):
            raise ValueError("holds a break of the line or a sign that is not printed")
        if len(text) > MOST_LETTERS and name != "programme_description":
            raise ValueError(f"is longer than {MOST_LETTERS} letters, too long for a sentence")
        return text


class Contact(Part):
    """Who owns, funded, ran and checked the study, and where its plan is registered."""

    team: str = "not stated"
    funded_by: str = "not stated"
    ran_by: str = "not stated"
    checked_by: str = "not stated"
    registry: str = "not stated"


class Sizes(Part):
    """Minimum sizes, unweighted: one table for every estimate and verdict.

    Attributes
    ----------
    least_people, indicative_people : int
        People in every compared group: under the first too few to report, under the second "Indicative only".
    least_sessions, indicative_sessions : int
        The same for collection sessions.
    least_linked : int
        Linked people, newly attending and never attending (D5).
    least_effective_n : float
        Effective number of people of a weighted estimate.
    least_answers : int
        Usable answers under which a wave cannot be used.
    """

    least_people: AtLeastOne = 30
    indicative_people: AtLeastOne = 50
    least_sessions: AtLeastOne = 8
    indicative_sessions: AtLeastOne = 10
    least_linked: AtLeastOne = 30
    least_effective_n: Positive = 30
    least_answers: AtLeastOne = 50


class Disclosure(Part):
    """Rules of the disclosure gate.

    Attributes
    ----------
    threshold : int
        Counts of people under it are hidden.
    rounding : int
        Base that other counts are rounded to.
    least_base : int
        Estimates with fewer people in any group are too few to report.
    """

    threshold: Annotated[int, Field(ge=5)] = 10
    rounding: Annotated[int, Field(ge=1)] = 5
    least_base: Annotated[int, Field(ge=10)] = 30


class Exclusion(Part):
    """A named step that leaves people out.

    Attributes
    ----------
    column : str
        Column that decides.
    keep, drop : tuple of str
        Levels that stay, or levels that go.
    reason, step : str
        Why, and the name of the step in the ledger.
    only_where_asked : bool
        Whether a wave that did not ask keeps everybody.
    """

    column: str
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    reason: str
    step: str
    only_where_asked: bool = True


class Derived(Part):
    """A column made from another.

    Attributes
    ----------
    source : str
        The column it is made from (`from` in the file).
    map : dict
        Level of the source to the new level; "*" stands for all others.
    cuts, levels : tuple
        For a number: cut points, and the levels between them.
    label, labels : str, dict
        Words for the column and for its levels.
    reason : str
        Why it is made.
    """

    source: str = Field(alias="from")
    map: dict[str, str] = {}
    cuts: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    label: str
    labels: dict[str, str] = {}
    reason: str


class Collapse(Part):
    """One step of the collapse order: levels of a margin's column that are merged where a cell is too small.

    Attributes
    ----------
    margin, column : str
        Margin, and the column of it.
    merge : tuple of str
        Levels to merge.
    """

    margin: str
    merge: tuple[str, ...]
    column: str


class Population(Part):
    """Margins to rake to, trimming, collapse order, and who is left out of population weights.

    Attributes
    ----------
    title, margins_file : str
        Words for the population, and the path of its margins below the study's folder.
    margins : tuple of str
        Margins to rake to; none leaves the sample unweighted.
    least_in_cell : int
        Respondents under which a cell is collapsed.
    tolerance : float
        Gap to the margins at which raking stops.
    trim_low, trim_high : float
        Least and most of a weight, in multiples of the median weight; of what raking did to it, where people were
        drawn with weights.
    collapse : tuple of Collapse
        Tried in this order.
    boost_column, boost_sources : str, tuple of str
        Column and levels of people who were sought out: their population weight is 0.
    session_column : str
        Column of the collection session, or of the cluster that was drawn: the cluster of every error.
    sample : str or None
        "probability" (people were drawn at random), "convenience" or "census"; None leaves it unsaid.
    given_weight, strata_column : str or None
        Column of the weights that came with the data, and of the strata in which clusters or people were drawn.
    size : int, mapping of stratum to int, or None
        How many units the sample was drawn from, where that is to shorten its errors: clusters where they were drawn,
        else people; by stratum where there are strata.
    """

    title: str
    margins_file: str = "data_raw/population/margins.csv"
    margins: tuple[str, ...] = ()
    least_in_cell: AtLeastOne = 20
    tolerance: Positive = 1e-9
    trim_low: Annotated[float, Field(ge=0, lt=1)] = 0.2
    trim_high: Annotated[float, Field(gt=1)] = 5.0
    collapse: tuple[Collapse, ...] = ()
    boost_column: str = ""
    boost_sources: tuple[str, ...] = ()
    session_column: str = ""
    sample: Literal["probability", "convenience", "census"] | None = None
    given_weight: str | None = None
    strata_column: str | None = None
    size: AtLeastOne | dict[str, AtLeastOne] | None = None


class Outcomes(Part):
    """One primary outcome, families of others, the smallest worthwhile change.

    Attributes
    ----------
    primary, secondary, exploratory, negative_controls : str, tuple of str
        Outcomes by family.
    primary_reason, secondary_reason, negative_controls_reason : str
        Why these.
    margin_sd, margin_share : float or None
        Smallest worthwhile change: in standard deviations of the first wave; of a share, in percentage points.
    positive : tuple of int
        Answers that count as positive.
    positive_of : dict or None
        Outcome to the answers of it that count as positive, where they are others.
    short : dict
        Outcome to a few words for a sentence.
    """

    primary: str
    primary_reason: str
    margin_sd: Positive | None = 0.2
    margin_share: Positive | None = 5.0
    positive: tuple[int, ...] = (4, 5)
    positive_of: dict[str, tuple[int, ...]] | None = None
    secondary: tuple[str, ...] = ()
    secondary_reason: str = ""
    exploratory: tuple[str, ...] = ()
    negative_controls: tuple[str, ...] = ()
    negative_controls_reason: str = ""
    short: dict[str, str] = {}

    def family(self, outcome: str) -> str:
        """Return the family of an outcome.

        Parameters
        ----------
        outcome : str
            Column or scale.

        Returns
        -------
        str
            "primary", "secondary", "exploratory" or "control"; "" for an outcome that the plan does not name.
        """
        for name in ("secondary", "exploratory"):
            if outcome in getattr(self, name):
                return name
        return "primary" if outcome == self.primary else "control" if outcome in self.negative_controls else ""


class Scale(Part):
    """A scale: the mean of its items for people who answered enough of them.

    Attributes
    ----------
    items : tuple of str
        Columns.
    label, reason : str
        Words for the scale, and why these items.
    least_items : int
        Answers under which the scale is missing.
    """

    items: tuple[str, ...]
    label: str
    least_items: AtLeastOne
    reason: str


class Treatment(Part):
    """Who counts as treated, the arms, and how the claim is checked.

    Attributes
    ----------
    column, treated, untreated : str, tuple of str
        Column that says who took part, and its levels for "yes" and "no"; "" for a study without a treatment.
    nobody_before : str or None
        Wave before which nobody can have taken part: an earlier wave that did not ask still serves.
    second_column, arms : str, dict
        Column of a second programme, and words for the four arms first, second, both, neither.
    aside_column, aside_levels : str, tuple of str
        People who help to run the programme: shown apart.
    dose_column, first_month_column : str
        How often, and the month of the first time.
    register_name, register_date : str
        Register that claims are checked against (`register` in the file), and its date column.
    specificity : tuple of float
        Shares (0 to 1) of people who did not attend and say so, to be tried.
    retrospective_column, link_column : str
        Remembered answer; code that links a person's answers across waves.
    route_columns : tuple of str
        Columns that say how an answer was collected.
    most_without_counterpart : float
        Largest share (0 to 1) of attendees who were reached by a route that nobody else shares.
    """

    column: str = ""
    treated: tuple[str, ...] = ()
    untreated: tuple[str, ...] = ()
    nobody_before: str | None = None
    second_column: str = ""
    arms: dict[str, str] = {}
    aside_column: str = ""
    aside_levels: tuple[str, ...] = ()
    dose_column: str = ""
    first_month_column: str = ""
    register_name: str = Field("", alias="register")
    register_date: str = ""
    specificity: tuple[Share, ...] = (0.95, 0.97, 0.98, 0.99, 0.995)
    retrospective_column: str = ""
    link_column: str = ""
    route_columns: tuple[str, ...] = ()
    most_without_counterpart: Share = 0.5


class Matching(Part):
    """The planned comparison and its bars.

    Attributes
    ----------
    prognostic : tuple of str
        Covariates that go most with the outcome.
    ratio : int
        Others matched to each attendee.
    caliper, caliper_scale : float or None, str
        Largest distance in standard deviations, and the scale that it is on.
    exact : tuple of str
        Covariates on which pairs must agree.
    replace, order : bool, str
        Whether one person may serve several attendees; who is matched first.
    most_unmatched : float
        Largest share (0 to 1) of attendees without a match.
    placebo_draws : int
        Treatments drawn by lot against which balance is judged.
    flag_smd, fail_smd : float
        Standardised mean differences that are printed as references.
    least_controls_ratio, largest_control_share : float
        Effective others per attendee, and the largest share (0 to 1) of the weight that one of them may have.
    least_overlap : float
        Least share (0 to 1) of attendees inside the common support.
    """

    prognostic: tuple[str, ...] = ()
    ratio: Annotated[int, Field(ge=1)] = 2
    caliper: Positive | None = 0.2
    caliper_scale: Literal["logit", "score", "logit_pooled"] = "logit"
    exact: tuple[str, ...] = ()
    replace: bool = False
    order: Literal["descending", "ascending", "closest", "data"] = "descending"
    most_unmatched: Share = 0.1
    placebo_draws: AtLeastOne = 200
    flag_smd: Positive = 0.1
    fail_smd: Positive = 0.25
    least_controls_ratio: Positive = 2.0
    largest_control_share: Share = 0.05
    least_overlap: Share = 0.8


class Design(Part):
    """One difference-in-differences design.

    Whom a design compares, with which weights and clusters, is fixed by its name (D1 to D5): docs/methods/did.md.

    Attributes
    ----------
    title, outcome, estimand : str
        Words for the design, its outcome, and what is estimated.
    group, group_levels : str, tuple of str
        Column and two levels that are compared, where the design compares groups of people; the first is the focus.
    licence : str
        The most that may be claimed: effect, association, exploratory or descriptive.
    planned : bool
        Whether the plan names its result beforehand.
    waves : tuple of str
        First and last wave.
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
    """How exposure of places is made from the events register.

    Attributes
    ----------
    register_name : str
        The register (`register` in the file).
    area_column, ward_column, city_level : str
        Column of the area; inside the area `city_level` the unit is the ward group.
    pre_waves : tuple of str
        Waves that were over before the first event.
    reached, since : tuple of str, str or None
        Where no register says it: the places that were reached, and the first wave held after that.
    """

    register_name: str = Field("events", alias="register")
    area_column: str
    ward_column: str = ""
    city_level: str = ""
    pre_waves: tuple[str, ...] = ()
    reached: tuple[str, ...] | None = None
    since: str | None = None


class Subset(Part):
    """A part of the sample that the comparison is repeated in.

    Attributes
    ----------
    name, column : str
        Words for it, and the column that decides.
    keep, drop : tuple of str
        Levels kept, or levels left out.
    """

    name: str
    column: str
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Sensitivity(Part):
    """Draws, axes, subsets and bars of the sensitivity analyses.

    Attributes
    ----------
    subsets : tuple of Subset
        The comparison is repeated in each.
    negative_exposures : tuple of Subset or None
        What cannot have moved anybody; None names none.
    kappa_sd : tuple of float
        Gaps between the groups beforehand, in standard deviations.
    shocks_points : tuple of float
        Shocks to one group only, in percentage points.
    response_correlations : tuple of float
        Correlations between answering and the answer.
    bootstrap_draws : int
        Draws of every bootstrap.
    specification_axes : tuple of str
        What the specification curve varies.
    disorder_window : tuple of str
        First and last day of disorder, as 2022-08-28.
    """

    subsets: tuple[Subset, ...] = ()
    negative_exposures: tuple[Subset, ...] | None = None  # what cannot have moved anybody; None names none
    kappa_sd: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    shocks_points: tuple[float, ...] = (0.0, 3.0, 5.0)
    response_correlations: tuple[float, ...] = (0.002, 0.005, 0.01)
    bootstrap_draws: AtLeastOne = 199
    specification_axes: tuple[str, ...] = ("outcome_form", "method", "covariates", "sample", "survey_weight")
    disorder_window: tuple[str, ...] = ()


class Power(Part):
    """What the next wave should be able to see.

    Attributes
    ----------
    power, size : float
        Chance of seeing it and of a false alarm, 0 to 1.
    target_points : float
        The difference, in percentage points.
    next_survey : str
        When the next survey is planned, in words ("spring 2027"); blank where no date is set.
    """

    power: Chance = 0.8
    size: Chance = 0.05
    target_points: Annotated[float, Field(gt=0, le=100)] = 10.0
    next_survey: str = ""


class Programme(Part):
    """Registers that the study holds, and the parameters of their measures.

    Attributes
    ----------
    registers : tuple of str
        Names of registers.
    police_heavy_ratio : float
        Officers per member of the public above which an event is listed.
    staff_rate : float
        Pounds an hour of staff time; 0 leaves it unvalued.
    staff_range : tuple of float or None
        Least and most that an hour of staff time may be worth, in pounds: value for money is shown at both.
    stop_group, stop_comparator : str
        Ethnic groups whose search rates are compared.
    recruit_goal : float
        Goal for the share of recruits, 0 to 1.
    """

    registers: tuple[str, ...] = ()
    police_heavy_ratio: Positive = 0.25
    staff_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    staff_range: tuple[Positive, Positive] | None = None
    stop_group: str = "Black"
    stop_comparator: str = "White"
    recruit_goal: Share = 0.25

    @field_validator("staff_range")
    @classmethod
    def _rising(cls, ends: tuple[float, float] | None) -> tuple[float, float] | None:
        if ends is not None and ends[0] > ends[1]:
            raise ValueError(f"the least comes first, then the most; got {list(ends)}")
        return ends


class PracticeBank(Part):
    """What the practice bank asks and no run can know; a blank is listed as one.

    Attributes
    ----------
    rating : str
        The bank's own word for how far the practice is tested; the words change, so that they stand here.
    published, topic, organisation, contact, email, region, partners, stage, start_date, scale, target_group : str
        Key details, as the bank names them.
    aim, learning, copyright : str
        What it is for, what was learnt by running it, and whose the text is.
    """

    rating: str = ""
    published: str = ""
    topic: str = ""
    organisation: str = ""
    contact: str = ""
    email: str = ""
    region: str = ""
    partners: str = ""
    stage: str = ""
    start_date: str = ""
    scale: str = ""
    target_group: str = ""
    aim: str = ""
    learning: str = ""
    copyright: str = ""


class Context(Part):
    """Whose trend stands beside the study's own, on the questions that another survey asks too.

    Attributes
    ----------
    area : str
        The area whose published figures are comparable; figures of another area are refused.
    ages : str
        Of whom the study is, in the words of the other surveys' references.
    """

    area: str = "England and Wales"
    ages: str = "16 and over"


class Crosswalk(Part):
    """From one list of groups to another, with the people whom both lists classified.

    Attributes
    ----------
    column : str
        The column whose groups are compared, derived or not.
    before, after : str
        Versions of the standard: the earlier list and the later.
    shares : mapping of str to mapping
        Of each group under the later list: which share of its people stood in which group of the earlier list.
    base : mapping of str to int
        People of each group whom both lists classified.
    source : str
        Where shares and bases come from.
    """

    column: str
    before: str
    after: str
    shares: dict[str, dict[str, Share]]
    base: dict[str, AtLeastOne]
    source: str

    @model_validator(mode="after")
    def _whole(self) -> Crosswalk:
        """Refuse shares that do not sum to one, and a group without a base: a crosswalk states its error."""
        for group, parts in self.shares.items():
            if abs(sum(parts.values()) - 1) > 1e-6:
                raise ValueError(f"the shares of {group!r} do not sum to 1")
            if group not in self.base:
                raise ValueError(f"base lacks {group!r}: how many of its people both lists classified")
        return self


class Lot(Part):
    """One lot: who or what is drawn, from which frame, and which wave's answers it serves.

    Attributes
    ----------
    kind : str
        "places" (which places get the next events first), "people" (who gets a personal invitation before the wave) or
        "modes" (which answers of a session are given alone).
    title, reason : str
        What is drawn, in a few words, and why by lot.
    unit : str
        Column that names the unit in the frame (`data_raw/lots/NAME.csv`) and in the survey.
    blocks : tuple of str
        Columns of the frame; the lot is drawn within every combination of them.
    share : float
        Share of each block that is drawn, 0 to 1.
    serves, before : str
        Wave whose answers are compared, and the wave of the earlier answer ("" for none).
    outcomes : tuple of str
        Outcomes compared; the primary one when none is named.
    public_number : str
        Words for the number, unknown today, that the draw waits for: "the six main numbers of the draw of 12 December".
    restrict, most_difference : tuple of str, float
        Columns of the frame that a draw must balance, and the largest difference in means, in standard deviations.
    done : str
        Column of the frame, filled in afterwards with yes or no: what was done with each unit.
    most_crossovers, most_attrition_gap : float
        Bars of the gates: share (0 to 1) of units dealt with otherwise than drawn, and the difference between the arms
        in the share who answered.
    neighbours : tuple of pairs of str
        Places that lie side by side.
    take_up : tuple of float
        Share (0 to 1) expected to take part when not drawn, and when drawn: for what the lot could see.
    answering : float
        Share (0 to 1) of people in the lot who are expected to answer.
    """

    kind: Literal["places", "people", "modes"]
    title: str
    reason: str
    unit: str
    blocks: tuple[str, ...] = ()
    share: Chance = 0.5
    serves: str
    before: str = ""
    outcomes: tuple[str, ...] = ()
    public_number: str
    restrict: tuple[str, ...] = ()
    most_difference: Positive = 0.5
    done: str = "done"
    most_crossovers: Share = 0.05
    most_attrition_gap: Share = 0.1
    neighbours: tuple[tuple[str, str], ...] = ()
    take_up: tuple[Share, Share] = (0.05, 0.25)
    answering: Chance = 0.7


class Review(Part):
    """A person's judgement of one domain of risk of bias: it counts only where it is worse than the rule's.

    Attributes
    ----------
    judgement : str
        "low", "moderate", "serious" or "critical".
    by, date, reason : str
        Who judged, when (2026-12-01) and why.
    """

    judgement: Literal["low", "moderate", "serious", "critical"]
    by: str
    date: str
    reason: str
