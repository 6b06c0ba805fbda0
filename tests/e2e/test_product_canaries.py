"""No secret is ever written: credentials given by reference stand in no file, table, log or output afterwards."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from afluente.demo.loopback.certificate import make_certificate
from afluente.demo.loopback.mail_server import MailInbox, MailLogin
from afluente.demo.loopback.partner_api import PartnerApi
from afluente.demo.loopback.partner_behaviour import Login
from afluente.demo.loopback.sftp_server import Account, SftpServer
from tests.e2e.cli_project import process
from tests.unit.products.release.release_project import commit_facts, make_project, open_project, sales

SFTP_PASSWORD = "izI32-vwq5-pPv1-Hr68"
MAIL_PASSWORD = "J81M-1d9e-4fg8-5VEH"
API_PASSWORD = "x9eYJI10tERhj9BerXdG80C7"
USER = "aiqfome"
SECRETS = {"SFTP_SENHA": SFTP_PASSWORD, "CORREIO_SENHA": MAIL_PASSWORD, "API_SENHA": API_PASSWORD}
DELIVERIES = """deliveries:
  - {{name: copia, folder: {{path: ../recebido/pasta}}}}
  - name: arquivos
    sftp:
      host: 127.0.0.1
      port: {sftp_port}
      user: aiqfome
      password: secret:env:SFTP_SENHA
      host_key: "{host_key}"
      folder: "."
  - name: api
    outputs: [vendas_mes]
    api: {{url: "{api_url}", auth: {{user: aiqfome, password: "secret:env:API_SENHA"}}}}
  - name: aviso
    email:
      server: localhost
      port: {mail_port}
      security: starttls
      ca_file: ca.pem
      user: aiqfome
      password: secret:env:CORREIO_SENHA
      from: dados@example.com
      to: [marca@example.com]
"""


def forms(secret: str) -> list[bytes]:
    """A secret as it could stand in a file."""
    found = [secret, quote(secret), secret[::-1], json.dumps(secret)[1:-1]]
    encoded = [secret, f"{USER}:{secret}", f"\0{USER}\0{secret}"]
    found += [base64.b64encode(text.encode()).decode().rstrip("=") for text in encoded]
    return [text.encode() for text in found] + [secret.encode("utf-16-le"), secret.encode().hex().encode()]


CANARIES = [form for secret in SECRETS.values() for form in forms(secret)]


@dataclass
class World:
    """The project, the partner's servers, and everything that commands said."""

    project: Path
    sftp: SftpServer
    api: PartnerApi
    mail: MailInbox
    said: bytes = b""

    def run(self, *words: str, secrets: dict[str, str] | None = None) -> int:
        environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
        environment |= SECRETS if secrets is None else secrets
        ended = subprocess.run(process(self.project, *words), capture_output=True, env=environment)
        self.said += ended.stdout + ended.stderr
        return ended.returncode


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    root = make_project(tmp_path / "banca")
    certificate = make_certificate(tmp_path / "certificado")
    (root / "ca.pem").write_bytes(certificate.authority.read_bytes())
    received = tmp_path / "recebido"
    (received / "sftp").mkdir(parents=True)
    with (
        SftpServer(received / "sftp", Account(USER, password=SFTP_PASSWORD)) as sftp,
        PartnerApi(received / "api", login=Login(user=USER, password=API_PASSWORD)) as api,
        MailInbox(received / "mail", login=MailLogin(USER, MAIL_PASSWORD), tls=certificate.server_context()) as mail,
    ):
        product = root / "products" / "vendas.yaml"
        text = product.read_text(encoding="utf-8").partition("deliveries:")[0]
        text += DELIVERIES.format(
            sftp_port=sftp.port, host_key=sftp.public_host_key, api_url=api.url, mail_port=mail.port
        )
        product.write_text(text, encoding="utf-8")
        with open_project(root) as workspace:
            commit_facts(workspace, sales())
        yield World(root, sftp, api, mail)


def assert_no_secret(world: World) -> None:
    assert not [form for form in CANARIES if form in world.said]
    leaking = []
    for path in sorted(world.project.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            leaking += [path for form in CANARIES if form in content]
    assert leaking == []
    rows = [row for table in tables(world) for row in table]
    assert rows
    told = json.dumps(rows, default=str, ensure_ascii=False).encode()
    assert not [form for form in CANARIES if form in told]


def tables(world: World) -> list[list[tuple[object, ...]]]:
    """Every row of every table of the state."""
    with sqlite3.connect(world.project / ".afluente" / "state.db") as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = [connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names]
    connection.close()
    return found


def statuses(world: World) -> dict[str, str]:
    with sqlite3.connect(world.project / ".afluente" / "state.db") as connection:
        found = dict(connection.execute("SELECT name, status FROM deliveries").fetchall())
    connection.close()
    return found


def make_due(world: World) -> None:
    with sqlite3.connect(world.project / ".afluente" / "state.db") as connection:
        connection.execute("UPDATE deliveries SET due_at = '2026-01-01 00:00:00.000000' WHERE status = 'waiting'")
    connection.close()


def test_no_secret_is_written_by_deliveries_that_fail_and_that_arrive(world: World) -> None:
    assert world.run("check") == 0
    assert world.run("product", "release") == 0
    world.sftp.faults.refuses_logins = True
    world.api.behaviour.login = Login(user=USER, password="outra")
    world.mail.inject("down")
    assert world.run("product", "deliver") == 1
    failed = statuses(world)
    assert failed["copia"] == "delivered"
    assert "delivered" not in {failed["arquivos"], failed["api"], failed["aviso"]}
    assert_no_secret(world)
    world.sftp.faults.refuses_logins = False
    world.api.behaviour.login = Login(user=USER, password=API_PASSWORD)
    make_due(world)
    for words in (("doctor",), ("product", "redeliver", "--reason", "voltou"), ("product", "deliver", "--json")):
        world.run(*words)
    assert set(statuses(world).values()) == {"delivered"}
    for words in (("list", "vendas"), ("ledger",), ("audit", "--json"), ("verify",), ("plan",)):
        world.run("product", *words)
    assert_no_secret(world)


def test_no_secret_stands_in_the_error_of_a_secret_that_is_wrong(world: World) -> None:
    swapped = {"SFTP_SENHA": MAIL_PASSWORD, "CORREIO_SENHA": API_PASSWORD, "API_SENHA": SFTP_PASSWORD}
    assert world.run("product", "release") == 0
    assert world.run("product", "deliver", secrets=swapped) == 1
    assert statuses(world)["arquivos"] != "delivered"
    assert world.run("doctor", secrets=swapped) != 0
    assert_no_secret(world)


def test_no_secret_stands_in_the_error_of_a_signing_key_that_is_none(world: World) -> None:
    product = world.project / "products" / "vendas.yaml"
    text = product.read_text(encoding="utf-8")
    product.write_text(text.replace("secret:file:chaves/assinatura", "secret:env:SFTP_SENHA"), encoding="utf-8")
    assert world.run("product", "release") == 2
    assert b"release.signing_key" in world.said
    assert_no_secret(world)
