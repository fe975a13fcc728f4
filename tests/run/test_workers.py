"""Workers: each with its own environment, gone afterwards; notebooks run in them as papermill's own engine runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import run_study
from run_study import notebook, short_name_of

from evaluation.errors import InputError, RunFailed, StudyError
from evaluation.run import folders, notebooks, workers

forked = pytest.mark.skipif(not workers.available(), reason="workers are forked on Linux only")
HERE = {"EVALUATION_PLAIN_ENGINE": "1"}


def surroundings(tell, names):
    tell("begun")
    return [os.environ.get(n) for n in names], sys.flags.hash_randomization, os.getcwd(), os.getpid(), set(sys.modules)


def refuses(_, what):
    raise InputError(what, where="a file", todo="Mend it.", faults=["one", "two"])


def breaks(_, secret):
    raise ValueError(secret)


def dies(tell):
    tell("so far")
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps(tell, mark=""):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    tell(child.pid)
    if mark:
        Path(mark).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(3600)


def call(function, *arguments, env=None, folder=Path(), seconds=600):
    return workers.call(function, *arguments, env=env or {}, folder=folder, seconds=seconds)


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def until(done):
    while not done():
        time.sleep(0.02)


# ---- work -------------------------------------------------------------------------------------------------------


@forked
def test_a_worker_has_a_pinned_environment_the_stack_and_nothing_of_another(tmp_path):
    found = [call(surroundings, ("TZ", "WHICH"), env={"WHICH": str(n)}, folder=tmp_path) for n in range(3)]
    assert [f[0] for f in found] == [["UTC", str(n)] for n in range(3)]
    assert {f[1] for f in found} == {0}, "the hash seed is fixed"
    assert {f[2] for f in found} == {str(tmp_path)}
    assert len({f[3] for f in found}) == 3
    assert {"seaborn", "statsmodels.api", "evaluation.run.engine"} <= found[0][4]
    assert all(gone(f[3]) for f in found)
    assert "WHICH" not in os.environ


def test_without_workers_the_work_is_done_here_in_the_same_surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_PLAIN_ENGINE", "1")
    (values, _, folder, pid, _), before = (
        call(surroundings, ("TZ", "WHICH"), env={"WHICH": "x"}, folder=tmp_path),
        Path.cwd(),
    )
    assert (values, folder, pid) == (["UTC", "x"], str(tmp_path), os.getpid())
    assert (Path.cwd(), os.environ.get("WHICH")) == (before, None)


@pytest.mark.parametrize("env", [pytest.param({}, marks=forked), HERE], ids=["worker", "here"])
def test_a_refusal_keeps_its_kind_its_words_and_its_faults(env, monkeypatch):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r"^it is wrong \(a file\)\. Mend it\.$") as refused:
        call(refuses, "it is wrong")
    assert refused.value.faults == ("one", "two")
    assert refused.value.exit_status == 2


@forked
def test_an_error_nobody_foresaw_is_named_by_kind_and_place_only(capfd):
    with pytest.raises(RunFailed, match=r"an unexpected ValueError in workers.py, line \d+") as failed:
        call(breaks, "Marjorie Ficklewhistle")
    assert "Marjorie" not in str(failed.value) + "".join(capfd.readouterr())


@forked
def test_a_worker_that_dies_is_noticed_with_what_it_told_last():
    with pytest.raises(workers.Gone, match=r"ended \(killed, or out of memory\)") as failed:
        call(dies)
    assert (failed.value.last, failed.value.too_long) == ("so far", False)


@forked
def test_a_worker_that_tells_nothing_for_too_long_is_ended_with_what_it_started():
    with pytest.raises(workers.Gone, match="told nothing for 1 seconds") as failed:
        call(sleeps, seconds=1)
    assert failed.value.too_long
    until(lambda: gone(failed.value.last))


PATHS = os.pathsep.join((str(Path(__file__).parent), str(Path(run_study.__file__).parent)))
OWNER = """
import os, sys
sys.path[:0] = sys.argv[1].split(os.pathsep)
from pathlib import Path
from test_workers import sleeps
from evaluation.run import workers
if __name__ == "__main__":
    workers.call(sleeps, sys.argv[2], env={}, folder=Path(sys.argv[3]), seconds=3600)
"""


@forked
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "<&- >&- 2>&-"])
def test_workers_end_with_the_process_that_asked_however_it_was_started(tmp_path, number, closed):
    mark, scratch = tmp_path / "mark", short_name_of(tmp_path / "t")
    line = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", OWNER, PATHS, str(mark), str(tmp_path)]
    owner = subprocess.Popen(line, env={**os.environ, "TMPDIR": str(scratch)}, stderr=subprocess.DEVNULL)
    until(lambda: (mark.exists() and mark.read_text()) or owner.poll() is not None)
    assert owner.poll() is None
    pids = [int(p) for p in mark.read_text().split()]
    owner.send_signal(number)
    owner.wait()
    until(lambda: all(gone(p) for p in pids))
    folders.clear_abandoned(scratch, folders.SCRATCH)
    assert list(scratch.iterdir()) == []


@forked
def test_a_temporary_folder_with_a_long_name_is_refused_in_words(tmp_path):
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    code = "from test_workers import *\nif __name__ == '__main__': call(surroundings, ())"
    code = "import os, sys; sys.path[:0] = sys.argv[1].split(os.pathsep)\n" + code
    env = {**os.environ, "TMPDIR": str(deep)}
    done = subprocess.run([sys.executable, "-c", code, PATHS], env=env, capture_output=True, text=True, check=False)
    assert "RunFailed: the name of the folder for temporary files is too long" in done.stderr
    assert list(deep.iterdir()) == []


# ---- notebooks --------------------------------------------------------------------------------------------------


def execute(folder, source, env=None, seconds=60, name="00_x"):
    path, out = notebook(folder / f"{name}.ipynb", *source), folder / f"{name}.out.ipynb"
    work = (notebooks.execute, path, out, {"wave": "W1"}, seconds)
    done = call(*work, env=env, folder=folder)
    return done, nbformat.read(out, as_version=4)


SHOWS = (
    "import sys, warnings\nprint(wave, end='')\nprint(' one')\nprint('two')\n7 * 6",
    "print('oops', file=sys.stderr)\nwarnings.warn_explicit('odd', UserWarning, 'file', 1)",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2], [2, 1])\nplt.show()\nprint('after')\nfig = plt.gcf();",
    "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "from IPython.display import HTML, Markdown, clear_output, display, update_display\n"
    "display(HTML('<b>x</b>'), Markdown('*y*'), metadata={'evaluation': {'exhibit': 'e'}})\n"
    "handle = display('first', display_id='d')\nupdate_display('second', display_id='d')",
    "print('hidden')\nclear_output()\nprint('shown')\nNone",
    "import asyncio\nawait asyncio.sleep(0)\n_",
    "x = !echo piped\nx",
    "   ",
    "%%capture said\nprint('caught')",
    "said.stdout",
)


@forked
def test_the_engine_leaves_what_papermills_own_engine_leaves(tmp_path, monkeypatch):
    def plain(made):
        return [
            (c.cell_type, c.source, c.get("execution_count"), nbclient_merged(c.get("outputs", []))) for c in made.cells
        ]

    done, ours = execute(tmp_path, SHOWS)
    monkeypatch.setenv("EVALUATION_PLAIN_ENGINE", "1")
    papermills, theirs = execute(tmp_path, SHOWS, name="01_x")
    assert plain(ours) == plain(theirs)
    assert ours.metadata.language_info == theirs.metadata.language_info
    assert sum("image/png" in o.get("data", {}) for c in ours.cells for o in c.get("outputs", [])) == 1
    assert done.cells == papermills.cells == len(SHOWS) + 2
    assert done.peak > 50e6
    assert papermills.peak is None
    assert {json.dumps(c.metadata.papermill.status) for c in ours.cells} == {'"completed"'}


def nbclient_merged(outputs):
    """Return outputs with texts of one stream that follow each other joined: a kernel sends them as time goes by."""
    out = []
    for one in outputs:
        if out and one.output_type == "stream" and out[-1].get("name") == one.name:
            out[-1]["text"] += one.text
        else:
            out.append(dict(one))
    return out


FAILS = {
    "raises": ("raise KeyError('x')", "00_x stopped at code cell 3: KeyError"),
    "is no Python": ("1 +", "00_x stopped at code cell 3: SyntaxError"),
    "leaves": ("raise SystemExit(3)", "00_x stopped at code cell 3: SystemExit"),
    "misspells a magic": ("%matplotlob", "00_x stopped at code cell 3: "),
    "interrupts itself": ("raise KeyboardInterrupt", "00_x stopped at code cell 3: KeyboardInterrupt"),
    "asks a question": ("input('?')", "00_x stopped at code cell 3: "),
}


@forked
@pytest.mark.parametrize("how", FAILS)
def test_a_notebook_stops_at_the_cell_that_fails(tmp_path, how):
    cell, said = FAILS[how]
    with pytest.raises(RunFailed) as failed:
        execute(tmp_path, (cell, "open('later', 'w')"))
    assert said in str(failed.value)
    assert not (tmp_path / "later").exists()
    left = nbformat.read(tmp_path / "00_x.out.ipynb", as_version=4)
    assert [c.source for c in left.cells if "failed-here" in c.metadata.get("tags", [])] == [cell]
    assert not any(c.get("outputs") for c in left.cells)


@forked
def test_a_cell_that_may_fail_does_not_stop_the_notebook(tmp_path, monkeypatch):
    path = notebook(tmp_path / "00_x.ipynb", "1 / 0", "print('later')")
    made = nbformat.read(path, as_version=4)
    made.cells[2].metadata["tags"] = ["raises-exception"]
    from papermill.exceptions import PapermillExecutionError

    for engine in ({}, HERE):
        for name, value in engine.items():
            monkeypatch.setenv(name, value)
        with pytest.raises((RunFailed, PapermillExecutionError)):  # papermill counts it as a failure at the end
            call(through, made, folder=tmp_path)
        assert (tmp_path / "cells").read_text() == "4"


def through(_, made):
    count = []
    try:
        notebooks._through_papermill(made, {"wave": "W1"}, lambda **_: count.append(1), 60)
    finally:
        Path("cells").write_text(str(len(count)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1 / 0", "cell 3: ZeroDivisionError"),
        ("import time; time.sleep(60)", "cell 3: it ran longer than 2 seconds"),
        ("import os; os._exit(9)", "cell 3: its process died"),
    ],
)
def test_papermills_own_engine_names_the_cell_too(tmp_path, monkeypatch, cell, said):
    monkeypatch.setenv("EVALUATION_PLAIN_ENGINE", "1")
    with pytest.raises(RunFailed, match=said):
        execute(tmp_path, (cell,), seconds=2)
    assert (tmp_path / "00_x.out.ipynb").is_file()


def test_help_answers_at_once_and_nothing_heavy_is_imported():
    done = subprocess.run(
        [sys.executable, "-m", "evaluation.cli", "--help"], capture_output=True, text=True, check=True
    )
    assert "verify" in done.stdout
    heavy = "('numpy', 'pandas', 'nbformat', 'pydantic', 'multiprocessing')"
    probe = f"import sys, evaluation.cli; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_command_itself_imports_neither_the_stack_nor_papermill():
    heavy = "('pandas', 'matplotlib', 'scipy', 'statsmodels', 'nbformat', 'papermill', 'IPython')"
    used = "from evaluation.intake import stages; from evaluation.run import pipeline, publish"
    probe = f"import sys; {used}; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_parameters_of_a_notebook_are_checked(tmp_path):
    path = notebook(tmp_path / "00_x.ipynb", "print(1)")
    made = nbformat.read(path, as_version=4)
    with pytest.raises(StudyError, match="nearest: 'wave'"):
        notebooks.check_parameters(made, {"wav": "x"}, name="00_x")
    with pytest.raises(StudyError, match="is str, not int"):
        notebooks.check_parameters(made, {"wave": 3}, name="00_x")
