"""What a malicious site could send: tricks in names, bombs, streams that are no list."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace

import pytest
import zstandard
from afluente_agent.protocol.messages import TransmissionStart
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fleet_world.spool_world import packed_list
from tests.fleet_world.upload_world import SITE_A
from tests.unit.fleet.uploads.conftest import PACKED, ROWS, Receiving, announced

from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.refusal import FleetError, Refusal
from afluente.fleet.upload_check import check_start

TRICKS = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "C:\\x",
    "CON",
    "\\\\host\\share",
    "x\n",
    "{0000000a-0000-7000-8000-00000000000a}",
    "0000000A-0000-7000-8000-00000000000A",
    "urn:uuid:0000000a-0000-7000-8000-00000000000a",
    "0000000a00007000800000000000000a",
    "0000000a-0000-7000-8000-00000000000a/",
    "٠٠٠٠٠٠٠٠-٠٠٠٠-٧٠٠٠-٨٠٠٠-٠٠٠٠٠٠٠٠٠٠٠٠",
    "'; DROP TABLE transmissions; --",
    "a" * 4096,
]


HARMLESS = {
    ("base", ""),
    ("freshness", ""),
    ("unit", ""),
    ("unit", "CON"),
    ("schema", "0000000a00007000800000000000000a"),
}


@pytest.mark.parametrize("field", ["id", "list_name", "base", "sha256", "schema", "columns", "freshness", "unit"])
def test_no_trick_in_a_text_is_taken(field: str) -> None:
    for trick in TRICKS:
        if (field, trick) in HARMLESS:
            continue
        changed: dict[str, object] = {field: trick}
        if field == "columns":
            changed = {"columns": (trick,)}
        elif field == "unit":
            changed = {"freshness": {trick: "20260831"}}
        elif field == "freshness":
            changed = {"freshness": {"2077485": trick}}
        elif field == "base":
            changed |= {"kind": "delta"}
        with pytest.raises(Refusal) as refused:
            check_start(announced(**changed))
        assert refused.value.code == "transmission.invalid", trick


def test_no_trick_in_an_address_reaches_a_file(receiving: Receiving) -> None:
    store = LandingStore(receiving.folder, LandingKeys(bytes(32)))
    for trick in TRICKS:
        with pytest.raises(Refusal) as refused:
            receiving.uploads.state(SITE_A, trick)
        assert refused.value.status == 404
        with pytest.raises(Refusal):
            receiving.uploads.append(SITE_A, trick, 0, b"x" * 5000, hashlib.sha256(b"x" * 5000).hexdigest())
        with pytest.raises(FleetError):
            store.path_of(trick, ".part")
        with pytest.raises(FleetError), store.open(trick):
            pass
        with pytest.raises(FleetError), store.open(f"0a/{trick}.landed"):
            pass
    assert receiving.files() == []


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
TEXTS = [one.name for one in fields(TransmissionStart) if one.type == "str"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(TEXTS), text=TEXT)
def test_whatever_text_is_announced_is_taken_whole_or_refused(field: str, text: str) -> None:
    try:
        check_start(replace(announced(), **{field: text}))
    except Refusal as refusal:
        assert refusal.status in (413, 422)


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": -1},
        {"rows": 2**62},
        {"size_bytes": 0},
        {"size_bytes": -1},
        {"catalogue_version": -1},
        {"extracted_at": -1},
        {"extracted_at": 2**62},
        {"kind": "delta"},
        {"base": announced().id},
        {"columns": ()},
        {"columns": ("a", "a")},
        {"columns": ("row_key",)},
        {"columns": tuple(f"c{n}" for n in range(900))},
    ],
)
def test_numbers_and_columns_have_their_bounds(changed: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        check_start(announced(**changed))


def test_an_oversized_upload_is_refused_before_its_first_byte(receiving: Receiving) -> None:
    size = 2 * 1024**3 + 1
    with pytest.raises(Refusal) as refused:
        receiving.uploads.start(SITE_A, announced(size_bytes=size))
    assert (refused.value.code, refused.value.status) == ("transmission.oversized", 413)
    assert receiving.files() == []


FORM = b"full\t0\n"


def line(number: int) -> bytes:
    return b"%d\n" % number


def ended(receiving: Receiving, content: bytes, rows: int, *, uploads: object = None) -> tuple[str, str]:
    start = announced(content, rows=rows)
    receiving.uploads = uploads or receiving.uploads  # type: ignore[assignment]
    receiving.uploads.start(SITE_A, start)
    receiving.send(start, content)
    state = receiving.uploads.state(SITE_A, start.id)
    assert state.needs_full is (state.state == "refused")
    return state.state, state.reason


def test_a_bomb_is_refused_and_deleted(receiving: Receiving) -> None:
    bomb = zstandard.compress(FORM + line(1) * 20_000_000, 19)
    state, reason = ended(receiving, bomb, 20_000_000)
    assert state == "refused"
    assert reason in ("loading.bomb", "loading.rows")
    assert receiving.files() == []
    assert receiving.facts() == ["hub.upload_refused"]


def test_a_bomb_of_one_endless_line_is_refused(receiving: Receiving) -> None:
    bomb = zstandard.compress(FORM + b"a" * (64 << 20), 19)
    state, reason = ended(receiving, bomb, 1)
    assert (state, reason) == ("refused", "loading.rows")
    assert receiving.files() == []


def test_more_than_a_list_may_have_is_refused(receiving: Receiving) -> None:
    from afluente.fleet.completion import CompletionLimits

    uploads = receiving.another(completion=CompletionLimits(most_unpacked_bytes=10_000))
    assert ended(receiving, PACKED, ROWS, uploads=uploads) == ("refused", "loading.bomb")


def test_another_number_of_rows_is_refused(receiving: Receiving) -> None:
    for rows in (0, ROWS - 1, ROWS + 1):
        assert ended(receiving, PACKED, rows) == ("refused", "transmission.rows")


def test_what_is_no_list_is_refused(receiving: Receiving) -> None:
    for content in (
        b"not zstd at all",
        PACKED[:-1],
        PACKED + b"\0",
        PACKED + PACKED,
        zstandard.compress(b"no list\n"),
        zstandard.compress(line(1)),
        zstandard.compress(FORM + line(1)[:-1]),
        zstandard.compress(FORM + b"1\tx\n"),
    ):
        assert ended(receiving, content, 1) == ("refused", "loading.rows")
    assert receiving.files() == []


def test_bytes_that_are_not_those_announced_are_asked_for_again_and_then_refused(receiving: Receiving) -> None:
    other = packed_list(ROWS, seed=1)
    start = announced(other, sha256="0" * 64)
    receiving.uploads.start(SITE_A, start)
    seen = []
    for _ in range(3):
        receiving.send(start, other)
        state = receiving.uploads.state(SITE_A, start.id)
        seen.append((state.state, state.offset))
    assert seen == [("receiving", 0), ("receiving", 0), ("refused", 0)]
    assert receiving.facts() == ["hub.upload_damaged", "hub.upload_damaged", "hub.upload_refused"]
    assert receiving.files() == []


def test_a_list_that_the_catalogue_does_not_have_is_refused(receiving: Receiving) -> None:
    from afluente.fleet.uploads import Uploads

    known = {("hipertensos", 1): ("valor", "dia")}
    uploads = Uploads(
        receiving.database,
        LandingStore(receiving.folder, LandingKeys(bytes(32))),
        receiving.clock,
        columns_of=lambda _, name, version: known.get((name, version)),
    )
    assert uploads.start(SITE_A, announced()).state == "receiving"
    for changed in ({"list_name": "outra"}, {"catalogue_version": 2}, {"columns": ("cpf",)}):
        with pytest.raises(Refusal) as refused:
            uploads.start(SITE_A, announced(**changed))
        assert refused.value.code == "transmission.invalid"
