"""The rollouts of a project, as `afluente fleet update` steers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.core.errors import UsageError

if TYPE_CHECKING:
    from afluente.fleet.rollout_desk import RolloutDesk
    from afluente.runs.steps.workspace import Workspace


def open_desk(workspace: Workspace) -> RolloutDesk:
    """The desk over the project's update repository, where it has one."""
    from afluente.fleet.rollout_desk import RolloutDesk
    from afluente.fleet.update_keys import UpdateKeys
    from afluente.fleet.updates import UpdateRepository

    repository = UpdateRepository(workspace.folder / "fleet" / "updates", UpdateKeys(), workspace.clock)
    return RolloutDesk(workspace.state, workspace.clock, repository if repository.exists else None)


def rollout_id(workspace: Workspace, action: str) -> str:
    """The rollout that is meant when none is named: the newest that goes or is held. UsageError."""
    from afluente.fleet import rollouts

    with workspace.state.read() as connection:
        found = rollouts.newest(connection, "held") if action == "resume" else None
        found = found or rollouts.newest(connection, "going", "held")
    if found is None:
        raise UsageError("fleet.no_rollout", "no rollout goes", hint="`afluente fleet update list` shows them")
    return found.id
