"""A contract compiled to one SELECT: raw texts in, typed values and a mask of findings out.

The stages are stacked: raw columns, intermediate values, values, joins and checks, the mask. Each expression is
written once and referred to by name, so that an engine evaluates it once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from afluente.conform.bounds import bound_checks
from afluente.conform.dialect import Dialect, Kind
from afluente.conform.finding import Effect, Finding, masks, word_of, words
from afluente.conform.reading import Cell, Join, Reading, internal
from afluente.conform.registry import load_type
from afluente.conform.spark_types import spark_type, spark_type_of
from afluente.conform.typed import typed_reading, typed_text
from afluente.core.errors import DataRefused, Place, ProjectError
from afluente.core.language import Message
from afluente.core.nearest import did_you_mean
from afluente.project.contract import Column, Contract, Reference

ORIGIN = ("_source", "_source_row", "_ingested_at", "_run_id")
COLUMN_LIMIT = 2000
_MISSING = Message("valor ausente", "the value is missing")
_EMPTIED = Message("valor inválido numa coluna obrigatória", "an invalid value in a column that must have one")
_SET_NULL = Message("valor inválido trocado por nulo", "an invalid value was replaced by null")
_DEFAULT = Message("valor ausente trocado pelo padrão", "a missing value was replaced by the default")
_UNKNOWN = Message("não existe em {table}", "does not exist in {table}")

Translate = Callable[[str, Mapping[str, str], Place, Literal["duckdb", "spark"]], str]
"""Turns a Spark SQL expression over named columns (name to Spark type) into a dialect; a row is called `s`."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A contract ready to run on one dialect over a bronze table of known columns.

    Its SELECT gives the contract's columns, the bronze columns under `internal("bronze", name)`, the rows' origin and the mask words.
    `raws` are the names of the raw texts and their SQL over the bronze columns.
    """

    contract: Contract
    dialect: Dialect
    columns: tuple[tuple[str, Kind | tuple[int, int]], ...]
    findings: tuple[Finding, ...]
    bronze: tuple[str, ...]
    raws: tuple[tuple[str, str], ...]
    stages: tuple[str, ...]
    tables: tuple[str, ...]
    key_stages: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        return words(self.findings)

    def select(self, view: str) -> str:
        """The whole SELECT over a registered view or a parenthesised query."""
        return _stack(self.stages, view)

    def select_keys(self, view: str) -> str:
        """The rows of a view with their conformed deduplication keys beside them, under `internal("key", "0")`, …."""
        return _stack(self.key_stages, view)

    def any_of(self, *effects: Effect) -> str:
        """SQL, true where a row has a finding of one of these effects."""
        tests = [self.dialect.has_bits(word, bits) for word, bits in masks(self.findings, *effects).items()]
        return f"({' OR '.join(tests)})" if tests else "FALSE"


def _stack(stages: Sequence[str], view: str) -> str:
    sql = view
    for number, stage in enumerate(stages):
        sql = stage.format(source=f"{sql} AS s" if number == 0 else f"({sql}) AS s")
    return sql


def compile_contract(
    contract: Contract,
    schema: pa.Schema,
    dialect: Dialect,
    *,
    timezone: str,
    translate: Translate,
) -> Compiled:
    """Compile a contract against the columns that come. ProjectError or DataRefused name what does not fit."""
    return _Compiler(contract, schema, dialect, timezone, translate).compile()


class _Compiler:
    def __init__(
        self, contract: Contract, schema: pa.Schema, dialect: Dialect, timezone: str, translate: Translate
    ) -> None:
        if len(contract.columns) > COLUMN_LIMIT:
            raise ProjectError(
                "contract.too_many_columns",
                f"contract {contract.table} has {len(contract.columns)} columns, more than {COLUMN_LIMIT}",
                hint="split the table",
                place=contract.place,
            )
        self.contract = contract
        self.schema = schema
        self.d = dialect
        self.timezone = timezone
        self.translate = translate
        self.findings: list[Finding] = []
        self.finals: dict[str, str] = {}

    def compile(self) -> Compiled:
        self._check_sources()
        cells = [self._cell(i, column) for i, column in enumerate(self.contract.columns)]
        readings = [self._reading(cell) for cell in cells]
        stages = [self._raw_stage(cells)]
        stages += _levels(readings)
        stages.append(_with([f"{r.value} AS {c.other(c.column.name)}" for c, r in self._plain(cells, readings)]))
        joined = [(c, r) for c, r in zip(cells, readings, strict=True) if r.joins]
        if joined:
            stages.append(
                _with_joins(
                    [f"{r.value} AS {c.other(c.column.name)}" for c, r in joined],
                    [join for _, r in joined for join in r.joins],
                )
            )
        stages.append(_with([f"{self._unread(cell)} AS {cell.mid('blank')}" for cell in cells]))
        for cell, reading in zip(cells, readings, strict=True):
            self._find(cell, reading)
        stages.append(_with([f"{self.finals[c.column.name]} AS {self._name(c)}" for c in cells]))
        columns = tuple((c.column.name, r.kind) for c, r in zip(cells, readings, strict=True))
        self._add_references(stages)
        self._add_row_rules(stages, columns)
        stages.append(self._mask_stage(cells))
        return Compiled(
            contract=self.contract,
            dialect=self.d,
            columns=columns,
            findings=tuple(self.findings),
            bronze=self._bronze(),
            raws=tuple((cell.raw, self._raw(cell)) for cell in cells),
            stages=tuple(stages),
            tables=tuple(dict.fromkeys(join.table for r in readings for join in r.joins)),
            key_stages=self._key_stages(cells, readings),
        )

    def _bronze(self) -> tuple[str, ...]:
        return tuple(name for name in self.schema.names if name not in ORIGIN)

    def _bronze_types(self) -> dict[str, str]:
        return {field.name: spark_type_of(field.type) for field in self.schema}

    def _translated(self, expression: str, columns: Mapping[str, str], place: Place) -> str:
        return self.translate(expression, columns, place, self.d.name)

    def _check_sources(self) -> None:
        names = self._bronze()
        for column in self.contract.columns:
            if column.expression is None and column.source not in names:
                raise DataRefused(
                    "contract.column_absent",
                    f"contract {self.contract.table}: column '{column.name}' comes from '{column.source}', "
                    f"which {self.contract.source or 'the data'} does not have",
                    hint=did_you_mean(column.source, names),
                    place=column.place,
                )

    def _cell(self, index: int, column: Column) -> Cell:
        return Cell(column, index, self.d, self.d.identifier(internal("raw", str(index))), self.timezone)

    def _name(self, cell: Cell) -> str:
        return self.d.identifier(cell.column.name)

    def _is_text(self, column: Column) -> bool:
        if column.expression is not None:
            return True
        kind = self.schema.field(column.source).type
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))

    def _reading(self, cell: Cell) -> Reading:
        if not self._is_text(cell.column):
            typed = typed_reading(cell, self.schema.field(cell.column.source).type)
            if typed is not None:
                return typed
        return load_type(cell.column)(cell)

    def _raw(self, cell: Cell) -> str:
        """The raw text of a column over the bronze columns: null where it is a declared sign of a missing value."""
        column = cell.column
        if column.expression is not None:
            raw = self.d.as_text(f"({self._translated(column.expression, self._bronze_types(), column.place)})")
        else:
            raw = self.d.identifier(column.source)
            if not self._is_text(column):
                kind = self.schema.field(column.source).type
                if typed_reading(cell, kind) is not None:
                    return raw
                raw = typed_text(self.d, raw, kind)
        if column.missing_tokens:
            tokens = ", ".join(self.d.literal(token) for token in column.missing_tokens)
            raw = f"CASE WHEN {raw} IN ({tokens}) THEN NULL ELSE {raw} END"
        return raw

    def _raw_stage(self, cells: Sequence[Cell]) -> str:
        named = [f"{self._raw(cell)} AS {cell.raw}" for cell in cells]
        kept = [
            f"{self.d.identifier(name)} AS {self.d.identifier(internal('bronze', name))}" for name in self._bronze()
        ]
        return _escape(f"SELECT {', '.join([*named, *kept, *ORIGIN])} FROM ") + "{source}"

    def _plain(self, cells: Sequence[Cell], readings: Sequence[Reading]) -> list[tuple[Cell, Reading]]:
        return [(c, r) for c, r in zip(cells, readings, strict=True) if not r.joins]

    def _blank(self, cell: Cell) -> str:
        """Whether a raw value that could not be read says nothing at all."""
        if not self._is_text(cell.column) and typed_reading(cell, self.schema.field(cell.column.source).type):
            return f"{cell.raw} IS NULL"
        tokens = ", ".join(self.d.literal(token) for token in ("", *cell.column.missing_tokens))
        return f"({cell.raw} IS NULL OR {self.d.trim(cell.raw)} IN ({tokens}))"

    def _unread(self, cell: Cell) -> str:
        """Of a value that could not be read, whether its text says nothing at all; null where there is a value.

        A column of its own: as a part of two conditions an engine would work it out for every row.
        """
        return f"CASE WHEN {cell.other(cell.column.name)} IS NULL THEN {self._blank(cell)} END"

    def _find(self, cell: Cell, reading: Reading) -> None:
        column, value = cell.column, cell.other(cell.column.name)
        final = value
        blank = cell.mid("blank")
        on_missing = column.on_missing
        if on_missing == "keep" and (column.required or column.primary_key_position):
            on_missing = "quarantine"
        invalid = f"NOT {blank}"
        match column.on_invalid:
            case "quarantine" | "drop" as effect:
                self._add(column, column.format or column.logical_type, effect, invalid, reading=reading, cell=cell)
            case "set_null":
                self._add(column, "invalid.set_null", "repair", invalid, reading=reading, cell=cell, message=_SET_NULL)
            case "keep":
                if reading.kind != "text":
                    raise ProjectError(
                        "contract.keep_impossible",
                        f"column '{column.name}' keeps invalid values, but its type cannot hold them",
                        hint="use onInvalid: quarantine or set_null, or make the column a plain string",
                        place=column.place,
                    )
                self._add(column, column.format or column.logical_type, "warning", invalid, reading=reading, cell=cell)
                final = f"CASE WHEN NOT {blank} THEN {cell.raw} ELSE {value} END"
        checks = (*reading.checks, *bound_checks(cell, reading))
        emptied = [f"({c.fails})" for c in checks if not c.is_warning] if column.on_invalid == "set_null" else []
        missing = blank
        if column.on_invalid == "set_null":
            missing = " OR ".join([f"{value} IS NULL", *emptied])
        match on_missing:
            case "quarantine" | "drop" as effect:
                reasons = ((f"NOT {self._blank(cell)}", _EMPTIED),) if column.on_invalid == "set_null" else ()
                self._add(
                    column, "missing", effect, missing, reading=reading, cell=cell, message=_MISSING, reasons=reasons
                )
            case "default":
                self._add(column, "missing.default", "repair", missing, reading=reading, cell=cell, message=_DEFAULT)
                final = f"CASE WHEN {missing} THEN {self._default(column, reading)} ELSE {final} END"
            case "keep" | "set_null" if emptied:
                final = f"CASE WHEN {' OR '.join(emptied)} THEN NULL ELSE {final} END"
            case "keep" | "set_null":
                pass
        for repair in reading.repairs:
            self._add(column, repair.rule, "repair", repair.applied, reading=reading, cell=cell)
        for check in checks:
            effect_of: dict[str, Effect] = {
                "quarantine": "quarantine",
                "drop": "drop",
                "set_null": "repair",
                "keep": "warning",
            }
            found: Effect = "warning" if check.is_warning else effect_of[column.on_invalid]
            self._add(column, check.rule, found, check.fails, reading=reading, cell=cell, message=check.message)
        self.finals[column.name] = final

    def _default(self, column: Column, reading: Reading) -> str:
        default = column.default
        if isinstance(default, str):
            text = self.d.literal(default)
            return text if reading.kind == "text" else f"CAST({text} AS {self.d.sql_type(reading.kind)})"
        return f"CAST({str(default).upper()} AS {self.d.sql_type(reading.kind)})"

    def _add(
        self,
        column: Column,
        rule: str,
        effect: Effect,
        condition: str,
        *,
        reading: Reading,
        cell: Cell,
        message: Message | None = None,
        reasons: tuple[tuple[str, Message], ...] = (),
    ) -> None:
        reasons = reasons if message else reading.reasons
        self.findings.append(
            Finding(rule, column.name, effect, condition, message or reading.message, cell.raw, reasons)
        )

    def _add_references(self, stages: list[str]) -> None:
        joins = []
        for number, reference in enumerate(self.contract.references):
            alias = f"ref{number}"
            keys = ", ".join(self.d.identifier(c) for c in reference.to_columns)
            table = f"(SELECT DISTINCT {keys} FROM {reference.table.view})"
            mine = [self.d.identifier(c) for c in reference.columns]
            pairs = zip(mine, reference.to_columns, strict=True)
            condition = " AND ".join(f"x.{a} = {alias}.{self.d.identifier(b)}" for a, b in pairs)
            joins.append(
                (
                    alias,
                    table,
                    condition,
                    self.d.identifier(reference.to_columns[0]),
                    internal("reference", str(number)),
                )
            )
            present = " AND ".join(f"{name} IS NOT NULL" for name in mine)
            self._add_reference_finding(
                reference, f"{present} AND {self.d.identifier(internal('reference', str(number)))} IS NULL"
            )
        if joins:
            hits = ", ".join(f"{alias}.{key} AS {self.d.identifier(name)}" for alias, _, _, key, name in joins)
            clauses = " ".join(f"LEFT JOIN {table} AS {alias} ON {on}" for alias, table, on, _, _ in joins)
            stages.append(_escape(f"SELECT x.*, {hits} FROM ") + "(SELECT * FROM {source}) AS x " + _escape(clauses))

    def _add_reference_finding(self, reference: Reference, condition: str) -> None:
        effect: Effect = "quarantine" if reference.on_invalid == "quarantine" else "warning"
        table = str(reference.table)
        message = Message(_UNKNOWN.pt.format(table=table), _UNKNOWN.en.format(table=table))
        name = ", ".join(reference.columns)
        raw = None
        if len(reference.columns) == 1:
            index = [c.name for c in self.contract.columns].index(reference.columns[0])
            raw = self.d.identifier(internal("raw", str(index)))
        self.findings.append(Finding("references", name, effect, condition, message, raw))

    def _add_row_rules(self, stages: list[str], kinds: Sequence[tuple[str, Kind | tuple[int, int]]]) -> None:
        named = []
        columns = {name: spark_type(kind) for name, kind in kinds}
        for number, rule in enumerate(self.contract.row_rules):
            name = self.d.identifier(internal("rule", str(number)))
            named.append(f"({self._translated(rule.expression, columns, rule.place)}) AS {name}")
            effect: Effect = "warning" if rule.on_invalid == "keep" else rule.on_invalid
            message = Message(
                rule.reason_pt or f"não cumpre a regra {rule.name}", rule.reason_en or f"breaks the rule {rule.name}"
            )
            self.findings.append(Finding(rule.name, ", ".join(rule.columns), effect, f"NOT {name}", message))
        if named:
            stages.append(_with(named))

    def _mask_stage(self, cells: Sequence[Cell]) -> str:
        terms: Mapping[str, list[str]] = {word: [] for word in words(self.findings)}
        for position, finding in enumerate(self.findings):
            word, bit = word_of(position)
            terms[word].append(f"({self.d.bit(finding.condition, bit)})")
        zero = self.d.bit("FALSE", 0)
        found = [f"{' + '.join(parts) or zero} AS {word}" for word, parts in terms.items()]
        kept = [self._name(c) for c in cells]
        bronze = [self.d.identifier(internal("bronze", name)) for name in self._bronze()]
        return _escape(f"SELECT {', '.join([*kept, *bronze, *ORIGIN, *found])} FROM ") + "{source}"

    def _key_stages(self, cells: Sequence[Cell], readings: Sequence[Reading]) -> tuple[str, ...]:
        """The bronze rows with their conformed keys beside them."""
        deduplicate = self.contract.deduplicate
        if deduplicate is None or not deduplicate.keys:
            return ()
        by_name = {c.column.name: (c, r) for c, r in zip(cells, readings, strict=True)}
        wanted = [by_name[key] for key in deduplicate.keys]
        for cell, reading in wanted:
            if reading.joins:
                raise ProjectError(
                    "contract.key_is_looked_up",
                    f"column '{cell.column.name}' is a deduplication key, but its value comes from a reference table",
                    hint="deduplicate by a column that is read from the row itself",
                    place=cell.column.place,
                )
        stages = [_with([f"{self._raw(cell)} AS {cell.raw}" for cell, _ in wanted])]
        stages += _levels([reading for _, reading in wanted])
        keys = [self.d.identifier(internal("key", str(i))) for i in range(len(wanted))]
        stages.append(_with([f"{reading.value} AS {key}" for key, (_, reading) in zip(keys, wanted, strict=True)]))
        return tuple(stages)


def _levels(readings: Sequence[Reading]) -> list[str]:
    """The stages of all columns side by side."""
    return [
        _with(
            [
                f"{expression} AS {name}"
                for reading in readings
                if level < len(reading.stages)
                for name, expression in reading.stages[level].items()
            ]
        )
        for level in range(max((len(reading.stages) for reading in readings), default=0))
    ]


def _escape(sql: str) -> str:
    return sql.replace("{", "{{").replace("}", "}}")


def _with(named: Sequence[str]) -> str:
    return _escape(f"SELECT *, {', '.join(named)} FROM ") + "{source}" if named else "SELECT * FROM {source}"


def _with_joins(named: Sequence[str], joins: Sequence[Join]) -> str:
    clauses = " ".join(f"LEFT JOIN {join.table} AS {join.alias} ON {join.condition}" for join in joins)
    return _escape(f"SELECT x.*, {', '.join(named)} FROM ") + "(SELECT * FROM {source}) AS x " + _escape(clauses)
