# Everything a user needs; `make help` lists it.
PYTHON ?= python3
LOWEST_PYTHON := $(shell sed -n 's/^requires-python = ">=\(.*\)"/\1/p' pyproject.toml)
VENV := .venv
BIN := $(VENV)/bin

# The main job. make run INPUT=… OUTPUT=… MODEL=… DEVICE=… ARGS='--any_flag=…'
INPUT ?= samples/
OUTPUT ?= out
MODEL ?= bundled
DEVICE ?= CPU
ARGS ?=
# Only the folder that this Makefile itself fills is emptied without being asked.
OVERWRITE := $(if $(filter out,$(OUTPUT)),--overwrite=true)

# The image. DOCKER=podman takes another engine; BUILD_ARGS are passed to its build.
DOCKER ?= docker
BUILD_ARGS ?=
# The model in the image: MODEL_ID at MODEL_REVISION from the hub, or the folder MODEL_FOLDER. Of
# another model than the default it is the newest commit, unless MODEL_REVISION says which.
DEFAULT_MODEL_ID := distilbert/distilbert-base-uncased-finetuned-sst-2-english
MODEL_ID ?= $(DEFAULT_MODEL_ID)
MODEL_REVISION ?= $(if $(filter $(DEFAULT_MODEL_ID),$(MODEL_ID)),714eb0f)
MODEL_FOLDER ?=
# What `make model` makes a folder of: owner/name@revision of the hub, a folder, or gs://bucket/folder.
SOURCE ?= $(MODEL_ID)$(if $(MODEL_REVISION),@$(MODEL_REVISION))
# Texts from which the model's ranges for precision=int8 are found: a file, or builtin.
CALIBRATE ?=
MODEL_ARGS = $(if $(CALIBRATE),--build-arg=CALIBRATE='$(CALIBRATE)') \
	$(if $(MODEL_FOLDER),--build-arg=MODEL_SOURCE=folder --build-arg=MODEL_FOLDER=$(MODEL_FOLDER),\
	--build-arg=MODEL_SOURCE=hub --build-arg=MODEL_ID=$(MODEL_ID) --build-arg=MODEL_REVISION=$(MODEL_REVISION))
# $(call build,FLAVOUR,ARGUMENTS): builds the image of a flavour. FLAVOUR and MODEL_SOURCE are named
# although they have defaults, by which podman 4.3 does not see which stage it needs.
build = $(DOCKER) build --build-arg=IMAGE='$(IMAGE)' --build-arg=FLAVOUR=$(1) $(2) \
	$(MODEL_ARGS) $(BUILD_ARGS) --tag='$(IMAGE)' .
# Another system for the image without CUDA.
CPU_BASE_IMAGE ?=
# A job. JOB is its name, ACCELERATOR the GPU of its workers with DEVICE=GPU.
REGION ?= us-central1
JOB ?= runinference-metrics
ACCELERATOR ?= nvidia-l4

# $(call need,NAME,what it is): stops with a sentence when the variable NAME is empty.
need = @test -n '$($(1))' || { echo "error: $(1) is missing: $(2). As in: make $@ $(1)=$(3)"; exit 2; }

.DEFAULT_GOAL := help
.PHONY: help run test test-zoo test-container check quick lint bench gpu profile demo-model metadata docs architectures lock clean \
	model image image-cuda126 image-cpu run-image push template launch

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16
	@echo
	@echo "As in"
	@echo "  make run INPUT='my/*.jsonl' OUTPUT=results ARGS='--text_field=review --id_field=key'"
	@echo "  make image push template IMAGE=us-docker.pkg.dev/p/r/text:v1 TEMPLATE=gs://b/text-v1.json"
	@echo "  make launch TEMPLATE=gs://b/text-v1.json INPUT='gs://b/in/*' OUTPUT=gs://b/out DEVICE=GPU"

run: $(VENV)/ready ## classify INPUT (samples/) into OUTPUT (out/) and print the metrics
	@$(BIN)/python -m runinference_metrics run --input='$(INPUT)' --output='$(OUTPUT)' \
		--model='$(MODEL)' --device='$(DEVICE)' $(OVERWRITE) $(ARGS)

test: $(VENV)/ready-dev build/bigquery/ready ## run every test
	BQEMULATOR=$(CURDIR)/build/bigquery/bin/bqemulator \
		$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# The tests of a model stand in one group, so that it is made once. Two processes with two threads
# each wait for each other at every product of these small models: in seven minutes they got as far
# as these in one.
test-zoo: $(VENV)/ready-dev ## in minutes: every architecture that there is against transformers' pipeline
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/zoo -m zoo --numprocesses=2 --dist=loadgroup

test-container: $(VENV)/ready-dev ## build the image with podman against stand-ins, and try it
	@if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null \
		&& ! { command -v podman && command -v runc && command -v mmdebstrap; } > /dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends podman runc mmdebstrap > /dev/null; fi
	$(BIN)/python -m pytest tests/container --timeout=1500

# The inner loop; side by side, because mypy alone leaves a core idle.
check: $(VENV)/ready-dev ## in a minute: ruff, mypy, and the tests that start nothing
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint quick

quick: $(VENV)/ready-dev
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder -m 'not starts and not zoo'

lint: $(VENV)/ready-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/ready build/peers/ready ## compare with every peer, side by side (about half an hour)
	$(BIN)/python -W ignore bench/against_peers.py $(ARGS)
	$(BIN)/python -W ignore bench/products.py
	$(BIN)/python -W ignore bench/contention.py
	$(BIN)/python -W ignore bench/pipeline_over_loop.py
	$(BIN)/python -W ignore bench/beam_share.py
	$(BIN)/python -W ignore bench/startup.py

gpu: $(VENV)/ready-dev ## in ten minutes: all tests and figures that need a GPU
	$(BIN)/python -W ignore bench/on_gpu.py

profile: $(VENV)/ready ## show where the classifier's time goes; ARGS='--precision=int8'
	$(BIN)/python -W ignore bench/profile_run.py $(ARGS)

demo-model: $(VENV)/ready ## train models/demo again: make demo-model DATA=folder-with-sst2
	@test -n '$(DATA)' || { echo "DATA is missing: the folder with train_phrases.tsv and dev.tsv"; exit 2; }
	$(BIN)/python tools/train_demo_model.py '$(DATA)'

metadata: $(VENV)/ready ## write metadata.json anew from the program's own parameters
	$(BIN)/python -m runinference_metrics metadata > metadata.json.part
	@mv metadata.json.part metadata.json

docs: $(VENV)/ready ## write docs/ anew from the program's own tables
	$(BIN)/python tools/write_docs.py

architectures: $(VENV)/ready-dev ## write docs/architectures.md anew from what the zoo measures (a minute)
	$(BIN)/python tools/write_architectures.py

lock: $(VENV)/ready-dev ## write requirements*.txt anew from pyproject.toml; UPGRADE=1 takes the newest
	@$(BIN)/python tools/lock.py $(if $(UPGRADE),--upgrade)

model: $(VENV)/ready-convert ## make the folder TO of the model SOURCE (owner/name@revision, a folder, gs://…)
	$(call need,TO,the new folder for the model,models/sst2)
	@$(BIN)/python -m runinference_metrics model '$(SOURCE)' --output='$(TO)' \
		$(if $(CALIBRATE),--calibrate='$(CALIBRATE)') $(ARGS)

image: ## build IMAGE with CUDA 13, for CPU and GPU workers
	$(call need,IMAGE,the name of the image,us-docker.pkg.dev/project/repository/name:tag)
	$(call build,cuda)

image-cuda126: ## build IMAGE with CUDA 12.6; TORCH_INDEX is the address of PyTorch's wheels for it
	$(call need,IMAGE,the name of the image,us-docker.pkg.dev/project/repository/name:tag)
	$(call need,TORCH_INDEX,the index that PyTorch's page Start Locally shows for pip and CUDA 12.6,https://...)
	$(call build,cuda126,--build-arg=TORCH_INDEX='$(TORCH_INDEX)')

image-cpu: ## build IMAGE without CUDA; TORCH_INDEX is the address of PyTorch's CPU wheels
	$(call need,IMAGE,the name of the image,us-docker.pkg.dev/project/repository/name:tag)
	$(call need,TORCH_INDEX,the index that PyTorch's page Start Locally shows for pip and CPU,https://...)
	$(call build,cpu,--build-arg=TORCH_INDEX='$(TORCH_INDEX)' \
		$(if $(CPU_BASE_IMAGE),--build-arg=BASE_IMAGE='$(CPU_BASE_IMAGE)'))

# The folder of INPUT and the folder OUTPUT, at the same paths inside and outside.
run-image: ## classify INPUT into OUTPUT inside IMAGE, without a network
	$(call need,IMAGE,the name of the image,us-docker.pkg.dev/project/repository/name:tag)
	@mkdir -p '$(OUTPUT)'
	$(DOCKER) run --rm --network=none --read-only --tmpfs=/tmp --user="$$(id -u):$$(id -g)" \
		$(if $(filter GPU,$(DEVICE)),--gpus=all) --volume='$(abspath $(dir $(INPUT)))':'$(abspath $(dir $(INPUT)))':ro \
		--volume='$(abspath $(OUTPUT))':'$(abspath $(OUTPUT))' '$(IMAGE)' run \
		--input='$(abspath $(dir $(INPUT)))/$(notdir $(INPUT))' --output='$(abspath $(OUTPUT))' \
		--device='$(DEVICE)' $(OVERWRITE) $(ARGS)

push: ## push IMAGE
	$(call need,IMAGE,the name of the image,us-docker.pkg.dev/project/repository/name:tag)
	$(DOCKER) push '$(IMAGE)'

template: ## write the template of IMAGE to TEMPLATE, a file in a bucket
	$(call need,IMAGE,the name of the image,us-docker.pkg.dev/project/repository/name:tag)
	$(call need,TEMPLATE,the template's file in a bucket,gs://bucket/template.json)
	@mkdir -p build
	$(DOCKER) run --rm --network=none '$(IMAGE)' template --image='$(IMAGE)' > build/template.json
	gcloud storage cp build/template.json '$(TEMPLATE)'

# Parted by ~, because INPUT may hold commas.
launch: ## launch TEMPLATE in REGION on DEVICE, from INPUT to OUTPUT; ARGS are flags of gcloud's
	$(call need,TEMPLATE,the template's file in a bucket,gs://bucket/template.json)
	$(if $(filter gs://%,$(INPUT)),,@echo "error: INPUT is missing: files in a bucket. As in: make launch INPUT='gs://bucket/in/*'"; exit 2)
	$(if $(filter gs://%,$(OUTPUT)),,@echo "error: OUTPUT is missing: a folder in a bucket. As in: make launch OUTPUT=gs://bucket/out"; exit 2)
	gcloud dataflow flex-template run '$(JOB)' --template-file-gcs-location='$(TEMPLATE)' --region='$(REGION)' \
		--parameters='^~^input=$(INPUT)~output=$(OUTPUT)~device=$(DEVICE)$(if $(filter GPU,$(DEVICE)),~accelerator=$(ACCELERATOR))' $(ARGS)

clean: ## remove the environment and the results
	rm -rf $(VENV) out

build/peers/ready: bench/requirements.txt | $(VENV)/ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target build/peers -r bench/requirements.txt
	@touch $@

# All that it needs is pinned, and compiled where it is imported: half the time.
build/bigquery/ready: tests/engines/bqemulator.txt | $(VENV)/python-ok
	@echo "Making the environment of the BigQuery for tests in build/bigquery (once; a minute)"
	@$(BIN)/python -m venv --clear build/bigquery
	@build/bigquery/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-compile -r tests/engines/bqemulator.txt
	@touch $@

$(VENV)/python-ok:
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
		sys.exit(None if v >= tuple(map(int, "$(LOWEST_PYTHON)".split("."))) else f"Python $(LOWEST_PYTHON) or newer is needed; $(PYTHON) is {v.major}.{v.minor}. Set PYTHON=…")'
	@echo "Making the environment in $(VENV) (once; some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/ready: $(VENV)/python-ok requirements.txt pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/ready-convert: $(VENV)/ready requirements-convert.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-convert.txt
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-convert.txt requirements-dev.txt tests/metrics/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target build/reference -r tests/metrics/requirements.txt
	@touch $@
