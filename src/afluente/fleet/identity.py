"""Who sent a request, once its signature was found right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """An agent, its site, and the id of the key it signed with."""

    agent: str
    site: str
    key: str
