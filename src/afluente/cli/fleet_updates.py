"""The update repository and the rollouts of a project, as `afluente fleet update` steers them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.core.errors import UsageError

if TYPE_CHECKING:
    from afluente.fleet.rollout_desk import RolloutDesk
    from afluente.runs.steps.workspace import Workspace


def open_desk(workspace: Workspace) -> RolloutDesk:
    """The desk over the project's update repository, where it has one."""
    from afluente.fleet.rollout_desk import RolloutDesk
    from afluente.fleet.update_keys import UpdateKeys
    from afluente.fleet.updates import UpdateRepository, updates_folder
    from afluente.project.fleet_settings import RINGS

    repository = UpdateRepository(updates_folder(workspace.folder), UpdateKeys(), workspace.clock)
    fleet = workspace.project.fleet
    rings = RINGS if fleet is None else fleet.rings
    return RolloutDesk(workspace.state, workspace.clock, repository if repository.exists else None, rings=rings)


def rollout_id(workspace: Workspace, action: str) -> str:
    """The rollout that is meant when none is named: the newest that goes or is held. UsageError."""
    from afluente.fleet import rollouts

    with workspace.state.read() as connection:
        found = rollouts.newest(connection, "held") if action == "resume" else None
        found = found or rollouts.newest(connection, "going", "held")
    if found is None:
        raise UsageError("fleet.no_rollout", "no rollout goes", hint="`afluente fleet update list` shows them")
    return found.id


def make_repository(workspace: Workspace, console: Console) -> int:
    """Make it with the keys of `fleet: update_keys`; the first root goes to standard output, for installers."""
    from afluente.hub.project_hub import open_updates

    root = open_updates(workspace).create()
    console.note("the update repository was made; put its first root, told below, beside the agent's installer")
    console.data(root.decode())
    return 0


def rotate_root(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    """From the root keys given to those of `fleet: update_keys`; the new root goes to standard output. UsageError."""
    from afluente.hub.project_hub import rotate_updates
    from afluente.project.secret_reference import PREFIX, parse_reference

    try:
        if not all(text.startswith(PREFIX) for text in arguments.old_root):
            raise ValueError("what does not begin with 'secret:'")
        old = [parse_reference(text) for text in arguments.old_root]
    except ValueError as error:
        raise UsageError(
            "fleet.old_root", f"--old-root has {error}", hint="name a secret, such as secret:file:chaves/raiz1"
        ) from None
    root = rotate_updates(workspace, old)
    console.note("agents follow from the root they pinned; put the new root, told below, beside the agent's installer")
    console.data(root.decode())
    return 0


def add_version(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    """Pack and sign the files of a version."""
    from afluente.hub.project_hub import open_updates

    source = Path(arguments.source)
    if not source.is_dir():
        raise UsageError("fleet.version_folder", f"'{source}' is not a folder", hint="give the folder of the files")
    added = open_updates(workspace).add_version(source, arguments.version, platform=arguments.platform)
    told = {"version": added.version, "platform": added.platform, "file": added.path, "sha256": added.sha256}
    if console.is_json:
        console.json(told)
    else:
        console.table([told])
    return 0
