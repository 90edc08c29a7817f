# One file for both variants: docker build -t srwm . for CPUs, with --build-arg GPUS=all for CUDA.
# Every base is an argument, so that a build can name it by digest: --build-arg PYTHON_IMAGE=python@sha256:...
ARG NODE_IMAGE=node:22.20.0-bookworm-slim
ARG PYTHON_IMAGE=python:3.12.11-slim-bookworm

FROM ${NODE_IMAGE} AS node

# What both building and running need: Python, Node, an init, and the libraries that ProcGen's own library links.
FROM ${PYTHON_IMAGE} AS base
# Versions are those of the base image's Debian release, which its digest fixes.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libglib2.0-0 libstdc++6 tini zlib1g \
 && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
# `.venv` and the built kernels lie beside the package, for every user and every folder.
ENV SRWM_CACHE=/opt/srwm/.srwm

FROM base AS build
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ \
 && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /opt/srwm
# The slow layers first: they change with the lock files only.
COPY .npmrc package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts
RUN node bin/srwm.js setup

FROM base AS final
# `void` shows no GPU, `all` every one. The wheels bring CUDA's libraries; the driver comes from the host's NVIDIA runtime.
ARG GPUS=void
ENV NVIDIA_VISIBLE_DEVICES=${GPUS} \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build /opt/srwm /opt/srwm
RUN ln -s /opt/srwm/bin/srwm.js /usr/local/bin/srwm \
 && useradd --uid 10001 --user-group --create-home srwm \
 && install --directory --owner=srwm --group=srwm /opt/srwm/runs
USER 10001:10001
WORKDIR /opt/srwm
VOLUME ["/opt/srwm/runs"]
# tini hands SIGTERM and SIGINT on to Node, which finishes its unroll and writes a checkpoint, and reaps what dies.
ENTRYPOINT ["tini", "--", "srwm"]
CMD ["--help"]
