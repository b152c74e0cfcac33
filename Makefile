# make demo: the main job on synthetic faces. make stand: the interactive stand. make test: everything that is checked. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell cat requirements.lock pyproject.toml | sha256sum | cut -c1-16)
DEMO := demo

.DEFAULT_GOAL := help
.PHONY: help setup demo stand test check format lock ui clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## */\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python has no venv here: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	rm -f $(VENV)/.ready-* && touch $@

setup: $(READY) ## an environment in .venv with the locked versions

demo: setup ## four landmark models trained on synthetic faces, tracked and ranked (about 5 minutes)
	bash scripts/demo.sh $(BIN)

stand: setup ## the demo stand: drawn visitors, display, operator's and advertiser's pages
	$(BIN)/faceline stand

check: setup ## the quick half: format, lint, types, layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## everything: check, all tests but those of speed, coverage of at least 90 %
	$(BIN)/python -m pytest --numprocesses=2 --dist=worksteal --jaxtyping-packages=faceline,beartype.beartype \
		-m "not benchmark and not gpu" --cov --cov-report=term --cov-fail-under=90

format: setup ## apply the formatter and the safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: setup ## write the versions of .venv to requirements.lock
	$(BIN)/python -m pip freeze --exclude-editable | grep -v '^faceline' > requirements.lock

ui: setup ## MLflow's page on the runs, at http://127.0.0.1:5000
	mkdir -p mlruns
	MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true $(BIN)/mlflow ui --host 127.0.0.1 \
		--backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/mlruns/mlflow.db}"

clean: ## forget the environment and the caches of tools; runs stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
