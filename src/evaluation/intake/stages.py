"""The files of stages: private, in one folder that its owner alone can enter, each stage with its stamp."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import CheckFailed
from evaluation.intake import keys, provenance
from evaluation.plan.study import Plan

if TYPE_CHECKING:
    import pandas as pd

STAGE, STAMPS, MADE_FROM = "EVALUATION_STAGE", "stamps", "made_from.json"


def folder(plan: Plan, wave: str) -> Path:
    """Return the folder of a wave's stages: the run's own while one is under way."""
    named = os.environ.get(STAGE)
    return Path(named) if named else plan.root / "data_processed" / wave


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a private parquet file."""
    keys.write_private(path, parquet(frame))


def parquet(frame: pd.DataFrame) -> bytes:
    """Return a frame as a parquet file holds it."""
    out = io.BytesIO()
    frame.to_parquet(out)
    return out.getvalue()


def write_json(path: Path, content: object) -> None:
    """Write private JSON with sorted keys."""
    keys.write_private(path, json_of(content))


def json_of(content: object) -> bytes:
    """Return JSON with sorted keys, in UTF-8."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()


def read_json(path: Path) -> Any:
    """Read private JSON; None where there is none."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as it was saved or loaded: its name, the notebook that makes it, and the fingerprint of its content."""

    name: str
    notebook: str
    fingerprint: str

    def __repr__(self) -> str:
        return f"{self.name}: fingerprint {self.fingerprint[:12]}, made by {self.notebook}"


def write_stage(plan: Plan, wave: str, name: str, files: Mapping[str, bytes]) -> Stage:
    """Write the files of a stage, each whole and private, and then its stamp: fingerprint, and what it is made from."""
    where = folder(plan, wave)
    for file, content in files.items():
        keys.write_private(where / file, content)
    stage = Stage(name, provenance.maker(name), _fingerprint(files))
    stamp: dict[str, object] = {"fingerprint": stage.fingerprint, "files": sorted(files)}
    by_hand = {} if STAGE in os.environ else {"made_from": provenance.made_from(plan, wave)}
    write_json(where / STAMPS / f"{name}.json", stamp | by_hand)
    return stage


def read_stage(plan: Plan, wave: str, name: str) -> dict[str, bytes]:
    """Return the files of a stage.

    Raises
    ------
    CheckFailed
        It is not there; it is not as it was saved; or, where a notebook is run by hand, it was made from other code,
        another plan or other data. The notebook to run is named.
    """
    stamp = require_stage(plan, wave, name)
    where = folder(plan, wave)
    files = {f: (where / f).read_bytes() for f in stamp["files"] if (where / f).is_file()}
    if _fingerprint(files) != stamp["fingerprint"]:
        todo = f"Run {provenance.maker(name)} again."
        raise CheckFailed(f"the stage {name!r} is not as it was saved and shown", todo=todo)
    return files


def require_stage(plan: Plan, wave: str, name: str) -> dict[str, Any]:
    """Return the stamp of a stage; refuse a stage that is not there or, by hand, was made from something else."""
    stamp: dict[str, Any] | None = read_json(folder(plan, wave) / STAMPS / f"{name}.json")
    if stamp is None:
        raise provenance.missing(name)
    if STAGE not in os.environ:
        made = stamp.get("made_from") or read_json(folder(plan, wave) / MADE_FROM) or {}
        provenance.refuse_other(name, made, provenance.made_from(plan, wave))
    return stamp


def say_made_from(where: Path, plan: Plan, wave: str) -> None:
    """Say in the folder of a run's stages what all of them are made from."""
    write_json(where / MADE_FROM, provenance.made_from(plan, wave))


def stage(plan: Plan, wave: str, name: str) -> Stage:
    """Return the name, the maker and the fingerprint of a stage that is there and current."""
    return Stage(name, provenance.maker(name), require_stage(plan, wave, name)["fingerprint"])


def require_notebooks(plan: Plan, wave: str, *, before: int) -> None:
    """Refuse unless each notebook before the one of this number was run to its end; the first that was not is named.

    A notebook publishes its answer last, so the stamp of the answer says that it was.
    """
    for number in range(before):
        require_stage(plan, wave, f"answer.{number:02d}")


def _fingerprint(files: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return total.hexdigest()
