"""The messages as frozen dataclasses, and the reading of their JSON.

Invariant: `from_json` takes no missing field, no wrong type and nothing over its bounds; whatever comes, it answers with a
message or raises MessageError. A field that it does not know is passed over unread, so that an agent and a hub of
different ages understand each other, but where nothing may be passed over (`is_strict`): in what the hub signs for the
agent to do, and in the announcement of rows.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union

from afluente_agent.protocol.limits import MAX_FACTS_A_MESSAGE, MAX_MESSAGE_BYTES

MAX_TEXT = 4096
MAX_ITEMS = 1000
MAX_DEPTH = 12

Decision = Literal["new", "reinstalled", "migration", "clone"]
Kind = Literal["full", "delta"]
RemedyKind = Literal["resend", "diagnose", "rotate_key", "change_schedule", "roll_back", "update"]


FIRST_ROOT = "first-root.json"
"""Among the files of updates: the first root of the repository, as a document that the hub signed."""


class MessageError(Exception):
    """A message is not what it should be. The text names the field, never its value."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known of a machine, no more than needed: ids are salted hashes, so that a clone can be told.

    `install_id` is made when the agent is installed and lives in its folder; `machine_hash` is of the system's own
    machine id; `disk_hash` of the serial of the disk the agent lives on, empty when it cannot be read.
    """

    install_id: str
    machine_hash: str
    disk_hash: str
    system: str
    system_version: str
    architecture: str
    agent_version: str
    python_version: str


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    token: str
    public_key: str
    machine: Machine
    findings: tuple[str, ...] = ()
    """Codes of what the doctor found wrong and let pass."""


@dataclass(frozen=True, slots=True)
class SignedDocument:
    r"""JSON text signed by the hub: `signature` is base64 Ed25519 over `afluente-document-v1\0`, kind, `\0`, body."""

    kind: str
    version: int
    body: str
    key: str
    signature: str


@dataclass(frozen=True, slots=True)
class EnrolmentAnswer:
    agent: str
    site: str
    site_name: str
    key: str
    decision: Decision
    hub_time: int
    hub_keys: tuple[str, ...]
    """Public keys (base64) that sign documents from now on."""
    configuration: SignedDocument
    message_pt: str = ""
    update_root: SignedDocument | None = None
    """The first root of the hub's updates, of kind `update_root`: pinned before any update."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that was seen, for the diagnosis: a stable code, when (hub's time), and plain evidence."""

    code: str
    at: int
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spool:
    waiting_bytes: int
    waiting_segments: int
    oldest_at: int
    quarantined: int
    free_disk_bytes: int


@dataclass(frozen=True, slots=True)
class RemedyDone:
    id: str
    outcome: Literal["done", "failed", "refused"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`sequence` grows by one with each heartbeat of an installation, so that a clone or a restored disk shows."""

    sequence: int
    started_at: int
    machine: Machine
    configuration_version: int
    catalogue_version: int
    clock_offset_seconds: int
    spool: Spool
    facts: tuple[Fact, ...] = ()
    remedies: tuple[RemedyDone, ...] = ()
    update_status: str = ""
    pec_version: str = ""

    def __post_init__(self) -> None:
        if len(self.facts) > MAX_FACTS_A_MESSAGE:
            raise MessageError("facts: too many")


@dataclass(frozen=True, slots=True)
class Remedy:
    """`kind` is one of RemedyKind, or one of a newer hub, which the agent refuses."""

    id: str
    kind: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    hub_time: int
    next_in_seconds: int
    configuration: SignedDocument | None = None
    catalogue: SignedDocument | None = None
    remedies: tuple[Remedy, ...] = ()
    needs_key_rotation: bool = False
    update: SignedDocument | None = None
    """The order to update or to go back, of kind `update`."""


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A new public key (base64), in a request signed by the key it will take the place of."""

    public_key: str


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """The id of the new key; the old one is good until `old_key_until` (hub's time)."""

    key: str
    hub_time: int
    old_key_until: int


@dataclass(frozen=True, slots=True)
class SlotRequest:
    waiting_bytes: int
    transmissions: int
    oldest_at: int


@dataclass(frozen=True, slots=True)
class SlotAnswer:
    """Either a slot (`slot` until `until`, hub's time) or the seconds to wait before asking again, and why."""

    slot: str
    until: int
    retry_after_seconds: int
    most_bytes_per_second: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TransmissionStart:
    """A list about to be sent. `id` is a UUIDv7 made by the agent: the same for every try.

    A delta says what changed since the transmission `base`; the first of a list, and any after the hub asks for it,
    is full. `schema` is the hash of the list's columns. `freshness` gives the newest day (yyyymmdd) of each health
    unit (CNES). Sizes and digest are of the compressed, unencrypted stream.
    """

    id: str
    list_name: str
    kind: Kind
    base: str
    rows: int
    size_bytes: int
    sha256: str
    catalogue_version: int
    schema: str
    columns: tuple[str, ...]
    extracted_at: int
    freshness: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TransmissionState:
    """`state`: receiving, landed, loading, loaded, refused. `needs_full` asks for the whole list next time."""

    id: str
    state: str
    offset: int
    needs_full: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """What every refusal says: a stable code, words in Portuguese, and the hub's time."""

    code: str
    message_pt: str
    message_en: str
    hub_time: int
    retry_after_seconds: int = 0


Message = TypeVar("Message")
_PLAIN_NAME = re.compile("[a-z][a-z0-9_]{0,40}")
_BROKEN = re.compile("[\0\ud800-\udfff]")
"""What is no character of a text: no database takes it."""


def to_json(message: Any) -> bytes:
    """Compact JSON in UTF-8 with the fields in their order.

    Half a character, as stands in a file's name that is no UTF-8, leaves as a question mark.
    """
    return json.dumps(asdict(message), ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def from_json(
    kind: type[Message], content: bytes, *, max_bytes: int = MAX_MESSAGE_BYTES, is_strict: bool = False
) -> Message:
    """Read a message; MessageError says which field is wrong. `is_strict` refuses fields that are not known."""
    if len(content) > max_bytes:
        raise MessageError("the message is too large")
    try:
        value = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MessageError("the message is not JSON") from None
    read = _Reading(is_strict).read(kind, value, kind.__name__, 0)
    return typing.cast("Message", read)


def _refuse(_text: str) -> float:
    raise ValueError("not a JSON number")


@dataclass(frozen=True, slots=True)
class _Reading:
    is_strict: bool

    def read(self, kind: Any, value: Any, name: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise MessageError(f"{name}: nested too deep")
        origin = typing.get_origin(kind)
        if is_dataclass(kind):
            return self._fields(typing.cast("type[Any]", kind), value, name, depth)
        if origin is Literal:
            if not isinstance(value, str) or value not in typing.get_args(kind):
                raise MessageError(f"{name}: not one of {', '.join(map(str, typing.get_args(kind)))}")
            return value
        if origin in (Union, types.UnionType):
            if value is None:
                return None
            return self.read(next(k for k in typing.get_args(kind) if k is not type(None)), value, name, depth)
        if origin is tuple:
            if not isinstance(value, list) or len(value) > MAX_ITEMS:
                raise MessageError(f"{name}: not a list of at most {MAX_ITEMS}")
            inner = typing.get_args(kind)[0]
            return tuple(self.read(inner, item, f"{name}[{i}]", depth + 1) for i, item in enumerate(value))
        if origin is not None and issubclass(origin, Mapping):
            return _read_texts(value, name)
        if kind is str:
            return _read_text(value, name)
        if kind is bool and isinstance(value, bool):
            return value
        if kind is int and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
            return value
        raise MessageError(f"{name}: not {kind.__name__}")

    def _fields(self, kind: type[Any], value: Any, name: str, depth: int) -> Any:
        if not isinstance(value, dict):
            raise MessageError(f"{name}: not an object")
        hints = _hints(typing.cast("Any", kind))
        known = {one.name for one in fields(kind)}
        if self.is_strict and not set(value) <= known:
            unknown = sorted(key for key in set(value) - known if _PLAIN_NAME.fullmatch(key))
            raise MessageError(f"{name}: fields that are not known: {', '.join(unknown) or 'of odd names'}")
        given = {key: self.read(hints[key], value[key], f"{name}.{key}", depth + 1) for key in value if key in known}
        try:
            return kind(**given)
        except TypeError:
            missing = [one.name for one in fields(kind) if one.name not in given and _is_required(one)]
            raise MessageError(f"{name}: fields are missing: {', '.join(missing)}") from None


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


@lru_cache(maxsize=64)
def _hints(kind: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _read_text(value: Any, name: str) -> str:
    limit = MAX_MESSAGE_BYTES if name.endswith(".body") else MAX_TEXT
    if not isinstance(value, str) or len(value) > limit or _BROKEN.search(value) is not None:
        raise MessageError(f"{name}: not a text of at most {limit} characters")
    return value


def _read_texts(value: Any, name: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_ITEMS:
        raise MessageError(f"{name}: not a mapping of at most {MAX_ITEMS}")
    return {_read_text(key, name): _read_text(item, f"{name}.{key[:40]}") for key, item in value.items()}
