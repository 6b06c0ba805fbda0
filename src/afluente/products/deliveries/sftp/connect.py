"""A connection to the partner's server, whose key must be the pinned one.

Invariant: the user's own SSH configuration, agent and keys are never used; nothing is sent to a server with another
key, not even the user's name; asyncssh, which tells user names below WARNING, logs nothing of that.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.delivery import DeliveryContext, DeliveryError
from afluente.products.deliveries.sftp.config import Config
from afluente.products.deliveries.sftp.failure import failure
from afluente.products.deliveries.sftp.transport import GatheringConnector
from afluente.project.secret_reference import SecretReference

if TYPE_CHECKING:
    from asyncssh import SSHClientConnection, SSHKey

FINGERPRINT_PREFIX = "SHA256:"
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
"""The fastest first; AES-GCM has its own instructions in today's processors and needs no second pass."""
_KEEPALIVE_SECONDS = 15.0
_NOT_LETTERS_OF_BASE64 = "="


async def connect(config: Config, context: DeliveryContext, *, label: str) -> SSHClientConnection:
    """Sign in. DeliveryError, of which a wrong host key and refused credentials are final."""
    import asyncssh

    keys = _pinned_keys(config, label=label)
    fingerprints = frozenset(
        key.rstrip(_NOT_LETTERS_OF_BASE64) for key in config.host_keys if key.startswith(FINGERPRINT_PREFIX)
    )

    class Pinned(asyncssh.SSHClient):
        """Accepts a key that is none of the trusted ones by its fingerprint."""

        def validate_host_public_key(self, host: str, addr: str, port: int, key: SSHKey) -> bool:
            del host, addr, port
            return key.get_fingerprint("sha256").rstrip(_NOT_LETTERS_OF_BASE64) in fingerprints

    asyncssh.set_log_level(logging.WARNING)
    user = _text(config.user, context)
    password = None if config.password is None else context.secret(config.password)
    private_key = _private_key(config, context, label=label)
    try:
        return await asyncssh.connect(
            config.host,
            config.port,
            client_factory=Pinned,
            username=user,
            password=password,
            client_keys=[] if private_key is None else [private_key],
            known_hosts=(keys, [], []),
            server_host_key_algs="default" if fingerprints else (),
            preferred_auth=("publickey", "keyboard-interactive", "password"),
            tunnel=GatheringConnector(),
            config=None,
            agent_path=None,
            gss_host=None,
            encryption_algs=CIPHERS,
            compression_algs=("none",),
            connect_timeout=config.timeout_seconds,
            login_timeout=config.timeout_seconds,
            keepalive_interval=_KEEPALIVE_SECONDS,
        )
    except (asyncssh.Error, OSError, EOFError) as error:
        raise failure(error, config, label=label, doing="sign in") from error


def _pinned_keys(config: Config, *, label: str) -> list[SSHKey]:
    import asyncssh

    try:
        return [asyncssh.import_public_key(key) for key in config.host_keys if not key.startswith(FINGERPRINT_PREFIX)]
    except asyncssh.KeyImportError:
        raise DeliveryError(
            failure_codes.HOST_KEY,
            f"{label}: host_key is not a public key that can be read",
            hint="ask the partner for the line of its key, such as ssh-ed25519 AAAA...",
        ) from None


def _text(given: str | SecretReference, context: DeliveryContext) -> str:
    return context.secret(given) if isinstance(given, SecretReference) else given


def _private_key(config: Config, context: DeliveryContext, *, label: str) -> SSHKey | None:
    import asyncssh

    if config.private_key is None:
        return None
    passphrase = None if config.passphrase is None else context.secret(config.passphrase)
    try:
        return asyncssh.import_private_key(context.secret(config.private_key) + "\n", passphrase)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise DeliveryError(
            failure_codes.CREDENTIALS,
            f"{label}: {config.private_key} is not a private key that can be read",
            hint="it has to be an OpenSSH or PEM private key; make one with ssh-keygen -t ed25519, "
            "and name its passphrase if it has one",
        ) from None
