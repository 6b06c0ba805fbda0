"""A compiled contract run on an engine: bronze files in, silver, quarantine and repair files out.

Invariant: constant memory. Rows go through in chunks of whole bronze files, each chunk computed once; what must be
known of all rows beforehand (which of them give way to another) is found first from the keys alone. Nothing is
committed here: the caller gets files and a report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from afluente.conform import deduplicate, deliveries
from afluente.conform.arrow_types import arrow_schema
from afluente.conform.compile import ORIGIN, Compiled
from afluente.conform.finding import counts, masks, word_of
from afluente.conform.quarantine import quarantine_schema, quarantine_select
from afluente.conform.reading import internal
from afluente.conform.repairs import repairs_schema, repairs_select, samples_select
from afluente.conform.report import Count, Duplicates, Report, Sample
from afluente.conform.types.place import MUNICIPALITIES, municipality_keys
from afluente.core.tables import DataFile
from afluente.engines.engine import Engine

INPUT = "conform_in"
CHUNK = "conform_chunk"
ROWS = "conform_rows"
CHUNK_ROWS = 2_500_000
WHOLE_CELLS = 150_000_000
"""Up to so many cells (rows times columns) a table that is deduplicated is computed in one piece."""
SAMPLES_A_RULE = 3
_IN_ORDER = " ORDER BY _source, _source_row"
_ACCEPTED_ORDER = " ORDER BY r._source, r._source_row"


@dataclass(frozen=True, slots=True)
class BronzeFile:
    """One bronze Parquet file: where it is (absolute path or URL) and how many rows it has."""

    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class Folders:
    """The tables' root folders or URLs that new files are written under."""

    silver: str
    quarantine: str
    repairs: str


@dataclass(frozen=True, slots=True)
class Conformed:
    """What was written, uncommitted, and what was found."""

    report: Report
    schema: pa.Schema
    silver: tuple[DataFile, ...]
    quarantine: tuple[DataFile, ...]
    repairs: tuple[DataFile, ...]


@dataclass(frozen=True, slots=True)
class ConformedTable:
    """A table conformed in memory."""

    accepted: pa.Table
    quarantine: pa.Table
    report: Report


@dataclass(slots=True)
class _Tally:
    groups: dict[tuple[int, ...], int] = field(default_factory=dict)
    samples: dict[int, list[Sample]] = field(default_factory=dict)
    silver: list[DataFile] = field(default_factory=list)
    quarantine: list[DataFile] = field(default_factory=list)
    repairs: list[DataFile] = field(default_factory=list)


def conform_files(
    engine: Engine,
    compiled: Compiled,
    files: Sequence[BronzeFile],
    bronze_schema: pa.Schema,
    folders: Folders,
    *,
    run_id: str,
    moment: str,
    existing: str | None = None,
    progress: Callable[[int], None] = lambda _rows: None,
    chunk_rows: int = CHUNK_ROWS,
    whole_cells: int = WHOLE_CELLS,
) -> Conformed:
    """Conform bronze files. Tables that references name must be registered already, under their views.

    `existing` is the view of the silver table for an upsert that keeps the latest: rows older than what is there
    give way. `moment` is the run's time as ISO text in UTC. `progress` is told the rows of each finished chunk.

    Rows that give way are found among the conformed rows where these go through in one piece, and from the keys
    beforehand where they do not.
    """
    register_reference_tables(engine, compiled)
    tally = _Tally()
    dialect = compiled.dialect.name
    rows_in = sum(file.rows for file in files)
    duplicates = Duplicates()
    rule = compiled.contract.deduplicate
    is_small = rows_in * len(compiled.columns) <= whole_cells
    is_whole = rule is not None and (dialect == "spark" or not rule.keys or is_small)
    chunks = _chunks(files, rows_in + 1 if dialect == "spark" or is_whole else chunk_rows)
    has_losers = False
    left_out = "" if existing is None else _not_stale(compiled, existing)
    try:
        if compiled.contract.write == "replace_partitions":
            engine.register(INPUT, [file.path for file in files], bronze_schema)
            left_out = _find_newest(engine, compiled, chunks, bronze_schema)
        if rule is not None and not is_whole:
            engine.register(INPUT, [file.path for file in files], bronze_schema)
            duplicates = _find_losers(engine, compiled, left_out)
            has_losers = duplicates.rows > 0
        rows_left_out = 0
        for chunk in chunks:
            engine.register(CHUNK, [file.path for file in chunk], bronze_schema)
            size = sum(file.rows for file in chunk)
            kept = engine.materialise(ROWS, _rows(compiled, left_out, has_losers=has_losers, keep_origin=is_whole))
            if is_whole:
                duplicates = _losers_among(engine, compiled)
            rows_left_out += size - kept
            has_late = is_whole and duplicates.rows > 0
            _write(engine, compiled, folders, tally, has_late=has_late, run_id=run_id, moment=moment)
            engine.drop(ROWS)
            progress(size)
        rows_left_out -= 0 if is_whole else duplicates.rows
        if existing is not None:
            duplicates = replace(duplicates, stale=rows_left_out)
    finally:
        for name in (ROWS, CHUNK, deduplicate.LOSERS, deduplicate.REPEATED, *deliveries.TABLES, INPUT):
            engine.drop(name)
    report = _report(compiled, tally, rows_in, duplicates, is_late=is_whole)
    return Conformed(
        report=report if existing is not None else replace(report, superseded=rows_left_out),
        schema=arrow_schema(compiled),
        silver=tuple(tally.silver),
        quarantine=tuple(tally.quarantine),
        repairs=tuple(tally.repairs),
    )


def conform_table(engine: Engine, compiled: Compiled, table: pa.Table, *, moment: str) -> ConformedTable:
    """Conform one bronze table in memory; both answers are in the order the rows came in."""
    register_reference_tables(engine, compiled)
    duplicates = Duplicates()
    try:
        engine.register_arrow(CHUNK, table)
        engine.materialise(ROWS, _rows(compiled, "", has_losers=False, keep_origin=True))
        if compiled.contract.deduplicate:
            duplicates = _losers_among(engine, compiled)
        tally = _Tally()
        new = _count(engine, compiled, tally)
        _take_samples(engine, compiled, tally, new)
        names = ", ".join(f"r.{compiled.dialect.identifier(name)}" for name, _ in compiled.columns)
        accepted = engine.query(_accepted(compiled, names, has_late=duplicates.rows > 0) + _ACCEPTED_ORDER)
        quarantine = engine.query(quarantine_select(compiled, ROWS, moment=moment) + _IN_ORDER)
    finally:
        for name in (ROWS, CHUNK, deduplicate.LOSERS, deduplicate.REPEATED, INPUT):
            engine.drop(name)
    return ConformedTable(
        accepted.cast(arrow_schema(compiled)),
        quarantine.cast(quarantine_schema(compiled.bronze)),
        _report(compiled, tally, table.num_rows, duplicates, is_late=True),
    )


def register_reference_tables(engine: Engine, compiled: Compiled) -> None:
    for table in compiled.tables:
        engine.register_arrow(table, reference_table(table))


def reference_table(name: str) -> pa.Table:
    if name != MUNICIPALITIES:
        raise ValueError(f"no reference table {name!r}")
    lookups, codes = zip(*municipality_keys(), strict=True)
    return pa.table({"lookup": pa.array(lookups, pa.string()), "code": pa.array(codes, pa.string())})


def _chunks(files: Sequence[BronzeFile], limit: int) -> list[list[BronzeFile]]:
    chunks: list[list[BronzeFile]] = []
    size = 0
    for file in files:
        if not chunks or size + file.rows > limit:
            chunks.append([])
            size = 0
        chunks[-1].append(file)
        size += file.rows
    return chunks


def _find_newest(
    engine: Engine, compiled: Compiled, chunks: Sequence[Sequence[BronzeFile]], bronze_schema: pa.Schema
) -> str:
    """What leaves out the rows of superseded deliveries; nothing where all of INPUT came in one delivery."""
    if engine.query(deliveries.has_several(compiled, INPUT)).to_pylist()[0]["n"] < 2:
        return ""
    found = []
    for chunk in chunks:
        engine.register(CHUNK, [file.path for file in chunk], bronze_schema)
        engine.materialise(deliveries.BROUGHT, deliveries.brought(compiled, CHUNK))
        found.append(engine.query(deliveries.deliveries(compiled)))
    engine.register_arrow(deliveries.FOUND, pa.concat_tables(found))
    engine.materialise(deliveries.NEWEST, deliveries.newest(compiled))
    return deliveries.not_superseded(compiled)


def _find_losers(engine: Engine, compiled: Compiled, left_out: str) -> Duplicates:
    """From the keys of all rows alone, before any chunk is computed."""
    if not engine.materialise(deduplicate.REPEATED, deduplicate.repeated_keys(compiled, INPUT)):
        return Duplicates()
    rows = f"SELECT c.* FROM ({deduplicate.repeated_rows(compiled, INPUT)}) AS c{left_out}"
    engine.materialise(deduplicate.LOSERS, deduplicate.losers(compiled, f"({rows})"))
    return _duplicates(engine)


def _losers_among(engine: Engine, compiled: Compiled) -> Duplicates:
    """From the conformed rows, when all of them are there."""
    rule = compiled.contract.deduplicate
    has_keys = rule is not None and bool(rule.keys)
    if has_keys and not engine.materialise(deduplicate.REPEATED, deduplicate.repeated_among(compiled, ROWS)):
        return Duplicates()
    engine.materialise(deduplicate.LOSERS, deduplicate.losers_among(compiled, ROWS))
    return _duplicates(engine)


def _duplicates(engine: Engine) -> Duplicates:
    total = engine.query(
        f"SELECT count(*) AS n, coalesce(sum(is_conflict), 0) AS conflicts FROM {deduplicate.LOSERS}"
    ).to_pylist()[0]
    rows = engine.query(
        f"SELECT _source, _source_row, kept_source, kept_row FROM {deduplicate.LOSERS}"
        f" WHERE is_conflict = 1 ORDER BY _source, _source_row LIMIT {SAMPLES_A_RULE}"
    ).to_pylist()
    samples = tuple((row["_source"], row["_source_row"], row["kept_source"], row["kept_row"]) for row in rows)
    conflicts = int(total["conflicts"])
    return Duplicates(exact=int(total["n"]) - conflicts, conflicting=conflicts, samples=samples)


def _rows(compiled: Compiled, left_out: str, *, has_losers: bool, keep_origin: bool) -> str:
    """The chunk's conformed rows; what only rejected or repaired rows need is kept for them alone."""
    d = compiled.dialect
    names = [f"c.{d.identifier(name)}" for name, _ in compiled.columns]
    found = compiled.any_of("quarantine", "drop", "repair", "warning")
    bronze = [
        f"CASE WHEN {found} THEN c.{column} END AS {column}"
        for column in (d.identifier(internal("bronze", name)) for name in compiled.bronze)
    ]
    always = ("_source", "_source_row", "_ingested_at") if keep_origin else ()
    origin = [name if name in always else f"CASE WHEN {found} THEN c.{name} END AS {name}" for name in ORIGIN]
    source = CHUNK
    if has_losers:
        source = (
            f"(SELECT b.* FROM {CHUNK} AS b LEFT JOIN {deduplicate.LOSERS} AS l ON b._source_row = l._source_row"
            " AND b._source = l._source WHERE l._source_row IS NULL)"
        )
    columns = ", ".join([*names, *bronze, *origin, *compiled.words])
    return f"SELECT {columns} FROM ({compiled.select(source)}) AS c{left_out}"


def _not_stale(compiled: Compiled, existing: str) -> str:
    """What leaves out the rows (as `c`) that are older than the table's own row of their key."""
    rule = compiled.contract.deduplicate
    if rule is None or rule.by is None or rule.keep != "latest":
        return ""
    d = compiled.dialect
    by = d.identifier(rule.by)
    same = " AND ".join(f"c.{d.identifier(key)} = e.{d.identifier(key)}" for key in rule.keys)
    return (
        f" LEFT JOIN {existing} AS e ON {same}"
        f" WHERE e.{by} IS NULL OR e.{by} <= c.{by} OR {compiled.any_of('quarantine', 'drop')}"
    )


def _write(
    engine: Engine,
    compiled: Compiled,
    folders: Folders,
    tally: _Tally,
    *,
    has_late: bool,
    run_id: str,
    moment: str,
) -> None:
    words = compiled.words
    new = _count(engine, compiled, tally)
    names = ", ".join(f"r.{compiled.dialect.identifier(name)}" for name, _ in compiled.columns)
    tally.silver += engine.write_parquet(
        _accepted(compiled, names, has_late=has_late),
        folders.silver,
        schema=arrow_schema(compiled),
        partition_by=compiled.contract.partition_by,
    )
    quarantine_bits = masks(compiled.findings, "quarantine")
    if _any(new, words, quarantine_bits):
        tally.quarantine += engine.write_parquet(
            quarantine_select(compiled, ROWS, moment=moment),
            folders.quarantine,
            schema=quarantine_schema(compiled.bronze),
        )
    if compiled.contract.repairs == "log" and _any(new, words, masks(compiled.findings, "repair")):
        tally.repairs += engine.write_parquet(
            repairs_select(compiled, ROWS, run_id=run_id, moment=moment), folders.repairs, schema=repairs_schema()
        )
    _take_samples(engine, compiled, tally, new)


def _count(engine: Engine, compiled: Compiled, tally: _Tally) -> dict[tuple[int, ...], int]:
    """How many of the chunk's rows have each combination of findings, added to the tally."""
    words = compiled.words
    grouped = engine.query(f"SELECT {', '.join(words)}, count(*) AS n FROM {ROWS} GROUP BY {', '.join(words)}")
    new: dict[tuple[int, ...], int] = {}
    for row in grouped.to_pylist():
        key = tuple(int(row[word]) for word in words)
        new[key] = int(row["n"])
        tally.groups[key] = tally.groups.get(key, 0) + int(row["n"])
    return new


def _accepted(compiled: Compiled, names: str, *, has_late: bool) -> str:
    join, condition = deduplicate.is_not_loser(compiled)
    unique = f" {join} WHERE {condition} AND" if has_late else " WHERE"
    return f"SELECT {names} FROM {ROWS} AS r{unique} NOT {compiled.any_of('quarantine', 'drop')}"


def _any(groups: Mapping[tuple[int, ...], int], words: Sequence[str], bits: Mapping[str, int]) -> bool:
    return any(key[words.index(word)] & mask for key in groups for word, mask in bits.items())


def _take_samples(engine: Engine, compiled: Compiled, tally: _Tally, new: Mapping[tuple[int, ...], int]) -> None:
    for position, finding in enumerate(compiled.findings):
        word, bit = word_of(position)
        has_some = _any(new, compiled.words, {word: 1 << bit})
        if finding.effect != "repair" or not has_some or len(tally.samples.get(position, ())) >= SAMPLES_A_RULE:
            continue
        restricted = compiled.contract.column(finding.column).is_restricted
        rows = engine.query(samples_select(compiled, ROWS, position, limit=SAMPLES_A_RULE)).to_pylist()
        tally.samples.setdefault(position, []).extend(
            Sample(
                row["_source"],
                int(row["_source_row"]),
                None if restricted else row["before"],
                None if restricted else row["after"],
            )
            for row in rows
        )


def _report(compiled: Compiled, tally: _Tally, rows_in: int, duplicates: Duplicates, *, is_late: bool) -> Report:
    words = compiled.words
    drop, hold = masks(compiled.findings, "drop"), masks(compiled.findings, "quarantine")
    dropped = quarantined = accepted = 0
    for key, rows in tally.groups.items():
        if any(key[words.index(word)] & mask for word, mask in drop.items()):
            dropped += rows
        elif any(key[words.index(word)] & mask for word, mask in hold.items()):
            quarantined += rows
        else:
            accepted += rows
    places = {id(finding): position for position, finding in enumerate(compiled.findings)}
    found = tuple(
        Count(f.rule, f.column, f.effect, rows, tuple(tally.samples.get(places[id(f)], ())[:SAMPLES_A_RULE]))
        for f, rows in counts(compiled.findings, list(tally.groups.items()))
    )
    return Report(
        rows_in=rows_in,
        accepted=accepted - (duplicates.exact + duplicates.conflicting if is_late else 0),
        quarantined=quarantined,
        dropped=dropped,
        duplicates=duplicates,
        counts=found,
    )
