"""Secrets resolved at the last moment, into a type that shows nothing.

Invariant: a Secret's text leaves only by `reveal`; it is not printed, pickled or made JSON, and no error holds it.
"""

from __future__ import annotations

import hmac
import logging
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, assert_never

from afluente.core.errors import ProjectError
from afluente.core.nearest import nearest

if TYPE_CHECKING:
    from afluente.project.secret_reference import SecretReference

HIDDEN = "***"
VAULT_TIMEOUT_SECONDS = 10.0
MAX_FILE_BYTES = 1_000_000

_log = logging.getLogger(__name__)


class Secret:
    """A text that is shown as `***` wherever it is shown."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, format_spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def resolve(reference: SecretReference, environment: Mapping[str, str], project_root: Path) -> Secret:
    """The secret a reference names; ProjectError names the reference when there is none."""
    match reference.kind:
        case "env":
            text = _from_environment(reference, environment)
        case "file":
            text = _from_file(reference, project_root)
        case "keyring":
            text = _from_keyring(reference)
        case "vault":
            text = _from_vault(reference, environment)
        case _:
            assert_never(reference.kind)
    if not text:
        raise ProjectError("secret.empty", f"{reference} is empty")
    return Secret(text)


def _from_environment(reference: SecretReference, environment: Mapping[str, str]) -> str:
    text = environment.get(reference.target)
    if text is None:
        near = nearest(reference.target, environment)
        hint = f"set {reference.target}" + (f"; or did you mean '{near}'?" if near else "")
        raise ProjectError("secret.missing", f"{reference}: the variable is not set", hint=hint)
    return text


def _from_file(reference: SecretReference, project_root: Path) -> str:
    path = project_root / reference.target
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            raise ProjectError("secret.file", f"{reference}: not a file of at most {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ProjectError(
            "secret.missing", f"{reference}: the file does not exist", hint="the path is relative to the project"
        ) from None
    except OSError as error:
        raise ProjectError("secret.file", f"{reference}: the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ProjectError("secret.file", f"{reference}: the file is not UTF-8") from None
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        _log.warning("%s: the file is open to other users; chmod 600 closes it", reference)
    return text.removesuffix("\n").removesuffix("\r")


def _from_keyring(reference: SecretReference) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ProjectError(
            "secret.keyring_missing", f"{reference}: keyring is not installed", hint="pip install 'afluente[keyring]'"
        ) from None
    service, _, user = reference.target.partition("/")
    try:
        text = keyring.get_password(service, user)
    except KeyringError as error:
        raise ProjectError(
            "secret.keyring", f"{reference}: the keyring refused ({type(error).__name__})", hint="keyring diagnose"
        ) from None
    if text is None:
        hint = f"keyring set {service} {user}"
        raise ProjectError("secret.missing", f"{reference}: the keyring holds no such entry", hint=hint)
    return text


def _from_vault(reference: SecretReference, environment: Mapping[str, str]) -> str:
    """HTTP API of the key-value engine, version 2. Source: HashiCorp Vault, "KV secrets engine - version 2 (API)"."""
    import httpx

    address, token = environment.get("VAULT_ADDR"), environment.get("VAULT_TOKEN")
    if not address or not token:
        missing = "VAULT_ADDR" if not address else "VAULT_TOKEN"
        raise ProjectError("secret.vault_settings", f"{reference}: {missing} is not set", hint=f"set {missing}")
    path, _, key = reference.target.partition("#")
    mount, _, inner = path.strip("/").partition("/")
    url = f"{address.rstrip('/')}/v1/{mount}/data/{inner.removeprefix('data/')}"
    headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
    if namespace := environment.get("VAULT_NAMESPACE"):
        headers["X-Vault-Namespace"] = namespace
    try:
        answer = httpx.get(url, headers=headers, timeout=VAULT_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ProjectError(
            "secret.vault_unreachable",
            f"{reference}: Vault cannot be reached ({type(error).__name__})",
            hint="look at VAULT_ADDR",
            retryable=True,
        ) from None
    if answer.status_code != httpx.codes.OK:
        raise _vault_refusal(reference, answer.status_code)
    try:
        text = answer.json()["data"]["data"][key]
    except (ValueError, KeyError, TypeError):
        raise ProjectError(
            "secret.missing",
            f"{reference}: the answer of Vault has no such key",
            hint="write secret:vault:MOUNT/PATH#KEY",
        ) from None
    if not isinstance(text, str):
        raise ProjectError("secret.vault_refused", f"{reference}: the value in Vault is not a text")
    return text


def _vault_refusal(reference: SecretReference, status: int) -> ProjectError:
    match status:
        case 404:
            return ProjectError(
                "secret.missing", f"{reference}: Vault has no such path", hint="write secret:vault:MOUNT/PATH#KEY"
            )
        case 403:
            return ProjectError(
                "secret.vault_refused",
                f"{reference}: Vault refused the token",
                hint="look at VAULT_TOKEN and its policy",
            )
        case _:
            retryable = status == 429 or status >= 500
            return ProjectError("secret.vault_refused", f"{reference}: Vault answered {status}", retryable=retryable)
