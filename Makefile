# Sets up .venv where needed, and runs the workflow or its tests. `make help` lists the targets.

# Cores for the workflow, processes for the tests, port of the MLflow page, kills of a run by the tests of
# faults, further snakemake arguments, the page to print.
CORES ?= 4
JOBS ?= 2
PORT ?= 5001
KILLS ?= 5
ARGS ?=
PAGE ?= results/preview/write_up.html
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
# The interpreter that makes .venv: the first of these that is recent enough, unless PYTHON= names one.
CANDIDATES = $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet
FAULTS := tests/workflow/faults tests/workflow/test_interrupted_runs.py tests/tracking/test_delivery.py \
	tests/archive/test_hostile.py tests/training/test_resume.py tests/text/test_corpus.py tests/test_preflight.py
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: run test test-slow test-faults lint types format ui site pdf env env-dev lock clean-env clean-caches help make-venv

run: $(VENV)/run.stamp ## Build config.yaml's experiment (default); CORES=4, ARGS="results/... --config experiment=paper"
	$(BIN)/python -m snakemake --cores $(CORES) $(ARGS)

test: lint types ## Lint, check formats and types, run the tests; JOBS=2
	$(PYTEST) -m "not slow" -n $(JOBS)

test-slow: $(VENV)/dev.stamp ## Run the tests that take minutes
	$(PYTEST) -m slow

test-faults: $(VENV)/dev.stamp ## Cause faults: damage, kills, full disks, hostile files; KILLS=100 for more kills
	KILLS=$(KILLS) $(PYTEST) -m "" -n $(JOBS) $(FAULTS)

lint: $(VENV)/dev.stamp ## Check style and formats; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/python -m snakemake --lint

types: $(VENV)/dev.stamp ## Check types
	$(BIN)/mypy

format: $(VENV)/dev.stamp ## Put Python files and rules into the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/Snakefile workflow/rules

ui: $(VENV)/run.stamp ## Open the MLflow store (or MLFLOW_TRACKING_URI) as a local page; PORT=5001
	$(BIN)/orderparam ui --port $(PORT)

site: $(VENV)/run.stamp ## Write the pages of claims, known systems and recorded experiments with an index, results/site/; CORES=4
	$(BIN)/python -m snakemake --cores $(CORES) results/site/index.html

pdf: ## Print a page to PDF beside it, by Chromium; PAGE=results/preview/write_up.html
	@test -n "$(CHROMIUM)" || { echo "make pdf needs Chromium or Chrome: apt install chromium" >&2; exit 1; }
	$(CHROMIUM) --headless --no-sandbox --no-pdf-header-footer --print-to-pdf=$(PAGE:.html=.pdf) file://$(abspath $(PAGE))

env: $(VENV)/run.stamp ## Only set up .venv; PYTHON=python3.12 chooses the interpreter

env-dev: $(VENV)/dev.stamp ## Only set up .venv, with the tools for tests

lock: $(VENV)/dev.stamp ## Renew envs/requirements*.txt from pyproject.toml
	$(COMPILE) pyproject.toml --output-file envs/requirements.txt
	$(COMPILE) --group dev --constraint envs/requirements.txt --output-file envs/requirements-dev.txt

clean-env: ## Delete .venv
	rm -rf $(VENV)

clean-caches: ## Delete the caches of tests, linters and type checks
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' Makefile
	@echo "Targets of the workflow, for ARGS=: .venv/bin/snakemake --list"
	@echo "On Linux, without a GPU: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make"
	@echo "leaves out the CUDA libraries."

# A .venv whose interpreter is gone, after a system's upgrade, is made anew.
MISSING := $(shell test -x $(BIN)/python || echo make-venv)

# The second command adds torch, and the library itself. A stamp is written last, so that an interrupted
# installation is taken up again.
$(VENV)/run.stamp: envs/requirements.txt pyproject.toml $(MISSING)
	$(INSTALL) --require-hashes --requirement envs/requirements.txt
	$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: envs/requirements-dev.txt $(VENV)/run.stamp
	$(INSTALL) --require-hashes --requirement envs/requirements-dev.txt
	@touch $@

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
