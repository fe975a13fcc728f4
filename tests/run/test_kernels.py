"""Kernels from one warm process: started many at once over sockets, with their own environment, gone afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import run_study
from run_study import notebook

from evaluation.errors import RunFailed
from evaluation.run import kernels, notebooks, warm

linux = pytest.mark.skipif(not kernels.can_fork(), reason="kernels are forked on Linux only")


def output_of(notebook):
    return "".join(o["text"] for c in notebook.cells for o in c.get("outputs", []) if o["output_type"] == "stream")


def execute(folder, name, source, made, env=None):
    path = notebook(folder / f"{name}.ipynb", source)
    done = notebooks.execute(
        path, folder / f"{name}.out.ipynb", parameters={"wave": "W1"}, env=env or {}, kernels=made, seconds=60
    )
    return output_of(done.notebook), done


@linux
def test_kernels_started_side_by_side_do_not_mix_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = (
        "import os, sys\n"
        "print(os.environ['WHICH'], wave, os.environ['PYTHONHASHSEED'], os.environ['TZ'], os.getpid(), 'seaborn' in sys.modules)"
    )
    with kernels.Kernels({"WHICH": "run"}) as made, ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(execute, tmp_path, f"{n:02d}_x", source, made, {"WHICH": f"nb{n}"}) for n in range(6)]
        found = [job.result()[0].split() for job in jobs]
        peaks = [job.result()[1].peak for job in jobs]
        folder, server = made.folder, made.server
        assert not [p for p in Path.cwd().iterdir() if "ipc" in p.name], "no socket in the working folder"
    assert [f[0] for f in found] == [f"nb{n}" for n in range(6)]
    assert {tuple(f[1:4]) for f in found} == {("W1", "0", "UTC")}
    assert len({f[4] for f in found}) == 6, "each notebook has a process of its own"
    assert {f[5] for f in found} == {"True"}, "the stack was imported before the fork"
    assert all(p > 20e6 for p in peaks)
    assert not folder.exists()
    assert server.poll() is not None
    for one in found:
        with pytest.raises(ProcessLookupError):
            os.kill(int(one[4]), 0)


@linux
def test_the_record_of_what_was_read_and_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_raw").mkdir()
    (tmp_path / "data_raw" / "x.csv").write_text("a\n1\n")
    source = "import pandas as pd\nfrom evaluation.statistics import scales\nprint(len(pd.read_csv('data_raw/x.csv')))"
    record = tmp_path / "record"
    with kernels.Kernels({}) as made:
        said, _ = execute(tmp_path, "00_x", source, made, {warm.READS: str(record)})
    assert said == "1\n"
    lines = record.read_text().splitlines()
    assert "data_raw/x.csv" in lines
    assert "import evaluation.statistics.scales" in lines
    assert len(lines) == len(set(lines))


@linux
def test_ending_the_kernels_ends_a_notebook_that_still_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with kernels.Kernels({}) as made, ThreadPoolExecutor(1) as pool:
        source = "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)"
        job = pool.submit(execute, tmp_path, "00_x", source, made)
        while not (tmp_path / "begun").exists():
            time.sleep(0.05)
            assert not job.done(), job.result()
        made.stop()
        with pytest.raises(RunFailed, match="00_x stopped at code cell 3: its kernel died"):
            job.result(timeout=None)


HERE = (str(Path(__file__).parent), str(Path(run_study.__file__).parent))
SPLIT = """
import fcntl, json, os, sys, tempfile, threading
from pathlib import Path
from evaluation.run import kernels, warm
sys.path[:0] = sys.argv[1].split(os.pathsep)
from run_study import notebook
from test_kernels import execute
os.chdir(tempfile.mkdtemp())
lock = os.open(".", os.O_RDONLY)
fcntl.flock(lock, fcntl.LOCK_EX)
source = "import os, sys\\nprint(os.environ['WHICH'], 'debugpy.server' in sys.modules, os.environ['TZ'])"
with kernels.Kernels({"WHICH": "run"}) as made:
    if "beside" in sys.argv:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    made.split()
    forked = type(made.server).__name__
    said, done = execute(Path.cwd(), "00_x", source, made, {"WHICH": "own"})
    os.close(lock)
    again = os.open(".", os.O_RDONLY)
    fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where the warm process still holds it
    server = made.server
print(json.dumps([forked, said, server.poll(), done.peak > 20e6, made.folder.exists()]))
"""


def split(*words, before="", preexec_fn=None, **env):
    """Run SPLIT in a Python with the environment of kernels; return what it printed."""
    command = [sys.executable, "-c", SPLIT, os.pathsep.join(HERE), *words]
    command = ["sh", "-c", f'exec "$0" "$@" {before}', *command] if before else command
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **warm.PINNED, **env},
        preexec_fn=preexec_fn,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@linux
def test_the_warm_process_is_forked_from_a_command_with_the_environment_of_kernels():
    made = ["_Split", "own False UTC\n", 0, True, False]
    assert split() == made
    assert split(before="<&-") == made, "as some schedulers start a command"
    ignoring = split(preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert ignoring == made, "as one that does not ask how its children end"


@linux
def test_it_is_started_afresh_beside_a_thread_and_under_another_hash_seed():
    assert split("beside")[:2] == ["NoneType", "own False UTC\n"]
    assert split(PYTHONHASHSEED="7")[:2] == ["NoneType", "own False UTC\n"]


@linux
@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_what_was_closed_is_opened_on_nothing_before_a_run(tmp_path, closed):
    code = (
        "import os, sys\nfrom evaluation.run import warm\nwarm.pin()\n"
        f"open({str(tmp_path / 'said')!r}, 'w').write(f'{{warm.can_split()}} {{os.fstat(0) and os.fstat(1) and os.fstat(2) and 1}}')"
    )
    line = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", code]
    subprocess.run(line, check=True, timeout=None, env={**os.environ, **warm.PINNED})
    assert (tmp_path / "said").read_text() == "True 1"


@linux
@pytest.mark.parametrize("flags", [(), ("-E",)])
def test_a_command_starts_again_once_with_the_environment_of_kernels(flags):
    code = (
        "import os, sys\nfrom evaluation.run import warm\nwarm.pin()\nprint(warm.pinned(), os.getpid(), sys.argv[1:])"
    )
    other = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "3", "OMP_NUM_THREADS": "4"}
    done = subprocess.Popen(
        [sys.executable, *flags, "-c", code, "a", "b c"], stdout=subprocess.PIPE, text=True, env={**os.environ, **other}
    )
    said, _ = done.communicate(timeout=None)
    assert said == f"{not flags} {done.pid} ['a', 'b c']\n"


@linux
@pytest.mark.parametrize(
    "command", [[sys.executable, "-m", "evaluation.cli"], [Path(sys.executable).with_name("evaluation")]]
)
def test_the_command_keeps_its_words_and_its_exit_status_when_it_starts_again(tmp_path, command):
    words = ["run", "--study", tmp_path / "no such" / "study.toml", "--date", "2026-07-04"]
    env = {**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "3"}
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 2
    assert "no such" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_plain_kernels_show_the_same_figure_and_have_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = "import matplotlib.pyplot as plt, os\nprint(os.environ['WHICH'])\nplt.plot([1, 2], [2, 1])\nplt.show()"
    pictures = []
    for fork in (kernels.can_fork(), False):
        with kernels.Kernels({}, fork=fork) as made:
            said, done = execute(tmp_path, "00_x", source, made, {"WHICH": "mine"})
        outputs = [o for c in done.notebook.cells for o in c.get("outputs", []) if "data" in o]
        assert said == "mine\n"
        pictures.append([o["data"]["image/png"] for o in outputs if "image/png" in o["data"]])
    assert len(pictures[0]) == 1
    assert pictures[0] == pictures[1]


def test_help_answers_at_once_and_nothing_heavy_is_imported():
    began = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "evaluation.cli", "--help"], capture_output=True, text=True, check=True
    )
    ended = os.times()
    cpu = ended.children_user + ended.children_system - began.children_user - began.children_system
    assert "verify" in done.stdout
    assert cpu < 0.3, f"{cpu:.2f} CPU seconds"
    probe = "import sys, evaluation.cli; print([m for m in ('numpy', 'pandas', 'nbformat', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_grammar_library_is_never_imported():
    probe = "import sys, evaluation.run.notebooks, papermill, nbformat; print('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "False\n"


def test_parameters_of_a_notebook_are_checked(tmp_path):
    import nbformat

    from evaluation.errors import StudyError

    path = notebook(tmp_path / "00_x.ipynb", "print(1)")
    made = nbformat.read(path, as_version=4)
    with pytest.raises(StudyError, match="nearest: 'wave'"):
        notebooks.check_parameters(made, {"wav": "x"}, name="00_x")
    with pytest.raises(StudyError, match="is str, not int"):
        notebooks.check_parameters(made, {"wave": 3}, name="00_x")
