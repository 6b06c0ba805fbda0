"""Signatures in OpenSSH's format (SSHSIG), made and checked with ed25519 keys.

Source: PROTOCOL.sshsig of OpenSSH. Invariant: what is signed here is accepted by `ssh-keygen -Y verify`, and only
under the namespace it was signed for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afluente.core.errors import AfluenteError, ProjectError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMESPACE = "afluente-release@afluente"
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASH = "sha512"
_KIND = b"ssh-ed25519"
_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_LINE = 70


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An OpenSSH key pair as text. `private` is a secret."""

    private: str
    public: str

    def __repr__(self) -> str:
        return f"KeyPair(private=***, public={self.public!r})"


class BadSignature(AfluenteError):
    """A signature does not fit the message, the key or the namespace."""


def make_key(comment: str = "afluente") -> KeyPair:
    """A new ed25519 pair; the comment stands in the public line only."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return KeyPair(private.decode(), f"{_public_line(key)} {comment}")


def public_key_of(private_key: str) -> str:
    """`ssh-ed25519 AAAA...` of a private key."""
    return _public_line(_loaded(private_key))


def fingerprint(public_key: str) -> str:
    """`SHA256:...` as `ssh-keygen -l` writes it."""
    digest = hashlib.sha256(_blob(public_key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def sign(message: bytes, private_key: str, *, namespace: str = NAMESPACE) -> str:
    """The armoured signature; ed25519 gives the same one every time. ProjectError when the key cannot be used."""
    key = _loaded(private_key)
    raw = key.sign(_to_be_signed(message, namespace))
    body = b"".join(
        [
            _MAGIC,
            struct.pack(">I", _VERSION),
            _string(_blob(_public_line(key))),
            _string(namespace.encode()),
            _string(b""),
            _string(_HASH.encode()),
            _string(_string(_KIND) + _string(raw)),
        ]
    )
    text = base64.b64encode(body).decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join([_BEGIN, *lines, _END]) + "\n"


def verify(message: bytes, signature: str, public_key: str, *, namespace: str = NAMESPACE) -> None:
    """BadSignature unless this key signed exactly this message for this namespace."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    read = _Reader(_body(signature))
    if read.take(len(_MAGIC)) != _MAGIC or struct.unpack(">I", read.take(4))[0] != _VERSION:
        raise _bad("it is not an SSHSIG of version 1")
    blob, said, _, hashed, signed = (read.string() for _ in range(5))
    if read.rest:
        raise _bad("something follows it")
    if blob != _blob(public_key):
        raise _bad("another key made it", code="signature.other_key")
    if said != namespace.encode():
        raise _bad("it was made for another namespace", code="signature.other_namespace")
    algorithm = hashed.decode("ascii", "replace")
    if algorithm not in ("sha512", "sha256"):
        raise _bad("its hash is neither sha512 nor sha256")
    inner = _Reader(signed)
    if inner.string() != _KIND:
        raise _bad("it is not of ed25519")
    raw = inner.string()
    key = _Reader(blob)
    key.string()
    try:
        Ed25519PublicKey.from_public_bytes(key.string()).verify(
            raw, _to_be_signed(message, namespace, algorithm=algorithm)
        )
    except (InvalidSignature, ValueError) as error:
        raise _bad("the message is not the one that was signed", code="signature.wrong") from error


def _to_be_signed(message: bytes, namespace: str, *, algorithm: str = _HASH) -> bytes:
    digest = hashlib.new(algorithm, message).digest()
    return _MAGIC + _string(namespace.encode()) + _string(b"") + _string(algorithm.encode()) + _string(digest)


def _loaded(private_key: str) -> Ed25519PrivateKey:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_ssh_private_key
    except ImportError as error:
        raise ProjectError(
            "release.no_cryptography", "cryptography is not installed", hint="pip install 'afluente[products]'"
        ) from error
    try:
        key = load_ssh_private_key(f"{private_key.strip()}\n".encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ProjectError(
            "release.signing_key",
            "the signing key is not an OpenSSH private key without a passphrase",
            hint="make one with: ssh-keygen -t ed25519 -N '' -f FILE",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ProjectError(
            "release.signing_key",
            "the signing key is not of ed25519",
            hint="make one with: ssh-keygen -t ed25519 -N '' -f FILE",
        )
    return key


def _public_line(key: Ed25519PrivateKey) -> str:
    from cryptography.hazmat.primitives import serialization

    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return public.decode()


def _blob(public_key: str) -> bytes:
    words = public_key.split()
    if len(words) < 2 or words[0] != _KIND.decode():
        raise _bad("the public key is not a line that begins with ssh-ed25519", code="signature.public_key")
    try:
        return base64.b64decode(words[1], validate=True)
    except binascii.Error as error:
        raise _bad("the public key is not base64", code="signature.public_key") from error


def _body(signature: str) -> bytes:
    lines = [line.strip() for line in signature.strip().splitlines()]
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise _bad("it does not stand between its two lines")
    try:
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except binascii.Error as error:
        raise _bad("it is not base64") from error


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


class _Reader:
    """The fields of an SSH message in their order."""

    def __init__(self, content: bytes) -> None:
        self.rest = content

    def take(self, count: int) -> bytes:
        if len(self.rest) < count:
            raise _bad("it ends too early")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def string(self) -> bytes:
        length: int = struct.unpack(">I", self.take(4))[0]
        return self.take(length)


def _bad(reason: str, *, code: str = "signature.malformed") -> BadSignature:
    return BadSignature(code, f"the signature is not valid: {reason}", hint="ask for the release again")
