"""An agent as the hub sees it: a key, a machine, and requests that are signed."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from afluente_agent.protocol.messages import EnrolmentRequest, Fact, Heartbeat, Machine, RemedyDone, Spool
from afluente_agent.protocol.signing import Signed, content_sha256, new_nonce
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def machine(name: str = "a", *, install: str = "install-a", disk: str = "disk-a", version: str = "1.0.0") -> Machine:
    return Machine(
        install_id=install,
        machine_hash=f"machine-{name}",
        disk_hash=disk,
        system="linux",
        system_version="12",
        architecture="x86_64",
        agent_version=version,
        python_version="3.11",
    )


@dataclass
class SigningAgent:
    """`agent` and `key` are what the hub gave at enrolment."""

    agent: str = ""
    key: str = ""
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public_key(self) -> str:
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()

    def request(self, token: str, of: Machine | None = None) -> EnrolmentRequest:
        return EnrolmentRequest(token=token, public_key=self.public_key, machine=of or machine())

    def signed(
        self,
        method: str = "POST",
        target: str = "/v1/heartbeat",
        body: bytes = b"",
        *,
        at: int,
        nonce: str = "",
        covered: tuple[tuple[str, str], ...] = (),
    ) -> tuple[Signed, str]:
        signed = Signed(self.agent, self.key, method, target, at, nonce or new_nonce(), content_sha256(body), covered)
        return signed, base64.b64encode(self.private.sign(signed.text())).decode()

    def headers(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        at: int,
        nonce: str = "",
        covered: tuple[tuple[str, str], ...] = (),
    ) -> dict[str, str]:
        signed, signature = self.signed(method, target, body, at=at, nonce=nonce, covered=covered)
        return {**signed.headers_with(signature), **dict(covered)}


def heartbeat(
    sequence: int = 1,
    *,
    started_at: int = 1_800_000_000,
    of: Machine | None = None,
    facts: tuple[Fact, ...] = (),
    remedies: tuple[RemedyDone, ...] = (),
    configuration_version: int = 1,
    catalogue_version: int = 0,
    pec_version: str = "5.3.1",
) -> Heartbeat:
    return Heartbeat(
        sequence=sequence,
        started_at=started_at,
        machine=of or machine(),
        configuration_version=configuration_version,
        catalogue_version=catalogue_version,
        clock_offset_seconds=0,
        spool=Spool(0, 0, 0, 0, 10**9),
        facts=facts,
        remedies=remedies,
        pec_version=pec_version,
    )
