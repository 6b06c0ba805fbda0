"""Remedies: what operators ask of an agent that they cannot reach, carried out when a heartbeat brings them.

Invariant: a remedy is carried out once by its id however often it comes; what became of it is on the disk, in the
journal, and told until the hub was heard to answer; a kind or a parameter that is not known is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from afluente_agent.documents import HEARTBEAT_BOUNDS, TIME_OF_DAY
from afluente_agent.errors import AgentError
from afluente_agent.facts import Leave
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.messages import Remedy
from afluente_agent.settings import Settings, SettingsStore

Outcome = Literal["done", "failed", "refused"]
MOST_KEPT = 200
MOST_DETAIL = 200


class RefusedRemedy(Exception):
    """The remedy asks for what it may not. The text says which."""


@dataclass(frozen=True, slots=True)
class Deeds:
    """What the agent can do when asked; each may be done twice, and says in a word what it did. AgentError."""

    resend: Callable[[str], str]
    """The list by name, or every list when empty: it is read whole and sent again."""
    diagnose: Callable[[], str]
    rotate_key: Callable[[], str]
    roll_back: Callable[[str], str]
    update: Callable[[str], str]


def carry_out(store: SettingsStore, remedies: Sequence[Remedy], deeds: Deeds, leave: Leave) -> int:
    """Carry out what was not carried out yet, in order; how many were. SettingsError."""
    carried = 0
    for remedy in remedies:
        settings = store.load()
        if remedy.id in settings.remedy_outcomes:
            store.change(lambda before, known=remedy.id: _told_again(before, known))  # type: ignore[misc]
            continue
        outcome, detail = _try(store, remedy, deeds)
        store.change(lambda before, one=remedy, how=outcome, what=detail: _ended(before, one.id, how, what))  # type: ignore[misc]
        leave(fact_codes.REMEDY_ENDED, id=remedy.id, kind=remedy.kind, outcome=outcome)
        carried += 1
    return carried


def outcome_of(settings: Settings, remedy: str) -> tuple[Outcome, str]:
    """How a remedy ended, as kept."""
    outcome, _, detail = settings.remedy_outcomes.get(remedy, "failed ").partition(" ")
    match outcome:
        case "done" | "refused":
            return outcome, detail
        case _:
            return "failed", detail


def _try(store: SettingsStore, remedy: Remedy, deeds: Deeds) -> tuple[Outcome, str]:
    try:
        return "done", _do(store, remedy, deeds)[:MOST_DETAIL]
    except RefusedRemedy as error:
        return "refused", str(error)[:MOST_DETAIL]
    except AgentError as error:
        return "failed", error.code[:MOST_DETAIL]


def _do(store: SettingsStore, remedy: Remedy, deeds: Deeds) -> str:
    given = remedy.parameters
    match remedy.kind:
        case "resend":
            return deeds.resend(_only(given, "list"))
        case "diagnose":
            _only(given)
            return deeds.diagnose()
        case "rotate_key":
            _only(given)
            return deeds.rotate_key()
        case "change_schedule":
            return _change_schedule(store, given)
        case "roll_back":
            return deeds.roll_back(_only(given, "version"))
        case "update":
            return deeds.update(_only(given, "version"))
        case _:
            raise RefusedRemedy("kind: not known to this version")


def _change_schedule(store: SettingsStore, given: Mapping[str, str]) -> str:
    if not given or not set(given) <= {"send_at", "heartbeat_seconds"}:
        raise RefusedRemedy("parameters: send_at, heartbeat_seconds")
    send_at = given.get("send_at")
    if send_at and TIME_OF_DAY.fullmatch(send_at) is None:
        raise RefusedRemedy("send_at: HH:MM")
    seconds = given.get("heartbeat_seconds")
    if seconds is not None and not (seconds.isdecimal() and _is_within(seconds)):
        raise RefusedRemedy("heartbeat_seconds: {} to {}".format(*HEARTBEAT_BOUNDS))
    store.change(
        lambda before: replace(
            before,
            send_at=before.send_at if send_at is None else send_at,
            heartbeat_seconds=before.heartbeat_seconds if seconds is None else int(seconds),
        )
    )
    return "schedule changed"


def _is_within(seconds: str) -> bool:
    return len(seconds) <= 6 and HEARTBEAT_BOUNDS[0] <= int(seconds) <= HEARTBEAT_BOUNDS[1]


def _only(given: Mapping[str, str], *names: str) -> str:
    """The one parameter that is allowed, empty when it is not given."""
    if not set(given) <= set(names):
        raise RefusedRemedy("parameters: " + (", ".join(names) or "none"))
    return given.get(names[0], "") if names else ""


def _ended(settings: Settings, remedy: str, outcome: Outcome, detail: str) -> Settings:
    outcomes = {**settings.remedy_outcomes, remedy: f"{outcome} {detail}"}
    for oldest in list(outcomes)[: max(len(outcomes) - MOST_KEPT, 0)]:
        del outcomes[oldest]
    return _told_again(replace(settings, remedy_outcomes=outcomes), remedy)


def _told_again(settings: Settings, remedy: str) -> Settings:
    return replace(settings, untold_remedies=tuple(dict.fromkeys((*settings.untold_remedies, remedy)))[-MOST_KEPT:])
