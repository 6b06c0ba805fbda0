"""A PostgreSQL server of the demo that a slow machine starts slowly."""

from __future__ import annotations

import subprocess

import pytest

from afluente.demo.transmissor.postgres import start_patiently


class Server:
    """Raises these, one at each start, and then starts."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.starts = 0

    def start(self) -> None:
        self.starts += 1
        if self._errors:
            raise self._errors.pop(0)


def test_a_start_that_outlasts_the_patience_of_the_package_is_looked_for_until_it_is_done() -> None:
    server = Server(subprocess.TimeoutExpired("pg_ctl", 10), AssertionError("not ready"))
    start_patiently(server)
    assert server.starts == 3


def test_a_start_that_failed_is_told_at_once() -> None:
    server = Server(subprocess.CalledProcessError(1, "pg_ctl"))
    with pytest.raises(subprocess.CalledProcessError):
        start_patiently(server)
    assert server.starts == 1
