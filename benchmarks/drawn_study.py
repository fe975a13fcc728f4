"""Studies drawn in memory from the synthetic room's model, in the columns that the answers room receives."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation.intake import waves
from evaluation.plan import study
from evaluation.synthetic import people as drawn
from evaluation.synthetic import read_truth

ROOT = Path(__file__).resolve().parents[1]
OUTCOMES = (
    "conf_overall",
    "satis_overall",
    "prap_aware",
    "trust_overall",
    *drawn.TRUST_ITEMS,
    "influence",
    "understand_police",
    "know_rights",
    "would_report_hate",
    *drawn.CONTROLS,
    "conf_then",
)
WAVES = ("W2022", "W2024", "W2025")
NO_EFFECT = {
    "conf_overall": 0.0,
    "satis_overall": 0.0,
    "prap_aware": 0.0,
    "trust_overall": 0.0,
    "trust_items": 0.0,
    "influence": 0.0,
    "understand_police": 0.0,
    "know_rights": 0.0,
    "would_report_hate": 0.0,
    "spill_to_exposed": 0.0,
    "iag": 0.0,
}
NO_CHANGE = {"wave_W2024": 0.0, "wave_W2025": 0.0, "black_W2025": 0.0, "disorder_city_W2022": 0.0}
EVENTS = pd.DataFrame(
    {
        "event_date": [pd.Timestamp(2023, 1, 1)] * 6,
        "area": ["leicester"] * 4 + list(drawn.EXPOSED_DISTRICTS),
        "ward_group": [*drawn.EXPOSED_GROUPS, None, None],
    }
)
FIELDWORK = {
    "W2022": (dt.date(2022, 8, 15), dt.date(2022, 10, 14)),
    "W2024": (dt.date(2024, 5, 6), dt.date(2024, 7, 12)),
    "W2025": (dt.date(2025, 9, 1), dt.date(2025, 11, 14)),
}


def load() -> tuple[Any, dict[str, pd.Series], pd.DataFrame]:
    """Return the shipped plan, its margins, and the margins as the synthetic room reads them."""
    plan = study.load(ROOT / "study.toml")
    return plan, waves.margins(plan), pd.read_csv(ROOT / plan.population.margins_file)


def truth(**sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shipped truth with some of its values replaced, section by section."""
    made = copy.deepcopy(read_truth())
    for name, values in sections.items():
        made[name] |= values
    return made


def plain(columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return a frame whose words are Python strings (faster here than the default string type)."""
    return pd.DataFrame({k: pd.Series(v, dtype=object if v.dtype.kind in "OU" else None) for k, v in columns.items()})


class Residents:
    """Draws residents as `synthetic.people.residents` does, as arrays: levels by the same chances, none by a loop."""

    def __init__(self, margins: pd.DataFrame, truth_: Mapping[str, Any]) -> None:
        s = truth_["sampling"]
        cells = margins[margins["margin"] == "ethnic5_area2"]
        parts = cells["cell"].str.split("|", expand=True).to_numpy()
        weight = cells["population"].to_numpy(float) * np.where(parts[:, 1] == "city", s["city_pull"], 1.0)
        black = parts[:, 0] == "black"
        share = s["black_share"]
        weight = np.where(black, share * weight / weight[black].sum(), (1 - share) * weight / weight[~black].sum())
        self.ethnic, self.place, self.chance = parts[:, 0].astype(object), parts[:, 1], weight / weight.sum()
        ages = margins[margins["margin"] == "age5_sex"]
        rows = ages["cell"].str.split("|", expand=True).to_numpy()
        people = ages["population"].to_numpy(float)
        young = people * np.where(np.isin(rows[:, 0], ["16_24", "25_34"]), 1.5, 1.0)
        self.age, self.sex = rows[:, 0].astype(object), rows[:, 1].astype(object)
        self.ages = {True: people / people.sum(), False: young / young.sum()}
        self.readiness = s["readiness"]

    def draw(self, n: int, rng: np.random.Generator) -> pd.DataFrame:
        """Return `n` people with what is true of them before anything is asked."""
        cell = rng.choice(len(self.ethnic), n, p=self.chance)
        ethnic, city = self.ethnic[cell], self.place[cell] == "city"
        row = np.where(
            ethnic == "white",
            rng.choice(len(self.age), n, p=self.ages[True]),
            rng.choice(len(self.age), n, p=self.ages[False]),
        )
        age = self.age[row]
        district = rng.choice(np.array(list(drawn.DISTRICTS), object), n, p=list(drawn.DISTRICTS.values()))
        area = np.where(city, "leicester", district)
        ward = np.where(city, rng.choice(np.array([f"lg{i}" for i in range(1, 9)], object), n), None)
        work = rng.choice(
            np.array(["working", "unemployed", "student", "other"], object), n, p=[0.74, 0.06, 0.08, 0.12]
        )
        retired = rng.random(n) < np.where(age == "65_plus", 0.85, np.where(age == "50_64", 0.12, 0.0))
        work = np.where(retired, "retired", np.where((age == "16_24") & (rng.random(n) < 0.5), "student", work))
        return plain(
            {
                "ethnic5": ethnic,
                "age5": age,
                "sex": self.sex[row],
                "area": area,
                "ward_group": ward,
                "education": rng.choice(
                    np.array(["none", "below_degree", "degree", "other"], object), n, p=[0.16, 0.46, 0.33, 0.05]
                ),
                "work_status": work,
                "years_in_llr": np.clip(rng.gamma(2.0, 12.0, n).astype(int), 0, 80),
                "disability": rng.choice(np.array(["yes", "no"], object), n, p=[0.17, 0.83]),
                "unseen": rng.normal(0, 1, n) + self.readiness,
                "exposed": np.isin(ward.astype(str), drawn.EXPOSED_GROUPS) | np.isin(area, drawn.EXPOSED_DISTRICTS),
            }
        )


def draw(
    truth_: Mapping[str, Any],
    margins: pd.DataFrame,
    rng: np.random.Generator,
    names: tuple[str, ...] = WAVES,
    times: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return people (design columns) and answers of the waves named, `times` as many as the truth's sizes.

    Non-response to a question and people who give no ethnic group, age or education are drawn as in the shipped study;
    claims of attendance are not checked against months.
    """
    residents, before, people, answers = Residents(margins, truth_), None, [], []
    for name in names:
        who = _wave_people(truth_, residents, name, before, rng, times)
        before = who if name == "W2024" else before
        session = _sessions(truth_, name, who, rng, times)
        given = drawn.answers(who, name, session, truth_, rng)
        if times == 1:
            given = given.astype(float).mask(rng.random(given.shape) < truth_["items"]["dont_know"] + 0.01)
        people.append(_design(who, name, session, truth_, rng, times))
        answers.append(given if name != "W2022" else given[["conf_overall", "satis_overall", "prap_aware"]])
    index = pd.RangeIndex(sum(map(len, people)))
    joined = pd.concat(answers, ignore_index=True).reindex(columns=list(OUTCOMES))
    return pd.concat(people, ignore_index=True).set_axis(index), joined.set_axis(index)


def _wave_people(truth_, residents, name, before, rng, times) -> pd.DataFrame:
    """Return who answers: the general sample, linked people of the wave before, the boost of attendees."""
    sizes = truth_["sizes"]
    n, boost = times * sizes[name], times * sizes.get(f"boost_{name}", 0)
    linked = times * sizes["linked"] if name == "W2025" and before is not None else 0
    parts = [drawn.attend(residents.draw(n - linked, rng), truth_, rng).assign(boost=False, link=None)]
    if linked:
        again = before[before["link"].notna()].head(linked).copy()
        odds = truth_["attending"] | {"base": truth_["attending"]["base_linked"]}
        newly = drawn.attend(again, {**truth_, "attending": odds}, rng)
        again["attended"] = again["attended"] | newly["attended"]
        parts.append(again.assign(boost=False))
    if boost:
        crowd = drawn.attend(residents.draw(12 * boost, rng), truth_, rng)
        went = crowd[crowd["attended"]].head(int(0.92 * boost))
        other = crowd[~crowd["attended"]].head(boost - len(went))
        parts.append(pd.concat([went, other]).assign(boost=True, link=None))
    people = pd.concat(parts, ignore_index=True)
    if name == "W2024":
        general = np.flatnonzero(~people["boost"].to_numpy())[: times * sizes["linked"]]
        people.loc[general, "link"] = [f"K{i}" for i in range(len(general))]
    return people


def _sessions(truth_, name, people, rng, times) -> np.ndarray:
    count = times * truth_["sampling"][f"sessions_{name}"]
    size = rng.gamma(6.0, 1.0, count)
    general = rng.choice(count, len(people), p=size / size.sum())
    lists = count + rng.integers(0, max(int(people["boost"].sum()) // 9, 1), len(people))
    return np.unique(np.where(people["boost"], lists, general), return_inverse=True)[1]


def _design(people, name, session, truth_, rng, times) -> pd.DataFrame:
    n, area = len(people), people["area"]
    frame = people.drop(columns=["iag"]) if times > 1 else people.drop(columns=["unseen", "exposed", "attended", "iag"])
    frame["wave"] = name
    frame["session_id"] = _words([f"{name}.{s}" for s in session])
    frame["sample_source"] = _words(np.where(people["boost"], "event_optin", "community_group"))
    says = people["attended"] | (rng.random(n) < truth_["attending"]["false_yes"])
    asked = name != "W2022"
    frame["lpact_attended"] = _words(np.where(says, "yes", "no") if asked else [None] * n)
    frame["iag_attended"] = _words(np.where(people["iag"], "yes", "no") if asked else [None] * n)
    if times == 1:
        for column in ("age5", "ethnic5", "sex", "education", "disability"):
            frame.loc[rng.random(n) < truth_["items"]["not_stated"], column] = None
    frame["area2"] = _words(np.where(area == "leicester", "city", "elsewhere"))
    frame["area3"] = _words(np.select([area == "leicester", area == "rutland"], ["leicester", "rutland"], "county"))
    unknown = frame["ethnic5"].isna()
    frame["focus"] = _words(np.where(frame["ethnic5"] == "black", "black", np.where(unknown, None, "other")))
    return frame


def _words(values: Any) -> np.ndarray:
    return pd.Series(values, dtype=object).to_numpy()
