"""A project with one product, its releases and its deliveries, for the tests of the sender."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import sqlalchemy as sa

from afluente.core.clock import Clock, SetClock
from afluente.core.errors import Place
from afluente.products.deliveries.delivery import Package, PackageFile
from afluente.products.deliveries.retry import Backoff
from afluente.products.sending import SendOutcome, send_due
from afluente.project.option import Option
from afluente.project.product import DeliverySettings, Output, PrivacyPolicy, Product
from afluente.project.secret_reference import PREFIX, parse_reference
from afluente.project.settings import EngineSettings, LakeSettings, Project
from afluente.runs.steps.workspace import Workspace
from afluente.state import audit_chain, deliveries, events, releases
from afluente.state.audit_chain import AuditEntry
from afluente.state.deliveries import DeliveryRow
from afluente.state.events import Event as Happened
from afluente.state.release_schema import DELIVERIES

PLACE = Place("products/vendas.yaml", 1)
PRODUCT, PARTNER = "vendas", "marca"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CANARY = "izI32-vwq5-pPv1-Hr68"


@dataclass(frozen=True)
class World:
    """A project's folder; everything about it is read again by each process."""

    root: Path

    def configure(
        self, ways: Mapping[str, Mapping[str, object]], *, state: str = "sqlite:///.afluente/state.db"
    ) -> None:
        """`ways` gives each delivery's connector and options: `{"copia": {"folder": {"path": "saida"}}}`."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "world.json").write_text(json.dumps({"state": state, "ways": ways}))

    def workspace(self, *, seconds_later: float = 0, clock: Clock | None = None) -> Workspace:
        settings = json.loads((self.root / "world.json").read_text())
        ways = tuple(
            DeliverySettings(name, connector, PLACE, options={key: _option(value) for key, value in options.items()})
            for name, way in settings["ways"].items()
            for connector, options in way.items()
        )
        output = Output("mes", None, "release.mes", PLACE)  # type: ignore[arg-type]
        privacy = PrivacyPolicy(PLACE)
        product = Product(
            PRODUCT,
            "Vendas",
            "1.0.0",
            PARTNER,
            "dono@example.com",
            "ver",
            "contract",
            (output,),
            privacy,
            PLACE,
            "0" * 64,
            deliveries=ways,
        )
        project = Project(
            self.root,
            "mundo",
            "UTC",
            "pt",
            LakeSettings("lake"),
            settings["state"],
            EngineSettings(),
            (),
            (),
            (),
            (),
            Place("afluente.yaml"),
            products=(product,),
        )
        moment = clock or SetClock(START + timedelta(seconds=seconds_later))
        return Workspace(project, environment={"SENHA": CANARY}, clock=moment)

    def release(self, number: int = 1, *, sizes: Sequence[int] = (2000, 300_000), status: str = "released") -> str:
        """Write a release's files, and its rows with a delivery for each way. Returns its id."""
        folder = self.root / "releases" / f"{PRODUCT}-{number:06d}"
        (folder / "files").mkdir(parents=True)
        told = []
        for index, size in enumerate(sizes):
            name = f"{PRODUCT}-{number:06d}-mes{index}.csv"
            content = content_of(number, index, size)
            (folder / "files" / name).write_bytes(content)
            told.append({"name": name, "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": size})
        (folder / "manifest.json").write_text(json.dumps({"number": number, "files": told}))
        (folder / "manifest.json.sig").write_text(f"signature of {number}\n")
        release_id = f"release-{number}"
        with self.workspace() as workspace, workspace.state.write() as connection:
            row = releases.Release(
                release_id,
                PRODUCT,
                PARTNER,
                number,
                status,
                START,
                "1.0.0",
                "0" * 64,
                str(folder),
                released_at=START,
            )
            releases.insert(connection, row)
            for way in workspace.project.products[0].deliveries:
                deliveries.insert(
                    connection,
                    DeliveryRow(f"{release_id}-{way.name}", release_id, way.name, way.connector, PARTNER, START, START),
                )
        return release_id

    def send(self, *, seconds_later: float = 0, **options: object) -> list[SendOutcome]:
        with self.workspace(seconds_later=seconds_later) as workspace:
            return send_due(workspace, package_of=package_of, **options)  # type: ignore[arg-type]

    def rows(self) -> list[DeliveryRow]:
        with self.workspace() as workspace, workspace.state.read() as connection:
            return [DeliveryRow(**row._mapping) for row in connection.execute(sa.select(DELIVERIES))]

    def audit(self, action: str = "") -> list[AuditEntry]:
        with self.workspace() as workspace, workspace.state.read() as connection:
            log = audit_chain.entries(connection)
        assert audit_chain.first_broken(log) is None
        return [entry for entry in log if not action or entry.action == action]

    def events(self, kind: str = "") -> list[Happened]:
        with self.workspace() as workspace, workspace.state.read() as connection:
            return events.after(connection, 0, kinds=(kind,) if kind else ())

    def expected(self, number: int = 1) -> dict[str, bytes]:
        """What the partner has to see, by name."""
        folder = self.root / "releases" / f"{PRODUCT}-{number:06d}"
        prefix = f"{PRODUCT}-{number:06d}"
        manifest = (folder / "manifest.json").read_bytes()
        seen = {path.name: path.read_bytes() for path in (folder / "files").iterdir()}
        seen[f"{prefix}.manifest.json"] = manifest
        seen[f"{prefix}.manifest.json.sig"] = (folder / "manifest.json.sig").read_bytes()
        seen[f"{prefix}.ok"] = f"{hashlib.sha256(manifest).hexdigest()}  {prefix}.manifest.json\n".encode()
        return seen


def content_of(number: int, index: int, size: int) -> bytes:
    """Bytes of which no block equals another."""
    block = hashlib.sha256(f"{number}/{index}".encode()).digest()
    out = bytearray()
    while len(out) < size:
        block = hashlib.sha256(block).digest()
        out += block * 32
    return bytes(out[:size])


def seen(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def package_of(workspace: Workspace, release_id: str) -> Package:
    number = int(release_id.rpartition("-")[2])
    folder = workspace.project.root / "releases" / f"{PRODUCT}-{number:06d}"
    told = json.loads((folder / "manifest.json").read_text())["files"]
    return Package(
        release_id,
        PRODUCT,
        "Vendas",
        PARTNER,
        number,
        None,
        START,
        files=tuple(
            PackageFile(
                one["name"],
                folder / "files" / one["name"],
                one["sha256"],
                one["size_bytes"],
                output="mes",
                format="csv",
            )
            for one in told
        ),
        manifest=folder / "manifest.json",
        signature=folder / "manifest.json.sig",
        prefix=f"{PRODUCT}-{number:06d}",
        period=None,
    )


def _option(value: object) -> Option:
    if isinstance(value, str) and value.startswith(PREFIX):
        return parse_reference(value)
    if isinstance(value, dict):
        return {key: _option(item) for key, item in value.items()}
    return tuple(_option(item) for item in value) if isinstance(value, list) else value  # type: ignore[return-value]


def send_in_process(root: Path, seconds_later: float, go: Event) -> None:
    """A sender that sends what is due as soon as it may; attempts are no limit to it."""
    go.wait()
    World(root).send(seconds_later=seconds_later, backoff=Backoff(max_attempts=10_000))
