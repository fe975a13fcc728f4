# make report   the study, end to end, into reports/<date>_<wave>/
# make test     the tests
# Each sets up all it needs in .venv, from the exact versions and hashes of requirements.lock; nothing global.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORDS ?=

.PHONY: report test test-slow lab synthetic lock clean

report: $(VENV)/.ready
	@$(BIN)/evaluation run $(WORDS)

test: $(VENV)/.ready
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow" $(WORDS)

test-slow: $(VENV)/.ready
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -m slow $(WORDS)

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
