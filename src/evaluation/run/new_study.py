"""Begin a new study: its folders, a codebook, a plan to fill in, empty sheets for the registers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.errors import InputError
from evaluation.intake import add_wave, column_description, header_rows, readers
from evaluation.intake.column_description import Description
from evaluation.plan import codebook, study
from evaluation.run import first_questions, first_study

HERE = Path(__file__).parents[1]
FOLDERS = ("data_raw/waves", "data_raw/registers/blank", "data_raw/population", "data_processed", "reports")
IGNORED = (
    "data_raw/waves/\ndata_raw/registers/\ndata_raw/.identifiers/\ndata_processed/\nreports/\n"
    "[Ww][Ii][Tt][Hh][Dd][Rr][Aa][Ww]*\n*.[Cc][Ss][Vv]\n*.[Tt][Ss][Vv]\n*.[Tt][Xx][Tt]\n*.[Xx][Ll][Ss]*\n"
    "*.[Oo][Dd][Ss]\n*.[Ss][Aa][Vv]\n*.[Zz][Ss][Aa][Vv]\n*.[Dd][Tt][Aa]\n*.[Rr][Dd]*\n!data_raw/population/margins.csv\n"
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


def begin(
    folder: Path,
    exports: Sequence[Path],
    waves: Sequence[str],
    given: Mapping[str, str],
    reply: Callable[[str], str] | None,
    **options: Any,
) -> str:
    """Make a new study from the export of each of its waves, and return what was done and what to do next.

    Parameters
    ----------
    exports, waves : sequences
        An export for each wave, and their ids in order; an id that is left out is the first year in the file's name.
    given, reply
        Answers known beforehand, and who is asked for the others, as in `first_questions.ask`.
    options
        `accept`; and how the exports are to be read: `header_row`, `header_rows`, `sheet`, `delimiter`, `encoding`.

    Raises
    ------
    InputError
        The folder is not empty, an export cannot be read, or an answer cannot be meant; nothing is left behind then.
    """
    _require_new(folder)
    accept = bool(options.pop("accept", False))
    named = _waves(exports, waves)
    described = {w: _described(export, options) for w, export in named.items()}
    columns = first_study.together([d for d, _ in described.values()])
    answers = first_questions.ask(columns, given, reply, accept=accept)
    first = first_study.First({w: d for w, (d, _) in described.items()}, columns, answers)
    there = folder.exists()
    try:
        return _written(folder, first, named, {w: place for w, (_, place) in described.items()})
    except BaseException:
        for left in list(folder.iterdir()) if there else [folder]:
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()
        raise


def _waves(exports: Sequence[Path], waves: Sequence[str]) -> dict[str, Path]:
    """Return the export of each wave, in order of the waves."""
    named = [*waves, *(first_study.wave_of(e) for e in exports[len(waves) :])]
    for export in exports:
        if not export.is_file():
            raise InputError(f"there is no file {export.name!r}", todo="Give the path of the export.")
    if len(waves) > len(exports) or "" in named or len(set(named)) < len(named):
        raise InputError(
            "it is not said which wave each export is",
            todo="Give --wave W2026 once for each --from, in the same order.",
        )
    return dict(sorted(zip(named, exports, strict=True)))


def _described(export: Path, options: Mapping[str, Any]) -> tuple[tuple[Description, ...], dict[str, Any]]:
    """Return the columns of an export, and how it was read."""
    said = {k: v for k, v in options.items() if k in ("delimiter", "encoding")}
    nothing = codebook.Codebook("", {}, {"survey": codebook.Table("survey", "", (), {})})
    found = header_rows.layout(export, nothing, **said)
    place = {k: v for k in ("sheet", "header_row", "header_rows", "delimiter") if (v := getattr(found, k))} | dict(
        options
    )
    read = readers.read(export, **place)
    return column_description.describe(read, in_text=export.suffix.lower() in readers.TEXT), place


def _written(
    folder: Path, first: first_study.First, exports: Mapping[str, Path], places: Mapping[str, Mapping[str, Any]]
) -> str:
    """Write the study and take its exports in; return what to read."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(README, encoding="utf-8")
    (folder / ".gitignore").write_text(IGNORED, encoding="utf-8")
    written = folder / "data_raw" / "codebook.yaml"
    written.write_text(first_study.codebook(first), "utf-8")
    (folder / "study.toml").write_text(first_study.plan(first, codebook.load(written)), "utf-8")
    plan = study.load(folder / "study.toml")
    lines = [f"A new study is in {folder.name}: study.toml (the plan), data_raw/codebook.yaml (the questions)."]
    for wave, export in exports.items():
        add_wave.add(plan, export, wave, first_study.drafted(first, wave), **places[wave])
        lines.append(f"{wave}: {export.name} was copied in, unchanged; its map is data_raw/waves/{wave}/wave.toml.")
    lines += _to_decide(first, exports)
    which = "each wave.toml" if len(exports) > 1 else "wave.toml"
    last = list(exports)[-1]
    lines.append(
        f"Next, in {folder.name}: read study.toml and {which}, set confirmed = true; then evaluation check, "
        f"evaluation plan --freeze --wave {last}, evaluation run."
    )
    return "\n".join(lines)


def _to_decide(first: first_study.First, exports: Mapping[str, Path]) -> list[str]:
    """Return a line for what the export does not settle: columns not read, words and numbers for missing answers."""
    lines = []
    unread = sorted({d.column for d in first.columns if not first.kind(d)})
    if unread:
        lines.append(f"Not read, each with its reason in wave.toml: {', '.join(add_wave.shown(c) for c in unread)}.")
    for wave in exports:
        made = first_study.drafted(first, wave)
        if made.missing:
            lines.append(f"{wave}: taken for missing answers, confirm each: {', '.join(map(repr, made.missing))}.")
        for name, codes in made.unsure.items():
            lines.append(
                f"{wave}: {name} holds {', '.join(codes)}: real, or a code for no answer? Decide in wave.toml."
            )
    return lines


def _require_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder.name} is not empty", todo="Name a folder that does not exist yet.")


def init(folder: Path) -> str:
    """Make a new study in `folder`, which must be missing or empty, and return what to do next.

    Raises
    ------
    InputError
        The folder holds something already; nothing is written then.
    """
    _require_new(folder)
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
