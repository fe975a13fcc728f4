"""Several studies from one command, side by side: each in a process of its own, with its own report."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.run import scheduling


@dataclass(frozen=True, slots=True)
class Ended:
    """How the run of one study ended: its exit status, the outcome it told, and what it refused with."""

    study: Path
    exit_status: int
    outcome: dict[str, Any]
    refusal: str

    def line(self) -> str:
        """Return one line for a person."""
        if self.exit_status:
            return f"{self.study}: failed ({self.exit_status}). {self.refusal}"
        return f"{self.study}: {self.outcome['status']}. {self.outcome['headline']} Report: {self.outcome['page']}"


def run(studies: Sequence[Path], arguments: Sequence[str], say: Callable[[str], None]) -> list[Ended]:
    """Run each study with the same words, as many at once as there are cores; one that fails stops no other.

    Parameters
    ----------
    studies : sequence of Path
        Each a `study.toml`.
    arguments : sequence of str
        What follows `evaluation run` for each, apart from `--study`, `--json` and `--quiet`.
    say : callable
        Told a line as each ends.
    """

    def one(study: Path) -> Ended:
        ended = _run_one(study, arguments)
        say(ended.line())
        return ended

    with ThreadPoolExecutor(max(1, min(scheduling.cores(), len(studies)))) as pool:
        return list(pool.map(one, studies))


def _run_one(study: Path, arguments: Sequence[str]) -> Ended:
    command = [sys.executable, "-m", "evaluation.cli", "run", "--study", str(study), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    outcome = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 and done.stdout.strip() else {}
    return Ended(study, done.returncode, outcome, done.stderr.strip())


def worst(ended: Sequence[Ended]) -> int:
    """Return the worst exit status: a signal counts as 1, and 2 (wrong words or inputs) is worse than 1."""
    return max((e.exit_status if e.exit_status >= 0 else 1 for e in ended), default=0)
