# Every command bootstraps what it needs and is quick when repeated.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help setup run demo test check format bench soak docs docker-test conformance clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/.ready: pyproject.toml uv.lock scripts/bootstrap.py
	@$(PYTHON) scripts/bootstrap.py $(VENV)
	@touch $@

setup: $(VENV)/.ready ## install into .venv, and stop there

run: setup ## start the agent on this project
	@$(BIN)/py-mono

demo: setup ## fix a failing test with a scripted model, the real tools and the real lock
	@$(BIN)/py-mono demo

test: setup ## the tests; what fails in the crowd has to pass alone, and is named (CPython's own runner does the same)
	@$(BIN)/python -m pytest -n $${PYTEST_WORKERS:-auto} || { [ $$? = 1 ] && echo "== once more, one after the other" && $(BIN)/python -m pytest -n 0 --last-failed --last-failed-no-failures none -v; }

check: setup ## format, lint, types, layers
	@$(BIN)/ruff format --check --quiet || { $(BIN)/ruff format --diff; exit 1; }
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 4; exit $${PIPESTATUS[0]}

format: setup ## put the code into its form
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix --quiet

bench: setup ## the numbers, as ratios to a floor
	@UV_PROJECT_ENVIRONMENT=$(VENV)-bench $(BIN)/uv sync --quiet --frozen --no-dev --no-editable --compile-bytecode --reinstall-package py-coding-agent --python $(BIN)/python
	@BENCH_BIN=$(VENV)-bench/bin $(BIN)/python -m benchmarks $(BENCH)

soak: setup ## one session, many turns: what grows that should not
	@$(BIN)/python -m benchmarks.soak

docs: setup ## what documents take from the program: the reference and the pictures
	@$(BIN)/python scripts/reference.py docs/reference.md
	@$(BIN)/python scripts/completions.py
	@$(BIN)/python scripts/record.py docs/pictures

docker-test: setup ## build and run the containers and attack them; with the engine that runs, or as root with one of its own
	@$(BIN)/python scripts/docker_test.py

conformance: setup ## MCP's conformance suite and its reference server against ours; needs npm
	@$(BIN)/python scripts/conformance.py

clean: ## remove what the commands above made
	rm -rf $(VENV) .docker-base tests/conformance/node_modules .mypy_cache .ruff_cache .hypothesis dist
