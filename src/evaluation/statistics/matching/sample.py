"""The result of every design: a weight per person, the pairs, and whom the comparison is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evaluation.statistics import _roles

IN_WORDS = {
    "ATT": "everybody who attended",
    "ATM": "those who attended and have a counterpart",
    "ATC": "those who did not attend",
    "ATE": "everybody",
    "ATO": "people who could as well have attended as not",
}


@dataclass(frozen=True, slots=True)
class Caliper:
    """How far apart a pair may be: `width` SDs of `scale`, which is `absolute` on that scale.

    `sd` is the SD used, and `over` whose ("all", "control", "within groups" or "none": the width is absolute).
    """

    width: float
    scale: str
    sd: float
    over: str
    absolute: float

    def summary(self) -> str:
        """Return the caliper with its scale, always printed together."""
        scale = "score" if self.scale == "score" else "logit of the score"
        if self.over == "none":
            return f"{self.absolute:.4f} on the {scale}"
        return f"{self.width:g} SD of the {scale} over {self.over} (SD {self.sd:.4f}, so {self.absolute:.4f})"


@dataclass(frozen=True, slots=True)
class MatchedSample:
    """A design: who stands for whom.

    Attributes
    ----------
    match_weight : Series, index of the frame
        0 for people left out. Matching: each arm that was reweighted has mean 1. Multiply by the survey weight, each
        person's own, for the analysis weight (`analysis`).
    pairs : DataFrame
        `treated`, `control` (index labels) and `round` (1 for the first control); empty for weighting and strata.
    unmatched : Index
        Attendees (under ATC: others) left without a counterpart.
    estimand : str
        ATT, ATE, ATC, ATO; ATM when attendees were dropped, or for matching weights.
    method, replace, caliper
        How it was made.
    stratum : Series or None
        Subclass, cell or full-matching set per person; NA for people left out. `matched_sets`: each stratum is a set
        of one person with counterparts (full matching), and so a cluster.
    treated : Series of bool
        The treatment, on the frame's index.
    scores, survey_weight, survey, estimated
        The propensity scores used; the survey weight that entered the design, its name and its values; the estimating
        equation behind estimated weights ("propensity", "entropy" or "").
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
    scores: Any = field(default=None, repr=False)
    estimated: str = ""
    balanced: tuple[str, ...] = ()
    moments: int = 1
    capped: bool = False
    matched_sets: bool = False
    notes: tuple[str, ...] = ()

    @property
    def share_unmatched(self) -> float:
        """Share, 0 to 1, of the people the comparison was to be about who have no counterpart."""
        focal = ~self.treated if self.target == "ATC" else self.treated
        return len(self.unmatched) / int(focal.sum())

    @property
    def n(self) -> dict[str, int]:
        """Unweighted people kept in each arm."""
        kept = self.match_weight.to_numpy() > 0
        treated = self.treated.to_numpy()
        return {"treated": int((kept & treated).sum()), "control": int((kept & ~treated).sum())}

    @property
    def analysis(self) -> pd.Series:
        """Match weight times the survey weight that the design was made with (match weight alone without one)."""
        return self.match_weight if self.survey is None else self.match_weight * self.survey

    @property
    def n_effective(self) -> dict[str, float]:
        """Kish's effective sample size of the analysis weights in each arm."""
        w, treated = self.analysis.to_numpy(), self.treated.to_numpy()
        return {"treated": _roles.kish(w[treated]), "control": _roles.kish(w[~treated])}

    @property
    def largest_control_share(self) -> float:
        """Largest share, 0 to 1, of the controls' total analysis weight held by one control."""
        w = self.analysis.to_numpy()[~self.treated.to_numpy()]
        return float(w.max() / w.sum())

    def tidy(self) -> pd.DataFrame:
        """Return one row per arm: people, kept, dropped, effective n, largest share of the arm's weight."""
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
        """Return one or two sentences: the method, whom it is about, how many were left out, and the caliper."""
        n = self.n
        text = (
            f"{self.method}: {n['treated']} attendees and {n['control']} others; the comparison is about "
            f"{IN_WORDS[self.estimand]} ({self.estimand})."
        )
        if len(self.unmatched):
            text += f" {len(self.unmatched)} ({self.share_unmatched:.0%}) had no counterpart and were left out."
        if self.caliper is not None:
            text += f" Pairs lie within {self.caliper.summary()}."
        return " ".join((text, *self.notes))


def no_pairs() -> pd.DataFrame:
    """Return the empty table of pairs of a design without pairs."""
    return pd.DataFrame({"treated": [], "control": [], "round": []}).astype({"round": int})


def mean_one(weight: np.ndarray) -> np.ndarray:
    """Return weights scaled so that the positive ones have mean 1."""
    kept = weight > 0
    return weight * (kept.sum() / weight.sum()) if kept.any() else weight


def id_ranks(index: pd.Index) -> np.ndarray:
    """Return each row's place in the order of ids, shape (n,): the order that ties and `data` use."""
    if isinstance(index, pd.RangeIndex) and index.step > 0:
        return np.arange(len(index))
    try:
        order = np.asarray(index.argsort())
    except TypeError:
        order = np.argsort(index.astype(str).to_numpy(), kind="stable")
    ranks = np.empty(len(index), dtype=np.int64)
    ranks[order] = np.arange(len(index))
    return ranks


def from_pairs(
    frame: pd.DataFrame,
    treated: np.ndarray,
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    treat: str,
    target: str,
    distance: np.ndarray,
    survey_weight: str | None = None,
    **words: Any,
) -> MatchedSample:
    """Return the sample made by pairs (`focal` position, `other` position, round): shares, then mean 1 by arm.

    A focal person has weight 1; each of its k partners adds 1/k to its own weight (with survey weights: `level`).
    """
    focal, other, turn = found
    size = len(frame)
    times = np.bincount(focal, minlength=size)
    survey = None
    if survey_weight is None:
        share = np.bincount(other, weights=1.0 / times[focal], minlength=size)
    else:
        values = _roles.weights(frame, survey_weight)
        survey = pd.Series(values, index=frame.index, name=survey_weight)
        plain = np.bincount(other, weights=1.0 / times[focal], minlength=size)
        share = np.bincount(other, weights=values[focal] / times[focal], minlength=size)
        share /= level(values, plain, distance, id_ranks(frame.index))
    weight = np.where(times > 0, 1.0, 0.0) + mean_one(share)
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
        **words,
    )


def level(survey: np.ndarray, share: np.ndarray, distance: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Return the mean survey weight of the partners about each partner's score, itself left out, shape (n,).

    Partners keep their own survey weight, measured against partners of about the same score. Where survey weights go
    with the score (an oversampled group attends more), match weight times survey weight would otherwise move the
    partners away from the scores they were chosen for: within a score, sum(w y) / sum(w) is the mean of the people the
    survey stands for, and each score is to count as often as attendees have it. The mean runs over the ceil(m^(2/3))
    nearest of the m partners in the order of scores, each counted by its `share`. Leaving oneself out keeps a heavy
    weight from shrinking itself. 1 for people without a share.
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


def restrict(sample: Any, index: pd.Index) -> MatchedSample:
    """Return a fixed sample for some of its people: nobody is matched anew, pairs that lost a member are dropped.

    Pairs: an attendee keeps the partners that are left, and partners' shares are made again (a partner's survey
    weight keeps the level it was measured against); an attendee without partners left has weight 0. Weights without
    pairs keep their values. The estimand keeps its name.
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
    weight[after.index] = mean_one((after * factor[after.index]).to_numpy())
    return _copy(sample, weight, pairs.reset_index(drop=True), treated)


def _shares(pairs: pd.DataFrame, focal: str, other: str) -> pd.Series:
    """Return what each partner adds up to: 1/k over the people it serves."""
    return (1.0 / pairs.groupby(focal)[other].transform("count")).groupby(pairs[other]).sum()


def _copy(sample: Any, weight: pd.Series, pairs: pd.DataFrame, treated: pd.Series) -> MatchedSample:
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
