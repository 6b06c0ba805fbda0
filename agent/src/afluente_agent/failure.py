"""What a failed request says about the line: exceptions of httpx and below turned into the codes of facts.

Invariant: whatever comes, there is one code; no address but the hub's and the proxy's name stands in the evidence.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from afluente_agent.errors import UnreachableError
from afluente_agent.protocol import fact_codes

if TYPE_CHECKING:
    import httpx

NOT_YET_VALID, EXPIRED = 9, 10
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
TIME_WORDS = ("expired", "not yet valid", "0x800b0101")
"""CERT_E_EXPIRED is what Windows says of both."""
MOST_REASON = 120

MESSAGES: Mapping[str, tuple[str, str, str]] = {
    fact_codes.NET_DNS: (
        "o nome do hub não foi encontrado (DNS)",
        "the hub's name did not resolve",
        "Confira se há internet nesta máquina e qual servidor DNS ela usa.",
    ),
    fact_codes.NET_PROXY: (
        "o proxy da rede não respondeu ou recusou o pedido",
        "the proxy is away or refused",
        "Confira o endereço do proxy, e se ele pede senha ou bloqueia o hub.",
    ),
    fact_codes.NET_TLS_INTERCEPTED: (
        "o certificado recebido não é o do hub: um antivírus ou firewall abre a conexão",
        "another certificate than the hub's was shown",
        "Peça à rede que não inspecione a conexão com o hub, ou que instale a autoridade dela nesta máquina.",
    ),
    fact_codes.NET_TLS_EXPIRED: (
        "o certificado do hub parece vencido ou ainda não válido: o relógio desta máquina pode estar errado",
        "the hub's certificate is out of its dates, seen from here",
        "Acerte a data e a hora desta máquina (hora automática).",
    ),
    fact_codes.NET_TLS_FAILED: (
        "a conexão segura (TLS) com o hub foi interrompida",
        "TLS broke",
        "Um firewall pode estar bloqueando. Libere o endereço do hub na porta 443.",
    ),
    fact_codes.NET_REFUSED: (
        "a conexão com o hub foi recusada",
        "the connection was refused",
        "Um firewall pode estar bloqueando. Libere o endereço do hub na porta 443.",
    ),
    fact_codes.NET_TIMEOUT: (
        "o hub não respondeu a tempo",
        "no answer in time",
        "A internet pode estar lenta, ou um firewall descarta os pacotes. O agente tenta de novo sozinho.",
    ),
    fact_codes.NET_CONNECTION_LOST: (
        "a conexão com o hub caiu no meio",
        "the connection was lost",
        "O agente tenta de novo sozinho.",
    ),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request had no answer: the code of a fact and its evidence."""

    code: str
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_of_time(self) -> bool:
        """Only the dates of the certificate were wrong."""
        return self.code == fact_codes.NET_TLS_EXPIRED

    def error(self) -> UnreachableError:
        words = MESSAGES[self.code]
        return UnreachableError(self.code, *words)


class CertificateTimeError(ssl.SSLError):
    """By the hub's own time the certificate is not good."""


def classify(error: httpx.HTTPError | CertificateTimeError, *, host: str, proxy_host: str = "") -> Failure:
    """The failure behind an exception of httpx. `proxy_host` is empty when the request goes direct."""
    import httpx

    causes = list(_causes(error))
    named = {"host": host} | ({"proxy": proxy_host} if proxy_host else {})
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return _of_tls(cause, named)
    if isinstance(error, httpx.ProxyError):
        words = str(error).split(" ", 1)[0]
        return Failure(fact_codes.NET_PROXY, named | ({"status": words} if words.isdecimal() else {}))
    if proxy_host and isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return Failure(fact_codes.NET_PROXY, named)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Failure(fact_codes.NET_DNS, named)
    if isinstance(error, httpx.TimeoutException):
        stage = {httpx.ConnectTimeout: "connect", httpx.WriteTimeout: "write"}.get(type(error), "read")
        return Failure(fact_codes.NET_TIMEOUT, {**named, "stage": stage})
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return Failure(fact_codes.NET_REFUSED, named)
    if isinstance(error, httpx.ConnectError) and not any(isinstance(c, ConnectionResetError) for c in causes):
        return Failure(fact_codes.NET_REFUSED, named)
    return Failure(fact_codes.NET_CONNECTION_LOST, named)


def _of_tls(error: ssl.SSLError, named: dict[str, str]) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = str(getattr(error, "verify_message", "") or error)[:MOST_REASON]
        code = getattr(error, "verify_code", 0)
        is_of_time = code in (NOT_YET_VALID, EXPIRED) or any(word in reason.lower() for word in TIME_WORDS)
        kind = fact_codes.NET_TLS_EXPIRED if is_of_time else fact_codes.NET_TLS_INTERCEPTED
        return Failure(kind, {**named, "reason": reason})
    reason = str(getattr(error, "reason", "") or type(error).__name__)[:MOST_REASON]
    return Failure(fact_codes.NET_TLS_FAILED, {**named, "reason": reason})


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__
