"""The propensity score: the chance of having attended, given what was true of a person beforehand.

Maximum-likelihood logit on standardised covariates (Rosenbaum and Rubin 1983). Where covariates separate
attendees from others, or attendees are few for the number of columns, Firth's penalised likelihood (Firth 1993;
Heinze and Schemper 2002) is used instead, and `method` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Displayed
from evaluation.statistics import _logistic, _roles
from evaluation.statistics._arrays import Booleans, Floats, Integers, Number

FEW_EVENTS = 5.0  # attendees (or others, if fewer) per column under which the likelihood is penalised
_POLICIES = ("refuse", "penalise")


@dataclass(frozen=True, slots=True)
class PropensityScores(Displayed):
    """Estimated chances of treatment.

    Attributes
    ----------
    values : Series on the frame's index
        Probability of treatment, 0 to 1.
    logit : Series on the frame's index
        Its log odds.
    separation : tuple of str
        Columns that separate treated from untreated; empty when none do.
    method : str
        "maximum likelihood", "Firth …" or "ridge …", with the reason when it was not asked for.
    coefficients : DataFrame
        `coefficient` and `se` (inverse information) per term, covariates on their own scale.
    treat : str
        Column of the treatment.
    covariates : tuple of str
        Columns in the model.
    survey_weight : str or None
        Column of weights in the likelihood.
    link : "logit" or "probit"
        Link function.
    treated : Series of bool
        Who was treated, on the frame's index.
    scores : ndarray, shape (n, k)
        Each person's contribution to the score equation (survey weight included), for errors that allow for the
        propensity score having been estimated.
    bread : ndarray, shape (k, k)
        Negative inverse of the score equation's derivative.
    gradient : ndarray, shape (n, k)
        Derivative of each probability by the coefficients.
    """

    values: pd.Series
    logit: pd.Series
    separation: tuple[str, ...]
    method: str
    coefficients: pd.DataFrame
    treat: str
    covariates: tuple[str, ...]
    survey_weight: str | None
    link: str
    treated: pd.Series
    scores: Floats = field(repr=False)
    bread: Floats = field(repr=False)
    gradient: Floats = field(repr=False)

    def overlap(self, treated: pd.Series | Booleans | Integers | None = None, *, bins: int = 10) -> pd.DataFrame:
        """Return the shares of treated and of untreated people per bin of the score.

        Parameters
        ----------
        treated : Series or ndarray, shape (n,), optional
            Who is treated; by default the treatment that the score was fitted to.
        bins : int
            Number of bins of equal width on 0 to 1.

        Returns
        -------
        DataFrame
            One row per bin: low, high, share_treated and share_control (each arm's shares, 0 to 1, add to 1).
        """
        who = self.treated.to_numpy() if treated is None else np.asarray(treated).astype(bool)
        edges = np.linspace(0.0, 1.0, bins + 1)
        counts = [np.histogram(self.values.to_numpy()[mask], edges)[0] for mask in (who, ~who)]
        shares = [c / max(c.sum(), 1) for c in counts]
        return pd.DataFrame(
            {"low": edges[:-1], "high": edges[1:], "share_treated": shares[0], "share_control": shares[1]}
        )

    def common_support(self, treated: pd.Series | Booleans | Integers | None = None) -> CommonSupport:
        """Return the range of scores held by both arms, and who of each arm stands outside it.

        Parameters
        ----------
        treated : Series or ndarray, shape (n,), optional
            Who is treated; by default the treatment that the score was fitted to.

        Returns
        -------
        CommonSupport
            The range and who is inside.
        """
        who = self.treated.to_numpy() if treated is None else np.asarray(treated).astype(bool)
        p = self.values.to_numpy()
        low, high = max(p[who].min(), p[~who].min()), min(p[who].max(), p[~who].max())
        inside = pd.Series((p >= low) & (p <= high), index=self.values.index)
        return CommonSupport(float(low), float(high), inside, pd.Series(who, index=self.values.index))

    def tidy(self) -> pd.DataFrame:
        """Return one row per term of the model.

        Returns
        -------
        DataFrame
            Columns term, coefficient and se.
        """
        return self.coefficients.rename_axis("term").reset_index()

    def summary(self) -> str:
        """Return one sentence: the model, its method, and how far the arms overlap.

        Returns
        -------
        str
            The sentence.
        """
        share = self.common_support().share_treated_inside
        return (
            f"The chance of attending was modelled from {len(self.covariates)} characteristics by {self.method}; "
            f"{share:.0%} of attendees have a chance that some non-attendee shares."
        )


@dataclass(frozen=True, slots=True)
class CommonSupport:
    """The range of scores that both arms hold, and who is inside it.

    Attributes
    ----------
    low, high : float
        Ends of the range, 0 to 1.
    inside : Series of bool
        Whether each person's score lies in the range.
    treated : Series of bool
        Who is treated.
    """

    low: float
    high: float
    inside: pd.Series
    treated: pd.Series

    @property
    def share_treated_inside(self) -> float:
        """Return the share of treated people whose score lies inside the common range.

        Returns
        -------
        float
            Share, 0 to 1.
        """
        return float(self.inside[self.treated].mean())

    def tidy(self) -> pd.DataFrame:
        """Return one row per arm.

        Returns
        -------
        DataFrame
            Columns arm, n, inside, dropped (people) and share_inside (0 to 1).
        """
        rows = []
        for name, mask in (("treated", self.treated), ("control", ~self.treated)):
            inside = int(self.inside[mask].sum())
            n = int(mask.sum())
            rows.append({"arm": name, "n": n, "inside": inside, "dropped": n - inside, "share_inside": inside / n})
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return one sentence with the share of attendees inside the common range.

        Returns
        -------
        str
            The sentence.
        """
        return f"{self.share_treated_inside:.0%} of attendees lie between {self.low:.2f} and {self.high:.2f}."


def fit(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    treat: str,
    covariates: Sequence[str],
    survey_weight: str | None = None,
    penalty: str | float | None = None,
    link: str = "logit",
    outcomes: Iterable[str] = (),
    changed_by_attending: Iterable[str] = (),
    only_attendees: str = "refuse",
) -> PropensityScores:
    """Estimate each person's chance of treatment from covariates fixed beforehand (Rosenbaum and Rubin 1983).

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique. Words and categoricals become indicators without their first level;
        numbers are standardised inside.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns of the model, all of them fixed before anybody could be treated.
    survey_weight : str, optional
        Column of positive weights; the score is then that of the weighted population. Their unit changes nothing.
    penalty : None, "none", "firth", "ridge" or float
        None: maximum likelihood, and Firth (1993) under separation or fewer than 5 attendees a column. "none" insists
        on maximum likelihood. A number is the ridge penalty on standardised columns ("ridge" is 1).
    link : "logit" or "probit"
        Probit takes no penalty.
    outcomes, changed_by_attending : iterable of str
        Names refused in the frame, and among the covariates.
    only_attendees : "refuse" or "penalise"
        What to do with a level of a covariate that only attendees have.

    Returns
    -------
    PropensityScores
        Probabilities on the frame's index, with what later errors need.

    Raises
    ------
    OutcomesClosed, UnknownColumn, MissingValues, DataError
        An outcome in the frame; an absent column; NA in any role; a covariate that attendance could have changed;
        duplicate ids, a treatment that is not 0/1, a weight that is not a positive number.
    Collinear, EmptyCell, NotConverged
        Collinear columns, named; a level only attendees have, named, or everybody or nobody treated; maximum likelihood
        insisted on where it does not exist.
    Unsupported
        A link, penalty or policy that is not known; probit with a penalty.
    """
    covariates = _roles.listed(covariates)
    treated = _roles.check(frame, treat=treat, covariates=covariates, survey_weight=survey_weight, outcomes=outcomes)
    _refuse_changed(covariates, changed_by_attending)
    if not covariates:
        raise errors.DataError("no covariates for the propensity score", todo="Name at least one.")
    penalised = isinstance(penalty, Number) or penalty in ("firth", "ridge")
    lone = only_treated_levels(frame, treated, covariates)
    if lone and not penalised and _policy(only_attendees) == "refuse":
        raise errors.EmptyCell(
            f"only attendees have {', '.join(lone)}",
            todo="Merge the level, drop those people as a named step, or set only_attendees='penalise'.",
        )
    built = _roles.columns(frame, covariates, drop_first=True)
    _roles.refuse_collinear(frame, covariates, built)
    z, centre, spread = _roles.standardise(built.matrix)
    design = np.column_stack([np.ones(len(z)), z])
    weight = _roles.weights(frame, survey_weight)
    model = _select_model(design, treated.astype(float), weight, penalty, link, ("(intercept)", *built.names))
    return _pack(model, frame, treated, built.names, centre, spread, (treat, tuple(covariates), survey_weight, link))


def only_treated_levels(frame: pd.DataFrame, treated: Booleans, covariates: Sequence[str]) -> list[str]:
    """Return the levels of factors that treated people have and no untreated person has.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    treated : ndarray of bool, shape (n,)
        Who is treated.
    covariates : sequence of str
        Columns; those that are numbers are passed over.

    Returns
    -------
    list of str
        "covariate = level" for each.
    """
    names: list[str] = []
    for covariate in covariates:
        column = frame[covariate]
        if _roles.is_categorical(column):
            coded = isinstance(column.dtype, pd.CategoricalDtype)
            codes, levels = (column.cat.codes.to_numpy(), column.cat.categories) if coded else pd.factorize(column)
            here = [np.bincount(codes[arm], minlength=len(levels)) > 0 for arm in (treated, ~treated)]
            lone = [level for level, only in zip(levels, here[0] & ~here[1], strict=True) if only]
            names += [f"{covariate} = {level}" for level in sorted(lone, key=str)]
    return names


def _refuse_changed(covariates: Sequence[str], changed: Iterable[str]) -> None:
    bad = [c for c in covariates if c in set(changed)]
    if bad:
        raise errors.DataError(
            f"attendance could have changed the covariates {', '.join(map(repr, bad))}",
            todo="Use only what was fixed before anybody could attend.",
        )


def _policy(word: str) -> str:
    if word not in _POLICIES:
        raise errors.Unsupported(f"only_attendees={word!r} is not known", todo=f"Use one of {_POLICIES}.")
    return word


def _select_model(
    design: Floats, y: Floats, weight: Floats, penalty: str | float | None, link: str, names: tuple[str, ...]
) -> tuple[_logistic.Fit, str, tuple[str, ...]]:
    """Fit by the asked method, or by maximum likelihood with Firth as the stated fall-back."""
    if link not in ("logit", "probit"):
        raise errors.Unsupported(f"link {link!r} is not known", todo="Use 'logit' or 'probit'.")
    known = penalty is None or (isinstance(penalty, Number) and not isinstance(penalty, bool))
    if not known and penalty not in ("none", "firth", "ridge"):
        raise errors.Unsupported(f"penalty {penalty!r} is not known", todo="Use None, 'none', 'firth', 'ridge'.")
    if isinstance(penalty, Number) and not penalty > 0:
        raise errors.Unsupported(f"the ridge penalty {penalty!r} is not positive", todo="Use a number above 0.")
    if link == "probit" and penalty not in (None, "none"):
        raise errors.Unsupported("probit takes no penalty", todo="Use link='logit', or leave the penalty out.")
    weight = weight / weight.mean()
    plain = _logistic.fit(design, y, weight, link=link)
    separation = () if plain.converged else _logistic.separation_columns(plain, names)
    if penalty == "none" or link == "probit":
        if not plain.converged:
            raise errors.NotConverged(
                f"maximum likelihood does not exist: {', '.join(separation)} separate the arms",
                todo="Leave penalty=None (Firth), or merge levels.",
            )
        return plain, "maximum likelihood" if link == "logit" else "maximum likelihood (probit)", separation
    if penalty == "ridge" or isinstance(penalty, Number):
        size = 1.0 if isinstance(penalty, str) else float(penalty)
        return _logistic.fit(design, y, weight, ridge=size), f"ridge (penalty {size:g})", separation
    events = min(y.sum(), len(y) - y.sum()) / max(design.shape[1] - 1, 1)
    if penalty is None and plain.converged and events >= FEW_EVENTS:
        return plain, "maximum likelihood", ()
    why = ""
    if penalty is None:
        why = " (the arms are separated)" if separation else f" (few events: {events:.1f} per column)"
    return _logistic.firth(design, y, weight), f"Firth's penalised likelihood{why}", separation


def _pack(
    model: tuple[_logistic.Fit, str, tuple[str, ...]],
    frame: pd.DataFrame,
    treated: Booleans,
    names: tuple[str, ...],
    centre: Floats,
    spread: Floats,
    inputs: tuple[str, tuple[str, ...], str | None, str],
) -> PropensityScores:
    fitted, method, separation = model
    treat, covariates, survey_weight, link = inputs
    back = np.eye(len(names) + 1)
    back[1:, 1:] /= spread[:, None]
    back[0, 1:] = -centre / spread
    raw = back @ fitted.beta
    se = np.sqrt(np.diag(back @ fitted.covariance @ back.T))
    p = fitted.probability
    logit = fitted.eta if link == "logit" else np.log(p) - np.log1p(-p)
    return PropensityScores(
        values=pd.Series(p, index=frame.index, name="propensity"),
        logit=pd.Series(logit, index=frame.index, name="logit"),
        separation=separation,
        method=method,
        coefficients=pd.DataFrame({"coefficient": raw, "se": se}, index=["(intercept)", *names]),
        treat=treat,
        covariates=covariates,
        survey_weight=survey_weight,
        link=link,
        treated=pd.Series(treated, index=frame.index, name=treat),
        scores=fitted.scores,
        bread=fitted.bread,
        gradient=fitted.gradient,
    )
