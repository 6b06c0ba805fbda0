"""`afluente check` asks a connector what it could not do with a product's outputs."""

from __future__ import annotations

import pytest

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.products.deliveries.registry import check_carried
from afluente.products.known import known_names
from afluente.project.check_products import check_products
from afluente.project.product import DeliverySettings, Output, PrivacyPolicy, Product
from afluente.project.secret_reference import SecretReference

PLACE = Place("products/vendas.yaml", 9)


def product(*deliveries: DeliverySettings) -> Product:
    output = Output("mes", TableName("gold", "vendas"), "release.mes", PLACE, formats=("csv",))
    return Product(
        "vendas",
        "Vendas",
        "1",
        "p",
        "o",
        "f",
        "contract",
        (output,),
        PrivacyPolicy(PLACE),
        PLACE,
        "0" * 64,
        deliveries=deliveries,
    )


API = DeliverySettings("api", "api", PLACE, options={"url": "https://api.example.com/x"})
WRONG = DeliverySettings("api", "api", PLACE, options={"url": "ftp://api.example.com/x"})
EMAIL = DeliverySettings(
    "aviso",
    "email",
    PLACE,
    options={
        "server": "smtp.example.com",
        "from": "d@example.com",
        "to": SecretReference("env", "PARA"),
        "attach": True,
    },
)
FOLDER = DeliverySettings("copia", "folder", PLACE, options={"path": "saida"})


@pytest.mark.parametrize(
    ("settings", "codes"),
    [(API, ["delivery.api_formats"]), (EMAIL, ["delivery.email_personal_data"]), (FOLDER, [])],
)
def test_each_connector_says_what_it_cannot_carry(settings, codes) -> None:
    assert [problem.code for problem in check_carried(product(settings), settings)] == codes


def test_a_project_is_checked_for_what_its_deliveries_cannot_carry() -> None:
    found = check_products([product(API, EMAIL, FOLDER)], [], [], known_names(), unread_layers=("gold", "release"))
    assert [problem.code for problem in found] == ["delivery.api_formats", "delivery.email_personal_data"]


def test_wrong_options_are_told_first() -> None:
    found = check_products([product(WRONG)], [], [], known_names(), unread_layers=("gold", "release"))
    assert [problem.code for problem in found] == ["delivery.option_invalid"]
