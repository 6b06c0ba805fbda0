"""Contracts as frozen dataclasses: what a silver table promises, column by column and rule by rule.

Parsed from ODCS by `read_contract`; nothing here opens a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from afluente.core.errors import Place
from afluente.core.tables import TableName

LogicalType = Literal["string", "integer", "number", "boolean", "date", "timestamp"]
Classification = Literal["direct_identifier", "quasi_identifier", "sensitive", "internal", "public"]
OnInvalid = Literal["quarantine", "set_null", "keep", "drop"]
OnMissing = Literal["keep", "quarantine", "set_null", "drop", "default"]
WriteMode = Literal["replace", "append", "upsert", "replace_partitions"]
Take = Literal["all", "present"]
Delivery = Literal["run", "file"]
Severity = Literal["error", "warning", "info"]
Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a number, date or length; dates as ISO text. None is no limit."""

    minimum: Scalar | None = None
    maximum: Scalar | None = None
    exclusive_minimum: Scalar | None = None
    exclusive_maximum: Scalar | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the conformed table.

    `source` is the column of the bronze table it comes from. `format` names a semantic type (`br.cpf`,
    `email`); None leaves the plain logical type. `formats` are date patterns in JDK notation, tried in order.
    `synonyms` maps what is received to what is meant. `expression` is Spark SQL over the bronze columns and
    stands in the place of `source`. `extra` holds options only an added semantic type understands.
    """

    name: str
    logical_type: LogicalType
    source: str
    place: Place
    format: str | None = None
    physical_type: str | None = None
    required: bool = False
    unique: bool = False
    primary_key_position: int = 0
    partition_position: int = 0
    classification: Classification = "internal"
    description: str = ""
    on_invalid: OnInvalid = "quarantine"
    on_missing: OnMissing = "keep"
    default: Scalar | None = None
    missing_tokens: tuple[str, ...] = ()
    locale: str | None = None
    formats: tuple[str, ...] = ()
    timezone: str | None = None
    values: tuple[str, ...] = ()
    synonyms: Mapping[str, str] = field(default_factory=dict)
    true_words: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()
    case: Literal["upper", "lower", "title"] | None = None
    repair_encoding: bool = False
    state_column: str | None = None
    pattern: str | None = None
    expression: str | None = None
    bounds: Bounds = field(default_factory=Bounds)
    extra: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def is_restricted(self) -> bool:
        """Whether its values may never be seen in a log or an error."""
        return self.classification in ("direct_identifier", "quasi_identifier", "sensitive")


@dataclass(frozen=True, slots=True)
class Deduplicate:
    """How repeated rows are reduced to one. Without `keys` only exact repeats are dropped."""

    keys: tuple[str, ...] = ()
    keep: Literal["latest", "first", "most_complete"] = "latest"
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """`columns` must exist as `to_columns` of `table`, up to `max_percent` of rows failing."""

    columns: tuple[str, ...]
    table: TableName
    to_columns: tuple[str, ...]
    place: Place
    on_invalid: Literal["quarantine", "keep"] = "quarantine"
    max_percent: float | None = None


@dataclass(frozen=True, slots=True)
class RowRule:
    """A row that makes `expression` (Spark SQL over the conformed columns) false goes to quarantine."""

    name: str
    expression: str
    place: Place
    columns: tuple[str, ...] = ()
    reason_pt: str = ""
    reason_en: str = ""
    on_invalid: Literal["quarantine", "drop", "keep"] = "quarantine"


Operator = Literal[
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
]
Threshold = Scalar | tuple[float, float]


@dataclass(frozen=True, slots=True)
class QualityRule:
    """One ODCS quality rule. `column` is None for a rule of the whole table.

    `kind` is library, sql or custom (text rules are documentation and never reach here). `arguments` are the
    library metric's; `implementation` the custom rule's. `checks` pairs operators with thresholds.
    """

    name: str
    kind: Literal["library", "sql", "custom"]
    place: Place
    column: str | None = None
    metric: str | None = None
    query: str | None = None
    engine: str | None = None
    unit: Literal["rows", "percent"] = "rows"
    severity: Severity = "error"
    checks: tuple[tuple[Operator, Threshold], ...] = ()
    arguments: Mapping[str, object] = field(default_factory=dict)
    implementation: Mapping[str, object] | str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """What one table promises. `source` is the table it is conformed from; None for a contract of outputs only.

    `delivery` is what counts as one delivery where a newer one replaces partitions: all that a run of the source
    brought, or each file (or other unit) of it. `take` is which rows of the source are taken: all of them, or of a list
    of the fleet those that stand at each site now.
    """

    id: str
    version: str
    table: TableName
    columns: tuple[Column, ...]
    place: Place
    text_sha256: str
    source: TableName | None = None
    source_place: Place | None = None
    take: Take = "all"
    write: WriteMode = "replace"
    delivery: Delivery = "run"
    deduplicate: Deduplicate | None = None
    references: tuple[Reference, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    quality: tuple[QualityRule, ...] = ()
    repairs: Literal["count", "log"] = "count"
    owner: str = ""
    description: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row: the primary key in its order, else the deduplication's keys."""
        primary = sorted((c for c in self.columns if c.primary_key_position), key=lambda c: c.primary_key_position)
        if primary:
            return tuple(column.name for column in primary)
        return self.deduplicate.keys if self.deduplicate else ()

    @property
    def partition_by(self) -> tuple[str, ...]:
        parts = sorted((c for c in self.columns if c.partition_position), key=lambda c: c.partition_position)
        return tuple(column.name for column in parts)

    def column(self, name: str) -> Column:
        """The column of this name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
