"""Whom to trust on the line: the system's store, and the hub's own time when the machine's clock is wrong.

A machine whose battery died may be years off, and then every certificate looks expired or not yet valid. Once that was
seen, the chain and the name are verified as before, and the dates against the hub's time instead of the machine's.

Invariant: no request leaves over TLS before its certificate was found good: chain, name and dates.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from afluente_agent.failure import CertificateTimeError

NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME."""

Trace = Callable[[str, dict[str, object]], None]


def system_trust(ca_file: str = "") -> ssl.SSLContext:
    """The system's store, and the authorities of a file of the site."""
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def trust_without_dates(ca_file: str = "") -> ssl.SSLContext:
    """As above but for the dates, which `check_dates` looks at."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    return context


def check_dates(hub_time: Callable[[], int]) -> Trace:
    """A trace for httpx that breaks the connection, before anything is sent, when the certificate is out of its dates."""

    def trace(event: str, information: dict[str, object]) -> None:
        if event.endswith("start_tls.complete"):
            stream = information["return_value"]
            socket = stream.get_extra_info("ssl_object")  # type: ignore[attr-defined]
            if not is_within_dates(socket.getpeercert(), hub_time()):
                stream.close()  # type: ignore[attr-defined]
                raise CertificateTimeError(1, "the certificate is out of its dates by the hub's time")

    return trace


def is_within_dates(certificate: dict[str, str], at: int) -> bool:
    """Whether a certificate, as `getpeercert` gives it, is good at a moment."""
    begins = ssl.cert_time_to_seconds(certificate["notBefore"])
    return begins <= at <= ssl.cert_time_to_seconds(certificate["notAfter"])
