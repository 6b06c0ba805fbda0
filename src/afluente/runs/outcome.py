"""What a step hands back, in a form that survives the process.

Invariant: the JSON text holds no sample of a restricted column.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from afluente.core.errors import AfluenteError, DataRefused
from afluente.state.json_value import Json
from afluente.state.quality_outcomes import QualityOutcome
from afluente.state.repairs import Repair

OutcomeStatus = Literal["done", "unchanged", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How a step ended. None is not known.

    `unchanged` is a step that found nothing to do; `refused` one whose data a contract refused (its quality
    outcomes are kept). `details` are the runner's own, and hold no data value.
    """

    status: OutcomeStatus = "done"
    rows_in: int | None = None
    rows_out: int | None = None
    rows_rejected: int | None = None
    rows_repaired: int | None = None
    bytes: int | None = None
    table_version: int | None = None
    quality: tuple[QualityOutcome, ...] = ()
    repairs: tuple[Repair, ...] = ()
    error_code: str | None = None
    error_message: str | None = None
    error_hint: str | None = None
    is_retryable: bool = False
    details: Mapping[str, Json] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether what depends on the step may run."""
        return self.status in ("done", "unchanged")

    @classmethod
    def of_error(cls, error: BaseException) -> StepOutcome:
        """The outcome of a step that raised.

        What is not ours is told by its kind and place only: its text may hold data.
        """
        if isinstance(error, AfluenteError):
            return cls(
                status="refused" if isinstance(error, DataRefused) else "failed",
                error_code=error.code,
                error_message=error.message if error.place is None else f"{error.place}: {error.message}",
                error_hint=error.hint or None,
                is_retryable=error.retryable,
            )
        return cls(
            status="failed",
            error_code="runs.unexpected",
            error_message=f"an unexpected {type(error).__name__} was raised{_place_of(error)}",
            error_hint="this is a defect of afluente or of an added type: report it with this line",
        )

    def to_json(self) -> str:
        values = asdict(replace(self, repairs=tuple(_without_restricted(repair) for repair in self.repairs)))
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> StepOutcome:
        values = json.loads(text)
        values["quality"] = tuple(QualityOutcome(**outcome) for outcome in values["quality"])
        values["repairs"] = tuple(
            Repair(**repair | {"samples": tuple((before, after) for before, after in repair["samples"])})
            for repair in values["repairs"]
        )
        return cls(**values)


def _without_restricted(repair: Repair) -> Repair:
    return replace(repair, samples=()) if repair.is_restricted else repair


def _place_of(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f" in {code.co_qualname} ({code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"
