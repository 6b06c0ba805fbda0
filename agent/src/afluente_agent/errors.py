"""The errors of the agent. Municipal staff read them, so the words are Portuguese, with English beside.

    AgentError            code, message_pt, message_en, hint_pt
    ├── SettingsError     the data folder or its settings cannot be used
    ├── IdentityError     a key is missing or unreadable; never a reason to throw one away
    ├── EnrolmentError    the hub did not take the token, or the answer is not what it should be
    ├── HubError          the hub could not be reached or refused
    │   ├── UnreachableError   no answer: its code is that of the fact (net.dns, net.proxy, net.timeout...)
    │   └── RefusedError       an answer with a status
    ├── JournalError      the journal of facts cannot be written
    ├── ServiceError      the system's service tools refused
    ├── PecError          PEC was not found, cannot be read, or its role may do too much
    ├── CatalogueError    a document of the hub is not signed, or asks for what it may not
    ├── ExtractionError   a list could not be read
    ├── SpoolError        the spool is full or broken
    └── UpdateError       an update could not be fetched, checked or started

Invariant: no message carries a token, a key, a password or anything of a person.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_OF_HUB = "hub.http_status"
NOT_ITS_ANSWER = "hub.answer"


class AgentError(Exception):
    """`code` is stable and dotted; `hint_pt` says what to do, for who is at the machine.

    Where the code is one of the vocabulary of facts, `evidence` is that of the fact.
    """

    def __init__(
        self,
        code: str,
        message_pt: str,
        message_en: str,
        hint_pt: str = "",
        *,
        evidence: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message_en}")
        self.code = code
        self.message_pt = message_pt
        self.message_en = message_en
        self.hint_pt = hint_pt
        self.evidence: Mapping[str, object] = evidence or {}


class SettingsError(AgentError):
    """The data folder or its settings cannot be used."""


class IdentityError(AgentError):
    """A key is missing or unreadable."""


class EnrolmentError(AgentError):
    """The enrolment did not happen."""


class HubError(AgentError):
    """The hub could not be reached or refused."""

    def __init__(
        self, code: str, message_pt: str, message_en: str, hint_pt: str = "", *, retry_after_seconds: float = 0
    ) -> None:
        super().__init__(code, message_pt, message_en, hint_pt)
        self.retry_after_seconds = retry_after_seconds


class UnreachableError(HubError):
    """No answer came back. Its code is that of the fact that the client left."""


class RefusedError(HubError):
    """The hub answered with a refusal: its status and its own code."""

    def __init__(
        self,
        code: str,
        message_pt: str,
        message_en: str,
        hint_pt: str = "",
        *,
        status: int,
        retry_after_seconds: float = 0,
    ) -> None:
        super().__init__(code, message_pt, message_en, hint_pt, retry_after_seconds=retry_after_seconds)
        self.status = status

    @property
    def is_of_stranger(self) -> bool:
        """Something on the way answered, and not the hub."""
        return self.code in (NOT_OF_HUB, NOT_ITS_ANSWER)


class JournalError(AgentError):
    """The journal of facts cannot be written."""


class ServiceError(AgentError):
    """The tools of the system that keep the service refused."""


class PecError(AgentError):
    """PEC was not found, cannot be read, or the role may do too much."""


class CatalogueError(AgentError):
    """A document of the hub is not signed, or asks for what it may not."""


class ExtractionError(AgentError):
    """A list could not be read."""


class SpoolError(AgentError):
    """The spool is full or broken."""


class UpdateError(AgentError):
    """An update could not be fetched, checked or started."""
