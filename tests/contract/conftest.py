"""One Spark Connect server for all tests of a process that compare the engines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.spark_server import sail_server


@pytest.fixture(scope="session")
def sail_url() -> Iterator[str]:
    with sail_server() as url:
        yield url
