"""The one door to many cores: the same numbers for any number of workers.

`run` is the only importer of joblib. Each task receives its own child of the seed, made from the task's
position, so results do not depend on how tasks are shared out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def workers() -> int:
    """Return how many worker processes to use: `$EVALUATION_WORKERS`, else 1."""
    return max(1, int(os.environ.get("EVALUATION_WORKERS", "1")))


def run(function: Callable[..., Any], tasks: Sequence[Any], seed: int) -> list[Any]:
    """Return `[function(task, rng) for task in tasks]`, one child generator per task, in order.

    Parameters
    ----------
    function : callable
        Takes one task and a `numpy.random.Generator`; must be importable (no closure) when run on many cores.
    tasks : sequence
        One entry per task.
    seed : int
        Task i uses `np.random.default_rng(SeedSequence(seed).spawn(len(tasks))[i])`.
    """
    seeds = np.random.SeedSequence(seed).spawn(len(tasks))
    jobs = min(workers(), len(tasks))
    if jobs <= 1:
        return [_one(function, task, child) for task, child in zip(tasks, seeds, strict=True)]
    from joblib import Parallel, delayed

    calls = (delayed(_one)(function, task, child) for task, child in zip(tasks, seeds, strict=True))
    return list(Parallel(n_jobs=jobs)(calls))


def _one(function: Callable[..., Any], task: Any, child: np.random.SeedSequence) -> Any:
    return function(task, np.random.default_rng(child))
