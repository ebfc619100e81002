# Everything a user needs; `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The main job. make run INPUT=… OUTPUT=… MODEL=… DEVICE=… ARGS='--any_flag=…'
INPUT ?= samples/
OUTPUT ?= out
MODEL ?= models/demo
DEVICE ?= CPU
ARGS ?=
# Only the folder that this Makefile itself fills is emptied without being asked.
OVERWRITE := $(if $(filter out,$(OUTPUT)),--overwrite=true)

.DEFAULT_GOAL := help
.PHONY: help run test lint bench demo-model metadata clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14
	@echo
	@echo "Variables of run: INPUT OUTPUT MODEL DEVICE ARGS, as in"
	@echo "  make run INPUT='my/*.jsonl' OUTPUT=results ARGS='--text_field=review --id_field=key'"

run: $(VENV)/ready ## classify INPUT (samples/) into OUTPUT (out/) and print the metrics
	@$(BIN)/python -m runinference_metrics run --input='$(INPUT)' --output='$(OUTPUT)' \
		--model='$(MODEL)' --device='$(DEVICE)' $(OVERWRITE) $(ARGS)

test: $(VENV)/ready-dev ## run every test
	$(BIN)/python -m pytest

lint: $(VENV)/ready-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/ready ## compare with Beam's own example, side by side (about 10 minutes)
	$(BIN)/python bench/against_beam_example.py $(ARGS)

demo-model: $(VENV)/ready ## train models/demo again: make demo-model DATA=folder-with-sst2
	@test -n '$(DATA)' || { echo "DATA is missing: the folder with train_phrases.tsv and dev.tsv"; exit 2; }
	$(BIN)/python tools/train_demo_model.py '$(DATA)'

metadata: $(VENV)/ready ## write metadata.json anew from the program's own parameters
	$(BIN)/python -m runinference_metrics metadata > metadata.json.part
	@mv metadata.json.part metadata.json

clean: ## remove the environment and the results
	rm -rf $(VENV) out

$(VENV)/python-ok:
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
		sys.exit(None if v >= (3, 11) else f"Python 3.11 or newer is needed; $(PYTHON) is {v.major}.{v.minor}. Set PYTHON=…")'
	@echo "Making the environment in $(VENV) (once; some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/ready: $(VENV)/python-ok requirements.txt pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
