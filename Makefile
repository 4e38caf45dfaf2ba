# Every target does its own set-up: a machine with Python >= 3.11, make and the package registries is enough.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONNOUSERSITE := 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.PHONY: run demo test check bench bench-peers faults requirements clean

# `make test PYTEST_ARGS=tests/domain` runs a part of the suite; PROCESSES=1 runs it on a machine with little memory.
PYTEST_ARGS ?=
PROCESSES ?= 2

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sourceboard needs Python 3.11 or newer; set PYTHON=/path/to/it"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || { echo "No venv module: install your system's python3-venv package"; exit 1; }
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv requirements.txt
	@$(BIN)/python -m pip install -q --require-hashes -r requirements.txt
	@touch $@

$(STAMPS)/dev: $(STAMPS)/run requirements-dev.txt
	@$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.txt
	@touch $@

$(STAMPS)/browser: $(STAMPS)/dev tests/find_chromium.py
	@$(BIN)/python tests/find_chromium.py --install
	@touch $@

run: $(STAMPS)/run
	@$(BIN)/python manage.py run

demo: $(STAMPS)/run
	@$(BIN)/python manage.py demo

test: $(STAMPS)/browser
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: $(STAMPS)/dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/python -m pytest -q tests/test_layers.py

bench: $(STAMPS)/dev
	@$(BIN)/python -m bench

bench-peers: $(STAMPS)/dev
	@$(BIN)/python -m bench.peers

faults: $(STAMPS)/browser
	@$(BIN)/python -m pytest tests --faults

requirements: $(STAMPS)/venv
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 requirements-dev.in -o requirements-dev.txt

clean:
	@rm -rf $(VENV) $(STAMPS) .pytest_cache .mypy_cache .ruff_cache
