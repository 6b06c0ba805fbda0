"""A secret sealed to one agent opens there, and nowhere else."""

from __future__ import annotations

import base64

import pytest
from afluente_agent.identity import Identity
from afluente_agent.protocol.sealing import PSEUDONYM_KEY, agreement_private, agreement_public
from afluente_agent.sealed import NotForUsError, open_sealed
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from afluente.fleet.pseudonym_key import PseudonymKey, read_pseudonym_key
from afluente.fleet.refusal import FleetError
from afluente.state.secret import Secret

SEEDS = st.binary(min_size=32, max_size=32)
SECRET = bytes(range(32))


def identity_of(seed: bytes) -> Identity:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return Identity("a", "k", base64.b64encode(public).decode(), base64.b64encode(seed).decode())


@given(SEEDS)
def test_the_two_halves_of_a_key_of_agreement_belong_together(seed: bytes) -> None:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    private = X25519PrivateKey.from_private_bytes(agreement_private(seed))
    assert private.public_key().public_bytes_raw() == agreement_public(public)


@given(seed=SEEDS, other=SEEDS, site=st.text(max_size=10), version=st.integers(0, 2**60), bit=st.integers(0, 639))
def test_a_sealed_key_opens_for_its_agent_site_and_version_only(
    seed: bytes, other: bytes, site: str, version: int, bit: int
) -> None:
    ours = identity_of(seed)
    sealed = PseudonymKey(SECRET).seal(ours.public_key, site=site, version=version)
    assert open_sealed(ours, sealed, purpose=PSEUDONYM_KEY, site=site, version=version) == SECRET
    content = bytearray(base64.b64decode(sealed))
    content[bit // 8] ^= 1 << bit % 8
    changed = base64.b64encode(content).decode()
    is_dead_bit = bit == 255
    attempts = [
        (ours, sealed, PSEUDONYM_KEY, site + "x", version),
        (ours, sealed, PSEUDONYM_KEY, site, version + 1),
        (ours, sealed, "other", site, version),
        *([] if is_dead_bit else [(ours, changed, PSEUDONYM_KEY, site, version)]),
        *([(identity_of(other), sealed, PSEUDONYM_KEY, site, version)] if other != seed else []),
    ]
    for who, what, purpose, where, when in attempts:
        with pytest.raises(NotForUsError):
            open_sealed(who, what, purpose=purpose, site=where, version=when)


@given(st.text(max_size=200))
def test_what_is_no_seal_opens_as_nothing(text: str) -> None:
    with pytest.raises(NotForUsError):
        open_sealed(identity_of(SECRET), text, purpose=PSEUDONYM_KEY, site="a", version=1)


@pytest.mark.parametrize("public", [b"", b"\x00" * 32, b"\x01" + b"\x00" * 31, b"\xff" * 32, b"short"])
def test_nothing_is_sealed_to_what_is_no_key(public: bytes) -> None:
    with pytest.raises(FleetError, match="nothing can be sealed"):
        PseudonymKey(SECRET).seal(base64.b64encode(public).decode(), site="a", version=1)


@pytest.mark.parametrize("text", ["", "x", base64.b64encode(b"short").decode(), base64.b64encode(bytes(32)).decode()])
def test_a_weak_key_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(FleetError) as refused:
        read_pseudonym_key(Secret(text))
    assert refused.value.code == "fleet.pseudonym_key"
    assert not text or text not in str(refused.value)
    assert "b'" not in repr(PseudonymKey(SECRET))
