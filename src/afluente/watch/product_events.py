"""What happens to releases and deliveries, as alerts.

Invariant: trouble of the way to a partner is one alert for the way, whatever releases wait on it; a release that is
given up is one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from afluente.core.language import Message
from afluente.state.events import Event
from afluente.state.json_value import Json
from afluente.watch.alert import Alert, AlertKind, Severity
from afluente.watch.raised import raised
from afluente.watch.trouble import kind_of_reason

if TYPE_CHECKING:
    from afluente.project.settings import Project

PRODUCT_KINDS = (
    "release.held",
    "release.refused",
    "release.failed",
    "release.released",
    "release.withdrawn",
    "delivery.failed",
    "delivery.delivered",
    "delivery.cancelled",
)
REPEATED_ATTEMPTS = 3
"""From this attempt on, a delivery that is still tried again is told."""
CONNECTION_ATTEMPTS = 2
MOST_REASONS_TOLD = 5
_OF_RELEASES: tuple[AlertKind, ...] = ("anomaly", "contract", "privacy", "transformation")
_OF_DELIVERIES: tuple[AlertKind, ...] = ("delivery", "connection", "credentials")

Ends = list[tuple[str, tuple[AlertKind, ...]]]


def of_product_event(project: Project, event: Event) -> tuple[list[Alert], Ends]:
    """The alerts an event raises, and the subjects whose alerts of which kinds it ends."""
    match event.kind:
        case "release.held" | "release.refused":
            return _stopped(project, event), []
        case "release.failed":
            return [_not_made(project, event)], []
        case "release.released":
            return _warned(project, event), [(_product_of(event.subject), _OF_RELEASES)]
        case "release.withdrawn":
            is_superseded = "superseded_by" in event.payload
            return [], [] if is_superseded else [(_product_of(event.subject), _OF_RELEASES)]
        case "delivery.failed":
            return list(_failed(project, event)), []
        case _:
            return [], [(event.subject, _OF_DELIVERIES), (way_of(event.subject), _OF_DELIVERIES)]


def _stopped(project: Project, event: Event) -> list[Alert]:
    """One alert for each kind of reason; the details name the first reasons."""
    is_refused = event.kind == "release.refused"
    actions = ("refuse",) if is_refused else ("hold",)
    by_kind: dict[AlertKind, list[Mapping[str, Json]]] = {}
    for reason in _reasons(event):
        if reason.get("action", actions[0]) in actions:
            by_kind.setdefault(kind_of_reason(str(reason.get("code", ""))), []).append(reason)
    if not by_kind:
        by_kind["privacy" if is_refused else "anomaly"] = []
    verb = Message("foi recusada", "was refused") if is_refused else Message("está retida", "is held")
    subject = _product_of(event.subject)
    number = event.subject.partition("#")[2]
    return [
        raised(
            project,
            kind,
            "error",
            subject,
            event.kind,
            detail=_listed(
                Message(f"a liberação {number} {verb.pt}", f"release {number} {verb.en}"),
                reasons,
            ),
            run_id=event.run_id,
            group=subject,
        )
        for kind, reasons in by_kind.items()
    ]


def _not_made(project: Project, event: Event) -> Alert:
    """A release that ended in an error before anything could be judged."""
    code, said = str(event.payload.get("error_code", "")), str(event.payload.get("message", ""))
    subject = _product_of(event.subject)
    detail = Message(f"a versão não pôde ser feita: [{code}] {said}", f"the release could not be made: [{code}] {said}")
    return raised(
        project, "transformation", "error", subject, event.kind, detail=detail, run_id=event.run_id, group=subject
    )


def _warned(project: Project, event: Event) -> list[Alert]:
    """A release that went out although a guardrail warned."""
    by_code: dict[str, list[Mapping[str, Json]]] = {}
    for reason in _reasons(event):
        if reason.get("action") == "warn":
            by_code.setdefault(str(reason.get("code", "")), []).append(reason)
    subject = _product_of(event.subject)
    number = event.subject.partition("#")[2]
    head = Message(f"a liberação {number} saiu com avisos", f"release {number} went out with warnings")
    return [
        raised(
            project,
            kind_of_reason(code),
            "warning",
            subject,
            code,
            detail=_listed(head, reasons),
            run_id=event.run_id,
            group=subject,
        )
        for code, reasons in by_code.items()
    ]


def _failed(project: Project, event: Event) -> Iterator[Alert]:
    code = str(event.payload.get("error_code") or "delivery.unknown_failure")
    attempt = event.payload.get("attempt")
    tries = attempt if isinstance(attempt, int) else 1
    way = way_of(event.subject)
    detail = Message(f"tentativa {tries}: {code}", f"attempt {tries}: {code}")
    found: tuple[AlertKind, Severity] | None = None
    if event.payload.get("is_credentials"):
        found = "credentials", "error"
    elif event.payload.get("is_connection") and tries >= CONNECTION_ATTEMPTS:
        found = "connection", "warning"
    elif tries >= REPEATED_ATTEMPTS and not event.payload.get("is_final"):
        found = "delivery", "warning"
    if found is not None:
        yield raised(project, *found, way, code, detail=detail, run_id=event.run_id, group=way)
    if event.payload.get("is_final"):
        product, _, rest = event.subject.removeprefix("delivery/").partition("#")
        number = rest.partition("/")[0]
        again = f'afluente product redeliver {product} {number} --reason "..."'
        final = Message(
            f"{detail.pt}; não será tentada de novo: {again}",
            f"{detail.en}; it is not tried again: {again}",
        )
        yield raised(
            project, "delivery", "error", event.subject, "delivery.dead", detail=final, run_id=event.run_id, group=way
        )


def _reasons(event: Event) -> list[Mapping[str, Json]]:
    listed = event.payload.get("reasons")
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []


def _listed(head: Message, reasons: list[Mapping[str, Json]]) -> Message:
    told = reasons[:MOST_REASONS_TOLD]
    rest = len(reasons) - len(told)
    pt = [str(one.get("message_pt", "")) for one in told] + ([f"e mais {rest}"] if rest else [])
    en = [str(one.get("message_en", "")) for one in told] + ([f"and {rest} more"] if rest else [])
    return Message(
        ": ".join([head.pt, *(["; ".join(pt)] if pt else [])]), ": ".join([head.en, *(["; ".join(en)] if en else [])])
    )


def _product_of(subject: str) -> str:
    """`product/vendas` of `product/vendas#12`."""
    return subject.partition("#")[0]


def way_of(subject: str) -> str:
    """`delivery/vendas/sftp` of `delivery/vendas#12/sftp`."""
    head, hash_, rest = subject.partition("#")
    return f"{head}/{rest.partition('/')[2]}" if hash_ else subject
