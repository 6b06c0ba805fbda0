"""The hub of a project: its parts, opened from what afluente.yaml says.

Invariant: a secret is resolved for the one part that needs it and kept nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from afluente.core.errors import UsageError
from afluente.fleet import activity
from afluente.fleet.admission import Admission, AdmissionSettings
from afluente.fleet.catalogue_check import columns_of
from afluente.fleet.diagnosis.conclude import diagnose
from afluente.fleet.diagnosis.pulse import HubPulse
from afluente.fleet.documents import HubSigner
from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import read_landing_keys
from afluente.fleet.loading import Loader, LoaderSettings
from afluente.fleet.pseudonym_key import PseudonymKey, read_pseudonym_key
from afluente.fleet.retention import RetentionPolicy, retain
from afluente.fleet.rollout_desk import RolloutDesk
from afluente.fleet.update_keys import UpdateKeys
from afluente.fleet.updates import UpdateRepository, keep_fresh, updates_folder
from afluente.fleet.uploads import Uploads
from afluente.hub.background import loading, repeating
from afluente.hub.parts import Background, HubParts
from afluente.hub.settings import HubSettings
from afluente.project.fleet_settings import UPDATE_ROLES
from afluente.state.json_value import Json
from afluente.state.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from afluente.fleet.bronze_keeper import BronzeKeeper
    from afluente.fleet.central import Central
    from afluente.project.fleet_settings import FleetSettings
    from afluente.project.secret_reference import SecretReference
    from afluente.runs.steps.workspace import Workspace

SETTLE_SECONDS = 300.0
RETAIN_SECONDS = 3600.0
ROLLOUT_SECONDS = 60.0
DIAGNOSE_SECONDS = 300.0
REFRESH_SECONDS = 3600.0
PULSE_SECONDS = 60.0
BRONZE_SECONDS = 5.0
COMPACTION_SECONDS = 1800.0


def fleet_folder(workspace: Workspace) -> Path:
    """Where the fleet keeps files: `landing`, `updates`, `bundles`."""
    return workspace.folder / "fleet"


def fleet_settings(workspace: Workspace) -> FleetSettings:
    """What `fleet:` says; UsageError when the project has none."""
    settings = workspace.project.fleet
    if settings is None:
        raise UsageError(
            "hub.no_fleet",
            "the project has no 'fleet' in afluente.yaml",
            hint="fleet: {signing_key: secret:file:hub.key, landing_key: secret:file:landing.key, central: ...}",
        )
    return settings


def open_signer(workspace: Workspace) -> HubSigner:
    """The hub's signing keys."""
    return HubSigner.from_texts([workspace.secret(key) for key in fleet_settings(workspace).signing_keys])


def open_updates(workspace: Workspace) -> UpdateRepository:
    """The update repository, with the keys that are at hand here."""
    keys = _update_keys(workspace, fleet_settings(workspace))
    return UpdateRepository(updates_folder(workspace.folder), keys, workspace.clock)


def rotate_updates(workspace: Workspace, old_root: Sequence[SecretReference]) -> bytes:
    """The new root of the update repository: signed by these root keys of before, it names the project's keys."""
    old = UpdateKeys(root=[Secret(workspace.secret(key)) for key in old_root])
    repository = UpdateRepository(updates_folder(workspace.folder), old, workspace.clock)
    return repository.rotate_root(_update_keys(workspace, fleet_settings(workspace)))


def project_parts(workspace: Workspace) -> HubParts:
    """The parts of the project's hub. Close the workspace after the hub has stopped."""
    settings = fleet_settings(workspace)
    folder = fleet_folder(workspace)
    database, clock = workspace.state, workspace.clock
    landing = _landing(workspace)
    limits = settings.limits
    uploads = Uploads(database, landing, clock, columns_of=columns_of)
    admission = Admission(database, clock, AdmissionSettings(bytes_per_second=limits.bytes_per_second))
    policy = RetentionPolicy(
        settings.retention.landing_days, settings.retention.facts_days, settings.retention.access_days
    )
    background = [
        repeating("settling", SETTLE_SECONDS, uploads.settle),
        repeating("retention", RETAIN_SECONDS, lambda: retain(database, landing.folder, policy, clock=clock)),
    ]
    repository = open_updates(workspace)
    pulse = HubPulse(database, clock, free_bytes=landing.free_bytes)
    rollouts = RolloutDesk(database, clock, repository, rings=settings.rings)
    draw_verdicts = partial(_diagnose, workspace, pulse)
    background += [
        repeating("pulse", PULSE_SECONDS, pulse.beat),
        repeating("rollouts", ROLLOUT_SECONDS, rollouts.tend),
        repeating("diagnosis", DIAGNOSE_SECONDS, draw_verdicts),
    ]
    if settings.update_keys:
        background.append(repeating("updates", REFRESH_SECONDS, lambda: keep_fresh(repository, database, clock)))
    if settings.central is not None:
        background.append(_loading(workspace, settings.central, landing, admission, pulse, limits.loads_at_once))
        keeper = _keeper(workspace, landing)
        background += [
            repeating("bronze", BRONZE_SECONDS, keeper.keep_due),
            repeating("compaction", COMPACTION_SECONDS, keeper.compact_due),
        ]
    return HubParts(
        database=database,
        clock=clock,
        signer=open_signer(workspace),
        settings=HubSettings(
            heartbeat_seconds=limits.heartbeat_seconds,
            requests_at_once=limits.requests_at_once,
            connections=limits.connections,
        ),
        uploads=uploads,
        admission=admission,
        rollouts=rollouts,
        rings=settings.rings,
        diagnose=draw_verdicts,
        learn_activity=activity.learn,
        pseudonym_key=_pseudonym_key(workspace, settings),
        updates_folder=updates_folder(workspace.folder),
        bundles_folder=folder / "bundles",
        background=tuple(background),
    )


def open_keeper(workspace: Workspace) -> BronzeKeeper:
    """What keeps the loaded transmissions in bronze of the project's lake."""
    return _keeper(workspace, _landing(workspace))


def _keeper(workspace: Workspace, landing: LandingStore) -> BronzeKeeper:
    from afluente.fleet.bronze_keeper import BronzeKeeper, KeeperSettings

    settings = fleet_settings(workspace)
    return BronzeKeeper(
        workspace.state,
        workspace.lake,
        clock=workspace.clock,
        open_landed=landing.open,
        settings=KeeperSettings(
            age_seconds=settings.limits.bronze_seconds, expire_days=settings.retention.bronze_days or None
        ),
    )


def _landing(workspace: Workspace) -> LandingStore:
    key = fleet_settings(workspace).landing_key
    assert key is not None, "the reading of the project asks for it"
    return LandingStore(fleet_folder(workspace) / "landing", read_landing_keys(Secret(workspace.secret(key))))


def _diagnose(workspace: Workspace, pulse: HubPulse) -> list[Mapping[str, Json]]:
    """Draw the verdicts of today, by the project's clock on the wall.

    The pulse goes first: agents that come as soon as a hub is back would hide the time in which it was away.
    """
    pulse.beat()
    at = workspace.clock.now()
    day = at.astimezone(ZoneInfo(workspace.project.timezone)).date()
    return [
        {
            "site": verdict.site,
            "code": verdict.code,
            "confidence": verdict.confidence,
            "action": verdict.action,
            "message_pt": verdict.message_pt,
        }
        for verdict in diagnose(workspace.state, day=day, at=at)
    ]


def _pseudonym_key(workspace: Workspace, settings: FleetSettings) -> PseudonymKey | None:
    if settings.pseudonym_key is None:
        return None
    return read_pseudonym_key(Secret(workspace.secret(settings.pseudonym_key)))


def _update_keys(workspace: Workspace, settings: FleetSettings) -> UpdateKeys:
    keys = {
        role: [Secret(workspace.secret(key)) for key in settings.update_keys.get(role, ())] for role in UPDATE_ROLES
    }
    return UpdateKeys(**keys)


def _loading(
    workspace: Workspace,
    dsn: SecretReference,
    landing: LandingStore,
    admission: Admission,
    pulse: HubPulse,
    loads_at_once: int,
) -> Background:
    address = Secret(workspace.secret(dsn))

    def open_central() -> Central:
        from afluente.fleet.central import Central

        return Central(address.reveal(), connections=loads_at_once + 1)

    def make_loader(central: Central) -> Loader:
        return Loader(
            workspace.state,
            central,
            clock=workspace.clock,
            open_landed=landing.open,
            settings=LoaderSettings(concurrency=loads_at_once),
            into_bronze=True,
            columns_of=columns_of,
            allowed_loads=admission.allowed_loads,
        )

    return loading(open_central, make_loader, admission, lambda is_answering: pulse.central(is_answering=is_answering))
