"""Quarantined rows brought back under today's contract, once each.

Invariant: the quarantine says which rows a replay took (one moment a replay) before the silver table gets them, in
the same transaction number; a replay that was cut between both is finished by the next one, from those marks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from afluente.conform.compile import Compiled
from afluente.conform.engine_dialect import dialect_of
from afluente.conform.execute import BronzeFile, Conformed
from afluente.conform.quarantine import quarantine_schema
from afluente.conform.repairs import repairs_schema
from afluente.core.errors import LakeError, RunError, UsageError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import DataFile, TableName
from afluente.lake.plan import Commit
from afluente.lake.snapshot import Snapshot
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Plan, Step
from afluente.runs.steps.conform_rows import conform_rows, rejects
from afluente.runs.steps.planning import rule_tables
from afluente.runs.steps.quality import ask_rules, refusal, refused_by
from afluente.runs.steps.replay_marks import FRESH, MOMENT_KEY, ORIGIN_KEY, QUARANTINE, TAKEN, Marks, same_origin
from afluente.runs.steps.views import register_result, register_snapshot
from afluente.runs.steps.workspace import Workspace
from afluente.state.json_value import Json

if TYPE_CHECKING:
    from afluente.project.contract import Contract
    from afluente.project.settings import Project

KIND = "replay"
_BRONZE = "replay_bronze"
_EXISTING = "replay_existing"
_RESULT = "replay_result"


def contract_of(project: Project, table: str) -> Contract:
    """The contract whose refused rows stand in quarantine; `table` is `silver.name` or `name`. UsageError."""
    by_name = {str(contract.table): contract for contract in project.contracts if contract.source is not None}
    name = table if "." in table else f"silver.{table}"
    if name.startswith("quarantine."):
        name = f"silver.{name.partition('.')[2]}"
    if name.startswith(("bronze.", "silver.bronze_")) and name not in by_name:
        raise UsageError(
            "quarantine.unread_lines",
            f"'{table}' holds lines that could not be read, which no contract brings back",
            hint="correct the file and run again: what changed is read again",
        )
    if name not in by_name:
        raise UsageError(
            "quarantine.table_unknown", f"no contract makes '{table}'", hint=did_you_mean(name, sorted(by_name))
        )
    return by_name[name]


def replay_plan(contract: Contract) -> Plan:
    """One step: a table that is made whole at each run is made anew; any other gets its quarantined rows back."""
    name = str(contract.table)
    if contract.write in ("replace", "replace_partitions"):
        return Plan((Step(name, "conform", parameters={"full_refresh": True}),))
    return Plan((Step(f"{KIND}.{name}", KIND, parameters={"table": name}),))


class ReplayStep:
    """Carries out one replay."""

    def __init__(
        self, workspace: Workspace, step: Step, *, run_id: str, progress: Callable[[str, int, int], None] | None = None
    ) -> None:
        self._workspace = workspace
        self._lake = workspace.lake
        self._step = step
        self._table = TableName.parse(str(step.parameters["table"]))
        self._contract = contract_of(workspace.project, str(self._table))
        self._quarantine = TableName("quarantine", self._table.name)
        self._repairs = TableName("repairs", self._table.name)
        self._run_id = run_id
        self._app_id = self._lake.app_id(f"{KIND}:{self._table}")
        self._progress = progress or (lambda _step, _done, _total: None)
        engine = workspace.engine
        self._dialect = dialect_of(engine)
        self._marks = Marks(
            workspace, self._dialect, table=self._table, quarantine=self._quarantine, app_id=self._app_id, run_id=run_id
        )

    def prepare(self) -> Mapping[str, Json] | None:
        """The replay's number and moment; those of the one that was cut short, if there is one."""
        quarantine = self._lake.find(self._quarantine)
        if quarantine is None:
            return None
        silver = self._silver()
        marked = quarantine.transaction_version(self._app_id)
        settled = silver.transaction_version(self._app_id)
        if marked > settled:
            return {"version": marked, "moment": self._moment_of(quarantine, marked)}
        return {"version": max(marked, settled) + 1, "moment": self._workspace.clock.now().isoformat()}

    def run(self, durable_input: Mapping[str, Json] | None) -> StepOutcome:
        if durable_input is None:
            return StepOutcome(status="unchanged")
        version, moment = int(str(durable_input["version"])), str(durable_input["moment"])
        quarantine = self._lake.snapshot(self._quarantine)
        silver = self._silver()
        if silver.transaction_version(self._app_id) >= version:
            return StepOutcome(status="done", rows_in=0, rows_out=0, rows_rejected=0)
        is_marked = quarantine.transaction_version(self._app_id) >= version
        try:
            with self._workspace.stage_folder(f"{KIND}-{self._table.name}") as stage:
                return self._replay(quarantine, silver, version, moment, stage=stage, is_marked=is_marked)
        finally:
            for name in (QUARANTINE, _BRONZE, TAKEN, FRESH, _EXISTING, _RESULT):
                self._workspace.engine.drop(name)

    def _replay(
        self, quarantine: Snapshot, silver: Snapshot, version: int, moment: str, *, stage: str, is_marked: bool
    ) -> StepOutcome:
        engine = self._workspace.engine
        waiting = self._register_quarantine(quarantine, moment if is_marked else None)
        taken = self._take(stage, moment if is_marked else None)
        rows = sum(file.rows for file in taken)
        if not rows and not is_marked:
            return StepOutcome(status="unchanged", rows_in=0, rows_out=0, rows_rejected=0, details={"waiting": waiting})
        compiled, conformed = self._conform(stage, taken, silver, moment)
        if conformed.schema.names != silver.schema.names:
            raise RunError(
                "replay.schema_changed",
                f"contract {self._table} has other columns than the table as it stands",
                hint=f"make the table anew: afluente run {self._table} --full-refresh",
            )
        plan = self._plan(silver, conformed.silver, version)
        outcomes = ask_rules(
            self._workspace,
            self._contract,
            partial(register_result, engine, _RESULT, plan, silver, address=self._lake.address(self._table)),
            _RESULT,
            engine=engine,
            schemas=self._schemas(plan.schema),
        )
        refused = refusal(outcomes)
        report = conformed.report
        accepted = report.rows_in - report.quarantined - report.dropped
        self._register_fresh(compiled, conformed)
        if is_marked and (refused is not None or accepted < rows):
            self._marks.take_back(quarantine, moment, everything=refused is not None)
        if refused is not None:
            if is_marked:
                self._lake.commit(self._plan(silver, (), version))
            outcome = StepOutcome(rows_in=rows, rows_out=0, rows_rejected=rows, quality=tuple(outcomes))
            hint = "no row was brought back; mend the data or the contract, and replay again"
            return refused_by(refused, outcome, hint=hint)
        if not is_marked:
            dropped = compiled if report.dropped else None
            self._marks.mark(quarantine, dropped, version=version, moment=moment, has_accepted=accepted > 0)
        if accepted or is_marked:
            self._commit_repairs(conformed, version)
            committed = self._lake.commit(plan)
        return StepOutcome(
            status="done" if accepted else "unchanged",
            rows_in=rows,
            rows_out=accepted,
            rows_rejected=report.quarantined + report.dropped,
            rows_repaired=report.repaired(),
            bytes=sum(file.size_bytes for file in conformed.silver),
            table_version=committed.version if accepted or is_marked else silver.version,
            quality=tuple(outcomes),
            details={
                "waiting": waiting,
                "superseded": waiting - rows,
                "dropped": report.dropped,
                "duplicates": report.duplicates.rows,
                "rejects": rejects(report),
            },
        )

    def _silver(self) -> Snapshot:
        found = self._lake.find(self._table)
        if found is None:
            raise LakeError(
                "replay.table_missing",
                f"table {self._table} does not exist yet, so nothing can be brought back into it",
                hint=f"make it first: afluente run {self._table}",
            )
        return found

    def _moment_of(self, quarantine: Snapshot, version: int) -> str:
        for entry in self._lake.history(self._quarantine, limit=10_000):
            if entry.transactions.get(self._app_id) == version and MOMENT_KEY in entry.info:
                return entry.info[MOMENT_KEY]
        register_snapshot(self._workspace.engine, QUARANTINE, quarantine)
        newest = self._workspace.engine.query(f"SELECT max(replayed_at) AS m FROM {QUARANTINE}").to_pylist()[0]["m"]
        return newest.isoformat() if isinstance(newest, datetime) else self._workspace.clock.now().isoformat()

    def _register_quarantine(self, quarantine: Snapshot, moment: str | None) -> int:
        """Make it readable; how many of its rows the replay is about."""
        register_snapshot(self._workspace.engine, QUARANTINE, quarantine)
        sql = f"SELECT count(*) AS n FROM {QUARANTINE} AS q WHERE {self._marks.is_asked(moment)}"
        return int(self._workspace.engine.query(sql).to_pylist()[0]["n"])

    def _take(self, stage: str, moment: str | None) -> list[DataFile]:
        """The bronze rows of the quarantined ones, as files; rows whose file was superseded are in bronze no more."""
        source = self._contract.source
        if source is None:
            raise LakeError("lake.plan", f"contract {self._table} has no table to be conformed from", hint="")
        bronze = self._lake.snapshot(source)
        register_snapshot(self._workspace.engine, _BRONZE, bronze)
        columns = ", ".join(f"b.{self._dialect.identifier(name)}" for name in bronze.schema.names)
        origin = ", ".join(f"q.{name}" for name in ORIGIN_KEY)
        asked = f"(SELECT DISTINCT {origin} FROM {QUARANTINE} AS q WHERE {self._marks.is_asked(moment)})"
        sql = f"SELECT {columns} FROM {_BRONZE} AS b JOIN {asked} AS q ON {same_origin('b', 'q')}"
        files = self._workspace.engine.write_parquet(sql, stage, schema=bronze.schema)
        self._workspace.engine.register(TAKEN, [f"{stage}/{file.path}" for file in files], bronze.schema)
        return files

    def _conform(
        self, stage: str, taken: Sequence[DataFile], silver: Snapshot, moment: str
    ) -> tuple[Compiled, Conformed]:
        contract = self._contract
        bronze = self._lake.snapshot(contract.source or self._table)
        for table in self._others():
            register_snapshot(self._workspace.engine, table.view, self._lake.snapshot(table))
        existing = None
        if contract.write == "upsert":
            register_snapshot(self._workspace.engine, _EXISTING, silver)
            existing = _EXISTING
        return conform_rows(
            self._workspace,
            contract,
            bronze.schema,
            [BronzeFile(f"{stage}/{file.path}", file.rows) for file in taken],
            existing=existing,
            run_id=self._run_id,
            moment=moment,
            progress=partial(self._progress, self._step.name),
        )

    def _others(self) -> list[TableName]:
        contract = self._contract
        named = {*(reference.table for reference in contract.references), *rule_tables(contract)}
        return sorted(named - {contract.source, contract.table})

    def _schemas(self, schema: pa.Schema) -> dict[TableName, pa.Schema]:
        return {self._table: schema} | {table: self._lake.snapshot(table).schema for table in self._others()}

    def _plan(self, silver: Snapshot, files: Sequence[DataFile], version: int) -> Commit:
        """Rows of a replay come on top of what is there: by key where the table is written by key."""
        is_upsert = self._contract.write == "upsert" and bool(files)
        return self._lake.plan(
            self._table,
            silver,
            "upsert" if is_upsert else "append",
            files,
            schema=silver.schema,
            app_id=self._app_id,
            app_version=version,
            partition_by=silver.partition_by,
            keys=self._contract.keys if is_upsert else (),
            input_signature=silver.input_signature,
            run_id=self._run_id,
        )

    def _register_fresh(self, compiled: Compiled, conformed: Conformed) -> None:
        folder = self._lake.address(self._quarantine)
        files = [f"{folder}/{file.path}" for file in conformed.quarantine]
        self._workspace.engine.register(FRESH, files, quarantine_schema(compiled.bronze))

    def _commit_repairs(self, conformed: Conformed, version: int) -> None:
        if self._contract.repairs != "log" or not conformed.repairs:
            return

        def planner(current: Snapshot | None) -> Commit:
            return self._lake.plan(
                self._repairs,
                current,
                "create" if current is None else "append",
                conformed.repairs,
                schema=repairs_schema() if current is None else current.schema,
                app_id=self._app_id,
                app_version=version,
                run_id=self._run_id,
            )

        self._lake.write(self._repairs, planner)
