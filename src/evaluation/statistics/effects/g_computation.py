"""Effects in a designed sample by weighted g-computation: differences, ratios, SD units, and each person's part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se, ratio_from_log
from evaluation.statistics import _roles, inference
from evaluation.statistics.effects import standard_errors

ABOUT = {
    "ATT": "people who attended and answered",
    "ATM": "people who attended, answered and have a counterpart",
    "ATC": "people who did not attend",
    "ATE": "everybody",
    "ATO": "people who could as well have attended",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """The outcome model of a designed sample.

    `used` the people with weight, `weight` (n,) match × survey, `fit` the regression on treatment, covariates and
    their products, `lead` and `base` (k,) the contrasts whose products with the coefficients are the mean predicted
    difference and the mean prediction without attending, both over the treated.
    """

    used: pd.DataFrame
    treated: np.ndarray
    weight: np.ndarray
    fit: inference.Regression
    lead: np.ndarray
    base: np.ndarray


def in_sample(
    frame: pd.DataFrame,
    sample: Any,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    survey_weight: str | None = None,
    kind: str = "CR1S",
) -> Estimate:
    """Estimate the difference in a designed sample by weighted g-computation.

    The outcome is regressed on treatment, covariates and all their products with weights match × survey; the
    estimate is the mean predicted difference over the treated (weighted). Errors by the delta method, the treated
    people's covariates held fixed (Greifer 2023; Ho et al. 2007).

    Parameters
    ----------
    sample : MatchedSample
        `.match_weight`, `.pairs`, `.estimand`, `.replace`.
    cluster : str, optional
        Collection session. With 12 treated sessions or more, two-way clustering by pair and session (Cameron, Gelbach
        and Miller 2011); with fewer, or without pairs, by session with CR2 and Satterthwaite df.
    kind : str
        Without sessions: the kind of `inference.cluster_robust` by pair or matched set. Matching with replacement,
        subclasses, cells and weights take HC3; kind="two-way" clusters a matching with replacement by set and person.

    Raises
    ------
    EmptyCell
        Nobody of one arm is left, or treated people come from fewer than four sessions: described, not estimated.
    """
    made = prepare(frame, sample, outcome, treat, covariates, survey_weight, cluster)
    value = float(made.lead @ made.fit.params)
    se, df, how = standard_errors.error(made, made.lead, sample, cluster, kind)
    return from_se(value, se, df=df, se_method=how, **_said(made, sample, cluster, outcome))


def ratio(
    frame: pd.DataFrame,
    sample: Any,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    survey_weight: str | None = None,
    kind: str = "CR1S",
) -> Estimate:
    """Estimate the ratio of mean outcomes (of shares: the risk ratio) in a designed sample; arguments as `in_sample`.

    Mean prediction of the treated as they are over their mean prediction without treatment: a marginal ratio, never
    a conditional odds ratio. Interval on the log scale by the delta method. Give the difference first.

    Raises
    ------
    DataError
        A mean that is not above 0: it has no ratio.
    """
    made = prepare(frame, sample, outcome, treat, covariates, survey_weight, cluster)
    without = float(made.base @ made.fit.params)
    having = without + float(made.lead @ made.fit.params)
    if min(without, having) <= 0:
        raise errors.DataError(f"a mean of {outcome!r} is not above 0, so it has no ratio", todo="Give the difference.")
    slope = (made.base + made.lead) / having - made.base / without
    se, df, how = standard_errors.error(made, slope, sample, cluster, kind)
    said = _said(made, sample, cluster, outcome)
    said["estimand"] = said["estimand"].replace("mean difference", "ratio of means")
    return ratio_from_log(float(np.log(having / without)), se, df=df, se_method=how, **said)


def in_sd(estimate: Estimate, sd: float, *, of: str = "") -> Estimate:
    """Return a difference in units of an SD (taken as known); `of` names whose SD it is."""
    if not (np.isfinite(sd) and sd > 0):
        raise errors.DataError(f"an SD of {sd!r} is no unit", todo="Give the SD of an outcome that varies.")
    names = ("value", "se", "low", "high", "low_90", "high_90", "margin", "mde")
    ends = {k: None if getattr(estimate, k) is None else getattr(estimate, k) / sd for k in names}
    return replace(estimate, **ends, unit="standard deviations" + (f" of {of}" if of else ""))


def influence(
    frame: pd.DataFrame,
    sample: Any,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str] = (),
    survey_weight: str | None = None,
) -> pd.Series:
    """Return each person's part in the estimate of `in_sample`, shape (people,); 0 where the sample does not use them.

    lead' (X'WX)^-1 x w e: the design and the treated people's covariates held fixed. The parts sum to 0, and the sum of
    squares of their sums by cluster is the CR0 variance.
    """
    made = prepare(frame, sample, outcome, treat, covariates, survey_weight, None)
    x = made.fit.x
    pull = x @ np.linalg.solve(x.T @ (x * made.weight[:, None]), made.lead)
    parts = pd.Series(pull * made.weight * made.fit.residuals, index=made.used.index)
    return parts.reindex(frame.index, fill_value=0.0)


def words(estimand: str) -> str:
    """Return whom an estimand is about, in words."""
    return f"mean difference among {ABOUT.get(estimand, estimand)} ({estimand})"


def prepare(frame, sample, outcome, treat, covariates, survey_weight, cluster) -> Prepared:
    """Return the outcome model of a designed sample; refuse what cannot be estimated."""
    used = used_in(frame, sample, outcome, treat, covariates, survey_weight, cluster)
    treated = used[treat].to_numpy() == 1
    weight = sample.match_weight.reindex(used.index).to_numpy(dtype=float) * _roles.weights(used, survey_weight)
    x, names, lead, base = _interacted(used, treated, weight, covariates)
    fit = inference.regress(x, used[outcome].to_numpy(dtype=float), names, weight)
    return Prepared(used, treated, weight, fit, lead, base)


def used_in(frame, sample, outcome, treat, covariates, survey_weight, cluster) -> pd.DataFrame:
    """Return the people with weight, every role complete."""
    roles = roles_of(outcome, treat, covariates, survey_weight, cluster)
    errors.require_columns(frame, roles, role="an effect")
    if not isinstance(getattr(sample, "match_weight", None), pd.Series):
        raise errors.DataError(f"the sample is a {type(sample).__name__}", todo="Give a MatchedSample.")
    _roles.unique_ids(frame)
    weight = sample.match_weight.reindex(frame.index)
    if weight.isna().any():
        raise errors.DataError("the sample belongs to another frame", todo="Design and estimate on the same people.")
    used = frame[(weight > 0).to_numpy()]
    errors.require_complete(used, roles, role="an effect")
    if used[treat].nunique() < 2:
        raise errors.EmptyCell("one of the two groups has nobody in the sample", todo="Look at the matching.")
    treated, known = _roles.arms(used[treat], treat), getattr(sample, "treated", None)
    if known is not None and (known.reindex(used.index).to_numpy(dtype=bool) != treated).any():
        raise errors.DataError(
            f"{treat!r} is not the treatment that the sample was designed for",
            todo="Use the same column in the design and in the outcome.",
        )
    _roles.numeric(used, outcome, role="outcome")
    standard_errors.refuse_few(used, treat, cluster)
    return used


def roles_of(outcome, treat, covariates, survey_weight, cluster) -> list[str]:
    """Return the columns of an effect; the outcome or the treatment among the covariates is refused."""
    _roles.by_name(survey_weight, "survey weight")
    _roles.by_name(cluster, "cluster")
    own = [c for c in _roles.listed(covariates) if c in (outcome, treat)]
    if own:
        raise errors.DataError(f"{own[0]!r} is also a covariate", todo="Take it off the covariates.")
    return [outcome, treat, *covariates, *([survey_weight] if survey_weight else []), *([cluster] if cluster else [])]


def _said(made: Prepared, sample: Any, cluster: str | None, outcome: str) -> dict[str, Any]:
    """Return the words and counts of an estimate."""
    t = made.treated
    sessions = None if cluster is None else int(min(made.used[cluster][m].nunique() for m in (t, ~t)))
    return {
        "n": {"treated": int(t.sum()), "untreated": int((~t).sum())},
        "n_sessions": sessions,
        "n_effective": _roles.kish(made.weight[~t]),
        "method": f"weighted g-computation after {sample.method}",
        "outcome": outcome,
        "estimand": words(sample.estimand),
        "sample": sample.estimand,
    }


def _interacted(
    used: pd.DataFrame, treated: np.ndarray, weight: np.ndarray, covariates: Sequence[str]
) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
    """Return the design matrix with all products, its names, and the contrasts `lead` and `base` of `Prepared`."""
    t = treated.astype(float)
    kept = [c for c in covariates if used[c].nunique() > 1]
    if not kept:
        plain = np.column_stack([np.ones(len(used)), t])
        return plain, ["(Intercept)", "treated"], np.array([0.0, 1.0]), np.array([1.0, 0.0])
    built = _roles.columns(used, kept, drop_first=True)
    z, names = built.matrix, list(built.names)
    full = np.column_stack([np.ones(len(used)), t, z, z * t[:, None]])
    labels = ["(Intercept)", "treated", *names, *[f"treated:{n}" for n in names]]
    keep = _independent(full * np.sqrt(weight)[:, None])
    mean = weight[treated] @ z[treated] / weight[treated].sum()
    lead = np.concatenate([[0.0, 1.0], np.zeros(len(names)), mean])
    base = np.concatenate([[1.0, 0.0], mean, np.zeros(len(names))])
    return full[:, keep], [labels[i] for i in keep], lead[keep], base[keep]


def _independent(x: np.ndarray) -> list[int]:
    """Return the columns that are not a combination of those before them (R's rule for aliased terms)."""
    kept: list[int] = []
    basis = np.zeros((len(x), 0))
    for j in range(x.shape[1]):
        column = x[:, j]
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)
        size = np.linalg.norm(left)
        if size > 1e-9 * max(np.linalg.norm(column), 1e-300):
            kept.append(j)
            basis = np.column_stack([basis, left / size])
    return kept
