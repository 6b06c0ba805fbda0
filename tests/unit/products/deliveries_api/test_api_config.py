"""The options of the delivery `api` and every mistake in them."""

from __future__ import annotations

import pytest

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.products.deliveries.api.config import ApiConfig, BasicAuth, OAuth2, TokenAuth, parse
from afluente.products.deliveries.api.deliver import Api
from afluente.project.product import DeliverySettings, Output, PrivacyPolicy, Product
from afluente.project.secret_reference import SecretReference

URL = "https://api.example.com/v1/vendas"
PLACE = Place("products/vendas.yaml", 30)
TOKEN = SecretReference("env", "TOKEN")


def settings(options, **chosen) -> DeliverySettings:
    return DeliverySettings("api", "api", PLACE, options=options, **chosen)


def codes(options, **chosen) -> list[str]:
    return [problem.code for problem in Api.problems(settings(options, **chosen))]


@pytest.mark.parametrize(
    ("auth", "parsed"),
    [
        ({"token": TOKEN}, TokenAuth(TOKEN)),
        ({"token": TOKEN, "header": "X-Api-Key"}, TokenAuth(TOKEN, "X-Api-Key")),
        ({"user": "aiqfome", "password": TOKEN}, BasicAuth("aiqfome", TOKEN)),
        (
            {"oauth2": {"token_url": URL, "client_id": "a", "client_secret": TOKEN, "scope": "x"}},
            OAuth2(URL, "a", TOKEN, "x"),
        ),
    ],
)
def test_each_way_to_sign_in_is_read(auth, parsed) -> None:
    config = parse(settings({"url": URL, "auth": auth, "chunk_rows": 5000}))
    assert isinstance(config, ApiConfig)
    assert (config.auth, config.chunk_rows) == (parsed, 5000)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "delivery.option_missing"),
        ({"url": "ftp://x/y"}, "delivery.option_invalid"),
        ({"url": "http://api.example.com/v1"}, "delivery.insecure"),
        ({"url": "https://user:pw@api.example.com/v1"}, "delivery.literal_secret"),
        ({"url": URL, "auth": {"token": "literal"}}, "delivery.literal_secret"),
        ({"url": URL, "auth": {}}, "delivery.option_invalid"),
        ({"url": URL, "auth": {"token": TOKEN, "user": "a"}}, "delivery.option_invalid"),
        ({"url": URL, "auth": {"user": "a"}}, "delivery.option_missing"),
        ({"url": URL, "auth": {"token": TOKEN, "header": "Idempotency-Key"}}, "delivery.option_invalid"),
        ({"url": URL, "auth": {"token": TOKEN, "header": "a: b\r\nc"}}, "delivery.option_invalid"),
        ({"url": URL, "auth": {"oauth2": {"token_url": URL}}}, "delivery.option_missing"),
        (
            {
                "url": URL,
                "auth": {"oauth2": {"token_url": "http://sso.example/t", "client_id": "a", "client_secret": TOKEN}},
            },
            "delivery.insecure",
        ),
        ({"url": URL, "verify": False}, "delivery.option_unknown"),
        ({"url": URL, "chunk_rows": 0}, "delivery.option_invalid"),
        ({"url": URL, "webhook_secret": "whsec_abc"}, "delivery.literal_secret"),
    ],
)
def test_a_mistake_is_a_problem_with_its_place(options, code) -> None:
    problems = Api.problems(settings(options))
    assert code in [problem.code for problem in problems]
    assert all(problem.place == PLACE and problem.message.startswith("delivery api: ") for problem in problems)
    assert not [
        problem for problem in problems if "literal" in problem.message.split("'")[-1] and "pw" in problem.message
    ]


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:9"])
def test_this_machine_may_be_spoken_to_without_tls(host) -> None:
    assert codes({"url": f"http://{host}/x"}) == []


@pytest.mark.parametrize("host", ["127.0.0.1.example.com", "localhost.example.com", "10.0.0.1", "0.0.0.0"])
def test_no_other_machine_may(host) -> None:
    assert codes({"url": f"http://{host}/x"}) == ["delivery.insecure"]


def test_a_delivery_of_csv_alone_has_no_rows_to_send() -> None:
    assert codes({"url": URL}, formats=("csv", "xlsx")) == ["delivery.api_formats"]
    assert codes({"url": URL}, formats=("csv", "parquet")) == []


def test_an_output_without_json_lines_or_parquet_is_named() -> None:
    outputs = tuple(
        Output(name, TableName("gold", "vendas"), "release.vendas", PLACE, formats=formats)
        for name, formats in (("dia", ("csv", "jsonl")), ("mes", ("csv",)))
    )
    product = Product(
        "vendas", "Vendas", "1", "p", "o", "f", "contract", outputs, PrivacyPolicy(PLACE), PLACE, "0" * 64
    )
    found = Api.product_problems(product, settings({"url": URL}))
    assert [(problem.code, "'mes'" in problem.message) for problem in found] == [("delivery.api_formats", True)]
    assert Api.product_problems(product, settings({"url": URL}, outputs=("dia",))) == []
