"""Ten million stop and search records in the public layout, summarised: seconds of CPU and peak memory."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import tables
from evaluation.intake import stop_search_records
from evaluation.synthetic import stops as made_up

RECORDS, MONTHS, SEED = 10_000_000, 100, 8
BAR_SECONDS, BAR_BYTES = 30.0, 4 * 2**30


def measure(folder: Path) -> None:
    """Summarise the folder in this process; print seconds of CPU, wall seconds, peak bytes and records counted."""
    wall, cpu = time.perf_counter(), time.process_time()
    frame, faults = stop_search_records.summarise(stop_search_records.files_of(folder))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert not faults, faults
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(cpu, wall, peak, int(frame["searches"].sum()), len(frame), int(frame["repeats"].sum()))


def main() -> None:
    """Write the records, summarise them in a process of their own, and put the row into the methods page."""
    with tempfile.TemporaryDirectory() as name:
        made_up.write(Path(name), RECORDS, MONTHS, seed=SEED)
        size = sum(f.stat().st_size for f in stop_search_records.files_of(Path(name)))
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.stops", name], capture_output=True, text=True, check=True
        )
    cpu, wall, peak, searches, cells, repeats = (float(x) for x in run.stdout.split())
    assert searches == RECORDS // MONTHS * MONTHS
    row = [
        f"{searches:,.0f}",
        f"{size / 2**30:.1f} GiB",
        f"{cells:,.0f}",
        f"{repeats:,.0f}",
        f"{cpu:.1f}",
        f"{wall:.1f}",
        f"{peak / 2**30:.2f} GiB",
        "yes" if cpu < BAR_SECONDS and peak < BAR_BYTES else "no",
    ]
    head = [
        "Records",
        "csv",
        "Cells",
        "Repeats found",
        "CPU seconds",
        "Seconds",
        "Peak memory",
        "Under 30 s of CPU and 4 GiB",
    ]
    tables.write("methods/disparity.md", "stops", tables.markdown(head, [row]))
    print(dict(zip(head, row, strict=True)))


if __name__ == "__main__":
    measure(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
