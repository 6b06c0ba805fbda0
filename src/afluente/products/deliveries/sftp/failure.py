"""What asyncssh and the operating system say, as a DeliveryError that somebody can act on.

Invariant: the text holds the server's address and our own words; no server's text, and no secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.delivery import DeliveryError

if TYPE_CHECKING:
    from afluente.products.deliveries.sftp.config import Config


def failure(error: Exception, config: Config, *, label: str, doing: str) -> DeliveryError:
    """The error for an exception of asyncssh, of a socket or of a wait that was too long."""
    import asyncssh

    subject = f"{label}: {doing} at {config.address}"
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return host_key_failure(config, label=label)
        case asyncssh.KeyExchangeFailed() if "host key" in error.reason:
            return host_key_failure(config, label=label)
        case asyncssh.PermissionDenied():
            return DeliveryError(
                failure_codes.CREDENTIALS,
                f"{label}: {config.address} refused the user, the key or the password",
                hint="ask the partner which key it trusts, mend the secret, then: afluente product redeliver",
            )
        case asyncssh.SFTPNoSpaceOnFilesystem() | asyncssh.SFTPQuotaExceeded():
            return no_space(subject)
        case asyncssh.SFTPConnectionLost() | asyncssh.SFTPNoConnection():
            return _lost(subject, "the connection was lost")
        case asyncssh.SFTPPermissionDenied() | asyncssh.SFTPWriteProtect():
            return _refused(subject, "permission denied")
        case asyncssh.SFTPNoSuchFile() | asyncssh.SFTPNoSuchPath():
            return _refused(subject, "no such file or folder")
        case asyncssh.SFTPError():
            if any(word in error.reason.casefold() for word in ("space", "quota", "disk full")):
                return no_space(subject)
            return DeliveryError(
                failure_codes.REFUSED,
                f"{subject}: the server answered {type(error).__name__}",
                hint="ask the partner what its server's log says",
                retryable=True,
            )
        case TimeoutError():
            return DeliveryError(
                failure_codes.TIMEOUT,
                f"{subject}: no sign of the server for {config.timeout_seconds:g} seconds",
                hint="look at the network; give a longer timeout_seconds if the server is only slow",
                retryable=True,
            )
        case asyncssh.Error():
            return _lost(subject, f"the connection failed ({type(error).__name__})")
        case OSError():
            return _lost(subject, (error.strerror or type(error).__name__).lower())
        case _:
            return _lost(subject, f"the connection failed ({type(error).__name__})")


def host_key_failure(config: Config, *, label: str) -> DeliveryError:
    return DeliveryError(
        failure_codes.HOST_KEY,
        f"{label}: {config.address} does not have the pinned host key; nothing was sent",
        hint="ask the partner by another way whether it changed its key; only then change host_key",
    )


def no_space(subject: str) -> DeliveryError:
    return DeliveryError(
        failure_codes.QUOTA,
        f"{subject}: no space is left there",
        hint="ask the partner to make space; it is tried again by itself",
        retryable=True,
    )


def _lost(subject: str, reason: str) -> DeliveryError:
    return DeliveryError(
        failure_codes.CONNECTION,
        f"{subject}: {reason}",
        hint="look at the address and the network; it is tried again by itself",
        retryable=True,
    )


def _refused(subject: str, reason: str) -> DeliveryError:
    return DeliveryError(
        failure_codes.REFUSED,
        f"{subject}: {reason}",
        hint="ask the partner which folder this user may write, then: afluente product redeliver",
    )
