"""The client of the hub's TUF repository: which versions there are, and their archives, verified.

Invariant: trust begins at the root that was pinned first (shipped, or told by the hub at the enrolment) and follows
its rotations; nothing of a target is used before TUF verified it; the time that metadata is judged by never goes back,
whatever the clock does.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from afluente_agent import durable
from afluente_agent.errors import CatalogueError, UpdateError
from afluente_agent.protocol.messages import FIRST_ROOT, MessageError, SignedDocument, from_json
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.package import MOST_PACKED_BYTES
from afluente_agent.update.version_number import is_version

if TYPE_CHECKING:
    import httpx
    from tuf.api.metadata import TargetFile  # type: ignore[attr-defined]
    from tuf.ngclient.updater import Updater

MOST_ROOT_BYTES = 512 * 1024
MOST_METADATA_BYTES = 1024 * 1024
SHIPPED_ROOT = Path(__file__).with_name("trusted-root.json")
"""Where the installer of a hub puts that hub's root."""
_PLATFORM = re.compile(r"[a-z0-9_]{1,40}(?:-[a-z0-9_]{1,40})?")


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version in the repository: its archive as TUF describes it."""

    version: str
    path: str
    size_bytes: int
    target: TargetFile


def target_path(version: str, platform: str) -> str:
    """The name of a version's archive among the targets. `platform` is `any` or such as `windows-amd64`."""
    if not is_version(version) or not _PLATFORM.fullmatch(platform):
        raise ValueError("not a version or not a platform")
    return f"agent/{version}/{platform}.zip"


def pin_root(folder: UpdateFolder, content: bytes) -> None:
    """Keep the root to trust from now on. The one that is there stays; another one is refused. UpdateError."""
    if len(content) > MOST_ROOT_BYTES:
        raise _no_root("it is too large")
    _check_root(content)
    with durable.locked(folder.pointer_lock):
        try:
            known = folder.trusted_root.read_bytes()
        except FileNotFoundError:
            durable.replace(folder.trusted_root, content)
            return
    if known != content:
        raise _no_root("another one is pinned already")


def pin_at_enrolment(folder: UpdateFolder, given: bytes | None, *, shipped: Path = SHIPPED_ROOT) -> bool:
    """Pin the root that the installer brought, else the one that came with the enrolment's answer.

    One that is pinned already stays. Whether one was pinned now. UpdateError.
    """
    if folder.trusted_root.exists():
        return False
    content = shipped.read_bytes() if shipped.is_file() else given
    if content is None:
        return False
    pin_root(folder, content)
    return True


def pin_first_root(folder: UpdateFolder, http: httpx.Client, base_url: str, *, hub_keys: Sequence[str]) -> bool:
    """Pin the hub's first root, signed by the hub, for an agent that enrolled before the hub had updates.

    Never in the place of one that is pinned. Whether it was pinned now. UpdateError.
    """
    from afluente_agent import documents
    from afluente_agent.update.fetcher import ResumingFetcher

    if pin_at_enrolment(folder, None):
        return True
    if folder.trusted_root.exists():
        return False
    fetcher = ResumingFetcher(http, targets_url=f"{base_url.rstrip('/')}/targets/", folder=folder.downloads)
    with _translated(""):
        content = fetcher.download_bytes(f"{base_url.rstrip('/')}/{FIRST_ROOT}", MOST_ROOT_BYTES)
    try:
        document = from_json(SignedDocument, content, max_bytes=MOST_ROOT_BYTES)
        root = documents.update_root(document, hub_keys=tuple(hub_keys))
    except (MessageError, CatalogueError):
        root = None
    if root is None:
        raise _no_root("the hub did not sign the one that was shown")
    pin_root(folder, root)
    return True


class UpdateClient:
    """One look at the repository under `base_url` (`https://hub/updates/`). Use it for one update, then make another."""

    def __init__(
        self,
        folder: UpdateFolder,
        http: httpx.Client,
        base_url: str,
        *,
        hub_time: int,
        most_bytes_per_second: int = 0,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._base_url = base_url.rstrip("/")
        self._updater = self._open(http, hub_time, most_bytes_per_second, alive)

    def refresh(self) -> None:
        """Fetch and verify the metadata. UpdateError."""
        with _translated(""):
            self._updater.refresh()

    def find(self, version: str, platforms: tuple[str, ...] = ("any",)) -> FoundVersion:
        """Look a version up, in metadata that is fetched now unless it was. UpdateError."""
        with _translated(version):
            for platform in platforms:
                path = target_path(version, platform)
                target = self._updater.get_targetinfo(path)
                if target is None:
                    continue
                custom = target.unrecognized_fields.get("custom")
                if not isinstance(custom, dict) or custom.get("version") != version:
                    raise _refused("target", "the target says that it is another version")
                if target.length > MOST_PACKED_BYTES or "sha256" not in target.hashes:
                    raise _refused("target", "the target is too large or has no sha256")
                return FoundVersion(version, path, target.length, target)
        raise _refused("unknown", f"the repository has no version {version} for this system")

    def download(self, found: FoundVersion) -> Path:
        """The verified archive of a version, which the caller removes. What was fetched before is kept. UpdateError."""
        archive = self._folder.downloads / f"{found.version}.zip"
        with _translated(found.version):
            durable.make_folder(self._folder.downloads)
            cached = self._updater.find_cached_target(found.target, str(archive))
            if cached is None:
                self._updater.download_target(found.target, str(archive))
        return archive

    def _open(
        self, http: httpx.Client, hub_time: int, most_bytes_per_second: int, alive: Callable[[], None]
    ) -> Updater:
        from tuf.ngclient.config import UpdaterConfig
        from tuf.ngclient.updater import Updater

        from afluente_agent.update.fetcher import ResumingFetcher

        class TimedUpdater(Updater):
            """Judges expiry by the hub's time: clocks on site are hours or years off."""

            def set_time(self, moment: datetime) -> None:
                self._trusted_set.reference_time = moment

        targets_url = f"{self._base_url}/targets/"
        fetcher = ResumingFetcher(
            http,
            targets_url=targets_url,
            folder=self._folder.downloads,
            most_bytes_per_second=most_bytes_per_second,
            alive=alive,
        )
        durable.make_folder(self._folder.metadata)
        with _translated(""):
            try:
                root = self._folder.trusted_root.read_bytes()
            except FileNotFoundError:
                raise _no_root("none is pinned") from None
            updater = TimedUpdater(
                str(self._folder.metadata),
                f"{self._base_url}/metadata/",
                target_base_url=targets_url,
                fetcher=fetcher,
                config=UpdaterConfig(
                    root_max_length=MOST_ROOT_BYTES,
                    snapshot_max_length=MOST_METADATA_BYTES,
                    targets_max_length=MOST_METADATA_BYTES,
                ),
                bootstrap=root,
            )
            updater.set_time(datetime.fromtimestamp(hub_time, UTC))
        return updater


def _check_root(content: bytes) -> None:
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Root  # type: ignore[attr-defined]

    try:
        root: Metadata[Root] = Metadata.from_bytes(content)
        if root.signed.type != Root.type:
            raise _no_root("it is no root")
        root.verify_delegate(Root.type, root)
    except (RepositoryError, ValueError):
        raise _no_root("it is not signed by its own keys") from None


class _translated(contextlib.AbstractContextManager[None]):  # noqa: N801
    """Errors of TUF, of the line and of the disk as errors of the agent."""

    def __init__(self, version: str) -> None:
        self._version = version

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, UpdateError):
            return
        from tuf.api import exceptions

        match error:
            case exceptions.ExpiredMetadataError():
                raise _refused("expired", "the repository's metadata has expired") from None
            case exceptions.UnsignedMetadataError():
                raise _refused("unsigned", "the repository's metadata is not signed as it should be") from None
            case exceptions.BadVersionNumberError():
                raise _refused(
                    "metadata_version", "the repository shows older metadata than was seen, or mixed"
                ) from None
            case exceptions.DownloadLengthMismatchError():
                raise _refused("endless", "more bytes came than were promised") from None
            case exceptions.LengthOrHashMismatchError():
                raise _refused("mismatch", "what came is not what was promised") from None
            case exceptions.RepositoryError():
                raise _refused("metadata", "the repository's metadata is not what it should be") from None
            case exceptions.SlowRetrievalError():
                raise _line("slow", "the update came too slowly") from None
            case exceptions.DownloadHTTPError():
                raise _line("http", f"the update could not be fetched: status {error.status_code}") from None
            case exceptions.DownloadError():
                raise _line("line", "the update could not be fetched") from None
            case OSError():
                raise UpdateError(
                    "update.disk",
                    "a atualização não pôde ser gravada no disco",
                    f"the update cannot be written: {error.strerror or type(error).__name__}",
                    "Confira espaço em disco e permissão da pasta do agente.",
                ) from None
            case _:
                return


def _refused(what: str, why: str) -> UpdateError:
    return UpdateError(
        f"update.{what}",
        "a atualização não pôde ser conferida e foi recusada",
        f"the update was refused: {why}",
        "Não é preciso fazer nada: a versão atual continua. O suporte verá este aviso.",
    )


def _line(what: str, why: str) -> UpdateError:
    return UpdateError(
        f"update.download_{what}",
        "a atualização não pôde ser baixada agora",
        why,
        "Não é preciso fazer nada: o que já foi baixado fica guardado e continua depois.",
    )


def _no_root(why: str) -> UpdateError:
    return UpdateError(
        "update.root",
        "o agente não tem a raiz de confiança das atualizações",
        f"the root of the updates cannot be used: {why}",
        "Reinstale o agente com o instalador da sua central.",
    )
