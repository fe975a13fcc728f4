"""How often the study is right where the truth is known: `python -m benchmarks.known_truth [SCENARIO …]`.

Studies are drawn in memory from the synthetic room's model and go through the code of the notebooks: weights, planned
comparison, change with its jackknife, designs, controls, families, verdict rule. Three kinds of truth: nothing at all
(null), effects without unseen selection (recovery), unseen selection without effects (unseen). The table is written to
docs/methods/sensitivity.md and to docs/known-truth.json with the digest of the statistics it was made with;
`--carry-over REASON` keeps it after a change that moved no statistic.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import pickle
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from benchmarks import drawn_study as drawing
from benchmarks import tables
from evaluation import errors, parallel
from evaluation.analysis import arms as analysis_arms
from evaluation.analysis import attendee_effect, comparison, contrasts, levels, population_weights
from evaluation.analysis.change import change
from evaluation.analysis.did import designs as did_designs
from evaluation.analysis.did.inputs import DesignInputs
from evaluation.analysis.robustness import multiple_testing, negative_controls, summary
from evaluation.analysis.verdicts import corrected
from evaluation.results import Estimate, NotIdentified, verdict
from evaluation.run import manifest
from evaluation.synthetic import people as drawn

PRIMARY, WAVE, SEED = "conf_overall", "W2025", 20260704
STUDIES = {"null": 2000, "recovery": 1000, "unseen": 500}
BIG, CHUNK = 60, 50
FILE = tables.DOCS / "known-truth.json"
HEADER = ("Check", "Studies", "Measured", "Found", "Bar")
DIRECTED = ("higher", "lower")
NOTHING = {
    "effect": drawing.NO_EFFECT,
    "trust": drawing.NO_CHANGE,
    "attending": {"unseen": 0.0},
    "sampling": {"readiness": 0.0},
}
EFFECTS = {
    "effect": {"conf_overall": 0.35, "spill_to_exposed": 0.0, "iag": 0.0},
    "trust": drawing.NO_CHANGE | {"wave_W2025": 0.2},
    "attending": {"unseen": 0.0, "false_yes": 0.0},
    "sampling": {"readiness": 0.0},
}
PLACES = EFFECTS | {"effect": {"conf_overall": 0.0, "spill_to_exposed": 0.35, "iag": 0.0}}
SELECTION = {"as strong as shipped": {"unseen": 0.5}, "twice as strong": {"unseen": 1.0}}


# ---- one study through the code of the notebooks --------------------------------------------------------------------


def _survey(plan: Any, people: pd.DataFrame, answers: pd.DataFrame, margins: Any) -> levels.Survey:
    return levels.prepare(plan, people, answers, population_weights.by_wave(plan, people, margins))


class Study:
    """One drawn study: the plan, its answers, and the attendee comparison as notebooks 03 to 05 make it."""

    def __init__(
        self, plan: Any, margins: Any, table: pd.DataFrame, truth: Any, rng: Any, names: Sequence[str]
    ) -> None:
        self.plan = plan
        self.people, answers = drawing.draw(truth, table, rng, tuple(names))
        self.survey = _survey(plan, self.people, answers, margins)
        design = self.people[self.people["wave"] == WAVE]
        self.compare = comparison.prepare(plan, WAVE, design, analysis_arms.arms(plan, design), margins)
        self.sample = comparison.match(plan, WAVE, self.compare)

    def attended(self, outcomes: Sequence[str]) -> list[Any]:
        """Return the planned comparison of each outcome, named, with its margin, family and size gate."""
        return [self._one(o) for o in outcomes]

    def _one(self, outcome: str) -> Any:
        plan, survey = self.plan, self.survey
        people = attendee_effect.joined(self.compare, survey, outcome)
        made = attendee_effect.planned(plan, people, self.sample, outcome)
        named = contrasts.name(
            made,
            "attend",
            outcome=outcome,
            group="all",
            wave=WAVE,
            licence="association",
            planned=True,
            null=0.0,
            family=plan.outcomes.family(outcome),
            margin=levels.margin_of(plan, survey, outcome),
        )
        return contrasts.sized(named, plan, dict(self.compare.sessions))

    def changed(self, code: str) -> Any:
        """Return the change of the primary outcome in a group since the first wave."""
        made = change(self.plan, self.survey, PRIMARY, WAVE, code)
        named = contrasts.name(
            made,
            "change",
            outcome=PRIMARY,
            group=code,
            wave=WAVE,
            null=0.0,
            family="primary",
            margin=levels.margin_of(self.plan, self.survey, PRIMARY),
        )
        return contrasts.sized(named, self.plan, None)

    def doubted(self, rows: Sequence[Any]) -> list[Any]:
        """Return the rows with families corrected and the controls' doubt, as notebook 07 leaves them."""
        controls = negative_controls.controls(self.plan, WAVE, self.compare, self.sample, self.survey, rows)
        gates = summary.gates(self.plan, WAVE, controls)
        corrected_p = multiple_testing.family_p_values(self.plan, self.compare, self.sample, self.survey, rows)
        nothing = NotIdentified("the curve is not drawn in this check", "It could only make more results fragile.")
        return corrected(summary.applied(self.plan, rows, nothing, corrected_p, gates, controls))

    def designs(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the results of designs by name."""
        plan = self.plan.model_copy(update={"designs": {k: self.plan.designs[k] for k in names}})
        items = [PRIMARY, plan.treatment.retrospective_column]
        comparable = pd.DataFrame("same", index=items, columns=list(plan.waves))
        arms = {x: analysis_arms.arms(plan, rows) for x, rows in self.people.groupby("wave") if x != "W2022"}
        found = DesignInputs(WAVE, self.survey, drawing.EVENTS, comparable, drawing.FIELDWORK, arms)
        return {r.id.split(".")[0].upper(): r for r in did_designs.all_designs(plan, found) if r.id.count(".") == 3}


LOADED: list[Any] = []


def inputs() -> Any:
    """Return plan and margins, read once in each process."""
    if not LOADED:
        LOADED.append(drawing.load())
    return LOADED[0]


def null_study(_: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return the verdicts of one study in which nothing differs and nothing changed."""
    plan, margins, table = inputs()
    one = Study(plan, margins, table, drawing.truth(**NOTHING), rng, ("W2022", WAVE))
    rows = one.doubted(one.attended([PRIMARY, *plan.outcomes.secondary, *plan.outcomes.exploratory]))
    words = {family: [verdict(r) for r in rows if r.family == family] for family in ("secondary", "exploratory")}
    return {
        "attend": verdict(rows[0]),
        "change": verdict(one.changed("black")),
        **{family: any(map(is_directed, said)) for family, said in words.items()},
    }


def recovery_study(
    _: int, rng: np.random.Generator, truth: Mapping[str, Any], keys: Sequence[str]
) -> dict[str, tuple[float, ...]]:
    """Return (value, low, high) of the estimators named, of one study with effects and without unseen selection."""
    plan, margins, table = inputs()
    one = Study(plan, margins, table, truth, rng, drawing.WAVES if "D5" in keys else ("W2022", WAVE))
    found = one.designs([k for k in keys if k.startswith("D")])
    if "attend" in keys:
        found |= {"attend": one.attended([PRIMARY])[0], "change": one.changed("black")}
    return {k: (r.value, r.low, r.high) for k, r in found.items() if isinstance(r, Estimate)}


def unseen_study(_: int, rng: np.random.Generator, truth: Mapping[str, Any]) -> str:
    """Return the verdict on attending of one study with unseen selection and no effect at all."""
    plan, margins, table = inputs()
    one = Study(plan, margins, table, truth, rng, (WAVE,))
    return verdict(one.doubted(one.attended([PRIMARY]))[0])


def is_directed(word: str) -> bool:
    """Return whether a verdict states a direction, plain, small or fragile."""
    return word.startswith(DIRECTED)


# ---- what is true ---------------------------------------------------------------------------------------------------


def expected(people: pd.DataFrame, wave: str, truth: Mapping[str, Any], *, without: Sequence[str] = ()) -> np.ndarray:
    """Return each person's expected answer 1 to 5, with the effects named in `without` taken away."""
    first = wave == "W2022"
    effect = {k: 0.0 if first or k in without else v for k, v in truth["effect"].items()}
    mean = drawn.latent(people, wave, truth) + people["attended"].to_numpy(float) * effect[PRIMARY]
    mean += people["exposed"].to_numpy(float) * effect["spill_to_exposed"]
    sd = math.sqrt(truth["sampling"]["session_sd"] ** 2 + 0.35**2 + truth["items"]["noise"] ** 2)
    return 5.0 - sum(ndtr((c - mean) / sd) for c in drawn.CUTS[5])


def targets(truth: Mapping[str, Any]) -> dict[str, float]:
    """Return what each estimator should find: expected answers of a study sixty times as large, with its weights."""
    plan, margins, table = inputs()
    rng = np.random.default_rng(1)
    people, answers = drawing.draw(truth, table, rng, drawing.WAVES, times=BIG)
    answers = answers.astype(float)
    for wave in drawing.WAVES:
        rows = people["wave"] == wave
        answers.loc[rows, PRIMARY] = expected(people[rows], wave, truth)
    loose = plan.population.model_copy(update={"tolerance": 1e-5})  # totals of the published margins differ by 3e-6
    survey = _survey(plan.model_copy(update={"population": loose}), people, answers, margins)
    frames = {x: survey.general(x) for x in ("W2022", WAVE)}
    now = people[(people["wave"] == WAVE) & people["attended"]]
    gain = expected(now, WAVE, truth) - expected(now, WAVE, truth, without=[PRIMARY])
    then = people[people["wave"] == "W2024"].set_index("link")["attended"]
    newly = now[now["link"].notna()]
    newly = newly[~newly["link"].map(then[then.index.notna()]).astype(bool)]
    gain_newly = expected(newly, WAVE, truth) - expected(newly, WAVE, truth, without=[PRIMARY])
    of = {(x, g): _level(f[(f["focus"] == g).fillna(False)]) for x, f in frames.items() for g in ("black", "other")}
    black, other = (of[WAVE, g] - of["W2022", g] for g in ("black", "other"))
    return {
        "attend": float(gain.mean()),
        "D4": float(gain.mean()),
        "D5": float(gain_newly.mean()),
        "change": black,
        "D2": black - other,
        "D1": _by_place(frames),
    }


def _level(frame: pd.DataFrame) -> float:
    return float(np.average(frame[PRIMARY], weights=frame["population_weight"]))


def _by_place(frames: Mapping[str, pd.DataFrame]) -> float:
    """Return the mean change of reached places less that of others, each place counting once."""
    moved = {}
    for x, f in frames.items():
        place = f["ward_group"].where(f["area"] == "leicester", f["area"])
        moved[x] = f.groupby([place, "exposed"]).apply(_level)
    gap = (moved[WAVE] - moved["W2022"]).groupby(level=1).mean()
    return float(gap[True] - gap[False])


# ---- the table ------------------------------------------------------------------------------------------------------


def drawn_studies(name: str, function: Any, n: int, seed: int) -> list[Any]:
    """Return `n` studies in chunks, each with a seed of its own; chunks in $KNOWN_TRUTH_CACHE are not made again."""
    folder, out = os.environ.get("KNOWN_TRUTH_CACHE"), []
    for place in range(0, n, CHUNK):
        kept = Path(folder) / f"{name}.{place:05d}.pickle" if folder else None
        if kept and kept.exists():
            out += pickle.loads(kept.read_bytes())
            continue
        made = parallel.run(partial(attempt, function=function), list(range(min(CHUNK, n - place))), seed + place)
        if kept:
            kept.write_bytes(pickle.dumps(made))
        out += made
    return [m for m in out if m is not None]


def attempt(task: int, rng: np.random.Generator, function: Any) -> Any:
    """Return one study's findings; None where its sample cannot meet the margins, for which a run stops."""
    try:
        return function(task, rng)
    except errors.NotConverged:
        return None


def null(n: int) -> list[tuple[str, ...]]:
    """Return the rows of the null studies: how often a direction is found where there is none."""
    made = drawn_studies("null", null_study, n, SEED)
    n = len(made)
    rows = []
    for key, name in (("attend", "No effect: people who attended"), ("change", "No change: the focus group")):
        words = [m[key] for m in made]
        rows.append(
            (
                name,
                f"{n:,}",
                "Higher, lower, small or fragile",
                _share([is_directed(x) for x in words]),
                "at most 6.5 %",
            )
        )
    for family in ("secondary", "exploratory"):
        named = f"No effect: {family} outcomes, any of them"
        share = _share([m[family] for m in made])
        rows.append((named, f"{n:,}", "Higher, lower, small or fragile", share, "at most 6.5 %"))
    return rows


NAMES = {
    "attend": "People who attended, planned comparison",
    "change": "Change, focus group",
    "D1": "D1 places",
    "D2": "D2 change of the gap",
    "D4": "D4 as remembered",
    "D5": "D5 the same people",
}


def recovery(n: int) -> list[tuple[str, ...]]:
    """Return the rows of bias and coverage of every estimator."""
    rows = []
    for truth, keys, many in ((EFFECTS, ("attend", "change", "D2", "D4", "D5"), n), (PLACES, ("D1",), n)):
        full = drawing.truth(**truth)
        right = targets(full)
        work = partial(recovery_study, truth=full, keys=keys)
        made = drawn_studies(f"recovery-{keys[0]}", work, many, SEED + len(keys))
        for key in keys:
            rows += _recovered(NAMES[key], right[key], np.array([m[key] for m in made if key in m]), many)
    return rows


def _recovered(name: str, truth: float, found: np.ndarray, asked: int) -> list[tuple[str, ...]]:
    value, low, high = found.T
    error = value.std(ddof=1) / math.sqrt(len(value))
    count = f"{len(value):,}" + (f" of {asked:,}" if len(value) < asked else "")
    covers = (low <= truth) & (truth <= high)
    return [
        (
            name,
            count,
            f"Mean error (truth {truth:.3f})",
            f"{value.mean() - truth:+.3f} ± {2 * error:.3f}",
            "0.03 plus two Monte-Carlo errors",
        ),
        (name, count, "Ranges that hold the truth", _share(covers), "95 %"),
    ]


def unseen(n: int) -> list[tuple[str, ...]]:
    """Return the rows of unseen selection: how often the study is fooled, with and without controls that share it."""
    rows = []
    for words, attending in SELECTION.items():
        for loading in (0.5, 0.0):
            truth = drawing.truth(**NOTHING | {"attending": attending}, items={"control_unseen": loading})
            kept = f"unseen-{attending['unseen']}-{loading}"
            made = drawn_studies(kept, partial(unseen_study, truth=truth), n, SEED + 7)
            name = f"Unseen selection {words}, controls " + ("share it (0.5)" if loading else "do not share it")
            count = f"{len(made):,}"
            rows.append((name, count, "A direction, fragile or not", _share([is_directed(m) for m in made]), ""))
            rows.append(
                (
                    name,
                    count,
                    "A direction without a qualification",
                    _share([m in DIRECTED for m in made]),
                    "at most 25 %" if loading else "none: nothing can see it",
                )
            )
    return rows


def _share(hits: Sequence[bool] | np.ndarray) -> str:
    p, n = float(np.mean(hits)), len(hits)
    return f"{100 * p:.1f} % ± {200 * math.sqrt(p * (1 - p) / n):.1f}"


SCENARIOS = {"null": null, "recovery": recovery, "unseen": unseen}


def main(names: Sequence[str] = ()) -> None:
    """Run the scenarios named (all by default), keep the rows of the others, and write table and file."""
    old = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {"parts": {}}
    parts = old.get("parts", {})
    for name in names or SCENARIOS:
        start = time.process_time()
        parts[name] = [list(r) for r in SCENARIOS[name](STUDIES[name])]
        print(name, f"{time.process_time() - start:.0f} s of CPU in this process", flush=True)
    write(parts)


def carry_over(reason: str) -> None:
    """Say that the table stands for the code as it is now, and why: for changes that moved no statistic.

    Before it is called, the first studies of every scenario are drawn by both codes and found equal to the bit.
    """
    old = json.loads(FILE.read_text("utf-8"))
    now = manifest.statistics_digest()
    carried = [*old.get("carried_over", []), {"from": old["digest"], "to": now, "because": reason}]
    content = old | {"digest": now, "carried_over": carried}
    FILE.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write(parts: Mapping[str, Any]) -> None:
    """Write table and file from the rows of every scenario."""
    rows = [r for name in SCENARIOS for r in parts.get(name, [])]
    content = {
        "header": list(HEADER),
        "rows": rows,
        "digest": manifest.statistics_digest(),
        "made_on": dt.datetime.now(dt.UTC).date().isoformat(),
        "parts": parts,
    }
    FILE.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    tables.write("methods/sensitivity.md", "known-truth", tables.markdown(HEADER, rows))


if __name__ == "__main__":
    carry_over(sys.argv[2]) if sys.argv[1:2] == ["--carry-over"] else main(sys.argv[1:])
