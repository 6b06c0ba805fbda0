"""Ways out by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from afluente.core.errors import Place, ProjectError
from afluente.products.deliveries.registry import check_delivery, delivery_names, load_delivery
from afluente.project.product import DeliverySettings

PLACE = Place("products/vendas.yaml", 9)


def test_the_four_ways_out_are_there() -> None:
    assert set(delivery_names()) >= {"api", "email", "folder", "sftp"}


def test_an_unknown_connector_names_the_nearest() -> None:
    [problem] = check_delivery(DeliverySettings("arquivos", "sfpt", PLACE))
    assert (problem.code, problem.place) == ("delivery.connector_unknown", PLACE)
    assert "delivery arquivos" in problem.message
    assert "sftp" in problem.hint
    with pytest.raises(ProjectError):
        load_delivery("sfpt")


def test_checking_options_imports_no_client() -> None:
    program = (
        "import sys\n"
        "from afluente.core.errors import Place\n"
        "from afluente.products.deliveries.registry import check_delivery, delivery_names\n"
        "from afluente.project.product import DeliverySettings\n"
        "delivery_names()\n"
        "print([name for name in sys.modules if 'deliveries.' in name and name.endswith(('deliver', 'shelf'))])\n"
        "check_delivery(DeliverySettings('a', 'sftp', Place('x'), options={'host': 'h'}))\n"
        "print([name for name in ('asyncssh', 'httpx', 'sqlalchemy', 'pyarrow') if name in sys.modules])\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines() == ["[]", "[]"]
