"""Any sequence of writes leaves the rows that the same writes leave in a Python list."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
from afluente.core.tables import TableName
from afluente.lake import Lake
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("uf", pa.string()),
        pa.field("nome", pa.string()),
        pa.field("valor", pa.decimal128(20, 4)),
    ]
)
TABLE = TableName("silver", "modelo")
STEP = "afluente:modelo:silver.modelo"
UFS = st.sampled_from(["SP", "São Paulo", "a b/c=d%20", "*[x]?", None])

Row = tuple[int | None, str | None, str, Decimal | None]

ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 12)),
        UFS,
        st.sampled_from(["ação", "it's", "", "x" * 80]),
        st.one_of(st.none(), st.decimals(-99999, 99999, places=4)),
    ),
    max_size=8,
)


def unique_by_id(rows: Sequence[Row]) -> list[Row]:
    return list({row[0]: row for row in rows}.values())


class Writes(RuleBasedStateMachine):
    """The lake beside a plain list."""

    @initialize(is_partitioned=st.booleans())
    def begin(self, is_partitioned: bool) -> None:  # noqa: FBT001
        self.folder = tempfile.mkdtemp(prefix="modelo-")
        self.lake = Lake(self.folder, project_name="modelo")
        self.partition_by = ("uf",) if is_partitioned else ()
        self.model: list[Row] = []
        self.seen = -1
        self.old: list[Row] = []
        self.has_only_appended = True

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def commit(self, mode: str, rows: Sequence[Row], **options: object) -> None:
        snapshot = self.lake.find(TABLE)
        batches = [
            pa.RecordBatch.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in part], SCHEMA)
            for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :])
        ]
        plan = self.lake.plan(
            TABLE,
            snapshot,
            mode,
            self.lake.write_batches(TABLE, SCHEMA, batches, self.partition_by),
            schema=SCHEMA,
            app_id=STEP,
            app_version=1 if snapshot is None else snapshot.transaction_version(STEP) + 1,
            partition_by=self.partition_by,
            **options,
        )
        done = self.lake.commit(plan)
        assert self.lake.commit(plan) == type(done)(TABLE, done.version, True, done.rows, done.size_bytes, done.files)

    @rule(rows=ROWS)
    def append(self, rows: list[Row]) -> None:
        self.commit("append", rows)
        self.model += rows

    @rule(rows=ROWS)
    def replace(self, rows: list[Row]) -> None:
        self.commit("replace", rows)
        self.has_only_appended = False
        self.model = list(rows)

    @rule(rows=ROWS, by_two=st.booleans())
    def upsert(self, rows: list[Row], by_two: bool) -> None:  # noqa: FBT001
        new = unique_by_id(rows)
        width = 2 if by_two else 1
        keys = {row[:width] for row in new}
        self.commit("upsert", new, keys=SCHEMA.names[:width])
        self.has_only_appended = False
        self.model = [row for row in self.model if row[:width] not in keys] + new

    @rule(rows=ROWS, values=st.lists(UFS, max_size=3))
    def replace_rows(self, rows: list[Row], values: list[str | None]) -> None:
        self.commit("replace_rows", rows, column="uf", values=values)
        self.has_only_appended = False
        self.model = [row for row in self.model if row[1] not in values] + rows

    @precondition(lambda self: self.partition_by)
    @rule(rows=ROWS, emptied=st.lists(UFS, max_size=1))
    def replace_partitions(self, rows: list[Row], emptied: list[str | None]) -> None:
        self.commit("replace_partitions", rows, partitions=[{"uf": uf} for uf in emptied])
        touched = {row[1] for row in rows} | set(emptied)
        self.has_only_appended = False
        self.model = [row for row in self.model if row[1] not in touched] + rows

    @precondition(lambda self: self.lake.exists(TABLE))
    @rule()
    def optimize(self) -> None:
        done = self.lake.optimize(TABLE)
        partitions = {tuple(file.partition_values.items()) for file in self.lake.snapshot(TABLE).live}
        assert done.files_after == len(partitions)

    @precondition(lambda self: self.lake.exists(TABLE))
    @rule()
    def read_what_is_new(self) -> None:
        snapshot = self.lake.snapshot(TABLE)
        new = self.lake.changes(TABLE, self.seen, snapshot.version)
        assert new.is_append_only or not self.has_only_appended
        if new.is_append_only:
            ids = [value for file in new.files for value in pq.read_table(file, partitioning=None)["id"].to_pylist()]
            came = Counter(self.model)
            came.subtract(Counter(self.old))
            assert min(came.values(), default=0) >= 0
            assert Counter(ids) == Counter(row[0] for row in came.elements())
        self.seen, self.old, self.has_only_appended = snapshot.version, list(self.model), True

    @precondition(lambda self: self.lake.exists(TABLE))
    @rule(full=st.booleans())
    def vacuum(self, full: bool) -> None:  # noqa: FBT001
        self.lake.vacuum(TABLE, full=full, dry_run=False)

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        if not hasattr(self, "folder") or not self.lake.exists(TABLE):
            return
        snapshot = self.lake.snapshot(TABLE)
        assert snapshot.schema.equals(SCHEMA)
        assert snapshot.rows == len(self.model)
        found = [tuple(row.values()) for row in snapshot.arrow().read_all().to_pylist()]
        assert sorted(found, key=repr) == sorted(self.model, key=repr)


Writes.TestCase.settings = settings(
    max_examples=12, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
)
TestWrites = Writes.TestCase
