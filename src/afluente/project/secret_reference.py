"""References to secrets, and the literals that stand where a reference should.

Invariant: nothing here returns or prints the text of a literal secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node

PREFIX = "secret:"
KINDS: tuple[Literal["env", "file", "keyring", "vault"], ...] = ("env", "file", "keyring", "vault")
FORMS = "secret:env:NAME, secret:file:PATH, secret:keyring:SERVICE/USER or secret:vault:PATH#KEY"

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_SECRET_WORDS = frozenset(
    (
        *("password", "passwd", "pwd", "passphrase", "senha", "secret", "token", "key", "apikey", "chave"),
        *("credential", "credentials", "authorization", "accesskey", "secretkey", "privatekey"),
    )
)
_HARMLESS_BEFORE = frozenset(
    (
        *("primary", "foreign", "sort", "partition", "row", "dedup", "cursor", "page", "next", "items", "json"),
        *("public", "natural", "business", "incremental", "record", "unique", "group", "order", "join", "merge"),
        *("data", "results", "list", "host"),
    )
)
_CREDENTIALS_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/\s:@]*:[^/\s@]+@")
_CREDENTIALS_IN_TEXT = re.compile(
    r"(?i)(?:^|[;?&\s])(?:password|pwd|passwd|token|access_token|api_key|apikey|accountkey|sharedaccesskey|sig|secret)"
    r"=[^;&\s]+"
)


@dataclass(frozen=True, slots=True)
class SecretReference:
    """`secret:env:NAME`, `secret:file:PATH`, `secret:keyring:SERVICE/USER` or `secret:vault:PATH#KEY`."""

    kind: Literal["env", "file", "keyring", "vault"]
    target: str

    def __str__(self) -> str:
        return f"secret:{self.kind}:{self.target}"


def parse_reference(text: str) -> SecretReference:
    """Read `secret:KIND:TARGET`; ValueError says what is wrong, without the target."""
    kind, colon, target = text.removeprefix(PREFIX).partition(":")
    for known in KINDS:
        if kind == known and colon:
            if not target or (kind == "env" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", target)):
                break
            if (kind == "keyring" and not re.fullmatch(r"[^/]+/.+", target)) or (
                kind == "vault" and not re.fullmatch(r"[^#]+#[^#]+", target)
            ):
                break
            return SecretReference(known, target)
    else:
        raise ValueError("a secret reference of an unknown kind")
    raise ValueError(f"a secret:{kind} reference without a right target")


def is_secret_key(key: str) -> bool:
    """Whether a key's name says that a secret stands under it (`db_password`, `apiToken`, `X-Api-Key`)."""
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] not in _SECRET_WORDS:
        return False
    return not (len(words) > 1 and words[-2] in _HARMLESS_BEFORE)


def find_literal_secrets(node: Node, mistakes: Mistakes, *, key: str = "") -> bool:
    """Report every literal that stands where a secret reference should; whether there was any."""
    if node.mapping:
        found = [find_literal_secrets(item, mistakes, key=name) for name, item in node.mapping.items()]
        return any(found)
    if node.items:
        found = [find_literal_secrets(item, mistakes, key=key) for item in node.items]
        return any(found)
    if not node.is_scalar or isinstance(node.value, bool) or node.value is None or node.raw == "":
        return False
    if node.raw.startswith(PREFIX):
        return False
    if is_secret_key(key):
        variable = re.fullmatch(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}", node.raw)
        name = variable[1] if variable else re.sub(r"\W", "_", key).upper()
        mistakes.add(
            "project.literal_secret",
            f"the secret {key!r} is written in the file" if not variable else f"the secret {key!r} is a plain variable",
            node,
            hint=f"write {PREFIX}env:{name} and keep the value out of the project",
        )
        return True
    if _CREDENTIALS_IN_URL.search(node.raw) or _CREDENTIALS_IN_TEXT.search(node.raw):
        under = f" under {key!r}" if key else ""
        mistakes.add(
            "project.literal_secret",
            f"the text{under} holds a password or a token",
            node,
            hint="put it in a field of its own, as a secret reference such as secret:env:NAME",
        )
        return True
    return False
