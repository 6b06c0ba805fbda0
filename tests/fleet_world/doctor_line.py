"""The line to a hub, on loopback: authorities and certificates, TLS servers, a proxy, a server that never answers."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.fleet_world.loopback_line import lead, listening

HUB = "hub.example.org"


@dataclass(frozen=True)
class Authority:
    """A private authority. `file` is its certificate in PEM."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    file: Path

    def issue(self, folder: Path, *, name: str = HUB, days: tuple[int, int] = (-1, 30)) -> Path:
        """A certificate and its key in one PEM, good between days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = folder / f"{name}-{certificate.serial_number:x}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        return file

    def trust(self, _file: str = "") -> ssl.SSLContext:
        """A machine that has this authority in its store, and no other."""
        return ssl.create_default_context(cafile=str(self.file))


def authority(folder: Path, organization: str, name: str = "Root") -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"authority-{certificate.serial_number:x}.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(key, certificate, file)


@dataclass(frozen=True)
class Answering:
    """How a server answers whatever is asked: `date` in seconds since 1970."""

    status: int = 401
    content_type: str = "application/json"
    body: bytes = json.dumps({"code": "unsigned", "message_pt": "x", "message_en": "x", "hub_time": 1}).encode()
    date: float | None = None


@contextlib.contextmanager
def hub(answering: Answering, *, certificate: Path | None = None) -> Iterator[int]:
    """A hub; the port it listens on."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(answering.status)
            self.send_header("Date", formatdate(answering.date, usegmt=True))
            self.send_header("Content-Type", answering.content_type)
            self.send_header("Content-Length", str(len(answering.body)))
            self.end_headers()
            self.wfile.write(answering.body)

        def log_message(self, *_: object) -> None:
            return

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return

        def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
            if context is not None:
                request = context.wrap_socket(request, server_side=True)
            try:
                super().finish_request(request, client_address)  # type: ignore[arg-type]
            finally:
                request.close()

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def accepting(*, first: bytes = b"", is_cut: bool = False, is_reset: bool = False) -> Iterator[int]:
    """A server that accepts, reads a little, may say something, and then hangs or cuts; its port."""
    kept: list[socket.socket] = []

    def handle(opened: socket.socket) -> None:
        kept.append(opened)
        with contextlib.suppress(OSError):
            opened.recv(4096)
            if first:
                opened.sendall(first)
        if is_reset:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        if is_cut or is_reset:
            opened.close()

    try:
        with listening(handle) as port:
            yield port
    finally:
        for one in kept:
            one.close()


def closed_port() -> int:
    """A port that nobody listens on, and that nobody else gets while this process lives: it is bound."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    port = int(bound.getsockname()[1])
    bound.detach()
    return port


@dataclass
class SeenByProxy:
    port: int
    lines: list[str]


@contextlib.contextmanager
def proxy(*, lead_to: int, status: int = 200, authorization: str = "") -> Iterator[SeenByProxy]:
    """A CONNECT proxy that leads everything to one port of this machine, or refuses with a status."""
    lines: list[str] = []

    def handle(opened: socket.socket) -> None:
        head = b""
        with opened:
            while b"\r\n\r\n" not in head:
                piece = opened.recv(1)
                if not piece:
                    return
                head += piece
            lines.append(head.split(b"\r\n", 1)[0].decode())
            needed = f"Proxy-Authorization: {authorization}".encode()
            refused = 407 if authorization and needed not in head else status
            opened.sendall(
                f"HTTP/1.1 {refused} x\r\n".encode() + (b"Content-Length: 0\r\n" if refused != 200 else b"") + b"\r\n"
            )
            if refused == 200:
                lead(opened, lead_to)

    with listening(handle) as port:
        yield SeenByProxy(port, lines)
