"""Spark Connect servers for the tests, each in a process of its own, on a free port of loopback."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SAIL = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
print("port", server.listening_address[1], flush=True)
sys.stdin.read()
server.stop()
"""


@contextmanager
def spark_server(python: str, text: str, **environment: str) -> Iterator[str]:
    """A server that says `port N` when it listens, and ends with its standard input; its address."""
    process = subprocess.Popen(
        [python, "-c", text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = next((line.split()[1] for line in process.stdout if line.startswith("port ")), None)
        assert port is not None, "the server ended before it listened"
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@contextmanager
def sail_server(**environment: str) -> Iterator[str]:
    """Sail, while the block runs; skips the test where it is not installed."""
    if importlib.util.find_spec("pysail") is None:
        pytest.skip("pysail is not installed: Spark Connect is not tested")
    with spark_server(sys.executable, SAIL, SAIL_RUNTIME__MEMORY_POOL__TYPE="fair", **environment) as url:
        yield url
