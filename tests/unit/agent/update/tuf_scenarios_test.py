"""What a client of The Update Framework owes, scenario by scenario, asked of the agent's client on a real line.

The scenarios are those that the specification's client workflow and its public conformance suite speak of; the
repository and the tests are ours. Source: https://theupdateframework.github.io/specification/latest/ (5, client workflow).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from afluente_agent.errors import UpdateError
from afluente_agent.update.client import MOST_ROOT_BYTES, pin_root
from securesystemslib.signer import CryptoSigner
from tests.unit.agent.update.tuf_repository import ONLINE, START, Looking, Repository, Role, looking

FIRST: dict[Role, int] = {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Looking]:
    with looking(tmp_path) as made:
        yield made


@pytest.fixture(params=[False, True], ids=["versions", "digests"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Looking]:
    """Metadata that points by version alone, and by version, length and hashes."""
    with looking(tmp_path, has_digests=request.param) as made:
        yield made


def test_the_first_look_asks_in_order_and_trusts_all(either: Looking) -> None:
    assert either.refresh() == ""
    assert either.asked() == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]
    assert either.trusts() == FIRST


def test_a_second_look_asks_for_what_may_be_new_only(either: Looking) -> None:
    either.refresh()
    either.asked()
    assert either.refresh() == ""
    assert either.asked() == ["2.root.json", "timestamp.json"]


def test_looking_for_a_version_looks_at_the_metadata_first(agent: Looking) -> None:
    assert agent.fetch("9.9.9") == "update.unknown"
    assert agent.trusts() == FIRST


@pytest.mark.parametrize("how", ["no version", "no signature", "another signature", "not json", "not a root"])
def test_a_first_root_that_is_none_is_never_pinned_nor_used(tmp_path: Path, how: str) -> None:
    with looking(tmp_path, is_pinned=False) as agent:
        content = json.loads(agent.repository.content("root"))
        if how == "no version":
            del content["signed"]["version"]
        elif how == "no signature":
            content["signatures"] = []
        elif how == "another signature":
            content["signatures"][0]["sig"] = "00" * 64
        broken = {"not json": b"root", "not a root": agent.repository.content("targets")}.get(
            how, json.dumps(content).encode()
        )
        with pytest.raises(UpdateError) as caught:
            pin_root(agent.folder, broken)
        assert caught.value.code == "update.root"
        agent.folder.trusted_root.parent.mkdir(parents=True, exist_ok=True)
        agent.folder.trusted_root.write_bytes(broken)
        assert agent.refresh() in ("update.unsigned", "update.metadata")
        assert agent.asked() == []


def test_fields_that_nobody_knows_are_signed_too_and_taken(agent: Looking) -> None:
    root = agent.repository.root
    root.unrecognized_fields["new"] = {"a": [1]}
    next(iter(root.keys.values())).unrecognized_fields["keyid_hash_algorithms"] = ["md5"]
    root.roles["snapshot"].unrecognized_fields["more"] = "x"
    agent.repository.next_root()
    assert agent.refresh() == ""
    assert agent.trusts()["root"] == 2


def test_a_chain_of_roots_is_followed_one_by_one(agent: Looking) -> None:
    for _ in range(5):
        agent.repository.next_root()
    assert agent.refresh() == ""
    assert agent.asked()[:6] == [f"{version}.root.json" for version in range(2, 8)]
    assert agent.trusts()["root"] == 6


@pytest.mark.parametrize("version", [1, 3])
def test_a_root_that_is_not_the_next_one_ends_the_look(agent: Looking, version: int) -> None:
    agent.repository.root.version = version
    agent.serving.instead["metadata/2.root.json"] = agent.repository.content("root")
    assert agent.refresh() == "update.metadata_version"
    assert agent.trusts()["root"] == 1


def test_a_root_beyond_its_bound_is_cut_off(agent: Looking) -> None:
    agent.repository.root.unrecognized_fields["much"] = "x" * MOST_ROOT_BYTES
    agent.repository.next_root()
    assert agent.refresh() == "update.endless"


Rotation = list[tuple[str, int, str]]
"""For each root: the names of its keys, how many have to sign, who signed."""

ROTATIONS: dict[str, tuple[Rotation, bool]] = {
    "a key gives way to another, both sign": ([("a", 1, "a"), ("b", 1, "ab"), ("b", 1, "b")], True),
    "signatures of strangers do not matter": ([("a", 1, "xay"), ("b", 1, "yxba"), ("b", 1, "xb")], True),
    "any three of five": ([("abcde", 3, "ace"), ("abcde", 3, "bcd"), ("abcde", 3, "abe")], True),
    "one of five changes, three who stay sign": ([("abcde", 3, "ace"), ("abdef", 3, "abd")], True),
    "all of five change in one step, six sign": ([("abcde", 3, "abc"), ("fghij", 3, "abcfgh")], True),
    "the threshold rises": ([("abc", 1, "a"), ("abc", 2, "ab")], True),
    "the threshold rises with a new key": ([("a", 1, "a"), ("ab", 2, "ab")], True),
    "the threshold falls": ([("abc", 2, "ab"), ("abc", 1, "bc"), ("abc", 1, "c")], True),
    "the old key did not sign": ([("a", 1, "a"), ("b", 1, "bxy")], False),
    "the new key did not sign": ([("a", 1, "a"), ("b", 1, "axy")], False),
    "too few of the new ones signed": ([("abcde", 3, "abc"), ("abdef", 3, "abc")], False),
    "too few of the old ones signed": ([("abcde", 3, "abc"), ("abdef", 3, "aef")], False),
    "the threshold rises and is not reached": ([("abc", 1, "a"), ("abc", 2, "b")], False),
    "the threshold falls and the old one is not reached": ([("abc", 2, "ab"), ("abc", 1, "a")], False),
}


@pytest.mark.parametrize("name", ROTATIONS)
def test_root_keys_change_only_by_enough_old_and_new_ones(tmp_path: Path, name: str) -> None:
    steps, is_taken = ROTATIONS[name]
    with looking(tmp_path, is_pinned=False) as agent:
        repository = agent.repository
        signers = {letter: CryptoSigner.generate_ed25519() for letter in "abcdefghijxy"}
        repository.root.version = 0
        for keys, threshold, signed_by in steps:
            repository.root.roles["root"].keyids.clear()
            repository.root.roles["root"].threshold = threshold
            for letter in keys:
                repository.root.add_key(signers[letter].public_key, "root")
            repository.signers["root"] = [signers[letter] for letter in signed_by]
            repository.next_root()
        pin_root(agent.folder, (repository.folder / "metadata" / "1.root.json").read_bytes())
        assert agent.refresh() == ("" if is_taken else "update.unsigned")
        assert agent.trusts()["root"] == len(steps) - (not is_taken)


@pytest.mark.parametrize("role", ONLINE)
@pytest.mark.parametrize(
    ("keys", "threshold", "signed_by", "is_taken"),
    [
        ("b", 1, "b", True),
        ("a", 1, "xay", True),
        ("abcde", 3, "bde", True),
        ("b", 1, "axy", False),
        ("abcde", 3, "ac", False),
        ("abdef", 3, "acd", False),
        ("abc", 3, "aab", False),
    ],
)
def test_a_role_is_believed_by_enough_of_its_keys(
    agent: Looking, role: Role, keys: str, threshold: int, signed_by: str, is_taken: bool
) -> None:
    assert agent.refresh() == ""
    repository = agent.repository
    signers = {letter: CryptoSigner.generate_ed25519() for letter in "abcdefxy"}
    repository.root.roles[role].keyids.clear()
    repository.root.roles[role].threshold = threshold
    for letter in keys:
        repository.root.add_key(signers[letter].public_key, role)
    repository.signers[role] = [signers[letter] for letter in signed_by]
    repository.next_root()
    repository.publish()
    assert agent.refresh() == ("" if is_taken else "update.unsigned")
    assert (agent.trusts()[role] == 2) is is_taken


def test_a_key_that_stands_many_times_is_one_key(agent: Looking) -> None:
    repository = agent.repository
    signer = repository.signers["snapshot"][0]
    for _ in range(9):
        repository.root.add_key(signer.public_key, "snapshot")
    repository.root.roles["snapshot"].threshold = 2
    repository.next_root()
    repository.publish()
    assert agent.refresh() == "update.unsigned"
    repeated = json.loads(repository.content("snapshot"))
    repeated["signatures"] *= 3
    agent.serving.instead[f"metadata/{repository.name('snapshot')}"] = json.dumps(repeated).encode()
    assert agent.refresh() == "update.metadata"
    assert "snapshot" not in agent.trusts()


def test_a_key_under_two_names_counts_as_two(agent: Looking) -> None:
    """Only who holds enough root keys could give it two names; the client's library takes a key's name as it stands."""
    repository = agent.repository
    [signer] = repository.signers["snapshot"]
    key = signer.public_key.to_dict()
    other = type(signer.public_key).from_dict("0" * 64, dict(key))
    repository.root.add_key(other, "snapshot")
    repository.root.roles["snapshot"].threshold = 2
    repository.next_root()
    repository.publish()
    assert agent.refresh() == "update.unsigned"
    doubled = json.loads(repository.content("snapshot"))
    doubled["signatures"].append({"keyid": "0" * 64, "sig": doubled["signatures"][0]["sig"]})
    agent.serving.instead[f"metadata/{repository.name('snapshot')}"] = json.dumps(doubled).encode()
    assert agent.refresh() == ""


@pytest.mark.parametrize("role", ONLINE)
def test_the_key_of_one_role_does_not_sign_for_another(agent: Looking, role: Role) -> None:
    other: Role = "targets" if role == "timestamp" else "timestamp"
    agent.repository.signers[role] = agent.repository.signers[other]
    agent.repository.publish()
    assert agent.refresh() == "update.unsigned"
    assert role not in agent.trusts()


@pytest.mark.parametrize("role", ONLINE)
def test_metadata_of_one_role_is_not_that_of_another(agent: Looking, role: Role) -> None:
    other: Role = "targets" if role != "targets" else "snapshot"
    agent.serving.instead[f"metadata/{agent.repository.name(role)}"] = agent.repository.content(other)
    assert agent.refresh() == "update.metadata"


@pytest.mark.parametrize("role", ONLINE)
def test_metadata_that_is_not_there_is_an_error_of_the_line(agent: Looking, role: Role) -> None:
    (agent.repository.folder / "metadata" / agent.repository.name(role)).unlink()
    assert agent.refresh() == "update.download_http"
    assert role not in agent.trusts()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"signed": {}, "signatures": []}', b"\xff\xfe"])
@pytest.mark.parametrize("role", ("root", *ONLINE))
def test_what_is_no_metadata_is_refused(agent: Looking, role: Role, content: bytes) -> None:
    name = "2.root.json" if role == "root" else agent.repository.name(role)
    agent.serving.instead[f"metadata/{name}"] = content
    assert agent.refresh() in ("update.metadata", "update.mismatch")
    assert agent.trusts().get(role, 1) == 1


def test_an_expired_root_is_kept_and_nothing_is_taken_under_it(agent: Looking) -> None:
    assert agent.refresh() == ""
    agent.repository.root.expires = START - timedelta(days=1)
    agent.repository.next_root()
    agent.repository.publish()
    assert agent.refresh() == "update.expired"
    assert agent.trusts() == {**FIRST, "root": 2}


def test_an_expired_root_between_two_good_ones_is_only_a_step(agent: Looking) -> None:
    repository, good = agent.repository, agent.repository.root.expires
    repository.root.expires = START - timedelta(days=1)
    repository.next_root()
    repository.root.expires = good
    repository.next_root()
    assert agent.refresh() == ""
    assert agent.trusts()["root"] == 3


@pytest.mark.parametrize("role", ONLINE)
def test_expired_metadata_is_refused_and_what_was_trusted_stays(either: Looking, role: Role) -> None:
    assert either.refresh() == ""
    either.repository.signed[role].expires = START - timedelta(seconds=1)
    either.repository.publish()
    assert either.refresh() == "update.expired"
    assert either.trusts()["targets"] == 1


def test_metadata_that_expired_on_the_agents_disk_still_leads_to_what_is_new(agent: Looking) -> None:
    agent.repository.timestamp.expires = START + timedelta(days=7)
    agent.repository.publish("timestamp")
    assert agent.refresh() == ""
    agent.repository.timestamp.expires = START + timedelta(days=21)
    agent.repository.publish()
    agent.at = START + timedelta(days=18)
    assert agent.refresh() == ""
    assert agent.trusts() == {"root": 1, "timestamp": 3, "snapshot": 2, "targets": 2}


def test_an_older_timestamp_is_refused(agent: Looking) -> None:
    old = agent.repository.content("timestamp")
    agent.repository.publish("timestamp")
    assert agent.refresh() == ""
    agent.serving.instead["metadata/timestamp.json"] = old
    assert agent.refresh() == "update.metadata_version"
    assert agent.trusts()["timestamp"] == 2


def test_a_timestamp_of_the_same_version_with_other_content_changes_nothing(agent: Looking) -> None:
    assert agent.refresh() == ""
    agent.asked()
    agent.repository.timestamp.snapshot_meta.version = 100
    agent.repository.put("timestamp")
    assert agent.refresh() == ""
    assert agent.asked() == ["2.root.json", "timestamp.json"]
    assert agent.trusts() == FIRST


def test_a_new_timestamp_that_names_an_older_snapshot_is_refused(either: Looking) -> None:
    either.repository.publish("snapshot")
    assert either.refresh() == ""
    either.repository.snapshot.version = 1
    either.repository.point_at_snapshot()
    either.repository.publish("timestamp")
    assert either.refresh() == "update.metadata_version"
    assert (either.trusts()["timestamp"], either.trusts()["snapshot"]) == (2, 2)


def test_a_new_snapshot_that_names_older_targets_is_refused(either: Looking) -> None:
    either.repository.publish()
    assert either.refresh() == ""
    either.repository.targets.version = 1
    either.repository.point_at_targets()
    either.repository.publish("snapshot")
    assert either.refresh() == "update.metadata_version"
    assert either.trusts()["targets"] == 2


def test_a_new_snapshot_that_names_no_targets_is_refused(agent: Looking) -> None:
    assert agent.refresh() == ""
    del agent.repository.snapshot.meta["targets.json"]
    agent.repository.publish("snapshot")
    assert agent.refresh() == "update.metadata"
    assert agent.trusts()["snapshot"] == 1


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_a_file_of_another_version_than_it_is_named_is_refused(agent: Looking, role: Role) -> None:
    repository = agent.repository
    repository.signed[role].version += 1
    agent.serving.instead[f"metadata/1.{role}.json"] = repository.content(role)
    assert agent.refresh() == "update.metadata_version"
    assert role not in agent.trusts()


@pytest.mark.parametrize("role", ["snapshot", "targets"])
@pytest.mark.parametrize("what", ["hash", "length"])
def test_a_file_that_is_not_what_is_pointed_at_is_refused(tmp_path: Path, role: Role, what: str) -> None:
    with looking(tmp_path, has_digests=True) as agent:
        repository = agent.repository
        if what == "hash":
            repository.signed[role].unrecognized_fields["x"] = "other"
            agent.serving.instead[f"metadata/1.{role}.json"] = repository.content(role)
        else:
            repository.signed[role].unrecognized_fields["much"] = "y" * 4000
            agent.serving.instead[f"metadata/1.{role}.json"] = repository.content(role)
        assert agent.refresh() in ("update.mismatch", "update.endless")
        assert role not in agent.trusts()


def _driven_up(repository: Repository, role: Role) -> None:
    repository.signed[role].version = 2**30
    repository.publish(role)


@pytest.mark.parametrize(
    ("role", "rotated"),
    [("timestamp", ("timestamp",)), ("snapshot", ("snapshot", "timestamp")), ("targets", ("snapshot", "timestamp"))],
)
def test_versions_that_were_driven_up_are_recovered_from_by_new_keys(
    either: Looking, role: Role, rotated: tuple[Role, ...]
) -> None:
    _driven_up(either.repository, role)
    assert either.refresh() == ""
    assert either.trusts()[role] == 2**30 + 1
    either.repository.rotate(*rotated)
    either.repository.signed[role].version = 1
    either.repository.publish(role)
    assert either.refresh() == ""
    assert either.trusts()[role] == 2


def test_a_version_is_fetched_whole_from_below_folders_and_again_from_the_disk(agent: Looking) -> None:
    agent.repository.add_version("1.1.0", b"archive" * 1000)
    assert agent.fetch("1.1.0") == ""
    assert (agent.folder.downloads / "1.1.0.zip").read_bytes() == b"archive" * 1000
    agent.asked()
    assert agent.fetch("1.1.0") == ""
    assert agent.asked() == ["2.root.json", "timestamp.json"]


@pytest.mark.parametrize("content", [b"", b"short", b"archivo" * 1000, b"archive" * 1001, b"x" * 500_000])
def test_other_bytes_than_were_signed_are_never_kept_as_a_version(agent: Looking, content: bytes) -> None:
    agent.repository.add_version("1.1.0", b"archive" * 1000).write_bytes(content)
    assert agent.fetch("1.1.0") in ("update.mismatch", "update.endless", "update.download_http")
    assert not (agent.folder.downloads / "1.1.0.zip").exists()


def test_what_was_spoiled_after_its_download_is_fetched_anew(agent: Looking) -> None:
    agent.repository.add_version("1.1.0", b"archive" * 1000)
    assert agent.fetch("1.1.0") == ""
    (agent.folder.downloads / "1.1.0.zip").write_bytes(b"spoiled")
    assert agent.fetch("1.1.0") == ""
    assert (agent.folder.downloads / "1.1.0.zip").read_bytes() == b"archive" * 1000


def test_a_version_that_is_signed_anew_is_fetched_as_it_was_signed_last(agent: Looking) -> None:
    agent.repository.add_version("1.1.0", b"first")
    assert agent.fetch("1.1.0") == ""
    for number in range(4):
        file = agent.repository.add_version("1.1.0", b"legitimate %d" % number)
        assert agent.fetch("1.1.0") == ""
        file.write_bytes(b"malicious %d" % number)
        agent.fetch("1.1.0")
        assert (agent.folder.downloads / "1.1.0.zip").read_bytes() == b"legitimate %d" % number
