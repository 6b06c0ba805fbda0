from __future__ import annotations

import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from afluente_agent import cli
from afluente_agent.enrol import enrol
from afluente_agent.errors import EnrolmentError, IdentityError, UnreachableError
from afluente_agent.identity import IdentityStore
from afluente_agent.settings import DataFolder, SettingsStore
from tests.unit.agent.core.small_hub import TOKEN, SmallHub


def enrolled_at(folder: DataFolder, hub: SmallHub, **options: object):
    return enrol(folder, hub=hub.url, token=TOKEN, now=time.time, proxy="none", **options)  # type: ignore[arg-type]


def test_a_token_makes_an_agent_with_a_key_of_its_own(hub: SmallHub, folder: DataFolder) -> None:
    done = enrolled_at(folder, hub, findings=("dns.slow",))
    identity = IdentityStore(folder.identity).load()
    settings = SettingsStore(folder).load()
    assert (done.site, done.decision, done.is_new) == ("3550308", "new", True)
    assert (identity.agent, identity.key) == ("agent-1", "key-1")
    assert (settings.site_name, settings.hub_keys, settings.configuration_version) == (
        "São Paulo",
        (hub.public_key,),
        1,
    )
    assert hub.enrolled is not None and hub.enrolled.findings == ("dns.slow",)
    assert stat.S_IMODE((folder.identity / "current.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_enrolling_again_leaves_everything_as_it_is(hub: SmallHub, enrolled: DataFolder) -> None:
    before = (enrolled.identity / "current.json").read_bytes(), enrolled.settings.read_bytes()
    again = enrol(enrolled, hub="http://other.invalid", token="", now=time.time)
    assert not again.is_new
    assert ((enrolled.identity / "current.json").read_bytes(), enrolled.settings.read_bytes()) == before


@pytest.mark.parametrize("decision", ["reinstalled", "migration", "clone"])
def test_what_the_hub_made_of_it_is_told_in_portuguese(hub: SmallHub, folder: DataFolder, decision: str) -> None:
    hub.decision = decision
    words = {"reinstalled": "Reinstalação", "migration": "Migração", "clone": "suspensa"}
    assert words[decision] in enrolled_at(folder, hub).message_pt


def test_an_enrolment_whose_answer_was_lost_ends_with_the_same_key(hub: SmallHub, folder: DataFolder) -> None:
    hub.drop_answers = ["/v1/enrol"]
    with pytest.raises(UnreachableError):
        enrolled_at(folder, hub)
    assert hub.enrolled is not None
    first = hub.enrolled
    assert enrolled_at(folder, hub).is_new
    assert hub.enrolled == first


def test_a_wrong_token_is_refused_and_nothing_is_enrolled(hub: SmallHub, folder: DataFolder) -> None:
    with pytest.raises(EnrolmentError) as caught:
        enrol(folder, hub=hub.url, token="afl_wrong", now=time.time, proxy="none")
    assert caught.value.code == "enrolment.unknown"
    assert not SettingsStore(folder).load().is_enrolled
    assert enrolled_at(folder, hub).is_new


def test_the_token_stands_in_no_file(hub: SmallHub, enrolled: DataFolder) -> None:
    for path in enrolled.root.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes()


def test_an_unreadable_key_is_never_overwritten(hub: SmallHub, folder: DataFolder) -> None:
    folder.identity.mkdir(parents=True)
    (folder.identity / "current.json").write_bytes(b"half a ke")
    with pytest.raises(IdentityError):
        enrolled_at(folder, hub)
    assert (folder.identity / "current.json").read_bytes() == b"half a ke"


def test_enrolling_anew_keeps_the_old_key_aside(hub: SmallHub, enrolled: DataFolder) -> None:
    old = IdentityStore(enrolled.identity).load()
    hub.enrolled = None
    assert enrolled_at(enrolled, hub, is_anew=True).is_new
    assert IdentityStore(enrolled.identity).load().public_key != old.public_key
    assert old.public_key in (enrolled.identity / "aside-current-1.json").read_text()


def test_two_enrolments_at_once_make_one_agent(hub: SmallHub, folder: DataFolder) -> None:
    outcomes: list[bool] = []
    threads = [threading.Thread(target=lambda: outcomes.append(enrolled_at(folder, hub).is_new)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, False, False, True]


KILLED = """
    import os, signal, sys, time
    from afluente_agent import durable
    from afluente_agent.enrol import enrol
    from afluente_agent.settings import DataFolder
    from pathlib import Path

    left = int(sys.argv[3])
    replace, fsync = os.replace, os.fsync

    def counted(event, arguments):
        global left
        if event in ("os.rename", "os.chmod", "socket.connect", "open") and "agent" in str(arguments):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(counted)
    enrol(DataFolder(Path(sys.argv[1])), hub=sys.argv[2], token=sys.argv[4], now=time.time, proxy="none")
"""


def test_killed_anywhere_an_enrolment_is_ended_by_running_again(hub: SmallHub, tmp_path: Path) -> None:
    """The process kills itself before its n-th step on a file of the folder, for every n."""
    kills = 0
    for step in range(0, 60, 3):
        folder = DataFolder(tmp_path / f"agent-{step}")
        hub.enrolled, hub.keys = None, {}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(folder.root), hub.url, str(step), TOKEN], check=False
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        kills += 1
        known = hub.enrolled
        again = enrolled_at(folder, hub)
        assert again.agent == "agent-1"
        assert known is None or hub.enrolled == known
        identity = IdentityStore(folder.identity).load()
        assert hub.keys == {"key-1": identity.public_key}
        assert identity.key == "key-1"
    assert kills >= 5


def test_the_command_enrols_unattended_and_says_what_was_done(
    hub: SmallHub, folder: DataFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFLUENTE_TOKEN", TOKEN)
    arguments = ["enrol", "--home", str(folder.root), "--hub", hub.url, "--proxy", "none", "--pec", "/opt/outra"]
    assert cli.main(arguments) == 0
    assert SettingsStore(folder).load().pec_folder == "/opt/outra"
    assert "São Paulo (3550308)" in capsys.readouterr().out
    assert cli.main(arguments) == 0
    assert "já está registrada" in capsys.readouterr().out
    assert cli.main(["status", "--home", str(folder.root)]) == 0
    assert "Município: São Paulo" in capsys.readouterr().out


def test_the_command_says_what_is_missing(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["enrol", "--home", str(folder.root), "--hub", "https://h"]) == 1
    assert "falta o código de instalação" in capsys.readouterr().err
    assert cli.main(["enrol", "--home", str(folder.root), "--token", "x"]) == 1
    assert "falta o endereço do hub" in capsys.readouterr().err
    assert cli.main(["status", "--home", str(folder.root)]) == 1


def test_nothing_heavy_is_loaded_for_the_help() -> None:
    code = (
        "import sys; import afluente_agent.cli as c\n"
        "try: c.main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'httpx', 'asyncpg', 'cryptography', 'zstandard', 'tuf', 'truststore', 'asyncio', 'ssl'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
