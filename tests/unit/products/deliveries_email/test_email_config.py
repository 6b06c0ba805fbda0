"""The options of the delivery `email` and every mistake in them."""

from __future__ import annotations

import pytest

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.products.deliveries.email.config import EmailConfig, parse
from afluente.products.deliveries.email.deliver import Email
from afluente.project.product import DeliverySettings, Measure, Output, PrivacyPolicy, Product
from afluente.project.secret_reference import SecretReference

PLACE = Place("products/vendas.yaml", 30)
PASSWORD, LIST = SecretReference("env", "SENHA"), SecretReference("env", "DESTINOS")
GOOD = {"server": "smtp.example.com", "from": "Dados <dados@example.com>", "to": ("a@example.com", LIST)}


def settings(options, **chosen) -> DeliverySettings:
    return DeliverySettings("aviso", "email", PLACE, options=options, **chosen)


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465)])
def test_options_are_read_with_the_usual_port(security, port) -> None:
    config = parse(settings({**GOOD, "security": security, "user": "u", "password": PASSWORD, "language": "en"}))
    assert isinstance(config, EmailConfig)
    assert (config.port, config.language, config.to) == (port, "en", ("a@example.com", LIST))
    assert (config.from_name, config.from_address) == ("Dados", "dados@example.com")


@pytest.mark.parametrize("to", [LIST, "a@example.com, b@example.com", ("a@example.com",)])
def test_recipients_are_a_list_a_text_or_a_secret(to) -> None:
    assert Email.problems(settings({**GOOD, "to": to})) == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"server": None}, "delivery.option_missing"),
        ({"from": None}, "delivery.option_missing"),
        ({"to": None}, "delivery.option_missing"),
        ({"to": ("nobody",)}, "delivery.option_invalid"),
        ({"to": "a@example.com\r\nBcc: x@example.com"}, "delivery.option_invalid"),
        ({"from": "no address"}, "delivery.option_invalid"),
        ({"reply_to": "a@b.c, d@e.f"}, "delivery.option_invalid"),
        ({"security": "none"}, "delivery.insecure"),
        ({"security": "ssl"}, "delivery.option_invalid"),
        ({"user": "u"}, "delivery.insecure"),
        ({"user": "u", "password": "literal"}, "delivery.literal_secret"),
        ({"language": "fr"}, "delivery.option_invalid"),
        ({"verify": False}, "delivery.option_unknown"),
    ],
)
def test_a_mistake_is_a_problem_with_its_place(options, code) -> None:
    problems = Email.problems(settings({**GOOD, **options}))
    assert code in [problem.code for problem in problems]
    assert all(problem.place == PLACE for problem in problems)
    assert "literal'" not in "".join(problem.message for problem in problems)


def test_this_machine_may_be_spoken_to_without_tls() -> None:
    assert Email.problems(settings({**GOOD, "server": "127.0.0.1", "security": "none"})) == []


def test_rows_with_pseudonyms_are_not_attached_to_an_e_mail() -> None:
    cells = Output("mes", TableName("gold", "v"), "release.m", PLACE, measures=(Measure("n", "count", PLACE),))
    rows = Output("pedidos", TableName("gold", "v"), "release.p", PLACE)
    product = Product(
        "vendas", "Vendas", "1", "p", "o", "f", "contract", (cells, rows), PrivacyPolicy(PLACE), PLACE, "0" * 64
    )
    found = Email.product_problems(product, settings({**GOOD, "attach": True}))
    assert [(problem.code, "'pedidos'" in problem.message) for problem in found] == [
        ("delivery.email_personal_data", True)
    ]
    assert Email.product_problems(product, settings(GOOD)) == []
    assert Email.product_problems(product, settings({**GOOD, "attach": True}, outputs=("mes",))) == []
