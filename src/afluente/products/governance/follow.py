"""Following one person through the tables: from the identifiers given to every value and row that is theirs.

A table is followed by the columns that are known to hold the person. From its rows, of the newest version and of all
older ones, come: its own key and unique columns (where a row is a person), the columns of other tables that refer to
it, and the columns of any table that hold the same kind of document. A silver table and those conformed from it lead to
each other by the columns that one hands to the other. Nothing else leads on: a shared phone or a namesake is not the
same person.

Invariant: nothing here writes. What was received dirty is compared after the contract's own cleaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from afluente.core.errors import UsageError
from afluente.core.tables import TableName
from afluente.products.governance.canonical_value import canonical_values
from afluente.products.governance.conformed_on import handed_to, made_from, silver_contracts
from afluente.products.governance.person import Identifier, Tokens
from afluente.products.governance.row_match import Origin, by_values, texts_of
from afluente.products.governance.table_files import read_table_file, table_files
from afluente.project.contract import Column, Contract

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.project.settings import Project
    from afluente.runs.steps.workspace import Workspace

Policy = Literal["delete", "anonymise"]
DOCUMENTS = frozenset({"br.cpf", "br.cns"})
_ENOUGH_DIRECT = 2
_SHORTEST_KEY = 11
_SHARED = ("email", "br.phone")


@dataclass(slots=True)
class Found:
    """What is known of the person. Values are canonical texts of silver columns; `raws` those of the source columns.

    `sites` are those of the fleet whose lines hold the person. `row_links` are columns of tables conformed from silver that tell a row of the person's, and not the person.
    """

    wanted: dict[TableName, dict[str, set[str]]] = field(default_factory=dict)
    raws: dict[TableName, dict[str, set[str]]] = field(default_factory=dict)
    origins: dict[TableName, set[Origin]] = field(default_factory=dict)
    policies: dict[TableName, Policy] = field(default_factory=dict)
    row_links: dict[TableName, set[str]] = field(default_factory=dict)
    sites: dict[TableName, set[str]] = field(default_factory=dict)
    tokens: Tokens = field(default_factory=Tokens)

    def want(self, table: TableName, column: str, values: Iterable[str]) -> bool:
        """Add values to look for; whether any is new."""
        known = self.wanted.setdefault(table, {}).setdefault(column, set())
        before = len(known)
        known.update(values)
        return len(known) > before


def follow(
    workspace: Workspace,
    identifiers: Iterable[Identifier],
    *,
    policies: Mapping[TableName, Policy] | None = None,
    allows_several: bool = False,
) -> Found:
    """Everything that belongs to the person. UsageError when an identifier cannot be read or several people match."""
    return _Follower(workspace, policies or {}).follow(tuple(identifiers), allows_several=allows_several)


def fleet_tables(project: Project) -> frozenset[TableName]:
    """The bronze tables that the fleet's hub keeps."""
    return frozenset() if project.fleet is None else frozenset(one.table for one in project.fleet.lists)


def person_key(contract: Contract) -> str:
    """The single column that is the table's key; empty when it has none or several."""
    return contract.keys[0] if len(contract.keys) == 1 else ""


class _Follower:
    def __init__(self, workspace: Workspace, policies: Mapping[TableName, Policy]) -> None:
        self._workspace = workspace
        self._lake = workspace.lake
        self._given = policies
        self._contracts = silver_contracts(workspace.project)
        self._fleet = fleet_tables(workspace.project)
        self._read: dict[tuple[TableName, str], dict[str, str]] = {}
        self._asked: dict[tuple[TableName, str], set[str]] = {}
        self._found = Found()

    def follow(self, identifiers: tuple[Identifier, ...], *, allows_several: bool) -> Found:
        for one in identifiers:
            column = self._contracts[one.table].column(one.column)
            value = self._canonical(one.table, column, {one.value}).get(one.value)
            if value is None:
                raise UsageError(
                    "erase.identifier_unreadable",
                    f"the value given for {one.table}.{one.column} is no {column.format or column.logical_type}",
                    hint="give it as it stands in the table, or as it was received",
                )
            self._found.want(one.table, one.column, {value})
            self._token(column, {value, one.value})
        waiting = list(dict.fromkeys(one.table for one in identifiers))
        while waiting:
            table = waiting.pop(0)
            for other in self._visit(self._contracts[table]):
                if other not in waiting:
                    waiting.append(other)
        self._part_shared()
        self._take_in_unlinked()
        self._decide()
        if not allows_several:
            self._refuse_several()
        return self._found

    def _visit(self, contract: Contract) -> list[TableName]:
        """Take in the rows of a table and of its source; the tables to visit next, itself among them."""
        values: dict[str, set[str]] = {column.name: set() for column in contract.columns}
        self._visit_source(contract, values)
        self._visit_silver(contract, values)
        changed = []
        for name, found in values.items():
            column = contract.column(name)
            if column.classification == "direct_identifier":
                self._token(column, found)
            for table, other in self._leads(contract, column):
                if found and self._found.want(table, other, found):
                    changed.append(table)
        changed += self._hand_back(contract)
        for name, found in values.items():
            changed += self._hand_on(contract, contract.column(name), found)
        return list(dict.fromkeys(changed))

    def _hand_back(self, contract: Contract) -> list[TableName]:
        """The silver table that it is conformed from, by the values which that holds of this one's columns."""
        earlier = made_from(contract, self._contracts)
        if earlier is None:
            return []
        rows_only = self._found.row_links.get(contract.table, set())
        raws = self._found.raws.get(earlier.table, {})
        links = [contract.column(name) for name in self._found.wanted[contract.table] if name not in rows_only]
        return [
            earlier.table
            for link in links
            if link.expression is None and raws.get(link.source)
            if self._found.want(earlier.table, link.source, raws[link.source])
        ]

    def _hand_on(self, contract: Contract, column: Column, rows: set[str]) -> list[TableName]:
        """The tables conformed from it, by what tells the person or, failing that, by the key of the person's rows."""
        of_person = self._found.wanted[contract.table].get(column.name, set())
        if column.name in self._found.row_links.get(contract.table, set()):
            of_person = set()
        is_row_key = column.unique or column.name == person_key(contract)
        if not of_person and not (rows and is_row_key):
            return []
        changed = []
        for later, link in handed_to(contract, column.name, self._contracts):
            links = self._found.row_links.setdefault(later.table, set())
            (links.discard if of_person else links.add)(link.name)
            texts = of_person or rows
            if self._found.want(later.table, link.name, self._canonical_of(later.table, link, texts)):
                changed.append(later.table)
        return changed

    def _canonical_of(self, table: TableName, column: Column, texts: set[str]) -> set[str]:
        read = self._canonical(table, column, texts)
        return {read[text] for text in texts if text in read}

    def _leads(self, contract: Contract, column: Column) -> Iterable[tuple[TableName, str]]:
        """Columns that hold the same person as this column of a matched row."""
        if self._is_of_people(contract) and (column.unique or column.name == person_key(contract)):
            yield contract.table, column.name
            if not (column.format in DOCUMENTS or column.classification == "direct_identifier"):
                key = self._found.wanted.get(contract.table, {}).get(column.name, set())
                self._found.tokens.strong.update(value for value in key if _is_telling(value))
        for child in self._contracts.values():
            for reference in child.references:
                if reference.table == contract.table and reference.to_columns == (column.name,):
                    yield child.table, reference.columns[0]
            if column.format in DOCUMENTS and column.classification == "direct_identifier":
                for other in child.columns:
                    if other.format == column.format and other.classification == "direct_identifier":
                        yield child.table, other.name

    def _is_of_people(self, contract: Contract) -> bool:
        """Whether a row of the table is a person, rather than something a person did."""
        earlier = made_from(contract, self._contracts)
        if earlier is not None and self._found.wanted.get(earlier.table):
            return self._is_of_people(earlier)
        wanted = self._found.wanted.get(contract.table, {})
        direct = [column for column in contract.columns if column.classification == "direct_identifier"]
        if not direct:
            return False
        if any(contract.column(name).unique or name == person_key(contract) for name in wanted):
            return True
        refers = {name for reference in contract.references for name in reference.columns}
        return len(direct) >= _ENOUGH_DIRECT and not refers & set(wanted)

    def _visit_source(self, contract: Contract, values: dict[str, set[str]]) -> None:
        snapshot = None if contract.source is None else self._lake.find(contract.source)
        if snapshot is None or contract.source is None:
            return
        links = {
            contract.column(name).source: contract.column(name)
            for name in self._found.wanted[contract.table]
            if contract.column(name).expression is None
        }
        for file in table_files(self._lake, snapshot):
            keys = read_table_file(self._lake, snapshot, file.path, links)
            raws = {name: self._raws(contract, links[name], keys.column(name)) for name in keys.column_names}
            if not any(by_values(keys, raws)):
                continue
            for name, texts in raws.items():
                self._found.raws.setdefault(contract.source, {}).setdefault(name, set()).update(texts)
            whole = read_table_file(self._lake, snapshot, file.path)
            rows = whole.filter(by_values(whole, raws))
            if {"_source", "_source_row"} <= set(rows.column_names):
                origins = zip(*(rows.column(name).to_pylist() for name in ("_source", "_source_row")), strict=True)
                self._found.origins.setdefault(contract.source, set()).update(origins)
            if contract.source in self._fleet:
                self._found.sites.setdefault(contract.source, set()).update(rows.column("site").to_pylist())
            self._gather(contract, rows, values)

    def _raws(self, contract: Contract, column: Column, given: pa.ChunkedArray) -> set[str]:
        wanted = self._found.wanted[contract.table][column.name]
        texts = {text for text in texts_of(given).unique().to_pylist() if text is not None}
        read = self._canonical(contract.table, column, texts)
        return {text for text in texts if read.get(text) in wanted}

    def _gather(self, contract: Contract, rows: pa.Table, values: dict[str, set[str]]) -> None:
        for column in contract.columns:
            is_there = column.expression is None and column.source in rows.column_names
            if not is_there or not self._matters(contract, column):
                continue
            texts = {text for text in texts_of(rows.column(column.source)).to_pylist() if text}
            read = self._canonical(contract.table, column, texts)
            values[column.name].update(read[text] for text in texts if text in read)
            if column.classification == "direct_identifier":
                self._token(column, {text for text in texts if text in read})

    def _matters(self, contract: Contract, column: Column) -> bool:
        """Whether the column tells the person, or leads on to other rows of theirs."""
        if column.classification == "direct_identifier" or column.unique or column.name == person_key(contract):
            return True
        references = (one for child in self._contracts.values() for one in child.references)
        return any(one.table == contract.table and column.name in one.to_columns for one in references)

    def _visit_silver(self, contract: Contract, values: dict[str, set[str]]) -> None:
        snapshot = self._lake.find(contract.table)
        if snapshot is None:
            return
        wanted = self._found.wanted[contract.table]
        for file in table_files(self._lake, snapshot):
            keys = read_table_file(self._lake, snapshot, file.path, wanted)
            if not any(by_values(keys, wanted)):
                continue
            whole = read_table_file(self._lake, snapshot, file.path)
            rows = whole.filter(by_values(whole, wanted))
            for column in contract.columns:
                if column.name in rows.column_names and self._matters(contract, column):
                    texts = texts_of(rows.column(column.name)).to_pylist()
                    values[column.name].update(text for text in texts if text)

    def _canonical(self, table: TableName, column: Column, texts: set[str]) -> dict[str, str]:
        known = self._read.setdefault((table, column.name), {})
        asked = self._asked.setdefault((table, column.name), set())
        if new := texts - asked:
            known.update(canonical_values(self._workspace, column, new))
            asked.update(new)
        return known

    def _token(self, column: Column, texts: Iterable[str]) -> None:
        tokens = self._found.tokens
        is_strong = column.format is not None and column.format not in ("text", "enum")
        (tokens.strong if is_strong else tokens.weak).update(texts)

    def _part_shared(self) -> None:
        """An address or a phone that other people of the table have too becomes a weak token."""
        for table, wanted in self._found.wanted.items():
            contract = self._contracts[table]
            key = person_key(contract)
            snapshot = self._lake.find(table)
            if not key or key not in wanted or snapshot is None:
                continue
            columns = [column.name for column in contract.columns if column.format in _SHARED]
            for file in snapshot.live:
                rows = read_table_file(self._lake, snapshot, file.path, [key, *columns])
                others = rows.filter(~by_values(rows, {key: wanted[key]}))
                for name in columns:
                    held = set(texts_of(others.column(name)).unique().to_pylist())
                    self._weaken({text for text in self._found.tokens.strong if text in held})

    def _weaken(self, shared: set[str]) -> None:
        self._found.tokens.strong -= shared
        self._found.tokens.weak |= shared

    def _take_in_unlinked(self) -> None:
        """Tables conformed from the person's that no column links to them: looked through for the person's texts."""
        for contract in self._contracts.values():
            if contract.source in self._found.wanted and contract.table not in self._found.wanted:
                self._found.wanted[contract.table] = {}
                for column in contract.columns:
                    if column.classification == "direct_identifier" and column.expression is None:
                        texts = self._found.tokens.strong | self._found.tokens.weak
                        self._token(column, self._canonical_of(contract.table, column, texts))

    def _decide(self) -> None:
        for table, wanted in self._found.wanted.items():
            contract = self._contracts[table]
            is_partition = bool(set(contract.partition_by) & set(wanted))
            is_deleted = bool(wanted) and (self._is_of_people(contract) or is_partition)
            policy: Policy = "delete" if is_deleted else "anonymise"
            self._found.policies[table] = self._given.get(table, policy)

    def _refuse_several(self) -> None:
        for table, wanted in self._found.wanted.items():
            key = person_key(self._contracts[table])
            people = wanted.get(key, set()) if key and self._is_of_people(self._contracts[table]) else set()
            if len(people) > 1:
                raise UsageError(
                    "erase.several_people",
                    f"the identifiers lead to {len(people)} different values of {table}.{key}",
                    hint=f"give {table}.{key} of the one meant, or allow several when all are the same person",
                )


def _is_telling(key: str) -> bool:
    """Whether a key can be looked for in a text without meeting other numbers."""
    return any(letter.isalpha() for letter in key) or len(re.sub(r"\D", "", key)) >= _SHORTEST_KEY
