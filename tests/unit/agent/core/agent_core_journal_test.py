from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente_agent import facts
from afluente_agent.clock_offset import HubClock
from afluente_agent.facts import Journal, read_journal


def opened(folder: Path, at: float = 1_800_000_000) -> Journal:
    clock = HubClock(lambda: at)
    clock.learn(int(at))
    return Journal(folder, clock=clock)


def told(journal: Journal) -> list[tuple[str, str]]:
    return [(fact.code, fact.evidence.get("n", "")) for fact in journal.batch().facts]


def test_facts_are_told_until_they_are_confirmed(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in range(3):
        journal.leave("seen", n=number)
    first = journal.batch(most=2)
    assert [fact.evidence["n"] for fact in first.facts] == ["0", "1"]
    assert journal.batch(most=2) == first
    journal.confirm(first.last)
    assert told(opened(tmp_path)) == [("seen", "2")]
    journal.confirm(journal.batch().last)
    assert journal.batch().facts == ()
    journal.leave("later")
    assert told(opened(tmp_path)) == [("later", "")]


def test_two_processes_share_a_journal(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    for number in range(10):
        (one if number % 2 else other).leave("seen", n=number)
    assert told(one) == told(other) == [("seen", str(n)) for n in range(10)]
    other.confirm(other.batch().last)
    assert one.batch().facts == ()


def test_a_full_journal_drops_the_oldest_and_says_how_many(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(facts, "MOST_FACTS", 20)
    journal = opened(tmp_path)
    for number in range(60):
        journal.leave("seen", n=number)
    entries = journal.batch().facts
    kept = [int(fact.evidence["n"]) for fact in entries if fact.code == "seen"]
    dropped = sum(int(fact.evidence["facts"]) for fact in entries if fact.code == "journal.dropped")
    assert kept == list(range(60 - len(kept), 60))
    assert len(entries) <= 21
    assert dropped == 60 - len(kept)


def test_what_was_confirmed_is_written_away(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for _ in range(facts.WORN_LINES // 100 + 1):
        for _ in range(100):
            journal.leave("seen", text="x" * 100)
        journal.confirm(journal.batch(most=200).last)
    journal.leave("last")
    assert (tmp_path / "facts.log").stat().st_size < 20_000
    assert told(opened(tmp_path)) == [("last", "")]


def test_a_fact_of_before_the_hubs_time_was_known_gets_it(tmp_path: Path) -> None:
    clock = HubClock(lambda: 1_700_000_000)
    journal = Journal(tmp_path, clock=clock)
    journal.leave("early")
    clock.learn(1_800_000_000)
    journal.leave("late")
    assert [fact.at for fact in journal.batch().facts] == [1_800_000_000, 1_800_000_000]


LINES = 12


def written(folder: Path) -> tuple[bytes, list[tuple[int, set[str], int]]]:
    """The journal's bytes, and after each deed: its size, the facts that must be there and the last confirmed."""
    journal, states = opened(folder), []
    left: list[str] = []
    confirmed = 0
    for number in range(LINES):
        journal.leave("visto ç", n=number, text="a\nb\\" * (number % 4))
        left.append(str(number))
        if number % 5 == 4:
            batch = journal.batch(most=3)
            journal.confirm(batch.last)
            confirmed += len(batch.facts)
        states.append(((folder / "facts.log").stat().st_size, set(left[confirmed:]), confirmed))
    return (folder / "facts.log").read_bytes(), states


def test_torn_at_every_byte_nothing_that_was_left_before_is_lost(tmp_path: Path) -> None:
    content, states = written(tmp_path / "whole")
    for size in range(len(content) + 1):
        folder = tmp_path / "torn"
        folder.mkdir(exist_ok=True)
        (folder / "facts.log").write_bytes(content[:size])
        journal = opened(folder)
        have = {fact.evidence["n"] for fact in journal.batch().facts if fact.code.startswith("visto")}
        must = max((state for state in states if state[0] <= size), default=(0, set(), 0), key=lambda state: state[0])
        assert must[1] <= have | {str(n) for n in range(9)} and must[1] - have <= {str(n) for n in range(9)}, size
        later = [state for state in states if state[0] > size]
        may_be_confirmed = later[0][2] if later else must[2]
        assert must[1] - have <= {str(n) for n in range(may_be_confirmed)}
        journal.leave("after", n="after")
        assert told(opened(folder))[-1] == ("after", "after")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bytes_that_were_changed_never_raise_and_cost_only_their_lines(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "one"
    if not folder.exists():
        written(folder)
        (tmp_path / "kept").write_bytes((folder / "facts.log").read_bytes())
    content = bytearray((tmp_path / "kept").read_bytes())
    places = data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4, unique=True))
    for place in places:
        content[place] = data.draw(st.integers(0, 255))
    content += data.draw(st.binary(max_size=40))
    (folder / "facts.log").write_bytes(bytes(content))
    journal = opened(folder)
    journal.leave("after", n="x")
    have = told(journal)
    assert have[-1] == ("after", "x")
    assert have == told(opened(folder))
    whole = read_journal((tmp_path / "kept").read_bytes())
    lost = len(
        {entry.number for entry in whole.entries} - {entry.number for entry in read_journal(bytes(content)).entries}
    )
    assert lost <= 2 * len(places)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_as_a_journal(content: bytes) -> None:
    read = read_journal(content)
    assert read.whole_bytes <= len(content)


KILLED = """
    import sys
    from pathlib import Path
    from afluente_agent.clock_offset import HubClock
    from afluente_agent.facts import Journal
    journal = Journal(Path(sys.argv[1]), clock=HubClock(lambda: 1_800_000_000))
    number = int(sys.argv[2])
    while True:
        journal.leave("seen", n=number)
        print(number, flush=True)
        number += 1
        if number % 7 == 0:
            batch = journal.batch(most=2)
            journal.confirm(batch.last)
            print("confirmed", *(fact.evidence["n"] for fact in batch.facts), flush=True)
"""


def test_killed_while_writing_everything_that_was_left_is_there(tmp_path: Path) -> None:
    number = 0
    for turn in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(20 + 7 * turn)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.read().splitlines()
        process.stdout.close()
        process.wait()
        entries = read_journal((tmp_path / "facts.log").read_bytes()).entries
        have = sorted(int(entry.evidence["n"]) for entry in entries)
        assert have == sorted(set(have)), "none twice"
        assert have == list(range(have[0], have[-1] + 1)), "no gap"
        assert have[-1] >= max(int(word) for line in lines for word in line.split() if word.isdecimal())
        number = have[-1] + 1
    journal = opened(tmp_path)
    journal.leave("end")
    assert told(journal)[-1][0] == "end" or len(journal.batch().facts) == 200
