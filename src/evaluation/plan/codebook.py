"""Read `codebook.yaml`: one source of names, labels, levels, roles and sensitivities, checked on load.

YAML is read without types: every scalar stays the text that was written, so `yes`, `no`, `18_24` and `1e3` are text.
Levels of an ordinal are whole numbers; every other level code is text.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.errors import CodebookError, nearest
from evaluation.plan import references, standards

TYPES = ("id", "category", "ordinal", "multi", "yndk", "integer", "number", "date", "datetime", "text")
ROLES = ("id", "design", "treatment", "outcome", "mediator", "collection", "control")
SENSITIVITIES = ("direct", "special", "ordinary")
KEYS = {
    "name",
    "label",
    "type",
    "levels",
    "extra_levels",
    "role",
    "req",
    "sens",
    "quasi",
    "min",
    "max",
    "route",
    "scale",
    "note",
    "warn_outside",
    "refers_to",
    "refers_where",
    "not_before",
    "at_most",
    "reverse",
    "made_from",
    "becomes",
    "base_weight",
    "harmonised",
    "successor",
    "standard",
}
TABLE_KEYS = {"grain", "key", "vars"}
WAVE = re.compile(r"W[0-9]{4}[a-z]?")
WITH_LEVELS = ("category", "ordinal", "multi", "yndk")


@dataclass(frozen=True, slots=True)
class Variable:
    """One column: what it is called, what it may hold, what it is for, and how sensitive it is.

    Attributes
    ----------
    name, label : str
        Column name and the words for it.
    type : str
        One of `TYPES`.
    levels : mapping
        Code (text; whole number for ordinals) to words; empty for numbers, dates and text.
    extra_levels : tuple of str
        Codes that may occur besides the levels.
    role : str
        id, design, treatment, outcome, mediator, collection or control; "" outside the survey table.
    sens : str
        "direct" (identifies a person), "special" (protected by law) or "ordinary".
    quasi : bool
        Whether it can help to identify a person together with other columns; for the reader, no check uses it.
    required_from : str
        Wave id from which the column must exist, "always", or "optional".
    min, max : float or None
        Least and most that a number may be; outside is an error.
    warn_outside : tuple of float or None
        Least and most beyond which a number is unusual: `evaluation check` says which rows are, and goes on.
    refers_to : tuple of str
        Tables of which one must hold this number as its key.
    refers_where : tuple of (str, tuple of str)
        Column and levels of the rows that this holds for; ("", ()) for all rows.
    not_before : tuple of str
        Dates that this one may not precede: columns of the row, or a column that refers to a row with a date.
    at_most : tuple of str
        Numbers of the row that this one may not exceed.
    route : str
        Condition on another column under which the question was asked, "attended == 'yes'".
    made_from : str
        The finer variable this one can be made from: its levels are the first word of the finer one's codes.
    becomes : str
        For a full postcode: the variable that takes its district; the postcode itself is never kept in a stage.
    base_weight : bool
        Whether it holds the weights by which people were drawn: raking starts from them.
    level_set : str
        Name of the shared levels that it has; "" where its levels are its own.
    harmonised : Harmonised or None
        The question of another survey that this one repeats.
    successor : tuple of two str
        The question that takes this one's place, and the bridge wave that asks both; ("", "") for none.
    standard : str
        Version of the standard list that its levels follow, "2021"; "" where they follow none.
    """

    name: str
    label: str
    type: str
    levels: Mapping[Any, str] = field(default_factory=dict)
    extra_levels: tuple[str, ...] = ()
    role: str = ""
    sens: str = "ordinary"
    quasi: bool = False
    required_from: str = "optional"
    min: float | None = None
    max: float | None = None
    warn_outside: tuple[float, float] | None = None
    route: str = ""
    refers_to: tuple[str, ...] = ()
    refers_where: tuple[str, tuple[str, ...]] = ("", ())
    not_before: tuple[str, ...] = ()
    at_most: tuple[str, ...] = ()
    scale: str = ""
    reverse: bool = False
    note: str = ""
    made_from: str = ""
    becomes: str = ""
    base_weight: bool = False
    level_set: str = ""
    harmonised: references.Harmonised | None = None
    successor: tuple[str, str] = ("", "")
    standard: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the study.

    Attributes
    ----------
    name, grain : str
        Name of the table, and what a row is.
    key : tuple of str
        Columns that identify a row.
    variables : mapping
        Column name to its variable, in order.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    variables: Mapping[str, Variable]


@dataclass(frozen=True, slots=True)
class Codebook:
    """Every table of the study.

    Attributes
    ----------
    version : str
        The codebook's own version.
    missing : mapping
        Missing codes "-9" to "-3" to words.
    tables : mapping
        Table name to table.
    source : str
        Text of the file as it was read.
    """

    version: str
    missing: Mapping[str, str]
    tables: Mapping[str, Table]
    source: str = ""

    def table(self, name: str) -> Table:
        """Return a table.

        Parameters
        ----------
        name : str
            Name of the table.

        Returns
        -------
        Table
            The table.

        Raises
        ------
        CodebookError
            There is no such table; the message names the nearest.
        """
        if name not in self.tables:
            raise CodebookError(f"no table {name!r}", todo=f"Nearest: {nearest(name, self.tables)!r}.")
        return self.tables[name]

    def names(self, table: str = "survey") -> tuple[str, ...]:
        """Return the names of a table's variables, in order.

        Parameters
        ----------
        table : str
            Name of the table.

        Returns
        -------
        tuple of str
            Column names.

        Raises
        ------
        CodebookError
            There is no such table.
        """
        return tuple(self.table(table).variables)

    def variable(self, name: str, table: str = "survey") -> Variable:
        """Return a variable.

        Parameters
        ----------
        name : str
            Column name.
        table : str
            Name of the table.

        Returns
        -------
        Variable
            The variable.

        Raises
        ------
        CodebookError
            There is no such table or variable; the message names the nearest.
        """
        known = self.table(table).variables
        if name not in known:
            raise CodebookError(f"no variable {name!r} in table {table!r}", todo=f"Nearest: {nearest(name, known)!r}.")
        return known[name]

    def label(self, name: str, table: str = "survey") -> str:
        """Return the words of a variable.

        Parameters
        ----------
        name : str
            Column name.
        table : str
            Name of the table.

        Returns
        -------
        str
            The label.

        Raises
        ------
        CodebookError
            There is no such table or variable.
        """
        return self.variable(name, table).label

    def levels(self, name: str, table: str = "survey") -> dict[Any, str]:
        """Return the levels of a variable.

        Parameters
        ----------
        name : str
            Column name.
        table : str
            Name of the table.

        Returns
        -------
        dict
            Code to words; empty for numbers, dates and text.

        Raises
        ------
        CodebookError
            There is no such table or variable.
        """
        return dict(self.variable(name, table).levels)

    def role(self, name: str) -> str:
        """Return the role of a survey variable.

        Parameters
        ----------
        name : str
            Column name.

        Returns
        -------
        str
            One of `ROLES`.

        Raises
        ------
        CodebookError
            There is no such variable.
        """
        return self.variable(name).role

    @property
    def base_weight(self) -> str:
        """The survey variable with the weights by which people were drawn.

        Returns
        -------
        str
            Its name; "" for none.
        """
        return next((v.name for v in self.table("survey").variables.values() if v.base_weight), "")

    @property
    def harmonised(self) -> dict[str, references.Harmonised]:
        """The survey variables that repeat a question of another survey.

        Returns
        -------
        dict of str to Harmonised
            By name, in order.
        """
        return {v.name: v.harmonised for v in self.table("survey").variables.values() if v.harmonised}

    def forerunners(self, names: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return the questions that each of some questions took the place of.

        Parameters
        ----------
        names : iterable of str
            Survey variables.

        Returns
        -------
        dict of str to (str, str)
            Forerunner to its successor among `names`, and the wave that asks both.
        """
        wanted = set(names)
        known = self.table("survey").variables.values()
        return {v.name: v.successor for v in known if v.successor[0] in wanted}

    def digest(self) -> str:
        """Return the hash of the file as it was read.

        Returns
        -------
        str
            SHA-256.
        """
        return hashlib.sha256(self.source.encode()).hexdigest()


def load(path: str | os.PathLike[str]) -> Codebook:
    """Return the codebook of a file.

    Parameters
    ----------
    path : path-like
        A `codebook.yaml`.

    Returns
    -------
    Codebook
        The checked codebook.

    Raises
    ------
    CodebookError
        Every fault at once: unknown types, roles, sensitivities and keys (with the nearest known one), a survey
        variable without a role, levels missing or doubled, a route on an unknown variable.
    """
    import yaml

    file = Path(path)
    if not file.is_file():
        raise CodebookError(f"no codebook {file.name!r}", todo="Name it in study.toml under [study] codebook.")
    text = file.read_text("utf-8")
    try:
        content = yaml.load(text, Loader=_plain_loader())
    except yaml.YAMLError as error:
        raise CodebookError(f"{file.name} is not valid YAML: {error}", todo="Mend the line it names.") from None
    if not isinstance(content, dict) or not isinstance(content.get("tables"), dict):
        raise CodebookError(f"{file.name} has no `tables`", todo="Start from the file that `evaluation init` writes.")
    faults: list[str] = []
    shared = {str(k): _levels(v, f"levels.{k}", faults) for k, v in (content.get("levels") or {}).items()}
    tables = {str(n): _table(str(n), t, shared, faults) for n, t in content["tables"].items()}
    missing = {
        str(k): str(v.get("label") if isinstance(v, dict) else v)
        for k, v in (content.get("missing_codes") or {}).items()
    }
    faults += [
        f"missing_codes: {k} is not one of -9 to -3" for k in missing if k not in {str(-n) for n in range(3, 10)}
    ]
    if "survey" not in tables:
        faults.append("tables: the table 'survey' is missing")
    faults += [
        f"{t.name}.{v.name}: refers to {r!r}, which is no table with one key"
        for t in tables.values()
        for v in t.variables.values()
        for r in v.refers_to
        if r not in tables or len(tables[r].key) != 1
    ]
    if faults:
        raise CodebookError(f"{file.name} has faults:\n" + "\n".join(f"- {f}" for f in faults))
    return Codebook(str(content.get("codebook_version", "")), missing, tables, text)


def _plain_loader() -> Any:
    """Return a YAML loader that knows only text, lists and mappings, and refuses doubled keys."""
    import yaml

    class Plain(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Every scalar is the text that was written."""

    Plain.yaml_implicit_resolvers = {}

    def mapping(loader: Any, node: yaml.MappingNode) -> dict[object, object]:
        keys = [loader.construct_object(k, deep=True) for k, _ in node.value]
        doubled = sorted({str(k) for k in keys if keys.count(k) > 1})
        if doubled:
            raise yaml.YAMLError(f"{', '.join(doubled)} stands twice near line {node.start_mark.line + 1}")
        return {k: loader.construct_object(v, deep=True) for k, (_, v) in zip(keys, node.value, strict=True)}

    Plain.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return Plain


def _levels(raw: object, where: str, faults: list[str]) -> dict[str, str]:
    if not isinstance(raw, dict):
        faults.append(f"{where}: levels are written as code: words")
        return {}
    words = {str(k): str(v.get("name") if isinstance(v, dict) else v) for k, v in raw.items()}
    doubled = sorted({w for w in words.values() if list(words.values()).count(w) > 1})
    if doubled:
        faults.append(f"{where}: the words {doubled} stand for two levels")
    return words


def _table(name: str, raw: object, shared: Mapping[str, dict[str, str]], faults: list[str]) -> Table:
    if not isinstance(raw, dict) or not isinstance(raw.get("vars"), list):
        faults.append(f"tables.{name}: needs a list `vars`")
        return Table(name, "", (), {})
    made = [_variable(name, v, shared, faults) for v in raw["vars"]]
    names = [v.name for v in made]
    faults += [f"{name}: variable {n!r} stands twice" for n in sorted({n for n in names if names.count(n) > 1})]
    key = tuple(str(k) for k in raw.get("key") or ())
    faults += [f"{name}: the key names {k!r}, which the table lacks" for k in key if k not in names]
    for v in made:
        on = v.route.split(" ")[0] if v.route else ""
        if on and on not in names:
            faults.append(f"{name}.{v.name}: routed on {on!r}, which the table lacks")
        for other in (v.made_from, v.becomes, v.refers_where[0], v.successor[0], *v.not_before, *v.at_most):
            if other and other not in names:
                faults.append(f"{name}.{v.name}: names {other!r}, which the table lacks")
        if v.base_weight and (v.type != "number" or [o.name for o in made if o.base_weight] != [v.name]):
            faults.append(f"{name}.{v.name}: one number of the survey is the base weight")
        if v.sens == "direct" and v.role in ("outcome", "mediator", "control", "treatment") and v.type != "text":
            faults.append(f"{name}.{v.name}: an identifier cannot be a {v.role}")
    for k in sorted(set(raw) - TABLE_KEYS):
        faults.append(f"tables.{name}: unknown key {k!r}; nearest: {nearest(k, TABLE_KEYS)!r}")
    return Table(name, str(raw.get("grain", "")), key, {v.name: v for v in made})


def _variable(table: str, raw: object, shared: Mapping[str, dict[str, str]], faults: list[str]) -> Variable:
    where = f"{table}.{raw.get('name', '?') if isinstance(raw, dict) else '?'}"
    if not isinstance(raw, dict) or not raw.get("name") or not raw.get("label"):
        faults.append(f"{where}: a variable needs a name and a label")
        return Variable("?", "", "text")
    for key in sorted(set(raw) - KEYS):
        faults.append(f"{where}: unknown key {key!r}; nearest: {nearest(key, KEYS)!r}")
    kind = _one_of(raw.get("type", ""), TYPES, f"{where}: type", faults)
    sens = _one_of(raw.get("sens", "ordinary"), SENSITIVITIES, f"{where}: sensitivity", faults)
    role = str(raw.get("role", ""))
    if table == "survey" or role:
        _one_of(role, ROLES, f"{where}: role", faults)
    levels = _levels_of(raw, kind, shared, where, faults)
    wave = str(raw.get("req", "optional"))
    if wave not in ("always", "optional") and not WAVE.fullmatch(wave):
        faults.append(f"{where}: req {wave!r} is a wave such as W2022, 'always' or 'optional'")
    extra = tuple(str(x) for x in raw.get("extra_levels") or ())
    outside = raw.get("warn_outside")
    return Variable(
        str(raw["name"]),
        str(raw["label"]),
        kind,
        levels,
        extra,
        role,
        sens,
        raw.get("quasi") == "true",
        wave,
        _number(raw.get("min"), where, faults),
        _number(raw.get("max"), where, faults),
        (float(outside[0]), float(outside[1])) if outside else None,
        str(raw.get("route") or ""),
        _words(raw.get("refers_to")),
        _where(raw.get("refers_where"), where, faults),
        _words(raw.get("not_before")),
        _words(raw.get("at_most")),
        str(raw.get("scale") or ""),
        raw.get("reverse") == "true",
        str(raw.get("note") or ""),
        str(raw.get("made_from") or ""),
        str(raw.get("becomes") or ""),
        raw.get("base_weight") == "true",
        raw["levels"] if isinstance(raw.get("levels"), str) else "",
        references.read(raw.get("harmonised"), levels, where, faults),
        _successor(raw.get("successor"), where, faults),
        _standard(raw.get("standard"), levels, where, faults),
    )


def _successor(raw: object, where: str, faults: list[str]) -> tuple[str, str]:
    """Return the question that takes a question's place, and the wave that asks both."""
    if not raw:
        return "", ""
    if not isinstance(raw, dict) or set(raw) != {"variable", "bridge"} or not WAVE.fullmatch(str(raw["bridge"])):
        faults.append(f"{where}: successor is written {{variable: NAME, bridge: W2027}}")
        return "", ""
    return str(raw["variable"]), str(raw["bridge"])


def _standard(raw: object, levels: Mapping[Any, str], where: str, faults: list[str]) -> str:
    """Return the version of the list of groups that the levels follow, and refuse a level that it does not offer."""
    version = _one_of(str(raw), standards.VERSIONS, f"{where}: standard", faults) if raw else ""
    for code in standards.strangers(levels, version) if version in standards.VERSIONS else ():
        faults.append(f"{where}: the list of {version} does not offer {code!r}")
    return version


def _words(raw: object) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    return tuple(str(x) for x in raw) if isinstance(raw, list) else (str(raw),) if raw else ()


def _where(raw: object, where: str, faults: list[str]) -> tuple[str, tuple[str, ...]]:
    """Return the column and the levels of `{column: [level, ...]}`."""
    if not raw:
        return "", ()
    if not isinstance(raw, dict) or len(raw) != 1:
        faults.append(f"{where}: refers_where is written {{column: [level, level]}}")
        return "", ()
    column, levels = next(iter(raw.items()))
    return str(column), _words(levels)


def _levels_of(
    raw: Mapping[str, object], kind: str, shared: Mapping[str, dict[str, str]], where: str, faults: list[str]
) -> dict[Any, str]:
    given = raw.get("levels")
    if kind not in WITH_LEVELS:
        if given:
            faults.append(f"{where}: a {kind} has no levels")
        return {}
    if isinstance(given, str):
        if given not in shared:
            faults.append(f"{where}: no levels {given!r}; nearest: {nearest(given, shared)!r}")
            return {}
        found = shared[given]
    else:
        found = _levels(given, where, faults)
    if kind != "ordinal":
        return dict(found)
    try:
        return {int(k): v for k, v in found.items()}
    except ValueError:
        faults.append(f"{where}: the levels of an ordinal are whole numbers")
        return {}


def _one_of(value: object, known: tuple[str, ...], where: str, faults: list[str]) -> str:
    if value not in known:
        hint = nearest(str(value), known)
        faults.append(
            f"{where} {value!r} is not known" + (f"; did you mean {hint!r}?" if hint else f"; use one of {known}")
        )
    return str(value)


def _number(value: str | None, where: str, faults: list[str]) -> float | None:
    if value in (None, ""):
        return None
    try:
        return float(value)
    except ValueError:
        faults.append(f"{where}: {value!r} is not a number")
        return None
