"""Write synthetic registers: events, slips, feedback, actions, IAG meetings, and what surrounds them."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from evaluation.synthetic.people import EXPOSED_DISTRICTS, EXPOSED_GROUPS

EVENTS = 24
QUARTERS = 12
# Registers of published facts, copied and never made: their rows name their source.
PUBLISHED = ("stop_search", "history", "initiatives", "external_surveys", "context_figures")
THEMES = (
    "stops",
    "respect",
    "response",
    "hate_crime",
    "workforce",
    "young_people",
    "telling",
    "complaints",
    "neighbourhood",
    "mental_health",
)
COMMENTS = {
    "stops": "Explain the reason for every search",
    "respect": "Speak to people politely at the door",
    "response": "Say when nobody can come",
    "hate_crime": "Call back after a hate crime is reported",
    "workforce": "Recruit from local communities",
    "young_people": "Meet young people outside school hours",
    "telling": "Say what was done about what we said",
    "complaints": "Make it plain how to complain",
    "neighbourhood": "Keep the same neighbourhood officers for longer",
    "mental_health": "Train officers on mental health",
}
Rows = list[dict[str, Any]]


def write(folder: Path, seed: int) -> None:
    """Write every synthetic register as csv, and `registers.toml` with their origin."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(9)[8])
    events = _events(rng)
    made = {
        "events": events,
        "attendance": _slips(events, rng),
        "feedback": _feedback(events, rng),
        "actions": _actions(events, rng),
        "iag_meetings": _meetings(rng),
        "victim_recording": _recording(seed),
        "recruitment": _recruitment(),
        "indicators": _indicators(),
        "partners": _partners(rng),
    }
    about: dict[str, object] = {}
    for name, rows in made.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        about[name] = {"file": f"{name}.csv", "origin": "synthetic"}
    for name in PUBLISHED:
        if (folder / f"{name}.csv").is_file():
            about[name] = {"file": f"{name}.csv", "origin": "official"}
    (folder / "registers.toml").write_text(tomli_w.dumps(about), "utf-8")


def _events(rng: np.random.Generator) -> Rows:
    rows = []
    for i in range(EVENTS):
        city = i % 4 != 3
        day = dt.date(2022, 10, 1) + dt.timedelta(days=45 * i + 4)
        public = int(rng.integers(25, 110))
        planned, actual = 3.0, float(round(2.5 + 2 * rng.random(), 1))
        rows.append(
            {
                "event_id": f"E{i + 1:02d}",
                "event_date": day.isoformat(),
                "area": "leicester" if city else EXPOSED_DISTRICTS[(i // 4) % 2],
                "ward_group": EXPOSED_GROUPS[i % 4] if city else "",
                "venue_type": ("community_centre", "faith", "town_hall", "school")[i % 4],
                "focus_community": ("all_black", "african", "caribbean", "young_black")[i % 4],
                "focus_age": "youth" if i % 6 == 5 else "all",
                "n_public": public,
                "n_public_method": ("signin", "headcount", "estimate")[i % 3],
                "n_officers": int(rng.integers(5, 16)),
                "chief_officer": "yes" if i % 5 else "no",
                "departments": "neighbourhood;response" if i % 2 else "neighbourhood",
                "external_orgs": int(rng.integers(0, 5)),
                "planned_hours": planned,
                "actual_hours": actual,
                "q_covered": "respect;protect;involve;represent" if i % 3 else "respect;involve",
                "format": "breakout" if i % 2 else "collective",
                "community_facilitated": "yes" if i % 8 else "no",
                "n_forms": int(public * rng.uniform(0.3, 0.7)),
                "n_contact_optin": int(public * rng.uniform(0.1, 0.3)),
                "n_focusgroup_requests": int(rng.integers(0, 4)),
                "outreach_contacts": int(rng.integers(40, 300)),
                "cost_hire": int(rng.choice([0, 0, 45, 85, 120, 250])),
                "cost_catering": int(rng.integers(60, 400)),
                "cost_other": int(rng.integers(0, 120)),
                "hours_organising": int(rng.integers(15, 60)),
                "hours_setup": int(rng.integers(4, 12)),
                "debrief_held": "yes" if i % 7 else "no",
            }
        )
    return rows


def _slips(events: Rows, rng: np.random.Generator) -> Rows:
    groups = (
        "black_african",
        "black_caribbean",
        "black_other",
        "asian_indian",
        "white_british",
        "mixed_white_black_caribbean",
        "-7",
    )
    ages = ("18_24", "25_34", "35_49", "50_64", "65_74")
    rows = []
    for event in events:
        for slip in range(int(event["n_public"] * 0.55)):
            rows.append(
                {
                    "event_id": event["event_id"],
                    "slip_no": f"{slip + 1:03d}",
                    "ethnic_group": rng.choice(groups, p=[0.38, 0.25, 0.1, 0.08, 0.1, 0.05, 0.04]),
                    "age_band": rng.choice(ages),
                    "area": "leicester" if rng.random() < 0.75 else "charnwood",
                    "first_time": "yes" if rng.random() < 0.7 else "no",
                    "role": rng.choice(["attendee", "speaker_facilitator", "external_org"], p=[0.93, 0.03, 0.04]),
                    "iag_member": "yes" if rng.random() < 0.06 else "no",
                }
            )
    return rows


def _feedback(events: Rows, rng: np.random.Generator) -> Rows:
    rows, number = [], 0
    second = np.random.default_rng(rng.bit_generator.seed_seq.spawn(1)[0])  # type: ignore[attr-defined]
    weight = np.array([0.2, 0.16, 0.12, 0.08, 0.1, 0.12, 0.1, 0.05, 0.05, 0.02])
    for place, event in enumerate(events):
        asked = event["q_covered"].split(";")
        for _ in range(int(rng.integers(18, 40))):
            number += 1
            theme = str(rng.choice(THEMES, p=weight))
            checked = place < 18
            verdict = str(rng.choice(["agreed", "amended", "rejected"], p=[0.8, 0.16, 0.04])) if checked else "pending"
            rows.append(
                {
                    "comment_id": f"C{number:04d}",
                    "event_id": event["event_id"],
                    "channel": str(rng.choice(["form", "notes", "flipchart"], p=[0.5, 0.35, 0.15])),
                    "question": str(rng.choice(asked)),
                    "theme": theme,
                    "theme_second": _second_coder(theme, second),
                    "stance": str(rng.choice(["problem", "solution", "praise", "story"], p=[0.45, 0.35, 0.08, 0.12])),
                    "coder": f"K{1 + number % 2}",
                    "sense_check": verdict,
                    "sense_check_date": (dt.date.fromisoformat(event["event_date"]) + dt.timedelta(days=40)).isoformat()
                    if checked
                    else "",
                }
            )
    return rows


def _second_coder(theme: str, rng: np.random.Generator) -> str:
    """Return what a second coder wrote: three comments in ten are coded twice, and four in five of those agree."""
    if rng.random() >= 0.3:
        return ""
    return theme if rng.random() < 0.8 else str(rng.choice(THEMES))


def _actions(events: Rows, rng: np.random.Generator) -> Rows:
    rows = []
    for i in range(46):
        event = events[i % 20]
        raised = dt.date.fromisoformat(event["event_date"])
        status = str(
            rng.choice(
                ["reported_back", "done", "under_way", "referred", "cannot", "checked", "raised"],
                p=[0.2, 0.22, 0.2, 0.12, 0.1, 0.08, 0.08],
            )
        )
        changed = raised + dt.timedelta(days=int(rng.integers(20, 260)))
        theme = THEMES[i % len(THEMES)]
        told = status == "reported_back" or (status == "cannot" and i % 2 == 0)
        rows.append(
            {
                "action_id": f"A{i + 1:03d}",
                "raised_source": "lpact" if i % 5 else "iag",
                "raised_ref": event["event_id"],
                "raised_date": "" if i == 44 else raised.isoformat(),
                "question": event["q_covered"].split(";")[0],
                "theme": theme,
                "issue": COMMENTS[theme],
                "owner_department": ("Neighbourhood policing", "Training", "Professional standards")[i % 3],
                "status": status,
                "status_date": changed.isoformat(),
                "due_date": (raised + dt.timedelta(days=180)).isoformat(),
                "reason_cannot": "Outside the powers of the force" if status == "cannot" and i % 3 else "",
                "fed_back_date": (changed + dt.timedelta(days=30)).isoformat() if told else "",
                "fed_back_channel": "contact_list" if told else "none",
                "community_satisfied": int(rng.integers(2, 6)) if told else "",
            }
        )
    for row in rows:
        if row["raised_date"] == "":
            row["raised_date"] = "-9"
    return rows


def _meetings(rng: np.random.Generator) -> Rows:
    rows = []
    for i in range(30):
        revised = i >= 16
        advice = int(rng.integers(2, 9))
        adopted = int(rng.integers(0, advice + 1))
        rows.append(
            {
                "meeting_id": f"M{i + 1:02d}",
                "iag_name": ("force", "city", "county", "youth", "focus_group")[i % 5],
                "meeting_date": (dt.date(2022, 11, 10) + dt.timedelta(days=37 * i)).isoformat(),
                "model": "revised" if revised else "current",
                "n_members": int(rng.integers(6, 18)),
                "n_police": int(rng.integers(2, 7)),
                "n_under25": int(rng.integers(0, 5)),
                "agenda_by": "joint" if revised else "police",
                "chaired_by": "community" if revised else "joint",
                "depth": int(rng.integers(3, 5)) if revised else int(rng.integers(1, 4)),
                "n_advice": advice,
                "n_advice_adopted": adopted,
                "n_advice_explained": int(rng.integers(0, advice - adopted + 1)),
                "solution_questions": "yes" if i % 2 else "no",
            }
        )
    return rows


def _recording(seed: int) -> Rows:
    """Return twelve quarters in which ever fewer victims are left without an ethnic group, with a bad quarter."""
    rng, rows = np.random.default_rng(np.random.SeedSequence(seed).spawn(10)[9]), []
    for i in range(QUARTERS):
        victims = 15500 + int(rng.integers(-400, 900))
        blank = 0.41 - 0.011 * i + float(rng.normal(0, 0.008)) + (0.04 if i == 7 else 0.0)
        rows.append(
            {
                "period": f"{2022 + (i + 3) // 4} Q{(i + 3) % 4 + 1}",
                "victims": victims,
                "blank": round(victims * blank),
                "not_stated_officer": round(victims * (0.083 - 0.002 * i)),
                "declined_victim": round(victims * 0.035 + float(rng.normal(0, 25))),
            }
        )
    return rows


def _recruitment() -> Rows:
    rows = []
    for i, year in enumerate((2023, 2024, 2025)):
        for stage, total, people, unknown in (
            ("applied", 900, 190, 40),
            ("joined", 210, 38, 6),
            ("in_post", 2200, 195, 60),
        ):
            rows.append(
                {
                    "year_ending": f"{year}-03-31",
                    "role": "officer",
                    "stage": stage,
                    "group_type": "ethnicity",
                    "group": "Ethnic minorities, White minorities excluded",
                    "n_people": people + 7 * i,
                    "n_total": total,
                    "n_unknown": unknown,
                }
            )
    return rows


# Intended outcomes and accountability indicators: (aim, formula, better is, target); "none" is an aim nobody measures.
AIMS = (
    ("Events are held with Black communities", "count(events)", "higher", ""),
    (
        "A member of the community leads the discussion",
        "share(events where community_facilitated = yes) by event_date",
        "higher",
        "",
    ),
    (
        "Themes are checked by the community",
        "share(feedback where sense_check = agreed|amended|rejected)",
        "higher",
        100,
    ),
    ("What was done is reported back", "share(actions where fed_back_date present) by raised_date", "higher", 80),
    (
        "Where nothing can be done, people are told why",
        "share(actions where reason_cannot present of status = cannot)",
        "higher",
        100,
    ),
    ("Advice of the groups is taken", "ratio(iag_meetings.n_advice_adopted / n_advice) by meeting_date", "higher", ""),
    (
        "Advisory groups are led by the community",
        "share(iag_meetings where chaired_by = community) by meeting_date",
        "higher",
        "",
    ),
    (
        "Victims' ethnic group is recorded (share left blank)",
        "ratio(victim_recording.blank / victims) by period",
        "lower",
        10,
    ),
    (
        "Recruits come from ethnic minorities",
        "ratio(recruitment.n_people / n_total where stage = joined) by year_ending",
        "higher",
        25,
    ),
    ("Searches are more even between groups", "result(stops.ratio.drop)", "parity", ""),
    ("Black communities have more confidence in the police", "result(change.conf_overall.black)", "higher", ""),
    ("People who attend have more confidence in the police", "result(attend.conf_overall.all)", "higher", ""),
    ("Black communities are more satisfied with policing", "result(change.satis_overall.black)", "higher", ""),
    ("People know of the Race Action Plan", "result(change.prap_aware.black)", "higher", ""),
    ("People feel that they can influence the police", "result(change.influence.black)", "higher", ""),
    ("Officers understand what troubles communities", "none", "higher", ""),
    ("People give the police information about crime", "none", "higher", ""),
)


def _indicators() -> Rows:
    return [
        {
            "indicator_id": f"I{i + 1:02d}",
            "aim": aim,
            "formula": formula,
            "target": target,
            "better": better,
            "owner": "Leicestershire Police",
            "reported_to": "Office of the Police and Crime Commissioner",
        }
        for i, (aim, formula, better, target) in enumerate(AIMS)
    ]


def _partners(rng: np.random.Generator) -> Rows:
    return [
        {
            "partner_id": f"P{i + 1:02d}",
            "network": ("vcs_assembly", "faith", "education")[i % 3],
            "area": "leicester" if i % 3 else "charnwood",
            "approached": "yes",
            "agreed": "yes" if i % 4 else "no",
            "n_responses": int(rng.integers(0, 40)) if i % 4 else 0,
        }
        for i in range(14)
    ]
