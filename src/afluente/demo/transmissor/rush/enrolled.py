"""The sites of a rush put straight into a hub's state: enrolment is shown and measured elsewhere."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

from afluente.demo.transmissor.rush.database import YESTERDAY
from afluente.demo.transmissor.rush.lists import LIST, SCHEMA, base_id, seed, site_name


def enrol(folder: Path, sites: int) -> None:
    """Sites, agents, keys, and yesterday's whole lists as the base of today's deltas."""
    import sqlalchemy as sa
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from afluente.fleet.sites import NewSite, register
    from afluente.state.database import open_state
    from afluente.state.fleet_schema import AGENT_KEYS, AGENTS, SITES, TRANSMISSIONS

    at = datetime.now(UTC)
    names = [site_name(number) for number in range(sites)]
    agents, keys, bases = [], [], []
    for name in names:
        public = Ed25519PrivateKey.from_private_bytes(seed(name)).public_key().public_bytes_raw()
        agents.append(
            {
                "id": f"agent-{name}", "site": name, "status": "active", "install_id": name, "machine_hash": name,
                "disk_hash": name, "machine": {}, "enrolled_at": at, "sequence": 0, "heartbeat": {},
                "configuration_version": 0, "catalogue_version": 0, "agent_version": "", "pec_version": "",
            }
        )  # fmt: skip
        keys.append(
            {
                "id": f"key-{name}", "agent": f"agent-{name}", "public_key": b64encode(public).decode(),
                "created_at": at,
            }
        )  # fmt: skip
        bases.append(
            {
                "id": base_id(name), "site": name, "agent": f"agent-{name}", "list_name": LIST, "kind": "full",
                "base": "", "rows": 0, "size_bytes": 0, "sha256": "", "start": {"schema": SCHEMA}, "state": "loaded",
                "offset": 0, "started_at": YESTERDAY, "loaded_at": YESTERDAY, "attempts": 1,
            }
        )  # fmt: skip
    with open_state("sqlite:///state.db", folder) as database, database.write() as connection:
        register(connection, [NewSite(name, name, "SP", name) for name in names], by="rush", at=at)
        connection.execute(sa.update(SITES).values(status="active"))
        for table, made in ((AGENTS, agents), (AGENT_KEYS, keys), (TRANSMISSIONS, bases)):
            connection.execute(sa.insert(table), made)
