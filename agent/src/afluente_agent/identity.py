"""The Ed25519 keys of an installation, made on site.

Invariant: a private key never leaves its folder (0600) and is never deleted or overwritten by another, whatever the
hub answers; agent, key id and seed change together in one synced file; a rotation that was cut goes on with its key.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from afluente_agent import durable
from afluente_agent.errors import IdentityError
from afluente_agent.protocol.messages import MessageError, from_json, to_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED_BYTES = 32
CURRENT = "current.json"
NEXT = "next.json"


@dataclass(frozen=True, slots=True)
class Identity:
    """A key, and the ids the hub gave for it; both empty before the hub knows it. `seed` is base64 and secret."""

    agent: str
    key: str
    public_key: str
    seed: str = field(repr=False)

    def sign(self, content: bytes) -> str:
        """The base64 signature."""
        return base64.b64encode(self._private().sign(content)).decode()

    def _private(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(self.seed, validate=True))


class IdentityStore:
    """The keys of a folder: the one in use, the one that takes its place, and those before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self) -> Identity:
        """The key in use. IdentityError."""
        found = self._read(CURRENT)
        if found is None:
            raise IdentityError(
                "identity.missing",
                "esta instalação ainda não tem chave",
                "this installation has no key yet",
                "Rode 'afluente-agent enrol' com o código de instalação.",
            )
        return found

    def holding(self, public_key: str) -> Identity | None:
        """The identity with this public key: the one in use, or one before it. IdentityError."""
        names = [CURRENT, *(path.name for path in sorted(self.folder.glob("old-*.json"), reverse=True))]
        found = (self._read(name) for name in names)
        return next((one for one in found if one is not None and one.public_key == public_key), None)

    def exists(self) -> bool:
        return (self.folder / CURRENT).exists()

    def ensure(self) -> Identity:
        """The key in use, made now when there is none. IdentityError, and never a new key over an unreadable one."""
        with durable.locked(self.folder / "identity.lock"):
            found = self._read(CURRENT)
            if found is None:
                found = _new()
                self._write(CURRENT, found)
        return found

    def bind(self, *, agent: str, key: str) -> Identity:
        """Keep the ids that the hub gave for the key in use."""
        with durable.locked(self.folder / "identity.lock"):
            bound = replace(self.load(), agent=agent, key=key)
            self._write(CURRENT, bound)
        return bound

    def set_aside(self) -> None:
        """Keep the key in use under another name, so that `ensure` makes a new one: for an enrolment anew."""
        with durable.locked(self.folder / "identity.lock"):
            for name in (CURRENT, NEXT):
                path = self.folder / name
                if path.exists():
                    path.rename(self._free(f"aside-{path.stem}"))
            durable.sync_folder(self.folder)

    def prepare_next(self) -> Identity:
        """The key that will take the place of the one in use: the same until `adopt_next`."""
        with durable.locked(self.folder / "identity.lock"):
            found = self._read(NEXT)
            if found is None or found.public_key == self.load().public_key:
                found = _new()
                self._write(NEXT, found)
        return found

    def has_next(self) -> bool:
        """Whether a rotation was begun and not ended."""
        found = self._read(NEXT)
        return found is not None and found.public_key != self.load().public_key

    def adopt_next(self, *, key: str) -> Identity:
        """Use the next key from now on; the one before is kept beside."""
        with durable.locked(self.folder / "identity.lock"):
            old, following = self.load(), self._read(NEXT)
            if following is None:
                return old
            if following.public_key != old.public_key:
                self._write(self._free("old").name, old)
                following = replace(following, agent=old.agent, key=key)
                self._write(CURRENT, following)
            (self.folder / NEXT).unlink(missing_ok=True)
            durable.sync_folder(self.folder)
        return following

    def _read(self, name: str) -> Identity | None:
        path = self.folder / name
        try:
            found = from_json(Identity, path.read_bytes())
            if len(base64.b64decode(found.seed, validate=True)) != SEED_BYTES:
                raise ValueError
            if os.name == "posix" and path.stat().st_mode & 0o077:
                path.chmod(durable.PRIVATE_FILE)
        except FileNotFoundError:
            return None
        except (MessageError, binascii.Error, ValueError, OSError):
            raise IdentityError(
                "identity.unreadable",
                f"a chave desta instalação ({name}) existe mas não pode ser lida",
                f"the key of this installation ({name}) cannot be read",
                "Não apague a pasta identity. Rode como administrador; se seguir, peça um novo código ao suporte"
                " e rode 'afluente-agent enrol --anew'.",
            ) from None
        return found

    def _write(self, name: str, identity: Identity) -> None:
        try:
            durable.replace(self.folder / name, to_json(identity))
        except OSError as error:
            raise IdentityError(
                "identity.unwritable",
                "a pasta identity não pode ser escrita",
                f"the identity folder cannot be written: {error.strerror or type(error).__name__}",
                "Rode como administrador e confira espaço em disco e antivírus.",
            ) from None

    def _free(self, stem: str) -> Path:
        number = 1
        while (self.folder / f"{stem}-{number}.json").exists():
            number += 1
        return self.folder / f"{stem}-{number}.json"


def _new() -> Identity:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    return Identity("", "", public, base64.b64encode(private.private_bytes_raw()).decode())
