"""The SQLSTATE with which a PostgreSQL lets nobody in, read without its words.

Before a session has begun the server speaks in the encoding of its machine: on a Windows in Portuguese its refusals are
WIN1252, which asyncpg cannot read, and the session ends as if the server had gone away. So the beginning of a session is
made once more here, to its refusal, and of that only the code is read.

Invariant: no byte of a message is taken for text but five letters and digits; the password goes only where asyncpg sent
it: hashed, or in clear to a server that asks for that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import socket
import struct
import time
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afluente_agent.pec import PecAddress

_PROTOCOL = 3 << 16
_MOST_BYTES = 64 * 1024
_MOST_ROUNDS = 1_000_000
_MECHANISM = b"SCRAM-SHA-256"
_CODE = re.compile(rb"(?:\A|\0)C([0-9A-Z]{5})(?=\0)")


def sqlstate_of_refusal(address: PecAddress, *, seconds: float) -> str:
    """The code; empty when the server let us in, said nothing that can be read, or did not answer in time."""
    try:
        with socket.create_connection((address.host, address.port), timeout=seconds) as line:
            return _Start(line, address, until=time.monotonic() + seconds).refusal()
    except (OSError, ValueError, struct.error):
        return ""


class _Asked(IntEnum):
    """Source: PostgreSQL's protocol 3.0, messages `Authentication...`."""

    NOTHING = 0
    CLEAR = 3
    MD5 = 5
    SASL = 10
    SASL_CONTINUE = 11
    SASL_FINAL = 12


class _Start:
    """The beginning of one session."""

    def __init__(self, line: socket.socket, address: PecAddress, *, until: float) -> None:
        self._line = line
        self._address = address
        self._until = until
        self._nonce = secrets.token_urlsafe(18)

    def refusal(self) -> str:
        named = {"user": self._address.role, "database": self._address.database}
        told = b"".join(f"{name}\0{value}\0".encode() for name, value in named.items())
        self._send(b"", struct.pack("!i", _PROTOCOL) + told + b"\0")
        while True:
            kind, body = self._message()
            match kind:
                case b"E":
                    found = _CODE.search(body)
                    return found[1].decode() if found else ""
                case b"Z":
                    self._send(b"X", b"")
                    return ""
                case b"R":
                    self._answer(struct.unpack_from("!i", body)[0], body[4:])

    def _answer(self, asked: int, given: bytes) -> None:
        password, role = self._address.password.encode(), self._address.role.encode()
        match asked:
            case _Asked.NOTHING | _Asked.SASL_FINAL:
                return
            case _Asked.CLEAR:
                self._send(b"p", password + b"\0")
            case _Asked.MD5:
                inner = hashlib.md5(password + role, usedforsecurity=False).hexdigest().encode()
                outer = hashlib.md5(inner + given[:4], usedforsecurity=False).hexdigest().encode()
                self._send(b"p", b"md5" + outer + b"\0")
            case _Asked.SASL:
                first = f"n,,n=,r={self._nonce}".encode()
                self._send(b"p", _MECHANISM + b"\0" + struct.pack("!i", len(first)) + first)
            case _Asked.SASL_CONTINUE:
                self._send(b"p", self._proof(given))
            case _:
                raise ValueError("a way to sign in that asyncpg does not know either")

    def _proof(self, challenge: bytes) -> bytes:
        """The client's last message of SCRAM. Source: RFC 5802, section 3, with SHA-256 (RFC 7677)."""
        told = dict(part.split(b"=", 1) for part in challenge.split(b","))
        if not told[b"r"].startswith(self._nonce.encode()) or not 0 < int(told[b"i"]) <= _MOST_ROUNDS:
            raise ValueError("not an answer to what was asked")
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._address.password.encode(), base64.b64decode(told[b"s"]), int(told[b"i"])
        )
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        last = b"c=biws,r=" + told[b"r"]
        signed = f"n=,r={self._nonce}".encode() + b"," + challenge + b"," + last
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        return last + b",p=" + base64.b64encode(proof)

    def _send(self, kind: bytes, body: bytes) -> None:
        self._line.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _message(self) -> tuple[bytes, bytes]:
        kind, size_bytes = struct.unpack("!ci", self._read(5))
        if not 4 <= size_bytes <= _MOST_BYTES:
            raise ValueError("not a message of PostgreSQL")
        return kind, self._read(size_bytes - 4)

    def _read(self, size_bytes: int) -> bytes:
        content = b""
        while len(content) < size_bytes:
            self._line.settimeout(max(self._until - time.monotonic(), 0.001))
            piece = self._line.recv(size_bytes - len(content))
            if not piece:
                raise ConnectionResetError
            content += piece
        return content
