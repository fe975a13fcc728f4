"""The propensity score: the chance of having attended, given what was true of a person beforehand.

Maximum-likelihood logit on standardised covariates (Rosenbaum and Rubin 1983). Where covariates separate
attendees from others, or attendees are few for the number of columns, Firth's penalised likelihood (Firth 1993;
Heinze and Schemper 2002) is used instead, and `method` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _logistic, _roles

FEW_EVENTS = 5.0  # attendees (or others, if fewer) per column under which the likelihood is penalised
_ONLY = ("refuse", "penalise")


@dataclass(frozen=True, slots=True)
class PropensityScores:
    """Estimated chances of treatment.

    Attributes
    ----------
    values, logit : Series
        Probability, and its log odds, on the frame's index.
    separation : tuple of str
        Columns that separate treated from untreated ("" nowhere); empty when none do.
    method : str
        "maximum likelihood", "Firth …" or "ridge …", with the reason when it was not asked for.
    coefficients : DataFrame
        `coefficient` and `se` (inverse information) per term, covariates on their own scale.
    covariates, treat, survey_weight, link
        What went in.
    treated : Series of bool
        Who was treated, on the frame's index.
    scores, bread : ndarray, shapes (n, k) and (k, k)
        Each person's score contribution (survey weight included) and the negative inverse of its derivative, for
        errors that allow for the score having been estimated; `gradient` (n, k) is d probability / d coefficient.
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
    scores: np.ndarray = field(repr=False)
    bread: np.ndarray = field(repr=False)
    gradient: np.ndarray = field(repr=False)

    def overlap(self, treated: pd.Series | np.ndarray | None = None, *, bins: int = 10) -> pd.DataFrame:
        """Return shares (0 to 1) of treated and of untreated people per bin of the score.

        `treated` defaults to the treatment the score was fitted to. Bins are of equal width on 0 to 1.
        """
        who = self.treated.to_numpy() if treated is None else np.asarray(treated).astype(bool)
        edges = np.linspace(0.0, 1.0, bins + 1)
        counts = [np.histogram(self.values.to_numpy()[mask], edges)[0] for mask in (who, ~who)]
        shares = [c / max(c.sum(), 1) for c in counts]
        return pd.DataFrame(
            {"low": edges[:-1], "high": edges[1:], "share_treated": shares[0], "share_control": shares[1]}
        )

    def common_support(self, treated: pd.Series | np.ndarray | None = None) -> CommonSupport:
        """Return the range of scores held by both arms, and who of each arm stands outside it."""
        who = self.treated.to_numpy() if treated is None else np.asarray(treated).astype(bool)
        p = self.values.to_numpy()
        low, high = max(p[who].min(), p[~who].min()), min(p[who].max(), p[~who].max())
        inside = pd.Series((p >= low) & (p <= high), index=self.values.index)
        return CommonSupport(float(low), float(high), inside, pd.Series(who, index=self.values.index))

    def tidy(self) -> pd.DataFrame:
        """Return one row per term of the model."""
        return self.coefficients.rename_axis("term").reset_index()

    def summary(self) -> str:
        """Return one sentence: the model, its method, and how far the arms overlap."""
        share = self.common_support().share_treated_inside
        return (
            f"The chance of attending was modelled from {len(self.covariates)} characteristics by {self.method}; "
            f"{share:.0%} of attendees have a chance that some non-attendee shares."
        )


@dataclass(frozen=True, slots=True)
class CommonSupport:
    """The range of scores that both arms hold (`low` to `high`), and who is inside it."""

    low: float
    high: float
    inside: pd.Series
    treated: pd.Series

    @property
    def share_treated_inside(self) -> float:
        """Share of treated people, 0 to 1, whose score lies inside the common range."""
        return float(self.inside[self.treated].mean())

    def tidy(self) -> pd.DataFrame:
        """Return one row per arm: people, inside, dropped, and the share inside."""
        rows = []
        for name, mask in (("treated", self.treated), ("control", ~self.treated)):
            inside = int(self.inside[mask].sum())
            n = int(mask.sum())
            rows.append({"arm": name, "n": n, "inside": inside, "dropped": n - inside, "share_inside": inside / n})
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return one sentence with the share of attendees inside the common range."""
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
    """Estimate each person's chance of treatment from covariates fixed beforehand.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique. Words and categoricals become indicators without their first level;
        numbers are standardised inside.
    treat : str
        Column of 0 and 1.
    survey_weight : str, optional
        Column of positive weights; the score is then that of the weighted population.
    penalty : None, "none", "firth", "ridge" or float
        None: maximum likelihood, and Firth under separation or fewer than 5 attendees a column. "none" insists
        on maximum likelihood. A number is the ridge penalty on standardised columns ("ridge" is 1).
    link : "logit" or "probit"
        Probit takes no penalty.
    outcomes, changed_by_attending : iterables of str
        Names refused in the frame, and among the covariates.
    only_attendees : "refuse" or "penalise"
        What to do with a level of a covariate that only attendees have.

    Raises
    ------
    DataError and its children
        As `_roles.check`; `Collinear` naming the columns; `EmptyCell` naming a level only attendees have;
        `NotConverged` when maximum likelihood was insisted on and does not exist.
    """
    covariates = _roles.listed(covariates)
    treated = _roles.check(frame, treat=treat, covariates=covariates, survey_weight=survey_weight, outcomes=outcomes)
    _refuse_changed(covariates, changed_by_attending)
    if not covariates:
        raise errors.DataError("no covariates for the propensity score", todo="Name at least one.")
    penalised = isinstance(penalty, Real) or penalty in ("firth", "ridge")
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
    model = _choose(design, treated.astype(float), weight, penalty, link, ("(intercept)", *built.names))
    return _pack(model, frame, treated, built.names, centre, spread, (treat, tuple(covariates), survey_weight, link))


def only_treated_levels(frame: pd.DataFrame, treated: np.ndarray, covariates: Sequence[str]) -> list[str]:
    """Return `covariate = level` for each level of a factor that treated people have and no untreated person has."""
    found = []
    for covariate in covariates:
        if _roles.is_categorical(frame[covariate]):
            codes, levels = pd.factorize(frame[covariate])
            here = [np.bincount(codes[arm], minlength=len(levels)) > 0 for arm in (treated, ~treated)]
            lone = [levels[j] for j in np.flatnonzero(here[0] & ~here[1])]
            found += [f"{covariate} = {level}" for level in sorted(lone, key=str)]
    return found


def _refuse_changed(covariates: Sequence[str], changed: Iterable[str]) -> None:
    bad = [c for c in covariates if c in set(changed)]
    if bad:
        raise errors.DataError(
            f"attendance could have changed the covariates {', '.join(map(repr, bad))}",
            todo="Use only what was fixed before anybody could attend.",
        )


def _policy(word: str) -> str:
    if word not in _ONLY:
        raise errors.Unsupported(f"only_attendees={word!r} is not known", todo=f"Use one of {_ONLY}.")
    return word


def _choose(design, y, weight, penalty, link, names) -> tuple[_logistic.Fit, str, tuple[str, ...]]:
    """Fit by the asked method, or by maximum likelihood with Firth as the stated fall-back."""
    if link not in ("logit", "probit"):
        raise errors.Unsupported(f"link {link!r} is not known", todo="Use 'logit' or 'probit'.")
    known = penalty is None or (isinstance(penalty, Real) and not isinstance(penalty, bool))
    if not known and penalty not in ("none", "firth", "ridge"):
        raise errors.Unsupported(f"penalty {penalty!r} is not known", todo="Use None, 'none', 'firth', 'ridge'.")
    if isinstance(penalty, Real) and not penalty > 0:
        raise errors.Unsupported(f"the ridge penalty {penalty!r} is not positive", todo="Use a number above 0.")
    if link == "probit" and penalty not in (None, "none"):
        raise errors.Unsupported("probit takes no penalty", todo="Use link='logit', or leave the penalty out.")
    weight = weight / weight.mean()
    plain = _logistic.fit(design, y, weight, link=link)
    separation = () if plain.converged else _logistic.separating(plain, names)
    if penalty == "none" or link == "probit":
        if not plain.converged:
            raise errors.NotConverged(
                f"maximum likelihood does not exist: {', '.join(separation)} separate the arms",
                todo="Leave penalty=None (Firth), or merge levels.",
            )
        return plain, "maximum likelihood" if link == "logit" else "maximum likelihood (probit)", separation
    if penalty == "ridge" or isinstance(penalty, Real):
        size = 1.0 if isinstance(penalty, str) else float(penalty)
        return _logistic.fit(design, y, weight, ridge=size), f"ridge (penalty {size:g})", separation
    events = min(y.sum(), len(y) - y.sum()) / max(design.shape[1] - 1, 1)
    if penalty is None and plain.converged and events >= FEW_EVENTS:
        return plain, "maximum likelihood", ()
    why = ""
    if penalty is None:
        why = " (the arms are separated)" if separation else f" (few events: {events:.1f} per column)"
    return _logistic.firth(design, y, weight), f"Firth's penalised likelihood{why}", separation


def _pack(model, frame, treated, names, centre, spread, inputs) -> PropensityScores:
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
