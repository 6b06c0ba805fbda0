"""The partner of a reference project, played on this machine: its SFTP server, its API and everybody's mail.

Invariant: everything listens on loopback and ends with the `with`; what was received stays in `received`; the keys and
passwords are made for the one demo and are worth nothing elsewhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afluente.demo.loopback.mail_server import MailInbox
    from afluente.demo.loopback.partner_api import PartnerApi
    from afluente.demo.loopback.sftp_server import SftpServer

USER = "aiqfome"
KEYS = "chaves"


@dataclass(frozen=True, slots=True)
class Partner:
    """The servers that run, where they keep what they got, and the environment by which the project finds them."""

    sftp: SftpServer
    api: PartnerApi
    mail: MailInbox
    received: Path
    environment: Mapping[str, str]


@contextmanager
def partner(project: Path) -> Iterator[Partner]:
    """Make the project's keys and start the servers; what they receive goes to `<project>/received`."""
    from afluente.demo.loopback.mail_server import MailInbox
    from afluente.demo.loopback.partner_api import PartnerApi
    from afluente.demo.loopback.partner_behaviour import Login
    from afluente.demo.loopback.sftp_server import Account, SftpServer
    from afluente.products.release.sshsig import make_key

    received = project / "received"
    for name in ("sftp/entrada", "api", "mail"):
        (received / name).mkdir(parents=True)
    signing, login = make_key("afluente-demo"), make_key("afluente-demo")
    _keep_private(project / KEYS / "assinatura", signing.private)
    (project / KEYS / "assinatura.pub").write_text(signing.public + "\n", encoding="utf-8")
    _keep_private(project / KEYS / "sftp", login.private)
    token = secrets.token_urlsafe(24)
    with (
        SftpServer(received / "sftp", Account(USER, public_key=login.public)) as sftp,
        PartnerApi(received / "api", login=Login(token=token)) as api,
        MailInbox(received / "mail") as mail,
    ):
        environment = {
            "PARCEIRO_SFTP_HOST": "127.0.0.1",
            "PARCEIRO_SFTP_PORT": str(sftp.port),
            "PARCEIRO_SFTP_CHAVE": sftp.public_host_key,
            "PARCEIRO_API": api.url,
            "PARCEIRO_API_TOKEN": token,
            "CORREIO_HOST": "127.0.0.1",
            "CORREIO_PORT": str(mail.port),
            "CORREIO_TLS": "none",
            "PARCEIRO_EMAILS": "marca@example.com",
            "ALERTAS_HOST": "127.0.0.1",
            "ALERTAS_PORT": str(mail.port),
            "ALERTAS_TLS": "none",
            "ALERTAS_PARA": "dados@example.com",
        }
        yield Partner(sftp, api, mail, received, environment)


def _keep_private(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
