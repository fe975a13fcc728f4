"""What the study costs, how often it is right, and what its pages say of it: run as `python -m benchmarks.<name>`."""

import sys
from pathlib import Path

# The helpers of the tests write the layouts and the studies that are measured.
sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests" / folder) for folder in ("helpers", "intake")]
