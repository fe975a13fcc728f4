"""Simulate respondents: residents by the population margins, attendance, latent trust and answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Truth = dict[str, Any]  # of truth.toml: a section to its numbers by name

ETHNIC19 = {
    "asian": ("asian_indian", "asian_pakistani", "asian_bangladeshi", "asian_chinese", "asian_other"),
    "black": ("black_african", "black_caribbean", "black_other"),
    "mixed": ("mixed_white_black_caribbean", "mixed_white_asian", "mixed_white_black_african", "mixed_other"),
    "white": ("white_british", "white_other", "white_irish"),
    "other": ("other_any", "other_arab"),
}
DISTRICTS = {
    "blaby": 0.14,
    "charnwood": 0.26,
    "harborough": 0.13,
    "hinckley_bosworth": 0.16,
    "melton": 0.07,
    "nw_leicestershire": 0.14,
    "oadby_wigston": 0.07,
    "rutland": 0.03,
}
BANDS = {
    "16_24": ("16_17", "18_24"),
    "25_34": ("25_34",),
    "35_49": ("35_49",),
    "50_64": ("50_64",),
    "65_plus": ("65_74", "75_plus"),
}
EXPOSED_GROUPS = ("lg1", "lg2", "lg3", "lg4")
EXPOSED_DISTRICTS = ("charnwood", "oadby_wigston")
TRUST_ITEMS = ("trust_respect", "trust_protect", "trust_involve", "trust_represent", "trust_fair", "trust_listen")
CONTROLS = ("nhs_confidence", "council_satisfaction", "refuse_satisfaction")


def residents(n: int, margins: pd.DataFrame, truth: Truth, rng: np.random.Generator) -> pd.DataFrame:
    """Return `n` people as the survey meets them: by the margins, with more Black and city residents than live here."""
    cells = margins[margins["margin"] == "ethnic5_area2"]
    weight = cells["population"].to_numpy(dtype=float)
    parts = cells["cell"].str.split("|", expand=True)
    pull = np.where(parts[1] == "city", truth["sampling"]["city_pull"], 1.0)
    black = (parts[0] == "black").to_numpy()
    weight = weight * pull
    share = truth["sampling"]["black_share"]
    weight = np.where(black, share * weight / weight[black].sum(), (1 - share) * weight / weight[~black].sum())
    place = rng.choice(len(cells), n, p=weight / weight.sum())
    ethnic5, area2 = parts[0].to_numpy()[place], parts[1].to_numpy()[place]
    ages = margins[margins["margin"] == "age5_sex"]
    age_sex = ages["cell"].str.split("|", expand=True)
    p = ages["population"].to_numpy(dtype=float)
    young = np.where(age_sex[0].isin(["16_24", "25_34"]), 1.5, 1.0)
    row = np.where(
        np.isin(ethnic5, ["white"]),
        rng.choice(len(ages), n, p=p / p.sum()),
        rng.choice(len(ages), n, p=p * young / (p * young).sum()),
    )
    age5, sex = age_sex[0].to_numpy()[row], age_sex[1].to_numpy()[row]
    district = rng.choice(list(DISTRICTS), n, p=np.array(list(DISTRICTS.values())))
    groups = np.array([f"lg{i}" for i in range(1, 9)])
    frame = pd.DataFrame(
        {
            "ethnic5": ethnic5,
            "age5": age5,
            "sex": sex,
            "area": np.where(area2 == "city", "leicester", district),
            "ward_group": np.where(area2 == "city", rng.choice(groups, n), ""),
            "ethnic_group": [rng.choice(ETHNIC19[e], p=_falling(len(ETHNIC19[e]))) for e in ethnic5],
            "age_band": [rng.choice(BANDS[a]) for a in age5],
            "education": rng.choice(["none", "below_degree", "degree", "other"], n, p=[0.16, 0.46, 0.33, 0.05]),
            "years_in_llr": np.clip(rng.gamma(2.0, 12.0, n).astype(int), 0, 80),
            "disability": rng.choice(["yes", "no"], n, p=[0.17, 0.83]),
            "unseen": rng.normal(0, 1, n) + truth["sampling"]["readiness"],
        }
    )
    early = frame["age5"] == "16_24"
    retired = rng.random(n) < frame["age5"].map({"65_plus": 0.85, "50_64": 0.12}).fillna(0.0)
    work = rng.choice(["working", "unemployed", "student", "other"], n, p=[0.74, 0.06, 0.08, 0.12])
    frame["work_status"] = np.where(retired, "retired", np.where(early & (rng.random(n) < 0.5), "student", work))
    frame["exposed"] = frame["ward_group"].isin(EXPOSED_GROUPS) | frame["area"].isin(EXPOSED_DISTRICTS)
    return frame


def _falling(n: int) -> np.ndarray:
    p = 0.5 ** np.arange(n)
    return p / p.sum()


def attend(people: pd.DataFrame, truth: Truth, rng: np.random.Generator) -> pd.DataFrame:
    """Return people with `attended` and `iag`: who goes depends on what is seen and on the unseen trait."""
    a = truth["attending"]
    log_odds = (
        a["base"]
        + a["black"] * (people["ethnic5"] == "black")
        + a["city"] * (people["area"] == "leicester")
        + a["degree"] * (people["education"] == "degree")
        + a["exposed"] * people["exposed"]
        + a["age_50_plus"] * people["age5"].isin(["50_64", "65_plus"])
        + a["unseen"] * people["unseen"]
    )
    attended = rng.random(len(people)) < _logistic(log_odds)
    iag_odds = a["iag"] + a["iag_if_attended"] * attended + 0.6 * (people["ethnic5"] == "black")
    return people.assign(attended=attended, iag=rng.random(len(people)) < _logistic(iag_odds))


def _logistic(x: pd.Series | np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(x, dtype=float)))


def latent(people: pd.DataFrame, wave: str, truth: Truth) -> np.ndarray:
    """Return each person's trust before attending and before noise, on the latent scale."""
    t = truth["trust"]
    black, city = people["ethnic5"] == "black", people["area"] == "leicester"
    base = (
        t["black"] * black
        + t["young"] * (people["age5"] == "16_24")
        + t["city"] * city
        + t["degree"] * (people["education"] == "degree")
        + t["unseen"] * people["unseen"]
        + t.get(f"wave_{wave}", 0.0)
        + t.get(f"black_{wave}", 0.0) * black
        + t.get(f"disorder_city_{wave}", 0.0) * city
    )
    return base.to_numpy(dtype=float)


def answers(
    people: pd.DataFrame, wave: str, session: np.ndarray, truth: Truth, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the answers 1 to 5 of every outcome: latent trust, effects of attending, session, noise, cut in five."""
    effect, noise = truth["effect"], truth["items"]["noise"]
    first = wave == "W2022"
    went = np.zeros(len(people)) if first else people["attended"].to_numpy(dtype=float)
    reached = np.zeros(len(people)) if first else people["exposed"].to_numpy(dtype=float)
    iag = np.zeros(len(people)) if first else people["iag"].to_numpy(dtype=float)
    shared = rng.normal(0, truth["sampling"]["session_sd"], session.max() + 1)[session]
    mood = latent(people, wave, truth) + shared + reached * effect["spill_to_exposed"] + iag * effect["iag"]
    person = rng.normal(0, 0.35, len(people))
    out = {}
    names = [
        "conf_overall",
        "satis_overall",
        "prap_aware",
        "trust_overall",
        *TRUST_ITEMS,
        "influence",
        "understand_police",
        "know_rights",
        "would_report_hate",
    ]
    shift, black = truth["items"].get("shift_black", {}), (people["ethnic5"] == "black").to_numpy(dtype=float)
    for name in names:
        size = effect["trust_items"] if name in TRUST_ITEMS else effect.get(name, 0.0)
        y = mood + person + went * size + shift.get(name, 0.0) * black + rng.normal(0, noise, len(people))
        out[name] = cut(y, 3 if name == "prap_aware" else 4 if name == "know_rights" else 5)
    for name in CONTROLS:
        y = truth["items"]["control_unseen"] * people["unseen"].to_numpy() + 0.3 + rng.normal(0, 1, len(people))
        out[name] = cut(y, 5)
    before = latent(people, "W2022", truth) + person + rng.normal(0.05, noise, len(people))
    out["conf_then"] = cut(before, 5)
    return pd.DataFrame(out, index=people.index)


HARMONISED = {"police_confidence": 5, "police_good_job": 5, "patrol_seen": 6}  # questions of the Crime Survey: answers


def harmonised_answers(people: pd.DataFrame, wave: str, truth: Truth, rng: np.random.Generator) -> pd.DataFrame:
    """Return answers to the questions that another survey asks too, "dk" and blanks included.

    They are drawn from a stream of their own, so that no other answer depends on whether they were asked.
    """
    mood, n = latent(people, wave, truth), len(people)
    went = people["attended"].to_numpy(dtype=float) * truth["effect"]["conf_overall"]
    out = {}
    for name, levels in HARMONISED.items():
        seen = 0.2 * rng.normal(0, 1, n) if name == "patrol_seen" else mood + went
        answers = cut(seen + rng.normal(0, truth["items"]["noise"] + 0.2, n), levels).astype(object)
        answers[rng.random(n) < truth["items"]["dont_know"]] = "dk"
        answers[rng.random(n) < 0.01] = ""
        out[name] = answers
    return pd.DataFrame(out, index=people.index)


CUTS = {6: (-0.3, 0.4, 0.8, 1.3, 2.2), 5: (-1.1, -0.35, 0.35, 1.35), 4: (-0.9, 0.1, 1.1), 3: (0.3, 1.2)}


def cut(y: np.ndarray, levels: int) -> np.ndarray:
    """Return a latent value as an answer from 1 to `levels`."""
    return 1 + np.searchsorted(CUTS[levels], y)
