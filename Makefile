# make report   the study, end to end, into reports/<date>_<wave>/
# make test     the tests
# make lint     style, types and docstrings
# Each sets up all it needs in .venv, from the exact versions and hashes of requirements.lock; nothing global.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORDS ?=

.PHONY: report test test-slow lint format lab synthetic lock clean

report: $(VENV)/.ready
	@$(BIN)/evaluation run $(WORDS)

test: $(VENV)/.ready
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow" -n auto --dist worksteal --durations=10 $(WORDS)

test-slow: $(VENV)/.ready
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -m slow $(WORDS)

# The rooms whose public functions other people call: their docstrings and types are checked.
LIBRARY := $(addprefix src/evaluation/,statistics programme disclosure plan results.py verdict.py exhibit.py \
  table_builder.py errors.py parallel.py)

lint: $(VENV)/.ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Format with: make format" >&2; exit 1; }
	@$(BIN)/python .hooks/strip_notebooks.py --check || { echo "Strip with: make format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/numpydoc lint $$(find $(LIBRARY) -name '*.py')

format: $(VENV)/.ready
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/python .hooks/strip_notebooks.py || true

lab: $(VENV)/.ready
	@$(BIN)/jupyter lab notebooks

synthetic: $(VENV)/.ready
	@$(BIN)/evaluation synthesise --folder .

lock:
	uv pip compile pyproject.toml --group dev --group build --universal --python-version 3.11 --generate-hashes \
	  --no-strip-extras --no-emit-index-url --no-header --no-annotate -o requirements.lock

clean:
	rm -rf $(VENV)

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; name one: make report PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing; install it (Debian: apt-get install python3-venv)" >&2; exit 2; }
	@echo "Setting up .venv (once; some minutes) ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@if [ -d .git ] && [ -z "$$(git config --local core.hooksPath)" ]; then git config --local core.hooksPath .hooks; fi
	@touch $@
