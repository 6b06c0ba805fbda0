"""What a partner's API does with a request, whatever server it stands behind: sign-in, Idempotency-Key, faults.

Invariant: a key's payload is stored once, as one file of `folder`, whatever goes wrong before or after; no credential
is written. Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote

FaultKind = Literal[
    "slow_before",
    "slow_after",
    "cut_before",
    "cut_after",
    "busy",
    "error_before",
    "error_after",
    "in_flight",
    "other_payload",
    "twice",
    "token_expired",
]
"""`before` and `after` the request is stored; slow and cut requests get no answer; `twice` answers twice."""

_KEY = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request. `seconds` is how long a slow one hangs before it is cut."""

    kind: FaultKind
    retry_after: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Login:
    """What the partner lets in: the credentials of each way it offers; an empty one is not offered."""

    token: str = field(default="", repr=False)
    header: str = "authorization"
    user: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token_life_seconds: int = 3600

    @property
    def is_open(self) -> bool:
        return not (self.token or self.user or self.client_id)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """What to answer. `hang_seconds` first; without `is_sent` the connection is then cut; `copies` of the answer."""

    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_sent: bool = True
    copies: int = 1
    hang_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A line of the partner's log."""

    method: str
    path: str
    key: str
    status: int
    fault: str


class PartnerBehaviour:
    """Keeps what it accepts in `folder`: one JSON file a request, with the body as it was sent."""

    def __init__(self, folder: Path, *, login: Login | None = None, faults: Sequence[Fault] = ()) -> None:
        self.folder = folder
        self.login = login or Login()
        self.seen: list[Seen] = []
        self._faults = list(faults)
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        self._tokens: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def inject(self, *faults: Fault) -> None:
        """The next requests with data meet these faults, one each."""
        with self._lock:
            self._faults.extend(faults)

    def answer(self, asked: Asked) -> Answered:
        """What becomes of a request."""
        if asked.path == "/token" and asked.method == "POST":
            answered, fault = self._give_token(asked), ""
        elif not self._is_let_in(asked):
            answered, fault = _problem(401, "who are you?"), ""
        elif asked.method != "POST":
            answered, fault = Answered(204 if asked.method == "OPTIONS" else 200, b""), ""
        else:
            with self._lock:
                taken = self._faults.pop(0) if self._faults else None
            answered, fault = self._with_fault(asked, taken), taken.kind if taken else ""
        key = asked.headers.get("idempotency-key", "")
        with self._lock:
            self.seen.append(Seen(asked.method, asked.path, key, answered.status, fault))
        return answered

    def _with_fault(self, asked: Asked, fault: Fault | None) -> Answered:
        later = {"Retry-After": fault.retry_after} if fault is not None and fault.retry_after else {}
        match fault.kind if fault is not None else None:
            case "slow_before" | "cut_before":
                return Answered(0, is_sent=False, hang_seconds=fault.seconds if fault else 0)
            case "slow_after" | "cut_after":
                stored = self._store(asked)
                return Answered(stored.status, stored.body, is_sent=False, hang_seconds=fault.seconds if fault else 0)
            case "busy":
                return _problem(429, "too many requests", later)
            case "error_before":
                return _problem(500, "it broke", later)
            case "error_after":
                self._store(asked)
                return _problem(500, "it broke", later)
            case "in_flight":
                return _problem(409, "the first try is still under way", later)
            case "other_payload":
                return _problem(422, "this key had another payload")
            case "token_expired":
                with self._lock:
                    self._tokens.clear()
                return _problem(401, "the token expired")
            case "twice":
                stored = self._store(asked)
                return Answered(stored.status, stored.body, stored.headers, copies=2)
            case _:
                return self._store(asked)

    def _store(self, asked: Asked) -> Answered:
        found = _KEY.fullmatch(asked.headers.get("idempotency-key", ""))
        if found is None:
            return _problem(400, "Idempotency-Key is missing, or is not a quoted string")
        key = hashlib.sha256(found[1].encode()).hexdigest()[:16]
        with self._lock:
            if key in self._in_flight:
                return _problem(409, "the first try is still under way")
            self._in_flight.add(key)
        try:
            return self._store_once(asked.body, key)
        finally:
            with self._lock:
                self._in_flight.discard(key)

    def _store_once(self, body: bytes, key: str) -> Answered:
        known = next(self.folder.glob(f"*-{key}.json"), None)
        if known is not None:
            if known.read_bytes() != body:
                return _problem(422, "this key had another payload")
            return Answered(201, _accepted(key), {"Idempotent-Replayed": "true"})
        try:
            payload = json.loads(body)
        except ValueError:
            payload = None
        if not isinstance(payload, dict):
            return _problem(400, "the body is not a JSON object")
        part = (
            "complete" if payload.get("complete") else f"{payload.get('output')}-{int(payload.get('chunk') or 0):05d}"
        )
        name = _UNSAFE.sub("_", f"{payload.get('product')}-{payload.get('release')}-{part}")[:180]
        place = self.folder / f".{key}.part"
        with place.open("wb") as stream:
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())
        place.rename(self.folder / f"{name}-{key}.json")
        return Answered(201, _accepted(key))

    def _is_let_in(self, asked: Asked) -> bool:
        login, given = self.login, asked.headers.get("authorization", "")
        if login.is_open:
            return True
        if login.token:
            expected = f"Bearer {login.token}" if login.header == "authorization" else login.token
            if _same(asked.headers.get(login.header, ""), expected):
                return True
        if login.user and _same(given, _basic(login.user, login.password)):
            return True
        with self._lock:
            return given.removeprefix("Bearer ") in self._tokens

    def _give_token(self, asked: Asked) -> Answered:
        login, form = self.login, parse_qs(asked.body.decode("latin-1"))
        scheme, _, encoded = asked.headers.get("authorization", "").partition(" ")
        try:
            client, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            client, password = "", ""
        is_known = (
            bool(login.client_id)
            and scheme == "Basic"
            and _same(unquote(client), login.client_id)
            and _same(unquote(password), login.client_secret)
        )
        if not is_known:
            return Answered(401, b'{"error": "invalid_client"}')
        if form.get("grant_type") != ["client_credentials"]:
            return Answered(400, b'{"error": "unsupported_grant_type"}')
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens.add(token)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": login.token_life_seconds}
        return Answered(200, json.dumps(answer).encode(), {"Cache-Control": "no-store"})


def _accepted(key: str) -> bytes:
    return json.dumps({"accepted": key}).encode()


def _problem(status: int, title: str, headers: Mapping[str, str] | None = None) -> Answered:
    body = json.dumps({"title": title, "status": status}).encode()
    return Answered(status, body, {"Content-Type": "application/problem+json", **(headers or {})})


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
