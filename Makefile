# Each target installs what it needs first. PYTHON names the interpreter that makes the environment (3.11 or later).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 2

.DEFAULT_GOAL := help
.PHONY: help install serve test check conformance bench bench-peers bench-tests format fuzz fuzz-short audit faults soak soak-runs docs deploy image dist release milvus clients coding-agents nextjs orchestrate open-webui playground page

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

install: $(VENV)/.installed ## the development environment, every extra, into .venv (about 600 MB)

# What it takes to run comes first, from a file of its own: `make serve` needs no more.
$(VENV)/.base: requirements/base.txt
	@echo "Installing what turnstream runs on into $(VENV): $$(grep -c == $<) packages, about 100 MB."
	$(call environment,$(VENV),$<)
	@touch $@

$(VENV)/.installed: requirements/dev.txt pyproject.toml $(VENV)/.base
	@echo "Installing the development environment into $(VENV): $$(grep -c == $<) packages, about 600 MB. This takes minutes."
	$(call environment,$(VENV),$<)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What a peer, a store or a plot brings is too much for the development environment: .venv-NAME from requirements/NAME.txt.
$(VENV)-%/.installed: requirements/%.txt
	@echo "Installing requirements/$*.txt into $(VENV)-$*: $$(grep -c == $<) packages."
	$(call environment,$(VENV)-$*,$<)
	@touch $@

# The files are whole, so nothing is resolved: older pips overlook the pins of packages with extras when they do.
define environment
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r $(2)
endef

# The development environment with another one's packages before its own.
with = PYTHONPATH="$$($(VENV)-$(1)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" $(BIN)/python

serve: $(VENV)/.base ## the server on 127.0.0.1:8000 with the example agent: no key, no network
	PYTHONPATH=src $(BIN)/python -m turnstream serve examples/agent.yaml

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

bench: install $(VENV)-bench/.installed ## what it costs: tables, bench/results, docs/performance.md; BENCH="stream --quick --write" takes 6 minutes
	$(call with,bench) -m bench $(BENCH)

PEERS := openai-agents pydantic-ai litellm

bench-peers: install $(VENV)-bench/.installed $(PEERS:%=$(VENV)-peer-%/.installed) ## the same beside OpenAI's Agents SDK, pydantic-ai and LiteLLM, each in an environment of its own (700 MB)
	$(call with,bench) -m bench $(or $(BENCH),stream) --peers

FUZZ_SECONDS ?= 300
fuzz: install $(VENV)-fuzz/.installed ## much more noise into every decoder and request than the tests have time for; FUZZ_SEED makes it other noise
	FUZZ=50 $(BIN)/python -m pytest $(PYTEST_ARGS) --timeout=3600 tests/providers/test_fuzz.py tests/providers/test_request_noise.py tests/server/test_fuzz.py
	$(BIN)/python -m tests.fuzz_text_calls --runs 10000
	$(call with,fuzz) -m tests.fuzz_decoders $(FUZZ_SECONDS)

fuzz-short: install $(VENV)-fuzz/.installed ## every decoder under atheris, 15,000 inputs
	PYTHONHASHSEED=0 $(call with,fuzz) -m tests.fuzz_decoders 120 15000

audit: install $(VENV)-audit/.installed ## known vulnerabilities of what we install (asks a service on the network)
	@for name in base dev; do $(VENV)-audit/bin/pip-audit --disable-pip --require-hashes -r requirements/$$name.txt || exit 1; done

faults: install ## all faults at all places in all protocols (2,800 cells, 2 minutes); writes docs/faults.md
	$(BIN)/python -m tests.faults

soak: install ## a thousand streams, fifty thousand runs, a thousand readers of one byte a second: ten minutes
	nice -n 10 $(BIN)/python -m tests.soak

soak-runs: install ## owners of kept runs are killed at every call of their database; writes the table of docs/kept-runs.md
	SOAK=1 $(BIN)/python -m pytest $(PYTEST_ARGS) -p tests.fault_table tests/runs tests/server tests/clients

docs: $(VENV)-docs/.installed install ## the documentation as a site that works offline, in site/; broken links are errors
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=src:$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') $(VENV)-docs/bin/mkdocs build --quiet

deploy: install $(VENV)-deploy/.installed ## lint and render what stands in deploy/: hadolint, Helm's own library, Kubernetes' schemas
	$(VENV)-deploy/bin/hadolint deploy/Dockerfile
	$(call with,deploy) -m pytest tests/deploy

image: install ## build deploy/Dockerfile with buildah on a Debian made by debootstrap, run it, weigh it (as root, two minutes)
	IMAGE=1 $(BIN)/python -m pytest tests/deploy/test_image.py

dist: install $(VENV)-deploy/.installed ## a wheel and a source archive of what is committed, in dist/, looked through; REPOSITORY=https://… makes the README's links absolute
	rm -rf dist
	$(BIN)/python scripts/dist.py $(REPOSITORY)
	$(VENV)-deploy/bin/twine check --strict dist/*

# The commit comes before the archives, which have what is committed; the tag comes last.
release: ## make release VERSION=x.y.z REPOSITORY=https://… sets the version and the changelog, checks, commits, builds, tags
	$(if $(VERSION),,$(error say which version: make release VERSION=x.y.z))
	@git diff --quiet HEAD || { echo "there are uncommitted changes: commit them first"; exit 1; }
	$(PYTHON) scripts/release.py $(VERSION)
	$(MAKE) check test
	git commit --all --message "Release $(VERSION)"
	$(MAKE) dist
	git tag --annotate "v$(VERSION)" --message "Turnstream $(VERSION)"

bench-tests: install $(VENV)-bench/.installed ## the bench's own tests, where they need its plots
	$(call with,bench) -m pytest tests/bench

milvus: install $(VENV)-milvus/.installed ## the search in Milvus, with Milvus Lite from an environment of its own (450 MB)
	$(call with,milvus) -m pytest tests/tools/retrieval/test_milvus.py tests/tools/test_numpy_results.py tests/cli/test_tools.py

playground/node_modules/.installed: playground/package-lock.json
	cd playground && npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

playground: playground/node_modules/.installed ## build the page into the package (needs Node.js)
	cd playground && npm run build

page: install playground/node_modules/.installed ## the page: is its build that of its source, and does it work in a real Chromium
	cd playground && npm run check && node check-build.mjs && TURNSTREAM_PYTHON=$(CURDIR)/$(BIN)/python npm test

conformance: install $(VENV)-conformance/.installed ## official suites against a running server; SUITES=PATH has those that exist as repositories (a2a-tck, JSONTestSuite)
	CONFORMANCE_PYTHON=$${CONFORMANCE_PYTHON:-$(CURDIR)/$(VENV)-conformance/bin/python} $(BIN)/python -m tests.conformance $(SUITES)

clients: install $(VENV)-clients/.installed tests/clients/frameworks/node_modules/.installed ## agent frameworks of Python and Node.js against the server, in environments of their own (350 MB)
	FRAMEWORKS_PYTHON=$(CURDIR)/$(VENV)-clients/bin/python $(BIN)/python -m pytest tests/clients/test_frameworks.py

tests/clients/frameworks/node_modules/.installed: tests/clients/frameworks/package-lock.json
	cd tests/clients/frameworks && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

coding-agents: install tests/clients/coding/node_modules/.installed ## Codex and opencode against the server (780 MB)
	CODING_AGENTS=1 $(BIN)/python -m pytest tests/clients/test_coding_agents.py

# Each is a program for one platform, so there is no lock file: the packages of the others need not be there.
tests/clients/coding/node_modules/.installed: tests/clients/coding/package.json
	cd tests/clients/coding && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

nextjs: install examples/nextjs/node_modules/.installed ## the chat of examples/nextjs: types, build, and a question by way of its route (400 MB)
	NEXTJS=1 $(BIN)/python -m pytest tests/clients/test_nextjs.py

examples/nextjs/node_modules/.installed: examples/nextjs/package-lock.json
	cd examples/nextjs && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

orchestrate: install $(VENV)-orchestrate/.installed ## IBM's own validator and discovery of agents, in an environment of its own (380 MB)
	ORCHESTRATE_PYTHON=$(CURDIR)/$(VENV)-orchestrate/bin/python $(BIN)/python -m pytest tests/clients/test_orchestrate_official.py

open-webui: install $(VENV)-open-webui/.installed ## a real Open WebUI against the server, in an environment of its own (670 MB, Python 3.11 or 3.12)
	OPEN_WEBUI_PYTHON=$(CURDIR)/$(VENV)-open-webui/bin/python $(BIN)/python -m pytest tests/clients/test_open_webui_official.py
