# The course in a few words; each target but serve and clean sets up .venv first, once.
VENV := .venv
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := $(VENV)/Scripts
else
PYTHON ?= python3
BIN := $(VENV)/bin
endif
READY := $(VENV)/.ready
# OpenMP's threads spin for a moment and then sleep, so that another program beside them costs little: cs_utils.WAITING.
# Who sets the first has set both: the second would go before it.
ifndef OMP_WAIT_POLICY
export OMP_WAIT_POLICY = PASSIVE
export GOMP_SPINCOUNT ?= 1000
endif

.PHONY: course lab figures outputs readme site deck site-test serve test soak bench gpu evidence audit lint format clean

course: $(READY)  ## run all notebooks in order, but for those whose copy in build/ is up to date; Ctrl-C, and it goes on
	$(BIN)/python -m cs_utils course

lab: $(READY)  ## open JupyterLab on the first notebook
	$(BIN)/jupyter lab --ServerApp.root_dir=. notebooks/00_introduction.ipynb

figures: $(READY)  ## every figure into build/figures/, by running its section only
	$(BIN)/python -m cs_utils figure --all

outputs: $(READY)  ## run those notebooks and solutions whose stored outputs are out of date, and store what they show
	$(BIN)/python -m cs_utils course --store --profile laptop

site: $(READY)  ## the site, from the stored outputs, into build/site; needs npm
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r docs/requirements.txt
	$(BIN)/python -m course.site

deck: $(READY)  ## the talk slide by slide, with our figures and verdicts, into build/deck; needs npm
	$(BIN)/python -m course.deck

site-test: export CS_SITE = 1
site-test: site  ## build the site, open every page in Chromium, and run lesson 00 in JupyterLab
	$(BIN)/python -m pytest -o addopts=--import-mode=importlib -q tests/site tests/plots/test_contrast.py

serve:  ## show the site that `make site` has built
	$(BIN)/python -m course.site serve

readme: $(READY)  ## write again what README and docs/ repeat: verdicts, claims, figures, commands, modules, two pictures
	$(BIN)/python -m course.readme

TESTS :=
test: $(READY)  ## all tests and all notebooks; with TESTS=tests/plots only these
	$(BIN)/python -m pytest $(TESTS)

soak: export CS_SOAK = 1
soak: $(READY)  ## the tests that inject faults, in their long form; prints the faults injected, survived and lost
	$(BIN)/python -m pytest -o addopts=--import-mode=importlib --timeout=3600 -v tests/robustness tests/training tests/experiments/test_runner.py tests/evaluation/test_photos.py tests/course/test_sections.py

bench: $(READY)  ## speed against what one would otherwise pick; tables go to build/benchmarks/
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks --out build/benchmarks

gpu: $(READY)  ## all that is to be measured on a GPU, in nine minutes, into results/speed-gpu/; another GPU or PyTorch REPLACES the tables there
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks.gpu

JOBS ?= 2
MINUTES ?= 600
BUDGET ?= medium
evidence: $(READY)  ## the runs of a budget that results/ does not hold yet, the most valuable grids first; BUDGET=full has some that medium lacks; JOBS= MINUTES=
	$(BIN)/python -m cs_utils experiment --all --budget $(BUDGET) --jobs $(JOBS) --minutes $(MINUTES)

audit: $(READY)  ## known weaknesses of the packages that are installed; asks PyPI
	$(BIN)/python -m pip install --disable-pip-version-check --quiet pip-audit
	$(BIN)/python -m pip_audit --local --skip-editable

lint: $(READY)  ## format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(READY)  ## fix format and style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what was set up and made, but no data and no runs
	rm -rf $(VENV) build .pytest_cache .ruff_cache

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make PYTHON=python3.13')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	$(BIN)/python -c "import pathlib; pathlib.Path('$(READY)').touch()"
