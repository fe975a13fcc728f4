"""`.ci/run`: it ends with pytest's own closing line, and fails when the tests or the run fail."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("git", "pdftotext", "chromium", "python3")
FAKE = """#!/bin/sh
echo "made $1" >>"$MADE"
case "$1" in
  test) echo "tests/test_x.py ...."; echo "4 passed, 1 skipped, 2 deselected in 1.50s" ;;
  report) echo "Report: reports/latest/index.html" ;;
esac
case " $FAILING " in *" $1 "*) echo "make: *** [$1] Error 1" >&2; exit 2 ;; esac
"""


def ci(tmp_path, failing=""):
    (tmp_path / "bin").mkdir()
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for name in TOOLS:
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "bin" / "make").write_text(FAKE)
    (tmp_path / "bin" / "make").chmod(0o755)
    (tmp_path / "tmp").mkdir()
    env = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "FAILING": failing,
        "MADE": str(tmp_path / "made"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    done = subprocess.run(["sh", tmp_path / ".ci" / "run"], env=env, capture_output=True, text=True, check=False)
    assert list((tmp_path / "tmp").iterdir()) == [], "a log was left behind"
    assert "No such file" not in done.stdout + done.stderr
    return done, (tmp_path / "made").read_text().splitlines()


def test_all_steps_run_and_the_last_line_is_pytests(tmp_path):
    done, made = ci(tmp_path)
    assert done.returncode == 0, done.stderr
    assert made == ["made test", "made lint", "made report"]
    assert done.stdout.splitlines()[-1] == "4 passed, 1 skipped, 2 deselected in 1.50s"


@pytest.mark.parametrize("step", ["test", "lint", "report"])
def test_a_step_that_fails_fails_the_whole_and_still_ends_with_the_closing_line(tmp_path, step):
    done, _ = ci(tmp_path, failing=step)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "4 passed, 1 skipped, 2 deselected in 1.50s"
    assert done.stderr.splitlines()[-1] == f"failed: {step}"


NEEDED = ("sh", "dirname", "mktemp", "rm", "tee", "cat", "grep", "tail", "echo", "env")
APT = """#!/bin/sh
echo "${0##*/} $*" >>"$MADE"
[ "$1 $2" != "pkgnames chromium-headless-shell" ] || echo "$SHELLS"
"""


@pytest.mark.parametrize(
    ("shells", "browser"), [("chromium-headless-shell", "chromium-headless-shell"), ("", "chromium")]
)
def test_a_bare_machine_gets_what_it_lacks_and_the_smaller_browser_where_there_is_one(tmp_path, shells, browser):
    (tmp_path / "bin").mkdir()
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for name in NEEDED:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    made = {"make": FAKE, "git": "#!/bin/sh\n", "python3": "#!/bin/sh\n", "apt-get": APT, "apt-cache": APT}
    for name, text in made.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    env = {
        "PATH": str(tmp_path / "bin"),
        "FAILING": "",
        "MADE": str(tmp_path / "made"),
        "TMPDIR": str(tmp_path),
        "SHELLS": shells,
    }
    done = subprocess.run(["sh", tmp_path / ".ci" / "run"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    installed = [line for line in (tmp_path / "made").read_text().splitlines() if "install" in line]
    assert installed == [f"apt-get install -q -y --no-install-recommends poppler-utils fonts-dejavu-core {browser}"]
