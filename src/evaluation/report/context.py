"""The context of a report besides its results: the study's words, waves, dates, status and manifest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from evaluation.analysis import vocabulary
from evaluation.results import Gate

if TYPE_CHECKING:
    from evaluation.plan.schema import Contact, Words
    from evaluation.plan.study import Plan


MOCK = "MOCK: OUTCOMES SHUFFLED"


@dataclass(frozen=True, slots=True)
class WaveWords:
    """A wave in words: its label, its fieldwork (None when not recorded), and whether attendance was asked."""

    id: str
    label: str
    start: dt.date | None = None
    end: dt.date | None = None
    attendance_asked: bool = True
    origin: str = "real"

    def fieldwork(self) -> str:
        """Return the fieldwork in words, or say that it was not recorded."""
        if self.start is None or self.end is None:
            return "fieldwork dates not recorded"
        return f"{long_date(self.start)} to {long_date(self.end)}"

    def year(self) -> str:
        """Return the year of the wave from its id."""
        return self.id[1:5]


@dataclass(frozen=True, slots=True)
class SenseCheckRow:
    """One theme as the checking group judged it: agreed, amended or rejected, when, and in its own words."""

    theme: str
    verdict: str
    date: str = ""
    words: str = ""
    action: str = ""


class KnownTruth(TypedDict, total=False):
    """The table of the code tried where the truth is known, and what it was made with."""

    header: list[str]
    rows: list[list[str]]
    made_on: str
    digest: str
    stale: bool


@dataclass(frozen=True, slots=True)
class ReportContext:
    """Everything a page prints that is not a result.

    Attributes
    ----------
    title : str
        Title of the study.
    plan : study.Plan
        Read for words, sizes, margins and thresholds only.
    wave : str
        Id of the report's wave; `waves` holds it and those before it, in order.
    date : date
        The report's date (never the clock).
    status : str
        "draft" or "checked"; `draft_reasons` say why it is a draft.
    synthetic : bool
        True when any input is synthetic, or shuffled: every page and image is stamped.
    mock : bool
        True when the outcomes are shuffled: a rehearsal of the report, no report.
    absent : mapping
        Section ("policy-9") to the reason why it has nothing; a default reason stands otherwise.
    manifest : mapping
        Safe facts about the run (digests, versions, seed), printed in annex A.
    planned_said : str
        How the results called planned compare with those that the frozen plan foretells.
    plan_traces, fixed_before : tuple of str, bool or None
        What tells when the plan was frozen, and whether it shows that this was before answers were opened.
    known_truth : mapping or None
        The table of annex P: header, rows, made_on, digest, stale; None where no table was made.
    """

    title: str
    plan: Plan
    wave: str
    date: dt.date
    waves: tuple[WaveWords, ...] = ()
    status: str = "draft"
    draft_reasons: tuple[str, ...] = ()
    synthetic: bool = False
    mock: bool = False
    gates: tuple[Gate, ...] = ()
    manifest: Mapping[str, object] = field(default_factory=dict)
    environment: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    planned_said: str = ""
    plan_traces: tuple[str, ...] = ()
    fixed_before: bool | None = None
    absent: Mapping[str, str] = field(default_factory=dict)
    sense_check: tuple[SenseCheckRow, ...] = ()
    known_truth: KnownTruth | None = None

    @property
    def words(self) -> Words:
        """The study's words (programme, place, groups)."""
        return self.plan.words

    @property
    def contact(self) -> Contact:
        """Who owns, funded, ran and checked the study."""
        return self.plan.contact

    @property
    def checked(self) -> bool:
        """Whether the checking group has gone through every theme and nothing else makes this a draft."""
        return self.status == "checked"

    @property
    def focus(self) -> str:
        """Code of the group that the study is about, from the first design that names two groups; else "all"."""
        return self._groups()[0]

    @property
    def comparison(self) -> str:
        """Code of the group that the focus group is compared with, or ""."""
        return self._groups()[1]

    def _groups(self) -> tuple[str, str]:
        for design in self.plan.designs.values():
            if len(design.group_levels) == 2:
                return design.group_levels[0], design.group_levels[1]
        return "all", ""

    def own(self, text: str) -> str:
        """Return a text of the package, which holds no word of the plan, in the study's vocabulary."""
        return vocabulary.own(self.plan, text)

    def group_words(self, code: str) -> str:
        """Return a group in words: the study's own for the compared groups, "all respondents", else the code."""
        named = {self.focus: self.words.focus_group, self.comparison: self.words.comparison_group}
        named["all"] = "people who answered"
        return named.get(code) or code.replace("_", " ")

    def wave_words(self, wave: str) -> WaveWords:
        """Return a wave's words; an unknown wave is named by its id."""
        return next((w for w in self.waves if w.id.lower() == wave.lower()), WaveWords(wave.upper(), wave.upper()))

    def when(self, wave: str) -> str:
        """Return a survey's date in a word or two: its year; with the month where another survey has that year."""
        found = self.wave_words(wave)
        alike = [w for w in self.waves if w.year() == found.year()]
        if len(alike) < 2:
            return found.year()
        return found.label if found.start is None else f"{MONTHS[found.start.month - 1]} {found.start.year}"

    @property
    def before(self) -> tuple[WaveWords, ...]:
        """The waves before the report's, in order."""
        return tuple(w for w in self.waves if w.id != self.wave)

    def cover(self) -> str:
        """Return the line above the title: place, institution, and the programme spelled out."""
        long, short = self.words.programme_long, self.words.programme
        spelled = long if short == long or short in long else f"{long} ({short})"
        named = {"place": self.words.place, "institution": self.words.institution, "programme_long": spelled}
        return " · ".join(dict.fromkeys(v for k, v in named.items() if k in self.words.model_fields_set))

    @property
    def of_nobody(self) -> str:
        """What the data are, where they describe nobody: "synthetic data" or "outcomes shuffled"; else ""."""
        return "outcomes shuffled" if self.mock else "synthetic data" if self.synthetic else ""

    def stamp(self) -> str:
        """Return what every page and image carries: "SYNTHETIC DATA · DRAFT", or "" for neither; a mock says so."""
        marks = [MOCK] if self.mock else ["SYNTHETIC DATA"] if self.synthetic else []
        return " · ".join(marks + ([] if self.checked else ["DRAFT"]))

    def through(self) -> str:
        """Return the last day of fieldwork in the data, in words."""
        ends = [w.end for w in self.waves if w.end is not None]
        return long_date(max(ends)) if ends else "not recorded"

    def short(self, outcome: str) -> str:
        """Return an outcome in a few words for the middle of a sentence."""
        short = self.plan.outcomes.short.get(outcome)
        if short:
            return short
        try:
            return f"the answer to “{self.plan.label_of(outcome)}”"
        except (KeyError, ValueError, AttributeError):
            return outcome.replace("_", " ")


def long_date(day: dt.date) -> str:
    """Return a date as "4 July 2026"."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
