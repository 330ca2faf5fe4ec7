# make run    set up, then start the bot (with the playground where DISCORD_TOKEN is not set)
# make test   set up, then run the tests
# make weights DATA=folder   train both emotion networks anew, with GoEmotions' train.tsv and dev.tsv in the folder
# make check  lint, format, types and tests: what CI runs
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
# processes that share the tests; each has a thread of its own and takes up to 3 GiB
WORKERS ?= 2

.PHONY: run test check lint setup weights clean

run: setup
	$(BIN)/mien run

test: setup
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: lint test

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

weights: setup
	OMP_WAIT_POLICY=passive $(BIN)/python -m emotion.train --data $(DATA)
	OMP_WAIT_POLICY=passive $(BIN)/python -m emotion.training.reader --data $(DATA)

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml constraints.txt inference/starter.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Mien needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/mien starter
	@touch $@

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache
