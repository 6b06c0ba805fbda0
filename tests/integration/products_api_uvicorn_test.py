"""The delivery `api` against a partner's API on uvicorn."""

from __future__ import annotations

from pathlib import Path

import pytest

from afluente.core.clock import SystemClock
from afluente.demo.loopback.partner_behaviour import Fault, Login, PartnerBehaviour
from afluente.products.deliveries.api.deliver import Api
from tests.integration.products_api_received import assert_exactly_once
from tests.integration.products_api_uvicorn import serve
from tests.integration.products_delivery_package import env, make_context, make_package, make_settings

FAULTS = [
    Fault("slow_before", seconds=0.8),
    Fault("slow_after", seconds=0.8),
    Fault("cut_before"),
    Fault("cut_after"),
    Fault("busy", retry_after="0"),
    Fault("error_before"),
    Fault("error_after"),
    Fault("in_flight"),
    Fault("token_expired"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
def test_each_fault_of_a_partner_on_uvicorn_leaves_one_copy_of_each_chunk(tmp_path: Path, fault: Fault) -> None:
    behaviour = PartnerBehaviour(tmp_path / "received", login=Login(client_id="afluente", client_secret="s3nha"))
    behaviour.inject(Fault("twice"), fault)
    package = make_package(tmp_path / "release", {"vendas_mes": 23})
    with serve(behaviour) as address:
        oauth2 = {"token_url": f"{address}/token", "client_id": "afluente", "client_secret": env("SENHA")}
        options = {"url": f"{address}/v1/vendas", "auth": {"oauth2": oauth2}, "chunk_rows": 10}
        settings = make_settings(
            "api", {**options, "timeout_seconds": 0.4, "backoff_seconds": 0.05, "max_attempts": 30}
        )
        api = Api(settings, make_context(tmp_path, {"SENHA": "s3nha"}, clock=SystemClock()))
        api.deliver(package, progress={}, save=lambda progress: None)
    assert_exactly_once(behaviour.folder, package, {"vendas_mes"})
    assert len([seen for seen in behaviour.seen if seen.path == "/v1/vendas"]) >= 5
