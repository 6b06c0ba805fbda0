"""The repository: consistent whenever it is looked at, fresh by itself, its keys kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.unit.agent.update.update_world import add, new_keys, write_version
from tuf.api.metadata import Metadata

from afluente.core.clock import SetClock
from afluente.fleet.documents import new_signing_key
from afluente.fleet.refusal import FleetError
from afluente.fleet.update_keys import UpdateKeys
from afluente.fleet.updates import UpdateRepository, keep_fresh
from afluente.state import audit_chain, events
from afluente.state.database import Database
from afluente.state.secret import Secret

DAY = 86_400


def verify_all(repository: UpdateRepository) -> None:
    """Every role is signed by the keys that the newest root names, and each file is the one that is named."""
    root = Metadata.from_bytes(repository.root())
    metadata = repository.folder / "metadata"
    timestamp = Metadata.from_bytes((metadata / "timestamp.json").read_bytes())
    root.verify_delegate("timestamp", timestamp)
    meta = timestamp.signed.snapshot_meta
    content = (metadata / f"{meta.version}.snapshot.json").read_bytes()
    meta.verify_length_and_hashes(content)
    snapshot = Metadata.from_bytes(content)
    root.verify_delegate("snapshot", snapshot)
    meta = snapshot.signed.meta["targets.json"]
    content = (metadata / f"{meta.version}.targets.json").read_bytes()
    meta.verify_length_and_hashes(content)
    targets = Metadata.from_bytes(content)
    root.verify_delegate("targets", targets)
    for name, target in targets.signed.targets.items():
        folder, _, file = name.rpartition("/")
        stored = repository.folder / "targets" / folder / f"{target.hashes['sha256']}.{file}"
        target.verify_length_and_hashes(stored.read_bytes())


def test_versions_are_added_with_what_they_need(repository: UpdateRepository, tmp_path: Path) -> None:
    add(repository, tmp_path, "1.1.0", rings=("canary", "all"))
    add(repository, tmp_path, "1.2.0", minimum_python="3.12")
    assert [(one.version, one.minimum_python, tuple(one.rings)) for one in repository.versions()] == [
        ("1.1.0", "3.11", ("canary", "all")),
        ("1.2.0", "3.12", ()),
    ]
    verify_all(repository)


def test_a_version_is_never_given_other_bytes(repository: UpdateRepository, tmp_path: Path) -> None:
    add(repository, tmp_path, "1.1.0")
    before = repository.versions()
    add(repository, tmp_path, "1.1.0")
    assert repository.versions() == before
    source = write_version(tmp_path, "1.1.0", program="print('other')")
    with pytest.raises(FleetError) as caught:
        repository.add_version(source, "1.1.0", start="toy_agent")
    assert caught.value.code == "update.version_taken"


def test_a_publication_that_was_cut_is_as_if_it_had_not_been(repository: UpdateRepository, tmp_path: Path) -> None:
    add(repository, tmp_path, "1.1.0")
    old = (repository.folder / "metadata" / "timestamp.json").read_bytes()
    add(repository, tmp_path, "1.2.0")
    (repository.folder / "metadata" / "timestamp.json").write_bytes(old)
    verify_all(repository)
    assert [one.version for one in repository.versions()] == ["1.1.0"]
    add(repository, tmp_path, "1.3.0")
    verify_all(repository)
    assert [one.version for one in repository.versions()] == ["1.1.0", "1.3.0"]


def test_the_timestamp_is_signed_anew_before_its_date_by_its_own_key_alone(
    repository: UpdateRepository, keys: UpdateKeys, clock: SetClock
) -> None:
    daily = UpdateRepository(repository.folder, UpdateKeys(timestamp=keys.timestamp), clock)
    assert daily.refresh() == []
    clock.advance(seconds=2 * DAY)
    assert daily.refresh() == ["timestamp"]
    verify_all(repository)
    assert [state.version for state in daily.states()] == [1, 1, 1, 2]


def test_the_snapshot_is_signed_anew_before_its_date(repository: UpdateRepository, clock: SetClock) -> None:
    clock.advance(seconds=16 * DAY)
    assert repository.refresh() == ["snapshot", "timestamp"]
    verify_all(repository)


def test_the_background_job_tells_once_that_metadata_expired(
    repository: UpdateRepository, keys: UpdateKeys, clock: SetClock, database: Database
) -> None:
    assert keep_fresh(repository, database, clock) == []
    clock.advance(seconds=31 * DAY)
    daily = UpdateRepository(repository.folder, UpdateKeys(timestamp=keys.timestamp), clock)
    for _ in range(2):
        keep_fresh(daily, database, clock)
    with database.read() as connection:
        told = [(event.kind, event.subject) for event in events.after(connection, 0)]
        audited = [entry.action for entry in audit_chain.entries(connection)]
    assert told == [("update.metadata_expired", "updates/snapshot")]
    assert audited == ["update.refreshed"]


def test_the_root_is_rotated_by_enough_old_and_new_keys(
    repository: UpdateRepository, keys: UpdateKeys, clock: SetClock, tmp_path: Path
) -> None:
    add(repository, tmp_path, "1.1.0")
    first = repository.first_root()
    new = new_keys()
    too_few = UpdateRepository(
        repository.folder, UpdateKeys(keys.root[:1], keys.targets, keys.snapshot, keys.timestamp), clock
    )
    with pytest.raises(FleetError) as caught:
        too_few.rotate_root(new)
    assert caught.value.code == "update.root_threshold"
    repository.rotate_root(new)
    verify_all(repository)
    assert repository.first_root() == first
    add(repository, tmp_path, "1.2.0")
    verify_all(repository)


def test_a_rotation_that_was_cut_is_ended_by_the_next_refresh(
    repository: UpdateRepository, clock: SetClock, tmp_path: Path
) -> None:
    add(repository, tmp_path, "1.1.0")
    before = tmp_path / "before"
    shutil.copytree(repository.folder / "metadata", before)
    new = new_keys()
    root = repository.rotate_root(new)
    shutil.rmtree(repository.folder / "metadata")
    shutil.copytree(before, repository.folder / "metadata")
    (repository.folder / "metadata" / "2.root.json").write_bytes(root)
    again = UpdateRepository(repository.folder, new, clock)
    assert set(again.refresh()) == {"targets", "snapshot", "timestamp"}
    verify_all(repository)


def test_each_role_has_its_keys_which_are_shown_nowhere() -> None:
    key = new_signing_key()
    keys = UpdateKeys(timestamp=[Secret(key)], root=[Secret(key)])
    assert len(keys.signers("timestamp")) == len(keys.signers("root")) == 1
    assert key not in repr(keys)
    with pytest.raises(FleetError, match="no targets key"):
        keys.signers("targets")
    with pytest.raises(FleetError, match="32 bytes"):
        UpdateKeys(root=[Secret("eA==")]).signers("root")
