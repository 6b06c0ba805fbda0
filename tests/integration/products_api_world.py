"""The delivery `api` with a clock of its own, a release to deliver and a partner that takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from afluente.core.clock import SetClock
from afluente.demo.loopback.partner_api import PartnerApi
from afluente.demo.loopback.partner_behaviour import Fault, Login
from afluente.products.deliveries.api.deliver import Api
from afluente.products.deliveries.delivery import Package, Receipt
from tests.integration.products_api_received import received
from tests.integration.products_delivery_package import RELEASED_AT, env, make_context, make_package, make_settings

TOKEN = "tok-canary-izI32-vwq5"
PASSWORD = "x9eYJI10tERhj9BerXdG80C7"
SECRETS = {
    "TOKEN": TOKEN,
    "SENHA": PASSWORD,
    "CHAVE": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
OUTPUTS = {"vendas_mes": 25, "vendas_dia": 7}


class Sender:
    """A delivery with a clock that only moves when it waits."""

    def __init__(
        self, root: Path, options: Mapping[str, object], *, secrets: Mapping[str, str] = SECRETS, **chosen
    ) -> None:
        self.clock = SetClock(RELEASED_AT)
        self.waits: list[float] = []
        self.progress: Mapping[str, object] = {}
        self.saves: list[Mapping[str, object]] = []
        self.api = Api(
            make_settings("api", {"backoff_seconds": 1, "chunk_rows": 10, **options}, **chosen),
            make_context(root, secrets, clock=self.clock),
            sleep=self._wait,
        )

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds=seconds)

    def _save(self, progress: Mapping[str, object]) -> None:
        self.progress = json.loads(json.dumps(progress))
        self.saves.append(self.progress)

    def deliver(self, package: Package) -> Receipt:
        return self.api.deliver(package, progress=self.progress, save=self._save)


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return make_package(tmp_path / "release", OUTPUTS)


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[PartnerApi]:
    with PartnerApi(tmp_path / "received", login=Login(token=TOKEN)) as partner:
        yield partner


@pytest.fixture
def sender(tmp_path: Path, partner: PartnerApi) -> Sender:
    return Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN")}, "timeout_seconds": 60})


def received_in(partner: PartnerApi) -> list[dict]:
    return received(partner.behaviour.folder)


RETRIED = [
    Fault("cut_before"),
    Fault("cut_after"),
    Fault("busy"),
    Fault("busy", retry_after="7"),
    Fault("error_before"),
    Fault("error_after"),
    Fault("error_before", retry_after="3"),
    Fault("in_flight"),
    Fault("twice"),
]
