"""Nearest-neighbour matching: sort once, search outward, hand out each control once.

Conventions follow MatchIt 4.7 (Ho, Imai, King and Stuart 2011): rounds for k:1 without replacement, ties to the
lower side, the caliper in SDs of a named scale. Ties of the score are broken by the frame's index, so that the
result does not depend on the order of rows.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats, Integers, Number
from evaluation.statistics.matching.sample import (
    Caliper,
    MatchedSample,
    Pairs,
    Scores,
    concatenate_pairs,
    from_pairs,
    id_ranks,
)

ORDERS = ("descending", "ascending", "closest", "data")
SCALES = ("logit", "score", "logit_pooled")


def nearest(  # noqa: PLR0913
    frame: pd.DataFrame,
    scores: Scores,
    *,
    treat: str,
    ratio: int = 1,
    caliper: float | None = None,
    replace: bool = False,
    exact: Sequence[str] = (),
    order: str = "descending",
    caliper_scale: str = "logit",
    caliper_over: str = "all",
    estimand: str = "ATT",
    common_support: bool = False,
    survey_weight: str | None = None,
    outcomes: Iterable[str] = (),
    within: Mapping[str, float] | None = None,
) -> MatchedSample:
    """Match each attendee to the `ratio` others whose chance of attending is nearest (Rubin 1973).

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; the index breaks ties.
    scores : PropensityScores or Series
        Scores on the frame's index (a Series holds probabilities, between 0 and 1).
    treat : str
        Column of 0 and 1.
    ratio : int
        Partners of each attendee.
    caliper : float, optional
        Largest distance of a pair, in SDs of `caliper_scale`; none by default.
    replace : bool
        Whether a control may serve several attendees; all k are then taken at once.
    exact : sequence of str
        Columns on which pairs must agree.
    order : "descending", "ascending", "closest" or "data"
        Whose turn comes first, by score; "closest" takes the nearest pair there is; "data" is the order of ids.
    caliper_scale : "logit", "score" or "logit_pooled"
        Log odds (SD over `caliper_over`), probability (the same), or log odds with the root mean of the two arms'
        variances (Austin 2011). Pairs are nearest on that scale too.
    caliper_over : "all", "control" or "none"
        Whose SD: everybody's, the non-attendees' (where a boost inflates everybody's), or an absolute width.
    estimand : "ATT" or "ATC"
        Whose counterparts are sought.
    common_support : bool
        Whether to leave out people outside the range of scores that both arms hold, before matching.
    survey_weight : str, optional
        Column of positive weights. Pairs do not depend on it. Partners keep their own weight, relative to partners of
        about the same score (`sample.level`), so that match weight times survey weight keeps the scores matched.
    outcomes : iterable of str
        Names that are refused in the frame.
    within : mapping of str to float, optional
        Calipers on named covariates: the largest difference of a pair in each column, in its own unit. Not with the
        order "closest".

    Returns
    -------
    MatchedSample
        Its estimand reads ATM when somebody has no counterpart.

    Raises
    ------
    NobodyMatched
        The caliper keeps nobody.
    OutcomesClosed, UnknownColumn, MissingValues, DataError
        An outcome in the frame; an absent column; NA in any role, or people without a score; duplicate ids, a treatment
        that is not 0/1, a weight that is not a positive number.
    EmptyCell, Unsupported
        Everybody or nobody treated; a choice that is not known, a ratio or a caliper that is not positive.
    """
    exact = [exact] if isinstance(exact, str) else list(exact)
    near = check_within(frame, within, order)
    treated = _roles.check(
        frame, treat=treat, others=[*exact, *(within or {})], survey_weight=survey_weight, outcomes=outcomes
    )
    check_choice(order, ORDERS, "order")
    check_choice(estimand, ("ATT", "ATC"), "estimand")
    check_ratio(ratio)
    probability, logit = read_scores(frame, scores)
    score = probability if check_choice(caliper_scale, SCALES, "caliper_scale") == "score" else logit
    limit = make_caliper(score, treated, caliper, caliper_scale, caliper_over)
    inside = np.ones(len(frame), dtype=bool)
    if common_support:
        both = [(probability[m].min(), probability[m].max()) for m in (treated, ~treated)]
        inside = (probability >= max(b[0] for b in both)) & (probability <= min(b[1] for b in both))
    width = np.inf if limit is None else limit.absolute
    focal = ~treated if estimand == "ATC" else treated
    pairs = _match_by_group(frame, score, focal, inside, exact, (int(ratio), width, replace, order), near)
    if not len(pairs[0]):
        raise errors.NobodyMatched(
            "nobody has a counterpart" + (f" within {limit.summary()}" if limit else ""),
            todo="Widen the caliper, relax the exact columns, or use overlap weights.",
        )
    how = "with" if replace else "without"
    return from_pairs(
        frame,
        treated,
        pairs,
        treat=treat,
        target=estimand,
        replace=replace,
        caliper=limit,
        scores=scores,
        distance=score,
        survey_weight=survey_weight,
        method=f"nearest neighbour {ratio}:1 {how} replacement, order {order}"
        + (f", exact on {', '.join(exact)}" if exact else "")
        + "".join(f", {name} within {width:g}" for name, width in (within or {}).items()),
    )


def check_within(frame: pd.DataFrame, within: Mapping[str, float] | None, order: str) -> Floats | None:
    """Return the covariates that pairs must be near on, each over its caliper; None without any.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    within : mapping of str to float or None
        Largest difference of a pair by column.
    order : str
        The order of turns.

    Returns
    -------
    ndarray, shape (n, columns), or None
        Pairs may differ by 1 in each.

    Raises
    ------
    UnknownColumn, DataError, Unsupported
        An absent column; one that is no number; a width that is not a number of 0 or more; the order "closest".
    """
    if not within:
        return None
    errors.require_columns(frame, list(within), role="a caliper")
    if order == "closest":
        raise errors.Unsupported("calipers on covariates do not go with order 'closest'", todo="Use another order.")
    wrong = [w for w in within.values() if not (isinstance(w, Number) and np.isfinite(w) and w >= 0)]
    if wrong:
        raise errors.Unsupported(f"caliper {wrong[0]!r} is not 0 or more", todo="Give a width in the column's unit.")
    columns = [_roles.numeric(frame, name, role="caliper") / (width or 1e-12) for name, width in within.items()]
    return np.column_stack(columns)


def check_ratio(ratio: object) -> None:
    """Refuse a ratio that is not a whole number of 1 or more.

    Parameters
    ----------
    ratio : object
        What was given.

    Raises
    ------
    Unsupported
        Anything else.
    """
    if not isinstance(ratio, Number) or int(ratio) != ratio or ratio < 1:
        raise errors.Unsupported(f"ratio {ratio!r} is not a whole number of 1 or more", todo="Use 1, 2, 3 …")


def read_scores(frame: pd.DataFrame, scores: Scores) -> tuple[Floats, Floats]:
    """Return probability and log odds in the frame's row order.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    scores : PropensityScores or Series
        Scores on the frame's index (a Series holds probabilities, between 0 and 1).

    Returns
    -------
    probability : ndarray, shape (n,)
        Between 0 and 1.
    logit : ndarray, shape (n,)
        Its log odds.

    Raises
    ------
    DataError, MissingValues
        Something that is not scores; repeated ids; rows without a score; a probability that is not between 0 and 1.
    """
    values = scores if isinstance(scores, pd.Series) else getattr(scores, "values", None)
    if not isinstance(values, pd.Series):
        raise errors.DataError(
            f"scores are a {type(scores).__name__}", todo="Give what propensity.fit returned, or a Series of chances."
        )
    if not values.index.is_unique:
        raise errors.DataError("duplicate ids in the propensity scores", todo="Fit the score on this frame.")
    if not values.index.equals(frame.index) and (values.index.get_indexer(frame.index) < 0).any():
        raise errors.DataError("some rows have no propensity score", todo="Fit the score on this frame.")
    p = _align(values, frame.index)
    if not np.isfinite(p).all():
        raise errors.MissingValues("missing values in the propensity score", todo="Fit the score on this frame.")
    if isinstance(scores, pd.Series):
        if (p <= 0).any() or (p >= 1).any():
            raise errors.DataError("a propensity score is not between 0 and 1", todo="Give probabilities.")
        return p, np.log(p) - np.log1p(-p)
    return p, _align(scores.logit, frame.index)


def make_caliper(score: Floats, treated: Booleans, width: float | None, scale: str, over: str) -> Caliper | None:
    """Return the caliper in absolute units with the SD it was made from.

    Parameters
    ----------
    score : ndarray, shape (n,)
        Scores on the caliper's scale.
    treated : ndarray of bool, shape (n,)
        Who is treated.
    width : float or None
        Width in SDs; None for no caliper.
    scale : "logit", "score" or "logit_pooled"
        Name of the scale.
    over : "all", "control" or "none"
        Whose SD; "none" for an absolute width.

    Returns
    -------
    Caliper or None
        None without a caliper.

    Raises
    ------
    Unsupported
        A width that is not positive, or a choice that is not known.
    """
    check_choice(over, ("all", "control", "none"), "caliper_over")
    if width is None:
        return None
    if not (isinstance(width, Number) and width > 0):
        raise errors.Unsupported(f"caliper {width!r} is not positive", todo="Use a width above 0, or None.")
    if over == "none":
        return Caliper(float(width), scale, 1.0, "none", float(width))
    if scale == "logit_pooled":
        sd = float(np.sqrt((score[treated].var(ddof=1) + score[~treated].var(ddof=1)) / 2))
        return Caliper(float(width), scale, sd, "within groups", float(width) * sd)
    sd = float((score[~treated] if over == "control" else score).std(ddof=1))
    return Caliper(float(width), scale, sd, over, float(width) * sd)


def _align(series: pd.Series, index: pd.Index) -> Floats:
    same = series.index is index or series.index.equals(index)
    return (series if same else series.reindex(index)).to_numpy(dtype=float)


def check_choice(word: str, choice: Sequence[str], role: str) -> str:
    """Return a word, or refuse one that is not among the known.

    Parameters
    ----------
    word : str
        What was given.
    choice : sequence of str
        What is known.
    role : str
        Name of the argument, for the message.

    Returns
    -------
    str
        The word.

    Raises
    ------
    Unsupported
        Another word.
    """
    if word not in choice:
        raise errors.Unsupported(f"{role} {word!r} is not known", todo=f"Use one of {', '.join(choice)}.")
    return word


def _match_by_group(
    frame: pd.DataFrame,
    score: Floats,
    focal: Booleans,
    inside: Booleans,
    exact: list[str],
    rule: tuple[int, float, bool, str],
    near: Floats | None,
) -> Pairs:
    """Match within each group of the exact columns; return positions of focal, of partner, and the round."""
    ranks = id_ranks(frame.index)
    if exact:
        group = frame.groupby(exact, sort=False, observed=True).ngroup().to_numpy()
        order = np.argsort(group, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    else:
        groups = [np.arange(len(frame))]
    parts = []
    for rows in groups:
        kept = rows[inside[rows]]
        units, others = kept[focal[kept]], kept[~focal[kept]]
        if len(units) and len(others):
            parts.append(_match_group(score, ranks, units, others, rule, near))
    if not parts:
        nobody = np.empty(0, dtype=np.int64)
        return nobody, nobody, nobody
    a, b, rounds = concatenate_pairs(parts)
    final = np.lexsort((rounds, ranks[a]))
    return a[final], b[final], rounds[final]


def _match_group(
    score: Floats,
    ranks: Integers,
    units: Integers,
    others: Integers,
    rule: tuple[int, float, bool, str],
    near: Floats | None,
) -> Pairs:
    """Match `units` to `others` (row positions) by score; ties by id, lower side first."""
    ratio, width, replace, order = rule
    others = others[np.lexsort((ranks[others], score[others]))]
    both = np.concatenate([others, units])
    rank = np.empty(len(both), dtype=np.int64)
    rank[np.lexsort((ranks[both], score[both]))] = np.arange(len(both))
    below = np.searchsorted(rank[: len(others)], rank[len(others) :])
    if replace and near is None:
        return _with_replacement(score, units, others, below, ratio, width)
    turn = {
        "descending": np.lexsort((ranks[units], -score[units])),
        "ascending": np.lexsort((ranks[units], score[units])),
    }.get(order, np.argsort(ranks[units], kind="stable"))
    if near is not None:
        gaps = (score[units], score[others], below, near[units], near[others])
        a, b, rounds = _pairs_within(gaps, turn, ratio, width, replace=replace)
        return units[a], others[b], rounds
    search = _closest_pairs if order == "closest" else _sequential_pairs
    a, b, rounds = search(score[units].tolist(), score[others].tolist(), below.tolist(), turn.tolist(), ratio, width)
    return units[a], others[b], rounds


def _with_replacement(
    score: Floats, units: Integers, others: Integers, below: Integers, ratio: int, width: float
) -> Pairs:
    """Take the `ratio` nearest at once: candidates are the `ratio` others on each side, lower side first."""
    steps = np.arange(ratio)
    places = np.stack([below[:, None] - 1 - steps, below[:, None] + steps], axis=2).reshape(len(units), -1)
    inside = (places >= 0) & (places < len(others))
    gaps = np.abs(score[others][np.clip(places, 0, len(others) - 1)] - score[units][:, None])
    gaps = np.where(inside & (gaps <= width), gaps, np.inf)
    chosen = np.argsort(gaps, axis=1, kind="stable")[:, :ratio]
    rows = np.arange(len(units))[:, None]
    ok = np.isfinite(gaps[rows, chosen])
    turn = np.broadcast_to(steps + 1, ok.shape)
    return np.repeat(units, ok.sum(axis=1)), others[places[rows, chosen][ok]], turn[ok]


def _sequential_pairs(
    unit: list[float], other: list[float], below: list[int], turn: list[int], ratio: int, width: float
) -> Pairs:
    """Go round the units in turn; links skip the controls already taken (union-find with path halving)."""
    size = len(other)
    lower = list(range(size + 1))
    upper = list(range(size + 1))
    a, b, rounds = [], [], []
    waiting = turn
    for lap in range(1, ratio + 1):
        still = []
        for i in waiting:
            left = below[i]
            while lower[left] != left:
                lower[left] = lower[lower[left]]
                left = lower[left]
            right = below[i]
            while upper[right] != right:
                upper[right] = upper[upper[right]]
                right = upper[right]
            value = unit[i]
            down = value - other[left - 1] if left else np.inf
            up = other[right] - value if right < size else np.inf
            gap, pick = (down, left - 1) if down <= up else (up, right)
            if gap > width or gap == np.inf:
                continue
            lower[pick + 1] = pick
            upper[pick] = pick + 1
            a.append(i)
            b.append(pick)
            rounds.append(lap)
            still.append(i)
        waiting = still
    return np.array(a, dtype=np.int64), np.array(b, dtype=np.int64), np.array(rounds, dtype=np.int64)


def _pairs_within(
    gaps: tuple[Floats, Floats, Integers, Floats, Floats], turn: Integers, ratio: int, width: float, *, replace: bool
) -> Pairs:
    """Go round the units in turn, as `_sequential_pairs`, among the others who are near enough on every covariate."""
    unit, other, below, of_unit, of_other = gaps
    free = np.ones(len(other), dtype=bool)
    taken: dict[int, list[int]] = {int(i): [] for i in turn}
    a, b, rounds, waiting = [], [], [], [int(i) for i in turn]
    for lap in range(1, ratio + 1):
        still = []
        for i in waiting:
            ok = free & (np.abs(of_other - of_unit[i]) <= 1 + 1e-9).all(axis=1)
            ok[taken[i]] = False
            lower, upper = np.flatnonzero(ok[: below[i]]), np.flatnonzero(ok[below[i] :])
            down = unit[i] - other[lower[-1]] if len(lower) else np.inf
            up = other[below[i] + upper[0]] - unit[i] if len(upper) else np.inf
            if min(down, up) > width or min(down, up) == np.inf:
                continue
            pick = int(lower[-1] if down <= up else below[i] + upper[0])
            free[pick] = replace
            taken[i].append(pick)
            a.append(i)
            b.append(pick)
            rounds.append(lap)
            still.append(i)
        waiting = still
    return np.array(a, dtype=np.int64), np.array(b, dtype=np.int64), np.array(rounds, dtype=np.int64)


def _closest_pairs(
    unit: list[float], other: list[float], below: list[int], turn: list[int], ratio: int, width: float
) -> Pairs:
    """Take the nearest free pair there is, again and again; ties to the unit whose id comes first."""
    size = len(other)
    lower, upper = list(range(size + 1)), list(range(size + 1))

    def find(i: int) -> tuple[float, int]:
        left, right = _root(lower, below[i]), _root(upper, below[i])
        down = unit[i] - other[left - 1] if left else np.inf
        up = other[right] - unit[i] if right < size else np.inf
        return (down, left - 1) if down <= up else (up, right)

    a, b, rounds = [], [], []
    waiting = [(place, i) for place, i in enumerate(turn)]
    for lap in range(1, ratio + 1):
        heap = [(*find(i)[:1], place, i, find(i)[1]) for place, i in waiting]
        heap = [entry for entry in heap if entry[0] <= width and entry[0] < np.inf]
        heapq.heapify(heap)
        done = []
        while heap:
            gap, place, i, pick = heapq.heappop(heap)
            if lower[pick + 1] != pick + 1:
                gap, pick = find(i)
                if gap <= width and gap < np.inf:
                    heapq.heappush(heap, (gap, place, i, pick))
                continue
            lower[pick + 1] = pick
            upper[pick] = pick + 1
            a.append(i)
            b.append(pick)
            rounds.append(lap)
            done.append((place, i))
        waiting = sorted(done)
    return np.array(a, dtype=np.int64), np.array(b, dtype=np.int64), np.array(rounds, dtype=np.int64)


def _root(link: list[int], i: int) -> int:
    while link[i] != i:
        link[i] = link[link[i]]
        i = link[i]
    return i
