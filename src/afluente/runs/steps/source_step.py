"""A source brought into bronze: landed as sent, parsed, committed, its position saved.

Invariant: the rows of one unit replace all earlier rows of the same unit in the same commit, so that reading a unit
again changes nothing. The position that a commit reaches is written down before it, with the transaction that will
hold it, so that after a crash the lake itself tells which position is true. What cannot be read goes to quarantine
before its unit is committed. `_ingested_at` never goes back in a table, whatever the machine's clock does, and what a
run that was cut had not brought yet comes under the moment of what it had: one delivery, one moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import pyarrow as pa

from afluente.core.errors import RunError, SourceError
from afluente.core.tables import DataFile, TableName
from afluente.lake.plan import Commit, Mode
from afluente.lake.snapshot import Snapshot
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Step
from afluente.runs.steps.inputs import step_gone
from afluente.runs.steps.workspace import Workspace
from afluente.sources.source import Landed, Parsed, Position, Reject, Source
from afluente.state import source_positions
from afluente.state.json_value import Json
from afluente.state.source_positions import SourcePosition

UNITS_A_COMMIT = 200
ROWS_A_COMMIT = 5_000_000
REJECTS_A_UNIT = 100_000
_TICK = timedelta(microseconds=1)
_INSTANT = pa.timestamp("us", tz="UTC")
_FAILURE = pa.struct([(name, pa.string()) for name in ("rule", "column", "value", "reason", "reason_en")])
REJECT_SCHEMA = pa.schema(
    [
        ("_quarantine_id", pa.string()),
        ("_table", pa.string()),
        ("_line", pa.int64()),
        ("_text", pa.string()),
        ("_source", pa.string()),
        ("_source_row", pa.int64()),
        ("_ingested_at", _INSTANT),
        ("_run_id", pa.string()),
        ("failures", pa.list_(_FAILURE)),
        ("quarantined_at", _INSTANT),
        ("replayed_at", _INSTANT),
    ]
)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A position and the transaction of bronze that reaches it. An empty `table_id` is a table not made yet.

    `open_at` is the moment of a delivery that is not whole yet at this position; empty when none is.
    """

    position: Position
    table_id: str
    app_version: int
    open_at: str = ""

    def to_json(self) -> dict[str, Json]:
        fields: dict[str, Json] = {
            "position": dict(self.position),
            "table_id": self.table_id,
            "app_version": self.app_version,
        }
        return fields | {"open_at": self.open_at} if self.open_at else fields

    @classmethod
    def parse(cls, value: Json) -> _Mark | None:
        match value:
            case {"position": dict(position), "table_id": str(table_id), "app_version": int(version), **others}:
                return cls(cast("Position", position), table_id, version, str(others.get("open_at", "")))
        return None

    def is_held_by(self, snapshot: Snapshot, app_id: str) -> bool:
        """Whether the table holds what the position says was read."""
        is_same = self.table_id in ("", snapshot.table_id)
        return is_same and snapshot.transaction_version(app_id) >= self.app_version


class SourceStep:
    """Carries out one source step."""

    def __init__(self, workspace: Workspace, step: Step, *, run_id: str) -> None:
        self._workspace = workspace
        self._lake = workspace.lake
        self._name = str(step.source)
        settings = next((source for source in workspace.project.sources if source.name == self._name), None)
        if settings is None:
            raise step_gone(step.name)
        self._table: TableName = settings.into[0]
        self._rejected = TableName("quarantine", f"bronze_{self._table.name}")
        self._run_id = run_id
        self._now = workspace.clock.now()
        self._app_id = self._lake.app_id(step.name)
        self._spelled: dict[str, str] = {}

    def prepare(self) -> Mapping[str, Json]:
        """The moment its rows will say they came: now, and later than all that came before."""
        mark = self._mark()
        if mark is not None and mark.open_at:
            return {"at": mark.open_at}
        bronze = self._lake.find(self._table)
        came = [file.maximum.get("_ingested_at") for file in bronze.live] if bronze is not None else []
        newest = max((moment for moment in came if isinstance(moment, datetime)), default=None)
        now = self._workspace.clock.now()
        return {"at": (now if newest is None else max(now, newest + _TICK)).isoformat()}

    def has_news(self) -> bool:
        """Whether the source has a unit that was not brought in yet. It may land the first one; nothing else."""
        if not self._lake.exists(self._table):
            return True
        mark = self._mark()
        if mark is not None and mark.open_at:
            return True
        position = {} if mark is None else mark.position
        return next(iter(self._workspace.source(self._name).read(position)), None) is not None

    def run(self, durable_input: Mapping[str, Json]) -> StepOutcome:
        mark = self._mark()
        position = {} if mark is None else mark.position
        self._now = datetime.fromisoformat(str(durable_input["at"]))
        source = self._workspace.source(self._name)
        reading = source.read(position)
        bronze = self._lake.find(self._table)
        self._spelled = {} if bronze is None else {name.casefold(): name for name in bronze.schema.names}
        rows = rejected = size = units = 0
        version: int | None = None
        pending = _Pending()
        for landed in reading:
            units += 1
            size += landed.file.size_bytes
            taken, refused = self._take(source, landed, pending)
            rows += taken
            rejected += refused
            if len(pending.sources) >= UNITS_A_COMMIT or pending.rows >= ROWS_A_COMMIT:
                version = self._commit(pending, landed.position, is_whole=False)
                pending = _Pending()
        if pending.sources:
            version = self._commit(pending, reading.position)
        elif units or reading.position != position or (mark is not None and mark.open_at):
            self._save(reading.position)
        if not units:
            return StepOutcome(status="unchanged", rows_in=0, rows_out=0, rows_rejected=0, bytes=0)
        return StepOutcome(
            rows_in=rows + rejected,
            rows_out=rows,
            rows_rejected=rejected,
            bytes=size,
            table_version=version,
            details={"units": units},
        )

    def _take(self, source: Source, landed: Landed, pending: _Pending) -> tuple[int, int]:
        parsed = source.parse(landed)
        schema = self._bronze_schema(parsed)
        rejects: list[Reject] = []
        files = self._lake.write_batches(self._table, schema, self._batches(parsed, schema, landed, rejects))
        for known in pending.schemas:
            _check_types(self._name, known, schema)
        pending.add(landed.source, schema, files, rejects)
        return sum(file.rows for file in files), len(rejects)

    def _bronze_schema(self, parsed: Parsed) -> pa.Schema:
        """The unit's columns as the table spells them, whatever the case they come in, and the platform's own."""
        own = [
            field.with_name(self._spelled.setdefault(field.name.casefold(), field.name))
            for field in parsed.schema
            if field.name != "_source_row"
        ]
        meta = [
            ("_source", pa.string()),
            ("_source_row", pa.int64()),
            ("_ingested_at", _INSTANT),
            ("_run_id", pa.string()),
        ]
        return pa.schema([*own, *(pa.field(name, kind) for name, kind in meta)])

    def _batches(
        self, parsed: Parsed, schema: pa.Schema, landed: Landed, rejects: list[Reject]
    ) -> Iterator[pa.RecordBatch]:
        received = {self._spelled.get(name.casefold(), name): name for name in parsed.schema.names}
        for batch in parsed.batches:
            rejects += batch.rejects
            if len(rejects) > REJECTS_A_UNIT:
                raise SourceError(
                    "source.too_many_rejects",
                    f"source {self._name}: more than {REJECTS_A_UNIT} lines of '{landed.source}' cannot be read",
                    hint="check the delimiter, the encoding and the format of the source",
                )
            rows = batch.rows
            if not rows.num_rows:
                continue
            count = rows.num_rows
            columns = {
                "_source": _constant(landed.source, pa.string(), count),
                "_ingested_at": _constant(self._now, _INSTANT, count),
                "_run_id": _constant(self._run_id, pa.string(), count),
            }
            arrays = [
                columns[f.name] if f.name in columns else rows.column(received[f.name]).cast(f.type) for f in schema
            ]
            yield pa.record_batch(arrays, schema=schema)

    def _mark(self) -> _Mark | None:
        """How far the source was read, as bronze itself confirms; None when it does not."""
        snapshot = self._lake.find(self._table)
        with self._workspace.state.read() as connection:
            found = source_positions.find(connection, self._name)
        if snapshot is None or found is None:
            return None
        for name in ("next", "saved"):
            mark = _Mark.parse(found.position.get(name))
            if mark is not None and mark.is_held_by(snapshot, self._app_id):
                return mark
        return None

    def _commit(self, pending: _Pending, position: Position, *, is_whole: bool = True) -> int:
        """Commit units. `is_whole`: with them the source is read to its end."""
        self._commit_rejects(pending)
        schema = pending.schema()
        snapshot = self._lake.find(self._table)
        app_version = self._next_version(snapshot)
        open_at = "" if is_whole else self._now.isoformat()
        self._note(_Mark(position, "" if snapshot is None else snapshot.table_id, app_version, open_at))
        if snapshot is not None:
            _check_types(self._name, snapshot.schema, schema)
            if set(schema.names) - set(snapshot.schema.names):
                self._lake.widen(self._table, schema)

        def planner(current: Snapshot | None) -> Commit:
            mode: Mode = "create" if current is None else "replace_rows"
            return self._lake.plan(
                self._table,
                current,
                mode,
                pending.files,
                schema=schema if current is None else current.schema,
                app_id=self._app_id,
                app_version=app_version,
                column="" if current is None else "_source",
                values=() if current is None else pending.sources,
                run_id=self._run_id,
            )

        committed = self._lake.write(self._table, planner)
        if committed is None:
            raise RunError("runs.nothing_committed", f"step source.{self._name} committed nothing")
        self._save(position, open_at)
        return committed.version

    def _next_version(self, snapshot: Snapshot | None) -> int:
        return 1 if snapshot is None else snapshot.transaction_version(self._app_id) + 1

    def _commit_rejects(self, pending: _Pending) -> None:
        snapshot = self._lake.find(self._rejected)
        if not pending.rejects and snapshot is None:
            return
        app_version = self._next_version(snapshot)
        batch = self._reject_rows(pending)
        files = self._lake.write_batches(self._rejected, REJECT_SCHEMA, [batch] if batch.num_rows else [])

        def planner(current: Snapshot | None) -> Commit:
            return self._lake.plan(
                self._rejected,
                current,
                "create" if current is None else "replace_rows",
                files,
                schema=REJECT_SCHEMA if current is None else current.schema,
                app_id=self._app_id,
                app_version=app_version,
                column="" if current is None else "_source",
                values=() if current is None else pending.sources,
                run_id=self._run_id,
            )

        self._lake.write(self._rejected, planner)

    def _reject_rows(self, pending: _Pending) -> pa.RecordBatch:
        rows = [
            {
                "_quarantine_id": hashlib.md5(f"{unit}#{r.source_row}".encode(), usedforsecurity=False).hexdigest(),
                "_table": str(self._table),
                "_line": r.line,
                "_text": r.text,
                "_source": unit,
                "_source_row": r.source_row,
                "_ingested_at": self._now,
                "_run_id": self._run_id,
                "failures": [
                    {"rule": r.rule, "column": "", "value": r.text, "reason": r.reason_pt, "reason_en": r.reason_en}
                ],
                "quarantined_at": self._now,
                "replayed_at": None,
            }
            for unit, r in pending.rejects
        ]
        return pa.RecordBatch.from_pylist(rows, schema=REJECT_SCHEMA)

    def _note(self, mark: _Mark) -> None:
        """Write down where the commit that follows will have read to, beside what was true before it."""
        with self._workspace.state.write() as connection:
            found = source_positions.find(connection, self._name)
            saved = found.position.get("saved") if found else None
            noted: dict[str, Json] = {"saved": saved, "next": mark.to_json()}
            now = self._workspace.clock.now()
            source_positions.save(connection, SourcePosition(self._name, noted, self._run_id, now))

    def _save(self, position: Position, open_at: str = "") -> None:
        snapshot = self._lake.find(self._table)
        table_id = "" if snapshot is None else snapshot.table_id
        mark = _Mark(position, table_id, self._next_version(snapshot) - 1, open_at)
        saved = SourcePosition(self._name, {"saved": mark.to_json()}, self._run_id, self._workspace.clock.now())
        with self._workspace.state.write() as connection:
            source_positions.save(connection, saved)


class _Pending:
    """Units written to files and not yet committed."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self.files: list[DataFile] = []
        self.rejects: list[tuple[str, Reject]] = []
        self.rows = 0
        self.schemas: list[pa.Schema] = []

    def add(self, source: str, schema: pa.Schema, files: list[DataFile], rejects: list[Reject]) -> None:
        self.sources.append(source)
        self.files += files
        self.rejects += [(source, reject) for reject in rejects]
        self.rows += sum(file.rows for file in files)
        self.schemas.append(schema)

    def schema(self) -> pa.Schema:
        """The columns of every unit, in the order they were met, the platform's own last."""
        fields: dict[str, pa.Field] = {}
        for schema in self.schemas:
            for field in schema:
                fields.setdefault(field.name, field)
        own = [field for name, field in fields.items() if not name.startswith("_")]
        meta = [fields[name] for name in ("_source", "_source_row", "_ingested_at", "_run_id")]
        rest = [field for name, field in fields.items() if name.startswith("_") and field not in meta]
        return pa.schema([*own, *rest, *meta])


def _check_types(source: str, known: pa.Schema, schema: pa.Schema) -> None:
    for field in schema:
        at = known.get_field_index(field.name)
        if at >= 0 and known.field(at).type != field.type:
            raise SourceError(
                "source.type_changed",
                f"source {source}: column '{field.name}' was {known.field(at).type} and now comes as {field.type}",
                hint="send it as before, or bring the new form into a table of its own",
            )


def _constant(value: object, kind: pa.DataType, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), count)
