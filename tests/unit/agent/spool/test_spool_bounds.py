"""The spool is bounded, and what gives way is never needed."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from afluente_agent.errors import SpoolError
from afluente_agent.spool.bounds import Kept, SpoolLimits, Wanted, make_room
from afluente_agent.spool.recovery import recover
from afluente_agent.spool.store import Spool
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet_world.spool_world import MOMENT, PLENTY, Facts, content_of, open_spool, put

ROOT = Path(__file__).parents[4]
TIGHT = SpoolLimits(most_bytes=4000, most_transmissions=50, segment_bytes=256, record_bytes=64)
FILLER = """
import sys
from pathlib import Path
from afluente_agent.errors import SpoolError
from afluente_agent.spool.bounds import SpoolLimits
from tests.fleet_world.spool_world import Facts, open_spool, put
facts = Facts()
spool = open_spool(Path(sys.argv[1]), facts=facts, limits=SpoolLimits(segment_bytes=1 << 20, record_bytes=1 << 16))
print(put(spool, bytes(10_000)).id)
try:
    put(spool, bytes(1_500_000))
except SpoolError as error:
    print(error.code, error.hint_pt, sep="|")
print(*facts.codes)
print(len(spool.waiting()))
"""


def kept(name: str, sequence: int, *, of: str = "lista", base: str = "", size: int = 100) -> Kept:
    return Kept(name, of, "delta" if base else "full", base, sequence, size)


def wanted(new: int = 100, *, free: int = 10**6) -> Wanted:
    return Wanted(new, 0, 1, free)


LIMITS = SpoolLimits(most_bytes=450, most_transmissions=10, least_free_bytes=1000)


def test_nothing_gives_way_while_there_is_room() -> None:
    assert make_room([kept("a", 1), kept("b", 2)], wanted(), LIMITS).gives_way == ()


def test_the_oldest_superseded_gives_way_first_and_no_more_than_needed() -> None:
    room = make_room([kept("a", 1), kept("b", 2), kept("c", 3), kept("d", 4)], wanted(), LIMITS)
    assert room.gives_way == ("a",)


def test_a_superseded_chain_gives_way_from_its_end() -> None:
    chain = [kept("a", 1), kept("b", 2, base="a"), kept("c", 3, base="b"), kept("d", 4)]
    assert make_room(chain, wanted(), LIMITS).gives_way == ("c",)
    assert make_room(chain, wanted(300), LIMITS).gives_way == ("c", "b", "a")


def test_a_later_full_of_another_list_supersedes_nothing() -> None:
    room = make_room([kept("a", 1), kept("b", 2, of="outra", size=300)], wanted(), LIMITS)
    assert (room.gives_way, room.refusal) == ((), "spool.full")


def test_a_short_disk_is_told_apart_from_a_full_spool() -> None:
    assert make_room([], wanted(free=1050), LIMITS).refusal == "disk.full"
    assert make_room([], wanted(500), LIMITS).refusal == "spool.full"
    assert make_room([kept("a", 1), kept("b", 2)], wanted(free=1050), LIMITS).gives_way == ("a",)


@st.composite
def spools(draw: st.DrawFn) -> list[Kept]:
    made: list[Kept] = []
    for sequence in range(draw(st.integers(0, 10))):
        of = draw(st.sampled_from(["a", "b"]))
        before = [one for one in made if one.list_name == of]
        base = draw(st.sampled_from(["", *(one.id for one in before[-1:])]))
        made.append(kept(f"t{sequence}", sequence, of=of, base=base, size=draw(st.integers(1, 200))))
    return made


@settings(max_examples=200, deadline=None)
@given(spools(), st.integers(1, 400), st.integers(0, 3000))
def test_what_stays_can_be_loaded_and_every_list_keeps_its_newest(held: list[Kept], new: int, free: int) -> None:
    room = make_room(held, wanted(new, free=free), LIMITS)
    stays = [one for one in held if one.id not in room.gives_way]
    names = {one.id for one in stays}
    assert all(one.base in names for one in stays if one.base)
    for of in {one.list_name for one in held}:
        newest_full = max((one.sequence for one in held if one.list_name == of and one.kind == "full"), default=-1)
        assert all(one in stays for one in held if one.list_name == of and one.sequence >= newest_full)
    if not room.refusal:
        assert sum(one.file_bytes for one in stays) + new <= LIMITS.most_bytes
        assert free + sum(one.file_bytes for one in held) - sum(one.file_bytes for one in stays) - new >= 1000
    else:
        assert room.gives_way == ()


def test_a_full_spool_refuses_and_says_so(tmp_path: Path) -> None:
    facts = Facts()
    spool = open_spool(tmp_path, facts=facts, limits=TIGHT)
    first = put(spool, bytes(1500), name="um").id
    second = put(spool, bytes(1000), name="dois").id
    with pytest.raises(SpoolError) as refused:
        put(spool, bytes(1500), name="tres")
    assert refused.value.code == "spool.full"
    assert "fila" in refused.value.message_pt
    assert facts.codes == ["spool.full"]
    assert [one.id for one in spool.waiting()] == [first, second]
    assert len(list(spool.waiting_folder.iterdir())) == 2


def test_a_superseded_transmission_gives_way_and_that_is_told(tmp_path: Path) -> None:
    facts = Facts()
    spool = open_spool(tmp_path, facts=facts, limits=TIGHT)
    first, second = put(spool, bytes(1200)).id, put(spool, bytes(1200)).id
    third = put(spool, b"\1" * 1200).id
    assert [one.id for one in spool.waiting()] == [second, third]
    assert facts.left == [("spool.gave_way", {"transmission": first, "list": "hipertensos"})]
    assert content_of(spool, third) == b"\1" * 1200


def test_what_gives_way_is_not_taken_for_what_the_hub_has(tmp_path: Path) -> None:
    had: list[str] = []

    class Watched(Spool):
        def remove(self, transmission: str) -> None:
            had.append(transmission)
            super().remove(transmission)

    spool = Watched(
        tmp_path / "spool",
        tmp_path / "identity",
        leave=Facts(),
        now=lambda: MOMENT,
        limits=TIGHT,
        free_bytes=lambda _: PLENTY,
    )
    for _ in range(3):
        put(spool, bytes(1200))
    assert (len(spool.waiting()), had) == (2, [])


def test_what_was_set_aside_goes_before_a_list_is_refused(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    broken = put(spool, b"x").id
    spool.quarantine(broken, what="test")
    with pytest.raises(SpoolError):
        put(open_spool(tmp_path, free_bytes=10), b"y")
    assert list(spool.quarantine_folder.iterdir()) == []


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path: Path) -> None:
    facts = Facts()
    spool = open_spool(tmp_path, facts=facts, free_bytes=1000)
    with pytest.raises(SpoolError) as refused:
        put(spool, b"x")
    assert refused.value.code == "disk.full"
    assert facts.codes == ["disk.full"]
    assert list(spool.waiting_folder.iterdir()) == []


def test_a_disk_that_fills_while_writing_is_told_and_loses_nothing(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    filled = subprocess.run(
        [sys.executable, "-c", FILLER, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=small_files,
        check=True,
    )
    assert_told_and_kept(filled.stdout, tmp_path)


def test_a_mounted_disk_that_is_full_is_told_and_loses_nothing(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        filled = subprocess.run(
            [sys.executable, "-c", FILLER, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert_told_and_kept(filled.stdout, tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def assert_told_and_kept(told: str, folder: Path) -> None:
    first, refusal, facts, waiting = told.splitlines()
    assert refusal.startswith("disk.full|Libere espaço")
    assert (facts, waiting) == ("disk.full", "1")
    spool = open_spool(folder)
    assert recover(spool).waiting == 1
    assert content_of(spool, first) == bytes(10_000)


def test_a_journal_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    from afluente_agent.errors import JournalError

    def full_journal(code: str, /, **evidence: object) -> None:
        raise JournalError("journal.full", "sem espaço", str(errno.ENOSPC))

    spool = open_spool(tmp_path, facts=full_journal)  # type: ignore[arg-type]
    (spool.folder_of(put(spool, b"x").id) / "manifest").write_bytes(b"")
    assert recover(spool).quarantined == 1
