"""The attacks that The Update Framework names, each against the agent's client on a real line.

Source: https://theupdateframework.io/security (the list of attacks and weaknesses).
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from afluente_agent.errors import UpdateError
from afluente_agent.protocol import fact_codes
from afluente_agent.update.client import pin_root
from afluente_agent.update.pointer import PointerFile, confirmed, rolled_back
from tests.unit.agent.update.update_world import World, new_keys, write_version
from tuf.api.metadata import Metadata

from afluente.fleet.documents import HubSigner, new_signing_key
from afluente.fleet.updates import UpdateRepository


def refused(world: World, code: str) -> None:
    """The order had no effect but a fact with this code."""
    assert world.codes()[-1] == code
    assert PointerFile(world.folder).load().current == ""
    assert not world.folder.versions.exists() or not any(
        one for one in world.folder.versions.iterdir() if not one.name.startswith(".")
    )


def metadata(world: World, name: str) -> bytes:
    return (world.serving.folder / "metadata" / name).read_bytes()


def test_a_good_version_is_fetched_checked_unpacked_and_pointed_at(world: World) -> None:
    world.add("1.1.0")
    assert world.follow("1.1.0") is True
    pointer = PointerFile(world.folder).load()
    assert (pointer.current, pointer.previous, pointer.is_on_trial) == ("1.1.0", "", True)
    assert (world.folder.version("1.1.0") / "toy_agent" / "__main__.py").read_text() == "print('hello')\n"
    assert world.facts == [(fact_codes.UPDATE_STARTED, {"version": "1.1.0", "before": "1.0.0"})]
    assert list(world.folder.downloads.iterdir()) == []


def test_arbitrary_software_installation_a_changed_archive_is_refused(world: World) -> None:
    world.add("1.1.0")
    [added] = world.repository.versions()
    path = f"targets/agent/1.1.0/{added.sha256}.any.zip"
    content = bytearray((world.serving.folder / path).read_bytes())
    content[len(content) // 2] ^= 1
    world.serving.instead[path] = bytes(content)
    assert world.follow("1.1.0") is False
    refused(world, "update.mismatch")
    world.serving.instead.clear()
    assert world.follow("1.1.0") is True


def test_arbitrary_software_installation_metadata_of_another_signer_is_refused(world: World) -> None:
    world.add("1.1.0")
    other = UpdateRepository(world.root / "other", new_keys(), world.clock)
    other.create()
    other.add_version(write_version(world.root, "1.1.0"), "1.1.0", start="toy_agent")
    world.serving.folder = world.root / "other"
    assert world.follow("1.1.0") is False
    refused(world, "update.unsigned")


@pytest.mark.parametrize("role", ["timestamp.json", "2.snapshot.json", "2.targets.json"])
def test_arbitrary_software_installation_a_changed_byte_of_metadata_is_refused(world: World, role: str) -> None:
    world.add("1.1.0")
    content = re.sub(rb'"20[0-9][0-9]-', b'"2036-', metadata(world, role))
    assert content != metadata(world, role)
    world.serving.instead[f"metadata/{role}"] = content
    assert world.follow("1.1.0") is False
    refused(world, "update.unsigned" if role == "timestamp.json" else "update.mismatch")


def test_endless_data_a_target_that_never_ends_is_cut_off(world: World) -> None:
    world.add("1.1.0")
    world.serving.endless = "any.zip"
    assert world.follow("1.1.0") is False
    refused(world, "update.endless")
    assert sum(one.stat().st_size for one in world.folder.downloads.iterdir()) == 0


@pytest.mark.parametrize("name", ["timestamp.json", "snapshot.json", "targets.json", "2.root.json"])
def test_endless_data_metadata_that_never_ends_is_cut_off(world: World, name: str) -> None:
    world.add("1.1.0")
    world.serving.endless = name
    assert world.follow("1.1.0") is False
    refused(world, "update.endless")


def test_indefinite_freeze_metadata_past_its_date_is_refused_with_a_fact_of_its_own(world: World) -> None:
    world.add("1.1.0")
    world.clock.advance(seconds=timedelta(days=3, hours=1).total_seconds())
    assert world.follow("1.1.0") is False
    assert world.facts == [(fact_codes.UPDATE_METADATA_EXPIRED, {"version": "1.1.0"})]
    world.repository.refresh()
    assert world.follow("1.1.0") is True


def test_indefinite_freeze_is_seen_by_the_time_reached_even_if_the_clock_goes_back(world: World) -> None:
    world.add("1.1.0")
    frozen = metadata(world, "timestamp.json")
    world.clock.advance(seconds=timedelta(days=4).total_seconds())
    world.repository.refresh()
    assert world.follow("9.9.9") is False
    assert world.codes()[-1] == "update.unknown"
    world.serving.instead["metadata/timestamp.json"] = frozen
    for cached in world.folder.metadata.glob("*.json"):
        cached.unlink()
    early = world.hub_time - 4 * 86_400
    assert world.follow("1.1.0", hub_time=early) is False
    assert world.facts[-1][0] == fact_codes.UPDATE_METADATA_EXPIRED


def test_mix_and_match_targets_of_another_moment_are_refused(world: World) -> None:
    world.add("1.1.0")
    old = metadata(world, "2.targets.json")
    world.add("1.2.0")
    world.serving.instead["metadata/3.targets.json"] = old
    assert world.follow("1.2.0") is False
    refused(world, "update.mismatch")


def test_mix_and_match_a_snapshot_of_another_moment_is_refused(world: World) -> None:
    world.add("1.1.0")
    old = metadata(world, "2.snapshot.json")
    world.add("1.2.0")
    world.serving.instead["metadata/3.snapshot.json"] = old
    assert world.follow("1.2.0") is False
    refused(world, "update.mismatch")


def test_rollback_an_older_timestamp_is_refused_once_a_newer_one_was_seen(world: World) -> None:
    world.add("1.1.0")
    old = metadata(world, "timestamp.json")
    world.add("1.2.0")
    assert world.follow("9.9.9") is False
    world.serving.instead["metadata/timestamp.json"] = old
    assert world.follow("1.1.0") is False
    refused(world, "update.metadata_version")


def test_rollback_an_order_to_an_older_version_is_refused(world: World) -> None:
    world.add("0.9.0")
    assert world.follow("0.9.0") is False
    refused(world, "update.downgrade")


def test_rollback_only_a_signed_order_to_go_back_that_names_both_versions_goes_back(world: World) -> None:
    world.add("0.9.0")
    assert world.follow("0.9.0", action="roll_back", leaving="0.9.5") is False
    assert PointerFile(world.folder).load().current == ""
    assert world.follow("0.9.0", action="roll_back", leaving="1.0.0") is True
    assert PointerFile(world.folder).load().current == "0.9.0"
    assert world.facts[-1] == (fact_codes.UPDATE_RETURNED, {"version": "1.0.0", "to": "0.9.0"})


def test_rollback_an_order_seen_before_a_newer_one_is_refused(world: World) -> None:
    world.add("1.1.0")
    old = world.order("1.1.0")
    world.clock.advance(seconds=60)
    assert world.follow("1.0.0") is False
    assert world.follow("1.1.0", order=old) is False
    refused(world, "update.offer_replayed")


def test_fast_forward_a_repository_recovers_by_new_keys_after_versions_were_driven_up(world: World) -> None:
    world.add("1.1.0")
    assert world.follow("9.9.9") is False
    stolen = Metadata.from_bytes(metadata(world, "timestamp.json"))
    stolen.signed.version = 2**31
    stolen.sign(world.keys.signers("timestamp")[0])
    world.serving.instead["metadata/timestamp.json"] = stolen.to_bytes()
    assert world.follow("9.9.9") is False
    world.serving.instead.clear()
    assert world.follow("1.1.0") is False
    refused(world, "update.metadata_version")
    new = new_keys()
    world.repository.rotate_root(new)
    assert world.follow("1.1.0") is True


def test_slow_retrieval_a_line_that_stops_is_given_up_and_the_part_kept(world: World) -> None:
    world.add("1.1.0", extra=200_000)
    world.serving.cut_after = 70_000
    assert world.follow("1.1.0") is False
    [(code, evidence)] = world.facts
    assert code == fact_codes.UPDATE_DOWNLOAD_FAILED and int(evidence["bytes"]) == 70_000
    assert world.follow("1.1.0") is False
    assert world.follow("1.1.0") is True
    assert world.serving.sent_bytes < 200_000 * 1.2 + 40_000
    ranges = [asked for path, asked in world.serving.requests if path.startswith("targets/")]
    assert ranges == ["", "bytes=70000-", "bytes=140000-"]


def test_a_server_that_knows_no_ranges_begins_anew(world: World) -> None:
    world.add("1.1.0", extra=100_000)
    world.serving.cut_after, world.serving.ranges = 70_000, False
    assert world.follow("1.1.0") is False
    world.serving.cut_after = 0
    assert world.follow("1.1.0") is True


def test_a_part_that_was_spoiled_on_the_disk_is_thrown_away(world: World) -> None:
    world.add("1.1.0", extra=100_000)
    world.serving.cut_after = 70_000
    assert world.follow("1.1.0") is False
    [part] = world.folder.downloads.glob("*.part")
    part.write_bytes(b"\0" * 70_000)
    world.serving.cut_after = 0
    assert world.follow("1.1.0") is False
    refused(world, "update.mismatch")
    assert world.follow("1.1.0") is True


def test_key_compromise_one_root_key_is_not_enough_to_rotate(world: World) -> None:
    world.add("1.1.0")
    content = Metadata.from_bytes(world.repository.root())
    content.signed.version = 2
    content.signatures.clear()
    content.sign(world.keys.signers("root")[0])
    world.serving.instead["metadata/2.root.json"] = content.to_bytes()
    assert world.follow("1.1.0") is False
    refused(world, "update.unsigned")


def test_key_compromise_keys_are_rotated_and_agents_follow_from_the_first_root(world: World) -> None:
    world.add("1.1.0")
    for _ in range(3):
        world.repository.rotate_root(new_keys())
    world.add("1.2.0")
    assert world.follow("1.2.0") is True


def test_wrong_software_a_package_of_another_version_is_refused(world: World) -> None:
    import shutil

    world.add("1.1.0")
    from afluente_agent.update.install import install

    [added] = world.repository.versions()
    archive = world.root / "a.zip"
    shutil.copy(world.serving.folder / f"targets/agent/1.1.0/{added.sha256}.any.zip", archive)
    with pytest.raises(UpdateError) as caught:
        install(archive, world.folder.versions, version="1.2.0")
    assert caught.value.code == "update.package"


def test_extraneous_targets_a_version_that_is_not_listed_is_refused(world: World) -> None:
    assert world.follow("1.1.0") is False
    refused(world, "update.unknown")


def test_an_order_that_is_not_signed_by_the_hub_is_refused(world: World) -> None:
    world.add("1.1.0")
    other = HubSigner.from_texts([new_signing_key()])
    order = world.order("1.1.0")
    world.signer, hub = other, world.signer
    forged = world.order("1.1.0")
    world.signer = hub
    assert world.follow("1.1.0", order=forged) is False
    refused(world, "update.offer_signature")
    assert world.follow("1.1.0", order=order) is True


def test_an_order_for_another_agent_or_out_of_date_is_refused(world: World) -> None:
    world.add("1.1.0")
    assert world.follow("1.1.0", agent="agent-b") is False
    refused(world, "update.offer_agent")
    assert world.follow("1.1.0", number=world.hub_time - 90_000) is False
    refused(world, "update.offer_expired")


def test_a_second_root_is_never_pinned_over_the_first(world: World) -> None:
    other = UpdateRepository(world.root / "other", new_keys(), world.clock)
    with pytest.raises(UpdateError) as caught:
        pin_root(world.folder, other.create())
    assert caught.value.code == "update.root"
    pin_root(world.folder, world.repository.first_root())


def test_a_version_already_running_is_no_news(world: World) -> None:
    world.add("1.1.0")
    assert world.follow("1.1.0", running="1.1.0") is False
    assert world.facts == []


def test_an_agent_without_a_root_pins_the_first_one_of_its_hub_and_keeps_to_it(world: World) -> None:
    world.folder.trusted_root.unlink()
    world.show_first_root()
    world.add("1.1.0")
    assert world.follow("1.1.0") is True
    assert world.folder.trusted_root.read_bytes() == world.repository.first_root()
    other = UpdateRepository(world.root / "other", new_keys(), world.clock)
    other.create()
    other.add_version(write_version(world.root, "1.2.0"), "1.2.0", start="toy_agent")
    world.serving.folder = world.root / "other"
    PointerFile(world.folder).change(lambda pointer: confirmed(pointer, "1.1.0"))
    assert world.follow("1.2.0", running="1.1.0") is False
    assert world.codes()[-1] == "update.unsigned"


def test_a_root_that_its_own_keys_did_not_sign_is_not_pinned(world: World) -> None:
    world.folder.trusted_root.unlink()
    world.add("1.1.0")
    content = Metadata.from_bytes(world.repository.root())
    content.signatures.clear()
    root = world.root / "repository" / "metadata" / "1.root.json"
    root.write_bytes(content.to_bytes())
    world.show_first_root()
    assert world.follow("1.1.0") is False
    refused(world, "update.root")
    assert not world.folder.trusted_root.exists()


def test_a_first_root_that_the_hub_did_not_sign_is_not_pinned(world: World) -> None:
    """Somebody lies in the hub's name over TLS, before anything was pinned."""
    world.folder.trusted_root.unlink()
    world.add("1.1.0")
    for number in range(2):
        if number == 1:
            world.show_first_root(signer=HubSigner.from_texts([new_signing_key()]))
        assert world.follow("1.1.0") is False
        assert not world.folder.trusted_root.exists()
    refused(world, "update.root")


def test_a_version_the_watcher_found_bad_is_not_fetched_again(world: World) -> None:
    world.add("1.1.0")
    assert world.follow("1.1.0") is True
    PointerFile(world.folder).change(lambda pointer: rolled_back(pointer, "1.1.0", "crash"))
    world.serving.requests.clear()
    assert world.follow("1.1.0") is False
    assert world.serving.requests == []
    world.add("1.2.0")
    assert world.follow("1.2.0") is True
