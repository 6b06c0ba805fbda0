"""The TUF repository of agent versions: a folder of signed metadata and archives, served as it is.

Invariant: what is served is consistent at every moment: archives and metadata stand under names that hold their digest
or version, and the timestamp, put in place last, names them; a version once added is never given other bytes.
Source: The Update Framework specification 1.0.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from afluente.core.clock import Clock
from afluente.fleet.agent_version import check_version
from afluente.fleet.refusal import FleetError
from afluente.fleet.update_keys import ROLES, Role, UpdateKeys
from afluente.state import audit_chain, events
from afluente.state.database import Database
from afluente_agent import durable
from afluente_agent.errors import UpdateError
from afluente_agent.update.client import target_path
from afluente_agent.update.package import Kind, build

if TYPE_CHECKING:
    from securesystemslib.signer import Signer  # type: ignore[attr-defined]
    from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp  # type: ignore[attr-defined]

MOST_ROOTS = 1024

Content = TypeVar("Content", "Root", "Timestamp", "Snapshot", "Targets")


def updates_folder(state_folder: Path) -> Path:
    """Where a project's repository stands, below the folder of its state."""
    return state_folder / "fleet" / "updates"


@dataclass(frozen=True, slots=True)
class RepositoryRule:
    """How long each role's metadata is good, and how many root keys have to agree."""

    root_days: float = 365
    targets_days: float = 365
    snapshot_days: float = 30
    timestamp_days: float = 3
    root_threshold: int = 2

    def lasts(self, role: Role) -> timedelta:
        days: Mapping[Role, float] = {
            "root": self.root_days,
            "targets": self.targets_days,
            "snapshot": self.snapshot_days,
            "timestamp": self.timestamp_days,
        }
        return timedelta(days=days[role])


@dataclass(frozen=True, slots=True)
class RoleState:
    """The metadata of a role as it is served."""

    role: Role
    version: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AddedVersion:
    """A version in the repository."""

    version: str
    platform: str
    path: str
    size_bytes: int
    sha256: str
    minimum_python: str
    rings: Sequence[str] = field(default=())


class UpdateRepository:
    """The repository in `folder`; `metadata/` and `targets/` are served. Several processes may share the folder."""

    def __init__(self, folder: Path, keys: UpdateKeys, clock: Clock, *, rule: RepositoryRule | None = None) -> None:
        self.folder = folder
        self._keys = keys
        self._clock = clock
        self._rule = rule or RepositoryRule()

    @property
    def exists(self) -> bool:
        return (self.folder / "metadata" / "timestamp.json").exists()

    def create(self) -> bytes:
        """Make the repository with no version; its first root, which installers pin. FleetError."""
        from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp  # type: ignore[attr-defined]

        with self._locked():
            if (self.folder / "metadata" / "1.root.json").exists():
                raise FleetError("update.repository_exists", "the update repository was made already")
            root: Metadata[Root] = Metadata(Root(expires=self._expiry("root"), consistent_snapshot=True))
            for role in ROLES:
                for signer in self._keys.signers(role):
                    root.signed.add_key(signer.public_key, role)
            if len(self._keys.root) < self._rule.root_threshold:
                raise FleetError(
                    "update.root_threshold",
                    f"{self._rule.root_threshold} root keys have to agree and {len(self._keys.root)} are given",
                )
            root.signed.roles["root"].threshold = self._rule.root_threshold
            content = self._signed(root, self._keys.signers("root"))
            targets = Metadata(Targets(expires=self._expiry("targets")))
            snapshot = Metadata(Snapshot(expires=self._expiry("snapshot")))
            timestamp = Metadata(Timestamp(expires=self._expiry("timestamp")))
            self._write("1.root.json", content)
            self._publish(targets, snapshot, timestamp)
        return content

    def root(self) -> bytes:
        """The newest root."""
        return self._read(f"{self._root_version()}.root.json")

    def first_root(self) -> bytes:
        """The root to pin in an installer: the first, from which all others follow."""
        return self._read("1.root.json")

    def add_version(
        self,
        source: Path,
        version: str,
        *,
        platform: str = "any",
        kind: Kind = "module",
        start: str = "afluente_agent.cli",
        minimum_python: str = "3.11",
        rings: Sequence[str] = (),
    ) -> AddedVersion:
        """Pack the files under `source` and sign them in. The same version may come again with the same bytes only.

        FleetError.
        """
        from tuf.api.metadata import TargetFile  # type: ignore[attr-defined]

        check_version(version)
        name = target_path(version, platform)
        with self._locked(), tempfile.TemporaryDirectory(prefix="afluente-version-") as working:
            archive = Path(working) / "version.zip"
            try:
                build(source, archive, version=version, kind=kind, start=start, minimum_python=minimum_python)
            except UpdateError as error:
                raise FleetError(error.code, str(error)) from None
            content = archive.read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            custom = {"version": version, "platform": platform, "minimum_python": minimum_python, "rings": list(rings)}
            target = TargetFile.from_data(name, content, ["sha256"])
            target.unrecognized_fields["custom"] = custom
            targets, snapshot, timestamp = self._current()
            known = targets.signed.targets.get(name)
            if known is not None and known.hashes != target.hashes:
                raise FleetError(
                    "update.version_taken",
                    f"version {version} for {platform} is there with other bytes",
                    hint="give the changed files a newer version",
                )
            folder, _, file_name = name.rpartition("/")
            self._put(self.folder / "targets" / folder / f"{sha256}.{file_name}", content)
            if known is None:
                targets.signed.targets[name] = target
                self._publish(targets, snapshot, timestamp)
        return AddedVersion(version, platform, name, len(content), sha256, minimum_python, tuple(rings))

    def versions(self) -> list[AddedVersion]:
        """What the repository holds, in the order of paths."""
        targets = self._current()[0]
        found = []
        for name, target in sorted(targets.signed.targets.items()):
            custom = target.unrecognized_fields["custom"]
            found.append(
                AddedVersion(
                    custom["version"],
                    custom["platform"],
                    name,
                    target.length,
                    target.hashes["sha256"],
                    custom["minimum_python"],
                    tuple(custom["rings"]),
                )
            )
        return found

    def refresh(self) -> list[Role]:
        """Sign anew what is past half of its time, with the keys at hand; which roles. For a background job."""
        with self._locked():
            targets, snapshot, timestamp = self._current()
            is_due: dict[Role, bool] = {
                "targets": self._is_due("targets", targets),
                "snapshot": self._is_due("snapshot", snapshot),
                "timestamp": self._is_due("timestamp", timestamp),
            }
            due = [role for role in is_due if is_due[role] and self._keys.of(role)]
            if "targets" in due or "snapshot" in due:
                self._publish(targets, snapshot, timestamp, has_new_targets="targets" in due)
                return list(dict.fromkeys([*due, "snapshot", "timestamp"]))
            if due:
                self._write("timestamp.json", self._next(timestamp, "timestamp", is_first=False))
        return due

    def _is_due(self, role: Role, metadata: Metadata[Content]) -> bool:
        """Past half of its time, or signed by keys that a rotation, cut before its end, took away."""
        from tuf.api.exceptions import UnsignedMetadataError
        from tuf.api.metadata import Metadata

        root: Metadata[Root] = Metadata.from_bytes(self.root())
        try:
            root.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except UnsignedMetadataError:
            return True
        return metadata.signed.expires - self._clock.now() < self._rule.lasts(role) / 2

    def rotate_root(self, keys: UpdateKeys) -> bytes:
        """A root of other keys, signed by enough of the old ones and of the new ones; the new root. FleetError.

        Roles whose keys changed are signed anew at once.
        """
        from tuf.api.metadata import Metadata

        with self._locked():
            before: Metadata[Root] = Metadata.from_bytes(self.root())
            old_signers = self._keys.signers("root")
            root: Metadata[Root] = Metadata.from_bytes(self.root())
            for role in ROLES:
                wanted = {signer.public_key.keyid: signer.public_key for signer in keys.signers(role)}
                for known in list(root.signed.roles[role].keyids):
                    if known not in wanted:
                        root.signed.revoke_key(known, role)
                for key in wanted.values():
                    root.signed.add_key(key, role)
            if len(keys.root) < self._rule.root_threshold:
                raise FleetError("update.root_threshold", f"{self._rule.root_threshold} root keys have to agree")
            root.signed.roles["root"].threshold = self._rule.root_threshold
            root.signed.version += 1
            root.signed.expires = self._expiry("root")
            content = self._signed(root, [*old_signers, *keys.signers("root")])
            signed: Metadata[Root] = Metadata.from_bytes(content)
            _check_agreed(before, signed)
            targets, snapshot, timestamp = self._current()
            self._keys = keys
            self._write(f"{root.signed.version}.root.json", content)
            self._publish(targets, snapshot, timestamp)
        return content

    def states(self) -> list[RoleState]:
        """Versions and dates of what is served."""
        from tuf.api.metadata import Metadata

        root: Metadata[Root] = Metadata.from_bytes(self.root())
        targets, snapshot, timestamp = self._current()
        return [
            RoleState("root", root.signed.version, root.signed.expires),
            RoleState("targets", targets.signed.version, targets.signed.expires),
            RoleState("snapshot", snapshot.signed.version, snapshot.signed.expires),
            RoleState("timestamp", timestamp.signed.version, timestamp.signed.expires),
        ]

    def _current(self) -> tuple[Metadata[Targets], Metadata[Snapshot], Metadata[Timestamp]]:
        """What the timestamp names: files beyond it are of a publication that was cut."""
        from tuf.api.metadata import Metadata

        timestamp: Metadata[Timestamp] = Metadata.from_bytes(self._read("timestamp.json"))
        version = timestamp.signed.snapshot_meta.version
        snapshot: Metadata[Snapshot] = Metadata.from_bytes(self._read(f"{version}.snapshot.json"))
        version = snapshot.signed.meta["targets.json"].version
        targets: Metadata[Targets] = Metadata.from_bytes(self._read(f"{version}.targets.json"))
        return targets, snapshot, timestamp

    def _publish(
        self,
        targets: Metadata[Targets],
        snapshot: Metadata[Snapshot],
        timestamp: Metadata[Timestamp],
        *,
        has_new_targets: bool = True,
    ) -> None:
        from tuf.api.metadata import MetaFile  # type: ignore[attr-defined]

        is_first = not self.exists
        if has_new_targets:
            content = self._next(targets, "targets", is_first=is_first)
            self._write(f"{targets.signed.version}.targets.json", content)
            snapshot.signed.meta["targets.json"] = MetaFile.from_data(targets.signed.version, content, ["sha256"])
        content = self._next(snapshot, "snapshot", is_first=is_first)
        self._write(f"{snapshot.signed.version}.snapshot.json", content)
        timestamp.signed.snapshot_meta = MetaFile.from_data(snapshot.signed.version, content, ["sha256"])
        self._write("timestamp.json", self._next(timestamp, "timestamp", is_first=is_first))

    def _next(self, metadata: Metadata[Content], role: Role, *, is_first: bool) -> bytes:
        if not is_first:
            metadata.signed.version += 1
        metadata.signed.expires = self._expiry(role)
        return self._signed(metadata, self._keys.signers(role))

    def _signed(self, metadata: Metadata[Content], signers: Sequence[Signer]) -> bytes:
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def _expiry(self, role: Role) -> datetime:
        return (self._clock.now() + self._rule.lasts(role)).replace(microsecond=0)

    def _root_version(self) -> int:
        version = 0
        while version < MOST_ROOTS and (self.folder / "metadata" / f"{version + 1}.root.json").exists():
            version += 1
        return version

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / "metadata" / name).read_bytes()
        except FileNotFoundError:
            raise FleetError(
                "update.no_repository",
                "there is no update repository",
                pt="não há repositório de atualizações",
                hint="afluente fleet update init",
            ) from None

    def _write(self, name: str, content: bytes) -> None:
        self._put(self.folder / "metadata" / name, content)

    def _put(self, path: Path, content: bytes) -> None:
        try:
            durable.replace(path, content)
        except OSError as error:
            raise FleetError("update.repository_disk", f"the update repository: {error.strerror}") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with durable.locked(self.folder / "repository.lock"):
            yield


def keep_fresh(repository: UpdateRepository, database: Database, clock: Clock) -> list[Role]:
    """The background job: refresh, and an event where metadata has run out or will before anybody acts."""
    refreshed = repository.refresh() if repository.exists else []
    if repository.exists:
        watch_expiry(database, repository.states(), at=clock.now())
    if refreshed:
        with database.write() as connection:
            audit_chain.record(
                connection,
                at=clock.now(),
                actor="hub",
                action="update.refreshed",
                subject="updates",
                payload={"roles": list(refreshed)},
            )
    return refreshed


def watch_expiry(database: Database, states: Sequence[RoleState], *, at: datetime) -> list[Role]:
    """Tell once of each metadata that expired, or of root and targets that will within thirty days; which expired."""
    expired: list[Role] = []
    for state in states:
        left = state.expires_at - at
        kind = ""
        if left <= timedelta():
            kind = "update.metadata_expired"
            expired.append(state.role)
        elif state.role in ("root", "targets") and left < timedelta(days=30):
            kind = "update.metadata_expiring"
        if not kind:
            continue
        with database.write() as connection:
            events.append(
                connection,
                at=at,
                kind=kind,
                subject=f"updates/{state.role}",
                payload={"version": state.version, "expires_at": state.expires_at.isoformat()},
                key=f"{kind}/{state.role}/{state.version}",
            )
    return expired


def _check_agreed(before: Metadata[Root], root: Metadata[Root]) -> None:
    from tuf.api.exceptions import UnsignedMetadataError

    try:
        before.verify_delegate("root", root)
        root.verify_delegate("root", root)
    except UnsignedMetadataError:
        raise FleetError(
            "update.root_threshold",
            "too few of the old or the new root keys are at hand to rotate",
            hint="give enough old root keys and enough new ones",
        ) from None
