"""What the fork server imports once, so that each worker has it already: the stack, and what notebooks import of ours.

Importing this module is what it is for; nothing is taken from it.
"""

import contextlib
import gc
import importlib
import pkgutil
from pathlib import Path

MODULES = (
    "IPython.core.completerlib",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "pandas",
    "papermill",  # imports our engine
    "pyarrow.dataset",
    "pyarrow.parquet",
    "scipy.optimize",
    "scipy.stats",
    "seaborn",
    "statsmodels.api",
    "linearmodels.panel",
    "pingouin",
    "evaluation.disclosure",
    "evaluation.intake.waves",
    "evaluation.report.html",
)
PACKAGE = Path(__file__).parents[1]

gc.disable()
for name in (*MODULES, *(m.name for m in pkgutil.walk_packages([str(PACKAGE / "analysis")], "evaluation.analysis."))):
    # A module that cannot be imported fails in the notebook that needs it, where the cell is named.
    with contextlib.suppress(Exception):
        importlib.import_module(name)
gc.freeze()  # workers are spared from tracing what they share
gc.set_threshold(20_000, 20, 50)  # and look for waste less often: frames and fits leave little
gc.enable()
