"""The study's change beside the country's on the same question, and minus it; or why the two cannot be compared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.analysis import contrasts, layout
from evaluation.analysis.programme import register_cells
from evaluation.errors import EvaluationError
from evaluation.exhibit import SHARE, Exhibit
from evaluation.intake import waves
from evaluation.intake.comparable_questions import official_hash
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.references import Harmonised
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, Result
from evaluation.statistics import external_series
from evaluation.statistics.external_series import Spread
from evaluation.table_builder import Row

EVERYBODY = "All adults"  # the group of the register's rows that make a series
REGISTER = "external_surveys"
MOST_DAYS = 366  # between the end of a figure's period and the end of fieldwork


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two waves, the published figures nearest to them, the series' spread, and what stands against comparing them."""

    before: str
    figures: pd.DataFrame
    moved: Spread | None
    years: float
    against: tuple[str, ...]

    @property
    def there(self) -> float:
        """The other survey's change, in percentage points."""
        return float(self.figures["estimate"].iloc[1] - self.figures["estimate"].iloc[0])

    @property
    def errors(self) -> tuple[float, ...]:
        """Standard errors of the two figures; none where one of them is not known."""
        rows = self.figures.reindex(columns=["estimate", "n_base", "lo", "hi"]).astype(float)
        found = [external_series.sampling_error(*row) for row in rows.itertuples(index=False)]
        return tuple(e for e in found if e is not None) if None not in found else ()


def series(rows: pd.DataFrame | None, repeated: Harmonised) -> pd.DataFrame:
    """Return the dated figures of everybody for a repeated question, from the years that the codebook allows, in order.

    Parameters
    ----------
    rows : DataFrame or None
        The register of other surveys' figures.
    repeated : Harmonised
        What the codebook states of the question.

    Returns
    -------
    DataFrame
        One row a figure.
    """
    if rows is None or not {"variable", "until", "group", "estimate"} <= set(rows):
        return pd.DataFrame(columns=["until", "estimate"])
    inside = rows["until"].dt.year.between(*repeated.years)
    wanted = (rows["variable"] == repeated.reference.key) & (rows["group"] == EVERYBODY) & inside
    return rows[wanted.fillna(False).to_numpy(dtype=bool)].sort_values("until")


def spread(figures: pd.DataFrame) -> Spread | None:
    """Return the series' own spread from figure to figure; None for fewer than three figures."""
    if figures.empty:
        return None
    ends = figures["until"]
    return external_series.spread(_years(ends), figures["estimate"].to_numpy(dtype=float))


def _years(days: pd.Series) -> np.ndarray:
    return ((days - pd.Timestamp(2000, 1, 1)).dt.days / 365.25).to_numpy(dtype=float)


def compared(plan: Plan, name: str, rows: pd.DataFrame | None, waves_: tuple[str, str]) -> Comparison:
    """Return what the change of a repeated question between two waves can be held against.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    name : str
        A question that the codebook marks as harmonised.
    rows : DataFrame or None
        The register of other surveys' figures.
    waves_ : tuple of two str
        The earlier wave and the later.

    Returns
    -------
    Comparison
        `against` names each of wording, mode, age range and area that differs, missing figures, and a series without
        base or spread.
    """
    repeated = plan.codebook.harmonised[name]
    found, infos = series(rows, repeated), tuple(waves.info(plan, w) for w in waves_)
    nearest = [_nearest(found, info) for info in infos]
    figures = pd.concat([n for n in nearest if n is not None]) if any(n is not None for n in nearest) else found.head(0)
    made = Comparison(waves_[0], figures, spread(found), years_between(plan, *waves_), ())
    against = [*_wording(plan, name, infos), *_circumstances(plan, infos, figures)]
    for info, near in zip(infos, nearest, strict=True):
        if near is None:
            against.append(f"figures: {repeated.reference.survey} has none within a year of {info.wave}")
    if not against and figures.index.duplicated().any():
        against.append(f"figures: only that of {figures['period'].iloc[0]} is near the two surveys")
    if not against and made.moved is None and len(made.errors) < 2:
        against.append(f"the series {repeated.reference.key} has neither base nor spread")
    return Comparison(made.before, figures, made.moved, made.years, tuple(against))


def _nearest(found: pd.DataFrame, info: WaveInfo) -> pd.DataFrame | None:
    """Return the figure whose period ends nearest to the end of a wave's fieldwork, within a year; None for none."""
    if found.empty or info.end is None:
        return None
    away = (found["until"] - pd.Timestamp(info.end)).dt.days.abs()
    return found.loc[[away.idxmin()]] if away.min() <= MOST_DAYS else None


def _wording(plan: Plan, name: str, infos: Sequence[WaveInfo]) -> list[str]:
    hashes = {info.wave: official_hash(plan, info, name) for info in infos}
    blank = [wave for wave, text in hashes.items() if not text]
    if blank:
        return [f"wording: the official words of {' and '.join(blank)} were not pasted"]
    if len(set(hashes.values())) > 1:
        return [f"wording: {' and '.join(f'{wave} used words {text}' for wave, text in hashes.items())}"]
    return []


def _circumstances(plan: Plan, infos: Sequence[WaveInfo], figures: pd.DataFrame) -> list[str]:
    """Return mode, age range and area where the figures and the study differ, or one of them is not stated."""
    said = {c: figures.get(c, pd.Series(pd.NA, figures.index)).fillna("not stated") for c in ("mode", "ages", "area")}
    here = {"mode": [i.mode or "not stated" for i in infos], "ages": [plan.context.ages], "area": [plan.context.area]}
    words = {"mode": "mode", "ages": "age range", "area": "area"}
    out = []
    for column, own in here.items():
        there = list(dict.fromkeys(said[column]))
        if there and ({*own, *there} != {own[0]} or "not stated" in own):
            out.append(f"{words[column]}: here {', '.join(dict.fromkeys(own))}, there {', '.join(there)}")
    return out


def trend(plan: Plan, wave: str, registers: register_cells.Registers, own: Sequence[Result]) -> Exhibit:
    """Return the study's change on each repeated question beside the other survey's, and minus it.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        The report's wave.
    registers : mapping of str to DataFrame
        The registers held.
    own : sequence of Result
        The study's own changes in the share, since each earlier wave that asked, as notebook 05 kept them.

    Returns
    -------
    Exhibit
        One row a question.
    """
    rows = register_cells.register(plan, wave, registers, REGISTER)
    table, against = layout.table(plan, wave, "context.trend", area=plan.context.area), dict[str, tuple[str, ...]]()
    for name, repeated in plan.codebook.harmonised.items():
        changes = {since(r): r for r in own if r.outcome == name}
        if not changes:
            continue
        tried = {before: compared(plan, name, rows, (before, wave)) for before in changes}
        chosen = next((b for b, c in tried.items() if not c.against), next(iter(tried)))
        against[name] = tried[chosen].against
        _row(table.row(name, plan.label_of(name)), plan, wave, changes[chosen], tried[chosen], repeated)
    refused = sum(bool(found) for found in against.values())
    if refused:
        table.note("partly", n=refused)
    return table.exhibit()


def since(change: Result) -> str:
    """Return the earlier wave of one of the study's own changes, from its id."""
    return change.id.rpartition(".since-")[2].upper()


def _row(row: Row, plan: Plan, wave: str, own: Result, comparison: Comparison, repeated: Harmonised) -> None:
    row.estimate("here", own)
    if not isinstance(own, Estimate):
        return
    if comparison.against:
        refusal = NotIdentified(f"not compared ({'; '.join(comparison.against)})", _help(repeated))
        row.text("figures", f"not compared; {'; '.join(comparison.against)}")
        row.estimate("minus", _named(plan, wave, own, refusal, repeated))
        return
    first, last = comparison.figures.itertuples(index=False)
    row.number("there", comparison.there)
    row.text("figures", f"{first.estimate:g} per cent ({first.period}), {last.estimate:g} per cent ({last.period})")
    if comparison.moved is not None:
        row.number("moved", comparison.moved.per_year)
    found = external_series.beside(
        own, comparison.there, errors=comparison.errors, moved=comparison.moved, years=comparison.years
    )
    row.estimate("minus", _named(plan, wave, own, found, repeated))


def _help(repeated: Harmonised) -> str:
    return f"Ask it as {repeated.reference.survey} does, and paste its official words: {repeated.reference.words}."


def _named(plan: Plan, wave: str, own: Estimate, found: Result, repeated: Harmonised) -> Result:
    short = contrasts.short(plan, own.outcome)
    return contrasts.name(
        found,
        "trend",
        outcome=own.outcome,
        group="all",
        wave=wave,
        unit=SHARE,
        null=0.0,
        margin=plan.outcomes.margin_share,
        licence="descriptive",
        question=f"Has {short} moved here otherwise than in {plan.context.area}, by {repeated.reference.survey}?",
    )


def years_between(plan: Plan, before: str, wave: str) -> float:
    """Return the years between the ends of fieldwork of two waves; 0 where one is not known."""
    first, last = fieldwork_end(plan, before), fieldwork_end(plan, wave)
    return (last - first).days / 365.25 if first and last else 0.0


def spreads(plan: Plan, rows: pd.DataFrame | None) -> dict[str, Spread]:
    """Return the own spread of the series of each repeated question that has one, by the question's name."""
    made = {n: spread(series(rows, repeated)) for n, repeated in plan.codebook.harmonised.items()}
    return {name: found for name, found in made.items() if found is not None}


def match_words(plan: Plan, row: object, latest: Mapping[str, str]) -> str:
    """Return whether a published figure is of a question asked here, or why it is not compared.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    row : object
        A row of the register.
    latest : mapping of str to str
        Hash of the official words that the latest wave used, by question; "" where nobody pasted them.

    Returns
    -------
    str
        In words.
    """
    key = register_cells.optional(row, "variable")
    if pd.isna(key) or not str(key).strip():
        own = {plan.label_of(o).strip().lower() for o in plan.all_outcomes}
        same = str(register_cells.optional(row, "wording")).strip().lower() in own
        return "yes, the same wording" if same else "no: its wording is not known"
    asked = {n: r for n, r in plan.codebook.harmonised.items() if r.reference.key == key}
    if not asked:
        return "no: not asked here; the next questionnaire proposes it"
    if not any(latest.get(n) for n in asked):
        return "no: its official words were not pasted"
    if register_cells.optional(row, "group") != EVERYBODY:
        return "the same question, of another group"
    return "yes, the same question"


def latest_hashes(plan: Plan, wave: str) -> dict[str, str]:
    """Return the hash of the official words that a wave used, for each repeated question; "" for none."""
    try:
        info = waves.info(plan, wave)
    except (EvaluationError, OSError):
        return {}
    return {name: official_hash(plan, info, name) for name in plan.codebook.harmonised}


def fieldwork_end(plan: Plan, wave: str) -> dt.date | None:
    """Return the last day of a wave's fieldwork; None where it is not known."""
    try:
        return waves.info(plan, wave).end
    except (EvaluationError, OSError):
        return None
