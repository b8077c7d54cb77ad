# `make repro`: from a fresh clone to the report. `make test`: lint, types, tests. Both set up what is missing.
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 >/dev/null 2>&1 && python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)

.PHONY: repro test types tests test-slow setup
setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v in ((3, 11), (3, 12)) else "Python 3.11 or 3.12 needed, this is %d.%d; set PYTHON=" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --no-compile -r requirements.lock # what is imported is compiled then
	$(BIN)/pip install -q --no-deps -e .
	touch $@

# Without git, as in a ZIP download, DVC is told so.
repro: setup
	test -e .git || $(BIN)/dvc config --local core.no_scm true
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro
	$(BIN)/cali-sketch summary

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory -j 2 types tests

# Both at once: mypy uses one core.
types: setup
	$(BIN)/mypy

tests: setup
	$(BIN)/python -m pytest -q -n 2 --dist loadscope -m "not slow"

# What takes long besides: the wheel in an empty folder, every command of the docs, params at the ends of their ranges.
test-slow: setup
	$(BIN)/python -m pytest -q -n 2 --dist loadscope -m slow
