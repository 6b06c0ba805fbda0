"""A hub as a process of its own: `storm_hub.py PROJECT`, prints the port of the agents' door.

The project's own parts behind both doors; only leases, retries and slots are shorter, so that what a killed process
held is taken over within seconds, the clock is off by the seconds in the file `clock` beside the project, and what is
forced to the disk is recorded in `ledger` there.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from afluente.fleet.admission import Admission, AdmissionSettings
from afluente.fleet.bronze_keeper import BronzeKeeper, KeeperSettings
from afluente.fleet.catalogue_check import columns_of
from afluente.fleet.central import Central
from afluente.fleet.completion import CompletionLimits
from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import read_landing_keys
from afluente.fleet.loading import Loader, LoaderSettings
from afluente.fleet.slots import SlotSettings
from afluente.fleet.uploads import UploadLimits, Uploads
from afluente.hub.background import loading, repeating
from afluente.hub.parts import Background, HubParts
from afluente.hub.project_hub import fleet_folder, project_parts
from afluente.hub.serve import HubServer
from afluente.project.load import load_project
from afluente.runs.steps.workspace import Workspace
from afluente.state.secret import Secret
from tests.fleet_world import storm_ledger
from tests.fleet_world.storm_agent import number

LEASE_SECONDS = 5.0
LOADER = LoaderSettings(lease_seconds=LEASE_SECONDS, first_retry_seconds=0.2, longest_retry_seconds=2, poll_seconds=0.2)
KEEPER = KeeperSettings(
    batch_transmissions=20,
    age_seconds=1,
    lease_seconds=LEASE_SECONDS,
    first_retry_seconds=0.5,
    longest_retry_seconds=2,
    compact_files=8,
    compact_seconds=5,
)
SLOTS = SlotSettings(slot_seconds=8, typical_seconds=0.5, least_wait_seconds=0.2, longest_wait_seconds=2)


class OffClock:
    """The machine's clock, which is off."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=number(self._path))


def hurried(workspace: Workspace) -> HubParts:
    """The project's parts with short leases."""
    parts = project_parts(workspace)
    settings = workspace.project.fleet
    assert settings is not None
    assert settings.landing_key is not None
    assert settings.central is not None
    central = workspace.secret(settings.central)
    database, clock = workspace.state, workspace.clock
    landing = LandingStore(
        fleet_folder(workspace) / "landing", read_landing_keys(Secret(workspace.secret(settings.landing_key)))
    )
    limits = UploadLimits(completion=CompletionLimits(lease_seconds=LEASE_SECONDS), least_free_bytes=0)
    uploads = Uploads(database, landing, clock, limits=limits, columns_of=columns_of)
    admission = Admission(database, clock, AdmissionSettings(slots=SLOTS))

    def loader(to: Central) -> Loader:
        return Loader(
            database,
            to,
            clock=clock,
            open_landed=landing.open,
            settings=LOADER,
            into_bronze=True,
            columns_of=columns_of,
            allowed_loads=admission.allowed_loads,
        )

    background: list[Background] = [
        one for one in parts.background if one.name in ("retention", "pulse", "diagnosis", "rollouts")
    ]
    background.append(repeating("settling", 1.0, uploads.settle))
    background.append(loading(lambda: Central(central, connections=3), loader, admission))
    keeper = BronzeKeeper(database, workspace.lake, clock=clock, open_landed=landing.open, settings=KEEPER)
    background.append(repeating("bronze", 0.5, keeper.keep_due))
    background.append(repeating("compaction", 2.0, keeper.compact_due))
    return replace(parts, uploads=uploads, admission=admission, background=tuple(background))


def main(project: Path) -> None:
    storm_ledger.keep(project.parent / "ledger")
    loaded = load_project(project, environment=os.environ, typed_in=project)
    with Workspace(loaded, environment=os.environ, clock=OffClock(project.parent / "clock")) as workspace:
        server = HubServer(hurried(workspace), agents_port=0, operators_port=0)
        print(server.agents_address.rpartition(":")[2], flush=True)
        server.serve()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
