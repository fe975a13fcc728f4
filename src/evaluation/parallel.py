"""The one door to many cores: the same numbers for any number of workers, here or on a cluster.

`run` is the only importer of joblib and of distributed. Each task receives its own child of the seed, made from the
task's position, so results do not depend on how tasks are shared out.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from evaluation.errors import StudyError

CLUSTER, WORKERS = "EVALUATION_CLUSTER", "EVALUATION_WORKERS"
Task = TypeVar("Task")
Made = TypeVar("Made")


def workers() -> int:
    """Return how many worker processes to use here: `$EVALUATION_WORKERS` (set by a run from its cores), else 1.

    Returns
    -------
    int
        1 or more.

    Raises
    ------
    StudyError
        The variable is not a whole number.
    """
    asked = os.environ.get(WORKERS, "1")
    if not asked.strip().isdigit():
        raise StudyError(f"${WORKERS} is {asked!r}", todo="Set it to a number of processes, or not at all.")
    return max(1, int(asked))


def run(function: Callable[[Task, np.random.Generator], Made], tasks: Sequence[Task], seed: int) -> list[Made]:
    """Return `[function(task, rng) for task in tasks]`, one child generator per task, in order.

    The tasks run on the Dask cluster that `$EVALUATION_CLUSTER` names (`evaluation run --cluster ADDRESS`), else in
    `workers()` processes. A cluster gives the tasks of a worker that dies to another one.

    Parameters
    ----------
    function : callable
        Takes one task and a `numpy.random.Generator`; must be importable (no closure) when run on many cores.
    tasks : sequence
        One entry per task.
    seed : int
        Task i uses `np.random.default_rng(SeedSequence(seed).spawn(len(tasks))[i])`.

    Returns
    -------
    list
        What the function returned for each task: the same for any number of workers.

    Raises
    ------
    StudyError
        The cluster cannot be reached, or the package for it is not installed; a seed that is not a number.
    """
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise StudyError(f"the seed {seed!r} is not a whole number of 0 or more", todo="Give one: draws must repeat.")
    tasks = list(tasks)
    seeds = np.random.SeedSequence(int(seed)).spawn(len(tasks))
    if tasks and os.environ.get(CLUSTER):
        return _on_cluster(os.environ[CLUSTER], function, tasks, seeds)
    jobs = min(workers(), len(tasks))
    if jobs <= 1:
        return [_one(function, task, child) for task, child in zip(tasks, seeds, strict=True)]
    from joblib import Parallel, delayed

    calls = (delayed(_one)(function, task, child) for task, child in zip(tasks, seeds, strict=True))
    return list(Parallel(n_jobs=jobs)(calls))


def require_cluster(address: str) -> None:
    """Refuse a cluster that cannot be used.

    Parameters
    ----------
    address : str
        Address of a Dask scheduler, such as "tcp://host:8786".

    Raises
    ------
    StudyError
        No scheduler answers at the address, or distributed is not installed.
    """
    with _client(address):
        return


def _on_cluster(
    address: str,
    function: Callable[[Task, np.random.Generator], Made],
    tasks: Sequence[Task],
    seeds: Sequence[np.random.SeedSequence],
) -> list[Made]:
    with _client(address) as client:
        futures = [
            client.submit(_one, function, task, child, pure=False) for task, child in zip(tasks, seeds, strict=True)
        ]
        return list(client.gather(futures))


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        import distributed
    except ImportError:
        raise StudyError(
            "a cluster needs the package distributed", todo="Install it: pip install distributed."
        ) from None
    connect: Any = distributed.Client  # the package has no types
    try:
        client = connect(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError):
        raise StudyError(f"no Dask scheduler answers at {address!r}", todo="Start it: dask scheduler.") from None
    try:
        yield client
    finally:
        client.close()


def _one(function: Callable[[Task, np.random.Generator], Made], task: Task, child: np.random.SeedSequence) -> Made:
    return function(task, np.random.default_rng(child))
