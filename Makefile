# Everything a developer does. `make` alone tells what there is.
#   PYTEST_ARGS="-k policy -x"     more arguments for make test, test-all and coverage
#   WORKERS=1                      how many tests run side by side (3: most wait for something)
#   EXAMPLES="slugs lru"           which examples make demo shows
#   CHEATS_ARGS="--only slugs"     which cases make cheats judges
#   BENCH="suites off"             which benchmarks make bench runs
#   BENCH_ARGS="--quick"           more arguments for each of them
#   PYTHON=python3.12              the interpreter that .venv is made with

SHELL := /bin/bash
BIN := .venv/bin
WITH_ENGINE := scripts/with_engine.sh
PYTEST_ARGS ?=
WORKERS ?= 3
EXAMPLES ?=
BENCH ?= overhead judge gateway suites first_request side_by_side growth off peers
BENCH_ARGS ?=
CHEATS_ARGS ?=
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help bootstrap check unit test test-all test-floors test-pythons coverage demo cassettes cheats lint format bench clean

help: ## Tell what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

bootstrap: ## Make .venv and get OpenCode into the cache
	@PYTHON="$(PYTHON)" scripts/bootstrap.sh

check: ## Check style, types and unit tests side by side, in less than a minute: no engine needed
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint unit

unit: bootstrap # what make check runs beside make lint
	@$(PYTEST) -q tests/unit

test: bootstrap ## Run the tests that a change has to pass (starts a Docker engine if none answers)
	@$(WITH_ENGINE) $(PYTEST) -m "not exhaustive" $(PYTEST_ARGS)

test-all: bootstrap ## Run every test and case there is, with more examples of each property
	@$(WITH_ENGINE) $(PYTEST) --hypothesis-profile=full $(PYTEST_ARGS)

test-floors: bootstrap ## Run them with the oldest versions of everything that pyproject.toml allows
	@$(WITH_ENGINE) scripts/test_versions.sh floors "$(PYTHON)" -n $(WORKERS) --dist loadgroup $(or $(PYTEST_ARGS),-m "not exhaustive")

test-pythons: bootstrap ## Run unit and plugin tests with every Python from 3.10 to 3.14 that is here
	@scripts/test_versions.sh pythons -n $(WORKERS) --dist loadgroup $(or $(PYTEST_ARGS),-m "not exhaustive" tests/unit tests/plugin)

coverage: bootstrap ## Run every test and show what they do not reach
	@$(BIN)/coverage erase
	@$(WITH_ENGINE) $(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered --show-missing

demo: bootstrap ## Repair the examples with recorded answers: no key, no network, no bill
	@$(WITH_ENGINE) $(BIN)/python scripts/demo.py $(EXAMPLES)

cassettes: bootstrap ## Record the answers that make demo replays anew
	@$(WITH_ENGINE) $(BIN)/python scripts/demo.py --record $(EXAMPLES)

cheats: bootstrap ## Send every cheat and honest fix of the corpus through the judge, print the matrix
	@$(WITH_ENGINE) $(BIN)/python -m tests.cheats.matrix $(CHEATS_ARGS)

lint: bootstrap ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: bootstrap ## Bring the code into form
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: bootstrap ## Run the benchmarks (all of them take hours, see docs/performance.md)
	@$(WITH_ENGINE) scripts/bench.sh $(BENCH) -- $(BENCH_ARGS)

clean: ## Remove .venv, caches and build products (the OpenCode cache stays)
	@rm -rf .venv .venv-* build dist .coverage .coverage.* .hypothesis *.egg-info
	@find . -name .git -prune -o \( -name __pycache__ -o -name '.*_cache' \) -prune -exec rm -rf {} +
