"""The result of every design: a weight per person, the pairs, and whom the comparison is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Required, TypedDict, Unpack

import numpy as np
import pandas as pd

from evaluation.results import Displayed
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats, Integers, group_sums
from evaluation.statistics.propensity import PropensityScores

Scores = PropensityScores | pd.Series
Pairs = tuple[Integers, Integers, Integers]  # row of the focal person, of the partner, and the round
POPULATIONS = {
    "ATT": "everybody who attended",
    "ATM": "those who attended and have a counterpart",
    "ATC": "those who did not attend",
    "ATE": "everybody",
    "ATO": "people who could as well have attended as not",
}


@dataclass(frozen=True, slots=True)
class Caliper:
    """How far apart a pair may be.

    Attributes
    ----------
    width : float
        Width in SDs of the scale.
    scale : "logit", "score" or "logit_pooled"
        Log odds of the score, or the score itself.
    sd : float
        The SD used; 1 where the width is absolute.
    over : "all", "control", "within groups" or "none"
        Whose SD it is; "none" where the width is absolute.
    absolute : float
        Width on the scale.
    """

    width: float
    scale: str
    sd: float
    over: str
    absolute: float

    def summary(self) -> str:
        """Return the caliper with its scale, always printed together.

        Returns
        -------
        str
            Width, scale, SD and absolute width.
        """
        scale = "score" if self.scale == "score" else "logit of the score"
        if self.over == "none":
            return f"{self.absolute:.4f} on the {scale}"
        return f"{self.width:g} SD of the {scale} over {self.over} (SD {self.sd:.4f}, so {self.absolute:.4f})"


@dataclass(frozen=True, slots=True)
class MatchedSample(Displayed):
    """A design: who stands for whom.

    Attributes
    ----------
    match_weight : Series on the frame's index
        0 for people left out. Matching: each arm that was reweighted has mean 1. Multiply by the survey weight, each
        person's own, for the analysis weight (`analysis`).
    pairs : DataFrame
        `treated`, `control` (index labels) and `round` (1 for the first control); empty for weighting and strata.
    unmatched : Index
        Attendees (under ATC: others) left without a counterpart.
    estimand : str
        ATT, ATE, ATC, ATO; ATM when attendees were dropped, or for matching weights.
    method : str
        How the sample was made, in words.
    treat : str
        Column of the treatment.
    treated : Series of bool
        The treatment, on the frame's index.
    replace : bool
        Whether a control may serve several attendees.
    caliper : Caliper or None
        Largest distance of a pair.
    stratum : Series of Int64 or None
        Subclass, cell or full-matching set per person; NA for people left out.
    survey_weight : str or None
        Name of the survey weight that entered the design.
    survey : Series or None
        Its values.
    target : "ATT", "ATC", "ATE", "ATO" or "ATM"
        The estimand asked for, before anybody was dropped.
    distance : Series or None
        The scale on which pairs are near.
    scores : PropensityScores, Series or None
        The propensity scores used.
    estimated : "propensity", "entropy" or ""
        The estimating equation behind estimated weights.
    balanced : tuple of str
        Covariates that entropy balancing balanced.
    moments : int
        Moments that it balanced.
    capped : bool
        Whether weights were trimmed.
    matched_sets : bool
        Whether each stratum is a set of one person with counterparts (full matching), and so a cluster.
    notes : tuple of str
        Sentences for the summary.
    """

    match_weight: pd.Series
    pairs: pd.DataFrame
    unmatched: pd.Index
    estimand: str
    method: str
    treat: str
    treated: pd.Series
    replace: bool = False
    caliper: Caliper | None = None
    stratum: pd.Series | None = None
    survey_weight: str | None = None
    survey: pd.Series | None = field(default=None, repr=False)
    target: str = "ATT"
    distance: pd.Series | None = None
    scores: Scores | None = field(default=None, repr=False)
    estimated: str = ""
    balanced: tuple[str, ...] = ()
    moments: int = 1
    capped: bool = False
    matched_sets: bool = False
    notes: tuple[str, ...] = ()

    @property
    def share_unmatched(self) -> float:
        """Return the share of the people the comparison was to be about who have no counterpart.

        Returns
        -------
        float
            Share, 0 to 1.
        """
        focal = ~self.treated if self.target == "ATC" else self.treated
        return len(self.unmatched) / int(focal.sum())

    @property
    def n(self) -> dict[str, int]:
        """Return the people kept in each arm, unweighted.

        Returns
        -------
        dict of str to int
            `treated` and `control`.
        """
        kept = self.match_weight.to_numpy() > 0
        treated = self.treated.to_numpy()
        return {"treated": int((kept & treated).sum()), "control": int((kept & ~treated).sum())}

    @property
    def analysis(self) -> pd.Series:
        """Return the analysis weight: match weight times the survey weight that the design was made with.

        Returns
        -------
        Series on the frame's index
            The match weight alone where the design has no survey weight.
        """
        return self.match_weight if self.survey is None else self.match_weight * self.survey

    @property
    def n_effective(self) -> dict[str, float]:
        """Return Kish's effective sample size of the analysis weights in each arm (Kish 1965).

        Returns
        -------
        dict of str to float
            `treated` and `control`.
        """
        w, treated = self.analysis.to_numpy(), self.treated.to_numpy()
        return {"treated": _roles.kish(w[treated]), "control": _roles.kish(w[~treated])}

    @property
    def largest_control_share(self) -> float:
        """Return the largest share of the controls' analysis weight that one control has.

        Returns
        -------
        float
            Share, 0 to 1.
        """
        w = self.analysis.to_numpy()[~self.treated.to_numpy()]
        return float(w.max() / w.sum())

    def tidy(self) -> pd.DataFrame:
        """Return one row per arm.

        Returns
        -------
        DataFrame
            Columns arm, n, kept, dropped (people), n_effective, largest_share (of the arm's weight, 0 to 1), estimand
            and method.
        """
        rows = []
        for name, mask in (("treated", self.treated.to_numpy()), ("control", ~self.treated.to_numpy())):
            w = self.analysis.to_numpy()[mask]
            kept = int((w > 0).sum())
            rows.append(
                {
                    "arm": name,
                    "n": len(w),
                    "kept": kept,
                    "dropped": len(w) - kept,
                    "n_effective": _roles.kish(w),
                    "largest_share": float(w.max() / w.sum()) if kept else 0.0,
                    "estimand": self.estimand,
                    "method": self.method,
                }
            )
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return one or two sentences: the method, whom it is about, how many were left out, and the caliper.

        Returns
        -------
        str
            The sentences.
        """
        n = self.n
        text = (
            f"{self.method}: {n['treated']} attendees and {n['control']} others; the comparison is about "
            f"{POPULATIONS[self.estimand]} ({self.estimand})."
        )
        if len(self.unmatched):
            text += f" {len(self.unmatched)} ({self.share_unmatched:.0%}) had no counterpart and were left out."
        if self.caliper is not None:
            text += f" Pairs lie within {self.caliper.summary()}."
        return " ".join((text, *self.notes))


class PairFields(TypedDict, total=False):
    """What a design of pairs says of itself: fields of `MatchedSample` that `from_pairs` passes on.

    Attributes
    ----------
    method : str
        How the sample was made, in words.
    replace : bool
        Whether a partner may serve several people.
    caliper : Caliper or None
        Largest distance of a pair.
    scores : PropensityScores, Series or None
        The scores used.
    """

    method: Required[str]
    replace: bool
    caliper: Caliper | None
    scores: Scores | None


def empty_pairs() -> pd.DataFrame:
    """Return the empty table of pairs of a design without pairs.

    Returns
    -------
    DataFrame
        Columns treated, control and round, no rows.
    """
    return pd.DataFrame({"treated": [], "control": [], "round": []}).astype({"round": int})


def scale_to_mean_one(weight: Floats) -> Floats:
    """Return weights scaled so that the positive ones have mean 1.

    Parameters
    ----------
    weight : ndarray, shape (n,)
        Weights of 0 or more.

    Returns
    -------
    ndarray, shape (n,)
        Scaled weights; unchanged when all are 0.
    """
    kept = weight > 0
    return weight * (kept.sum() / weight.sum()) if kept.any() else weight


def id_ranks(index: pd.Index) -> Integers:
    """Return each row's place in the order of ids: the order that ties and order="data" use.

    Parameters
    ----------
    index : Index
        Labels of the people.

    Returns
    -------
    ndarray of int, shape (n,)
        0 for the first label; labels that cannot be compared are compared as text.
    """
    if isinstance(index, pd.RangeIndex) and index.step > 0:
        return np.arange(len(index))
    try:
        order = np.asarray(index.argsort())
    except TypeError:
        order = np.argsort(index.astype(str).to_numpy(), kind="stable")
    ranks = np.empty(len(index), dtype=np.int64)
    ranks[order] = np.arange(len(index))
    return ranks


def concatenate_pairs(parts: Sequence[Pairs]) -> Pairs:
    """Return the pairs of all groups as one.

    Parameters
    ----------
    parts : sequence of tuple of three ndarray of int
        Rows of focal people, rows of partners and rounds, group by group.

    Returns
    -------
    tuple of three ndarray of int, shape (pairs,)
        Rows of focal people, rows of partners, rounds.
    """
    focal, other, turn = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return focal, other, turn


def from_pairs(
    frame: pd.DataFrame,
    treated: Booleans,
    matches: Pairs,
    *,
    treat: str,
    target: str,
    distance: Floats,
    survey_weight: str | None = None,
    **fields: Unpack[PairFields],
) -> MatchedSample:
    """Return the sample that pairs make.

    A focal person has weight 1; each of its k partners adds 1/k to its own weight (with survey weights: `level`), and
    partners are then scaled to mean 1.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    treated : ndarray of bool, shape (n,)
        Who is treated.
    matches : tuple of three ndarray of int, shape (pairs,)
        Row of the focal person, row of the partner, and the round (1 for the first partner).
    treat : str
        Column of the treatment.
    target : "ATT" or "ATC"
        Whether attendees or others are focal.
    distance : ndarray, shape (n,)
        The scale on which pairs are near.
    survey_weight : str, optional
        Column of positive weights.
    **fields
        Further fields of `MatchedSample`: method, replace, caliper, scores.

    Returns
    -------
    MatchedSample
        Its estimand reads ATM when a focal person has no partner.
    """
    focal, other, turn = matches
    size = len(frame)
    times = np.bincount(focal, minlength=size)
    survey = None
    if survey_weight is None:
        share = group_sums(other, 1.0 / times[focal], size)
    else:
        values = _roles.weights(frame, survey_weight)
        survey = pd.Series(values, index=frame.index, name=survey_weight)
        plain = group_sums(other, 1.0 / times[focal], size)
        share = group_sums(other, values[focal] / times[focal], size)
        share /= level(values, plain, distance, id_ranks(frame.index))
    weight = np.where(times > 0, 1.0, 0.0) + scale_to_mean_one(share)
    focal_mask = ~treated if target == "ATC" else treated
    lost = focal_mask & (times == 0)
    labels = frame.index.to_numpy()
    left, right = (other, focal) if target == "ATC" else (focal, other)
    pairs = pd.DataFrame({"treated": labels[left], "control": labels[right], "round": turn})
    return MatchedSample(
        match_weight=pd.Series(weight, index=frame.index, name="match_weight"),
        pairs=pairs,
        unmatched=frame.index[lost],
        estimand="ATM" if lost.any() else target,
        treat=treat,
        target=target,
        treated=pd.Series(treated, index=frame.index, name=treat),
        survey_weight=survey_weight,
        survey=survey,
        distance=pd.Series(distance, index=frame.index, name="distance"),
        **fields,
    )


def level(survey: Floats, share: Floats, distance: Floats, ranks: Integers) -> Floats:
    """Return the mean survey weight of the partners about each partner's score, itself left out.

    Partners keep their own survey weight, measured against partners of about the same score. Where survey weights go
    with the score (an oversampled group attends more), match weight times survey weight would otherwise move the
    partners away from the scores they were chosen for: within a score, sum(w y) / sum(w) is the mean of the people the
    survey stands for, and each score is to count as often as attendees have it. The mean runs over the ceil(m^(2/3))
    nearest of the m partners in the order of scores, each counted by its `share`. Leaving oneself out keeps a heavy
    weight from shrinking itself.

    Parameters
    ----------
    survey : ndarray, shape (n,)
        Survey weights.
    share : ndarray, shape (n,)
        What each partner adds up to over the people it serves; 0 for everybody else.
    distance : ndarray, shape (n,)
        Score or its log odds.
    ranks : ndarray of int, shape (n,)
        Order of ids, which breaks ties.

    Returns
    -------
    ndarray, shape (n,)
        Mean weight, on the scale of the survey weights; 1 for people without a share.
    """
    rows = np.flatnonzero(share > 0)
    rows = rows[np.lexsort((ranks[rows], distance[rows]))]
    mean = np.ones(len(share))
    if len(rows) < 2:
        mean[rows] = survey[rows]
        return mean
    half = max(1, int(np.ceil(len(rows) ** (2 / 3))) // 2)
    place = np.arange(len(rows))
    first, last = np.maximum(place - half, 0), np.minimum(place + half + 1, len(rows))
    own = (share * survey)[rows]
    mass, times = (np.concatenate([[0.0], np.cumsum(v)]) for v in (own, share[rows]))
    mean[rows] = (mass[last] - mass[first] - own) / (times[last] - times[first] - share[rows])
    return mean


def restrict(sample: MatchedSample, index: pd.Index) -> MatchedSample:
    """Return a fixed sample for some of its people: nobody is matched anew, pairs that lost a member are dropped.

    Pairs: an attendee keeps the partners that are left, and partners' shares are made again (a partner's survey
    weight keeps the level it was measured against); an attendee without partners left has weight 0. Weights without
    pairs keep their values.

    Parameters
    ----------
    sample : MatchedSample
        The design.
    index : Index
        Labels of the people kept.

    Returns
    -------
    MatchedSample
        The same design on that index; the estimand keeps its name.
    """
    keep = sample.match_weight.index.isin(index)
    treated = sample.treated.reindex(index)
    if not len(sample.pairs):
        weight = sample.match_weight.where(keep, 0.0).reindex(index).fillna(0.0)
        return _copy(sample, weight, sample.pairs, treated)
    sides = ("control", "treated") if getattr(sample, "target", "ATT") == "ATC" else ("treated", "control")
    pairs = sample.pairs[sample.pairs["treated"].isin(index) & sample.pairs["control"].isin(index)]
    before, after = _shares(sample.pairs, *sides), _shares(pairs, *sides)
    factor = sample.match_weight[before.index] / before
    weight = pd.Series(0.0, index=index, name="match_weight")
    weight[pairs[sides[0]].unique()] = 1.0
    weight[after.index] = scale_to_mean_one((after * factor[after.index]).to_numpy())
    return _copy(sample, weight, pairs.reset_index(drop=True), treated)


def _shares(pairs: pd.DataFrame, focal: str, other: str) -> pd.Series:
    """Return what each partner adds up to: 1/k over the people it serves."""
    return (1.0 / pairs.groupby(focal)[other].transform("count")).groupby(pairs[other]).sum()


def _copy(sample: MatchedSample, weight: pd.Series, pairs: pd.DataFrame, treated: pd.Series) -> MatchedSample:
    return MatchedSample(
        match_weight=weight,
        pairs=pairs,
        unmatched=sample.unmatched,
        estimand=sample.estimand,
        method=sample.method,
        treat=sample.treat,
        treated=treated.fillna(False).astype(bool),
        replace=sample.replace,
        stratum=getattr(sample, "stratum", None),
        target=getattr(sample, "target", "ATT"),
        matched_sets=getattr(sample, "matched_sets", False),
    )
