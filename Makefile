# make demo: the main job on synthetic faces. make stand: the interactive stand. make test: what is checked before a change lands.
# Each sets up what it needs: TORCH_INDEX=ADDRESS takes torch from another index, such as that of its builds for CPUs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(shell cat requirements.lock requirements-dev.lock pyproject.toml scripts/setup.sh | sha256sum | cut -c1-16)
READY := $(VENV)/.ready-$(STAMP)
READY_DEV := $(VENV)/.ready-dev-$(STAMP)
PYTEST := $(BIN)/python -m pytest --numprocesses=2 --dist=worksteal
CHECKED := -p tests.run_time_types

# Compiled modules are kept, whatever the shell says: each process would compile those of torch again, 20 s of its time.
unexport PYTHONDONTWRITEBYTECODE
# A broken link fails it; the theme's notice of its successor is left out.
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.DEFAULT_GOAL := help
.PHONY: help words setup dev demo stand test test-all resolved engines check site mutants format lock ui clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## */\t/' | expand -t 12

$(READY):
	bash scripts/setup.sh $(PYTHON) $(VENV) requirements.lock
	rm -f $(VENV)/.ready-* && touch $@

$(READY_DEV):
	bash scripts/setup.sh $(PYTHON) $(VENV) requirements.lock requirements-dev.lock
	rm -f $(VENV)/.ready-* && touch $@ $(READY)

setup: $(READY) ## an environment in .venv with the locked versions of all that runs

dev: $(READY_DEV) ## the same with what checks and tests need

demo: setup ## four landmark models trained on synthetic faces, tracked and ranked (QUICK=1: fewer steps)
	bash scripts/demo.sh $(BIN) $(if $(QUICK),quick)

stand: setup ## the demo stand: drawn visitors, display, operator's and advertiser's pages
	$(BIN)/faceline stand

check: dev ## the quick half: format, lint, types, layers, the site with its links
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(SITE)

test: check ## check, and every test that is neither slow nor of speed
	$(PYTEST) $(CHECKED) -m "not slow and not benchmark and not gpu"

test-all: check ## check, and all tests but those of speed, with coverage of at least 90 %
	$(PYTEST) $(CHECKED) -m "not benchmark and not gpu" --cov --cov-report=term --cov-fail-under=90

resolved: ## the tests on another Python, with the newest versions that pyproject.toml allows (PYTHON=python3.13)
	$(PYTHON) -m venv .venv-resolved
	.venv-resolved/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-resolved/bin/python -m pip install --quiet --editable . --group dev
	.venv-resolved/bin/python -m pytest --numprocesses=2 --dist=worksteal -m "not slow and not benchmark and not gpu"

engines: dev ## sweeps on a real Slurm and Ray, two machines as one run, an MLflow server on PostgreSQL (none is skipped)
	FACELINE_ENGINES=1 $(BIN)/python -m pytest -m engines tests/sweeps/test_engines.py

site: dev ## the docs as a site, in site/: open site/index.html
	$(SITE)

mutants: dev ## small faults put into the code one by one: do tests notice? (hours; NAMES='faceline.metrics*': some)
	$(BIN)/python scripts/mutants.py $(NAMES)

format: dev ## apply the formatter and the safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

words: dev ## bring the translations of the pages up to date with their messages (new ones are empty)
	$(BIN)/python scripts/words.py

lock: dev ## write the versions of .venv to requirements.lock and requirements-dev.lock
	$(BIN)/python scripts/lock.py

ui: setup ## MLflow's page on the runs, at http://127.0.0.1:5000
	mkdir -p mlruns
	MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true $(BIN)/mlflow ui --host 127.0.0.1 \
		--backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/mlruns/mlflow.db}"

clean: ## forget the environment and the caches of tools; runs stay
	rm -rf $(VENV) .venv-resolved .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
