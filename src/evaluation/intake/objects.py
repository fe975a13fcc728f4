"""An object of frames, numbers and words between notebooks: every column in a typed file, the rest as JSON.

Columns of equal length share one parquet file, whatever frame they stand in. Nothing is pickled: reading a stage runs
no code of its own, and only the classes that the reader names can come back.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.intake import store
from evaluation.intake.stages import Stage, json_of, read_stage, write_stage
from evaluation.plan.study import Plan

OWN = {"__frame__", "__series__", "__index__", "__matrix__", "__object__", "__pairs__", "__tuple__"}
MISSING: dict[str, Any] = {"None": None, "NA": pd.NA, "nan": np.nan}


class _Columns:
    """The columns of an object by their length, each held once."""

    def __init__(self, tables: Mapping[int, pa.Table] | None = None) -> None:
        self.held: dict[int, list[pa.Array]] = {}
        self.tables = dict(tables or {})
        self._known: dict[int, tuple[object, dict[str, Any]]] = {}

    def put(self, column: pd.Series | pd.Index | np.ndarray) -> dict[str, Any]:
        """Hold a column; return where, and of which type."""
        if id(column) in self._known:
            return self._known[id(column)][1]
        values = pd.Series(column).reset_index(drop=True)
        array = pa.Array.from_pandas(values)
        where: dict[str, Any] = {"rows": len(values), "place": len(self.held.setdefault(len(values), []))}
        where["type"] = str(values.dtype)
        if values.dtype == object and values.isna().any():
            gone = values[values.isna()].iloc[0]
            where["missing"] = "None" if gone is None else "NA" if gone is pd.NA else "nan"
        self.held[len(values)].append(array)
        self._known[id(column)] = (column, where)
        return where

    def get(self, where: Mapping[str, Any]) -> pd.Series:
        """Return a held column with its type."""
        array = self.tables[where["rows"]].column(where["place"])
        if where["type"] != "object":
            values = array.to_pandas().rename(None)
            return values if str(values.dtype) == where["type"] else values.astype(where["type"])
        values = array.to_numpy().astype(object) if pa.types.is_string(array.type) else np.array(array.to_pylist())
        values = values.astype(object)
        if "missing" in where:
            values[array.is_null().to_numpy()] = MISSING[where["missing"]]
        return pd.Series(values, dtype=object)

    def files(self, name: str) -> dict[str, bytes]:
        """Return one parquet file for each length."""
        made = {}
        for rows, arrays in self.held.items():
            out = io.BytesIO()
            pq.write_table(pa.table(arrays, names=[str(k) for k in range(len(arrays))]), out)
            made[f"{name}.{rows}.parquet"] = out.getvalue()
        return made


def keep(plan: Plan, wave: str, name: str, thing: object) -> Stage:
    """Keep an object for later notebooks, and return its stage with the fingerprint.

    Parameters
    ----------
    plan : Plan
        The study.
    wave : str
        The report's wave.
    name : str
        Name of the stage.
    thing : object
        Dataclasses, mappings, tuples, frames, series, arrays, numbers and words, as deep as need be.

    Returns
    -------
    Stage
        Its name, fingerprint and the notebook that makes it.

    Raises
    ------
    TypeError
        A type that could not come back as it was.
    """
    columns = _Columns()
    content = json_of(_plain(thing, columns))
    return write_stage(plan, wave, name, {f"{name}.json": content, **columns.files(name)})


def kept(plan: Plan, wave: str, name: str, kinds: Iterable[type]) -> Any:
    """Return an object that an earlier notebook kept, refused as `stages.read_stage` does.

    Parameters
    ----------
    plan : Plan
        The study.
    wave : str
        The report's wave.
    name : str
        Name of the stage.
    kinds : iterable of type
        The dataclasses that it may hold.

    Returns
    -------
    object
        Equal to what was kept, to the last digit and type.
    """
    files = read_stage(plan, wave, name)
    tables = {int(f.split(".")[-2]): pq.read_table(io.BytesIO(b)) for f, b in files.items() if f.endswith(".parquet")}
    known = {kind.__name__: kind for kind in kinds}
    return _thing(json.loads(files[f"{name}.json"]), _Columns(tables), known)


def _plain(thing: Any, columns: _Columns) -> object:
    """Return a thing as JSON can hold it, its columns put aside."""
    if isinstance(thing, pd.DataFrame):
        parts = [columns.put(thing.iloc[:, k]) for k in range(thing.shape[1])]
        return {"__frame__": parts, "names": store.plain(list(thing.columns)), "index": _index(thing.index, columns)}
    if isinstance(thing, pd.Series):
        part = columns.put(thing)
        return {"__series__": part, "name": store.plain(thing.name), "index": _index(thing.index, columns)}
    if isinstance(thing, pd.Index):
        return {"__index__": _index(thing, columns)}
    if isinstance(thing, np.ndarray):
        wide = thing.reshape(len(thing), -1) if thing.ndim <= 2 else _refuse(thing)
        return {"__matrix__": [columns.put(c) for c in wide.T.copy()], "shape": list(thing.shape)}
    if is_dataclass(thing) and not isinstance(thing, type) and type(thing).__name__ not in store.KINDS:
        return {"__object__": type(thing).__name__} | {
            f.name: _plain(getattr(thing, f.name), columns) for f in fields(thing)
        }
    if isinstance(thing, Mapping):
        return {"__pairs__": [[store.plain(k), _plain(v, columns)] for k, v in thing.items()]}
    if isinstance(thing, tuple):
        return {"__tuple__": [_plain(x, columns) for x in thing]}
    return [_plain(x, columns) for x in thing] if isinstance(thing, list) else store.plain(thing)


def _refuse(thing: np.ndarray) -> np.ndarray:
    raise TypeError(f"an array of {thing.ndim} dimensions cannot be kept between notebooks")


def _index(index: pd.Index, columns: _Columns) -> object:
    """Return an index: counted rows as their number, else its levels as columns."""
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return {"rows": len(index)}
    levels = [index.get_level_values(k) for k in range(index.nlevels)]
    names = store.plain(list(index.names))
    return {"levels": [columns.put(x) for x in levels], "names": names, "many": isinstance(index, pd.MultiIndex)}


def _indexed(value: Mapping[str, Any], columns: _Columns) -> pd.Index:
    if "levels" not in value:
        return pd.RangeIndex(value["rows"])
    levels, names = [columns.get(x) for x in value["levels"]], store.thing(value["names"])
    return pd.MultiIndex.from_arrays(levels, names=names) if value["many"] else pd.Index(levels[0].rename(names[0]))


def _thing(value: Any, columns: _Columns, known: Mapping[str, type]) -> Any:
    """Return what `_plain` was given."""
    if isinstance(value, list):
        return [_thing(x, columns, known) for x in value]
    tag = next((k for k in value if k in OWN), "") if isinstance(value, dict) else ""
    if tag == "__object__":
        inner = {k: _thing(v, columns, known) for k, v in value.items() if k != tag}
        return known[value[tag]](**inner)
    if tag == "__pairs__":
        return {store.thing(k): _thing(v, columns, known) for k, v in value[tag]}
    if tag == "__tuple__":
        return tuple(_thing(x, columns, known) for x in value[tag])
    return _columns_back(tag, value, columns) if tag else store.thing(value)


def _columns_back(tag: str, value: Mapping[str, Any], columns: _Columns) -> Any:
    if tag == "__index__":
        return _indexed(value[tag], columns)
    if tag == "__series__":
        return columns.get(value[tag]).set_axis(_indexed(value["index"], columns)).rename(store.thing(value["name"]))
    if tag == "__frame__":
        frame = pd.DataFrame(dict(enumerate(columns.get(x) for x in value[tag])))
        frame.index = _indexed(value["index"], columns)
        return frame.set_axis(pd.Index(store.thing(value["names"])), axis=1)
    parts = [columns.get(x).to_numpy() for x in value[tag]]
    made = np.column_stack(parts) if parts else np.empty(value["shape"])
    return made.reshape(value["shape"])
