.DEFAULT_GOAL := help
.PHONY: help demo ui test test-long test-services check bench calibration false-alarms fidelity secrets pictures clean

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
SERVICES := .venv/.services

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Train both arms of the digits example, and judge its claims
	@$(BIN)/python examples/digits_optimizers/demo.py

ui: $(INSTALLED) ## Open the MLflow UI on the project's store
	@$(BIN)/repro ui

test: check ## Run everything that CI runs
	@$(BIN)/python -m pytest -q -rfEs -n 3 --dist worksteal

test-long: $(INSTALLED) ## Run what takes minutes: programs that lose reproducibility, dozens of killed runs
	@$(BIN)/python -m pytest -q -rfEs -n 2 -m long tests

test-services: $(SERVICES) ## Run the tests against PostgreSQL, and install it where it is missing
	@ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || command -v initdb > /dev/null || \
		{ apt-get -qq update && apt-get -qq install -y postgresql; }
	@$(BIN)/python -m pytest -q -rfEs -m services tests/services

check: $(INSTALLED) ## Run the static checks only: style, types, architecture, dependencies
	@$(BIN)/ruff check --quiet --output-format concise
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(BIN)/deptry --no-ansi repro 2> .venv/deptry.log || { cat .venv/deptry.log; exit 1; }

bench: $(INSTALLED) ## Measure, beside TensorBoard and W&B, which are installed for it
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	@$(BIN)/python -m pytest -q -m bench tests/benchmarks

calibration: $(INSTALLED) ## Simulate how often each statistical gate errs, which takes some minutes
	@OMP_NUM_THREADS=1 $(BIN)/python tests/calibration.py

false-alarms: $(INSTALLED) ## Count the errors in claims of real trainings that hold
	@PYTHONPATH=tests $(BIN)/python -W ignore -m claims.false_alarms

fidelity: $(INSTALLED) ## Show which states of a work tree `repro restore` brings back
	@$(BIN)/python tests/fidelity.py

secrets: $(INSTALLED) ## Plant a secret of every kind in a run, and count those in the store
	@$(BIN)/python tests/secrets_table.py

pictures: $(INSTALLED) ## Make the pictures of the README; needs Chromium and the runs of `make demo`
	@$(BIN)/python tests/pictures.py

clean: ## Remove the environment and all caches; stores stay
	@rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find repro tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) --version 2>&1); 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	@echo 'installing into .venv, which takes some minutes the first time'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile \
		--constraint constraints.txt --editable '.[test,check]'
	@touch $@

$(SERVICES): $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
		--constraint constraints.txt --editable '.[services]'
	@touch $@
