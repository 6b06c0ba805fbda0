#!/bin/sh
# Brings in what the tests of grown forms use and a fresh machine may lack: Java and an OpenSSH server from Debian,
# Apache Spark from the package index into a virtual environment of its own, and PyInstaller into ours. What cannot be
# had is said, and its tests skip. Prints the Python of the Spark installation, if there is one.
set -u
spark=.venv-spark

say() { echo "$1" >&2; }

debian() { # a program, and the package that has it
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing $2"
        { apt-get install -y -q --no-install-recommends "$2" || { apt-get update -q && apt-get install -y -q --no-install-recommends "$2"; }; } >/dev/null 2>&1
    fi
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || say "$1 is not here: its tests skip"
}

debian java openjdk-17-jre-headless
debian sshd openssh-server

if ! .venv/bin/python -c 'import PyInstaller' 2>/dev/null; then
    say "installing PyInstaller"
    if command -v uv >/dev/null 2>&1; then
        uv pip install -q --python .venv/bin/python --require-hashes -r requirements/bundle.txt
    else
        .venv/bin/python -m pip install -q --require-hashes -r requirements/bundle.txt
    fi >/dev/null 2>&1 || say "PyInstaller cannot be installed: its tests skip"
fi

if command -v java >/dev/null 2>&1; then
    if [ ! -x "$spark/bin/spark-submit" ]; then
        say "installing Apache Spark into $spark"
        if command -v uv >/dev/null 2>&1; then
            uv venv -q --python .venv/bin/python "$spark" && uv pip install -q --python "$spark/bin/python" --require-hashes -r requirements/spark.txt
        else
            .venv/bin/python -m venv "$spark" && "$spark/bin/python" -m pip install -q --require-hashes -r requirements/spark.txt
        fi >/dev/null 2>&1 || say "Apache Spark cannot be installed: its tests skip"
    fi
    [ -x "$spark/bin/spark-submit" ] && echo "$PWD/$spark/bin/python"
fi
exit 0
