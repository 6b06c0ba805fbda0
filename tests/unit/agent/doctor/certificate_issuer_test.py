from __future__ import annotations

import pytest
from afluente_agent.doctor.certificate import Issuer, issuer_of
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "name",
    [
        "Let's Encrypt / R11",
        "DigiCert Inc / DigiCert TLS RSA SHA256 2020 CA1",
        "Google Trust Services / WE1",
        "Sectigo Limited / Sectigo RSA Domain Validation Secure Server CA",
        "Amazon / Amazon RSA 2048 M02",
        "ICP-Brasil / AC SOLUTI SSL EV G4",
        "Starfield Technologies, Inc. / Starfield Secure Certificate Authority - G2",
    ],
)
def test_well_known_authorities(name: str) -> None:
    assert Issuer(name).is_authority
    assert Issuer(name).product == ""


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("AO Kaspersky Lab / Kaspersky Anti-Virus Personal Root Certificate", "Kaspersky"),
        ("Avast Web/Mail Shield / Avast Web/Mail Shield Root", "Avast"),
        ("AVG Web/Mail Shield / AVG Web/Mail Shield Root", "AVG"),
        ("ESET, spol. s r. o. / ESET SSL Filter CA", "ESET"),
        ("Bitdefender / Bitdefender Personal CA.Net-Defender", "Bitdefender"),
        ("Fortinet / FG100D3G16000000", "Fortinet"),
        ("Sophos / Sophos SSL CA_C01001", "Sophos"),
        ("pfSense / pfSense-CA", "pfSense"),
        ("Zscaler Inc. / Zscaler Intermediate Root CA", "Zscaler"),
    ],
)
def test_known_inspectors_are_named(name: str, product: str) -> None:
    assert Issuer(name).product == product
    assert not Issuer(name).is_authority


@pytest.mark.parametrize("name", ["Prefeitura / CA interna", "Reset Networks / Root", "?"])
def test_others_are_neither(name: str) -> None:
    assert not Issuer(name).is_authority
    assert Issuer(name).product == ""


@given(st.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_no_bytes_break_the_reading(der: bytes) -> None:
    assert issuer_of(der).name == "?"
