"""The key of pseudonyms reaches each agent, and nobody who sees documents, answers or the state can read it."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from afluente_agent import collect, documents
from afluente_agent.client import HubClient
from afluente_agent.collect import Collecting
from afluente_agent.delta import DeltaStore
from afluente_agent.enrol import enrol
from afluente_agent.errors import CatalogueError
from afluente_agent.identity import IdentityStore
from afluente_agent.key_rotation import rotate
from afluente_agent.protocol.messages import HeartbeatAnswer, from_json, to_json
from afluente_agent.pseudonym import Pseudonyms
from afluente_agent.settings import DataFolder, SettingsStore
from tests.fleet_world.hub_world import HubWorld, hub
from tests.fleet_world.signing_agent import heartbeat
from tests.fleet_world.spool_world import open_spool

from afluente.fleet.documents import publish
from afluente.fleet.pseudonym_key import PseudonymKey
from afluente.fleet.refusal import FleetError
from afluente.state.database import Database

SECRET = bytes(range(100, 132))
KEY = PseudonymKey(SECRET)


class Listening(httpx.HTTPTransport):
    """A line that keeps all bytes of the hub's answers."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        body = response.read()
        self.heard += body
        headers = [pair for pair in response.headers.raw if pair[0].lower() != b"transfer-encoding"]
        return httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(body))


class Site:
    def __init__(self, world: HubWorld, folder: Path, site: str) -> None:
        self.world, self.site, self.line = world, site, Listening()
        self.data = DataFolder(folder / site)
        token = world.token(site)
        address = world.server.agents_address
        enrol(self.data, hub=address, token=token, now=time.time, proxy="none", transport=self.line)

    @property
    def version(self) -> int:
        return SettingsStore(self.data).load().configuration_version

    def beat(self) -> None:
        """A heartbeat, and what it brings taken."""
        store = SettingsStore(self.data)
        sequence = store.update(sequence=store.load().sequence + 1).sequence
        with self.client() as client:
            beaten = heartbeat(sequence=sequence, configuration_version=self.version)
            answer = client.call("POST", "/v1/heartbeat", beaten, HeartbeatAnswer)
        if answer.configuration is not None:
            documents.take(store, answer.configuration, kind=documents.CONFIGURATION)

    def client(self) -> HubClient:
        settings, identity = SettingsStore(self.data).load(), IdentityStore(self.data.identity).load()
        return HubClient(settings, identity, now=time.time, transport=self.line)

    def pseudonyms(self) -> Pseudonyms:
        spool = open_spool(self.data.root)
        by = Collecting(
            self.data, SettingsStore(self.data).load(), spool, DeltaStore(self.data.root / "deltas"), time.time, lambda: None
        )  # fmt: skip
        found = collect._pseudonyms(by)
        assert found is not None
        return found


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[HubWorld]:
    with hub(database, tmp_path, pseudonym_key=KEY) as made:
        yield made


def spellings(secret: bytes) -> list[bytes]:
    return [secret, base64.b64encode(secret).rstrip(b"="), base64.urlsafe_b64encode(secret), secret.hex().encode()]


def files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_agents_of_all_sites_make_the_same_pseudonym_and_nobody_else_can_read_the_key(
    world: HubWorld, tmp_path: Path
) -> None:
    sites = [Site(world, tmp_path, name) for name in ("a", "b")]
    for site in sites:
        site.beat()
    expected = Pseudonyms(SECRET).of("cpf", b"12345678909")
    assert [site.pseudonyms().of("cpf", b"12345678909") for site in sites] == [expected] * 2
    heard = b"".join(site.line.heard for site in sites)
    assert b"sealed" in heard
    for spelling in spellings(SECRET):
        assert spelling not in heard
        assert spelling not in files(tmp_path)


def test_a_configuration_copied_from_another_site_does_not_open(world: HubWorld, tmp_path: Path) -> None:
    site, other = Site(world, tmp_path, "a"), Site(world, tmp_path, "b")
    shutil.copy(other.data.documents / "configuration.json", site.data.documents / "configuration.json")
    with pytest.raises(CatalogueError) as refused:
        site.pseudonyms()
    assert refused.value.code == "pseudonym.no_key"
    copied = documents.kept(other.data, documents.CONFIGURATION, hub_keys=world.parts.signer.public_keys)
    assert copied is not None
    newer = world.parts.signer.sign(
        "configuration", 10**6, copied.body.replace(f'"version":{copied.version}', '"version":1000000')
    )
    with pytest.raises(CatalogueError) as refused:
        documents.take(SettingsStore(site.data), newer, kind=documents.CONFIGURATION)
    assert refused.value.code == "document.not_ours"


def test_after_a_rotation_the_key_opens_and_is_soon_sealed_to_the_new_one(world: HubWorld, tmp_path: Path) -> None:
    site = Site(world, tmp_path, "a")
    before, expected = site.version, site.pseudonyms().of("cpf", b"1")
    with site.client() as client:
        new = rotate(IdentityStore(site.data.identity), client)
    assert site.pseudonyms().of("cpf", b"1") == expected
    site.beat()
    assert site.version > before
    assert new.public_key in (site.data.documents / "configuration.json").read_text()
    (site.data.identity / "old-1.json").unlink()
    assert site.pseudonyms().of("cpf", b"1") == expected
    settled = site.version
    site.beat()
    assert site.version == settled


def test_another_key_of_the_project_reaches_the_agent_by_itself(database: Database, tmp_path: Path) -> None:
    with hub(database, tmp_path, pseudonym_key=KEY) as world:
        site, signer = Site(world, tmp_path, "a"), world.parts.signer
    other = PseudonymKey(SECRET[::-1])
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM operators")
    with hub(database, tmp_path, pseudonym_key=other, signer=signer) as world:
        SettingsStore(site.data).update(hub=world.server.agents_address)
        site.beat()
    assert site.pseudonyms().of("cpf", b"1") == Pseudonyms(other.content).of("cpf", b"1")


def test_a_key_in_clear_is_not_published(world: HubWorld) -> None:
    content = {"pseudonym_key": base64.b64encode(SECRET).decode()}
    with world.database.write() as connection, pytest.raises(FleetError) as refused:
        publish(
            connection, kind="configuration", name="default", content=content, by="ana",
            at=world.parts.clock.now(), signer=world.parts.signer,
        )  # fmt: skip
    assert refused.value.code == "fleet.document_secret"
    answered = world.operate(
        "administrator", "POST", "/v1/documents",
        {"kind": "configuration", "name": "default", "body": '{"pseudonym_key": "x"}'},
    )  # fmt: skip
    assert answered.status_code >= 400


def test_no_answer_to_an_enrolment_told_again_holds_the_key(world: HubWorld) -> None:
    agent = world.enrol()
    answered = world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat(configuration_version=0)))
    given = from_json(HeartbeatAnswer, answered.content).configuration
    assert given is not None
    assert all(spelling not in answered.content for spelling in spellings(SECRET))
