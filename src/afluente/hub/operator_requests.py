"""What operators send, as pydantic models: bounded, and nothing that is not known."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from afluente.fleet.documents import DocumentKind
from afluente.fleet.operators import Role
from afluente_agent.protocol.messages import RemedyKind

Short = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Reason = Annotated[str, Field(min_length=3, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
SiteId = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteIn(_Strict):
    id: SiteId
    municipality: Annotated[str, Field(pattern=r"^[0-9]{7}$")]
    uf: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    name: Short
    ring: Short | Literal[""] = ""
    timezone: Short = "America/Sao_Paulo"
    contact: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class SitesIn(_Strict):
    sites: Annotated[list[SiteIn], Field(min_length=1, max_length=1000)]


class SiteStatusIn(_Strict):
    status: Literal["active", "paused", "retired"]
    reason: Reason


class RingIn(_Strict):
    ring: Short


class TokensIn(_Strict):
    sites: Annotated[list[SiteId], Field(min_length=1, max_length=1000)]
    days: Annotated[int, Field(ge=1, le=90)] = 7


class ReasonIn(_Strict):
    reason: Reason


class RemedyIn(_Strict):
    kind: RemedyKind
    parameters: Annotated[dict[Short, Annotated[str, Field(max_length=200)]], Field(max_length=10)] = {}
    reason: Reason


class RolloutIn(_Strict):
    version: Annotated[str, Field(max_length=40, pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]*$")]
    reason: Reason


class HolidayIn(_Strict):
    municipality: Annotated[str, Field(pattern=r"^([0-9]{7}|[A-Z]{2})?$")]
    day: dt.date
    name: Short
    kind: Literal["holiday", "optional", "workday"]


class OperatorIn(_Strict):
    name: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9][a-z0-9._@-]*$")]
    role: Role
    days: Annotated[int, Field(ge=1, le=366)] = 90


class DocumentIn(_Strict):
    """`body` is the JSON object of a configuration or a catalogue, as text."""

    kind: DocumentKind
    name: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9][a-z0-9_.*-]*$")]
    body: Annotated[str, Field(min_length=2, max_length=131_072)]
