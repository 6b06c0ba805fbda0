"""A small hub over real HTTP: checks signatures, time and nonces as the protocol says, and remembers what it took."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from afluente_agent.protocol import signing
from afluente_agent.protocol.limits import CLOCK_TOLERANCE_SECONDS
from afluente_agent.protocol.messages import (
    EnrolmentAnswer,
    EnrolmentRequest,
    ErrorAnswer,
    Heartbeat,
    HeartbeatAnswer,
    KeyAnswer,
    KeyRequest,
    Remedy,
    SignedDocument,
    from_json,
    to_json,
)

TOKEN = "afl_token_of_the_test"


class SmallHub:
    def __init__(self, *, now: Callable[[], float] = time.time, tls: ssl.SSLContext | None = None) -> None:
        self.now = now
        self._signer = Ed25519PrivateKey.generate()
        self.public_key = base64.b64encode(self._signer.public_key().public_bytes_raw()).decode()
        self.keys: dict[str, str] = {}
        self.nonces: set[tuple[str, str]] = set()
        self.taken: list[tuple[str, str, bytes]] = []
        self.refusals: list[str] = []
        self.heartbeats: list[Heartbeat] = []
        self.enrolled: EnrolmentRequest | None = None
        self.decision = "new"
        self.remedies: tuple[Remedy, ...] = ()
        self.configuration: SignedDocument | None = None
        self.catalogue: SignedDocument | None = None
        self.update: SignedDocument | None = None
        self.drop_answers: list[str] = []
        self.override: Callable[[str, str], tuple[int, dict[str, str], bytes] | None] | None = None
        self.suspended = False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                status, headers, content = hub.answer(self.command, self.path, dict(self.headers), body)
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response_only(status)
                for name, value in {"Date": formatdate(hub.now(), usegmt=True), **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = handle_one

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}" if tls is None else f"https://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def sign(self, kind: str, version: int, **content: object) -> SignedDocument:
        body = json.dumps({**content, "version": version})
        text = b"afluente-document-v1\0" + kind.encode() + b"\0" + body.encode()
        return SignedDocument(kind, version, body, self.public_key, base64.b64encode(self._signer.sign(text)).decode())

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.override is not None:
            own = self.override(method, path)
            if own is not None:
                return own
        given = {name.lower(): value for name, value in headers.items()}
        if path == "/v1/enrol":
            status, content = self._enrol(body)
        else:
            code = self.refusal(method, path, given, body)
            if code:
                self.refusals.append(code)
                status, content = 401, self._error(code)
            else:
                self.taken.append((method, path, body))
                status, content = 200, self._take(path, given, body)
        if path in self.drop_answers:
            self.drop_answers.remove(path)
            return 0, {}, b""
        return status, {"Content-Type": "application/json"}, content

    def refusal(self, method: str, path: str, headers: dict[str, str], body: bytes) -> str:
        key = headers.get("afluente-key", "")
        public = self.keys.get(key)
        if public is None:
            return "unknown_key"
        covered = tuple((name, headers[name]) for name in ("upload-offset",) if name in headers)
        signed = signing.Signed(
            headers["afluente-agent"],
            key,
            method,
            path,
            int(headers["afluente-time"]),
            headers["afluente-nonce"],
            signing.content_sha256(body),
            covered,
        )
        try:
            Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(
                base64.b64decode(headers["afluente-signature"]), signed.text()
            )
        except InvalidSignature:
            return "bad_signature"
        if self.suspended:
            return "suspended"
        if abs(signed.at - self.now()) > CLOCK_TOLERANCE_SECONDS:
            return "clock"
        if (key, signed.nonce) in self.nonces:
            return "replay"
        self.nonces.add((key, signed.nonce))
        return ""

    def _error(self, code: str) -> bytes:
        return to_json(ErrorAnswer(code, "recusado", "refused", int(self.now())))

    def _enrol(self, body: bytes) -> tuple[int, bytes]:
        request = from_json(EnrolmentRequest, body)
        if request.token != TOKEN:
            return 403, self._error("enrolment.unknown")
        if self.enrolled is not None and self.enrolled.public_key != request.public_key:
            return 403, self._error("enrolment.used")
        self.enrolled = request
        self.keys["key-1"] = request.public_key
        answer = EnrolmentAnswer(
            agent="agent-1",
            site="3550308",
            site_name="São Paulo",
            key="key-1",
            decision=self.decision,  # type: ignore[arg-type]
            hub_time=int(self.now()),
            hub_keys=(self.public_key,),
            configuration=self.sign("configuration", 1, heartbeat_seconds=900),
        )
        return 200, to_json(answer)

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        if path == "/v1/heartbeat":
            self.heartbeats.append(from_json(Heartbeat, body))
            return to_json(
                HeartbeatAnswer(
                    hub_time=int(self.now()),
                    next_in_seconds=600,
                    remedies=self.remedies,
                    configuration=self.configuration,
                    catalogue=self.catalogue,
                    update=self.update,
                )
            )
        if path == "/v1/keys":
            public = from_json(KeyRequest, body).public_key
            known = [key for key, one in self.keys.items() if one == public]
            key = known[0] if known else f"key-{len(self.keys) + 1}"
            self.keys[key] = public
            return to_json(KeyAnswer(key, int(self.now()), int(self.now()) + 3600))
        return b"{}"
