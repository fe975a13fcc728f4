"""Record what made a report: inputs, code, versions, parameters, plan, gates, outputs.

The manifest holds digests and counts, never a value of a respondent. Digests of inputs are keyed in released
copies, because a plain hash of a small file confirms a guess of its content.
"""

from __future__ import annotations

import ast
import hashlib
import hmac
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import CheckFailed
from evaluation.intake import provenance

if TYPE_CHECKING:
    from evaluation.report.context import KnownTruth

Manifest = dict[str, Any]  # what manifest.json holds

PACKAGE = Path(__file__).resolve().parents[1]
OWNERS_PACKAGES = (
    "jupyterlab",
    "pandas",
    "statsmodels",
    "linearmodels",
    "seaborn",
    "papermill",
    "pingouin",
    "numpy",
    "scipy",
    "matplotlib",
    "pyarrow",
    "pydantic",
    "jinja2",
    "ipykernel",
    "nbclient",
    "typst",
)


@dataclass(frozen=True, slots=True)
class CodeVersion:
    """Git commit and whether the tree differs from it; "unknown" outside a checkout."""

    commit: str
    dirty: bool


def notebooks_folder() -> Path:
    """Return the folder of the study's notebooks: beside the source in a checkout, inside an installed package."""
    beside = PACKAGE.parents[1] / "notebooks"
    return beside if beside.is_dir() else PACKAGE / "notebooks"


def code_version() -> CodeVersion:
    """Return the commit of the checkout that the code runs from, and whether code or notebooks differ from it."""
    top = PACKAGE.parents[1]
    if not (top / ".git").exists():
        return CodeVersion("unknown", False)

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(top), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "notebooks", "requirements.lock")
    return CodeVersion(git("rev-parse", "HEAD") or "unknown", bool(changed))


def code_files() -> list[Path]:
    """Return every file that decides a number or a page: the package, its templates and the notebooks."""
    found = [p for p in PACKAGE.rglob("*") if p.suffix in KINDS and "__pycache__" not in p.parts]
    if notebooks_folder().parent != PACKAGE:
        found += notebooks_folder().glob("*.ipynb")
    return sorted(found)


KINDS = {".py", ".j2", ".css", ".ipynb", ".html", ".toml", ".yaml", ".typ", ".json"}


def digest_files(files: Iterable[Path], root: Path | None = None) -> str:
    """Return one SHA-256 over names (relative to `root`, else bare) and contents of files."""
    total = hashlib.sha256()
    for file in sorted(files):
        name = file.relative_to(root).as_posix() if root and file.is_relative_to(root) else file.name
        total.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def statistics_digest() -> str:
    """Return one SHA-256 over the code that makes estimates and verdicts: what a known-truth table was made with.

    Only what is computed counts: docstrings, comments, types and layout may change without making the table stale.
    """
    files = [PACKAGE / "verdict.py", PACKAGE / "results.py", *(p for p in (PACKAGE / "statistics").rglob("*.py"))]
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + _computed(file).encode())
    return total.hexdigest()


def _computed(file: Path) -> str:
    """Return a module's statements without docstrings, annotations and places in the file."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree, include_attributes=False)


def known_truth() -> KnownTruth | None:
    """Return the table of the code tried on data with a known truth (header, rows, made_on, digest, stale), or None.

    `stale` is True where the statistics have changed since the table was made.
    """
    file = PACKAGE.parents[1] / "docs" / "known-truth.json"
    if not file.is_file():
        return None
    table: KnownTruth = json.loads(file.read_text("utf-8"))
    return table | {"stale": table.get("digest") != statistics_digest()}


def input_files(root: Path, waves: Iterable[str], codebook: str, margins: str) -> list[Path]:
    """Return the input files of a run that exist: plan, codebook, margins, waves, registers, withdrawals."""
    named = [root / "study.toml", root / codebook, root / "releases/ledger.json", *(root / "plans").glob("*.toml")]
    checked = [p for p in (root / "data_raw" / "sense_check").rglob("*") if p.is_file()]
    return sorted({p for p in (*named, *checked, *provenance.data_files(root, tuple(waves), margins)) if p.is_file()})


def keyed(key: bytes, content: bytes) -> str:
    """Return an HMAC-SHA256 of content, shortened to 32 hex digits."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()[:32]


def environment() -> Manifest:
    """Return Python, platform and the versions of the packages that the study rests on."""
    versions = {}
    for name in OWNERS_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    threads = {k: os.environ.get(k, "unset") for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": versions,
        "threads": threads,
        "blas": _blas(),
        "lock": _lock(),
        "workers_pin": "threads 1, hash seed 0, UTC, C.UTF-8",
        "locale": os.environ.get("LC_ALL") or os.environ.get("LANG") or "unset",
        "timezone": os.environ.get("TZ", "unset"),
    }


@cache
def installed() -> str:
    """Return a digest of the Python and of every package installed beside it, by name and version."""
    found = [Path(p) for p in sys.path if p and Path(p).name in ("site-packages", "dist-packages")]
    names = sorted({d.name for f in found if f.is_dir() for d in f.glob("*.dist-info")})
    return hashlib.sha256(json.dumps([sys.version, names, _lock()]).encode()).hexdigest()


def _blas() -> str:
    """Return the linear algebra library that numpy was built with."""
    import numpy as np

    found = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def _lock() -> str:
    """Return the digest of requirements.lock beside the code; "" where there is none."""
    lock = PACKAGE.parents[1] / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else ""


def outputs(folder: Path) -> dict[str, dict[str, str | int]]:
    """Return each output's hash, size and sensitivity, by path within the report."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in UNHASHED)
    return {
        p.relative_to(folder).as_posix(): {
            "sha256": hashlib.sha256(p.read_bytes()).hexdigest(),
            "bytes": p.stat().st_size,
            "sensitivity": "releasable",
        }
        for p in files
    }


UNHASHED = ("manifest.json", "ro-crate-metadata.json", "run.log")


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write JSON with sorted keys, so that equal content gives equal bytes."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n", "utf-8")


def read_manifest(report: Path) -> Manifest:
    """Return a report's manifest; a folder without one is a failed check."""
    file = Path(report) / "manifest.json"
    if not file.is_file():
        raise CheckFailed(f"{Path(report).name!r} holds no manifest.json", todo="Name the folder of a report.")
    manifest: Manifest = json.loads(file.read_text("utf-8"))
    return manifest


def tampered(report: Path, manifest: Manifest) -> str:
    """Return the first output whose bytes are not those the manifest recorded, or ""."""
    for name, recorded in sorted(manifest["outputs"].items()):
        file = report / name
        if not file.is_file():
            return f"{name} is missing from the report"
        if hashlib.sha256(file.read_bytes()).hexdigest() != recorded["sha256"]:
            return f"{name} was changed after the run"
    extra = sorted(set(outputs(report)) - set(manifest["outputs"]))
    return f"{extra[0]} was added after the run" if extra else ""
