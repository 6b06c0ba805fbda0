"""What a run did to the data, read back from its tables and from the state.

Invariant: a value of a restricted column never leaves this file; it reads MASK.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afluente.core.tables import TableName
from afluente.demo.examples import Example, Glimpse
from afluente.project.contract import Contract
from afluente.state import repairs

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.runs.report import RunReport
    from afluente.runs.steps.workspace import Workspace
    from afluente.sources.simulator.score import Score
    from afluente.state.repairs import Repair

MASK = "***"
GLIMPSE_ROWS = 3
EXPLAINED_ROWS = 3
_FAILURE_FIELDS = ("rule", "column", "reason", "reason_en")


@dataclass(frozen=True, slots=True)
class Flow:
    """How many rows of one table reached each layer. `repeated` rows were the same or older versions of others."""

    table: str
    landed_files: int
    bronze: int
    silver: int
    rejected: int
    repeated: int
    repaired: int


@dataclass(frozen=True, slots=True)
class Reject:
    """One reason for which rows of a table were rejected. A row may have several."""

    table: str
    column: str
    rule: str
    rows: int
    reason: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class ExplainedRow:
    """A quarantined row: where it came from, its columns as text, and each failure as column, value, pt, en."""

    table: str
    source: str
    source_row: int
    columns: tuple[tuple[str, str], ...]
    failures: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything the demo tells. `gold` pairs each table with its rows in all and the first of them."""

    flows: tuple[Flow, ...]
    rejects: tuple[Reject, ...]
    explained: tuple[ExplainedRow, ...]
    repairs: tuple[Repair, ...]
    gold_rows: tuple[tuple[str, int], ...]
    glimpses: tuple[tuple[Glimpse, tuple[dict[str, object], ...]], ...]
    scores: tuple[Score, ...]


def read_findings(workspace: Workspace, report: RunReport, example: Example) -> Findings:
    """Read what the run left in the lake and in the state."""
    contracts = [contract for contract in workspace.project.contracts if contract.source is not None]
    rejects: list[Reject] = []
    explained: list[ExplainedRow] = []
    for contract in contracts:
        quarantine = _quarantine(workspace, contract)
        if quarantine is not None:
            rejects += _rejects(contract, quarantine)
            explained.append(_explained(contract, quarantine))
    with workspace.state.read() as connection:
        repaired = [recorded.repair for recorded in repairs.of_run(connection, report.run.id)]
    gold = [str(model.table) for model in workspace.project.models]
    return Findings(
        flows=tuple(_flow(workspace, report, contract) for contract in contracts),
        rejects=tuple(sorted(rejects, key=lambda one: (-one.rows, one.table, one.column, one.reason))),
        explained=tuple(explained[:EXPLAINED_ROWS]),
        repairs=tuple(sorted(repaired, key=lambda one: (-one.rows, one.table, one.column, one.rule))),
        gold_rows=tuple((name, workspace.lake.snapshot(TableName.parse(name)).rows) for name in gold),
        glimpses=tuple((glimpse, _glimpse(workspace, glimpse)) for glimpse in example.glimpses),
        scores=tuple(_scores(workspace)),
    )


def _flow(workspace: Workspace, report: RunReport, contract: Contract) -> Flow:
    step = next(step for step in report.steps if step.name == str(contract.table))
    received, kept, rejected = step.rows_in or 0, step.rows_out or 0, step.rows_rejected or 0
    sources = [source.name for source in workspace.project.sources if contract.source in source.into]
    return Flow(
        table=contract.table.name,
        landed_files=sum(len(workspace.lake.landing.files(source)) for source in sources),
        bronze=received,
        silver=kept,
        rejected=rejected,
        repeated=received - kept - rejected,
        repaired=step.rows_repaired or 0,
    )


def _quarantine(workspace: Workspace, contract: Contract) -> pa.Table | None:
    """The quarantined rows that were not brought back, in the order they were received; None when there are none."""
    import pyarrow.compute as pc

    snapshot = workspace.lake.find(TableName("quarantine", contract.table.name))
    if snapshot is None:
        return None
    rows = snapshot.arrow().read_all()
    waiting = rows.filter(pc.is_null(rows["replayed_at"]))
    if waiting.num_rows == 0:
        return None
    return waiting.sort_by([("_source", "ascending"), ("_source_row", "ascending")])


def _rejects(contract: Contract, quarantine: pa.Table) -> Iterator[Reject]:
    import pyarrow.compute as pc

    failures = pc.list_flatten(quarantine["failures"])
    columns = [pc.struct_field(failures, name).to_pylist() for name in _FAILURE_FIELDS]
    counts = Counter(zip(*columns, strict=True))
    for (rule, column, reason, reason_en), rows in counts.items():
        yield Reject(str(contract.table), column, rule, rows, reason, reason_en)


def _explained(contract: Contract, quarantine: pa.Table) -> ExplainedRow:
    """The row that tells the most: the first with most failures among those refused for themselves."""
    rules = [[failure["rule"] for failure in failures] for failures in quarantine["failures"].to_pylist()]
    own = [index for index, names in enumerate(rules) if "references" not in names]
    chosen = max(own, key=lambda index: len(rules[index])) if own else 0
    row = quarantine.slice(chosen, 1).to_pylist()[0]
    restricted = _restricted(contract, quarantine.column_names)
    received = quarantine.column_names[: quarantine.column_names.index("_source")]
    return ExplainedRow(
        table=str(contract.table),
        source=str(row["_source"]),
        source_row=int(row["_source_row"]),
        columns=tuple(
            (name, MASK if name in restricted else _text(row[name])) for name in received if not name.startswith("_")
        ),
        failures=tuple(
            (
                failure["column"],
                MASK if failure["column"] in restricted else _text(failure["value"]),
                failure["reason"],
                failure["reason_en"],
            )
            for failure in row["failures"]
        ),
    )


def _restricted(contract: Contract, received: Sequence[str]) -> set[str]:
    """Received and conformed columns whose values are not shown; what no contract describes is one of them."""
    described = {column.source for column in contract.columns}
    hidden = {name for name in received if name not in described}
    for column in contract.columns:
        if column.is_restricted:
            hidden |= {column.name, column.source}
    return hidden


def _text(value: object) -> str:
    return "(nothing)" if value is None else str(value)


def _glimpse(workspace: Workspace, glimpse: Glimpse) -> tuple[dict[str, object], ...]:
    import pyarrow.compute as pc

    rows = workspace.lake.snapshot(TableName.parse(glimpse.table)).arrow().read_all()
    keys = [(name, "descending" if is_down else "ascending") for name, is_down in glimpse.order]
    first = rows.take(pc.sort_indices(rows, sort_keys=keys)[:GLIMPSE_ROWS])
    return tuple(first.select(list(glimpse.columns)).to_pylist())


def _scores(workspace: Workspace) -> Iterator[Score]:
    """The cleaning beside the simulator's truth, for each table it wrote one about."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from afluente.sources.simulator.dirt import TABLES
    from afluente.sources.simulator.score import score

    nothing = pa.table({"_source": pa.array([], pa.string()), "_source_row": pa.array([], pa.int64())})
    for table in TABLES:
        truth = workspace.project.root / "verdade" / f"verdade_{table}.parquet"
        silver = workspace.lake.find(TableName("silver", table))
        if silver is None or not truth.is_file():
            continue
        rejected = workspace.lake.find(TableName("quarantine", table))
        yield score(
            table,
            silver=silver.arrow().read_all(),
            quarantine=nothing if rejected is None else rejected.arrow().read_all(),
            truth=pq.read_table(truth),
        )
