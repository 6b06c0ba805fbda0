"""A TUF repository made with the Metadata API, which publishes whatever it is told to, and an agent that looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import httpx
from afluente_agent.errors import UpdateError
from afluente_agent.update.client import UpdateClient, pin_root, target_path
from afluente_agent.update.folder import UpdateFolder
from securesystemslib.signer import CryptoSigner
from tests.unit.agent.update.update_world import Serving, serve
from tuf.api.metadata import MetaFile, Metadata, Root, Signed, Snapshot, TargetFile, Targets, Timestamp

Role = Literal["root", "timestamp", "snapshot", "targets"]
ONLINE: tuple[Role, ...] = ("timestamp", "snapshot", "targets")
START = datetime(2026, 9, 1, 11, tzinfo=UTC)
A_YEAR = START + timedelta(days=365)


@dataclass
class Repository:
    """What is signed stands in `signed`, who signs in `signers`; nothing is served until it is published.

    `has_digests` writes length and hashes of snapshot and targets where they are pointed at.
    """

    folder: Path
    has_digests: bool = False
    signers: dict[Role, list[CryptoSigner]] = field(default_factory=dict)
    signed: dict[Role, Signed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "metadata").mkdir(parents=True)
        self.signed = {
            "root": Root(expires=A_YEAR, consistent_snapshot=True),
            "timestamp": Timestamp(expires=A_YEAR),
            "snapshot": Snapshot(expires=A_YEAR),
            "targets": Targets(expires=A_YEAR),
        }
        for role in self.signed:
            self.signers[role] = []
            self.add_key(role)
        self.put("root")
        self.point_at_targets()
        self.put("targets", "snapshot")
        self.point_at_snapshot()
        self.put("timestamp")

    @property
    def root(self) -> Root:
        assert isinstance(self.signed["root"], Root)
        return self.signed["root"]

    @property
    def timestamp(self) -> Timestamp:
        assert isinstance(self.signed["timestamp"], Timestamp)
        return self.signed["timestamp"]

    @property
    def snapshot(self) -> Snapshot:
        assert isinstance(self.signed["snapshot"], Snapshot)
        return self.signed["snapshot"]

    @property
    def targets(self) -> Targets:
        assert isinstance(self.signed["targets"], Targets)
        return self.signed["targets"]

    def add_key(self, role: Role, signer: CryptoSigner | None = None) -> CryptoSigner:
        signer = signer or CryptoSigner.generate_ed25519()
        self.root.add_key(signer.public_key, role)
        self.signers[role].append(signer)
        return signer

    def rotate(self, *roles: Role) -> None:
        """Other keys for roles, in a new root."""
        for role in roles:
            for signer in self.signers[role]:
                self.root.revoke_key(signer.public_key.keyid, role)
            self.signers[role] = []
            self.add_key(role)
        self.next_root()

    def next_root(self) -> None:
        self.root.version += 1
        self.put("root")

    def content(self, role: Role) -> bytes:
        metadata = Metadata(self.signed[role])
        for signer in self.signers[role]:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def name(self, role: Role) -> str:
        return "timestamp.json" if role == "timestamp" else f"{self.signed[role].version}.{role}.json"

    def put(self, *roles: Role) -> None:
        """Sign and serve as it stands, consistent or not."""
        for role in roles:
            (self.folder / "metadata" / self.name(role)).write_bytes(self.content(role))

    def point_at_targets(self) -> None:
        self.snapshot.meta["targets.json"] = self._meta("targets")

    def point_at_snapshot(self) -> None:
        self.timestamp.snapshot_meta = self._meta("snapshot")

    def publish(self, role: Role = "targets") -> None:
        """A new version of a role and of all that points at it."""
        if role == "targets":
            self.targets.version += 1
            self.put("targets")
            self.point_at_targets()
        if role in ("targets", "snapshot"):
            self.snapshot.version += 1
            self.put("snapshot")
            self.point_at_snapshot()
        self.timestamp.version += 1
        self.put("timestamp")

    def add_version(self, version: str, content: bytes) -> Path:
        """Sign a version's archive in; the file that is served."""
        path = target_path(version, "any")
        target = TargetFile.from_data(path, content)
        target.unrecognized_fields["custom"] = {"version": version}
        self.targets.targets[path] = target
        self.publish()
        file = self.folder / "targets" / Path(path).parent / f"{target.hashes['sha256']}.any.zip"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def _meta(self, role: Role) -> MetaFile:
        if self.has_digests:
            return MetaFile.from_data(self.signed[role].version, self.content(role), ["sha256"])
        return MetaFile(self.signed[role].version)


@dataclass
class Looking:
    """An agent with the repository's first root pinned. `at` is the hub's time as the agent knows it."""

    folder: UpdateFolder
    repository: Repository
    serving: Serving
    at: datetime = START

    def refresh(self) -> str:
        """The code of what was refused; empty when the metadata was taken."""
        return self._said(lambda client: client.refresh())

    def fetch(self, version: str) -> str:
        """The same of a version's archive, which is left in the folder of downloads."""
        return self._said(lambda client: client.download(client.find(version)))

    def trusts(self) -> dict[Role, int]:
        """The versions of what is kept as trusted."""
        kept = {role: self.folder.metadata / f"{role}.json" for role in ("root", *ONLINE)}
        return {role: Metadata.from_file(str(file)).signed.version for role, file in kept.items() if file.exists()}

    def asked(self) -> list[str]:
        """What was asked of the repository since the last time."""
        paths = [path.removeprefix("metadata/") for path, _ in self.serving.requests]
        self.serving.requests.clear()
        return paths

    def _said(self, do: object) -> str:
        try:
            with httpx.Client(timeout=60, trust_env=False) as http:
                do(UpdateClient(self.folder, http, self.serving.url, hub_time=int(self.at.timestamp())))  # type: ignore[operator]
        except UpdateError as error:
            return error.code
        return ""


@contextmanager
def looking(folder: Path, *, has_digests: bool = False, is_pinned: bool = True) -> Iterator[Looking]:
    repository = Repository(folder / "repository", has_digests)
    agent = UpdateFolder(folder / "agent")
    with serve(repository.folder) as serving:
        if is_pinned:
            pin_root(agent, repository.content("root"))
        yield Looking(agent, repository, serving)
