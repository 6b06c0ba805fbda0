"""Options of the connector `sftp`, read into a frozen dataclass. Imports nothing heavy.

host, port, user            user may be a secret
private_key: secret:...     an OpenSSH private key; passphrase: secret:... when it has one
password: secret:...        instead of a key, or beside it
host_key: "ssh-ed25519 AAAA..."    or "SHA256:..." as ssh-keygen -l shows it; a list while the partner changes keys
folder: entrada             counted from where the user lands; it must exist
verify: size | hash         hash reads every file back before it gets its name
timeout_seconds: 60         the longest wait for any sign of the server
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from afluente.core.errors import Problem
from afluente.products.deliveries.options import DeliveryOptions
from afluente.project.product import DeliverySettings
from afluente.project.secret_reference import SecretReference

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Config:
    """A server, who signs in there, and which server it must be."""

    host: str
    user: str | SecretReference
    host_keys: tuple[str, ...]
    port: int = 22
    private_key: SecretReference | None = None
    passphrase: SecretReference | None = None
    password: SecretReference | None = None
    folder: str = ""
    is_read_back: bool = False
    timeout_seconds: float = 60.0

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def parse(settings: DeliverySettings) -> Config | list[Problem]:
    """The options, or every mistake in them."""
    options = DeliveryOptions(settings)
    user = options.text_or_secret("user")
    if not user:
        options.refuse("option 'user' is missing", "add user: to the delivery", code="option_missing")
    config = Config(
        host=options.text("host", required=True),
        user=user or "",
        host_keys=_host_keys(options),
        port=options.integer("port", 22, minimum=1, maximum=_MOST_PORT),
        private_key=options.secret("private_key"),
        passphrase=options.secret("passphrase"),
        password=options.secret("password"),
        folder=options.text("folder"),
        is_read_back=options.choice("verify", ("size", "hash"), "size") == "hash",
        timeout_seconds=options.number("timeout_seconds", 60.0, minimum=1),
    )
    if not (options.has("private_key") or options.has("password")):
        options.refuse(
            "there is neither a private key nor a password",
            "add private_key: secret:file:PATH, or password: secret:env:NAME",
            code="option_missing",
        )
    if options.has("passphrase") and not options.has("private_key"):
        options.refuse("option 'passphrase' stands without 'private_key'")
    options.finish()
    return options.problems or config


def _host_keys(options: DeliveryOptions) -> tuple[str, ...]:
    keys = options.texts("host_key", required=True)
    for key in keys:
        if not _FINGERPRINT.fullmatch(key) and not _is_public_key(key):
            options.refuse(
                "option 'host_key' is neither a public key nor a SHA256 fingerprint",
                'ask the partner for it, and write host_key: "ssh-ed25519 AAAA..." or "SHA256:..."',
            )
    return keys


def _is_public_key(text: str) -> bool:
    """`ssh-ed25519 AAAA... comment`, the blob naming the same algorithm. Source: RFC 4253, section 6.6."""
    algorithm, _, rest = text.strip().partition(" ")
    blob = rest.split(" ", 1)[0]
    try:
        decoded = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return False
    name = algorithm.encode()
    return bool(name) and decoded.startswith(len(name).to_bytes(4, "big") + name)
