# `make run` does the main job, `make test` runs the tests; each sets up what it needs first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run study test e2e check clean

run: .venv/installed
	$(BIN)/paredown optimize conf/digits.yaml

# Measures for 18 minutes, with short trainings; then both recipes are optimized and compared.
study: .venv/installed
	$(BIN)/paredown study conf/digits.yaml study.minutes=18 train.epochs=8

test: .venv/installed
	$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile -m "not e2e"

# What starts servers, clusters and whole runs: slower, and the machine's ports and processes are part of it.
e2e: .venv/installed
	$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile -m e2e

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv .paredown .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
