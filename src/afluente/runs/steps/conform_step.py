"""A silver table made from its bronze table by its contract.

Invariant: the rules are asked of the written files before anything is committed; quarantine and repairs commit
first and the silver table last, each exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from afluente.conform.compile import Compiled, compile_contract
from afluente.conform.duckdb_dialect import DuckDbDialect
from afluente.conform.execute import BronzeFile, Conformed, Folders, conform_files
from afluente.conform.quarantine import quarantine_schema
from afluente.conform.repairs import repairs_schema
from afluente.conform.spark_dialect import SparkDialect
from afluente.core.errors import DataRefused, LakeError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import DataFile, TableName
from afluente.lake.plan import Commit, Mode
from afluente.lake.snapshot import Snapshot
from afluente.models.expression_text import translate_expression
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Step
from afluente.runs.steps.inputs import Inputs
from afluente.runs.steps.planning import rule_tables
from afluente.runs.steps.quality import ask_rules
from afluente.runs.steps.workspace import Workspace
from afluente.state.json_value import Json
from afluente.state.repairs import Repair

if TYPE_CHECKING:
    from afluente.project.contract import Contract

EXISTING = "conform_existing"
RESULT = "conform_result"


@dataclass(frozen=True, slots=True)
class _Task:
    """What one attempt does, decided before and kept: the pinned inputs and the versions to commit."""

    versions: Mapping[str, int]
    mode: Mode
    from_version: int
    app_versions: Mapping[str, int]
    base_version: int | None
    at: str

    def to_json(self) -> dict[str, Json]:
        return {
            "versions": dict(self.versions),
            "mode": self.mode,
            "from_version": self.from_version,
            "app_versions": dict(self.app_versions),
            "base_version": self.base_version,
            "at": self.at,
        }


class ConformStep:
    """Carries out one conform step."""

    def __init__(
        self, workspace: Workspace, step: Step, *, run_id: str, progress: Callable[[str, int, int], None] | None = None
    ) -> None:
        self._workspace = workspace
        self._lake = workspace.lake
        self._step = step
        table = TableName.parse(step.name)
        self._contract: Contract = next(c for c in workspace.project.contracts if c.table == table)
        self._table = table
        self._quarantine = TableName("quarantine", table.name)
        self._repairs = TableName("repairs", table.name)
        self._run_id = run_id
        self._app_id = self._lake.app_id(step.name)
        self._progress = progress or (lambda _step, _done, _total: None)

    def prepare(self) -> Mapping[str, Json] | None:
        """The pinned inputs; None when the table is already made from them."""
        versions = {str(table): self._input(table).version for table in self._input_tables()}
        silver = self._lake.find(self._table)
        known = Inputs.parse(silver.input_signature) if silver else None
        wanted = self._inputs(versions)
        is_full = bool(self._step.parameters.get("full_refresh"))
        if known == wanted and not is_full:
            return None
        mode, from_version = self._how(known, wanted, is_full=is_full)
        if silver is None:
            mode = "create"
        tables = (self._table, self._quarantine, self._repairs)
        found = {table: self._lake.find(table) for table in tables}
        app_versions = {
            str(table): 1 if snapshot is None else snapshot.transaction_version(self._app_id) + 1
            for table, snapshot in found.items()
        }
        base = None if silver is None else silver.version
        at = self._workspace.clock.now().isoformat()
        return _Task(versions, mode, from_version, app_versions, base, at).to_json()

    def run(self, durable_input: Mapping[str, Json] | None) -> StepOutcome:
        if durable_input is None:
            return StepOutcome(status="unchanged")
        task = _Task(**durable_input)  # type: ignore[arg-type]
        contract = self._contract
        if contract.source is None:
            raise LakeError("lake.plan", f"contract {contract.table} has no table to be conformed from", hint="")
        bronze = self._lake.snapshot(contract.source, task.versions[str(contract.source)])
        files = self._files(bronze, task)
        engine = self._workspace.engine
        dialect = DuckDbDialect() if engine.describe().dialect == "duckdb" else SparkDialect()
        compiled = compile_contract(
            contract,
            bronze.schema,
            dialect,
            timezone=self._workspace.project.timezone,
            translate=translate_expression,
        )
        for table in self._input_tables()[1:]:
            self._register(table.view, self._lake.snapshot(table, task.versions[str(table)]))
        silver = None if task.base_version is None else self._lake.snapshot(self._table, task.base_version)
        existing = None
        if task.mode == "upsert" and silver is not None:
            self._register(EXISTING, silver)
            existing = EXISTING
        total = sum(file.rows for file in files)
        done = 0

        def tell(rows: int) -> None:
            nonlocal done
            done += rows
            self._progress(self._step.name, done, total)

        conformed = conform_files(
            engine,
            compiled,
            files,
            bronze.schema,
            Folders(*(self._lake.address(table) for table in (self._table, self._quarantine, self._repairs))),
            run_id=self._run_id,
            moment=task.at,
            existing=existing,
            progress=tell,
        )
        self._check_references(conformed)
        plan = self._plan(task, silver, conformed)
        outcomes = ask_rules(self._workspace, contract, self._result_view(plan, silver), RESULT, engine=engine)
        refused = next((o for o in outcomes if o.severity == "error" and o.status != "passed"), None)
        report = conformed.report
        if refused is None:
            self._commit_side(task, self._quarantine, conformed.quarantine, quarantine_schema(compiled.bronze))
            if contract.repairs == "log":
                self._commit_side(task, self._repairs, conformed.repairs, repairs_schema())
            committed = self._lake.commit(plan)
        outcome = StepOutcome(
            status="done" if refused is None else "refused",
            rows_in=report.rows_in,
            rows_out=report.accepted,
            rows_rejected=report.quarantined + report.dropped,
            rows_repaired=report.repaired(),
            bytes=sum(file.size_bytes for file in conformed.silver),
            table_version=committed.version if refused is None else None,
            quality=tuple(outcomes),
            repairs=_repairs(compiled, conformed),
            error_code=None if refused is None else "data.rule_broken",
            error_message=None if refused is None else f"table {self._table}: {refused.message}",
            error_hint=None if refused is None else "nothing was committed; mend the data or the contract, and run again",
            details=_details(conformed, task),
        )
        return outcome

    def _input(self, table: TableName) -> Snapshot:
        found = self._lake.find(table)
        if found is None:
            raise LakeError(
                "lake.input_missing",
                f"table {table}, which {self._table} needs, does not exist yet",
                hint=did_you_mean(str(table), [str(name) for name in self._lake.tables()]),
            )
        return found

    def _input_tables(self) -> list[TableName]:
        contract = self._contract
        source = [contract.source] if contract.source else []
        others = {*(r.table for r in contract.references), *rule_tables(contract)} - {contract.source, contract.table}
        return [*source, *sorted(others)]

    def _inputs(self, versions: Mapping[str, int]) -> Inputs:
        return Inputs(self._contract.text_sha256, versions)

    def _how(self, known: Inputs | None, wanted: Inputs, *, is_full: bool) -> tuple[Mode, int]:
        """The commit's mode and the bronze version to go on from (-1: take every row)."""
        write = self._contract.write
        source = str(self._contract.source)
        if write == "replace" or known is None or is_full:
            return "replace", -1
        if known.text_sha256 != wanted.text_sha256 or known.code != wanted.code:
            return "replace", -1
        from_version = known.versions.get(source, -1)
        if self._contract.source is None:
            return "replace", -1
        changes = self._lake.changes(self._contract.source, from_version, wanted.versions[source])
        return (write, from_version) if changes.is_append_only else ("replace", -1)

    def _files(self, bronze: Snapshot, task: _Task) -> list[BronzeFile]:
        rows = {f"{bronze.address}/{file.path}": file.rows or 0 for file in bronze.live}
        if task.from_version < 0:
            return [BronzeFile(path, rows[path]) for path in bronze.files]
        changes = self._lake.changes(bronze.table, task.from_version, bronze.version)
        return [BronzeFile(path, rows.get(path, 0)) for path in changes.files]

    def _register(self, view: str, snapshot: Snapshot) -> None:
        self._workspace.engine.register(
            view,
            snapshot.files,
            snapshot.schema,
            partition_by=snapshot.partition_by,
            partitions=[file.partition_values for file in snapshot.live],
        )

    def _check_references(self, conformed: Conformed) -> None:
        for reference in self._contract.references:
            name = ", ".join(reference.columns)
            failing = sum(c.rows for c in conformed.report.counts if c.rule == "references" and c.column == name)
            rows = conformed.report.rows_in
            percent = 100 * failing / rows if rows else 0.0
            if reference.max_percent is not None and percent > reference.max_percent:
                raise DataRefused(
                    "data.references_broken",
                    f"table {self._table}: {percent:.2f}% of the rows name a {name} that {reference.table} does not "
                    f"have, more than the {reference.max_percent:g}% allowed",
                    hint="nothing was committed; look whether the other table is complete",
                    place=reference.place,
                )

    def _plan(self, task: _Task, silver: Snapshot | None, conformed: Conformed) -> Commit:
        contract = self._contract
        return self._lake.plan(
            self._table,
            silver,
            task.mode,
            conformed.silver,
            schema=conformed.schema,
            app_id=self._app_id,
            app_version=task.app_versions[str(self._table)],
            partition_by=contract.partition_by,
            keys=contract.keys if task.mode == "upsert" else (),
            input_signature=self._inputs(task.versions).signature(),
            run_id=self._run_id,
        )

    def _result_view(self, plan: Commit, silver: Snapshot | None) -> Callable[[], None]:
        """Makes the table as it would be after the commit readable as RESULT."""

        def register() -> None:
            kept = [] if silver is None or plan.mode in ("replace", "create") else list(silver.live)
            kept = [file for file in kept if file.path not in plan.removed]
            files = [(f.path, f.partition_values) for f in (*kept, *plan.files)]
            self._workspace.engine.register(
                RESULT,
                [f"{self._lake.address(self._table)}/{path}" for path, _ in files],
                plan.schema,
                partition_by=plan.partition_by,
                partitions=[values for _, values in files],
            )

        return register

    def _commit_side(self, task: _Task, table: TableName, files: Sequence[DataFile], schema: pa.Schema) -> None:
        snapshot = self._lake.find(table)
        if snapshot is None and not files:
            return
        if snapshot is not None and set(schema.names) - set(snapshot.schema.names):
            snapshot = self._lake.widen(table, schema)
        is_whole = task.mode in ("replace", "create")

        def planner(current: Snapshot | None) -> Commit:
            mode: Mode = "create" if current is None else "replace" if is_whole else "append"
            return self._lake.plan(
                table,
                current,
                mode,
                files,
                schema=schema if current is None or mode == "replace" else current.schema,
                app_id=self._app_id,
                app_version=task.app_versions[str(table)],
                run_id=self._run_id,
            )

        self._lake.write(table, planner)


def _repairs(compiled: Compiled, conformed: Conformed) -> tuple[Repair, ...]:
    table = str(compiled.contract.table)
    found = []
    for count in conformed.report.counts:
        if count.effect not in ("repair", "warning"):
            continue
        columns = [c for c in compiled.contract.columns if c.name == count.column]
        samples = tuple((s.before, s.after) for s in count.samples if s.before is not None and s.after is not None)
        restricted = any(column.is_restricted for column in columns)
        found.append(Repair(table, count.column, count.rule, count.rows, samples, restricted))
    return tuple(found)


def _details(conformed: Conformed, task: _Task) -> dict[str, Json]:
    report = conformed.report
    rejects: list[Json] = [
        {"rule": c.rule, "column": c.column, "effect": c.effect, "rows": c.rows}
        for c in report.counts
        if c.effect in ("quarantine", "drop")
    ]
    conflicts: list[Json] = [
        {"source": source, "row": row, "kept_source": kept, "kept_row": kept_row}
        for source, row, kept, kept_row in report.duplicates.samples
    ]
    return {
        "mode": task.mode,
        "quarantined": report.quarantined,
        "dropped": report.dropped,
        "duplicates_exact": report.duplicates.exact,
        "duplicates_conflicting": report.duplicates.conflicting,
        "duplicates_stale": report.duplicates.stale,
        "conflicts": conflicts,
        "rejects": rejects,
    }
