"""A small study in a folder of its own: made-up answers, written by the layouts of several survey tools."""

import atexit
import csv
import hashlib
import io
import shutil
import struct
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.plan import study

ROOT = Path(__file__).parents[2]
AGREE = ["Strongly disagree", "Tend to disagree", "Neither agree nor disagree", "Tend to agree", "Strongly agree"]
SATIS = ["Very dissatisfied", "Fairly dissatisfied", "Neither", "Fairly satisfied", "Very satisfied"]
AWARE = ["Not heard of it", "Heard of it, know little", "Heard of it, know a fair amount or more"]
TRUST = ["trust_respect", "trust_protect", "trust_involve", "trust_represent", "trust_fair", "trust_listen"]
ASKED = [
    "conf_overall",
    "satis_overall",
    "prap_aware",
    "trust_overall",
    *TRUST,
    "influence",
    "understand_police",
    "nhs_confidence",
    "council_satisfaction",
    "refuse_satisfaction",
]
HEADINGS = {"resp_id": "Respondent", "age_band": "Q1. How old are you?", "interview_date": "Date answered"}
NOT_ASKED = [
    "ethnic_group",
    "community_self",
    "stopped_12m",
    "other_engagement",
    "knows_attendee",
    "received_update",
    "invited_how",
    "lpact_heard",
    "iag_n",
    "took_part_before",
    "lpact_last_month",
]


def answers(n=60, seed=1, wave="W2024"):
    """Return answers in the tool's own words, a row a person, columns by codebook name."""
    rng = np.random.default_rng(seed)
    pick = lambda levels: rng.choice(levels, n)  # noqa: E731
    attended = np.where(np.arange(n) % 3 == 0, "Yes", "No")
    trust = rng.integers(0, 5, n)

    def near(levels):
        moved = zip(trust, rng.integers(-1, 2, n), strict=True)
        return [levels[min(len(levels) - 1, max(0, t + d))] for t, d in moved]

    frame = {
        "resp_id": [f"{i + 1:04d}" for i in range(n)],
        "interview_date": pick(["03/05/2024", "14/06/2024"]),
        "session_id": [f"S{i % 10}" for i in range(n)],
        "admin_by": pick(["Community leader", "Self-completed online"]),
        "sample_source": pick(["Street or venue", "Open web link"]),
        "collected_at_event": "No",
        "officer_present": "No",
        "consent_analysis": "Yes",
        "works_for_police": "No",
        "area": pick(["Leicester", "Rutland", "Blaby"]),
        "years_in_llr": rng.integers(0, 60, n).astype(str),
        "age_band": pick(["16-17", "25-34", "65-74"]),
        "sex": pick(["Female", "Male"]),
        "ethnic5": pick(["Black", "White", "Asian"]),
        "disability": pick(["Yes", "No"]),
        "education": pick(["None", "Degree or above"]),
        "work_status": pick(["Working", "Retired"]),
        "know_officer": "No",
        "contact_12m": pick(["None", "Victim;Witness"]),
        "conf_then": near(AGREE),
        "lpact_attended": attended,
        "lpact_n": np.where(attended == "Yes", "2", ""),
        "lpact_first_month": np.where(attended == "Yes", "March 2023", ""),
        "lpact_role": np.where(attended == "Yes", "Attendee", ""),
        "iag_attended": pick(["Yes", "No"]),
        "why_not": np.where(attended == "No", "No time", ""),
        "link_code": [f"AB{i}" for i in range(n)],
    }
    levels = {"satis_overall": SATIS, "prap_aware": AWARE}
    frame |= {item: near(levels.get(item, AGREE)) for item in ASKED}
    if wave == "W2022":
        asked = [
            "resp_id",
            "interview_date",
            "session_id",
            "admin_by",
            "sample_source",
            "area",
            "age_band",
            "sex",
            "ethnic5",
            "conf_overall",
            "satis_overall",
            "prap_aware",
        ]
        frame = {k: frame[k] for k in asked}
    return pd.DataFrame(frame)


def headed(frame):
    """Return the answers under the tool's own headings."""
    return frame.rename(columns=HEADINGS)


MADE = {}


def make(folder, waves=("W2022", "W2024", "W2025"), n=60):
    """Return the plan of a study whose waves are csv exports without a fault (made once, then copied)."""
    if (waves, n) not in MADE:
        template = Path(tempfile.mkdtemp(prefix="study-")) / "study"
        atexit.register(shutil.rmtree, template.parent, ignore_errors=True)
        MADE[waves, n] = _made(template, waves, n)
    template = MADE[waves, n]
    shutil.copytree(template.root, folder)
    return template.model_copy(update={"root": folder})


def _made(folder, waves, n):
    (folder / "data_raw").mkdir(parents=True)
    shutil.copy(ROOT / "data_raw" / "codebook.yaml", folder / "data_raw" / "codebook.yaml")
    shutil.copy(ROOT / "study.toml", folder / "study.toml")
    plan = study.load(folder / "study.toml")
    for number, wave in enumerate(waves):
        put(plan, wave, answers(n, seed=number, wave=wave))
    return plan


def folder_of(plan, wave):
    """Return the folder of a wave's export, made if it is missing."""
    folder = plan.root / "data_raw" / "waves" / wave
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def put(plan, wave, frame, *, name="export.csv", content=None, **more):
    """Write an export and its wave.toml; `more` are further keys of it (tables as dicts)."""
    folder = folder_of(plan, wave)
    path = folder / name
    path.write_bytes(headed(frame).to_csv(index=False).encode() if content is None else content)
    return describe(plan, wave, path, {HEADINGS.get(c, c): c for c in frame.columns}, **more)


def describe(plan, wave, path, names, **more):
    """Write the wave.toml of an export that stands in its folder."""
    import tomli_w

    first = wave == plan.waves[0]
    missing = NOT_ASKED if not first else ["ethnic_group"]
    from evaluation.intake.validation import outcome_items

    toml = {
        "wave": wave,
        "label": f"Survey of {wave[1:]}",
        "file": path.name,
        "origin": "synthetic",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "attendance_asked": not first,
        "columns": names,
        "not_asked": dict.fromkeys([m for m in missing if m not in names.values()], "left out"),
        "wording": {} if first else dict.fromkeys(outcome_items(plan), "same"),
    }
    for key, value in more.items():
        toml[key] = {**toml[key], **value} if key in ("columns", "not_asked") else value
    (path.parent / "wave.toml").write_text(tomli_w.dumps(toml), "utf-8")
    return path


def csv_bytes(rows, delimiter=",", encoding="utf-8"):
    """Return rows as text."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


def rows_of(frame):
    """Return header and rows of a frame as lists."""
    return [list(frame.columns), *frame.astype(object).to_numpy().tolist()]


def xlsx(path, sheets):
    """Write a workbook: sheet name to rows."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([None if c == "" else c for c in row])
    book.save(path)


def xls(path, rows, more=()):
    """Write an old workbook (BIFF8 in a compound file): text cells as labels, numbers as numbers, `more` records."""
    record = lambda kind, body: struct.pack("<HH", kind, len(body)) + body  # noqa: E731
    bof = lambda kind: record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))  # noqa: E731
    eof = record(0x000A, b"")
    name = "Sheet1".encode("latin-1")
    cells = b""
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if value == "":
                continue
            if isinstance(value, (int, float)):
                cells += record(0x0203, struct.pack("<HHHd", r, c, 0, float(value)))
            else:
                text = str(value).encode("utf-16-le")
                cells += record(0x0204, struct.pack("<HHHHB", r, c, 0, len(str(value)), 1) + text)
    cells += b"".join(record(kind, body) for kind, body in more)
    head = bof(0x0005) + record(0x0042, struct.pack("<H", 1200))
    bound = len(record(0x0085, struct.pack("<IHBB", 0, 0, len(name), 0) + name))
    start = len(head) + bound + len(eof)
    stream = (
        head + record(0x0085, struct.pack("<IHBB", start, 0, len(name), 0) + name) + eof + bof(0x0010) + cells + eof
    )
    path.write_bytes(_compound(stream.ljust(4096, b"\0")))


def _compound(stream):
    """Return a compound file (512-byte sectors) that holds one stream, "Workbook"."""
    size, end, free = 512, 0xFFFFFFFE, 0xFFFFFFFF
    padded = stream.ljust(-(-len(stream) // size) * size, b"\0")
    n = len(padded) // size
    tables = -(-(n + 2) // 126)
    fat = [0xFFFFFFFD] * tables + [end] + [tables + 2 + i for i in range(n - 1)] + [end]
    fat += [free] * (tables * 128 - len(fat))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    head += struct.pack("<IIIIIIIII", 0, tables, tables, 0, 4096, end, 0, end, 0)
    head += struct.pack("<109I", *range(tables), *[free] * (109 - tables))

    def entry(name, kind, child, first, length):
        text = name.encode("utf-16-le")
        return (
            text.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(text) + 2, kind, 1, free, free, child)
            + b"\0" * 36
            + struct.pack("<IQ", first, length)
        )

    directory = entry("Root Entry", 5, 1, end, 0) + entry("Workbook", 2, free, tables + 1, len(stream))
    directory += (b"\0" * 68 + struct.pack("<III", free, free, free) + b"\0" * 48) * 2
    return head + struct.pack(f"<{len(fat)}I", *fat) + directory + padded
