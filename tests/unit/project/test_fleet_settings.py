"""`fleet:` of afluente.yaml: read whole, every mistake told with its line, and no secret in any of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from afluente.core.errors import CheckFailed
from afluente.project.fleet_settings import FleetLimits, FleetRetention
from afluente.project.load import check_project, load_project
from afluente.project.secret_reference import SecretReference

KEYS = "  signing_key: secret:file:hub.key\n  landing_key: secret:env:LANDING_KEY\n"


@pytest.fixture
def read(write: Callable[..., Path], files: dict[str, str], tmp_path: Path):
    def load(fleet: str):
        root = write({"afluente.yaml": files["afluente.yaml"] + f"\nfleet:\n{fleet}"})
        return load_project(root, environment={}, typed_in=tmp_path)

    return load


@pytest.fixture
def problems(write: Callable[..., Path], files: dict[str, str], tmp_path: Path):
    def check(fleet: str):
        root = write({"afluente.yaml": files["afluente.yaml"] + f"\nfleet:\n{fleet}"})
        return check_project(root, environment={}, typed_in=tmp_path)

    return check


def test_a_project_without_a_fleet_has_none(write, tmp_path):
    assert load_project(write(), environment={}, typed_in=tmp_path).fleet is None


def test_the_keys_alone_are_a_hub(read):
    fleet = read(KEYS).fleet
    assert fleet.signing_keys == (SecretReference("file", "hub.key"),)
    assert fleet.landing_key == SecretReference("env", "LANDING_KEY")
    assert (fleet.central, fleet.rings) == (None, ("pilot", "general"))
    assert (fleet.retention, fleet.limits) == (FleetRetention(), FleetLimits())


def test_everything_that_may_be_said_is_read(read):
    fleet = read(
        "  signing_key: [secret:file:new.key, secret:file:old.key]\n"
        "  landing_key: secret:env:LANDING_KEY\n"
        "  pseudonym_key: secret:env:PSEUDONYM_KEY\n"
        "  central: secret:env:CENTRAL\n"
        "  rings: [house, pilot, all]\n"
        "  update_keys: {timestamp: secret:env:T, snapshot: [secret:env:S1, secret:env:S2]}\n"
        "  retention: {landing_days: 3, facts_days: 90, access_days: 365, bronze_days: 400}\n"
        "  limits: {heartbeat_seconds: 60, bytes_per_second: 1000000, loads_at_once: 1, requests_at_once: 10,"
        " connections: 20, bronze_seconds: 60}\n"
    ).fleet
    assert [key.target for key in fleet.signing_keys] == ["new.key", "old.key"]
    assert fleet.pseudonym_key == SecretReference("env", "PSEUDONYM_KEY")
    assert fleet.central == SecretReference("env", "CENTRAL")
    assert fleet.rings == ("house", "pilot", "all")
    assert [key.target for key in fleet.update_keys["snapshot"]] == ["S1", "S2"]
    assert fleet.retention == FleetRetention(3, 90, 365, 400)
    assert fleet.limits == FleetLimits(60, 1_000_000, 1, 10, 20, bronze_seconds=60)


@pytest.mark.parametrize(
    ("fleet", "code", "words"),
    [
        ("  landing_key: secret:env:A\n", "project.missing_key", "signing_key"),
        ("  signing_key: secret:env:A\n", "project.missing_key", "landing_key"),
        ("  signing_key: hunter2\n  landing_key: secret:env:A\n", "project.literal_secret", "signing_key"),
        (KEYS + "  central: postgresql://u:hunter2@h/d\n", "project.literal_secret", "central"),
        (KEYS + "  central: hunter2\n", "project.literal_secret", "central"),
        (KEYS + "  central: secret:nowhere:x\n", "project.secret_reference", "secret reference"),
        (KEYS + "  rings: [a, a]\n", "project.repeated", "ring"),
        (KEYS + "  rings: ['A b']\n", "project.name", "ring"),
        (KEYS + "  retention: {landing_days: 0}\n", "project.wrong_value", "landing_days"),
        (KEYS + "  retention: {days: 1}\n", "project.unknown_key", "days"),
        (KEYS + "  limits: {heartbeat_seconds: 5}\n", "project.wrong_value", "heartbeat_seconds"),
        (KEYS + "  update_keys: {boot: secret:env:A}\n", "project.unknown_key", "boot"),
        (KEYS + "  update_keys: {root: hunter2}\n", "project.literal_secret", "root"),
        (KEYS + "  ringz: [a]\n", "project.unknown_key", "ringz"),
        ("  - a\n", "project.wrong_type", "fleet"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_without_the_secret(problems, fleet, code, words):
    found = problems(fleet)
    assert any(one.code == code and words in one.message for one in found), found
    assert all(one.place.file == "afluente.yaml" and one.place.line > 0 for one in found)
    assert "hunter2" not in repr(found)


def test_a_project_with_mistakes_is_not_opened(read):
    with pytest.raises(CheckFailed):
        read("  landing_key: secret:env:A\n")
