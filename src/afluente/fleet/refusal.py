"""What the fleet says no to, as both doors answer it.

    AfluenteError
    └── FleetError            something of the fleet is wrong                                    exit 1
        └── Refusal           a request is refused: a status, a code, words in two languages

Invariant: a refusal holds no token, no key, no value of a list and nothing a person could be known by.
"""

from __future__ import annotations

from afluente.core.errors import AfluenteError


class FleetError(AfluenteError):
    """Something of the fleet is missing, wrong or cannot be done.

    `pt` are the words of an operator who reads Portuguese; what only the team reads is in English alone.
    """

    def __init__(self, code: str, message: str, *, pt: str = "", hint: str = "", retryable: bool = False) -> None:
        super().__init__(code, message, hint=hint, retryable=retryable)
        self.message_pt = pt or message


class Refusal(FleetError):
    """A request is refused. `status` is HTTP's; `offset` is told where an upload stands elsewhere."""

    def __init__(
        self,
        code: str,
        message_pt: str,
        message_en: str,
        *,
        status: int = 400,
        retry_after_seconds: int = 0,
        offset: int | None = None,
    ) -> None:
        super().__init__(code, message_en, pt=message_pt, retryable=status in (429, 503))
        self.message_en = message_en
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.offset = offset
