"""Agents and hubs of different ages: what is not known is passed over where that is safe, and refused where it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.unit.agent.core.agent_core_loop_test import World, codes, give_catalogue, loop_of
from tests.unit.agent.core.agent_core_loop_test import world as world  # noqa: PLC0414 - a fixture
from tests.unit.agent.core.small_hub import SmallHub

from afluente_agent.catalogue import Catalogue
from afluente_agent.identity import IdentityStore
from afluente_agent.protocol import messages
from afluente_agent.protocol.limits import MAX_MESSAGE_BYTES
from afluente_agent.protocol.messages import (
    ErrorAnswer,
    Fact,
    Heartbeat,
    HeartbeatAnswer,
    Machine,
    MessageError,
    Remedy,
    RemedyDone,
    SignedDocument,
    SlotAnswer,
    Spool,
    TransmissionStart,
    TransmissionState,
    from_json,
    to_json,
)
from afluente_agent.settings import DataFolder, SettingsStore

MACHINE = Machine("i", "m", "d", "linux", "12", "x86_64", "1.0.0", "3.11")
DOCUMENT = SignedDocument("catalogue", 2, "{}", "k", "s")
BEAT = Heartbeat(
    1, 2, MACHINE, 1, 1, 0, Spool(0, 0, 0, 0, 0), (Fact("net.dns", 1, {"host": "h"}),), (RemedyDone("r", "done"),)
)
TOLERANT = (
    HeartbeatAnswer(1, 900, DOCUMENT, None, (Remedy("r", "resend", {"list": "a"}),)),
    SlotAnswer("s", 1, 0, 0),
    TransmissionState("t", "landed", 5),
    ErrorAnswer("busy", "ocupado", "busy", 1),
    BEAT,
)
START = TransmissionStart("t", "a", "full", "", 1, 1, "0" * 64, 1, "s", ("a",), 1)

strange = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
new_names = st.text("abcdefghij_", min_size=1, max_size=12).map(lambda name: f"new_{name}")


def with_strangers(value: Any, strangers: dict[str, object]) -> Any:
    """The same JSON with further fields in every object of the protocol: those that are no mapping of texts."""
    if isinstance(value, list):
        return [with_strangers(item, strangers) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        name: item if name in ("evidence", "parameters", "remedy_outcomes") else with_strangers(item, strangers)
        for name, item in value.items()
    }
    return {**strangers, **kept}


@examples(max_examples=80, deadline=None)
@given(st.sampled_from(TOLERANT), st.dictionaries(new_names, strange, min_size=1, max_size=4))
def test_fields_of_a_newer_version_are_passed_over(message: object, strangers: dict[str, object]) -> None:
    told = json.dumps(with_strangers(json.loads(to_json(message)), strangers)).encode()
    assert from_json(type(message), told) == message
    with pytest.raises(MessageError, match="not known"):
        from_json(type(message), told, is_strict=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", "1"),
        ("sequence", True),
        ("sequence", 2**63),
        ("update_status", "x" * (messages.MAX_TEXT + 1)),
        ("facts", [{"code": "a", "at": 1, "evidence": {"k": 5}}]),
        ("facts", [{"code": "a", "at": 1, "evidence": {}}] * 201),
        ("machine", None),
        ("spool", {"waiting_bytes": 0}),
    ],
)
def test_what_is_known_is_read_as_strictly_beside_a_field_that_is_not(field: str, value: object) -> None:
    told = {**json.loads(to_json(BEAT)), "new": 1, field: value}
    with pytest.raises(MessageError):
        from_json(Heartbeat, json.dumps(told).encode())


def test_what_is_passed_over_counts_in_the_size_of_a_message_and_in_its_depth() -> None:
    told = json.loads(to_json(BEAT))
    with pytest.raises(MessageError, match="too large"):
        from_json(Heartbeat, json.dumps({**told, "new": "x" * MAX_MESSAGE_BYTES}).encode())
    deep = to_json(BEAT)[:-1] + b',"new":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(MessageError, match="JSON"):
        from_json(Heartbeat, deep)


@pytest.mark.parametrize("kind", [TransmissionStart, Catalogue])
def test_what_may_not_be_passed_over_is_read_strictly(kind: type) -> None:
    told = json.loads(to_json(START if kind is TransmissionStart else Catalogue("default", 1, ())))
    with pytest.raises(MessageError, match="not known"):
        from_json(kind, json.dumps({**told, "new": 1}).encode(), is_strict=True)


def test_an_agent_works_on_with_a_hub_that_says_more(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    """Every answer of the hub has fields, and one a remedy, that this agent does not know."""
    give_catalogue(hub)
    hub.remedies = (Remedy("r1", "polish", {"how": "well"}), Remedy("r2", "resend", {"list": "gestantes"}))
    take = hub._take

    def newer(path: str, headers: dict[str, str], body: bytes) -> bytes:
        answer = json.loads(take(path, headers, body))
        return json.dumps(with_strangers(answer, {"new": {"a": [1]}, "newer": None})).encode()

    hub._take = newer
    loop = loop_of(enrolled, world)
    loop.tick()
    hub.remedies = ()
    loop.timers.heartbeat.due = 0
    loop.tick()
    loop.client.close()
    outcomes = {one.id: (one.outcome, one.detail) for beat in hub.heartbeats for one in beat.remedies}
    assert outcomes["r1"] == ("refused", "kind: not known to this version")
    assert outcomes["r2"][0] == "done"
    assert SettingsStore(enrolled).load().catalogue_version == 2
    assert "net.restored" not in codes(hub)


def test_a_catalogue_that_says_more_than_is_known_does_not_take_the_place_of_the_one_before(
    hub: SmallHub, enrolled: DataFolder, world: World
) -> None:
    give_catalogue(hub)
    loop = loop_of(enrolled, world)
    loop.tick()
    hub.catalogue = hub.sign("catalogue", 3, name="default", lists=[], only_rows_of="adults")
    for _ in range(2):
        loop.timers.heartbeat.due = 0
        loop.tick()
    loop.client.close()
    assert SettingsStore(enrolled).load().catalogue_version == 2
    [told] = [fact for beat in hub.heartbeats for fact in beat.facts if fact.code == "document.refused"]
    assert told.evidence == {"kind": "catalogue", "version": "3", "code": "catalogue.refused"}


def test_settings_and_keys_that_a_newer_version_wrote_are_read_after_it_was_rolled_back(enrolled: DataFolder) -> None:
    before = SettingsStore(enrolled).load()
    identity = IdentityStore(enrolled.identity).load()
    for path in (enrolled.settings, enrolled.identity / "current.json"):
        written(path, with_strangers(json.loads(path.read_text(encoding="utf-8")), {"new": [1, {"a": 2}]}))
    assert SettingsStore(enrolled).load() == before
    assert IdentityStore(enrolled.identity).load() == identity


def written(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
