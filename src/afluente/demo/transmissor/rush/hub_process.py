"""A hub process: `python -m afluente.demo.transmissor.rush.hub_process FOLDER DSN`. It says its address, and ends when its input does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from afluente.core.clock import SystemClock
from afluente.fleet.activity import learn
from afluente.fleet.admission import Admission, AdmissionSettings
from afluente.fleet.central import Central
from afluente.fleet.documents import HubSigner, new_signing_key
from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.loading import Loader, LoaderSettings
from afluente.fleet.slots import SlotSettings
from afluente.fleet.uploads import UploadLimits, Uploads
from afluente.fleet.window import WindowSettings
from afluente.hub.background import loading
from afluente.hub.parts import HubParts
from afluente.hub.serve import HubServer
from afluente.hub.settings import HubSettings
from afluente.state.database import open_state

HUB_NICENESS = 10
"""Hub and database share the machine here: the database goes first, as `Nice=` of its unit would have it."""

ADMISSION = AdmissionSettings(
    window=WindowSettings(slack_ms=2.0), slots=SlotSettings(typical_seconds=0.2, least_wait_seconds=1)
)
"""Small uploads on one busy machine: a slot is held for a moment, and everybody's work adds noise to the probe."""


def main(folder: Path, dsn: str) -> None:
    os.nice(HUB_NICENESS)
    clock = SystemClock()
    with open_state("sqlite:///state.db", folder) as database:
        landing = LandingStore(folder / "landing", LandingKeys(b"k" * 32))
        admission = Admission(database, clock, ADMISSION)
        settings = LoaderSettings(concurrency=2, poll_seconds=0.5)

        def make_loader(opened: Central) -> Loader:
            return Loader(
                database,
                opened,
                clock=clock,
                open_landed=landing.open,
                settings=settings,
                allowed_loads=admission.allowed_loads,
            )

        parts = HubParts(
            database=database,
            clock=clock,
            signer=HubSigner.from_texts([new_signing_key()]),
            settings=HubSettings(),
            uploads=Uploads(database, landing, clock, limits=UploadLimits(least_free_bytes=1 << 20)),
            admission=admission,
            learn_activity=learn,
            background=[loading(lambda: Central(dsn, connections=3), make_loader, admission)],
        )
        server = HubServer(parts, agents_port=0, operators_port=0)
        server.start()
        print(server.agents_address, flush=True)  # noqa: T201 - read by who started it
        sys.stdin.read()
        server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
