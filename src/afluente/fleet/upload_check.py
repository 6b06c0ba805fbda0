"""What an agent announces, before anything of it is taken.

Invariant: no text of an announcement reaches a path or SQL that is not a UUID, a plain name or digits.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

from afluente.fleet.refusal import FleetError, Refusal
from afluente.fleet.transmission import Transmission, check_names
from afluente_agent.protocol.limits import MAX_TRANSMISSION_BYTES
from afluente_agent.protocol.messages import TransmissionStart

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SCHEMA = re.compile(r"[0-9a-f]{1,64}")
_UNIT = re.compile(r"[0-9A-Za-z_-]{0,20}")
_DAY = re.compile(r"[0-9]{0,8}")
MOST_ROWS = 500_000_000
_LATEST = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())


def check_start(start: TransmissionStart, *, most_bytes: int = MAX_TRANSMISSION_BYTES) -> None:
    """Refusal `transmission.invalid`, `transmission.list` or `transmission.oversized` when it cannot be taken."""
    if not is_id(start.id):
        raise invalid("id")
    if start.kind == "full" and start.base:
        raise invalid("base")
    if start.kind == "delta" and (not is_id(start.base) or start.base == start.id):
        raise invalid("base")
    if not 0 <= start.rows <= MOST_ROWS:
        raise invalid("rows")
    if start.size_bytes > most_bytes:
        raise Refusal(
            "transmission.oversized",
            "a remessa é maior do que o hub aceita",
            f"a transmission has at most {most_bytes} bytes",
            status=413,
        )
    if start.size_bytes < 1:
        raise invalid("size_bytes")
    if _SHA256.fullmatch(start.sha256) is None:
        raise invalid("sha256")
    if _SCHEMA.fullmatch(start.schema) is None:
        raise invalid("schema")
    if start.catalogue_version < 0 or not 0 <= start.extracted_at < _LATEST:
        raise invalid("catalogue_version or extracted_at")
    if not all(_UNIT.fullmatch(unit) and _DAY.fullmatch(day) for unit, day in start.freshness.items()):
        raise invalid("freshness")
    try:
        check_names(_named(start))
    except FleetError as error:
        raise invalid(f"list_name or columns: {error.message}") from None


def is_id(text: str) -> bool:
    """Whether a text is a UUID exactly as we write them."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def invalid(what: str) -> Refusal:
    return Refusal(
        "transmission.invalid",
        "o anúncio da remessa tem um campo que o hub não aceita",
        f"the announcement cannot be taken: {what}",
        status=422,
    )


def _named(start: TransmissionStart) -> Transmission:
    return Transmission(
        id=start.id,
        site="",
        agent="",
        list_name=start.list_name,
        kind=start.kind,
        base=start.base,
        rows=start.rows,
        size_bytes=start.size_bytes,
        sha256=start.sha256,
        schema=start.schema,
        columns=start.columns,
        catalogue_version=start.catalogue_version,
        extracted_at=start.extracted_at,
        started_at=datetime.fromtimestamp(0, UTC),
        landed_path="",
        attempts=0,
    )
