"""Make a synthetic study with a known truth: waves as survey tools export them, registers, and the truth beside."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from pathlib import Path

import pandas as pd

from evaluation.errors import StudyError, nearest
from evaluation.plan import codebook
from evaluation.synthetic import exports, registers, waves
from evaluation.synthetic.people import Truth

SHIPPED = Path(__file__).parent / "truth.toml"
NAMED = Path(__file__).parent / "truths"
SHIPPED_FOLDERS = ("waves", "registers", "lots")


def read_truth(file: Path | None = None) -> Truth:
    """Return a truth; keys it leaves out take the shipped value, and an unknown key names the nearest."""
    base = tomllib.loads(SHIPPED.read_text("utf-8"))
    if file is None:
        return base
    given = tomllib.loads(named(file).read_text("utf-8"))
    for section, values in given.items():
        if section not in base:
            raise StudyError(f"the truth has no {section!r}", todo=f"Nearest: {nearest(section, base)!r}.")
        if not isinstance(values, dict):
            base[section] = values
            continue
        unknown = sorted(set(values) - set(base[section]))
        if unknown:
            raise StudyError(
                f"the truth's [{section}] has no {unknown[0]!r}",
                todo=f"Nearest: {nearest(unknown[0], base[section])!r}.",
            )
        base[section] |= values
    return base


def named(file: Path) -> Path:
    """Return the file of a truth: one that comes with the package where only its name is given ("higher")."""
    own = NAMED / f"{file}.toml"
    return own if len(Path(file).parts) == 1 and not Path(file).is_file() and own.is_file() else Path(file)


def draw(truth: Truth, margins: pd.DataFrame, *, seed: int) -> dict[str, pd.DataFrame]:
    """Return the clean answers of each wave, for simulations that need no files."""
    return waves.draw(truth, margins, seed)


BANDS = {"1": "low", "2": "low", "4": "high", "5": "high"}


def invitation_frame(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the link codes of people who may be asked again, with the band of their confidence, in order of code."""
    able = (answers["consent_analysis"] == "yes") & (answers["works_for_police"] == "no")
    able &= (answers["area"] != "outside_llr") & (answers["age_band"] != "16_17") & (answers["link_code"] != "")
    rows = answers[able]
    band = rows["conf_overall"].astype(str).map(BANDS).fillna("middle")
    return pd.DataFrame({"link_code": rows["link_code"], "band": band}).sort_values("link_code")


def make(truth_file: Path | None, folder: Path, *, seed: int | None = None, invite: waves.Invite | None = None) -> Path:
    """Write `data_raw/` of a synthetic study below `folder`: waves, registers, truth, and the list of what is shipped.

    The codebook, the population margins and the registers of published facts stand there already (copied from the
    checkout when they do not). `invite` draws a lot of invitations among the people of W2024.
    """
    raw = Path(folder) / "data_raw"
    inputs(raw)
    truth = read_truth(truth_file)
    seed = truth["seed"] if seed is None else seed
    book = codebook.load(raw / "codebook.yaml")
    margins = pd.read_csv(raw / "population" / "margins.csv")
    exports.write(waves.draw(truth, margins, seed, invite), book, raw / "waves")
    registers.write(raw / "registers", seed)
    text = (SHIPPED if truth_file is None else named(truth_file)).read_text("utf-8")
    (raw / "truth.toml").write_text(text, "utf-8")
    files = sorted(
        p for part in SHIPPED_FOLDERS for p in (raw / part).rglob("*") if p.is_file() and p.name != "README.md"
    )
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(raw.parent).as_posix()}" for p in files]
    (raw / "SHIPPED.sha256").write_text("\n".join(lines) + "\n", "utf-8")
    return Path(folder)


def inputs(raw: Path) -> None:
    """Copy codebook, margins and published registers of this checkout where the folder has none."""
    own = Path(__file__).parents[3] / "data_raw"
    published = [f"registers/{name}.csv" for name in registers.PUBLISHED]
    for name in ("codebook.yaml", "population/margins.csv", *published):
        target = raw / name
        if not target.is_file():
            if name in published and not (own / name).is_file():
                continue
            if not (own / name).is_file():
                raise StudyError(
                    f"there is no {name}", todo="Make the study inside a checkout, or copy it there first."
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(own / name, target)
