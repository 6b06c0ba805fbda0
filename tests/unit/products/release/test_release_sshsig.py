from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.core.errors import ProjectError
from afluente.products.release.sshsig import (
    NAMESPACE,
    BadSignature,
    fingerprint,
    make_key,
    public_key_of,
    sign,
    verify,
)

KEYS = make_key("dados@example.com")
needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300))
def test_what_was_signed_is_verified_and_anything_else_is_not(message: bytes) -> None:
    signature = sign(message, KEYS.private)
    verify(message, signature, KEYS.public)
    with pytest.raises(BadSignature, match="not the one that was signed"):
        verify(message + b"x", signature, KEYS.public)


def test_the_same_message_has_the_same_signature() -> None:
    assert sign(b"m", KEYS.private) == sign(b"m", KEYS.private)


def test_another_key_another_namespace_and_torn_armour_are_refused() -> None:
    signature = sign(b"m", KEYS.private)
    with pytest.raises(BadSignature) as other_key:
        verify(b"m", signature, make_key().public)
    assert other_key.value.code == "signature.other_key"
    with pytest.raises(BadSignature) as other_namespace:
        verify(b"m", signature, KEYS.public, namespace="file")
    assert other_namespace.value.code == "signature.other_namespace"
    for torn in ("", signature[:40], signature.replace("BEGIN", "END"), signature[:100] + signature[130:]):
        with pytest.raises(BadSignature):
            verify(b"m", torn, KEYS.public)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 280), st.integers(1, 255))
def test_a_signature_with_a_changed_byte_is_never_accepted(position: int, change: int) -> None:
    import base64

    lines = sign(b"m", KEYS.private).splitlines()
    body = bytearray(base64.b64decode("".join(lines[1:-1])))
    body[position % len(body)] ^= change
    changed = "\n".join([lines[0], base64.b64encode(bytes(body)).decode(), lines[-1]])
    with pytest.raises(BadSignature):
        verify(b"m", changed, KEYS.public)


def test_the_private_key_is_not_shown_and_not_in_an_error() -> None:
    assert "PRIVATE" not in repr(KEYS)
    secret = "izI32-vwq5-pPv1-Hr68"
    with pytest.raises(ProjectError) as wrong:
        sign(b"m", secret)
    assert secret not in f"{wrong.value!r} {wrong.value.hint} {wrong.value.__cause__!r}"


@needs_ssh_keygen
def test_ssh_keygen_accepts_our_signature_and_refuses_a_changed_message(tmp_path: Path) -> None:
    (tmp_path / "allowed").write_text(f"dados@example.com {KEYS.public}\n")
    (tmp_path / "m.sig").write_text(sign(b"manifest\n", KEYS.private))
    words = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "dados@example.com", "-n", NAMESPACE, "-s", "m.sig"]
    assert subprocess.run(words, input=b"manifest\n", cwd=tmp_path, capture_output=True).returncode == 0
    assert subprocess.run(words, input=b"manifesto\n", cwd=tmp_path, capture_output=True).returncode != 0


@needs_ssh_keygen
def test_we_accept_what_ssh_keygen_signs_with_a_key_it_made(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "x", "-f", str(key)], check=True)
    (tmp_path / "m").write_bytes(b"manifest")
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(tmp_path / "m")],
        check=True,
        capture_output=True,
    )
    public = (tmp_path / "key.pub").read_text()
    verify(b"manifest", (tmp_path / "m.sig").read_text(), public)
    assert (tmp_path / "m.sig").read_text() == sign(b"manifest", key.read_text())
    assert public_key_of(key.read_text()) == " ".join(public.split()[:2])
    told = subprocess.run(["ssh-keygen", "-l", "-f", str(key)], check=True, capture_output=True, text=True).stdout
    assert fingerprint(public) in told
