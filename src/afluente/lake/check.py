"""What is looked at before a commit, since delta-rs looks at none of it.

Invariant: a plan that passes leaves a table that can be read and that holds only what the plan's mode allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from afluente.core.errors import LakeError
from afluente.core.tables import DataFile
from afluente.lake.failure import translated
from afluente.lake.footer import read_footer
from afluente.lake.partition import folder_values, key_of
from afluente.lake.plan import Commit
from afluente.lake.schema import canonical, check_partitioning, difference, file_schema, same_type
from afluente.lake.snapshot import Snapshot, foreign_table
from afluente.lake.stats import check_statistics, null_counts
from afluente.lake.store import Store


def check(store: Store, plan: Commit, base: Snapshot | None) -> None:
    """Refuse a plan that does not fit its base version, or whose files are not what they are said to be."""
    if plan.app_version < 1 or not plan.app_id:
        raise LakeError("lake.plan", f"the plan for {plan.table} has no app id, or a version below 1", hint="")
    if difference(canonical(plan.schema), plan.schema):
        raise LakeError("lake.plan", f"the plan for {plan.table} holds a schema that is not canonical", hint="")
    check_partitioning(plan.schema, plan.partition_by)
    if base is not None:
        _check_base(plan, base)
    _check_partitions(plan)
    seen: set[str] = set()
    for file in plan.files:
        if file.path in seen:
            raise LakeError("lake.file_repeated", f"the data file {file.path!r} stands twice in the plan", hint="")
        seen.add(file.path)
        _check_path(plan, file)
        check_statistics(file, plan.schema)
        _check_content(store, plan, file)


def _check_base(plan: Commit, base: Snapshot) -> None:
    if base.is_foreign:
        raise foreign_table(plan.table, base.obstacle)
    if tuple(plan.partition_by) != base.partition_by:
        raise LakeError(
            "lake.partitioning_changed",
            f"table {plan.table} is partitioned by {', '.join(base.partition_by) or 'nothing'}, "
            f"the plan by {', '.join(plan.partition_by) or 'nothing'}",
            hint="keep the partitioning, or remove the table's folder and run with --full-refresh",
        )
    if plan.mode != "replace" and (words := difference(base.schema, plan.schema)):
        raise LakeError(
            "lake.schema_mismatch",
            f"table {plan.table}: {words}",
            hint="add new columns with Lake.widen, or replace the whole table",
        )
    live = {file.path for file in base.live}
    if gone := [path for path in plan.removed if path not in live]:
        raise LakeError(
            "lake.plan", f"the plan for {plan.table} removes {gone[0]!r}, which version {base.version} lacks", hint=""
        )
    if again := [file.path for file in plan.files if file.path in live]:
        raise LakeError(
            "lake.file_repeated", f"the data file {again[0]!r} is already part of table {plan.table}", hint=""
        )


def _check_partitions(plan: Commit) -> None:
    for file in plan.files:
        key_of(file.partition_values, plan.partition_by, plan.schema)
    if plan.mode != "replace_partitions":
        return
    if not plan.partition_by:
        raise LakeError("lake.plan", f"table {plan.table} has no partitions to replace", hint="use the mode replace")
    allowed = {key_of(values, plan.partition_by, plan.schema) for values in plan.partitions}
    for file in plan.files:
        if key_of(file.partition_values, plan.partition_by, plan.schema) not in allowed:
            raise LakeError(
                "lake.partition_outside",
                f"the data file {file.path!r} lies outside the partitions that the plan replaces",
                hint="",
            )


def _check_path(plan: Commit, file: DataFile) -> None:
    parts = file.path.split("/")
    if file.path.startswith("/") or "://" in file.path or {"", ".", ".."} & set(parts) or parts[0] == "_delta_log":
        raise LakeError(
            "lake.file_outside",
            f"the data file {file.path!r} does not lie below the folder of table {plan.table}",
            hint="engines write below Lake.address(table)",
        )
    folders = folder_values(file.path)
    said = {name: folders[name] for name in plan.partition_by if name in folders}
    expected = key_of(file.partition_values, plan.partition_by, plan.schema)
    if set(said) != set(plan.partition_by) or key_of(said, plan.partition_by, plan.schema) != expected:
        raise LakeError(
            "lake.partition_mismatch",
            f"the data file {file.path!r} does not lie in the folder of its partition",
            hint="",
        )


def _check_content(store: Store, plan: Commit, file: DataFile) -> None:
    address = f"{store.location.table(plan.table)}/{file.path}"
    with translated(f"checking the data files of {plan.table}"):
        size = store.size(address)
    if size is None:
        raise LakeError("lake.file_missing", f"the data file {file.path!r} does not exist", hint="run the step again")
    if size != file.size_bytes:
        raise LakeError(
            "lake.file_size",
            f"the data file {file.path!r} has {size} bytes, not {file.size_bytes}",
            hint="the attempt that wrote it was cut off; run again",
        )
    footer = read_footer(store, address)
    if footer.num_rows != file.rows:
        raise LakeError(
            "lake.file_rows", f"the data file {file.path!r} holds {footer.num_rows} rows, not {file.rows}", hint=""
        )
    _check_types(plan, file, footer)
    _check_nulls(store, address, file, footer, file_schema(plan.schema, plan.partition_by))


def _check_types(plan: Commit, file: DataFile, footer: Any) -> None:
    found = footer.schema.to_arrow_schema()
    expected = file_schema(plan.schema, plan.partition_by)
    for column in found:
        if column.name not in expected.names:
            raise LakeError(
                "lake.schema_mismatch",
                f"the data file {file.path!r} holds the column {column.name!r}, which is not one of {plan.table}'s"
                + (" files" if column.name in plan.partition_by else ""),
                hint="",
            )
        if not same_type(expected.field(column.name).type, column.type):
            raise LakeError(
                "lake.schema_mismatch",
                f"the data file {file.path!r} holds {column.name!r} as {column.type}, "
                f"table {plan.table} as {expected.field(column.name).type}",
                hint="cast it to the table's type before it is written",
            )
    for column in expected:
        if column.name not in found.names and not column.nullable:
            raise LakeError(
                "lake.null_in_required",
                f"the data file {file.path!r} lacks the required column {column.name!r}",
                hint="",
            )


def _check_nulls(store: Store, address: str, file: DataFile, footer: Any, expected: pa.Schema) -> None:
    required = [field.name for field in expected if not field.nullable]
    if not required:
        return
    counted = null_counts(footer)
    counts = {name: counted.get(name) for name in required}
    uncounted = [name for name, count in counts.items() if count is None]
    counts.update(_count_nulls(store, address, uncounted) if uncounted else {})
    for name, count in counts.items():
        if count:
            raise LakeError(
                "lake.null_in_required",
                f"the column {name!r} is required and {count} rows of {file.path!r} lack it",
                hint="keep such rows out, or let the column be null",
            )


def _count_nulls(store: Store, address: str, columns: Sequence[str]) -> dict[str, int]:
    import pyarrow.parquet as pq

    counts = dict.fromkeys(columns, 0)
    with translated("counting nulls"), store.open_read(address) as source:
        for batch in pq.ParquetFile(source).iter_batches(columns=list(columns)):
            for name in columns:
                counts[name] += batch.column(name).null_count
    return counts
