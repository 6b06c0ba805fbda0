#!/bin/sh
# Writes the pinned requirements with hashes, for every Python and platform we support, without index addresses.
set -eu
common="--universal --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet --python-version 3.11 --no-emit-package afluente-agent"
mkdir -p requirements
# shellcheck disable=SC2086
uv pip compile $common pyproject.toml requirements/build.in --extra demo -o requirements/base.txt
# shellcheck disable=SC2086
uv pip compile $common pyproject.toml requirements/build.in --group dev --extra demo --extra postgres --extra spark \
    --extra s3 --extra pandas --extra polars --extra keyring -o requirements/dev.txt
# shellcheck disable=SC2086
uv pip compile $common pyproject.toml requirements/build.in --group dev --group bench --extra demo --extra postgres --extra spark \
    --extra s3 --extra pandas --extra polars --extra keyring -o requirements/bench.txt
# shellcheck disable=SC2086
uv pip compile $common requirements/spark.in -o requirements/spark.txt
# shellcheck disable=SC2086
uv pip compile $common requirements/bundle.in -o requirements/bundle.txt
