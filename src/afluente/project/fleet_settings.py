"""What `fleet:` of afluente.yaml says, as frozen dataclasses. Nothing here opens a file.

Invariant: keys and the central database's address, which holds a password, stand as references to secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from afluente.core.errors import Place
from afluente.project.fleet_catalogue import FleetList
from afluente.project.secret_reference import SecretReference

RINGS = ("pilot", "general")
UPDATE_ROLES = ("root", "targets", "snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class FleetRetention:
    """For how many days loaded uploads, facts and the access log are kept.

    Lines of bronze that no longer stand are deleted after `bronze_days`; 0 keeps them.
    """

    landing_days: int = 7
    facts_days: int = 400
    access_days: int = 1826
    bronze_days: int = 0


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """`bytes_per_second` is what is taken in from all sites together; the rest is of one hub process.

    What was loaded waits at most `bronze_seconds` for a commit to bronze, which takes all that waits.
    """

    heartbeat_seconds: int = 900
    bytes_per_second: int = 64 << 20
    loads_at_once: int = 2
    requests_at_once: int = 200
    connections: int = 6000
    bronze_seconds: int = 300


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """A hub. The first of `signing_keys` signs documents; those after it are told to agents as coming ones.

    `catalogues` are the folders (relative) whose `catalogo.yaml` names the lists that agents read, and `lists` are those:
    the hub keeps each in the bronze table of its name. `landing_key` encrypts uploads at rest; `pseudonym_key` makes the
    pseudonyms at the source and is told to agents sealed; `rings` are in the order in which an update reaches them;
    `update_keys` are those of the update repository's roles that are at hand here (root, targets, snapshot, timestamp).
    """

    signing_keys: tuple[SecretReference, ...]
    place: Place
    central: SecretReference | None = None
    landing_key: SecretReference | None = None
    pseudonym_key: SecretReference | None = None
    rings: tuple[str, ...] = RINGS
    update_keys: Mapping[str, tuple[SecretReference, ...]] = field(default_factory=dict)
    catalogues: tuple[str, ...] = ()
    lists: tuple[FleetList, ...] = ()
    retention: FleetRetention = field(default_factory=FleetRetention)
    limits: FleetLimits = field(default_factory=FleetLimits)
