"""What can be told about Spark Connect without a server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from afluente.core.errors import EngineError
from afluente.engines.open import open_engine
from afluente.engines.spark.connect import address, main_module_with_a_file
from afluente.project.settings import EngineSettings


def test_a_server_that_is_not_there_is_told_at_once_and_may_be_tried_again(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(EngineError) as caught:
        open_engine(EngineSettings(kind="spark", url=f"sc://127.0.0.1:{port}"), timezone="UTC", temp_folder=tmp_path)
    assert (caught.value.code, caught.value.retryable) == ("engine.unreachable", True)
    assert str(port) in caught.value.message


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:1", "sc://"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str | None) -> None:
    with pytest.raises(EngineError) as caught:
        open_engine(EngineSettings(kind="spark", url=url), timezone="UTC", temp_folder=tmp_path)
    assert caught.value.code == "engine.setting_invalid"


def test_a_token_in_the_address_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        open_engine(EngineSettings(kind="spark", url="http://h:1/;token=segredo"), timezone="UTC", temp_folder=tmp_path)
    assert "segredo" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("sc://h:15002", "sc://h:15002/;token=a%3Bb%3Dc"),
        ("sc://h:15002/", "sc://h:15002/;token=a%3Bb%3Dc"),
        ("sc://h/;use_ssl=true", "sc://h/;use_ssl=true;token=a%3Bb%3Dc"),
    ],
)
def test_options_of_the_settings_stand_in_the_address_quoted(url: str, whole: str) -> None:
    pytest.importorskip("pyspark", reason="afluente[spark] is not installed")
    with main_module_with_a_file():
        from pyspark.sql.connect.client import DefaultChannelBuilder

    assert address(url, {}) == url
    assert address(url, {"token": "a;b=c"}) == whole
    assert DefaultChannelBuilder(whole).token == "a;b=c"
