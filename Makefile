# The course in a few words; each target sets up .venv first, once.
VENV := .venv
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := $(VENV)/Scripts
else
PYTHON ?= python3
BIN := $(VENV)/bin
endif
READY := $(VENV)/.ready

.PHONY: course test lint format clean

course: $(READY)  ## data, training, evaluation, pictures
	$(BIN)/python -m cs_utils course

test: $(READY)  ## all tests
	$(BIN)/python -m pytest

lint: $(READY)  ## format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(READY)  ## mend format and style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what was set up and made, but no data and no runs
	rm -rf $(VENV) build .pytest_cache .ruff_cache

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make PYTHON=python3.13')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	$(BIN)/python -c "import pathlib; pathlib.Path('$(READY)').touch()"
