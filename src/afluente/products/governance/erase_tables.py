"""The person's rows in the tables of the lake: what is deleted, what is kept without the person, old versions.

Invariant: the tables that lead to the person are written last, so that an erasure which died can be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from afluente.conform.quarantine import quarantine_column
from afluente.core.tables import TableName
from afluente.products.governance.conformed_on import Contracts, made_from, silver_contracts, steps_from_bronze
from afluente.products.governance.fleet_lines import HASH, PersonLines, person_lines
from afluente.products.governance.follow import Found, Policy, fleet_tables
from afluente.products.governance.gold_columns import handed_on
from afluente.products.governance.row_match import by_origin, by_pattern, by_texts, by_values, texts_of
from afluente.products.governance.stand_in import may_be_null, shape_of, stand_in
from afluente.products.governance.table_files import (
    forget_versions,
    has_old_traces,
    read_table_file,
    rewrite,
    table_files,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.project.contract import Contract
    from afluente.runs.steps.workspace import Workspace

Mask = Callable[["pa.Table"], Any]
TEXT = "_text"


@dataclass(frozen=True, slots=True)
class Work:
    """What one table needs. `replace` gives new values of columns in matched rows (None: null).

    `fleet_lines` is there for a list of the fleet, some of whose lines stay as markers.
    """

    table: TableName
    policy: Policy
    mask: Mask
    replace: dict[str, str | None] = field(default_factory=dict)
    fleet_lines: PersonLines | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """What one table held of the person, and what became of it."""

    table: TableName
    policy: Policy
    rows: int
    old_rows: int
    files: int = 0
    old_files: int = 0
    log_files: int = 0
    version: int | None = None


def works(workspace: Workspace, found: Found) -> list[Work]:
    """Everything to do in the lake, in the order it must be done."""
    contracts = silver_contracts(workspace.project)
    replacements = _replacements(workspace, found, contracts)
    ordered = sorted(
        found.wanted,
        key=lambda table: (-steps_from_bronze(contracts[table], contracts), found.policies[table] == "delete", table),
    )
    done = [*_gold(workspace, found, contracts, replacements)]
    done += [work for table in ordered for work in _aside(found, contracts[table], contracts)]
    sources: dict[TableName, Work] = {}
    for table in ordered:
        is_from_bronze = made_from(contracts[table], contracts) is None
        work = _source(found, contracts[table], replacements) if is_from_bronze else None
        if work is not None:
            before = sources.get(work.table)
            sources[work.table] = work if before is None or work.policy == "delete" else before
    done += [_of_fleet(workspace, work) for work in sources.values()]
    done += [_silver(found, contracts[table], replacements) for table in ordered]
    return [work for work in done if workspace.lake.exists(work.table)]


def warnings(workspace: Workspace, found: Found) -> list[str]:
    """What the operator should know before: rows that will not pass their contract once the person is gone."""
    said = []
    for contract in silver_contracts(workspace.project).values():
        if found.policies.get(contract.table) != "anonymise":
            continue
        wanted = set(found.wanted[contract.table])
        said += [
            f"{contract.table}: {', '.join(reference.columns)} must exist in {reference.table}; at the next run the "
            "rows kept for totals go to quarantine unless the reference says onInvalid: keep"
            for reference in contract.references
            if found.policies.get(reference.table) == "delete"
            and reference.on_invalid == "quarantine"
            and wanted & set(reference.columns)
        ]
        said += [
            f"{contract.table}: {column.name} may not be empty; at the next run its rows fail that rule"
            for column in contract.columns
            if column.classification == "direct_identifier" and not may_be_null(contract, column.name)
        ]
    said += [
        f"{table}: {', '.join(sorted(sites))} sent the person, and will again with the next whole list or change of the "
        "row unless they are erased there"
        for table, sites in sorted(found.sites.items())
    ]
    if found.sites and workspace.project.fleet is not None:
        days = workspace.project.fleet.retention.landing_days
        said.append(
            f"uploads that the fleet's hub landed are not opened: they stay encrypted until {days} days after they "
            "were loaded; the central database is not erased here"
        )
    return said


def count(workspace: Workspace, work: Work) -> Erased:
    """What would be done, without doing it."""
    lake = workspace.lake
    snapshot = lake.snapshot(work.table)
    rows = old = 0
    for file in table_files(lake, snapshot):
        hits = int(work.mask(read_table_file(lake, snapshot, file.path)).sum())
        rows += hits if file.is_live else 0
        old += 0 if file.is_live else hits
    return Erased(work.table, work.policy, rows, old)


def carry_out(workspace: Workspace, work: Work, found: Found, *, details: dict[str, str]) -> Erased:
    """Do it: commit the table without the person, then let go of what older versions held."""
    lake = workspace.lake
    counted = count(workspace, work)
    cleaned = rewrite(lake, work.table, lambda rows: changed(rows, work), details=details) if counted.rows else None
    pattern = found.tokens.pattern()

    def holds(rows: pa.Table) -> bool:
        return bool(work.mask(rows).any()) or bool(by_texts(rows, found.tokens.strong).any())

    old_files = log_files = 0
    if cleaned is not None or has_old_traces(lake, work.table, holds, pattern):
        old_files, log_files = forget_versions(lake, work.table, holds)
    return Erased(
        work.table,
        work.policy,
        counted.rows,
        counted.old_rows,
        0 if cleaned is None else cleaned.files,
        old_files,
        log_files,
        None if cleaned is None else cleaned.version,
    )


def changed(rows: pa.Table, work: Work) -> pa.Table | None:
    """A file's rows as the work leaves them; None when it changes none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = work.mask(rows)
    if not mask.any():
        return None
    if work.policy == "delete":
        kept = rows.filter(pa.array(~mask))
        return kept if work.fleet_lines is None else pa.concat_tables([kept, work.fleet_lines.markers_of(rows)])
    for name, text in work.replace.items():
        if name not in rows.column_names:
            continue
        at = rows.column_names.index(name)
        kind = rows.schema.field(name).type
        value = pa.scalar(text, pa.string()).cast(kind)
        column = pc.if_else(pa.array(mask), value, rows.column(name))
        rows = rows.set_column(at, rows.schema.field(name), column)
    return rows


def _replacements(workspace: Workspace, found: Found, contracts: Contracts) -> dict[tuple[TableName, str], str | None]:
    """For each column that leads to the person, what stands in its place in rows that are kept."""
    made: dict[str, str] = {}
    taken: set[str] = set()
    for table in found.wanted:
        snapshot = workspace.lake.find(table)
        for file in () if snapshot is None else snapshot.live:
            rows = read_table_file(workspace.lake, workspace.lake.snapshot(table), file.path, found.wanted[table])
            for name in rows.column_names:
                taken.update(text for text in texts_of(rows.column(name)).unique().to_pylist() if text)
    replacements: dict[tuple[TableName, str], str | None] = {}
    for table, columns in found.wanted.items():
        contract = contracts[table]
        rows_only = found.row_links.get(table, set())
        for name, values in columns.items():
            if name in rows_only:
                continue
            is_direct = contract.column(name).classification == "direct_identifier"
            if not values or is_direct or may_be_null(contract, name):
                replacements[table, name] = None
                continue
            key = shape_of(values)
            if key not in made:
                made[key] = stand_in(key, taken)
            replacements[table, name] = made[key]
    return replacements


def _silver(found: Found, contract: Contract, replacements: dict[tuple[TableName, str], str | None]) -> Work:
    wanted = found.wanted[contract.table]
    nulled = {column.name: None for column in contract.columns if column.classification == "direct_identifier"}
    kept = {name: replacements[contract.table, name] for name in wanted if (contract.table, name) in replacements}
    policy = found.policies[contract.table]
    return Work(contract.table, policy, _masking(wanted or _named(found, contract)), {**nulled, **kept})


def _named(found: Found, contract: Contract) -> dict[str, set[str]]:
    """The person's texts in each direct identifier of a table that nothing links to the person."""
    texts = found.tokens.strong | found.tokens.weak
    return {column.name: texts for column in contract.columns if column.classification == "direct_identifier"}


def _source(found: Found, contract: Contract, replacements: dict[tuple[TableName, str], str | None]) -> Work | None:
    if contract.source is None:
        return None
    raws = found.raws.get(contract.source, {})
    direct = [column for column in contract.columns if column.classification == "direct_identifier"]
    nulled = {column.source: None for column in direct if column.expression is None}
    kept = {contract.column(name).source: replacements[contract.table, name] for name in found.wanted[contract.table]}
    policy = found.policies[contract.table]
    return Work(contract.source, policy, lambda rows: by_values(rows, raws), {**nulled, **kept})


def _of_fleet(workspace: Workspace, work: Work) -> Work:
    """The work on a list of the fleet, whose lines hang together; any other as it is."""
    if work.table not in fleet_tables(workspace.project) or not workspace.lake.exists(work.table):
        return work
    if work.policy == "anonymise":
        return replace(work, replace={**work.replace, HASH: None})
    by_line = work.mask
    lines = person_lines(workspace.lake, work.table, by_line)
    return replace(work, mask=lambda rows: by_line(rows) | lines.mask(rows), fleet_lines=lines)


def _aside(found: Found, contract: Contract, contracts: Contracts) -> Iterator[Work]:
    """Quarantine and repairs: rows of what was rejected, lines that could not be read, values that were mended.

    A rejected row has every column of the table that it comes from. Rows that come from silver keep no origin of their
    own: the repairs of their table go by every text of the person, and those of a namesake with them, until the next run
    makes the table again.
    """
    if contract.source is None:
        return
    earlier = made_from(contract, contracts)
    is_from_bronze = earlier is None
    origins = found.origins.get(contract.source, set())
    raws = found.raws.get(contract.source, {})
    if earlier is not None:
        raws = found.wanted.get(earlier.table) or _named(found, earlier)
    raws = {quarantine_column(name): texts for name, texts in raws.items()}
    strong = found.tokens.strong
    mended = strong if is_from_bronze else strong | found.tokens.weak
    pattern = found.tokens.pattern()

    def of_quarantine(rows: pa.Table) -> Any:
        return by_origin(rows, origins) | by_values(rows, raws) | by_texts(rows, strong)

    def of_rejects(rows: pa.Table) -> Any:
        return by_pattern(rows, TEXT, pattern) | by_texts(rows, strong)

    def of_repairs(rows: pa.Table) -> Any:
        return by_origin(rows, origins) | by_texts(rows, mended)

    yield Work(TableName("quarantine", contract.table.name), "delete", of_quarantine)
    if is_from_bronze:
        yield Work(TableName("quarantine", f"bronze_{contract.source.name}"), "delete", of_rejects)
    yield Work(TableName("repairs", contract.table.name), "delete", of_repairs)


def _gold(
    workspace: Workspace,
    found: Found,
    contracts: Contracts,
    replacements: dict[tuple[TableName, str], str | None],
) -> Iterator[Work]:
    columns: dict[TableName, set[str]] = {table: set(wanted) for table, wanted in found.wanted.items()}
    for table in found.wanted:
        direct = (column for column in contracts[table].columns if column.classification == "direct_identifier")
        columns[table].update(column.name for column in direct)
    links: dict[TableName, dict[str, set[str]]] = {}
    named: dict[TableName, dict[str, set[str]]] = {}
    replaced: dict[TableName, dict[str, str | None]] = {}
    is_of_people: dict[TableName, bool] = {}
    texts = found.tokens.strong | found.tokens.weak
    for one in handed_on(workspace, columns):
        wanted = found.wanted[one.origin.table].get(one.origin.column)
        replaced.setdefault(one.table, {})[one.column] = replacements.get((one.origin.table, one.origin.column))
        if wanted is None:
            named.setdefault(one.table, {})[one.column] = texts
        else:
            links.setdefault(one.table, {})[one.column] = wanted
            is_deleted = found.policies[one.origin.table] == "delete"
            is_of_people[one.table] = is_of_people.get(one.table, True) and is_deleted
    for table, values in replaced.items():
        policy: Policy = "delete" if is_of_people.get(table, False) else "anonymise"
        yield Work(table, policy, _masking(links.get(table) or named[table]), values)


def _masking(values: dict[str, set[str]]) -> Mask:
    return lambda rows: by_values(rows, values)
