# Sets up .venv where needed, and runs the workflow or its tests. `make help` lists the targets.

# Cores for the workflow, processes for the tests, port of the MLflow page, further snakemake arguments.
CORES ?= 4
JOBS ?= 2
PORT ?= 5001
ARGS ?=
# The interpreter that makes .venv: the first of these that is recent enough, unless PYTHON= names one.
CANDIDATES = $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

VENV := .venv
BIN := $(VENV)/bin/python
INSTALL := $(BIN) -m pip install --disable-pip-version-check --requirement
# A .venv whose interpreter is gone, after a system's upgrade, is made anew.
MISSING := $(shell test -x $(BIN) || echo make-venv)

.PHONY: run
run: $(VENV)/run.stamp ## Build config.yaml's experiment (default); CORES=4, ARGS="results/... --config experiment=paper"
	$(BIN) -m snakemake --cores $(CORES) $(ARGS)

.PHONY: test
test: lint types ## Lint, check formats and types, run the tests; JOBS=2
	OMP_NUM_THREADS=1 $(BIN) -m pytest -m "not slow" -n $(JOBS)

.PHONY: test-slow
test-slow: $(VENV)/dev.stamp ## Run the tests that take minutes
	OMP_NUM_THREADS=1 $(BIN) -m pytest -m slow

.PHONY: lint
lint: $(VENV)/dev.stamp ## Check style and formats; changes nothing
	$(BIN) -m ruff check .
	$(BIN) -m ruff format --check .
	$(BIN) -m snakefmt --check Snakefile workflow/rules
	$(BIN) -m snakemake --lint

.PHONY: types
types: $(VENV)/dev.stamp ## Check types
	$(BIN) -m mypy

.PHONY: format
format: $(VENV)/dev.stamp ## Put Python files and rules into the project's format
	$(BIN) -m ruff check --fix .
	$(BIN) -m ruff format .
	$(BIN) -m snakefmt Snakefile workflow/rules

.PHONY: ui
ui: $(VENV)/run.stamp ## Open the MLflow store (or MLFLOW_TRACKING_URI) as a local page; PORT=5001
	PYTHONPATH=workflow $(BIN) -m orderparam.tracking ui --port $(PORT)

.PHONY: env
env: $(VENV)/run.stamp ## Only set up .venv; PYTHON=python3.12 chooses the interpreter

.PHONY: env-dev
env-dev: $(VENV)/dev.stamp ## Only set up .venv, with the tools for tests

.PHONY: lock
lock: $(MISSING) ## Renew envs/requirements*.txt from envs/requirements*.in
	$(BIN) envs/lock.py

.PHONY: clean-env
clean-env: ## Delete .venv
	rm -rf $(VENV)

.PHONY: clean-caches
clean-caches: ## Delete the caches of tests, linters and type checks
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' Makefile
	@echo "On Linux, without a GPU: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make"
	@echo "leaves out the CUDA libraries."

# A stamp is written last, so that an interrupted installation is taken up again.
$(VENV)/run.stamp: envs/requirements.txt $(MISSING)
	$(INSTALL) envs/requirements.txt
	@touch $@

$(VENV)/dev.stamp: envs/requirements-dev.txt envs/requirements.txt $(MISSING)
	$(INSTALL) envs/requirements-dev.txt
	@touch $(VENV)/run.stamp $@

.PHONY: make-venv
make-venv:
	@for python in $(CANDIDATES); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Making $(VENV) with $$python"; \
	        "$$python" -m venv --clear $(VENV) && exit 0; \
	        rm -rf $(VENV); \
	        echo "$$python has no working venv module; on Debian or Ubuntu: apt install python3-venv" >&2; \
	        exit 1; \
	    fi; \
	done; \
	echo "Python 3.11 or newer is needed; found none among: $(CANDIDATES)" >&2; \
	echo "Name one: make PYTHON=/path/to/python3.12" >&2; \
	exit 1
