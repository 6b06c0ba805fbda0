#!/bin/sh
# Makes the virtual environment $1 with a Python that the project supports, and says how to mend it where it cannot.
set -eu
venv=$1
python=${PYTHON:-python3}
is_supported() {
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null
}
if command -v uv >/dev/null 2>&1; then
    is_supported || python=">=3.11,<3.15"
    exec uv venv --quiet --allow-existing --python "$python" "$venv"
fi
if ! command -v "$python" >/dev/null 2>&1; then
    echo "$python is not installed; install Python 3.11 or newer (Debian: apt install python3 python3-venv)" >&2
    exit 2
fi
if ! is_supported; then
    echo "$("$python" --version) is not supported: Python 3.11 to 3.14 is needed" >&2
    echo "give another one: make demo PYTHON=python3.12" >&2
    exit 2
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "this Python cannot make virtual environments: Debian keeps that in a package of its own" >&2
    echo "install it with: apt install python3-venv   (or python$version-venv); or install uv" >&2
    exit 2
fi
exec "$python" -m venv "$venv"
