# Each target installs what it needs first. PYTHON names the interpreter that makes the environment (3.11 or later).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 2

.DEFAULT_GOAL := help
.PHONY: help install serve test check bench format fuzz soak-runs orchestrate open-webui

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

install: $(VENV)/.installed ## the development environment, every extra, into .venv

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	$(call environment,$(VENV),$<)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What a peer brings is too much for the development environment, so it has its own: .venv-PEER from requirements/PEER.txt.
$(VENV)-%/.installed: requirements/%.txt
	$(call environment,$(VENV)-$*,$<)
	@touch $@

# The files are whole, so nothing is resolved: older pips overlook the pins of packages with extras when they do.
define environment
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(2)
endef

serve: install ## the server on 127.0.0.1:8000 with the example agent: no key, no network
	$(BIN)/turnstream serve examples/agent.yaml

test: install ## everything is tested
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: install ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-cache

format: install ## rewrite the code in our format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## what a token costs: table, JSON and plot in bench/results
	$(BIN)/python -m bench

fuzz: install ## much more noise into every decoder and request than the tests have time for; FUZZ_SEED makes it other noise
	FUZZ=50 $(BIN)/python -m pytest $(PYTEST_ARGS) --timeout=3600 tests/providers/test_fuzz.py tests/providers/test_request_noise.py tests/server/test_fuzz.py
	$(BIN)/python -m tests.fuzz_text_calls --runs 10000

soak-runs: install ## owners of kept runs are killed before and after every call of their database
	SOAK=1 $(BIN)/python -m pytest $(PYTEST_ARGS) tests/runs

orchestrate: install $(VENV)-orchestrate/.installed ## IBM's own validator and discovery of agents, in an environment of its own (380 MB)
	ORCHESTRATE_PYTHON=$(CURDIR)/$(VENV)-orchestrate/bin/python $(BIN)/python -m pytest tests/clients/test_orchestrate_official.py

open-webui: install $(VENV)-open-webui/.installed ## a real Open WebUI against the server, in an environment of its own (670 MB, Python 3.11 or 3.12)
	OPEN_WEBUI_PYTHON=$(CURDIR)/$(VENV)-open-webui/bin/python $(BIN)/python -m pytest tests/clients/test_open_webui_official.py
