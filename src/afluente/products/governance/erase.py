"""Erasing one person from a project (LGPD art. 18), and seeing to it that they stay erased.

Invariant: while it goes no run of the project does. An erasure that died can be done again; its certificate is written
when everything is done, and the audit log holds the certificate's sha256.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.core.errors import UsageError
from afluente.core.ids import new_id
from afluente.core.tables import TableName
from afluente.products.governance import certificate as certificates
from afluente.products.governance.canonical_value import canonical_values
from afluente.products.governance.certificate import Certificate, Sign, Told, Tombstone
from afluente.products.governance.erase_landing import Marks, Redacted, redact_landing
from afluente.products.governance.erase_state import erase_in_files, erase_in_state
from afluente.products.governance.erase_tables import Erased, carry_out, count, warnings, works
from afluente.products.governance.follow import Found, Policy, follow
from afluente.products.governance.person import fingerprint, parse_identifiers, read_subject
from afluente.products.governance.person_scan import scan
from afluente.products.governance.row_match import texts_of
from afluente.products.governance.table_files import read_table_file, table_files
from afluente.runs.execute import executor_id
from afluente.runs.lock import PipelineLock
from afluente.state import audit_chain, events
from afluente.state.json_value import Json
from afluente.state.release_schema import LEDGER, RELEASES

if TYPE_CHECKING:
    from datetime import datetime

    from afluente.runs.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Returned:
    """An erased person who is in a table again, because a source sent them again."""

    certificate: str
    table: TableName
    column: str
    rows: int
    reason: str
    value: str = field(repr=False)


def erase_person(
    workspace: Workspace,
    *,
    identifiers: Mapping[str, str] | Path,
    by: str,
    reason: str,
    is_dry_run: bool = False,
    policies: Mapping[TableName, Policy] | None = None,
    allows_several: bool = False,
    sign: Sign | None = None,
) -> Certificate:
    """Follow one person through the project and erase them; with `is_dry_run` only say what would be done.

    `identifiers` is `{"silver.clientes.cpf": "…"}` or a file with that as JSON. `policies` overrides, by silver table,
    whether its rows are deleted or kept without the person. `sign` gives the signature of the certificate's bytes.
    UsageError `erase.*` when the identifiers do not tell one person; RunError when a run is going.
    """
    given = read_subject(identifiers) if isinstance(identifiers, Path) else identifiers
    parsed = parse_identifiers(given, workspace.project)
    if not reason.strip():
        raise UsageError("erase.no_reason", "an erasure needs its reason", hint='--reason "pedido do titular"')
    if any(one.value in reason or one.value in by for one in parsed):
        raise UsageError(
            "erase.identifier_in_reason",
            "the reason or the name of the operator holds an identifier of the person",
            hint="the reason is kept for ever in the audit log: leave the person out of it",
        )
    lock = PipelineLock(
        workspace.state,
        pipeline=workspace.project.name,
        executor_id=executor_id(workspace.clock),
        clock=workspace.clock,
        on_lost=lambda: None,
    )
    with lock:
        found = follow(workspace, parsed, policies=policies, allows_several=allows_several)
        return _erase(workspace, found, by=by, reason=reason.strip(), is_dry_run=is_dry_run, sign=sign)


def _erase(
    workspace: Workspace, found: Found, *, by: str, reason: str, is_dry_run: bool, sign: Sign | None
) -> Certificate:
    now = workspace.clock.now()
    erasure = new_id(now)
    planned = works(workspace, found)
    said = tuple(warnings(workspace, found))
    landing = tuple(_landing(workspace, found, is_dry_run=is_dry_run))
    details = {"afluente.erasure": erasure}
    tables = tuple(
        erased
        for work in planned
        if _is_touched(
            erased := count(workspace, work) if is_dry_run else carry_out(workspace, work, found, details=details)
        )
    )
    pattern = found.tokens.pattern()
    state_rows: Mapping[str, int] = {}
    own_files: Mapping[str, int] = {}
    if pattern is not None:
        state_rows = erase_in_state(workspace.state, pattern, is_dry_run=is_dry_run)
        own_files = erase_in_files(workspace, pattern, is_dry_run=is_dry_run)
    traces = () if is_dry_run or pattern is None else tuple(scan(workspace, pattern))
    key = certificates.new_key()
    made = Certificate(
        id=erasure,
        project=workspace.project.name,
        at=now,
        actor=by,
        reason=reason,
        marks=_marks(found, key),
        tables=tables,
        landing=landing,
        state_rows=state_rows,
        own_files=own_files,
        traces=traces,
        to_inform=tuple(_to_inform(workspace, {one.table for one in tables})),
        warnings=said,
        is_dry_run=is_dry_run,
    )
    if not is_dry_run:
        _record(workspace, made, key, at=now, sign=sign)
    return made


def _landing(workspace: Workspace, found: Found, *, is_dry_run: bool) -> Iterator[Redacted]:
    pattern = found.tokens.pattern()
    columns: dict[TableName, dict[str, set[str]]] = {}
    for contract in workspace.project.contracts:
        if contract.source is None or contract.table not in found.wanted:
            continue
        named = columns.setdefault(contract.source, dict(found.raws.get(contract.source, {})))
        for name, values in found.wanted[contract.table].items():
            if contract.column(name).expression is None:
                source = contract.column(name).source
                named[source] = named.get(source, set()) | values
    for table in sorted(columns):
        marks = Marks(columns[table], found.tokens.strong, pattern)
        yield from redact_landing(workspace, table, marks, is_dry_run=is_dry_run)


def _is_touched(erased: Erased) -> bool:
    return bool(erased.rows or erased.old_rows or erased.old_files or erased.log_files)


def _marks(found: Found, key: bytes) -> dict[str, tuple[str, ...]]:
    """HMACs of what tells the person: in tables of people where there are any, else wherever they were found."""
    people = {table for table in found.wanted if found.policies[table] == "delete"} or set(found.wanted)
    return {
        name: tuple(sorted(fingerprint(key, domain=name, value=value) for value in values))
        for table in sorted(people)
        for column, values in found.wanted[table].items()
        if column not in found.row_links.get(table, set()) and (name := f"{table}.{column}")
    }


def _to_inform(workspace: Workspace, touched: set[TableName]) -> list[Told]:
    """Releases of rows (not of cells, which are of nobody) whose table the person was in."""
    of_rows = {
        (product.name, output.name)
        for product in workspace.project.products
        for output in product.outputs
        if not output.is_of_cells and output.facts in touched
    }
    if not of_rows:
        return []
    query = (
        sa.select(LEDGER.c.partner, LEDGER.c.product, RELEASES.c.number, LEDGER.c.output)
        .join(RELEASES, RELEASES.c.id == LEDGER.c.release_id)
        .order_by(LEDGER.c.position)
    )
    with workspace.state.read() as connection:
        rows = connection.execute(query).all()
    return [
        Told(row.partner, row.product, row.number, row.output) for row in rows if (row.product, row.output) in of_rows
    ]


def _record(workspace: Workspace, made: Certificate, key: bytes, *, at: datetime, sign: Sign | None) -> None:
    folder = workspace.folder / certificates.FOLDER
    sha256 = certificates.keep(folder, made, key, language=workspace.project.language, sign=sign)
    subject = f"erasure/{made.id}"
    payload: dict[str, Json] = {
        "certificate_sha256": sha256,
        "reason": made.reason,
        "rows": made.rows,
        "tables": len(made.tables),
        "landed_files": len(made.landing),
        "still_found_in": len(made.traces),
    }
    with workspace.state.write() as connection:
        audit_chain.record(
            connection, at=at, actor=made.actor, action="person.erased", subject=subject, payload=payload
        )
        events.append(connection, at=at, kind="person.erased", subject=subject, payload={"rows": made.rows})


def verify_erasures(workspace: Workspace) -> tuple[Returned, ...]:
    """Erased people who are in silver tables or their sources again. Needs the keys beside the certificates."""
    found: dict[tuple[str, TableName], Returned] = {}
    for tombstone in certificates.tombstones(workspace.folder / certificates.FOLDER):
        for name, marks in tombstone.marks.items():
            prefix, _, column = name.rpartition(".")
            table = TableName.parse(prefix)
            for back in _returned(workspace, tombstone, table, column, set(marks)):
                found.setdefault((tombstone.id, table), back)
    return tuple(found.values())


def _returned(
    workspace: Workspace, tombstone: Tombstone, table: TableName, column: str, marks: set[str]
) -> list[Returned]:
    contract = next((one for one in workspace.project.contracts if one.table == table), None)
    if contract is None or all(one.name != column for one in contract.columns):
        return []
    described = contract.column(column)
    counts: dict[str, int] = {}
    for place, name in ((contract.source, described.source), (table, column)):
        snapshot = None if place is None else workspace.lake.find(place)
        if snapshot is None:
            continue
        for file in table_files(workspace.lake, snapshot):
            rows = read_table_file(workspace.lake, snapshot, file.path, [name])
            if file.is_live and rows.num_columns:
                for pair in texts_of(rows.column(name)).value_counts().to_pylist():
                    if pair["values"] is not None:
                        counts[pair["values"]] = counts.get(pair["values"], 0) + pair["counts"]
    read = canonical_values(workspace, described, counts)
    hits: dict[str, int] = {}
    for text, value in read.items():
        if fingerprint(tombstone.key, domain=f"{table}.{column}", value=value) in marks:
            hits[value] = hits.get(value, 0) + counts[text]
    return [Returned(tombstone.id, table, column, rows, tombstone.reason, value) for value, rows in hits.items()]


def erase_returned(workspace: Workspace, *, by: str, sign: Sign | None = None) -> tuple[Certificate, ...]:
    """Erase again whoever came back, for the reason of the first time."""
    return tuple(
        erase_person(
            workspace,
            identifiers={f"{back.table}.{back.column}": back.value},
            by=by,
            reason=back.reason,
            allows_several=True,
            sign=sign,
        )
        for back in verify_erasures(workspace)
    )
