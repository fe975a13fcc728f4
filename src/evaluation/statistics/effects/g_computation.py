"""Effects in a designed sample by weighted g-computation: differences, ratios, SD units, and each person's part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se, ratio_from_log
from evaluation.statistics import _roles, inference
from evaluation.statistics._arrays import Booleans, Floats
from evaluation.statistics.effects import standard_errors
from evaluation.statistics.effects.standard_errors import OutcomeModel
from evaluation.statistics.matching.sample import MatchedSample

POPULATIONS = {
    "ATT": "people who attended and answered",
    "ATM": "people who attended, answered and have a counterpart",
    "ATC": "people who did not attend",
    "ATE": "everybody",
    "ATO": "people who could as well have attended",
}


class EstimateFields(TypedDict):
    """The words and counts of an estimate: fields of `Estimate`.

    Attributes
    ----------
    n : dict of str to int
        People in each arm, unweighted.
    n_sessions : int or None
        Sessions of the arm with fewer.
    n_effective : float
        Kish's effective number of the controls.
    method, outcome, estimand, sample : str
        What was estimated, how, and about whom.
    """

    n: dict[str, int]
    n_sessions: int | None
    n_effective: float
    method: str
    outcome: str
    estimand: str
    sample: str


def in_sample(  # noqa: PLR0913
    frame: pd.DataFrame,
    sample: MatchedSample,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    survey_weight: str | None = None,
    kind: str = "CR1S",
    over: str = "treated",
) -> Estimate:
    """Estimate the difference in a designed sample by weighted g-computation.

    The outcome is regressed on treatment, covariates and all their products with weights match × survey; the
    estimate is the mean predicted difference over the treated (weighted), or over those whom the sample's estimand is
    about. Errors by the delta method, their covariates held fixed (Greifer 2023; Ho, Imai, King and Stuart 2007).

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; outcomes of the sample's people complete.
    sample : MatchedSample
        The design, made on the same people.
    outcome : str
        Numeric column.
    treat : str
        Column of 0 and 1, the treatment that the sample was designed for.
    covariates : sequence of str
        Columns of the outcome model; each is crossed with the treatment.
    cluster : str, optional
        Column of the collection session. With 12 treated sessions or more, two-way clustering by pair and session
        (Cameron, Gelbach and Miller 2011); with fewer, or without pairs, by session with CR2 and Satterthwaite df.
    survey_weight : str, optional
        Column of positive weights; the analysis weight is match weight times it.
    kind : str
        Without sessions: the kind of `inference.cluster_robust` by pair or matched set. Matching with replacement,
        subclasses, cells and weights take HC3; kind="two-way" clusters a matching with replacement by set and person.
    over : "treated" or "estimand"
        Over whom predictions are averaged: the treated, or those of the sample's estimand (ATT the treated, ATC the
        untreated, ATE everybody by survey weight, ATO everybody by analysis weight).

    Returns
    -------
    Estimate
        A contrast against 0, in the unit of the outcome.

    Raises
    ------
    EmptyCell
        Nobody of one arm is left, or treated people come from fewer than four sessions: described, not estimated.
    Unsupported
        A kind that is not known, or not for this design; another `over`.
    UnknownColumn, MissingValues, DataError
        No such column; NA in any role; a sample of other people or of another treatment, duplicate ids, an outcome that
        is not numbers.
    """
    if over not in ("treated", "estimand"):
        raise errors.Unsupported(f"over {over!r} is not known", todo="Use treated or estimand.")
    whom = sample.estimand if over == "estimand" else "ATT"
    model = outcome_model(frame, sample, outcome, treat, covariates, survey_weight, cluster, whom)
    return _difference(model, sample, outcome, cluster, kind)


def of_outcomes(
    frame: pd.DataFrame,
    sample: MatchedSample,
    *,
    outcomes: Sequence[str],
    treat: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    survey_weight: str | None = None,
) -> dict[str, tuple[Estimate, pd.Series]]:
    """Estimate the difference in several outcomes of the same people, with each person's part in it.

    The same numbers as `in_sample` and `influence` give for each outcome; the model matrix and what its errors need are
    made once.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; every outcome of the sample's people complete.
    sample : MatchedSample
        The design, made on the same people.
    outcomes : sequence of str
        Numeric columns, one or more.
    treat : str
        Column of 0 and 1, the treatment that the sample was designed for.
    covariates : sequence of str
        Columns of the outcome model; each is crossed with the treatment.
    cluster : str, optional
        Column of the collection session, as in `in_sample`.
    survey_weight : str, optional
        Column of positive weights; the analysis weight is match weight times it.

    Returns
    -------
    dict of str to (Estimate, Series)
        By outcome: the contrast of `in_sample`, and the influences of `influence` on the frame's index.

    Raises
    ------
    EmptyCell
        Nobody of one arm is left, or treated people come from fewer than four sessions.
    UnknownColumn, MissingValues, DataError
        No such column; NA in any role; a sample of other people or of another treatment, duplicate ids, an outcome that
        is not numbers; no outcome.
    """
    if not outcomes:
        raise errors.DataError("no outcome to estimate", todo="Name one at least.")
    _roles.refuse_own_covariates(covariates, *outcomes)
    first, *others = outcomes
    model = outcome_model(frame, sample, first, treat, covariates, survey_weight, cluster)
    models = {first: model} | {o: _other_outcome(model, o) for o in others}
    return {
        o: (_difference(m, sample, o, cluster, "CR1S"), _influence(m).reindex(frame.index, fill_value=0.0))
        for o, m in models.items()
    }


def _difference(model: OutcomeModel, sample: MatchedSample, outcome: str, cluster: str | None, kind: str) -> Estimate:
    """Return the mean predicted difference of an outcome model, with the error that its design demands."""
    value = float(model.difference @ model.fit.params)
    se, df, how = standard_errors.standard_error(model, model.difference, sample, cluster, kind)
    return from_se(value, se, df=df, se_method=how, **_estimate_fields(model, sample, cluster, outcome))


def _other_outcome(model: OutcomeModel, outcome: str) -> OutcomeModel:
    """Return the model of another outcome of the same people, on the same matrix."""
    errors.require_columns(model.used, [outcome], role="an effect")
    errors.require_complete(model.used, [outcome], role="an effect")
    y = _roles.numeric(model.used, outcome, role="outcome")
    return replace(model, fit=inference.regress(model.fit.x, y, model.fit.names, model.fit.weights))


def ratio(
    frame: pd.DataFrame,
    sample: MatchedSample,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    survey_weight: str | None = None,
    kind: str = "CR1S",
) -> Estimate:
    """Estimate the ratio of mean outcomes (of shares: the risk ratio) in a designed sample.

    Mean prediction of the treated as they are over their mean prediction without treatment: a marginal ratio, never
    a conditional odds ratio. Interval on the log scale by the delta method. Give the difference first.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; outcomes of the sample's people complete.
    sample : MatchedSample
        The design, made on the same people.
    outcome : str
        Numeric column.
    treat : str
        Column of 0 and 1, the treatment that the sample was designed for.
    covariates : sequence of str
        Columns of the outcome model; each is crossed with the treatment.
    cluster : str, optional
        Column of the collection session, as in `in_sample`.
    survey_weight : str, optional
        Column of positive weights; the analysis weight is match weight times it.
    kind : str
        Kind of error without sessions, as in `in_sample`.

    Returns
    -------
    Estimate
        A ratio against 1; `se` is on the log scale.

    Raises
    ------
    DataError
        A mean that is not above 0: it has no ratio.
    EmptyCell, Unsupported, UnknownColumn, MissingValues
        As `in_sample`.
    """
    model = outcome_model(frame, sample, outcome, treat, covariates, survey_weight, cluster)
    without = float(model.untreated @ model.fit.params)
    having = without + float(model.difference @ model.fit.params)
    if min(without, having) <= 0:
        raise errors.DataError(f"a mean of {outcome!r} is not above 0, so it has no ratio", todo="Give the difference.")
    slope = (model.untreated + model.difference) / having - model.untreated / without
    se, df, how = standard_errors.standard_error(model, slope, sample, cluster, kind)
    fields = _estimate_fields(model, sample, cluster, outcome)
    fields["estimand"] = fields["estimand"].replace("mean difference", "ratio of means")
    return ratio_from_log(float(np.log(having / without)), se, df=df, se_method=how, **fields)


def in_sd(estimate: Estimate, sd: float, *, of: str = "") -> Estimate:
    """Return a difference in units of an SD, which is taken as known.

    Parameters
    ----------
    estimate : Estimate
        A difference in the unit of the outcome.
    sd : float
        The SD, in that unit.
    of : str
        Whose SD it is, for the name of the unit.

    Returns
    -------
    Estimate
        Value, error, intervals, margin and detectable difference over the SD.

    Raises
    ------
    DataError
        An SD that is not above 0.
    """
    if not (np.isfinite(sd) and sd > 0):
        raise errors.DataError(f"an SD of {sd!r} is no unit", todo="Give the SD of an outcome that varies.")
    return replace(
        estimate,
        value=estimate.value / sd,
        se=_in_sds(estimate.se, sd),
        low=_in_sds(estimate.low, sd),
        high=_in_sds(estimate.high, sd),
        low_90=_in_sds(estimate.low_90, sd),
        high_90=_in_sds(estimate.high_90, sd),
        margin=_in_sds(estimate.margin, sd),
        mde=_in_sds(estimate.mde, sd),
        unit="standard deviations" + (f" of {of}" if of else ""),
    )


def _in_sds(value: float | None, sd: float) -> float | None:
    return None if value is None else value / sd


def influence(
    frame: pd.DataFrame,
    sample: MatchedSample,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str] = (),
    survey_weight: str | None = None,
) -> pd.Series:
    """Return each person's part in the estimate of `in_sample`.

    c' (X'WX)^-1 x w e, c the contrast: the design and the treated people's covariates held fixed. The parts sum to 0,
    and the sum of squares of their sums by cluster is the CR0 variance.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; outcomes of the sample's people complete.
    sample : MatchedSample
        The design, made on the same people.
    outcome : str
        Numeric column.
    treat : str
        Column of 0 and 1, the treatment that the sample was designed for.
    covariates : sequence of str
        Columns of the outcome model; each is crossed with the treatment.
    survey_weight : str, optional
        Column of positive weights; the analysis weight is match weight times it.

    Returns
    -------
    Series on the frame's index
        Influence, in the unit of the outcome; 0 where the sample does not use a person.

    Raises
    ------
    EmptyCell
        Nobody of one arm is left.
    UnknownColumn, MissingValues, DataError
        No such column; NA in any role; a sample of other people or of another treatment, duplicate ids, an outcome that
        is not numbers.
    """
    model = outcome_model(frame, sample, outcome, treat, covariates, survey_weight, None)
    return _influence(model).reindex(frame.index, fill_value=0.0)


def _influence(model: OutcomeModel) -> pd.Series:
    """Return the influence of each person with weight."""
    x = model.fit.x
    pull = x @ np.linalg.solve(x.T @ (x * model.weight[:, None]), model.difference)
    return pd.Series(pull * model.weight * model.fit.residuals, index=model.used.index)


def estimand_text(estimand: str) -> str:
    """Return whom an estimand is about, in words.

    Parameters
    ----------
    estimand : str
        ATT, ATM, ATC, ATE or ATO.

    Returns
    -------
    str
        "mean difference among … (ATT)".
    """
    return f"mean difference among {POPULATIONS.get(estimand, estimand)} ({estimand})"


def outcome_model(
    frame: pd.DataFrame,
    sample: MatchedSample,
    outcome: str,
    treat: str,
    covariates: Sequence[str],
    survey_weight: str | None,
    cluster: str | None,
    whom: str = "ATT",
) -> OutcomeModel:
    """Fit the outcome model of a designed sample.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; outcomes of the sample's people complete.
    sample : MatchedSample
        The design, made on the same people.
    outcome : str
        Numeric column.
    treat : str
        Column of 0 and 1, the treatment that the sample was designed for.
    covariates : sequence of str
        Columns of the outcome model; each is crossed with the treatment.
    survey_weight : str or None
        Column of positive weights.
    cluster : str or None
        Column of the collection session.
    whom : str
        Estimand over whose people predictions are averaged.

    Returns
    -------
    OutcomeModel
        The regression and its contrasts.

    Raises
    ------
    EmptyCell
        Nobody of one arm is left, or treated people come from fewer than four sessions.
    UnknownColumn, MissingValues, DataError
        No such column; NA in any role; a sample of other people or of another treatment, duplicate ids, an outcome that
        is not numbers.
    """
    used = analysis_sample(frame, sample, outcome, treat, covariates, survey_weight, cluster)
    treated = used[treat].to_numpy() == 1
    weight = sample.match_weight.reindex(used.index).to_numpy(dtype=float) * _roles.weights(used, survey_weight)
    target = _target(treated, weight, _roles.weights(used, survey_weight), whom)
    x, names, difference, untreated = _interacted_design(used, treated, weight, covariates, target)
    fit = inference.regress(x, used[outcome].to_numpy(dtype=float), names, weight)
    return OutcomeModel(used, treated, weight, fit, difference, untreated)


def analysis_sample(
    frame: pd.DataFrame,
    sample: MatchedSample,
    outcome: str,
    treat: str,
    covariates: Sequence[str],
    survey_weight: str | None,
    cluster: str | None,
) -> pd.DataFrame:
    """Return the people with match weight, every role complete.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; outcomes of the sample's people complete.
    sample : MatchedSample
        The design, made on the same people.
    outcome : str
        Numeric column.
    treat : str
        Column of 0 and 1, the treatment that the sample was designed for.
    covariates : sequence of str
        Columns of the outcome model.
    survey_weight : str or None
        Column of positive weights.
    cluster : str or None
        Column of the collection session.

    Returns
    -------
    DataFrame
        Their rows, in the order of the frame.

    Raises
    ------
    EmptyCell
        Nobody of one arm is left, or treated people come from fewer than four sessions.
    UnknownColumn, MissingValues, DataError
        No such column; NA in any role; a sample of other people or of another treatment, duplicate ids, an outcome that
        is not numbers.
    """
    roles = role_columns(outcome, treat, covariates, survey_weight, cluster)
    errors.require_columns(frame, roles, role="an effect")
    if not isinstance(getattr(sample, "match_weight", None), pd.Series):
        raise errors.DataError(f"the sample is a {type(sample).__name__}", todo="Give a MatchedSample.")
    _roles.unique_ids(frame)
    weight = sample.match_weight.reindex(frame.index)
    if weight.isna().any():
        raise errors.DataError("the sample belongs to another frame", todo="Design and estimate on the same people.")
    used: pd.DataFrame = frame[(weight > 0).to_numpy()]
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


def role_columns(
    outcome: str, treat: str, covariates: Sequence[str], survey_weight: str | None, cluster: str | None
) -> list[str]:
    """Return the columns that an effect needs.

    Parameters
    ----------
    outcome, treat : str
        Names of the outcome and of the treatment.
    covariates : sequence of str
        Names of covariates.
    survey_weight, cluster : str or None
        Names of the survey weight and of the session.

    Returns
    -------
    list of str
        All of them that were given.

    Raises
    ------
    DataError
        The outcome or the treatment among the covariates; values in place of a name.
    """
    _roles.by_name(survey_weight, "survey weight")
    _roles.by_name(cluster, "cluster")
    _roles.refuse_own_covariates(covariates, outcome, treat)
    return [outcome, treat, *covariates, *([survey_weight] if survey_weight else []), *([cluster] if cluster else [])]


def _estimate_fields(model: OutcomeModel, sample: MatchedSample, cluster: str | None, outcome: str) -> EstimateFields:
    """Return the words and counts of an estimate."""
    t = model.treated
    sessions = None if cluster is None else int(min(model.used[cluster][m].nunique() for m in (t, ~t)))
    return {
        "n": {"treated": int(t.sum()), "untreated": int((~t).sum())},
        "n_sessions": sessions,
        "n_effective": _roles.kish(model.weight[~t]),
        "method": f"weighted g-computation after {sample.method}",
        "outcome": outcome,
        "estimand": estimand_text(sample.estimand),
        "sample": sample.estimand,
    }


def _target(treated: Booleans, weight: Floats, survey: Floats, estimand: str) -> Floats:
    """Return the weights over which predictions are averaged: of those whom the estimand is about.

    Everybody with the survey weight alone for an ATE: design weights make the arms alike, and are no part of whom.
    """
    if estimand in ("ATT", "ATM"):
        return np.asarray(weight * treated)
    return np.asarray({"ATC": weight * ~treated, "ATE": survey}.get(estimand, weight))


def _interacted_design(
    used: pd.DataFrame, treated: Booleans, weight: Floats, covariates: Sequence[str], target: Floats
) -> tuple[Floats, list[str], Floats, Floats]:
    """Return the design matrix with all products, its names, and the two contrasts of `OutcomeModel`."""
    t = treated.astype(float)
    kept = [c for c in covariates if _roles.varies(used[c])]
    if not kept:
        plain = np.column_stack([np.ones(len(used)), t])
        return plain, ["(Intercept)", "treated"], np.array([0.0, 1.0]), np.array([1.0, 0.0])
    built = _roles.columns(used, kept, drop_first=True)
    z, names = built.matrix, list(built.names)
    full = np.column_stack([np.ones(len(used)), t, z, z * t[:, None]])
    labels = ["(Intercept)", "treated", *names, *[f"treated:{n}" for n in names]]
    keep = _independent_columns(full * np.sqrt(weight)[:, None])
    mean = target @ z / target.sum()
    difference = np.concatenate([[0.0, 1.0], np.zeros(len(names)), mean])
    untreated = np.concatenate([[1.0, 0.0], mean, np.zeros(len(names))])
    return full[:, keep], [labels[i] for i in keep], difference[keep], untreated[keep]


def _independent_columns(x: Floats) -> list[int]:
    """Return the columns that are not a combination of those before them (R's rule for aliased terms)."""
    kept: list[int] = []
    basis = np.zeros((len(x), 0))
    for j in range(x.shape[1]):
        column = x[:, j]
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)
        size = float(np.linalg.norm(left))
        if size > 1e-9 * max(float(np.linalg.norm(column)), 1e-300):
            kept.append(j)
            basis = np.column_stack([basis, left / size])
    return kept
