"""A Spark Connect server of Sail in a process of its own, on a free port of loopback."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SERVER = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
server.stop()
"""


@contextmanager
def sail_server() -> Iterator[str]:
    """The server's address while the block runs; skips the test where Sail is not installed."""
    if importlib.util.find_spec("pysail") is None:
        pytest.skip("pysail is not installed: Spark Connect is not tested")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair"},
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"sc://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
