"""The file in which PEC keeps the credentials of its database, `webserver/config/credenciais.txt`.

Its form is not documented and changed over time, so whatever names a role and a password is taken: `usuario=` and
`senha=` lines in their Portuguese or English names, with or without a prefix, or the role and its password on one line.

Invariant: a password is given only for the role that was asked for, and stands in no error and no repr.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from afluente_agent.errors import PecError
from afluente_agent.protocol import fact_codes

MOST_BYTES = 64 * 1024
_USER = re.compile(r"^(?:.*[._\s-])?(?:usu[aá]rio|user(?:name)?|role|login)(?:[._\s-].*)?$", re.IGNORECASE)
_PASSWORD = re.compile(r"^(?:.*[._\s-])?(?:senha|password|passwd|pass)(?:[._\s-].*)?$", re.IGNORECASE)
_PAIR = re.compile(r"^\s*([^:=#]{1,80}?)\s*[:=]\s*(\S.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Credentials:
    role: str
    password: str = field(repr=False)


def read_credentials(file: Path, *, role: str) -> Credentials:
    """The credentials of a role. PecError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError:
        raise _missing(file, role) from None
    password = "" if len(content) > MOST_BYTES else find_password(_decode(content), role=role)
    if not password:
        raise _missing(file, role)
    return Credentials(role, password)


def find_password(text: str, *, role: str) -> str:
    """The password of the role; empty when the text has none. Of one pair alone either line may come first."""
    user = ""
    users: list[str] = []
    passwords: list[str] = []
    for line in text.splitlines():
        pair = _PAIR.match(line)
        if pair is None:
            words = line.replace(";", " ").replace(",", " ").split()
            if len(words) == 2 and words[0] == role:
                return words[1]
            continue
        name, value = pair.group(1), pair.group(2)
        if name == role:
            return value
        if _PASSWORD.match(name):
            if user == role or (role.lower() in name.lower()):
                return value
            passwords.append(value)
        elif _USER.match(name):
            user = value
            users.append(value)
    return passwords[0] if users == [role] and len(passwords) == 1 else ""


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _missing(file: Path, role: str) -> PecError:
    return PecError(
        fact_codes.PEC_CREDENTIALS_MISSING,
        f"o arquivo de credenciais do PEC não pôde ser lido ou não traz a senha de {role}",
        f"PEC's credentials file cannot be read or has no password for {role}",
        "Confira o arquivo webserver/config/credenciais.txt na pasta do e-SUS e se o agente pode lê-lo.",
        evidence={"file": str(file)},
    )
