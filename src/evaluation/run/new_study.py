"""Begin a new study: its folders, a codebook, a plan to fill in, empty sheets for the registers."""

from __future__ import annotations

import shutil
from pathlib import Path

from evaluation.errors import InputError
from evaluation.plan import codebook

HERE = Path(__file__).parents[1]
FOLDERS = ("data_raw/waves", "data_raw/registers/blank", "data_raw/population", "data_processed", "reports")
IGNORED = (
    "data_raw/waves/\ndata_raw/registers/\ndata_raw/.identifiers/\ndata_processed/\nreports/\n"
    "[Ww][Ii][Tt][Hh][Dd][Rr][Aa][Ww]*\n*.[Cc][Ss][Vv]\n*.[Tt][Ss][Vv]\n*.[Tt][Xx][Tt]\n*.[Xx][Ll][Ss]*\n"
    "*.[Oo][Dd][Ss]\n*.[Ss][Aa][Vv]\n*.[Zz][Ss][Aa][Vv]\n!data_raw/population/margins.csv\n"
)
README = """# A study

1. Fill in `study.toml` (the plan) and, where your survey asks other things, `data_raw/codebook.yaml`.
2. Add a wave: `evaluation add-wave EXPORT --wave W2026`. It copies the export in untouched, proposes a map of its
   columns and labels in `data_raw/waves/W2026/wave.toml` for you to confirm, and lists every fault at once.
3. Registers are optional: blank sheets with the right columns lie in `data_raw/registers/blank/`; put filled ones into
   `data_raw/registers/`.
4. Population figures, if you weight: `data_raw/population/margins.csv` with columns margin, cell, population, source.
5. `evaluation check`, then `evaluation plan --freeze --wave W2026`, then `evaluation run`.

Nothing in `data_raw/waves`, `data_raw/registers` or `data_processed` belongs in version control: `.gitignore` leaves
them out. To delete a study's data, delete this folder, and the key that links respondents.
"""


def shipped_codebook() -> Path:
    """Return the codebook that comes with the package: beside the source in a checkout, inside it when installed."""
    beside = HERE.parents[1] / "data_raw" / "codebook.yaml"
    return beside if beside.is_file() else HERE / "starting_files" / "codebook.yaml"


def init(folder: Path) -> str:
    """Make a new study in `folder`, which must be missing or empty, and return what to do next.

    Raises
    ------
    InputError
        The folder holds something already; nothing is written then.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder.name} is not empty", todo="Name a folder that does not exist yet.")
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "starting_files" / "study.toml", folder / "study.toml")
    shutil.copyfile(shipped_codebook(), folder / "data_raw" / "codebook.yaml")
    (folder / "README.md").write_text(README, encoding="utf-8")
    (folder / ".gitignore").write_text(IGNORED, encoding="utf-8")
    book = codebook.load(folder / "data_raw" / "codebook.yaml")
    for table in book.tables:
        if table != "survey":
            header = ",".join(book.names(table)) + "\n"
            (folder / "data_raw" / "registers" / "blank" / f"{table}.csv").write_text(header, encoding="utf-8")
    return f"A new study is in {folder.name}. Next: fill in study.toml, then add a wave (README.md there says how)."
