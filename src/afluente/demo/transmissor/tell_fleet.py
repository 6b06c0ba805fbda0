"""What the demo of the fleet says: a short report for a person, and the same as JSON.

Invariant: both say what `FleetStory` saw; no person of a list is named.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.demo.screen import Screen
from afluente.state.json_value import Json

if TYPE_CHECKING:
    from afluente.demo.transmissor.fleet_story import FleetStory, Load
    from afluente.demo.transmissor.river import River
    from afluente.demo.transmissor.rush_hour import Rush
    from afluente.demo.transmissor.silences import Diagnosed
    from afluente.demo.transmissor.update_rings import Update

RIGHT, WRONG = "right", "WRONG"


def tell_fleet(story: FleetStory, console: Screen, *, into: Path | None) -> None:
    """Say it for a person."""
    _tell_loads(story, console)
    if story.rush is not None:
        _tell_rush(story.rush, console)
    _tell_verdicts(story, console)
    _tell_updates(story, console)
    _title(console, "In all")
    console.data(
        f"{len(story.names)} municipalities, {story.seconds:.0f} s; {'all as it should be' if story.exit_status == 0 else 'NOT as it should be'}"
    )
    if into is not None:
        console.data(f"the picture is {into / 'rush.png'}, everything in figures {into / 'summary.json'}")
    else:
        console.data("afluente demo transmissor --into DIR keeps the project, rush.png and summary.json")


def write_summary(story: FleetStory, path: Path) -> None:
    text = json.dumps(fleet_as_json(story), ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def fleet_as_json(story: FleetStory) -> dict[str, Json]:
    """Say it as JSON."""
    updates = story.updates
    return {
        "is_right": story.exit_status == 0,
        "seconds": round(story.seconds, 1),
        "sites": [{"site": site, "name": name} for site, name in story.names.items()],
        "doctor": story.doctor.splitlines(),
        "transmissions": {"first_load": _load(story.first), "delta": _load(story.delta)},
        "river": None if story.river is None else _river(story.river),
        "latency": None if story.rush is None else _rush(story.rush),
        "verdicts": [_diagnosed(one, story) for one in story.diagnosed],
        "hub_down": [_diagnosed(one, story) for one in story.hub_down],
        "sites_told_of_without_reason": story.wrongly_told,
        "updates": [] if updates is None else [_update(updates.good), _update(updates.bad)],
    }


def _tell_loads(story: FleetStory, console: Screen) -> None:
    _title(console, "Installation")
    for line in story.doctor.strip().splitlines()[-1:]:
        console.data(f"afluente-agent doctor: {line}")
    _title(console, "First load and a day's changes")
    loads = (("first load", story.first), ("a day later", story.delta))
    console.table(
        [
            {
                "": name,
                "sites": load.sites,
                "lists": f"{load.loaded} of {load.expected}",
                "twice": load.twice,
                "rows": load.rows,
                "bytes": load.size_bytes,
            }
            for name, load in loads
            if load is not None
        ]
    )
    if story.first is not None and story.delta is not None and story.delta.sites and story.first.sites:
        of_first = story.first.size_bytes / story.first.sites
        of_delta = story.delta.size_bytes / story.delta.sites
        console.data(f"a site sent {of_first:,.0f} bytes the first time and {of_delta:,.0f} the day after")
    if (river := story.river) is not None:
        console.data(
            f"bronze of the lake holds {river.lines:,} lines in {river.commits} commits; gold made of them has "
            f"{river.people:,} people of {river.units} health units, {'as' if river.is_same else 'NOT as'} the central "
            "database"
        )


def _tell_rush(rush: Rush, console: Screen) -> None:
    _title(console, f"8 o'clock: {rush.size.sites} simulated sites of {rush.size.rows} rows")
    console.table(
        [
            {
                "": name,
                "bystander p95 (ms)": f"{rush.p95_ms[phase]:.1f}",
                "took (s)": f"{rush.seconds[phase]:.1f}",
                "WAL (MB)": f"{rush.wal_bytes[phase] / 1e6:.1f}" if phase in rush.wal_bytes else "",
            }
            for phase, name in (("idle", "at rest"), ("naive", "all write directly"), ("slots", "slots and deltas"))
        ]
    )
    console.data(
        f"{rush.arrived} of {rush.size.sites} transmissions arrived, each exactly once: {rush.is_exactly_once}"
    )


def _tell_verdicts(story: FleetStory, console: Screen) -> None:
    _title(console, "Why they were silent")
    for one in story.diagnosed:
        verdict = one.verdict
        if verdict is None:
            console.data(f"{story.names[one.site]}: no verdict; WRONG")
            continue
        mark = RIGHT if one.is_right else WRONG
        console.data(
            f"{story.names[one.site]}: {verdict.code}, {verdict.confidence:.0%} sure, {verdict.action} ({mark})"
        )
        console.data(f"    {verdict.message_pt}")
        if one.corrected:
            console.data(f"    before the agent could tell, it was {one.corrected}")
    codes = Counter("" if one.verdict is None else one.verdict.code for one in story.hub_down)
    for code, sites in codes.items():
        console.data(f"the next day the hub was down: {sites} sites, {code or 'no verdict'}, none of them blamed")


def _tell_updates(story: FleetStory, console: Screen) -> None:
    if story.updates is None:
        return
    _title(console, "Updates")
    for update in (story.updates.good, story.updates.bad):
        rings = "; ".join(
            f"{ring}: {', '.join(f'{count} {status}' for status, count in sorted(counts.items()))}"
            for ring, counts in update.agents.items()
        )
        console.data(f"{update.version} {update.status} in ring {update.ring} after {update.seconds:.0f} s; {rings}")
    console.data(
        "the second ring never saw the bad one"
        if story.updates.is_right
        else "the updates did NOT go as they should have"
    )


def _load(load: Load | None) -> Json:
    if load is None:
        return None
    return {
        "sites": load.sites,
        "expected": load.expected,
        "loaded": load.loaded,
        "loaded_twice": load.twice,
        "rows": load.rows,
        "size_bytes": load.size_bytes,
        "is_exactly_once": load.is_exactly_once,
    }


def _river(river: River) -> Json:
    return {
        "bronze_lines": river.lines,
        "bronze_commits": river.commits,
        "bronze_files": river.files,
        "transmissions": river.transmissions,
        "units": river.units,
        "people": river.people,
        "is_as_the_central_database": river.is_same,
    }


def _rush(rush: Rush) -> Json:
    points: dict[str, Json] = {name: [list(point) for point in points] for name, points in rush.latency.items()}
    return {
        "sites": rush.size.sites,
        "rows_a_site": rush.size.rows,
        "wake_seconds": rush.size.seconds,
        "bystander_p95_ms": {name: round(value, 2) for name, value in rush.p95_ms.items()},
        "seconds": {name: round(value, 1) for name, value in rush.seconds.items()},
        "wal_bytes": dict(rush.wal_bytes),
        "arrived": rush.arrived,
        "is_exactly_once": rush.is_exactly_once,
        "agents_processor_seconds": round(rush.agents_processor_seconds, 1),
        "points": points,
    }


def _diagnosed(one: Diagnosed, story: FleetStory) -> Json:
    verdict = one.verdict
    told: dict[str, Json] = {
        "site": one.site,
        "name": story.names[one.site],
        "failure": one.failure.name_pt,
        "right_verdict": one.failure.right,
        "is_right": one.is_right,
    }
    if one.corrected:
        told["corrected"] = one.corrected
    if verdict is not None:
        told |= {
            "verdict": verdict.code,
            "confidence": verdict.confidence,
            "action": verdict.action,
            "evidence": dict(verdict.evidence),
            "message_pt": verdict.message_pt,
        }
    return told


def _update(update: Update) -> Json:
    agents: dict[str, Json] = {ring: dict(counts) for ring, counts in update.agents.items()}
    return {
        "version": update.version,
        "status": update.status,
        "ring": update.ring,
        "reason": update.reason,
        "agents": agents,
        "running": dict(update.running),
        "seconds": round(update.seconds, 1),
    }


def _title(console: Screen, text: str) -> None:
    for line in _underlined(text):
        console.data(line)


def _underlined(text: str) -> Sequence[str]:
    return ("", text, "─" * len(text))
