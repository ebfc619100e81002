# One image is Dataflow's launcher, its workers, and the local tool.
#
#   make image IMAGE=…            with CUDA 13, for CPU and GPU workers
#   make image-cuda126 IMAGE=…    with CUDA 12.6, for older drivers and older GPUs
#   make image-cpu IMAGE=…        without CUDA, much smaller, for CPU workers
#
# Written for BuildKit and podman alike. `make lock` writes Python's and Beam's version below from
# pyproject.toml. container/check_image.py fails the build when they disagree with each other, or
# with what was installed.
ARG PYTHON_VERSION=3.12
ARG BEAM_VERSION=2.77.0
ARG BEAM_SDK_IMAGE=apache/beam_python${PYTHON_VERSION}_sdk:${BEAM_VERSION}
ARG LAUNCHER_IMAGE=gcr.io/dataflow-templates-base/python312-template-launcher-base:flex_templates_base_image_release_20260112_RC00
# cuda, cuda126 or cpu: the system to start from, and which torch there must be in the image. The
# last two need TORCH_INDEX.
ARG FLAVOUR=cuda
# Another system than the flavour's own; Ubuntu or Debian.
ARG BASE_IMAGE=""
# hub: MODEL_ID at MODEL_REVISION from the Hugging Face hub. folder: MODEL_FOLDER of this directory.
ARG MODEL_SOURCE=hub

FROM ${BEAM_SDK_IMAGE} AS beam-sdk

FROM ${LAUNCHER_IMAGE} AS launcher

# NVIDIA's images hold the forward-compatibility libraries of their CUDA.
FROM ${BASE_IMAGE:-nvidia/cuda:13.0.2-base-ubuntu24.04} AS base-cuda
FROM ${BASE_IMAGE:-nvidia/cuda:12.6.3-base-ubuntu24.04} AS base-cuda126
FROM ${BASE_IMAGE:-ubuntu:24.04} AS base-cpu

# hadolint ignore=DL3006
FROM base-${FLAVOUR} AS python
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    ca-certificates python3 \
 && apt-get clean && rm -rf /var/lib/apt/lists/*

# What is installed from requirements.txt; rebuilt only when that changes.
FROM python AS dependencies
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
# The address of PyTorch's own wheels for FLAVOUR, where that is not cuda. A pip.conf for a private
# index can be given as the secret `pip`; it does not stay in the image.
ARG TORCH_INDEX=""
COPY requirements.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip install --disable-pip-version-check --no-compile --requirement /build/requirements.txt \
    ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"}
COPY container/slim.py /build/
RUN python /build/slim.py /opt/venv /opt/torch

# The installed package is a wheel, not the source tree.
FROM dependencies AS package
COPY pyproject.toml README.md LICENSE /build/source/
COPY src /build/source/src
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip wheel --disable-pip-version-check --no-deps --wheel-dir=/build/wheel /build/source \
 && pip install --disable-pip-version-check --no-index --no-deps --prefix=/opt/package /build/wheel/*.whl

# What makes a model's folder: the program, and what only old models need besides. Nothing of it but
# that folder gets into the image.
FROM dependencies AS model-tools
COPY requirements-convert.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip install --disable-pip-version-check --no-compile --requirement /build/requirements-convert.txt
COPY --from=dependencies /opt/torch /opt/venv
COPY --from=package /opt/package /opt/venv

# The model, from one of two places; only this stage reaches for the hub. The cache keeps what it
# fetched when the program changes. A token for a gated or private model can be given as the secret
# `hf_token`; it does not stay in the image. CALIBRATE=builtin finds the ranges for precision=int8.
FROM model-tools AS model-from-hub
ARG MODEL_ID=distilbert/distilbert-base-uncased-finetuned-sst-2-english
ARG MODEL_REVISION=714eb0f
ARG CALIBRATE=""
RUN --mount=type=cache,target=/root/.cache/huggingface \
    --mount=type=secret,id=hf_token,target=/run/secrets/hf_token \
    HF_TOKEN_PATH=/run/secrets/hf_token \
    python -m runinference_metrics model "${MODEL_ID}${MODEL_REVISION:+@${MODEL_REVISION}}" --output=/model \
    ${CALIBRATE:+--calibrate="${CALIBRATE}"}

FROM model-tools AS model-from-folder
ARG MODEL_FOLDER=models/demo
ARG CALIBRATE=""
COPY ${MODEL_FOLDER} /build/model
RUN python -m runinference_metrics model /build/model --output=/model \
    ${CALIBRATE:+--calibrate="${CALIBRATE}"}

# hadolint ignore=DL3006
FROM model-from-${MODEL_SOURCE} AS model

FROM python AS image
COPY --from=beam-sdk /opt/apache/beam/boot /opt/apache/beam/boot
COPY --from=launcher /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
# Two layers, so that workers fetch them side by side, and torch stays when the rest changes.
COPY --from=dependencies /opt/torch /opt/venv
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=model /model /opt/runinference_metrics/model
# boot would otherwise make an environment of its own on every worker. Everything else is the
# program's: the model in the image, never the hub; and no attempt to write into the image.
ENV PATH=/opt/venv/bin:$PATH \
    RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1 \
    FLEX_TEMPLATE_PYTHON_PY_FILE=/opt/runinference_metrics/main.py \
    RUNINFERENCE_METRICS_MODEL=/opt/runinference_metrics/model \
    HF_HUB_OFFLINE=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=package /opt/package /opt/venv
COPY src/main.py container/entrypoint container/cuda_compat /opt/runinference_metrics/
ARG BEAM_VERSION
ARG PYTHON_VERSION
ARG BEAM_SDK_IMAGE
ARG LAUNCHER_IMAGE
ARG FLAVOUR
RUN --mount=type=bind,source=container/check_image.py,target=/check_image.py \
    python /check_image.py --python="${PYTHON_VERSION}" --beam="${BEAM_VERSION}" \
    --beam-sdk-image="${BEAM_SDK_IMAGE}" --launcher-image="${LAUNCHER_IMAGE}" --flavour="${FLAVOUR}" \
 && python -m runinference_metrics.classifier.driver > /opt/runinference_metrics/needed_driver
# Its own name: with it the launcher starts the workers.
ARG IMAGE=""
ENV RUNINFERENCE_METRICS_IMAGE=${IMAGE}
WORKDIR /opt/runinference_metrics
ENTRYPOINT ["/opt/runinference_metrics/entrypoint"]
