from __future__ import annotations

import hashlib
import io
import os
import platform
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.unit.agent.core.small_hub import TOKEN, SmallHub

SCRIPT = Path(__file__).parents[4] / "agent" / "install" / "install.sh"
PROGRAM = '#!/bin/sh\ncat > "$(dirname "$0")/seen.token"; echo "$@" > "$(dirname "$0")/seen.arguments"; env > "$(dirname "$0")/seen.environment"\n'

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or platform.system() != "Linux", reason="the script is for Linux with curl"
)


def archive() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        one = tarfile.TarInfo("afluente-agent/afluente-agent")
        one.size, one.mode = len(PROGRAM), 0o755
        packed.addfile(one, io.BytesIO(PROGRAM.encode()))
    return content.getvalue()


def install(hub: SmallHub, to: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "AFLUENTE_HUB": hub.url,
        "AFLUENTE_TOKEN": TOKEN,
        "AFLUENTE_TO": str(to),
        "AFLUENTE_TRIES": "1",
        "NO_PROXY": "*",
        **more,
    }
    return subprocess.run(
        ["sh", str(SCRIPT), "--proxy", "none"], env=environment, capture_output=True, text=True, check=False
    )


def test_one_line_fetches_the_bundle_and_installs_without_showing_the_token(hub: SmallHub, tmp_path: Path) -> None:
    packed, asked = archive(), []

    def answer(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        asked.append(path)
        return 200, {}, packed

    hub.override = answer
    to = tmp_path / "opt" / "agente com espaço"
    digest = hashlib.sha256(packed).hexdigest()
    for _ in range(2):
        done = install(hub, to, AFLUENTE_SHA256=digest)
        assert done.returncode == 0, done.stderr
    assert asked == [f"/updates/afluente-agent-linux-{platform.machine()}.tar.gz"]
    assert (to / "seen.token").read_text() == TOKEN + "\n"
    assert (to / "seen.arguments").read_text() == f"install --hub {hub.url} --token - --proxy none\n"
    assert TOKEN not in (to / "seen.environment").read_text()


def test_an_archive_that_is_not_the_one_expected_is_not_installed(hub: SmallHub, tmp_path: Path) -> None:
    hub.override = lambda _method, _path: (200, {}, archive())
    done = install(hub, tmp_path / "to", AFLUENTE_SHA256="0" * 64)
    assert done.returncode == 1
    assert "não é o esperado" in done.stderr
    assert not (tmp_path / "to").exists()


def test_a_hub_that_is_away_leaves_nothing_behind(hub: SmallHub, tmp_path: Path) -> None:
    hub.override = lambda _method, _path: (404, {}, b"")
    assert install(hub, tmp_path / "to").returncode == 1
    assert not (tmp_path / "to").exists()
