"""`afluente hub` whole: processes of the command line, one and several over one PostgreSQL state."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from tests.fleet_world.signing_agent import SigningAgent, heartbeat, machine

from afluente.core.clock import SystemClock
from afluente.fleet import enrolment, sites
from afluente.fleet.documents import new_signing_key
from afluente.state.database import open_state
from afluente.state.fleet_schema import AGENTS
from afluente_agent.protocol.messages import EnrolmentAnswer, from_json, to_json

CLOCK = SystemClock()


def make_project(folder: Path, state: str) -> Path:
    folder.mkdir()
    for name, text in (
        ("hub.key", new_signing_key()),
        ("landing.key", base64.b64encode(secrets.token_bytes(32)).decode()),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    (folder / "afluente.yaml").write_text(
        f"name: rede\ntimezone: America/Sao_Paulo\nstate: {state}\n"
        "fleet:\n  signing_key: secret:file:hub.key\n  landing_key: secret:file:landing.key\n"
    )
    return folder


@contextmanager
def hub_process(project: Path) -> Iterator[dict[str, str]]:
    """The addresses of a hub that runs until the block ends."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "afluente.cli.main", "--json", "-C", str(project), "hub", "serve"),
            *("--agents-port", "0", "--operators-port", "0"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        said = ""
        assert process.stdout is not None
        while not said.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            said += line
        yield json.loads(said)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            _, errors = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            raise AssertionError(f"the hub did not stop: {errors}") from None
    assert process.returncode == 0, errors
    assert "Traceback" not in errors, errors


def operator_token(project: Path, role: str = "administrator") -> str:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "afluente.cli.main", "-C", str(project)),
            *("hub", "operator", "ana", "--role", role),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def new_token(state: str, project: Path, site: str = "a") -> str:
    with open_state(state, project) as database, database.write() as connection:
        sites.register(connection, [sites.NewSite(site, "3550308", "SP", "A")], by="ana", at=CLOCK.now())
        return enrolment.create_tokens(connection, [site], by="ana", at=CLOCK.now(), days=1)[0][1]


def enrolled(client: httpx.Client, hub: str, token: str) -> SigningAgent:
    agent = SigningAgent()
    answer = from_json(EnrolmentAnswer, client.post(f"{hub}/v1/enrol", content=to_json(agent.request(token))).content)
    agent.agent, agent.key = answer.agent, answer.key
    return agent


def test_a_hub_is_served_from_a_project_and_its_operator_invites_a_site(tmp_path):
    project = make_project(tmp_path / "rede", "sqlite:///.afluente/state.db")
    token = operator_token(project)
    with hub_process(project) as addresses, httpx.Client(timeout=30) as client:
        headers = {"Authorization": f"Bearer {token}"}
        site = {"id": "3550308", "municipality": "3550308", "uf": "SP", "name": "São Paulo"}
        door = addresses["operators"] + "/v1"
        assert client.post(f"{door}/sites", json={"sites": [site]}, headers=headers).json() == ["3550308"]
        [made] = client.post(f"{door}/tokens", json={"sites": ["3550308"]}, headers=headers).json()
        agent = enrolled(client, addresses["agents"], made["token"])
        body = to_json(heartbeat())
        signed = agent.headers("POST", "/v1/heartbeat", body, at=int(CLOCK.now().timestamp()))
        assert client.post(f"{addresses['agents']}/v1/heartbeat", content=body, headers=signed).status_code == 200
        [shown] = client.get(f"{door}/agents", headers=headers).json()
        assert (shown["id"], shown["sequence"]) == (agent.agent, 1)
    secret = (project / "hub.key").read_text()
    assert secret not in json.dumps(shown)


def test_several_hub_processes_over_one_postgresql_are_one_hub(tmp_path, new_postgres, migrated_postgres):
    state = new_postgres(copy_of=migrated_postgres)
    project = make_project(tmp_path / "rede", "secret:env:STATE")
    os.environ["STATE"] = state
    try:
        with hub_process(project) as one, hub_process(project) as two, httpx.Client(timeout=30) as client:
            agent = enrolled(client, one["agents"], new_token(state, project))
            body = to_json(heartbeat())
            signed = agent.headers("POST", "/v1/heartbeat", body, at=int(CLOCK.now().timestamp()))
            doors = [f"{hub['agents']}/v1/heartbeat" for hub in (one, two)]
            assert client.post(doors[0], content=body, headers=signed).status_code == 200
            again = client.post(doors[1], content=body, headers=signed)
            assert (again.status_code, again.json()["code"]) == (401, "replay")
            race_for_nonces(agent, doors)
            race_for_a_token(state, project, [hub["agents"] for hub in (one, two)])
    finally:
        del os.environ["STATE"]


def race_for_nonces(agent: SigningAgent, doors: list[str]) -> None:
    """Each of ten nonces is used at both processes at once: one of them takes it."""
    for _ in range(10):
        body = to_json(heartbeat())
        signed = agent.headers("POST", "/v1/heartbeat", body, at=int(CLOCK.now().timestamp()))
        answers = together(doors, lambda door: httpx.post(door, content=body, headers=signed, timeout=30).status_code)
        assert sorted(answers) == [200, 401]


def race_for_a_token(state: str, project: Path, hubs: list[str]) -> None:
    """Each of five tokens is used at both processes at once, by different machines: one enrols."""
    for number in range(5):
        token = new_token(state, project, f"race{number}")

        def enrol(hub: str, token: str = token) -> int:
            request = SigningAgent().request(token, machine(hub, install=hub))
            return httpx.post(f"{hub}/v1/enrol", content=to_json(request), timeout=30).status_code

        assert sorted(together(hubs, enrol)) == [200, 403]
    with open_state(state, project) as database, database.read() as connection:
        count = sa.select(sa.func.count()).where(AGENTS.c.site.like("race%"))
        assert connection.execute(count).scalar_one() == 5


def together(places: list[str], call) -> list[int]:
    answers: list[int] = []
    gate = threading.Barrier(len(places))

    def run(place: str) -> None:
        gate.wait()
        answers.append(call(place))

    threads = [threading.Thread(target=run, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--agents-port", "99999"), "hub.port"),
        (("--agents-port", "8500", "--operators-port", "8500"), "hub.one_port"),
    ],
)
def test_a_port_that_cannot_be_is_told(tmp_path, arguments, code):
    done = subprocess.run(
        [sys.executable, "-m", "afluente.cli.main", "-C", str(tmp_path), "hub", "serve", *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert code in done.stderr
