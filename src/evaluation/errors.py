"""Each way the study refuses, with what to do next.

Every error carries three things: what is wrong, where, and what to do. The command prints them without a
traceback; `exit_status` is 2 for wrong words or inputs and 1 for a check that failed during a run. No message
ever holds an identifier, free text or anything typed into a box.
"""

from __future__ import annotations

import difflib
import functools
import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class EvaluationError(Exception):
    """A refusal: what is wrong, where it is, and what to do about it.

    Parameters
    ----------
    what : str
        What is wrong, in a clause without a full stop.
    where : str
        File, register or exhibit that it is about.
    todo : str
        What to do next, as a sentence.

    Attributes
    ----------
    exit_status : int
        What the command returns: 2 for wrong words or inputs, 1 for a check that failed during a run.
    """

    exit_status = 2

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what, self.where, self.todo = what, where, todo
        super().__init__(what, where, todo)

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(type(self), self.what, where=self.where, todo=self.todo), (), self.__dict__

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        todo = f" {self.todo}" if self.todo else ""
        return f"{self.what}{where}.{todo}" if not self.what.endswith((".", "!", "?")) else f"{self.what}{todo}"

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback: the refusal, which holds no respondent's value."""
        return [str(self)]


class StudyError(EvaluationError):
    """`study.toml`, `wave.toml` or a frozen plan is incomplete, mistyped or inconsistent."""


class CodebookError(EvaluationError):
    """`codebook.yaml` is incomplete, mistyped or inconsistent."""


class InputError(EvaluationError):
    """An export, a register or a margin cannot be used; every fault is listed at once.

    Parameters
    ----------
    what : str
        What is wrong, in a clause without a full stop.
    where : str
        File or register that it is about.
    todo : str
        What to do next, as a sentence.
    faults : iterable
        Every fault that was found.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "", faults: Iterable[object] = ()) -> None:
        super().__init__(what, where=where, todo=todo)
        self.faults = tuple(faults)


class CheckFailed(EvaluationError):
    """A check of the run failed (corrupt data, an untraced number, a leak); the run stops."""

    exit_status = 1


class RunFailed(EvaluationError):
    """A notebook failed; the message names the notebook and the cell."""

    exit_status = 1


class DataError(EvaluationError):
    """A frame given to a statistical function cannot be used as asked."""


class MissingValues(DataError):
    """NA in a role that does not allow it (weight, margin, covariate, treatment, outcome, cluster)."""


class UnknownColumn(DataError):
    """A named column is not in the frame."""


class EmptyCell(DataError):
    """A cell that the method needs has nobody in it."""


class NotConverged(DataError):
    """An iterative method stopped before it reached its tolerance; the message shows the largest gap."""


class MarginMismatch(DataError):
    """Margins disagree in total, or a level stands on one side only; both lists are shown."""


class Collinear(DataError):
    """Covariates are collinear; the message names them."""


class NobodyMatched(DataError):
    """No treated unit has a control inside the caliper."""


class Unsupported(DataError):
    """A combination of options that would give a wrong number; the message names the alternative."""


class OutcomesClosed(EvaluationError):
    """Outcomes were asked for before the comparable sample was saved, or with another sample."""

    exit_status = 1


def unforeseen(error: Exception) -> str:
    """Return the kind and the place of an error that nobody foresaw, never its text (which may quote an answer).

    Parameters
    ----------
    error : Exception
        What was raised. `EVALUATION_TRACEBACK=1` shows all of it on the standard errors.

    Returns
    -------
    str
        A message for the person who ran the command.
    """
    if os.environ.get("EVALUATION_TRACEBACK") == "1":
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).is_relative_to(Path(__file__).parent)] or frames
    where = f" in {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""
    return (
        f"an unexpected {type(error).__name__}{where}; nothing was published. Its text may quote an answer and is not "
        "shown: set EVALUATION_TRACEBACK=1 to see it on your own screen."
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word closest to a mistyped one.

    Parameters
    ----------
    word : str
        What was written.
    known : iterable of str
        What may be written.

    Returns
    -------
    str
        The closest known word, or an empty string where none is close.
    """
    found = difflib.get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.6)
    return found[0] if found else ""


def require_columns(frame: object, columns: Iterable[str], *, role: str) -> None:
    """Refuse a frame that lacks a column.

    Parameters
    ----------
    frame : DataFrame
        What was given.
    columns : iterable of str
        Columns that it must have.
    role : str
        What they are for, for the message.

    Raises
    ------
    UnknownColumn
        Names each column that the frame lacks, and the nearest one it has.
    DataError
        What was given is no frame.
    """
    if not hasattr(frame, "columns"):
        raise DataError(f"a {type(frame).__name__} was given for {role}", todo="Give a DataFrame.")
    have = [str(c) for c in frame.columns]
    lacking = [c for c in columns if c not in have]
    if lacking:
        hints = [f"{c!r}" + (f" (nearest: {n!r})" if (n := nearest(c, have)) else "") for c in lacking]
        raise UnknownColumn(f"no column {', '.join(hints)} for {role}", todo="Name a column the frame has.")


def require_complete(frame: object, columns: Iterable[str], *, role: str) -> None:
    """Refuse a frame with missing values in a role that does not allow them.

    Parameters
    ----------
    frame : DataFrame
        What was given.
    columns : iterable of str
        Columns of the role.
    role : str
        What they are for, for the message.

    Raises
    ------
    MissingValues
        Gives the number of missing values per column.
    """
    counts = {c: int(frame[c].isna().to_numpy().sum()) for c in columns}  # type: ignore[index]
    bad = {c: k for c, k in counts.items() if k}
    if bad:
        listed = ", ".join(f"{c!r} in {k} rows" for c, k in bad.items())
        raise MissingValues(
            f"missing values in {role}: {listed}",
            todo="Make missing a category, impute it, or exclude those rows as a named step.",
        )
