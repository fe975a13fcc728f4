"""What people said: themes where the question was asked, who said it how, what the checking group corrected."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from evaluation.errors import DataError, require_columns

RECODE_BELOW = 0.6  # kappa under which a theme is coded again


def events_by_question(
    events: pd.DataFrame, *, questions: str = "q_covered", id: str = "event_id"
) -> dict[str, set[str]]:
    """Return, for each key question, the events where it was asked.

    Parameters
    ----------
    events : DataFrame
        The events register, one row an event.
    questions : str
        Column with the questions that an event covered, split by ";".
    id : str
        Column that identifies an event.

    Returns
    -------
    dict
        Question to the ids of the events where it was asked.
    """
    out: dict[str, set[str]] = {}
    for event, cell in zip(events[id].astype(str), events[questions].fillna(""), strict=True):
        for q in str(cell).split(";"):
            if q.strip():
                out.setdefault(q.strip(), set()).add(event)
    return out


def _without_rejected(feedback: pd.DataFrame) -> pd.DataFrame:
    """Return the comments that the checking group did not reject."""
    return feedback[~(feedback["sense_check"] == "rejected").fillna(False).to_numpy(dtype=bool)]


def themes(feedback: pd.DataFrame, events: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return, by theme and question, comments and the events where it came up, of those where it was asked.

    Comments that the checking group rejected are left out.

    Parameters
    ----------
    feedback : DataFrame
        One row a comment: theme, question, event_id, channel, sense_check.
    events : DataFrame, optional
        The events register; without it `asked` is 0.

    Returns
    -------
    DataFrame
        Columns theme, question, comments, events, asked, forms_only (the theme came up on forms and never aloud).

    Raises
    ------
    UnknownColumn
        A column is missing.
    """
    require_columns(feedback, ["theme", "question", "event_id", "channel", "sense_check"], role="feedback")
    rows = _without_rejected(feedback).dropna(subset=["theme", "question"])
    where = events_by_question(events) if events is not None else {}
    made = []
    for (theme, question), part in rows.groupby(["theme", "question"], observed=True):
        made.append(
            {
                "theme": theme,
                "question": question,
                "comments": len(part),
                "events": part["event_id"].nunique(),
                "asked": len(where.get(str(question), ())),
                "forms_only": bool((part["channel"] == "form").all()),
            }
        )
    return pd.DataFrame(made, columns=["theme", "question", "comments", "events", "asked", "forms_only"])


def channels(feedback: pd.DataFrame, *, form: str = "form") -> pd.DataFrame:
    """Return, by theme, comments on forms and comments aloud, and whether it was heard on forms only.

    Comments that the checking group rejected are left out.

    Parameters
    ----------
    feedback : DataFrame
        One row a comment: theme, channel, sense_check.
    form : str
        Level of `channel` that stands for a form.

    Returns
    -------
    DataFrame
        By theme: forms, aloud (counts) and forms_only.
    """
    kept = _without_rejected(feedback).dropna(subset=["theme"])
    on_form = (kept["channel"] == form).fillna(False).astype(bool)
    made = pd.DataFrame(
        {"forms": on_form.groupby(kept["theme"]).sum(), "aloud": (~on_form).groupby(kept["theme"]).sum()}
    ).astype(int)
    made["forms_only"] = (made["aloud"] == 0) & (made["forms"] > 0)
    return made.sort_index()


def stances(feedback: pd.DataFrame) -> pd.DataFrame:
    """Return, by theme, comments that say what is wrong and what good looks like.

    Comments that the checking group rejected are left out.

    Parameters
    ----------
    feedback : DataFrame
        One row a comment: theme, stance, sense_check.

    Returns
    -------
    DataFrame
        Counts by theme, one column for each stance that occurs: problem, solution, praise, story.
    """
    kept = _without_rejected(feedback)
    made = pd.crosstab(kept["theme"], kept["stance"])
    return made.reindex(columns=[c for c in ("problem", "solution", "praise", "story") if c in made])


def largest_theme(feedback: pd.DataFrame) -> pd.Series:
    """Return, by event, the share of its comments that its most frequent theme takes.

    Parameters
    ----------
    feedback : DataFrame
        One row a comment: event_id, theme.

    Returns
    -------
    Series of float
        Share by event, 0 to 1.
    """
    known = feedback.dropna(subset=["event_id", "theme"])
    table = known.groupby(["event_id", "theme"], observed=True).size()
    return table.groupby(level=0).max() / table.groupby(level=0).sum()


@dataclass(frozen=True, slots=True)
class SenseCheck:
    """How the checking group judged the comments.

    Attributes
    ----------
    agreed, amended, rejected, pending : int
        Comments with each verdict, and those without one.
    rejected_themes : tuple of str
        Themes of which every checked comment was rejected: they are to be left out.
    """

    agreed: int
    amended: int
    rejected: int
    pending: int
    rejected_themes: tuple[str, ...]

    @property
    def verdicts(self) -> int:
        """Number of comments with a verdict.

        Returns
        -------
        int
            Agreed, amended and rejected.
        """
        return self.agreed + self.amended + self.rejected

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return {**asdict(self), "rejected_themes": "; ".join(self.rejected_themes), "checked": self.verdicts}


def sense_check(feedback: pd.DataFrame, *, verdicts: str = "sense_check") -> SenseCheck:
    """Return the checking group's verdicts on comments, and the themes that the summary must leave out.

    Parameters
    ----------
    feedback : DataFrame
        One row a comment: theme and the verdict.
    verdicts : str
        Column with the verdict: agreed, amended, rejected or pending; a blank is pending.

    Returns
    -------
    SenseCheck
        Comments by verdict.
    """
    given = feedback[verdicts].fillna("pending")
    n = {v: int((given == v).sum()) for v in ("agreed", "amended", "rejected")}
    seen = feedback[given.isin(["agreed", "amended", "rejected"])]
    by = (seen[verdicts] == "rejected").groupby(seen["theme"]).all()
    gone = tuple(str(t) for t in by.index[by.to_numpy(dtype=bool)])
    return SenseCheck(**n, pending=len(given) - sum(n.values()), rejected_themes=gone)


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement of two coders beyond chance.

    Attributes
    ----------
    value, se, low, high : float
        Cohen's kappa, its standard error and 95 % interval.
    observed : float
        Share of comments that both coded alike, 0 to 1.
    n : int
        Comments that both coded.
    recode : bool
        Kappa is under 0.6: the theme is coded again.
    """

    value: float
    se: float
    low: float
    high: float
    observed: float
    n: int
    recode: bool

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return asdict(self)

    def summary(self) -> str:
        """Return the agreement in one sentence.

        Returns
        -------
        str
            Observed agreement in per cent, and kappa.
        """
        return f"Two coders agreed on {100 * self.observed:.0f} per cent; kappa {self.value:.2f}."


def kappa(first: pd.Series, second: pd.Series, *, levels: Collection[str] | None = None) -> Kappa:
    """Return Cohen's kappa of two coders of the same comments.

    κ = (p_o - p_e) / (1 - p_e), with p_e from the coders' own margins; its large-sample variance is equation 13 of
    Fleiss, Cohen and Everitt (1969).

    Parameters
    ----------
    first, second : Series
        Each coder's code by comment; comments that either left blank are dropped.
    levels : collection of str, optional
        Codes that could have been given; codes that occur are added.

    Returns
    -------
    Kappa
        The agreement with its interval.

    Raises
    ------
    DataError
        No comment was coded by both, or both gave one and the same code to all (kappa has no value).
    """
    both = pd.DataFrame({"a": first, "b": second}).dropna().astype(str)
    names = sorted(set(both["a"]) | set(both["b"]) | set(levels or ()))
    n = len(both)
    if n == 0:
        raise DataError("no comment was coded by both coders", todo="Have both coders code the same comments.")
    table = pd.crosstab(both["a"], both["b"]).reindex(index=names, columns=names, fill_value=0).to_numpy() / n
    row, col, diagonal = table.sum(1), table.sum(0), np.diag(table)
    chance, seen = float(row @ col), float(diagonal.sum())
    if chance >= 1:
        raise DataError("both coders gave one code to every comment: kappa has no value", todo="Code more comments.")
    value = (seen - chance) / (1 - chance)
    agree = float((diagonal * ((1 - chance) - (row + col) * (1 - seen)) ** 2).sum())
    apart = table * (col[:, None] + row[None, :]) ** 2
    cross = (1 - seen) ** 2 * float(apart.sum() - np.diag(apart).sum())
    variance = max(0.0, (agree + cross - (seen * chance - 2 * chance + seen) ** 2) / (n * (1 - chance) ** 4))
    se = math.sqrt(variance)
    return Kappa(
        value,
        se,
        max(-1.0, value - 1.959963984540054 * se),
        min(1.0, value + 1.959963984540054 * se),
        seen,
        n,
        value < RECODE_BELOW,
    )


def double_coding(feedback: pd.DataFrame, *, unit: str, code: str = "theme", coder: str = "coder") -> pd.DataFrame:
    """Return the comments that two coders coded, one column a coder.

    Parameters
    ----------
    feedback : DataFrame
        One row for each code of a comment.
    unit : str
        Column that identifies a comment.
    code, coder : str
        Columns with the code and with who gave it.

    Returns
    -------
    DataFrame
        The two coders who share most comments, by comment; empty where no two share one.
    """
    wide = feedback.dropna(subset=[unit]).pivot_table(index=unit, columns=coder, values=code, aggfunc="first")
    pairs = [(wide[[a, b]].dropna().shape[0], a, b) for i, a in enumerate(wide) for b in list(wide)[i + 1 :]]
    if not pairs:
        return pd.DataFrame()
    _, a, b = max(pairs)
    return wide[[a, b]].dropna()
