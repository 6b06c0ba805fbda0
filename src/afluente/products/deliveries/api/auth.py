"""Signing in at a partner's API.

Invariant: a secret is resolved when the first request needs it and is never in an error; an OAuth2 token is asked for
once and kept until it expires, or until the partner refuses it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import quote

from afluente.core.clock import Clock
from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.api.config import Auth, BasicAuth, OAuth2, TokenAuth
from afluente.products.deliveries.delivery import DeliveryError
from afluente.project.secret_reference import SecretReference

_EXPIRES_EARLY_SECONDS = 30.0
_DEFAULT_LIFE_SECONDS = 300.0

AskToken = Callable[[str, dict[str, str], bytes], bytes]
"""Posts (url, headers, body) to the token endpoint and gives the body of its 200."""


class Credentials:
    """What goes into the headers of each request."""

    def __init__(
        self, auth: Auth | None, *, name: str, secret: Callable[[SecretReference], str], clock: Clock, ask: AskToken
    ) -> None:
        self._auth, self._name, self._secret, self._clock, self._ask = auth, name, secret, clock, ask
        self._header: dict[str, str] | None = None
        self._expires_at: datetime | None = None

    @property
    def can_renew(self) -> bool:
        """Whether a refused token may be replaced by a new one."""
        return isinstance(self._auth, OAuth2)

    def forget(self) -> None:
        """The token that was used is no longer good."""
        self._header = None

    def headers(self) -> dict[str, str]:
        """The headers that sign a request in. DeliveryError when no token can be had."""
        has_expired = self._expires_at is not None and self._clock.now() >= self._expires_at
        if self._header is None or has_expired:
            self._header = self._sign_in()
        return dict(self._header)

    def _sign_in(self) -> dict[str, str]:
        match self._auth:
            case None:
                return {}
            case TokenAuth(token, header):
                value = self._sendable(token)
                return {header: value} if header else {"Authorization": f"Bearer {value}"}
            case BasicAuth(user, password):
                return {"Authorization": _basic(self._plain(user), self._secret(password))}
            case OAuth2():
                return self._token(self._auth)
            case _:
                assert_never(self._auth)

    def _plain(self, value: str | SecretReference) -> str:
        return self._secret(value) if isinstance(value, SecretReference) else value

    def _sendable(self, reference: SecretReference) -> str:
        value = self._secret(reference).strip()
        if not all(" " < character <= "~" for character in value):
            raise DeliveryError(
                failure_codes.CREDENTIALS,
                f"delivery {self._name}: {reference} holds a character that no header can carry",
                hint="keep only the token there, on one line",
            )
        return value

    def _token(self, auth: OAuth2) -> dict[str, str]:
        form = "grant_type=client_credentials" + (f"&scope={quote(auth.scope, safe='')}" if auth.scope else "")
        client = quote(self._plain(auth.client_id), safe="")
        headers = {
            "Authorization": _basic(client, quote(self._secret(auth.client_secret), safe="")),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        body = self._ask(auth.token_url, headers, form.encode())
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token or not all("!" <= character <= "~" for character in token):
            raise DeliveryError(
                failure_codes.CREDENTIALS,
                f"delivery {self._name}: the token endpoint answered without a usable access_token",
                hint="check auth.oauth2.token_url",
            )
        life = answer.get("expires_in")
        is_number = isinstance(life, int | float) and not isinstance(life, bool) and 0 <= life <= 10**9
        seconds = float(life) if is_number else _DEFAULT_LIFE_SECONDS
        usable = seconds - min(_EXPIRES_EARLY_SECONDS, seconds / 10)
        self._expires_at = self._clock.now() + timedelta(seconds=usable)
        return {"Authorization": f"Bearer {token}"}


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
