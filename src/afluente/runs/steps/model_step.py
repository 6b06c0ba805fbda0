"""A gold table made from the tables its model reads, whole or only the partitions that new rows touched.

Invariant: an incremental step writes what a full one would write in those partitions; whenever that cannot be told
(the model changed, rows were taken out of an input) the whole table is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from afluente.conform.spark_types import spark_type_of
from afluente.core.errors import LakeError, RunError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.lake.plan import Mode
from afluente.lake.snapshot import Snapshot
from afluente.models.arrow_types import arrow_schema
from afluente.models.compile import Compiled, compile_model
from afluente.models.graph import tables_read
from afluente.models.incremental import PartitionValue, compile_partitions, touched_sql, with_lookback
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Step
from afluente.runs.steps.inputs import Input, Inputs, stale_plan, step_gone
from afluente.runs.steps.quality import ask_rules, refusal, refused_by
from afluente.runs.steps.views import register_result, register_snapshot
from afluente.runs.steps.workspace import Workspace
from afluente.state.json_value import Json

if TYPE_CHECKING:
    from afluente.project.model import Model

NEW_ROWS = "model_new_rows"
EXISTING = "model_existing"
RESULT = "model_result"


class ModelStep:
    """Carries out one model step."""

    def __init__(self, workspace: Workspace, step: Step, *, run_id: str) -> None:
        self._workspace = workspace
        self._lake = workspace.lake
        self._step = step
        self._table = TableName.parse(step.name)
        model = next((m for m in workspace.project.models if m.table == self._table), None)
        if model is None:
            raise step_gone(step.name)
        self._model: Model = model
        self._run_id = run_id
        self._app_id = self._lake.app_id(step.name)

    def prepare(self) -> Mapping[str, Json] | None:
        """The pinned inputs; None when the table is already made from them."""
        tables = sorted(tables_read(self._model))
        found = {str(table): self._input(table) for table in tables}
        gold = self._lake.find(self._table)
        known = Inputs.parse(gold.input_signature) if gold else None
        wanted = self._inputs({name: Input(snapshot.table_id, snapshot.version) for name, snapshot in found.items()})
        is_full = bool(self._step.parameters.get("full_refresh"))
        if known == wanted and not is_full:
            return None
        from_version = -1 if is_full or known is None else self._from_version(known, wanted)
        return {
            "inputs": wanted.signature(),
            "from_version": from_version,
            "base_version": None if gold is None else gold.version,
            "app_version": 1 if gold is None else gold.transaction_version(self._app_id) + 1,
        }

    def run(self, durable_input: Mapping[str, Json] | None) -> StepOutcome:
        if durable_input is None:
            return StepOutcome(status="unchanged")
        inputs, from_version, base_version, app_version = _read(durable_input)
        inputs.check_still_made_as(self._inputs({}), self._step.name)
        snapshots = {
            table: self._lake.snapshot(table, inputs.tables[str(table)].version)
            for table in sorted(tables_read(self._model))
        }
        gold = None if base_version is None else self._lake.snapshot(self._table, base_version)
        engine = self._workspace.engine
        for table, snapshot in snapshots.items():
            register_snapshot(self._workspace.engine, table.view, snapshot)
        compiled, partitions = self._compile(snapshots, gold, from_version)
        schema = arrow_schema(self._model)
        files = engine.write_parquet(
            compiled.sql, self._lake.address(self._table), schema=schema, partition_by=self._model.partition_by
        )
        mode: Mode = "create" if gold is None else "replace" if partitions is None else "replace_partitions"
        plan = self._lake.plan(
            self._table,
            gold,
            mode,
            files,
            schema=schema,
            app_id=self._app_id,
            app_version=app_version,
            partition_by=self._model.partition_by,
            partitions=[] if partitions is None else [self._partition(value) for value in partitions],
            input_signature=inputs.signature(),
            run_id=self._run_id,
        )
        schemas = {self._table: schema} | {table: snapshot.schema for table, snapshot in snapshots.items()}
        contract = next((c for c in self._workspace.project.contracts if c.table == self._table), None)
        outcomes = ask_rules(
            self._workspace,
            contract,
            partial(register_result, engine, RESULT, plan, gold, address=self._lake.address(self._table)),
            RESULT,
            engine=engine,
            schemas=schemas,
        )
        refused = refusal(outcomes)
        version = self._lake.commit(plan).version if refused is None else None
        outcome = StepOutcome(
            rows_in=sum(snapshot.rows for snapshot in snapshots.values()),
            rows_out=sum(file.rows for file in files),
            bytes=sum(file.size_bytes for file in files),
            table_version=version,
            quality=tuple(outcomes),
            details={"mode": mode, "partitions": None if partitions is None else len(partitions)},
        )
        hint = "nothing was committed; mend the data or the model, and run again"
        return outcome if refused is None else refused_by(refused, outcome, hint=hint)

    def _inputs(self, tables: Mapping[str, Input]) -> Inputs:
        return Inputs(self._model.text_sha256, self._workspace.project.timezone, tables)

    def _input(self, table: TableName) -> Snapshot:
        found = self._lake.find(table)
        if found is None:
            raise LakeError(
                "lake.input_missing",
                f"table {table}, which {self._table} reads, does not exist yet",
                hint=did_you_mean(str(table), [str(name) for name in self._lake.tables()]),
            )
        return found

    def _from_version(self, known: Inputs, wanted: Inputs) -> int:
        """The version of the incremental source to go on from; -1 when the whole table has to be made."""
        incremental = self._model.incremental
        if incremental is None or not wanted.is_made_as(known):
            return -1
        source = str(incremental.source)
        others = (name for name in wanted.tables if name != source)
        if not wanted.goes_on_from(known, source) or not all(wanted.is_same(known, name) for name in others):
            return -1
        from_version = known.tables[source].version
        changes = self._lake.changes(incremental.source, from_version, wanted.tables[source].version)
        return from_version if changes.is_append_only and not changes.has_new_schema else -1

    def _compile(
        self, snapshots: Mapping[TableName, Snapshot], gold: Snapshot | None, from_version: int
    ) -> tuple[Compiled, list[PartitionValue] | None]:
        schemas = {table: column_types(snapshot.schema) for table, snapshot in snapshots.items()}
        dialect = self._workspace.engine.describe().dialect
        timezone = self._workspace.project.timezone
        incremental = self._model.incremental
        if incremental is None or gold is None or from_version < 0:
            return compile_model(self._model, schemas, dialect, timezone), None
        engine = self._workspace.engine
        source = snapshots[incremental.source]
        changes = self._lake.changes(incremental.source, from_version, source.version)
        if not changes.is_append_only:
            raise stale_plan(self._step.name, f"the new rows of {incremental.source} cannot be told any more")
        values = {file.path: file.partition_values for file in source.live}
        inside = [path.removeprefix(f"{source.address}/") for path in changes.files]
        engine.register(
            NEW_ROWS,
            changes.files,
            source.schema,
            partition_by=source.partition_by,
            partitions=[values.get(path, {}) for path in inside],
        )
        touched = _column(engine.query(touched_sql(self._model, schemas, dialect, NEW_ROWS)))
        existing: list[PartitionValue] = []
        if incremental.lookback:
            register_snapshot(self._workspace.engine, EXISTING, gold)
            name = f"`{incremental.time_column}`" if dialect == "spark" else f'"{incremental.time_column}"'
            existing = _column(engine.query(f"SELECT DISTINCT {name} FROM {EXISTING}"))
        wanted = with_lookback(touched, existing, incremental.lookback)
        ordered = sorted(wanted, key=lambda value: (value is not None, str(value)))
        return compile_partitions(self._model, schemas, dialect, timezone, wanted), ordered

    def _partition(self, value: PartitionValue) -> dict[str, str | None]:
        incremental = self._model.incremental
        if incremental is None:
            raise RunError("runs.not_incremental", f"model {self._table} is not incremental")
        text = value.isoformat() if isinstance(value, date) else None if value is None else str(value)
        return {incremental.time_column: text}


def column_types(schema: pa.Schema) -> dict[str, str]:
    """Each column's Spark SQL type."""
    return {field.name: spark_type_of(field.type) for field in schema}


def _column(table: pa.Table) -> list[PartitionValue]:
    values: list[PartitionValue] = table.column(0).to_pylist()
    return values


def _read(durable_input: Mapping[str, Json]) -> tuple[Inputs, int, int | None, int]:
    inputs = Inputs.parse(str(durable_input["inputs"]))
    base = durable_input["base_version"]
    if inputs is None:
        raise RunError("runs.durable_input", "a model step was prepared without the versions of its inputs")
    return (
        inputs,
        int(str(durable_input["from_version"])),
        None if base is None else int(str(base)),
        int(str(durable_input["app_version"])),
    )
