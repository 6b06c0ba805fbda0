"""Following an order of the hub: fetch, check, unpack beside, and only then point at the new version.

Invariant: the version that runs is not touched; until the pointer moved, being killed anywhere leaves everything as it
was but for what was downloaded; after it, the watcher starts the new version on trial.
"""

from __future__ import annotations

import contextlib
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from afluente_agent import durable
from afluente_agent.errors import UpdateError
from afluente_agent.facts import Leave
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.messages import SignedDocument
from afluente_agent.update.client import UpdateClient, pin_first_root
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.install import install, verify
from afluente_agent.update.offer import Offer, read_offer
from afluente_agent.update.pointer import Pointer, PointerFile, switched
from afluente_agent.update.status import UpdateStatus
from afluente_agent.update.version_number import is_newer

if TYPE_CHECKING:
    import httpx


class Updates:
    """The updates of a running agent. `running` is the version of its own code."""

    def __init__(
        self,
        folder: UpdateFolder,
        *,
        running: str,
        leave: Leave,
        open_http: Callable[[], httpx.Client],
        base_url: str,
        platforms: tuple[str, ...] = (),
        most_bytes_per_second: int = 0,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """`alive` is called while something is fetched, which may take hours."""
        self._folder = folder
        self._file = PointerFile(folder)
        self._running = running
        self._leave = leave
        self._open_http = open_http
        self._base_url = base_url
        self._platforms = platforms or this_platform()
        self._most_bytes_per_second = most_bytes_per_second
        self._alive = alive

    def status(self) -> str:
        """The text for a heartbeat's `update_status`."""
        try:
            return self._file.load().status
        except UpdateError:
            return ""

    def follow(self, document: SignedDocument, *, agent: str, hub_keys: Sequence[str], hub_time: int) -> bool:
        """Follow an order; True when the process is to end with EXIT_FOR_UPDATE so that another version starts.

        What goes wrong is left as a fact and told by the status; nothing is raised.
        """
        with contextlib.suppress(BlockingIOError), durable.locked(self._folder.apply_lock, is_waiting=False):
            version = ""
            try:
                pointer = self._load()
                offer = read_offer(
                    document, agent=agent, hub_keys=hub_keys, hub_time=hub_time, newest_number=pointer.offer
                )
                version = offer.version
                return self._follow(offer, pointer, hub_keys, hub_time)
            except UpdateError as error:
                self._tell(error, version)
        return False

    def _follow(self, offer: Offer, pointer: Pointer, hub_keys: Sequence[str], hub_time: int) -> bool:
        if pointer.version() and pointer.version() != self._running:
            return True
        if offer.version == self._running:
            self._seen(offer)
            return False
        if pointer.is_on_trial:
            return False
        self._check(offer, pointer)
        if offer.action == "roll_back" and offer.leaving != self._running:
            return False
        if pointer.is_bad(offer.version):
            return False
        self._seen(offer)
        if not self._is_here(offer, pointer):
            self._fetch(offer, hub_keys, hub_time)
        if offer.action == "update":
            self._leave(fact_codes.UPDATE_STARTED, version=offer.version, before=self._running)
        else:
            self._leave(fact_codes.UPDATE_RETURNED, version=self._running, to=offer.version)
        self._file.change(lambda before: switched(before, offer.version, offer=offer.number))
        return True

    def _check(self, offer: Offer, pointer: Pointer) -> None:
        if offer.action == "update" and not is_newer(offer.version, self._running):
            raise UpdateError(
                "update.downgrade",
                "a atualização é mais antiga que a versão atual e foi recusada",
                f"an update to {offer.version} would go back from {self._running}",
                "Não é preciso fazer nada. Para voltar, a central manda uma ordem própria.",
            )
        if offer.action == "roll_back" and pointer.is_bad(offer.version):
            raise UpdateError(
                "update.bad_version",
                "a versão para a qual a central manda voltar já falhou nesta máquina",
                f"version {offer.version} failed here before",
                "Não é preciso fazer nada: a versão atual continua.",
            )

    def _is_here(self, offer: Offer, pointer: Pointer) -> bool:
        if offer.version == pointer.installed:
            return True
        with contextlib.suppress(UpdateError):
            verify(self._folder.version(offer.version))
            return True
        return False

    def _fetch(self, offer: Offer, hub_keys: Sequence[str], hub_time: int) -> None:
        self._say(UpdateStatus("downloading", offer.version))
        moment = max(hub_time, self._load().latest_time)
        with self._open_http() as http:
            pin_first_root(self._folder, http, self._base_url, hub_keys=hub_keys)
            client = UpdateClient(
                self._folder,
                http,
                self._base_url,
                hub_time=moment,
                most_bytes_per_second=self._most_bytes_per_second,
                alive=self._alive,
            )
            client.refresh()
            self._file.change(lambda pointer: replace(pointer, latest_time=max(moment, pointer.latest_time)))
            found = client.find(offer.version, self._platforms)
            archive = client.download(found)
        install(archive, self._folder.versions, version=offer.version)
        archive.unlink(missing_ok=True)
        self._say(UpdateStatus("downloaded", offer.version))

    def _load(self) -> Pointer:
        try:
            return self._file.load()
        except UpdateError:
            return Pointer(installed=self._running)

    def _seen(self, offer: Offer) -> None:
        self._file.change(lambda pointer: replace(pointer, offer=max(offer.number, pointer.offer)))

    def _say(self, status: UpdateStatus) -> None:
        self._file.change(lambda pointer: replace(pointer, status=status.text()))

    def _tell(self, error: UpdateError, version: str) -> None:
        if error.code == "update.expired":
            self._leave(fact_codes.UPDATE_METADATA_EXPIRED, version=version)
        elif error.code.startswith("update.download_"):
            parts = self._folder.downloads.glob("*.part") if self._folder.downloads.is_dir() else ()
            size = sum(part.stat().st_size for part in parts)
            self._leave(fact_codes.UPDATE_DOWNLOAD_FAILED, code=error.code, version=version, bytes=size)
            return
        else:
            self._leave(fact_codes.UPDATE_REFUSED, code=error.code, version=version)
        if version:
            with contextlib.suppress(UpdateError):
                self._say(UpdateStatus("refused", version, error.code))


def this_platform() -> tuple[str, ...]:
    """The names of archives that run here, the best first: a bundle runs bundles, Python runs modules."""
    if not getattr(sys, "frozen", False):
        return ("any",)
    return (f"{platform.system().lower()}-{platform.machine().lower()}",)
