"""The delivery `api`: a release's rows posted in chunks, then the word that all of them were.

Invariant: progress is saved after each chunk the partner accepted, with the limits the release was cut by, so that a
restart goes on with the same chunks; what was accepted and not saved is sent again under the same key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from afluente.core.errors import CheckFailed, Problem
from afluente.products.deliveries.api import config as api_config
from afluente.products.deliveries.api.chunks import Counted, Limits, chunk_body, completion_body, count, cut
from afluente.products.deliveries.api.config import ApiConfig
from afluente.products.deliveries.api.idempotency import chunk_key, completion_key
from afluente.products.deliveries.api.rows import as_json_lines, files_of_rows, read_rows
from afluente.products.deliveries.delivery import DeliveryContext, Package, Receipt
from afluente.products.deliveries.place import AGAIN
from afluente.products.deliveries.released_file import verify_file
from afluente.project.product import DeliverySettings, Product
from afluente.runs.steps.scratch import Scratch
from afluente.state.json_value import Json

_SCRATCH = ".afluente/spill/api"
Save = Callable[[Mapping[str, Json]], None]


@dataclass(slots=True)
class _Progress:
    limits: Limits
    accepted: dict[str, int] = field(default_factory=dict)
    is_complete: bool = False

    @classmethod
    def read(cls, saved: Mapping[str, Json], otherwise: Limits) -> _Progress:
        rows, size, accepted = (saved.get(name) for name in ("chunk_rows", "chunk_bytes", "accepted"))
        limits = Limits(rows, size) if isinstance(rows, int) and isinstance(size, int) else otherwise
        if saved.get(AGAIN):
            return cls(limits)
        known = accepted if isinstance(accepted, Mapping) else {}
        return cls(
            limits,
            {output: chunks for output, chunks in known.items() if isinstance(chunks, int)},
            saved.get("complete") is True,
        )

    def as_json(self) -> dict[str, Json]:
        return {
            "chunk_rows": self.limits.chunk_rows,
            "chunk_bytes": self.limits.chunk_bytes,
            "accepted": dict(self.accepted),
            "complete": self.is_complete,
        }


@dataclass(frozen=True, slots=True)
class _Output:
    name: str
    path: Path
    counted: Counted


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
        from afluente.products.deliveries.api.session import ApiSession

        done = _Progress.read(progress, Limits(self._config.chunk_rows, self._config.max_chunk_mb * 1024**2))
        with (
            closing(Scratch(self._context.project_root / _SCRATCH)) as scratch,
            closing(ApiSession(self._config, self._context, sleep=self._sleep)) as session,
        ):
            outputs = self._outputs(package, scratch.folder, done.limits)
            counted = {output.name: output.counted for output in outputs}
            body = completion_body(package, counted, done.limits)
            for output in outputs:
                self._send_output(session.post, package, output, done, save)
            if not done.is_complete:
                session.post(body, completion_key(package.release_id, body))
                done.is_complete = True
                save(done.as_json())
        return Receipt(
            {
                "chunk_rows": done.limits.chunk_rows,
                "chunk_bytes": done.limits.chunk_bytes,
                "outputs": {output: {"chunks": one.chunks, "rows": one.rows} for output, one in counted.items()},
            }
        )

    def close(self) -> None:
        """Nothing stays open between two calls."""

    def _outputs(self, package: Package, folder: Path, limits: Limits) -> list[_Output]:
        """Every output verified and counted before the first is sent."""
        outputs = []
        for file in files_of_rows(package, self._settings):
            verify_file(file)
            path = as_json_lines(file, folder)
            outputs.append(_Output(file.output, path, count(read_rows(path), limits)))
        return outputs

    def _send_output(
        self, post: Callable[[bytes, str], None], package: Package, output: _Output, done: _Progress, save: Save
    ) -> None:
        accepted, chunks = done.accepted.get(output.name, 0), output.counted.chunks
        if accepted >= chunks:
            return
        columns = package.columns.get(output.name, ())
        for number, rows in enumerate(cut(read_rows(output.path), done.limits), 1):
            if number <= accepted:
                continue
            body = chunk_body(package, output.name, chunk=number, chunks=chunks, rows=rows, columns=columns)
            post(body, chunk_key(package.release_id, output.name, number, body))
            done.accepted[output.name] = number
            save(done.as_json())
