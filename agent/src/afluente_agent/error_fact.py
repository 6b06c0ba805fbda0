"""The fact that an error of the agent leaves: its own code where the vocabulary has it.

Invariant: whatever fails is told once: a request without an answer has left its fact already, and a fact of the spool that
is left again in the same second, with the same evidence, is the same fact.
"""

from __future__ import annotations

from afluente_agent.errors import AgentError, RefusedError, UnreachableError
from afluente_agent.facts import Leave
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.refusal_codes import OF_CHANGED_CONTENT, OF_IDENTITY

PROXY_AUTHENTICATION_REQUIRED = 407
OF_FILTERS = (403, 451)
OF_WAITING = (429, 503)


def leave_error(leave: Leave, error: AgentError, *, otherwise: str) -> None:
    """Leave the fact of an error, or `otherwise` with its code where it has none of its own."""
    match error:
        case UnreachableError():
            return
        case RefusedError():
            leave_refusal(leave, error)
        case _ if error.code in fact_codes.FACT_KINDS:
            leave(error.code, **error.evidence)
        case _:
            leave(otherwise, code=error.code)


def leave_refusal(leave: Leave, error: RefusedError) -> None:
    """Leave what an answer with a status means: of the hub, whose code it brings, or of something on the way."""
    status, code = error.status, "" if error.is_of_stranger else error.code
    if status == 401 or code in OF_IDENTITY:
        leave(fact_codes.IDENTITY_REFUSED, status=status, code=code)
    elif code in OF_CHANGED_CONTENT:
        leave(fact_codes.NET_TLS_INTERCEPTED, reason=code)
    elif status == PROXY_AUTHENTICATION_REQUIRED:
        leave(fact_codes.NET_PROXY, status=status, code=code)
    elif not code and (status in OF_FILTERS or status < 300):
        leave(fact_codes.NET_BLOCKED, status=status, code=code)
    elif status in OF_WAITING:
        leave(fact_codes.SEND_WAITING, seconds=int(error.retry_after_seconds), reason=code)
    elif status >= 500:
        leave(fact_codes.SEND_HUB_ERROR, status=status, code=code)
    else:
        leave(fact_codes.SEND_REFUSED, status=status, code=code)
