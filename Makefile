# The commands for development and CI. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

SECONDS ?= 600
EXAMPLES ?= 10000
# Tests wait for processes and connections half of the time: twice as many as cores, up to eight.
PROCESSES ?= $(shell $(PYTHON) -c "import os; print(min(8, 2 * (os.cpu_count() or 1)))")
SEED := $(or $(SEED),$(shell date +%s))

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-all emulator compat check format bench faults soak fuzz audit dist lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## create .venv with the pinned dependencies

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## load synthetic downloads into an embedded ClickHouse under .data/ and serve them
	$(BIN)/pypistats-server serve --demo

serve: $(READY)  ## serve what CLICKHOUSE_URL names
	$(BIN)/pypistats-server serve

# With bytecode on disk, the many processes of the tests need not compile all modules again.
test test-all: export PYTHONDONTWRITEBYTECODE :=

test: $(READY)  ## run all tests, in two processes a core
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist worksteal

test-all: $(READY)  ## run what `make test` leaves out: the other kinds of ClickHouse, random tests at large sizes
	TEST_ALL=1 $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist worksteal

emulator: $(READY)  ## install BigQuery's emulator below .compat/; tests that need it are skipped without it
	$(BIN)/python -m tests.support.bigquery

compat: $(READY)  ## load and ask on older versions of ClickHouse too (VERSIONS="24.8 current"), print a table
	$(BIN)/python -m tests.compat $(VERSIONS)

check: $(READY)  ## lint, check formatting and types; lint openapi.yaml where npm is there
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@.ci/lint-contract

format: $(READY)  ## format the code, and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## measure ingest, responses, charts and discovery
	$(BIN)/python -m bench

faults: $(READY)  ## kill servers and loads at random moments, and break ClickHouse under load
	$(BIN)/python -m bench.faults
	$(BIN)/python -m bench.outages

soak: $(READY)  ## load a server for SECONDS (600), and compare its resources before and after
	$(BIN)/python -m bench.soak --seconds $(SECONDS)

fuzz: $(READY)  ## send EXAMPLES (10000) generated requests, then trailers and categories; the first line of output has the SEED to repeat them
	@echo "make fuzz SEED=$(SEED)"
	FUZZ_SEED=$(SEED) FUZZ_EXAMPLES=$$(( $(EXAMPLES) / $$(grep -c operationId openapi.yaml) + 1 )) \
	$(BIN)/python -m pytest contract_tests/test_schemathesis.py contract_tests/test_hostile_input.py

audit: $(READY)  ## check the pinned dependencies for known vulnerabilities, if their list can be reached
	@$(BIN)/python .ci/audit.py

dist: $(READY)  ## build the wheel and the source archive into dist/
	$(BIN)/python -m build --no-isolation

lock: $(READY)  ## write requirements.txt from what is in .venv, and deploy/requirements.txt, with hashes, for the image
	@{ echo '# Names and versions of all packages that the server runs, is tested and is checked with; `make lock` writes it.'; \
	$(BIN)/python -m pip freeze --exclude-editable | grep -v '^pip=' \
	| sed -E 's/^(backports.zstd==.*)/\1; python_version < "3.14"/'; } \
	> requirements.new && mv requirements.new requirements.txt
	$(PYTHON) -m venv .lock && .lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	.lock/bin/uv pip compile --quiet --upgrade --generate-hashes --no-annotate --custom-compile-command 'make lock' \
	--python-version 3.13 --python-platform linux --constraint requirements.txt --group build \
	--output-file deploy/requirements.txt pyproject.toml

clean:  ## remove .venv, built files and demo data
	rm -rf $(VENV) .audit .compat .lock .schemathesis dist .data .mypy_cache .pytest_cache .ruff_cache
