# The two commands of the README are `make demo` and `make test`; `make help` lists all.
# Every target makes .venv and installs what it needs; a second call installs nothing.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --constraint requirements.lock
PYTEST_WORKERS ?= 2
# Each worker of the tests has a processor; threads of its libraries would only wait for it.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 POLARS_MAX_THREADS=1
# Each of many processes would compile the package anew where the environment forbids keeping it.
KEEP_COMPILED := PYTHONDONTWRITEBYTECODE=
CALIBRATE_SECONDS ?= 3600
LOCKED := pyproject.toml requirements.lock

SOURCES := src tests docs benchmarks calibration

.DEFAULT_GOAL := help
.PHONY: help demo test acceptance check format bench calibrate docs picture pictures vega messages lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.installed-model ## run the seven-child study and open its report
	$(BIN)/heliotrope demo

test: $(VENV)/.installed-dev ## run every test but those of the acceptance
	$(ONE_THREAD) $(KEEP_COMPILED) $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal \
		--ignore tests/browser --ignore tests/spark --ignore tests/fault

acceptance: $(VENV)/.installed-dev ## break runs; test in a browser and on a cluster (Chromium, Java)
	$(ONE_THREAD) $(KEEP_COMPILED) $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup \
		tests/spark tests/browser tests/fault

check: $(VENV)/.installed-dev $(VENV)/.installed-docs ## format, lint, types, imports, manual
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

format: $(VENV)/.installed-dev ## put the code into its format, mend what can be mended
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev ## measure; writes the tables of benchmarks/README.md
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/scale.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/registry.py
	$(BIN)/python benchmarks/pulse_model.py
	$(BIN)/python benchmarks/read_redcap.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/workbench.py
	$(BIN)/python benchmarks/kill_and_resume.py
	PYTHONPATH=. $(BIN)/python benchmarks/spark.py
	$(BIN)/python benchmarks/read_sdtm.py
	$(BIN)/python benchmarks/read_omop.py
	$(BIN)/python benchmarks/read_fhir.py
	$(BIN)/python benchmarks/read_large.py
	$(BIN)/python benchmarks/read_cohort.py

calibrate: $(VENV)/.installed-model ## hold the estimates to simulated truth (hours); writes reports
	OMP_NUM_THREADS=1 $(BIN)/python -m calibration.registry_comparison --write
	OMP_NUM_THREADS=1 $(BIN)/python -m calibration.without_a_model --write
	OMP_NUM_THREADS=1 $(BIN)/python -m calibration.steroid_sparing
	$(BIN)/python -m calibration.pulse_model --seconds $(CALIBRATE_SECONDS)
	$(BIN)/python -m calibration.pulse_model.report

docs: $(VENV)/.installed-docs ## build the manual in docs/_build/html
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "The manual: docs/_build/html/index.html"

picture: $(VENV)/.installed-core ## take the README's picture of the report anew (needs Chromium)
	$(BIN)/python docs/take_picture.py

pictures: $(VENV)/.installed-dev ## take anew what tests/browser compares with (needs Chromium)
	HELIOTROPE_RENEW_PICTURES=1 $(BIN)/python -m pytest tests/browser/test_pictures.py

vega: $(VENV)/.installed-dev ## make the script of Vega that reports carry, after a new vl-convert
	$(BIN)/python docs/make_vega.py

messages: $(VENV)/.installed-dev ## bring the catalogues of other languages up to date
	$(BIN)/python docs/make_messages.py

lock: $(VENV)/.installed-dev ## resolve every dependency anew into requirements.lock
	$(BIN)/python -m uv pip compile pyproject.toml --quiet --upgrade --universal \
		--python-version 3.11 --all-extras --group dev --group docs \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		--output-file $(VENV)/resolved.txt
	@sed -n '/^#/p' requirements.lock > $(VENV)/lock-head.txt
	@cat $(VENV)/lock-head.txt $(VENV)/resolved.txt > requirements.lock

clean: ## remove .venv, caches and built files
	rm -rf $(VENV) build dist docs/_build docs/generated heliotrope-demo heliotrope-demo.partial \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "heliotrope needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 4; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) pip
	@touch $@

$(VENV)/.installed-core: $(LOCKED) | $(VENV)/.made
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-model: $(LOCKED) | $(VENV)/.made
	$(PIP) --editable '.[model]'
	@touch $@ $(VENV)/.installed-core

$(VENV)/.installed-dev: $(LOCKED) | $(VENV)/.made
	$(PIP) --editable '.[model,redcap,sdtm,omop,spark,workbench]' --group dev
	@touch $@ $(VENV)/.installed-core

$(VENV)/.installed-docs: $(LOCKED) | $(VENV)/.made
	$(PIP) --editable . --group docs
	@touch $@ $(VENV)/.installed-core
