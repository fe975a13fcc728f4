"""What each notebook depends on, and whether an earlier execution of it still stands.

A notebook is current when nothing that it can read has changed: its source, the modules of this package that it
imports (followed through their own imports), the parameters given to it, the plan (its words included), the codebook,
its inputs, the environment, and what the notebooks before it wrote. Everything is compared by content.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evaluation.intake import withdrawals
from evaluation.plan import study
from evaluation.run import manifest

SURVEY = ("00", "01", "02", "03", "04", "05", "06", "07")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a notebook reads: the notebooks before it whose stages, gates or results it opens, and kinds of input."""

    after: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


# A notebook sees only what the notebooks in `after` wrote (and what those came after), so a missing entry fails at
# once; a file or module beyond `reads` and the imports is noticed by `undeclared` and makes the execution unusable.
NEEDS: dict[str, Needs] = {
    "00": Needs((), ("exports", "wave files")),
    "01": Needs(("00",), ("wave files", "margins")),
    "02": Needs(("00",), ("wave files", "margins")),
    "03": Needs(("00",), ("wave files", "margins", "treatment register")),
    "04": Needs(("00", "03"), ()),
    "05": Needs(("00", "01", "02", "03", "04"), ("wave files", "margins", "treatment register")),
    "06": Needs(("00", "02", "04"), ("wave files", "margins", "exposure register")),
    "07": Needs(("00", "02", "03", "04", "05"), ("wave files", "margins", "treatment register")),
    "08": Needs(SURVEY, ("wave files", "margins", "registers")),
    "09": Needs((*SURVEY, "08"), ("wave files", "margins", "registers")),  # reads what they published
    "10": Needs((*SURVEY, "08", "09"), ("wave files", "frozen plans")),
    "11": Needs((*SURVEY, "08", "09", "10"), ("wave files", "exports", "margins", "frozen plans")),
}
KINDS = ("exports", "wave files", "margins", "treatment register", "exposure register", "registers", "frozen plans")


def needs(sources: Iterable[Path]) -> dict[str, Needs]:
    """Return the needs of each notebook by name; one that is not in the table needs all before it and every input."""
    names = [p.stem for p in sources]
    known = {name: NEEDS.get(name[:2]) for name in names}
    out = {}
    for place, name in enumerate(names):
        need = known[name]
        if need is None or not all(any(n.startswith(f"{a}_") for n in names) for a in need.after):
            out[name] = Needs(tuple(names[:place]), KINDS if need is None else need.reads)
        else:
            out[name] = Needs(tuple(n for n in names if n[:2] in need.after), need.reads)
    return out


def upstream(name: str, table: Mapping[str, Needs]) -> tuple[str, ...]:
    """Return every notebook that must come before `name`, in order."""
    found: set[str] = set()
    waiting = list(table[name].after)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += table[one].after
    return tuple(n for n in table if n in found)


# ---- code -------------------------------------------------------------------------------------------------------


class Modules:
    """The modules of this package as they stand now: each is looked up once, however many notebooks import it."""

    def __init__(self) -> None:
        self._file = cache(_file_of)
        self._data = cache(manifest.data_files)

    def of(self, source: Path) -> tuple[Path, ...]:
        """Return the files of this package that a notebook imports, through every import of theirs, sorted."""
        cells = json.loads(source.read_text("utf-8"))["cells"]
        trees = [ast.parse("".join(c["source"])) for c in cells if c["cell_type"] == "code"]
        waiting = {name for tree in trees for name in _imports(tree, ())}
        seen: set[str] = set()
        found: dict[Path, str] = {}
        while waiting:
            seen.add(name := waiting.pop())
            file = self._file(name)
            if file is not None and file not in found:
                found[file], _, names = _read(file, file.stat().st_mtime_ns)
                waiting |= names - seen
        return tuple(sorted({*found, *self._data_of(found)}))

    def _data_of(self, modules: Mapping[Path, str]) -> set[Path]:
        """Return the templates and tables that the modules name: by the file's name, or by its folder's."""
        found = set()
        for folder in {m.parent for m in modules}:
            files = self._data(folder)
            text = "\n".join(said for m, said in modules.items() if m.parent == folder) if files else ""
            for file in files:
                if file.name in text or (file.parent != folder and f"{file.parent.name}/" in text):
                    found.add(file)
        return found


def modules_of(source: Path) -> tuple[Path, ...]:
    """Return the files of this package that a notebook imports, through every import of theirs, sorted."""
    return Modules().of(source)


_NAMES = r"(?:\([^()]*\)|[\w., \t]+)"
_IMPORT = re.compile(
    rf"^[ \t]*((?:from[ \t]+[\w.]+[ \t]+import[ \t]+{_NAMES}|import[ \t]+[\w., \t]+))[ \t]*(?=#|$)", re.MULTILINE
)


def _parsed(text: str) -> ast.AST:
    """Return a tree that holds every import of a module: only these are parsed where it holds no other such word."""
    rest = _IMPORT.sub("", text)
    if re.search(r"\bimport\b", rest):
        return ast.parse(text)
    try:
        return ast.parse("\n".join(_IMPORT.findall(text)))
    except SyntaxError:
        return ast.parse(text)


def _imports(tree: ast.AST, inside: tuple[str, ...]) -> set[str]:
    """Return the dotted names that a tree imports from this package, with every package above them."""
    names: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(inside[: len(inside) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{a.name}" for a in node.names)}
    parts = [n.split(".") for n in names if n.split(".")[0] == "evaluation"]
    return {".".join(p[:k]) for p in parts for k in range(1, len(p) + 1)}


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement of a tree, however deep; expressions, which are most of it, are not looked into."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, block, ())
            waiting += inner if isinstance(inner, list) else ()


@cache
def _read(file: Path, stamp: int) -> tuple[str, str, frozenset[str]]:  # noqa: ARG001 - the stamp renews the cache
    """Return a file's text and digest, and what it imports from this package."""
    text = file.read_text("utf-8")
    inside = ("evaluation", *file.relative_to(manifest.PACKAGE).parts[:-1])
    names = frozenset(_imports(_parsed(text), inside)) if file.suffix == ".py" else frozenset[str]()
    return text, _sha(text), names


def _code_digest(files: Iterable[Path]) -> str:
    found = ((f.relative_to(manifest.PACKAGE).as_posix(), _read(f, f.stat().st_mtime_ns)[1]) for f in sorted(files))
    return _sha(list(found))


def _file_of(dotted: str) -> Path | None:
    place = manifest.PACKAGE.joinpath(*dotted.split(".")[1:])
    tried = (place.with_suffix(".py"), place / "__init__.py") if dotted != "evaluation" else (place / "__init__.py",)
    return next((p for p in tried if p.is_file()), None)


# ---- inputs -----------------------------------------------------------------------------------------------------


def input_paths(plan: study.Plan, waves: Iterable[str], kinds: Iterable[str]) -> list[Path]:
    """Return the files of each kind of input that exist, sorted."""
    raw, found = plan.root / "data_raw", list[Path]()
    for kind in kinds:
        if kind == "exports":
            found += [p for w in waves for p in (raw / "waves" / w).rglob("*")]
            found += withdrawals.files(plan.root)
        elif kind == "wave files":
            found += [raw / "waves" / w / "wave.toml" for w in plan.waves]
        elif kind == "margins":
            found.append(plan.root / plan.population.margins_file)
        elif kind == "frozen plans":
            found += (plan.root / "plans").glob("*.toml")
        else:
            found += _registers(plan, kind)
    return sorted({p for p in found if p.is_file()})


def _registers(plan: study.Plan, kind: str) -> list[Path]:
    folder = plan.root / "data_raw" / "registers"
    if kind == "registers":
        return list(folder.rglob("*"))
    exposure = plan.exposure.register_name if plan.exposure else ""
    name = plan.treatment.register_name if kind == "treatment register" else exposure
    return [folder / "registers.toml", *(folder.glob(f"{name}.*") if name else ())]


def undeclared(record: str, need: Needs, plan: study.Plan, waves: Iterable[str], modules: Iterable[Path]) -> list[str]:
    """Return what an execution opened or imported beyond what its notebook is known to depend on.

    `record` holds the lines that the kernel's watch wrote: paths within the study, and `import NAME`.
    """
    allowed = {p.relative_to(plan.root).as_posix() for p in input_paths(plan, waves, need.reads)}
    allowed |= {"study.toml", plan.study.codebook}
    known = set(modules)
    out = []
    for line in record.splitlines():
        if line.startswith("import "):
            file = _file_of(line.removeprefix("import "))
            if file is not None and file not in known:
                out.append(line)
        elif line.startswith(("data_raw/", "plans/", "releases/")) and line not in allowed:
            out.append(line if not line.startswith("data_raw/.identifiers") else "")
    return [line for line in out if line]


# ---- keys -------------------------------------------------------------------------------------------------------


def parts(
    source: Path,
    plan: study.Plan,
    waves: tuple[str, ...],
    need: Needs,
    *,
    parameters: Mapping[str, Any],
    draft: bool,
    modules: Iterable[Path],
) -> dict[str, str]:
    """Return a digest of each kind of thing that a notebook depends on, apart from the notebooks before it.

    `modules` are the files of this package that the notebook imports (`Modules.of`).
    """
    runner = [manifest.PACKAGE / "run" / n for n in ("notebooks.py", "kernels.py", "warm.py")]
    files = input_paths(plan, waves, need.reads)
    return {
        "notebook": _sha(source.read_text("utf-8")),
        "code": _code_digest({*modules, *runner}),
        "parameters": _sha(dict(parameters)),
        "plan": plan.digest(),
        "codebook": plan.codebook.digest(),
        "environment": environment(),
        "inputs": manifest.digest_files(files, plan.root),
        "draft": _sha(draft and "exports" in need.reads),
        "key": _key_of(need),
    }


def _key_of(need: Needs) -> str:
    """Return a digest of the key that link codes are kept under, for a notebook that takes exports in."""
    from evaluation.intake import privacy

    file = privacy.key_file()
    return _sha(hashlib.sha256(file.read_bytes()).hexdigest()) if "exports" in need.reads and file.is_file() else ""


def key(parts: Mapping[str, str], before: Mapping[str, str]) -> str:
    """Return the key of an execution: its parts, and the digest of what each notebook before it wrote."""
    return _sha([sorted(parts.items()), sorted(before.items())])


@cache
def environment() -> str:
    """Return a digest of the Python and of every package installed beside it, by name and version."""
    folders = [Path(p) for p in sys.path if p and Path(p).name in ("site-packages", "dist-packages")]
    names = sorted({d.name for f in folders if f.is_dir() for d in f.glob("*.dist-info")})
    lock = manifest.PACKAGE.parents[1] / "requirements.lock"
    return _sha([sys.version, names, hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else ""])


def _sha(content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
