"""Documents of the hub: checked, kept, and the configuration put to use.

Invariant: nothing is taken from a document before its signature, by a key the agent was told at its enrolment or by an
earlier document, was found right; a version never goes back; what is kept is the document as it was signed.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from afluente_agent import durable
from afluente_agent.errors import CatalogueError
from afluente_agent.protocol.limits import MAX_CHUNK_BYTES
from afluente_agent.protocol.messages import MessageError, SignedDocument, from_json, to_json
from afluente_agent.schedule import WEEK_DAYS, WeekPlan
from afluente_agent.settings import DataFolder, Settings, SettingsStore

CONTEXT = b"afluente-document-v1\0"
DEFAULT = "default"
UPDATE_ROOT = "update_root"
CONFIGURATION, CATALOGUE = "configuration", "catalogue"
HEARTBEAT_BOUNDS = (60, 86_400)
LEAST_CHUNK_BYTES = 16 * 1024
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
MOST_KEYS = 10
MOST_ZONE_MINUTES = 14 * 60


def check(document: SignedDocument, *, kind: str, hub_keys: tuple[str, ...]) -> Mapping[str, object]:
    """The content of a document that a key of the hub signed. CatalogueError."""
    if document.kind != kind or document.key not in hub_keys or not _is_signed(document):
        raise CatalogueError(
            "document.not_signed",
            "o hub enviou um documento sem assinatura válida; ele foi recusado",
            f"a {kind} that no key of the hub signed",
            "Fale com o suporte: nada desta máquina foi mudado.",
        )
    try:
        content = json.loads(document.body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("version") != document.version:
        raise CatalogueError(
            "document.not_whole",
            "o hub enviou um documento que não pode ser lido; ele foi recusado",
            f"a {kind} whose body is not what it says",
            "Fale com o suporte: nada desta máquina foi mudado.",
        )
    return content


def update_root(document: SignedDocument, *, hub_keys: tuple[str, ...]) -> bytes | None:
    """What the agent will trust of the hub's updates, once a key of the hub was found to have signed it. CatalogueError."""
    root = check(document, kind=UPDATE_ROOT, hub_keys=hub_keys).get("root")
    return root.encode() if isinstance(root, str) else None


def take(store: SettingsStore, document: SignedDocument, *, kind: str) -> bool:
    """Check a document, keep it and put a configuration to use; whether it was newer. CatalogueError, OSError."""
    settings = store.load()
    content = check(document, kind=kind, hub_keys=settings.hub_keys)
    if kind == CONFIGURATION and settings.site and content.get("name", DEFAULT) not in (DEFAULT, settings.site):
        raise CatalogueError(
            "document.not_ours",
            "o hub enviou a configuração de outro município; ela foi recusada",
            "a configuration of another site",
            "Fale com o suporte: nada desta máquina foi mudado.",
        )
    known = settings.configuration_version if kind == CONFIGURATION else settings.catalogue_version
    if document.version <= known:
        return False
    durable.replace(_path(store.folder, kind), to_json(document))
    if kind == CONFIGURATION:
        store.change(lambda before: _configured(before, content, document.version))
    else:
        store.update(catalogue_version=document.version)
    return True


def kept(folder: DataFolder, kind: str, *, hub_keys: tuple[str, ...]) -> SignedDocument | None:
    """The document in use, its signature checked again; None when there is none. CatalogueError."""
    try:
        document = from_json(SignedDocument, _path(folder, kind).read_bytes(), max_bytes=2 * 1024 * 1024)
    except (OSError, MessageError):
        return None
    check(document, kind=kind, hub_keys=hub_keys)
    return document


def _configured(settings: Settings, content: Mapping[str, object], version: int) -> Settings:
    """What operators published is taken once: a newer configuration around the same one leaves what a remedy changed."""
    keys = content.get("hub_keys")
    hub_keys = settings.hub_keys
    if isinstance(keys, list) and 0 < len(keys) <= MOST_KEYS and all(isinstance(key, str) for key in keys):
        hub_keys = tuple(str(key) for key in keys)
    based_on = content.get("based_on", version)
    known = replace(
        settings,
        configuration_version=version,
        configuration_base=_bounded(based_on, version, 0, version),
        hub_keys=hub_keys,
        week=_week(content.get("send_plan"), settings.week),
    )
    if based_on == (settings.configuration_base or settings.configuration_version):
        return known
    send_at = content.get("send_at", settings.send_at)
    is_time = isinstance(send_at, str) and _is_time(send_at)
    return replace(
        known,
        heartbeat_seconds=_bounded(content.get("heartbeat_seconds"), settings.heartbeat_seconds, *HEARTBEAT_BOUNDS),
        chunk_bytes=_bounded(content.get("chunk_bytes"), settings.chunk_bytes, LEAST_CHUNK_BYTES, MAX_CHUNK_BYTES),
        most_bytes_per_second=_bounded(content.get("most_bytes_per_second"), settings.most_bytes_per_second, 0, 2**40),
        send_at=str(send_at) if is_time else settings.send_at,
    )


def _week(value: object, otherwise: WeekPlan) -> WeekPlan:
    if not isinstance(value, dict):
        return otherwise
    times, minutes = value.get("times"), value.get("zone_minutes")
    if not isinstance(times, list) or len(times) != WEEK_DAYS:
        return otherwise
    if not all(isinstance(text, str) and _is_time(text) for text in times):
        return otherwise
    if not isinstance(minutes, int) or isinstance(minutes, bool) or abs(minutes) > MOST_ZONE_MINUTES:
        return otherwise
    return WeekPlan(tuple(times), minutes)


def _is_time(text: str) -> bool:
    return text == "" or TIME_OF_DAY.fullmatch(text) is not None


def _bounded(value: object, otherwise: int, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return otherwise
    return min(max(value, least), most)


def _is_signed(document: SignedDocument) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(document.key, validate=True))
        signature = base64.b64decode(document.signature, validate=True)
        public.verify(signature, CONTEXT + document.kind.encode() + b"\0" + document.body.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _path(folder: DataFolder, kind: str) -> Path:
    return folder.documents / f"{kind}.json"
