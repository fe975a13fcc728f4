"""Write waves as survey tools export them: labels or codes, title rows, renamed columns, two styles of date."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import tomli_w

from evaluation.plan.codebook import Codebook
from evaluation.plan.references import STAND_IN
from evaluation.synthetic.waves import FIELDWORK

MISSING_LABELS = {"dk": "Don't know", "pnts": "Prefer not to say"}
ASKED_2022 = (
    "resp_id",
    "interview_date",
    "session_id",
    "admin_by",
    "sample_source",
    "area",
    "ward_group",
    "age_band",
    "sex",
    "ethnic5",
    "conf_overall",
    "satis_overall",
    "prap_aware",
)
NAMES_2025 = {"lpact_attended": "Q14_attended", "conf_overall": "Q1_conf", "resp_id": "ResponseId"}
LABEL = {"W2022": "2022 public survey", "W2024": "First re-run", "W2025": "Second re-run"}
FIXED_MOMENT = (2024, 1, 1, 0, 0, 0)


def write(frames: Mapping[str, pd.DataFrame], book: Codebook, folder: Path) -> None:
    """Write every wave's export and `wave.toml` below `folder`."""
    makers = {"W2022": _first, "W2024": _second, "W2025": _third}
    for wave, frame in frames.items():
        where = folder / wave
        where.mkdir(parents=True, exist_ok=True)
        name, content, about = makers[wave](frame, book)
        (where / name).write_bytes(content)
        start, end = FIELDWORK[wave]
        head = {
            "wave": wave,
            "label": LABEL[wave],
            "file": name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "start": start,
            "end": end,
            "origin": "synthetic",
            "attendance_asked": wave != "W2022",
            "mode": "face to face",  # four in five answer to somebody who came
        }
        (where / "wave.toml").write_text(tomli_w.dumps({**head, **about}), "utf-8")


def _with_labels(frame: pd.DataFrame, book: Codebook) -> pd.DataFrame:
    """Return the frame with words for codes, as most tools export it."""
    out = {}
    for name in frame.columns:
        var = book.variable(name)
        words = {str(k): v for k, v in var.levels.items()} | MISSING_LABELS
        if var.type == "multi":
            out[name] = ["; ".join(words.get(p, p) for p in str(v).split(";")) if v else "" for v in frame[name]]
        else:
            out[name] = [words.get(str(v), v) if var.levels or str(v) in MISSING_LABELS else v for v in frame[name]]
    return pd.DataFrame(out, dtype=object)


def _missing_labels(frame: pd.DataFrame, book: Codebook) -> dict[str, dict[str, str]]:
    """Return [labels] entries for the words of missing answers, per column that uses them."""
    known = {"dk": ("Don't know", "-8"), "pnts": ("Prefer not to say", "-7")}
    out: dict[str, dict[str, str]] = {}
    for name in frame.columns:
        known_here = {"pnts": known["pnts"]} if book.variable(name).type == "yndk" else known
        used = {words: code for key, (words, code) in known_here.items() if (frame[name].astype(str) == key).any()}
        if used:
            out[name] = used
    return out


def _csv(rows: Sequence[Sequence[object]], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _first(frame: pd.DataFrame, book: Codebook) -> tuple[str, bytes, Mapping[str, object]]:
    frame = frame[list(ASKED_2022)]
    shown = _with_labels(frame, book)
    shown["interview_date"] = [d.strftime("%d/%m/%Y") for d in frame["interview_date"]]
    heads = {n: f"{i}. {book.label(n)}" for i, n in enumerate(frame.columns, 1)}
    rows = [[heads[n] for n in shown.columns], *shown.to_numpy().tolist()]
    about = {
        "date_order": "day_first",
        "columns": {heads[n]: n for n in frame.columns},
        "labels": _missing_labels(frame, book),
        "not_asked": {"ethnic_group": "five groups were offered in 2022"},
    }
    return "survey 2022 final.csv", _csv(rows, ",").encode("utf-8-sig"), about


def _second(frame: pd.DataFrame, book: Codebook) -> tuple[str, bytes, Mapping[str, object]]:
    from openpyxl import Workbook

    shown = _with_labels(frame, book)
    shown["resp_id"] = [float(i) for i in frame["resp_id"]]
    shown["interview_date"] = [dt.datetime.combine(d, dt.time()) for d in frame["interview_date"]]
    heads = {n: ("Attended an LPACT event?" if n == "lpact_attended" else book.label(n)) for n in frame.columns}
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Responses"
    sheet.append(["Police and communities survey, first re-run (SYNTHETIC DATA: describes nobody)"])
    sheet.append([])
    sheet.append([*heads.values(), "Duration (s)"])
    for number, row in enumerate(shown.to_numpy().tolist()):
        sheet.append([*[v if v != "" else None for v in row], 180 + number % 400])
    stamp = dt.datetime(*FIXED_MOMENT)
    workbook.properties.created = workbook.properties.modified = stamp
    workbook.properties.creator = "synthetic study"
    out = io.BytesIO()
    workbook.save(out)
    about = {
        "sheet": "Responses",
        "header_row": 3,
        "date_order": "iso",
        "columns": {h: n for n, h in heads.items()},
        "labels": _missing_labels(frame, book),
        "ignore": {"Duration (s)": "timing of the web tool"},
        "not_asked": {},
        "official_wording": _stand_ins(book),
        "wording": _wording(frame, {"conf_overall": "same", "satis_overall": "unknown", "prap_aware": "same"}),
    }
    return "rerun one.xlsx", fixed_zip(out.getvalue()), about


def _third(frame: pd.DataFrame, book: Codebook) -> tuple[str, bytes, Mapping[str, object]]:
    """Codes instead of labels for statements, a renamed column, dates in two styles, semicolons."""
    shown = _with_labels(frame, book)
    labels = _missing_labels(frame, book)
    for name in frame.columns:
        var = book.variable(name)
        if var.type == "ordinal":
            shown[name] = [{"dk": "98", "pnts": "99"}.get(str(v), str(v)) for v in frame[name]]
            labels[name] = {str(k): str(k) for k in var.levels} | {"98": "-8", "99": "-7"}
    shown["interview_date"] = [
        d.isoformat() if i % 3 == 0 else d.strftime("%d/%m/%Y") for i, d in enumerate(frame["interview_date"])
    ]
    heads = {n: NAMES_2025.get(n, n) for n in frame.columns}
    rows = [list(heads.values()), *shown.to_numpy().tolist()]
    about = {
        "delimiter": ";",
        "date_order": "mixed",
        "columns": {h: n for n, h in heads.items()},
        "labels": labels,
        "not_asked": {},
        "official_wording": _stand_ins(book),
        "wording": _wording(frame, {"conf_overall": "same", "satis_overall": "unknown", "prap_aware": "same"}),
    }
    return "export_2025.csv", _csv([[("" if v is None else v) for v in r] for r in rows], ";").encode(), about


def _wording(frame: pd.DataFrame, stated: Mapping[str, str]) -> dict[str, str]:
    from evaluation.synthetic import people

    items = [
        "trust_overall",
        *people.TRUST_ITEMS,
        "influence",
        "understand_police",
        "know_rights",
        "would_report_hate",
        *people.CONTROLS,
    ]
    return {**stated, **dict.fromkeys([i for i in items if i in frame], "same")}


def _stand_ins(book: Codebook) -> dict[str, str]:
    """Return words that stand for the official ones: nobody was asked, and no official wording is shipped."""
    return {
        name: f"{STAND_IN}: stands for the official words of {repeated.reference.key}, the same in every wave"
        for name, repeated in book.harmonised.items()
    }


def fixed_zip(content: bytes) -> bytes:
    """Return a zip (xlsx) with every date fixed, so that equal content gives equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist()):
            data = old.read(name)
            if name == "docProps/core.xml":
                import re

                data = re.sub(rb"(<dcterms:(created|modified)[^>]*>)[^<]*", rb"\g<1>2024-01-01T00:00:00Z", data)
            new.writestr(zipfile.ZipInfo(name, FIXED_MOMENT), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
