"""How often a lot's analysis is right where the truth is known: `python -m benchmarks.lots_truth [--studies N]`.

People are drawn into a lot and differ in a trait that nobody measured, twice as strong as what was seen: it makes them
come and it makes them content. The lot's own ranges are held against the truth, beside the comparison of those who came
with alike people who did not. Places are few: the size of the exact test with 8, 10 and 12 of them, with and without a
restriction of the draw. The tables stand in docs/methods/lots.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation import errors
from evaluation.results import Estimate
from evaluation.statistics import inference
from evaluation.statistics import randomisation as lot

PEOPLE, EFFECT, SEED = 600, 0.4, 20261201
HEADER = ("Trait that nobody measured", "Estimate", "Range", "Studies", "Bias", "Ranges that hold the truth")
SIZE = ("Places", "Draw", "Allocations (median)", "Studies", "Nothing there, and p at most 0.05")


def people(rng: np.random.Generator, trait: float) -> tuple[pd.DataFrame, float]:
    """Return one study of people and its true effect of being drawn."""
    seen, unseen = rng.normal(size=PEOPLE), rng.normal(size=PEOPLE)
    earlier = 0.5 * seen + trait * unseen + rng.normal(scale=0.7, size=PEOPLE)
    block = np.where(earlier > 0, "high", "low")
    arm = lot.draw([str(k) for k in range(PEOPLE)], list(block), share=0.5, seed=str(rng.integers(2**62))).treat
    lean = 0.5 * seen + trait * unseen
    rank = rng.normal(size=PEOPLE)
    came = {z: (lean + rank > cut).astype(int) for z, cut in ((0, 1.8), (1, 0.6))}
    took = np.where(arm == 1, came[1], came[0])
    y = 3 + 0.5 * seen + trait * unseen + EFFECT * took + rng.normal(scale=0.7, size=PEOPLE)
    frame = pd.DataFrame({"y": y, "arm": arm, "took": took, "block": block, "earlier": earlier, "seen": seen})
    return frame, EFFECT * float((came[1] - came[0]).mean())


def ranges(frame: pd.DataFrame, seed: int) -> Iterator[tuple[str, str, float, float, float]]:
    """Yield each estimate of a study: what of, which range, value and ends."""
    roles = {"outcome": "y", "arm": "arm", "block": "block"}
    plain = lot.difference_in_means(frame, **roles)
    yield "being drawn", "within blocks", plain.value, plain.low, plain.high
    adjusted = lot.adjusted_difference(frame, covariates=["earlier"], **roles)
    yield "being drawn", "adjusted for the earlier answer", adjusted.value, adjusted.low, adjusted.high
    units = frame.assign(n=1.0)
    found = lot.allocations(list(frame["block"]), frame["arm"], seed=seed, draws=2000)
    exact = lot.exact_test(units, found, treat="arm", total="y", people="n", block="block")
    yield "being drawn", "by 2,000 of the lot's allocations", exact.value, exact.low, exact.high
    took = lot.compliance(frame, took_part="took", **roles)
    if isinstance(took.effect, Estimate):
        yield "taking part", "Wald ratio, delta method", took.effect.value, took.effect.low, took.effect.high
        yield "taking part", "Anderson-Rubin set", took.effect.value, took.plausible.low, took.plausible.high
    x = np.column_stack([np.ones(len(frame)), frame["took"], frame["seen"]]).astype(float)
    fit = inference.regress(x, frame["y"].to_numpy(), ["one", "took", "seen"])
    alike = inference.heteroskedastic(fit, kind="HC2").estimate("took")
    yield "taking part", "not by lot: adjusted for what was seen", alike.value, alike.low, alike.high


def coverage(studies: int) -> list[tuple[str, ...]]:
    """Return the rows of the first table."""
    out = []
    for words, trait in (("none", 0.0), ("twice as strong as what was seen", 1.0)):
        rng, kept = np.random.default_rng([SEED, int(10 * trait)]), dict[tuple[str, str], list[tuple[float, bool]]]()
        for k in range(studies):
            frame, drawn = people(rng, trait)
            for what, how, value, low, high in ranges(frame, k):
                truth = drawn if what == "being drawn" else EFFECT
                kept.setdefault((what, how), []).append((value - truth, low <= truth <= high))
        for (what, how), seen in kept.items():
            bias, held = np.mean([b for b, _ in seen]), np.mean([h for _, h in seen])
            out.append((words, what, how, f"{len(seen):,}", f"{bias:+.3f}", f"{100 * held:.1f} %"))
    return out


def sizes(studies: int) -> list[tuple[str, ...]]:
    """Return the rows of the second table."""
    out = []
    for places in (8, 10, 12):
        for words, most in (("any", None), ("within 0.5 SD of the earlier answer", 0.5)):
            rng, rejected, listed = np.random.default_rng([SEED, places, int(most is not None)]), 0, []
            for _ in range(studies):
                p, n = _one_place_study(rng, places, most)
                rejected += p <= 0.05
                listed.append(n)
            found = f"{100 * rejected / studies:.1f} %"
            out.append((str(places), words, f"{np.median(listed):,.0f}", f"{studies:,}", found))
    return out


def _one_place_study(rng: np.random.Generator, places: int, most: float | None) -> tuple[float, int]:
    earlier, blocks = rng.normal(scale=0.3, size=(places, 1)), ["all"] * places
    rule = None if most is None else lot.Restriction(earlier, most)
    names, seed = [str(k) for k in range(places)], str(rng.integers(2**62))
    try:
        made = lot.draw(names, blocks, share=0.5, seed=seed, restriction=rule).treat
    except errors.DataError:
        return 1.0, 0
    n = rng.integers(15, 60, places)
    total = n * (3 + earlier[:, 0] + rng.normal(scale=0.2, size=places)) + rng.normal(scale=np.sqrt(n))
    units = pd.DataFrame({"arm": made, "total": total, "n": n, "block": blocks})
    found = lot.allocations(blocks, made, restriction=rule)
    return lot.exact_test(units, found, treat="arm", total="total", people="n", block="block").p, len(found.treat)


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    studies = parser.parse_args().studies
    tables.write("methods/lots.md", "coverage", tables.markdown(HEADER, coverage(studies)))
    tables.write("methods/lots.md", "size", tables.markdown(SIZE, sizes(studies)))


if __name__ == "__main__":
    main()
