#!/bin/sh
# Installs the pinned requirements of file $2, and this project, into the virtual environment $1.
set -eu
venv=$1
requirements=$2
echo "installing $requirements into $venv" >&2
if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --compile-bytecode --python "$venv/bin/python" --require-hashes -r "$requirements"
    uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e agent -e .
else
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e agent -e .
fi
"$venv/bin/python" -m compileall -q src agent/src >/dev/null || true
