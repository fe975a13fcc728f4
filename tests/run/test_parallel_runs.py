"""The one door to many cores: the same numbers for any number of workers, here and on a cluster."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from evaluation import errors, parallel
from evaluation.run import scheduling


def draw(task, rng):
    """Return the mean of draws that depend on the task and its generator alone."""
    return task, float(rng.normal(size=100).mean())


TASKS = list(range(7))


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.delenv(parallel.CLUSTER, raising=False)
    monkeypatch.delenv(parallel.WORKERS, raising=False)


def test_each_task_has_its_own_child_of_the_seed():
    children = np.random.SeedSequence(5).spawn(len(TASKS))
    expected = [draw(t, np.random.default_rng(c)) for t, c in zip(TASKS, children, strict=True)]
    assert parallel.run(draw, TASKS, 5) == expected
    assert parallel.run(draw, TASKS, 6) != expected
    assert parallel.run(draw, [], 5) == []


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["2", "3"])
def test_more_workers_give_the_same_numbers(monkeypatch, workers):
    alone = parallel.run(draw, TASKS, 5)
    monkeypatch.setenv(parallel.WORKERS, workers)
    assert parallel.run(draw, TASKS, 5) == alone


def test_a_cluster_that_cannot_be_reached_is_said(monkeypatch):
    monkeypatch.setenv(parallel.CLUSTER, "tcp://127.0.0.1:9")
    with pytest.raises(errors.StudyError, match=r"distributed|no Dask scheduler") as refused:
        parallel.run(draw, TASKS, 5)
    assert refused.value.todo


def test_the_package_for_clusters_is_asked_for_only_then(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(errors.StudyError, match="needs the package distributed"):
        parallel.require_cluster("tcp://127.0.0.1:9")
    assert len(parallel.run(draw, TASKS, 5)) == len(TASKS)


def test_a_run_never_uses_more_than_the_cores_there_are():
    assert scheduling.cores() == len(os.sched_getaffinity(0))


def killed_once(task, rng):
    """Kill the worker that comes to the third task first; note who did which task."""
    folder, number = task
    with (Path(folder) / f"{number}").open("a") as out:
        out.write(f"{os.getpid()}\n")
    flag = Path(folder) / "killed"
    if number == 3 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number, float(rng.normal(size=100).mean())


@pytest.fixture
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, protocol="tcp", silence_logs=50
    ) as made:
        yield made


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_of_two_gives_the_same_numbers(cluster, monkeypatch):
    alone = parallel.run(draw, TASKS, 5)
    monkeypatch.setenv(parallel.CLUSTER, cluster.scheduler_address)
    assert parallel.run(draw, TASKS, 5) == alone
    assert parallel.run(draw, list(range(40)), 7) != alone


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_worker_killed_midway_costs_only_its_own_work(cluster, monkeypatch, tmp_path):
    tasks = [(str(tmp_path), n) for n in range(12)]
    monkeypatch.setenv(parallel.CLUSTER, cluster.scheduler_address)
    found = parallel.run(killed_once, tasks, 5)
    (tmp_path / "killed").touch()
    monkeypatch.delenv(parallel.CLUSTER)
    done = {n: (tmp_path / str(n)).read_text().split() for n in range(12)}
    assert found == parallel.run(killed_once, tasks, 5)
    dead = done[3][0]
    assert len(done[3]) >= 2, "the task was given to another worker"
    assert done[3][-1] != dead
    for number, pids in done.items():
        assert len(pids) == 1 or pids[0] == dead, f"task {number} was repeated although its worker lived"
