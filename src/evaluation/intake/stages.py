"""The stages of a run: private frames and results between notebooks, in one folder that its owner alone can enter."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from evaluation.errors import CheckFailed, OutcomesClosed
from evaluation.estimates import Gate
from evaluation.exhibits import Exhibit
from evaluation.intake import exchange, privacy
from evaluation.study import Plan

STAGE = "EVALUATION_STAGE"


def folder(plan: Plan, wave: str) -> Path:
    """Return the folder of a wave's stages: the run's own while one is under way."""
    named = os.environ.get(STAGE)
    return Path(named) if named else plan.root / "data_processed" / wave


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a private parquet file."""
    out = io.BytesIO()
    frame.to_parquet(out)
    privacy.write_private(path, out.getvalue())


def read_frame(path: Path) -> pd.DataFrame:
    """Read a stage; a missing one names the notebook that makes it."""
    if not path.is_file():
        raise CheckFailed(f"the stage {path.stem!r} is not there", todo="Run the notebooks in order: evaluation run.")
    return pd.read_parquet(path)


def write_json(path: Path, content: Any) -> None:
    """Write private JSON with sorted keys."""
    privacy.write_private(path, json.dumps(content, sort_keys=True, ensure_ascii=False).encode())


def read_json(path: Path) -> Any:
    """Read private JSON; None where there is none."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def save_stage(plan: Plan, wave: str, name: str, frame: pd.DataFrame) -> None:
    """Keep a frame for later notebooks."""
    write_frame(folder(plan, wave) / f"{name}.parquet", frame)


def load_stage(plan: Plan, wave: str, name: str) -> pd.DataFrame:
    """Return a frame kept by an earlier notebook."""
    return read_frame(folder(plan, wave) / f"{name}.parquet")


def save_gates(plan: Plan, wave: str, gates: Sequence[Gate]) -> None:
    """Keep gates; a gate of the same id replaces the earlier one."""
    path = folder(plan, wave) / "gates.json"
    kept = {g["id"]: g for g in read_json(path) or []}
    order = list(kept)
    for gate in gates:
        bounds = {k: exchange.plain(getattr(gate, k)) for k in ("value", "bar")}
        kept[gate.id] = {"id": gate.id, "kind": gate.kind, "passed": bool(gate.passed), "note": gate.note, **bounds}
        order = [*order, gate.id] if gate.id not in order else order
    write_json(path, [kept[i] for i in order])


def load_gates(plan: Plan, wave: str) -> tuple[Gate, ...]:
    """Return the gates kept so far, in order."""
    rows = read_json(folder(plan, wave) / "gates.json") or []
    return tuple(Gate(**{k: exchange.thing(v) for k, v in row.items()}) for row in rows)


def save_results(plan: Plan, wave: str, name: str, results: Sequence[Any]) -> None:
    """Keep a list of results for later notebooks."""
    write_json(folder(plan, wave) / "results" / f"{name}.json", exchange.plain(list(results)))


def load_results(plan: Plan, wave: str, name: str) -> list[Any]:
    """Return a list of results kept by an earlier notebook; empty where there is none."""
    return exchange.thing(read_json(folder(plan, wave) / "results" / f"{name}.json") or [])


def save_published(plan: Plan, wave: str, exhibit: Exhibit) -> None:
    """Keep an exhibit as offered for publication; the same id again replaces it in its place."""
    path = folder(plan, wave) / "published"
    order = read_json(path / "order.json") or []
    if exhibit.id not in order:
        write_json(path / "order.json", [*order, exhibit.id])
    write_json(path / f"{exhibit.id}.json", exchange.plain(exhibit))


def load_published(plan: Plan, wave: str) -> list[Exhibit]:
    """Return the exhibits offered so far, in order."""
    path = folder(plan, wave) / "published"
    return [exchange.thing(read_json(path / f"{id}.json")) for id in read_json(path / "order.json") or []]


@dataclass(frozen=True, slots=True)
class SavedSample:
    """The design as notebook 04 fixed it: weights, pairs, whom it is about, and its fingerprint."""

    match_weight: pd.Series
    pairs: pd.DataFrame
    unmatched: pd.Index
    estimand: str
    method: str
    treat: str
    treated: pd.Series
    replace: bool
    fingerprint: str
    stratum: pd.Series | None = None
    survey_weight: str | None = None
    target: str = "ATT"
    scores: Any = None
    estimated: str = ""
    caliper: Any = None
    balanced: tuple[str, ...] = ()
    moments: int = 1
    capped: bool = False
    notes: tuple[str, ...] = ()


def fingerprint(sample: Any) -> str:
    """Return a hash of who stands for whom: ids, weights and pairs."""
    weights = sample.match_weight.sort_index()
    text = "\n".join(f"{i},{w!r}" for i, w in zip(weights.index, weights.astype(float), strict=True))
    pairs = sorted(map(tuple, sample.pairs.astype(str).itertuples(index=False)))
    return hashlib.sha256(f"{sample.estimand}\n{text}\n{pairs}".encode()).hexdigest()


def save_sample(plan: Plan, wave: str, sample: Any) -> None:
    """Fix the design: keep the sample with its fingerprint; from now on outcomes open for it alone."""
    where = folder(plan, wave)
    frame = pd.DataFrame({"match_weight": sample.match_weight.astype(float), "treated": sample.treated.astype(bool)})
    write_frame(where / "sample.parquet", frame)
    write_frame(where / "pairs.parquet", sample.pairs.reset_index(drop=True))
    about = {k: getattr(sample, k) for k in ("estimand", "method", "treat")}
    about |= {"replace": bool(sample.replace), "unmatched": [str(i) for i in sample.unmatched]}
    about["fingerprint"] = fingerprint(sample)
    write_json(where / "sample.json", about)


def load_sample(plan: Plan, wave: str) -> SavedSample:
    """Return the sample that notebook 04 fixed."""
    where = folder(plan, wave)
    about = read_json(where / "sample.json")
    if about is None:
        raise OutcomesClosed("no sample has been fixed yet", todo="Run notebook 04 first: evaluation run --only 04.")
    frame, pairs = read_frame(where / "sample.parquet"), read_frame(where / "pairs.parquet")
    return SavedSample(
        frame["match_weight"],
        pairs,
        pd.Index(about["unmatched"], dtype="object"),
        about["estimand"],
        about["method"],
        about["treat"],
        frame["treated"],
        about["replace"],
        about["fingerprint"],
    )


def require_sample(plan: Plan, wave: str, sample: Any) -> None:
    """Refuse unless `sample` is the one that was fixed."""
    about = read_json(folder(plan, wave) / "sample.json")
    if about is None:
        raise OutcomesClosed("outcomes are closed until a sample has been fixed", todo="Run notebook 04 first.")
    if fingerprint(sample) != about["fingerprint"]:
        raise OutcomesClosed("this is not the sample that notebook 04 fixed", todo="Load it with waves.load_sample.")
