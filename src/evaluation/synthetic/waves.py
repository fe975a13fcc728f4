"""Turn simulated people into the three waves: sampling, mode of collection and missing answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd

from evaluation.synthetic import people as drawn
from evaluation.synthetic.people import Truth

FIELDWORK = {
    "W2022": (dt.date(2022, 8, 15), dt.date(2022, 10, 14)),
    "W2024": (dt.date(2024, 5, 6), dt.date(2024, 7, 12)),
    "W2025": (dt.date(2025, 9, 1), dt.date(2025, 11, 14)),
}


Invite = Callable[[pd.DataFrame], set[str]]  # the answers of a wave to the link codes that a lot drew for invitation


def draw(truth: Truth, margins: pd.DataFrame, seed: int, invite: Invite | None = None) -> dict[str, pd.DataFrame]:
    """Return the answers of each wave as a clean frame (codes of the codebook, "" for a blank).

    `invite` draws by lot which people of W2024 are invited before W2025; without it nobody is.
    """
    streams = dict(zip(FIELDWORK, np.random.SeedSequence(seed).spawn(3), strict=True))
    made: dict[str, pd.DataFrame] = {}
    pool: dict[str, pd.DataFrame] = {}
    for wave in FIELDWORK:
        rng = np.random.default_rng(streams[wave])
        invited = invite(made["W2024"]) if invite and wave == "W2025" else set[str]()
        people = _people(wave, truth, margins, rng, pool.get("W2024", pd.DataFrame()), invited)
        pool[wave] = people
        own = np.random.default_rng([seed, *map(ord, wave)])
        made[wave] = _wave(wave, people, truth, rng, drawn.harmonised_answers(people, wave, truth, own))
    return made


def _people(
    wave: str, truth: Truth, margins: pd.DataFrame, rng: np.random.Generator, before: pd.DataFrame, invited: set[str]
) -> pd.DataFrame:
    """Return who answers: the general sample, linked people of the wave before, and the boost of attendees."""
    sizes = truth["sizes"]
    n, boost = sizes[wave], sizes.get(f"boost_{wave}", 0)
    linked = sizes["linked"] if wave == "W2025" else 0
    parts = [drawn.attend(drawn.residents(n - linked, margins, truth, rng), truth, rng).assign(boost=False, link="")]
    if linked:
        again = before[before["link"] != ""].head(linked).copy()
        a, asked = truth["attending"], again["link"].isin(invited)
        base = np.where(asked, a["base_invited"], a["base_not_invited"]) if invited else a["base_linked"]
        newly = drawn.attend(again, truth | {"attending": a | {"base": base}}, rng)
        again["attended"] = again["attended"] | (newly["attended"] & ~again["attended"])
        again["iag"] = again["iag"] | newly["iag"] & again["attended"] & (rng.random(len(again)) < 0.2)
        parts.append(again.assign(boost=False))
    if boost:
        crowd = drawn.attend(drawn.residents(60 * boost, margins, truth, rng), truth, rng)
        went = crowd[crowd["attended"]].head(int(0.92 * boost))
        other = crowd[~crowd["attended"]].head(boost - len(went))
        parts.append(pd.concat([went, other]).assign(boost=True, link=""))
    people = pd.concat(parts, ignore_index=True)
    if wave == "W2024":
        general = np.flatnonzero(~people["boost"].to_numpy())
        for number, row in enumerate(general[: sizes["linked"]], 1):
            people.loc[row, "link"] = f"KX{number:03d}{chr(65 + number % 26)}"
    return people


def _wave(
    wave: str, people: pd.DataFrame, truth: Truth, rng: np.random.Generator, harmonised: pd.DataFrame
) -> pd.DataFrame:
    people = people.assign(session=_sessions(wave, people, truth, rng))
    session = pd.factorize(people["session"], sort=True)[0]
    frame = people[
        [
            "ethnic5",
            "ethnic_group",
            "age_band",
            "sex",
            "area",
            "ward_group",
            "education",
            "work_status",
            "years_in_llr",
            "disability",
        ]
    ].copy()
    frame.insert(0, "resp_id", rng.permutation(np.arange(1, len(people) + 1)))
    frame["resp_id"] = [f"{i:04d}" for i in frame["resp_id"]]
    start, end = FIELDWORK[wave]
    day = rng.integers(0, (end - start).days + 1, session.max() + 1)[session]
    frame["interview_date"] = [start + dt.timedelta(days=int(d)) for d in day]
    frame["session_id"] = people["session"]
    listed = np.where(people["iag"] & (rng.random(len(people)) < 0.3), "iag_list", "event_optin")
    met = rng.choice(["community_group", "street", "vcs_assembly"], session.max() + 1)[session]
    frame["sample_source"] = np.where(people["boost"], listed, met)
    mode = rng.choice(
        ["officer_uniform", "partner_org", "community_leader", "self_online"], session.max() + 1, p=[0.3, 0.3, 0.2, 0.2]
    )[session]
    frame["admin_by"] = np.where(people["boost"], "self_online", mode)
    frame["officer_present"] = np.where(frame["admin_by"] == "officer_uniform", "yes", "no")
    frame["collected_at_event"] = "no"
    frame = frame.join(drawn.answers(people, wave, session, truth, rng).astype(object))
    _attendance(frame, people, wave, truth, rng)
    _others(frame, people, rng)
    _blanks(frame, truth, rng)
    frame = frame.join(harmonised)
    order = frame["resp_id"].argsort(kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def _sessions(wave: str, people: pd.DataFrame, truth: Truth, rng: np.random.Generator) -> np.ndarray:
    """Return a session for each person: of general visits, or of the contact lists (about nine people each)."""
    count = truth["sampling"][f"sessions_{wave}"]
    size = rng.gamma(6.0, 1.0, count)
    general = rng.choice(count, len(people), p=size / size.sum())
    lists = count + rng.integers(0, max(int(people["boost"].sum()) // 9, 1), len(people))
    code = np.where(people["boost"], lists, general)
    return np.array([f"S{wave[3:]}{c + 1:02d}" for c in code])


def _attendance(frame: pd.DataFrame, people: pd.DataFrame, wave: str, truth: Truth, rng: np.random.Generator) -> None:
    n = len(frame)
    says = people["attended"].to_numpy() | (rng.random(n) < truth["attending"]["false_yes"])
    frame["lpact_attended"] = np.where(says, "yes", "no")
    frame["lpact_heard"] = np.where(says | (rng.random(n) < 0.3), "yes", "no")
    frame["lpact_n"] = np.where(says, 1 + rng.geometric(0.5, n).clip(1, 9) - 1, "")
    months = event_months(before=FIELDWORK[wave][0])
    held = np.array([m.isoformat()[:7] for m in months])
    wrong = says & (rng.random(n) < 0.03)
    frame["lpact_first_month"] = np.where(says, np.where(wrong, "2021-03", rng.choice(held, n)), "")
    frame["lpact_last_month"] = frame["lpact_first_month"]
    role = rng.choice(["attendee", "speaker_facilitator", "organiser", "external_org"], n, p=[0.92, 0.04, 0.02, 0.02])
    frame["lpact_role"] = np.where(says, role, "")
    frame["iag_attended"] = np.where(people["iag"], "yes", "no")
    frame["iag_n"] = np.where(people["iag"], rng.integers(1, 5, n), "")
    frame["knows_attendee"] = np.where(rng.random(n) < 0.12 + 0.4 * says, "yes", "no")
    frame["received_update"] = np.where(says & (rng.random(n) < 0.35), "yes", "no")
    frame["invited_how"] = np.where(says, rng.choice(["officer_visit", "friend", "organisation"], n), "not_invited")
    why = rng.choice(["not_aware", "no_time", "place", "not_for_me", "do_not_want"], n, p=[0.5, 0.2, 0.1, 0.1, 0.1])
    frame["why_not"] = np.where(says, "", why)
    frame["took_part_before"] = np.where(people["link"] != "", "yes", "no")
    frame["link_code"] = people["link"].to_numpy()


def event_months(*, before: dt.date) -> list[dt.date]:
    """Return the first day of each month in which the synthetic register holds an event before a date."""
    months = [dt.date(2022, 10, 1) + dt.timedelta(days=45 * i + 4) for i in range(24)]
    return [m.replace(day=1) for m in months if m.replace(day=1) < before.replace(day=1)] or [dt.date(2022, 10, 1)]


def _others(frame: pd.DataFrame, people: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(frame)
    frame["consent_analysis"] = np.where(rng.random(n) < 0.985, "yes", "no")
    frame["works_for_police"] = np.where(rng.random(n) < 0.015, "yes", "no")
    frame["community_self"] = ""
    frame["know_officer"] = np.where(rng.random(n) < 0.2, "yes", "no")
    frame["stopped_12m"] = np.where(rng.random(n) < np.where(people["ethnic5"] == "black", 0.09, 0.03), "yes", "no")
    frame["contact_12m"] = rng.choice(
        ["none", "victim", "witness", "informal", "victim;asked_help"], n, p=[0.7, 0.1, 0.07, 0.09, 0.04]
    )
    frame["other_engagement"] = rng.choice(["none", "pcc", "workshop"], n, p=[0.9, 0.06, 0.04])


def _blanks(frame: pd.DataFrame, truth: Truth, rng: np.random.Generator) -> None:
    """Put don't-knows and blanks into the answers, and a few people from outside the area."""
    items = [
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
    ]
    for item in items:
        frame.loc[rng.random(len(frame)) < truth["items"]["dont_know"], item] = "dk"
        frame.loc[rng.random(len(frame)) < 0.01, item] = ""
    for item in ("age_band", "ethnic5", "sex", "education", "disability"):
        lost = rng.random(len(frame)) < truth["items"]["not_stated"]
        frame.loc[lost, item] = "pnts"
        if item == "ethnic5":
            frame.loc[lost, "ethnic_group"] = "pnts"
    away = rng.random(len(frame)) < 0.01
    frame.loc[away, "area"] = "outside_llr"
    frame.loc[away, "ward_group"] = ""
