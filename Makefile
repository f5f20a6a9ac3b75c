# The one entry: make demo | test | check | format | bench | clean
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DELETE_ON_ERROR:
.PHONY: demo test check format bench clean

demo: $(READY)  ## measure this host, search, show the front (about ten minutes)
	$(BIN)/latbase --store .demo/latency.duckdb quickstart --out .demo

test: check  ## everything CI runs: lint, format, types, arrows, tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy bench/*.py
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## every claim of docs/benchmarks.md, measured again (long)
	for script in bench/*.py; do $(BIN)/python $$script || exit 1; done

# Re-made only when the pins change; a second run starts in seconds.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "latbase needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .demo build dist *.egg-info
