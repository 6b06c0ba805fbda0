"""The delivery `api`: a release's rows posted in chunks, then the word that all of them were.

Invariant: progress is saved after each chunk the partner accepted, with the limits the release was cut by, so that a
restart goes on with the same chunks; what was accepted and not saved is sent again under the same key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from afluente.core.errors import CheckFailed, Problem
from afluente.products.deliveries.api import config as api_config
from afluente.products.deliveries.api.chunks import Counted, Limits, chunk_body, completion_body, count, cut
from afluente.products.deliveries.api.config import ApiConfig
from afluente.products.deliveries.api.idempotency import chunk_key, completion_key
from afluente.products.deliveries.api.rows import files_of_rows, read_rows, verify_file
from afluente.products.deliveries.delivery import DeliveryContext, DeliveryError, Package, PackageFile, Receipt
from afluente.project.product import DeliverySettings, Product
from afluente.state.json_value import Json

Save = Callable[[Mapping[str, Json]], None]


@dataclass(slots=True)
class _Progress:
    limits: Limits
    accepted: dict[str, int] = field(default_factory=dict)
    is_complete: bool = False
    not_before: datetime | None = None

    @classmethod
    def read(cls, saved: Mapping[str, Json], otherwise: Limits) -> _Progress:
        rows, size, accepted, later = (
            saved.get(name) for name in ("chunk_rows", "chunk_bytes", "accepted", "not_before")
        )
        limits = Limits(rows, size) if isinstance(rows, int) and isinstance(size, int) else otherwise
        known = accepted if isinstance(accepted, Mapping) else {}
        return cls(
            limits,
            {output: chunks for output, chunks in known.items() if isinstance(chunks, int)},
            saved.get("complete") is True,
            datetime.fromisoformat(later) if isinstance(later, str) else None,
        )

    def as_json(self) -> dict[str, Json]:
        return {
            "chunk_rows": self.limits.chunk_rows,
            "chunk_bytes": self.limits.chunk_bytes,
            "accepted": dict(self.accepted),
            "complete": self.is_complete,
            "not_before": self.not_before.isoformat() if self.not_before is not None else None,
        }


class Api:
    """One partner's API. `sleep` waits that many seconds; tests pass their own."""

    def __init__(
        self, settings: DeliverySettings, context: DeliveryContext, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        config = api_config.parse(settings)
        if isinstance(config, list):
            raise CheckFailed(config)
        self._config: ApiConfig = config
        self._settings, self._context, self._sleep = settings, context, sleep

    @staticmethod
    def problems(settings: DeliverySettings) -> list[Problem]:
        """Every mistake in the options."""
        config = api_config.parse(settings)
        return config if isinstance(config, list) else []

    @staticmethod
    def product_problems(product: Product, settings: DeliverySettings) -> list[Problem]:
        """The outputs whose rows could not be read from any of their formats."""
        return api_config.output_problems(product, settings)

    def check(self) -> Receipt:
        """Sign in by an empty request. `signed_in` is false when the partner's API only showed that it is there."""
        from afluente.products.deliveries.api.session import ApiSession

        with closing(ApiSession(self._config, self._context, sleep=self._sleep)) as session:
            return Receipt({"signed_in": session.look() == "signed_in"})

    def deliver(self, package: Package, *, progress: Mapping[str, Json], save: Save) -> Receipt:
        """Post what is missing. DeliveryError; `progress` then holds what was accepted."""
        from afluente.products.deliveries.api.session import ApiSession, Busy

        limits = Limits(self._config.chunk_rows, self._config.max_chunk_mb * 1024**2)
        done = _Progress.read(progress, limits)
        self._respect(done, package)
        files = files_of_rows(package, self._settings)
        counted: dict[str, Counted] = {}
        for file in files:
            verify_file(file)
            counted[file.output] = count(read_rows(file), done.limits)
        try:
            with closing(ApiSession(self._config, self._context, sleep=self._sleep)) as session:
                for file in files:
                    self._send_output(session.post, package, file, counted[file.output], done, save)
                if not done.is_complete:
                    body = completion_body(package, counted)
                    session.post(body, completion_key(package.release_id, body))
                    done.is_complete = True
                    save(done.as_json())
        except Busy as busy:
            done.not_before = busy.not_before
            save(done.as_json())
            raise
        return Receipt(
            {"outputs": {output: {"chunks": one.chunks, "rows": one.rows} for output, one in counted.items()}}
        )

    def close(self) -> None:
        """Nothing stays open between two calls."""

    def _send_output(
        self,
        post: Callable[[bytes, str], None],
        package: Package,
        file: PackageFile,
        counted: Counted,
        done: _Progress,
        save: Save,
    ) -> None:
        accepted = done.accepted.get(file.output, 0)
        if accepted >= counted.chunks:
            return
        columns = package.columns.get(file.output, ())
        for number, rows in enumerate(cut(read_rows(file), done.limits), 1):
            if number <= accepted:
                continue
            body = chunk_body(package, file.output, chunk=number, chunks=counted.chunks, rows=rows, columns=columns)
            post(body, chunk_key(package.release_id, file.output, number, body))
            done.accepted[file.output] = number
            save(done.as_json())

    def _respect(self, done: _Progress, package: Package) -> None:
        """Wait for the time the partner asked for at an earlier try, or leave it to a later one."""
        if done.not_before is None:
            return
        seconds = (done.not_before - self._context.clock.now()).total_seconds()
        if seconds > self._config.max_wait_seconds:
            raise DeliveryError(
                "delivery.api_busy",
                f"delivery {self._config.name}: the partner asked not to be sent {package.prefix} "
                f"before {done.not_before.isoformat(timespec='seconds')}",
                hint="it is tried again by itself",
                retryable=True,
            )
        if seconds > 0:
            self._sleep(seconds)
        done.not_before = None
