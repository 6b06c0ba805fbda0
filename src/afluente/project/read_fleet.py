"""`fleet:` to FleetSettings.

Invariant: every mistake is noted with its line and none raises; a literal secret never enters a message.
"""

from __future__ import annotations

import re

from afluente.project.fields import Fields
from afluente.project.fleet_settings import RINGS, UPDATE_ROLES, FleetLimits, FleetRetention, FleetSettings
from afluente.project.mistakes import Mistakes
from afluente.project.secret_reference import FORMS, PREFIX, SecretReference, parse_reference
from afluente.project.yaml_node import Node

_KEYS = (
    "signing_key",
    "landing_key",
    "pseudonym_key",
    "central",
    "rings",
    "update_keys",
    "catalogue",
    "retention",
    "limits",
)
_RING = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SIGNING_HINT = "signing_key: secret:file:.afluente/hub.key; make one with `afluente hub key`"
_LEAST_HEARTBEAT_SECONDS = 30


def read_fleet(node: Node, mistakes: Mistakes) -> FleetSettings:
    """Read the mapping, whose variables were replaced."""
    fields = Fields(node, mistakes, "'fleet'")
    fields.only(_KEYS)
    signing = fields.require("signing_key", hint=_SIGNING_HINT) if node.mapping else None
    if node.mapping:
        fields.require("landing_key", hint="landing_key: secret:env:LANDING_KEY; openssl rand -base64 32")
    keys = () if signing is None else signing.items or (signing,)
    return FleetSettings(
        signing_keys=tuple(key for one in keys if (key := _reference(one, mistakes, "signing_key")) is not None),
        place=mistakes.place(node, is_key=True),
        central=_optional(fields, "central"),
        landing_key=_optional(fields, "landing_key"),
        pseudonym_key=_optional(fields, "pseudonym_key"),
        rings=_rings(fields),
        update_keys=_update_keys(fields),
        catalogues=_catalogues(fields),
        retention=_retention(fields),
        limits=_limits(fields),
    )


def _optional(fields: Fields, key: str) -> SecretReference | None:
    node = fields.get(key)
    return None if node is None else _reference(node, fields.mistakes, key)


def _reference(node: Node, mistakes: Mistakes, key: str) -> SecretReference | None:
    if not node.is_scalar or not node.raw.startswith(PREFIX):
        is_told = any(problem.place == mistakes.place(node) for problem in mistakes.problems)
        if not is_told:
            mistakes.add(
                "project.literal_secret", f"{key!r} of 'fleet' must be a reference to a secret", node, hint=FORMS
            )
        return None
    try:
        return parse_reference(node.raw)
    except ValueError as error:
        mistakes.add("project.secret_reference", str(error), node, hint=FORMS)
        return None


def _rings(fields: Fields) -> tuple[str, ...]:
    node = fields.get("rings")
    if node is None:
        return RINGS
    rings = fields.texts("rings")
    for ring in rings:
        if _RING.fullmatch(ring) is None:
            hint = "lower-case letters, digits, - and _"
            fields.mistakes.add("project.name", f"ring {ring!r} of 'fleet' is not a name", node, hint=hint)
    if len(set(rings)) != len(rings):
        fields.mistakes.add("project.repeated", "a ring of 'fleet' stands twice", node)
    return tuple(dict.fromkeys(rings)) or RINGS


def _update_keys(fields: Fields) -> dict[str, tuple[SecretReference, ...]]:
    node = fields.get("update_keys")
    if node is None:
        return {}
    inner = Fields(node, fields.mistakes, "'update_keys' of 'fleet'")
    inner.only(UPDATE_ROLES)
    keys: dict[str, tuple[SecretReference, ...]] = {}
    for role, item in node.mapping.items():
        read = (_reference(one, fields.mistakes, role) for one in item.items or (item,))
        keys[role] = tuple(key for key in read if key is not None)
    return keys


def _catalogues(fields: Fields) -> tuple[str, ...]:
    node = fields.get("catalogue")
    folders = fields.texts("catalogue")
    for folder in folders:
        if _FOLDER.fullmatch(folder) is None and node is not None:
            hint = "a folder of the project, such as catalogo"
            fields.mistakes.add(
                "project.wrong_value", f"catalogue {folder!r} of 'fleet' is not a folder", node, hint=hint
            )
    return tuple(folder for folder in folders if _FOLDER.fullmatch(folder))


def _retention(fields: Fields) -> FleetRetention:
    node = fields.get("retention")
    if node is None:
        return FleetRetention()
    inner = Fields(node, fields.mistakes, "'retention' of 'fleet'")
    known = FleetRetention()
    inner.only(("landing_days", "facts_days", "access_days", "bronze_days"))
    return FleetRetention(
        landing_days=inner.integer("landing_days", known.landing_days, minimum=1),
        facts_days=inner.integer("facts_days", known.facts_days, minimum=30),
        access_days=inner.integer("access_days", known.access_days, minimum=180),
        bronze_days=inner.integer("bronze_days", known.bronze_days),
    )


def _limits(fields: Fields) -> FleetLimits:
    node = fields.get("limits")
    if node is None:
        return FleetLimits()
    inner = Fields(node, fields.mistakes, "'limits' of 'fleet'")
    known = FleetLimits()
    inner.only(
        ("heartbeat_seconds", "bytes_per_second", "loads_at_once", "bronze_seconds", "requests_at_once", "connections")
    )
    return FleetLimits(
        heartbeat_seconds=inner.integer("heartbeat_seconds", known.heartbeat_seconds, minimum=_LEAST_HEARTBEAT_SECONDS),
        bytes_per_second=inner.integer("bytes_per_second", known.bytes_per_second, minimum=64 << 10),
        loads_at_once=inner.integer("loads_at_once", known.loads_at_once, minimum=1),
        bronze_seconds=inner.integer("bronze_seconds", known.bronze_seconds, minimum=1),
        requests_at_once=inner.integer("requests_at_once", known.requests_at_once, minimum=1),
        connections=inner.integer("connections", known.connections, minimum=10),
    )
