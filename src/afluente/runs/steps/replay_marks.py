"""The marks a replay leaves in a quarantine table: which rows it took, and why the others still are refused.

Invariant: a rewriting keeps every row of the table; it changes failures and replay moments only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from afluente.core.errors import RunError
from afluente.core.tables import TableName

if TYPE_CHECKING:
    from afluente.conform.compile import Compiled
    from afluente.conform.dialect import Dialect
    from afluente.lake.snapshot import Snapshot
    from afluente.runs.steps.workspace import Workspace

MOMENT_KEY = "afluente.replayed_at"
ORIGIN_KEY = ("_source", "_source_row", "_ingested_at")
QUARANTINE = "replay_quarantine"
TAKEN = "replay_taken"
FRESH = "replay_fresh"


class Marks:
    """Writes the marks. The views QUARANTINE, TAKEN (the rows tried) and FRESH (their refusals) are registered."""

    def __init__(
        self,
        workspace: Workspace,
        dialect: Dialect,
        *,
        table: TableName,
        quarantine: TableName,
        app_id: str,
        run_id: str,
    ) -> None:
        self._lake = workspace.lake
        self._engine = workspace.engine
        self._dialect = dialect
        self._table = table
        self._quarantine = quarantine
        self._app_id = app_id
        self._run_id = run_id

    def is_asked(self, moment: str | None) -> str:
        """SQL, true for rows `q` that wait (no moment), or that the replay of a moment took."""
        return "q.replayed_at IS NULL" if moment is None else f"q.replayed_at = {self._instant(moment)}"

    def mark(
        self, quarantine: Snapshot, dropped: Compiled | None, *, version: int, moment: str, has_accepted: bool
    ) -> None:
        """Commit which rows are taken, and why the others still are not. Without any taken, the reasons alone.

        `dropped` is the compiled contract when it drops some of the rows: they are neither taken nor refused.
        """
        joins = f" LEFT JOIN (SELECT {', '.join(ORIGIN_KEY)} FROM {TAKEN}) AS t ON {same_origin('t', 'q')}"
        is_taken = "t._source IS NOT NULL AND f._source IS NULL"
        if dropped is not None:
            found = f"SELECT {', '.join(ORIGIN_KEY)} FROM ({dropped.select(TAKEN)}) AS c WHERE {dropped.any_of('drop')}"
            joins += f" LEFT JOIN ({found}) AS d ON {same_origin('d', 'q')}"
            is_taken += " AND d._source IS NULL"
        failures = "CASE WHEN q.replayed_at IS NULL AND f._source IS NOT NULL THEN f.failures ELSE q.failures END"
        if has_accepted:
            taken = (
                f"CASE WHEN q.replayed_at IS NULL AND {is_taken} THEN {self._instant(moment)} ELSE q.replayed_at END"
            )
            changed = {"failures": failures, "replayed_at": taken}
            self._rewrite(
                quarantine, changed, joins=joins, app_id=self._app_id, version=version, details={MOMENT_KEY: moment}
            )
        elif self._has_new_reasons():
            self._rewrite(quarantine, {"failures": failures}, app_id=f"{self._app_id}:reasons")

    def take_back(self, quarantine: Snapshot, moment: str, *, everything: bool) -> None:
        """Take back the marks of a cut replay for rows that today's contract refuses again, or for all of them."""
        asked = self.is_asked(moment)
        is_back = asked if everything else f"{asked} AND f._source IS NOT NULL"
        changed = {
            "failures": f"CASE WHEN {asked} AND f._source IS NOT NULL THEN f.failures ELSE q.failures END",
            "replayed_at": f"CASE WHEN {is_back} THEN NULL ELSE q.replayed_at END",
        }
        self._rewrite(quarantine, changed, app_id=f"{self._app_id}:taken_back")

    def _instant(self, moment: str) -> str:
        return f"CAST({self._dialect.literal(moment)} AS {self._dialect.sql_type('timestamp')})"

    def _has_new_reasons(self) -> bool:
        sql = (
            f"SELECT count(*) AS n FROM {QUARANTINE} AS q JOIN {FRESH} AS f ON {same_origin('f', 'q')}"
            " WHERE q.replayed_at IS NULL AND q.failures IS DISTINCT FROM f.failures"
        )
        return int(self._engine.query(sql).to_pylist()[0]["n"]) > 0

    def _rewrite(
        self,
        quarantine: Snapshot,
        changed: Mapping[str, str],
        *,
        app_id: str,
        joins: str = "",
        version: int | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        columns = ", ".join(
            f"{changed.get(name, f'q.{self._dialect.identifier(name)}')} AS {self._dialect.identifier(name)}"
            for name in quarantine.schema.names
        )
        sql = f"SELECT {columns} FROM {QUARANTINE} AS q LEFT JOIN {FRESH} AS f ON {same_origin('f', 'q')}{joins}"
        files = self._engine.write_parquet(sql, self._lake.address(self._quarantine), schema=quarantine.schema)
        rows = sum(file.rows for file in files)
        if rows != quarantine.rows:
            raise RunError(
                "replay.rows_differ",
                f"the quarantine of {self._table} has {quarantine.rows} rows and its rewriting {rows}",
                hint=f"make the table anew: afluente run {self._table} --full-refresh",
            )
        plan = self._lake.plan(
            self._quarantine,
            quarantine,
            "replace",
            files,
            schema=quarantine.schema,
            app_id=app_id,
            app_version=quarantine.transaction_version(app_id) + 1 if version is None else version,
            run_id=self._run_id,
            details=details,
        )
        self._lake.commit(plan)


def same_origin(left: str, right: str) -> str:
    """SQL, true where two rows came from the same record of the same reading of a source."""
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in ORIGIN_KEY)
