"""The seam between a release and whatever carries it to a partner.

Invariant: a delivery may be tried again from any point at which its process died, and the partner still sees each
release exactly once (mail excepted, which can only repeat one Message-ID).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from afluente.core.clock import Clock
from afluente.core.errors import AfluenteError, Place, Problem
from afluente.core.language import Language
from afluente.project.product import DeliverySettings, Format
from afluente.project.secret_reference import SecretReference
from afluente.state.json_value import Json


class DeliveryError(AfluenteError):
    """A delivery failed. Retryable unless the partner or the settings must change first.

    `retry_after_seconds` is the wait the other side asked for; None when it asked for none. Codes that every connector
    shares are in `failure_codes`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        place: Place | None = None,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(code, message, hint=hint, place=place, retryable=retryable)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a release. `name` is what the partner sees, without folders; `output` is empty for extras."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    rows: int = 0
    output: str = ""
    format: Format | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A release ready to leave. `files` do not hold the manifest nor its signature.

    `prefix` (`vendas_ouchhungry-000012`) starts the names of manifest, signature and `.ok` at the partner.
    `columns` gives each output's columns in order, `period` the first and last day told (ISO), `utility` what the
    privacy gate reported to the operator and is never sent. `pictures` are PNG files for people.
    """

    release_id: str
    product: str
    title: str
    partner: str
    number: int
    replaces: int | None
    released_at: datetime
    files: tuple[PackageFile, ...]
    manifest: Path
    signature: Path | None
    prefix: str
    period: tuple[str, str] | None
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pictures: tuple[Path, ...] = ()
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What a delivery needs from its project. `secret` resolves a reference at the last moment."""

    project_root: Path
    secret: Callable[[SecretReference], str]
    clock: Clock
    language: Language


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side confirmed: kept in the state, without secrets and without rows."""

    details: Mapping[str, Json]


class Delivery(Protocol):
    """One way out, opened with its settings. The class has a static `problems(settings)` for `afluente check`."""

    def check(self) -> Receipt:
        """Connect and sign in without sending anything; DeliveryError says what is wrong and how to mend it."""
        ...

    def deliver(
        self, package: Package, *, progress: Mapping[str, Json], save: Callable[[Mapping[str, Json]], None]
    ) -> Receipt:
        """Bring the package there. `progress` is what `save` kept at an earlier try; empty at the first."""
        ...

    def close(self) -> None: ...


class DeliveryKind(Protocol):
    """What an entry point of group `afluente.deliveries` names."""

    def __call__(self, settings: DeliverySettings, context: DeliveryContext) -> Delivery: ...

    def problems(self, settings: DeliverySettings) -> Iterable[Problem]:
        """Every mistake in the options; static, and without connecting."""
        ...
