"""Who issued a certificate, and whether that is a known authority or a known inspector of connections.

Invariant: pure; names of authorities only, nothing else of a certificate goes on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography import x509

AUTHORITIES: Final = (
    "let's encrypt", "internet security research group", "digicert", "sectigo", "comodo ca", "usertrust", "globalsign",
    "google trust services", "amazon", "microsoft", "zerossl", "entrust", "godaddy", "go daddy", "starfield", "buypass",
    "ssl.com", "ssl corporation", "certum", "asseco data", "actalis", "identrust", "cloudflare", "geotrust", "thawte",
    "rapidssl", "gandi", "harica", "quovadis", "swisssign", "trustwave", "icp-brasil", "icpedu",
    "rede nacional de ensino e pesquisa", "serpro", "certisign", "soluti", "valid certificadora",
)  # fmt: skip
"""Organisations that issue certificates to the public, or to Brazilian government sites."""

INSPECTORS: Final = {
    "kaspersky": "Kaspersky", "avast": "Avast", "avg": "AVG", "eset": "ESET",
    "bitdefender": "Bitdefender", "norton": "Norton", "symantec web": "Symantec", "mcafee": "McAfee",
    "trellix": "Trellix", "dr.web": "Dr.Web", "panda": "Panda", "f-secure": "F-Secure", "adguard": "AdGuard",
    "fortinet": "Fortinet", "fortigate": "Fortinet", "fortissl": "Fortinet", "sophos": "Sophos",
    "sonicwall": "SonicWall", "check point": "Check Point", "palo alto": "Palo Alto", "watchguard": "WatchGuard",
    "zscaler": "Zscaler", "netskope": "Netskope", "forcepoint": "Forcepoint", "websense": "Forcepoint",
    "blue coat": "Blue Coat", "cisco umbrella": "Cisco Umbrella", "cisco secure": "Cisco", "barracuda": "Barracuda",
    "blockbit": "Blockbit", "pfsense": "pfSense", "opnsense": "OPNsense", "squid": "Squid", "untangle": "Untangle",
    "endian": "Endian", "mikrotik": "MikroTik", "smoothwall": "Smoothwall", "lightspeed": "Lightspeed",
    "fiddler": "Fiddler", "mitmproxy": "mitmproxy", "charles proxy": "Charles", "starti": "Starti", "ogasec": "OGASEC",
}  # fmt: skip
"""Words in the issuer that programs which open TLS give themselves, and how people call the program."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """`name` is organisation and common name."""

    name: str

    @property
    def is_authority(self) -> bool:
        return not self.product and any(_has(self.name, word) for word in AUTHORITIES)

    @property
    def product(self) -> str:
        """The program that opens connections and signs so; empty when none is known."""
        return next((product for word, product in INSPECTORS.items() if _has(self.name, word)), "")

    def fits(self, expected: str) -> bool:
        """Whether it is the pinned one, told by a part of its name."""
        return expected.lower() in self.name.lower()


def issuer_of(der: bytes) -> Issuer:
    """The issuer of a certificate; `?` when it cannot be read."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        issuer = x509.load_der_x509_certificate(der).issuer
    except ValueError:
        return Issuer("?")
    names = [_first(issuer, oid) for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)]
    return Issuer(" / ".join(one for one in names if one)[:120] or "?")


def _has(name: str, word: str) -> bool:
    """Whether a name has a word, or words, from the beginning of one of its own."""
    return re.search(rf"\b{re.escape(word)}", name, re.IGNORECASE) is not None


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return next((str(one.value) for one in name.get_attributes_for_oid(oid)), "")
