"""A silver table made from its bronze table by its contract.

Invariant: the rules are asked of the written files before anything is committed; quarantine and repairs commit
first and the silver table last, each exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, assert_never

import pyarrow as pa

from afluente.conform.compile import Compiled
from afluente.conform.engine_dialect import dialect_of
from afluente.conform.execute import BronzeFile, Conformed
from afluente.conform.quarantine import quarantine_schema
from afluente.conform.repairs import repairs_schema
from afluente.core.errors import DataRefused, LakeError, RunError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import DataFile, TableName
from afluente.lake.plan import Commit, Mode
from afluente.lake.snapshot import Snapshot
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Step
from afluente.runs.steps.conform_rows import conform_rows, rejects
from afluente.runs.steps.inputs import Input, Inputs, stale_plan, step_gone
from afluente.runs.steps.planning import rule_tables
from afluente.runs.steps.present import present_files
from afluente.runs.steps.quality import ask_rules, refusal, refused_by
from afluente.runs.steps.silver_source import staged_silver
from afluente.runs.steps.views import register_result, register_snapshot
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

    inputs: str
    mode: Mode
    from_version: int
    app_versions: Mapping[str, int]
    base_version: int | None
    at: str

    def to_json(self) -> dict[str, Json]:
        return {
            "inputs": self.inputs,
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
        contract = next((c for c in workspace.project.contracts if c.table == table), None)
        if contract is None or contract.source is None:
            raise step_gone(step.name)
        self._contract: Contract = contract
        self._source: TableName = contract.source
        self._table = table
        self._quarantine = TableName("quarantine", table.name)
        self._repairs = TableName("repairs", table.name)
        self._run_id = run_id
        self._app_id = self._lake.app_id(step.name)
        self._progress = progress or (lambda _step, _done, _total: None)

    def prepare(self) -> Mapping[str, Json] | None:
        """The pinned inputs; None when the table is already made from them."""
        wanted = self._inputs({str(table): self._input(table) for table in self._input_tables()})
        silver = self._lake.find(self._table)
        known = Inputs.parse(silver.input_signature) if silver else None
        is_full = bool(self._step.parameters.get("full_refresh"))
        if known == wanted and not is_full:
            return None
        mode: Mode = "replace"
        from_version = -1
        if known is not None and not is_full:
            mode, from_version = self._how(known, wanted)
        found = {table: self._lake.find(table) for table in (self._table, *self._sides())}
        committed = [table for table in self._sides() if self._is_committed(found[table], wanted)]
        if any(not self._is_in_step(found[table], known, wanted) for table in self._sides()):
            mode, from_version = "replace", -1
        if silver is None:
            mode = "create"
        app_versions = {
            str(table): 1 if snapshot is None else snapshot.transaction_version(self._app_id) + 1
            for table, snapshot in found.items()
        }
        if from_version >= 0:
            for table in committed:
                app_versions[str(table)] -= 1
        base = None if silver is None else silver.version
        at = self._workspace.clock.now().isoformat()
        return _Task(wanted.signature(), mode, from_version, app_versions, base, at).to_json()

    def run(self, durable_input: Mapping[str, Json] | None) -> StepOutcome:
        if durable_input is None:
            return StepOutcome(status="unchanged")
        task = _Task(**durable_input)  # type: ignore[arg-type]
        inputs = Inputs.parse(task.inputs)
        if inputs is None:
            raise RunError("runs.durable_input", f"step {self._step.name} was prepared without its inputs")
        inputs.check_still_made_as(self._inputs({}), self._step.name)
        bronze = self._lake.snapshot(self._source, inputs.tables[str(self._source)].version)
        with self._taken(bronze, task) as (schema, files):
            return self._conform(task, inputs, schema, files)

    def _conform(self, task: _Task, inputs: Inputs, schema: pa.Schema, files: Sequence[BronzeFile]) -> StepOutcome:
        contract = self._contract
        engine = self._workspace.engine
        schemas: dict[TableName, pa.Schema] = {}
        for table in self._input_tables()[1:]:
            snapshot = self._lake.snapshot(table, inputs.tables[str(table)].version)
            register_snapshot(engine, table.view, snapshot)
            schemas[table] = snapshot.schema
        silver = None if task.base_version is None else self._lake.snapshot(self._table, task.base_version)
        existing = None
        if task.mode == "upsert" and silver is not None:
            register_snapshot(engine, EXISTING, silver)
            existing = EXISTING
        compiled, conformed = conform_rows(
            self._workspace,
            contract,
            schema,
            files,
            existing=existing,
            run_id=self._run_id,
            moment=task.at,
            progress=partial(self._progress, self._step.name),
        )
        self._check_references(conformed)
        plan = self._plan(task, silver, conformed)
        outcomes = ask_rules(
            self._workspace,
            contract,
            partial(register_result, engine, RESULT, plan, silver, address=self._lake.address(self._table)),
            RESULT,
            engine=engine,
            schemas={self._table: conformed.schema, **schemas},
        )
        refused = refusal(outcomes)
        report = conformed.report
        if refused is None:
            self._commit_side(task, self._quarantine, conformed.quarantine, quarantine_schema(compiled.bronze))
            if contract.repairs == "log":
                self._commit_side(task, self._repairs, conformed.repairs, repairs_schema())
            committed = self._lake.commit(plan)
        outcome = StepOutcome(
            rows_in=report.rows_in,
            rows_out=report.accepted,
            rows_rejected=report.quarantined + report.dropped,
            rows_repaired=report.repaired(),
            bytes=sum(file.size_bytes for file in conformed.silver),
            table_version=committed.version if refused is None else None,
            quality=tuple(outcomes),
            repairs=_repairs(compiled, conformed),
            details=_details(conformed, task),
        )
        hint = "nothing was committed; mend the data or the contract, and run again"
        return outcome if refused is None else refused_by(refused, outcome, hint=hint)

    def _input(self, table: TableName) -> Snapshot:
        found = self._lake.find(table)
        if found is None:
            raise LakeError(
                "lake.input_missing",
                f"table {table}, which {self._table} needs, does not exist yet",
                hint=self._how_it_comes(table),
            )
        return found

    def _how_it_comes(self, table: TableName) -> str:
        fleet = self._workspace.project.fleet
        if fleet is not None and any(table == one.table for one in fleet.lists):
            return "the fleet's hub makes it with the first list that it keeps: afluente hub serve"
        return did_you_mean(str(table), [str(name) for name in self._lake.tables()])

    def _input_tables(self) -> list[TableName]:
        contract = self._contract
        others = {*(r.table for r in contract.references), *rule_tables(contract)} - {self._source, contract.table}
        return [self._source, *sorted(others)]

    def _inputs(self, tables: Mapping[str, Snapshot]) -> Inputs:
        return Inputs(
            self._contract.text_sha256,
            self._workspace.project.timezone,
            {name: Input(snapshot.table_id, snapshot.version) for name, snapshot in tables.items()},
        )

    def _sides(self) -> tuple[TableName, ...]:
        return (self._quarantine, self._repairs) if self._contract.repairs == "log" else (self._quarantine,)

    def _is_committed(self, side: Snapshot | None, wanted: Inputs) -> bool:
        """Whether an attempt that ended before silver's commit has already written this table for these inputs."""
        return side is not None and side.input_signature == wanted.signature()

    def _is_in_step(self, side: Snapshot | None, known: Inputs | None, wanted: Inputs) -> bool:
        """Whether new rows may be added: the table was made with silver, or is already made for these inputs."""
        if side is None or self._is_committed(side, wanted):
            return True
        return known is not None and side.input_signature == known.signature()

    def _how(self, known: Inputs, wanted: Inputs) -> tuple[Mode, int]:
        """The commit's mode and the bronze version to go on from (-1: take every row)."""
        source = str(self._source)
        references = [str(r.table) for r in self._contract.references if r.table != self._table]
        if (
            not self._adds_up()
            or not wanted.is_made_as(known)
            or not wanted.goes_on_from(known, source)
            or not all(wanted.is_same(known, table) for table in references)
        ):
            return "replace", -1
        from_version = known.tables[source].version
        changes = self._lake.changes(self._source, from_version, wanted.tables[source].version)
        return (self._contract.write, from_version) if changes.is_append_only else ("replace", -1)

    def _adds_up(self) -> bool:
        """Whether the table and new rows give what all rows together give.

        Rows that give way to rows of an earlier commit cannot be told from the new ones alone, save the older of
        one key; and which delivery of a partition stands is told from all of them.
        """
        contract = self._contract
        rule = contract.deduplicate
        match contract.write:
            case "append":
                return rule is None
            case "upsert":
                is_by_key = rule is not None and set(rule.keys) == set(contract.keys)
                return is_by_key and rule is not None and rule.keep == "latest" and rule.by is not None
            case "replace" | "replace_partitions":
                return False
            case _:
                assert_never(contract.write)

    @contextmanager
    def _taken(self, bronze: Snapshot, task: _Task) -> Iterator[tuple[pa.Schema, Sequence[BronzeFile]]]:
        """The files of the rows that the contract takes, and their columns."""
        if self._source.layer == "silver":
            into, run_id = self._table.name, self._run_id
            with staged_silver(
                self._workspace, bronze, dialect_of(self._workspace.engine), into=into, moment=task.at, run_id=run_id
            ) as staged:
                yield staged
        elif self._contract.take == "all":
            yield bronze.schema, self._files(bronze, task)
        else:
            with present_files(self._workspace.engine, self._lake, bronze) as files:
                yield bronze.schema, [BronzeFile(f"{bronze.address}/{file.path}", file.rows) for file in files]

    def _files(self, bronze: Snapshot, task: _Task) -> list[BronzeFile]:
        rows = {f"{bronze.address}/{file.path}": file.rows or 0 for file in bronze.live}
        if task.from_version < 0:
            return [BronzeFile(path, rows[path]) for path in bronze.files]
        changes = self._lake.changes(bronze.table, task.from_version, bronze.version)
        if not changes.is_append_only:
            raise stale_plan(self._step.name, f"the new rows of {bronze.table} cannot be told any more")
        return [BronzeFile(path, rows.get(path, 0)) for path in changes.files]

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
            input_signature=task.inputs,
            run_id=self._run_id,
        )

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
                input_signature=task.inputs,
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
        "superseded": report.superseded,
        "conflicts": conflicts,
        "rejects": rejects(report),
    }
