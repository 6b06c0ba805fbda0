"""The options of `folder` and `sftp`, and every mistake in them."""

from __future__ import annotations

import pytest

from afluente.core.errors import CheckFailed, Place
from afluente.products.deliveries.folder import config as folder
from afluente.products.deliveries.registry import load_delivery
from afluente.products.deliveries.sftp import config as sftp
from afluente.project.option import Option
from afluente.project.product import DeliverySettings
from afluente.project.secret_reference import SecretReference

PLACE = Place("products/vendas.yaml", 4)
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5jDqWLjQJ1gCbEkgWzGcqgxdzTZ2XXJ1lb3Ff6Q9pO partner"
FINGERPRINT = "SHA256:" + "aB3+/" * 8 + "xyz"
KEY = SecretReference("file", "chaves/sftp")
RIGHT: dict[str, Option] = {"host": "sftp.example.com", "user": "aiqfome", "private_key": KEY, "host_key": HOST_KEY}


def settings(options: dict[str, Option], connector: str = "sftp") -> DeliverySettings:
    return DeliverySettings("arquivos", connector, PLACE, options=options)


def codes(options: dict[str, Option]) -> list[str]:
    found = sftp.parse(settings(options))
    assert isinstance(found, list)
    assert all(problem.place == PLACE and problem.message.startswith("delivery arquivos: ") for problem in found)
    return [problem.code for problem in found]


def test_right_options_are_read() -> None:
    found = sftp.parse(settings({**RIGHT, "host_key": (HOST_KEY, FINGERPRINT), "folder": "entrada", "verify": "hash"}))
    assert isinstance(found, sftp.Config)
    assert (found.address, found.folder, found.is_read_back) == ("sftp.example.com:22", "entrada", True)
    assert found.host_keys == (HOST_KEY, FINGERPRINT)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"host": None}, ["delivery.option_missing"]),
        ({"user": None}, ["delivery.option_missing"]),
        ({"host_key": None}, ["delivery.option_missing"]),
        ({"private_key": None}, ["delivery.option_missing"]),
        ({"private_key": "izI32-vwq5-pPv1-Hr68"}, ["delivery.literal_secret"]),
        ({"password": "izI32-vwq5-pPv1-Hr68"}, ["delivery.literal_secret"]),
        ({"host_key": "ssh-ed25519 nonsense"}, ["delivery.option_invalid"]),
        ({"host_key": "ssh-rsa " + HOST_KEY.split()[1]}, ["delivery.option_invalid"]),
        ({"host_key": "SHA256:short"}, ["delivery.option_invalid"]),
        ({"port": 70_000}, ["delivery.option_invalid"]),
        ({"verify": "md5"}, ["delivery.option_invalid"]),
        ({"timeout_seconds": 0}, ["delivery.option_invalid"]),
        ({"private_key": None, "password": KEY, "passphrase": KEY}, ["delivery.option_invalid"]),
        ({"folde": "x"}, ["delivery.option_unknown"]),
    ],
)
def test_each_mistake_is_told(change: dict[str, Option], expected: list[str]) -> None:
    assert codes({**RIGHT, **change}) == expected


def test_a_literal_secret_is_not_repeated() -> None:
    found = sftp.parse(settings({**RIGHT, "password": "izI32-vwq5-pPv1-Hr68"}))
    assert isinstance(found, list)
    assert "izI32" not in repr(found)


def test_a_folder_needs_a_path() -> None:
    for options, code in (
        ({}, "delivery.option_missing"),
        ({"path": ""}, "delivery.option_invalid"),
        ({"path": "a", "verify": "x"}, "delivery.option_invalid"),
    ):
        found = folder.parse(settings(options, "folder"))
        assert isinstance(found, list)
        assert [problem.code for problem in found] == [code]


@pytest.mark.parametrize("connector", ["sftp", "folder"])
def test_a_delivery_with_mistakes_does_not_open(connector: str) -> None:
    kind = load_delivery(connector)
    assert list(kind.problems(settings({}, connector)))
    with pytest.raises(CheckFailed):
        kind(settings({}, connector), None)  # type: ignore[arg-type]
