"""What notebooks keep for one another: frames, results, gates, exhibits and the fixed sample."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation import exhibit, results
from evaluation.errors import OutcomesClosed
from evaluation.exhibit import Exhibit
from evaluation.intake import keys, provenance
from evaluation.intake.stages import Stage, folder, json_of, parquet, read_json, read_stage, write_json, write_stage
from evaluation.plan.study import Plan
from evaluation.results import Gate

KINDS = {
    c.__name__: c
    for c in (
        results.Estimate,
        results.NotIdentified,
        results.TooFew,
        results.Gate,
        results.Label,
        exhibit.Count,
        exhibit.Measure,
        exhibit.Text,
        exhibit.Item,
        exhibit.Exhibit,
    )
}


def plain(thing: object) -> object:
    """Return a thing as JSON can hold it; types are named, and numbers keep every digit.

    Raises
    ------
    TypeError
        A type that cannot come back as it was.
    """
    if thing is None or isinstance(thing, str | bool):
        return thing
    if type(thing) is int or (type(thing) is float and math.isfinite(thing)):
        return thing
    if is_dataclass(thing) and type(thing).__name__ in KINDS:
        return {"__kind__": type(thing).__name__} | {f.name: plain(getattr(thing, f.name)) for f in fields(thing)}
    if isinstance(thing, list):
        return [plain(x) for x in thing]
    return _tagged(thing)


def _tagged(thing: object) -> object:
    if isinstance(thing, float | np.floating):
        number = float(thing)
        return {"__float__": repr(number)} if not math.isfinite(number) else number
    if isinstance(thing, np.generic):
        return plain(thing.item())
    if isinstance(thing, tuple):
        return {"__tuple__": [plain(x) for x in thing]}
    if isinstance(thing, Mapping):
        return {"__pairs__": [[plain(k), plain(v)] for k, v in thing.items()]}
    if isinstance(thing, dt.date):
        return {"__date__": thing.isoformat(), "whole": not isinstance(thing, dt.datetime)}
    if isinstance(thing, np.ndarray) and thing.ndim == 1:
        return {"__array__": [plain(x) for x in thing.tolist()]}
    if isinstance(thing, pd.Series):
        parts = (thing.astype(object).tolist(), thing.index.astype(object).tolist(), thing.name, str(thing.dtype))
        return {"__series__": [plain(p) for p in parts]}
    raise TypeError(f"a {type(thing).__name__} cannot be kept between notebooks")


def thing(value: object) -> Any:
    """Return what `plain` was given."""
    if isinstance(value, list):
        return [thing(x) for x in value]
    if not isinstance(value, dict):
        return value
    if "__kind__" in value:
        return KINDS[value["__kind__"]](**{k: thing(v) for k, v in value.items() if k != "__kind__"})
    tag = next(iter(k for k in value if k in BACK))
    return BACK[tag](value)


def _series(value: Mapping[str, list[object]]) -> pd.Series:
    held, index, name, kind = (thing(v) for v in value["__series__"])
    return pd.Series(held, index=index, name=name, dtype=kind)


def _date(value: Mapping[str, Any]) -> dt.date:
    return dt.date.fromisoformat(value["__date__"]) if value["whole"] else pd.Timestamp(value["__date__"])


BACK: dict[str, Callable[[Mapping[str, Any]], object]] = {
    "__float__": lambda v: float(v["__float__"]),
    "__tuple__": lambda v: tuple(thing(x) for x in v["__tuple__"]),
    "__pairs__": lambda v: {thing(k): thing(x) for k, x in v["__pairs__"]},
    "__date__": _date,
    "__array__": lambda v: np.array(thing(v["__array__"])),
    "__series__": _series,
}


def save_stage(plan: Plan, wave: str, name: str, frame: pd.DataFrame) -> Stage:
    """Keep a frame for later notebooks."""
    return write_stage(plan, wave, name, {f"{name}.parquet": parquet(frame)})


def load_stage(plan: Plan, wave: str, name: str) -> pd.DataFrame:
    """Return a frame kept by an earlier notebook, refused as `read_stage` does."""
    return pd.read_parquet(io.BytesIO(read_stage(plan, wave, name)[f"{name}.parquet"]))


def save_gates(plan: Plan, wave: str, gates: Sequence[Gate]) -> None:
    """Keep gates; a gate of the same id replaces the earlier one. Without a treatment none of attending is kept."""
    gates = [g for g in gates if plan.treatment.column or not g.id.startswith("attend")]
    path = folder(plan, wave) / "gates.json"
    kept = {g["id"]: g for g in read_json(path) or []}
    order = list(kept)
    for gate in gates:
        bounds = {k: plain(getattr(gate, k)) for k in ("value", "bar")}
        kept[gate.id] = {"id": gate.id, "kind": gate.kind, "passed": bool(gate.passed), "note": gate.note, **bounds}
        order = [*order, gate.id] if gate.id not in order else order
    write_json(path, [kept[i] for i in order])


def load_gates(plan: Plan, wave: str) -> tuple[Gate, ...]:
    """Return the gates kept so far, in order."""
    rows = read_json(folder(plan, wave) / "gates.json") or []
    return tuple(Gate(**{k: thing(v) for k, v in row.items()}) for row in rows)


def save_results(plan: Plan, wave: str, name: str, results: Sequence[object]) -> Stage:
    """Keep a list of results for later notebooks."""
    return write_stage(plan, wave, name, {f"results/{name}.json": json_of(plain(list(results)))})


def load_results(plan: Plan, wave: str, name: str) -> results.Results:
    """Return a list of results kept by an earlier notebook, refused as `read_stage` does."""
    return results.Results(thing(json.loads(read_stage(plan, wave, name)[f"results/{name}.json"])))


def save_published(plan: Plan, wave: str, exhibit: Exhibit) -> None:
    """Keep an exhibit as offered for publication; the same id again replaces it in its place; answers are stamped."""
    path = folder(plan, wave) / "published"
    order = read_json(path / "order.json") or []
    if exhibit.id not in order:
        write_json(path / "order.json", [*order, exhibit.id])
    content = json_of(plain(exhibit))
    if exhibit.id.startswith("answer."):
        write_stage(plan, wave, exhibit.id, {f"published/{exhibit.id}.json": content})
    else:
        keys.write_private(path / f"{exhibit.id}.json", content)


def load_published(plan: Plan, wave: str) -> list[Exhibit]:
    """Return the exhibits offered so far, in order."""
    path = folder(plan, wave) / "published"
    return [thing(read_json(path / f"{id}.json")) for id in read_json(path / "order.json") or []]


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
    scores: Any | None = None
    estimated: str = ""
    caliper: Any | None = None
    balanced: tuple[str, ...] = ()
    moments: int = 1
    capped: bool = False
    notes: tuple[str, ...] = ()


def fingerprint(sample: SavedSample | Any) -> str:
    """Return a hash of who stands for whom: ids, weights and pairs."""
    weights = sample.match_weight.sort_index()
    text = "\n".join(f"{i},{w!r}" for i, w in zip(weights.index, weights.astype(float), strict=True))
    pairs = sorted(map(tuple, sample.pairs.astype(str).itertuples(index=False)))
    return hashlib.sha256(f"{sample.estimand}\n{text}\n{pairs}".encode()).hexdigest()


def save_sample(plan: Plan, wave: str, sample: SavedSample | Any) -> Stage:
    """Fix the design: keep the sample with its fingerprint; from now on outcomes open for it alone."""
    frame = pd.DataFrame({"match_weight": sample.match_weight.astype(float), "treated": sample.treated.astype(bool)})
    about = {k: getattr(sample, k) for k in ("estimand", "method", "treat")}
    about |= {"replace": bool(sample.replace), "unmatched": [str(i) for i in sample.unmatched]}
    about["fingerprint"] = fingerprint(sample)
    frames = {"sample.parquet": frame, "pairs.parquet": sample.pairs.reset_index(drop=True)}
    files = {name: parquet(f) for name, f in frames.items()} | {"sample.json": json_of(about)}
    return write_stage(plan, wave, "sample", files)


def load_sample(plan: Plan, wave: str) -> SavedSample:
    """Return the sample that notebook 04 fixed."""
    if read_json(folder(plan, wave) / "sample.json") is None:
        raise OutcomesClosed("no sample has been fixed yet", todo=f"Run {provenance.maker('sample')} first.")
    files = read_stage(plan, wave, "sample")
    about = json.loads(files["sample.json"])
    frame, pairs = (pd.read_parquet(io.BytesIO(files[f"{name}.parquet"])) for name in ("sample", "pairs"))
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


def require_sample(plan: Plan, wave: str, sample: SavedSample | Any) -> None:
    """Refuse unless `sample` is the one that was fixed."""
    about = read_json(folder(plan, wave) / "sample.json")
    if about is None:
        raise OutcomesClosed(
            "outcomes are closed until a sample has been fixed", todo=f"Run {provenance.maker('sample')} first."
        )
    if fingerprint(sample) != about["fingerprint"]:
        raise OutcomesClosed("this is not the sample that notebook 04 fixed", todo="Load it with waves.load_sample.")
