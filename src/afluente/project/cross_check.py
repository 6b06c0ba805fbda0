"""Names in one file that refer to something in another: tables and their columns.

Invariant: every name that refers to something is held against what exists, and a wrong one gets the nearest right one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from afluente.core.errors import Place, Problem
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.project.contract import Contract
from afluente.project.known import Known
from afluente.project.model import Model
from afluente.project.read_settings import Settings

UNKNOWN_TABLE_OF_MODEL = "model.unknown_table"


def cross_check(
    settings: Settings,
    contracts: Iterable[Contract],
    models: Iterable[Model],
    known: Known,
    *,
    unread_layers: Collection[str] = (),
) -> list[Problem]:
    """Every name of the project that refers to nothing.

    Tables of `unread_layers` are not missed: a file that would make them has mistakes of its own.
    """
    return _CrossCheck(settings, tuple(contracts), tuple(models), known, unread_layers).run()


class _CrossCheck:
    def __init__(
        self,
        settings: Settings,
        contracts: tuple[Contract, ...],
        models: tuple[Model, ...],
        known: Known,
        unread_layers: Collection[str],
    ) -> None:
        self._unread_layers = unread_layers
        self._settings = settings
        self._contracts = contracts
        self._models = models
        self._known = known
        self._problems: list[Problem] = []
        self._silver = {contract.table: contract for contract in contracts if contract.table.layer == "silver"}
        self._gold = {model.table: model for model in models}
        bronze = {table for source in settings.sources for table in source.into}
        self._fleet = {one.table: one for one in (settings.fleet.lists if settings.fleet is not None else ())}
        kept = {TableName(layer, table.name) for table in self._silver for layer in ("quarantine", "repairs")}
        self._made = bronze | set(self._fleet) | set(self._silver) | set(self._gold)
        self._readable = self._made | kept

    def run(self) -> list[Problem]:
        self._check_sources()
        self._check_schedules()
        self._check_fleet()
        seen: dict[TableName, Contract] = {}
        for contract in self._contracts:
            self._check_contract(contract, seen.setdefault(contract.table, contract))
        self._check_cycles()
        self._check_models()
        return self._problems

    def _add(self, place: Place, code: str, message: str, hint: str = "") -> None:
        self._problems.append(Problem(place, code, message, hint))

    def _table(self, table: TableName, place: Place, what: str, tables: Iterable[TableName]) -> bool:
        """Whether a table exists, noting when it does not."""
        names = set(tables)
        if table in names:
            return True
        if table.layer in self._unread_layers:
            return False
        hint = did_you_mean(str(table), map(str, names))
        self._add(place, "project.unknown_table", f"{what} table {table}, which nothing makes", hint)
        return False

    def _column(self, name: str, columns: Iterable[str], place: Place, what: str) -> None:
        names = tuple(columns)
        if name not in names:
            hint = did_you_mean(name, names)
            self._add(place, "project.unknown_column", f"{what} column {name!r}, which does not exist", hint)

    def _check_sources(self) -> None:
        if self._known.check_source is None:
            return
        connectors = None if self._known.connectors is None else tuple(self._known.connectors)
        for source in self._settings.sources:
            if source.connector and (connectors is None or source.connector in connectors):
                self._problems += self._known.check_source(source)

    def _check_schedules(self) -> None:
        for schedule in self._settings.schedules:
            for table in schedule.tables:
                self._table(table, schedule.place, f"schedule {schedule.name!r} runs", self._made)

    def _check_fleet(self) -> None:
        for source in self._settings.sources:
            for table in set(source.into) & set(self._fleet):
                message = f"source {source.name!r} goes into {table}, which the fleet's hub makes"
                self._add(source.place, "project.repeated", message, "name another table in 'into'")

    def _check_taken(self, contract: Contract, what: str) -> None:
        """A contract over a fleet's list names the list's columns, and only such a table holds what is present."""
        found = self._fleet.get(contract.source) if contract.source is not None else None
        if found is None:
            if contract.take == "present" and contract.source is not None:
                hint = "only a list of the fleet's catalogue tells what stands at a site; leave 'take' out"
                message = f"{what} takes what is present of {contract.source}, which is no list of the fleet"
                self._add(contract.source_place or contract.place, "contract.take", message, hint)
            return
        for column in contract.columns:
            if column.expression is None:
                self._column(column.source, found.table_columns, column.place, f"{what} takes from {found.table} the")

    def _check_contract(self, contract: Contract, first: Contract) -> None:
        what = f"contract {contract.table}:"
        if first is not contract:
            message = f"table {contract.table} has two contracts, the first in {first.place}"
            self._add(contract.place, "project.duplicate_contract", message, "keep one")
        if contract.table.layer == "gold":
            self._table(contract.table, contract.place, f"{what} describes", self._gold)
        if contract.source is not None:
            sources = {table for table in self._made if table.layer in ("bronze", "silver")} - {contract.table}
            self._table(contract.source, contract.source_place or contract.place, f"{what} is conformed from", sources)
        self._check_taken(contract, what)
        names = tuple(column.name for column in contract.columns)
        for rule in contract.row_rules:
            for column in rule.columns:
                self._column(column, names, rule.place, f"{what} rule {rule.name!r} names")
        for quality in contract.quality:
            properties = quality.arguments.get("properties", [])
            for name in properties if isinstance(properties, list) else [properties]:
                self._column(str(name), names, quality.place, f"{what} rule {quality.name!r} names")
        for reference in contract.references:
            for column in reference.columns:
                self._column(column, names, reference.place, f"{what} a reference uses")
            if self._table(reference.table, reference.place, f"{what} a reference goes to", self._readable):
                targets = self._columns_of(reference.table)
                for column in reference.to_columns if targets is not None else ():
                    self._column(
                        column, targets or (), reference.place, f"{what} a reference goes to {reference.table}"
                    )

    def _columns_of(self, table: TableName) -> tuple[str, ...] | None:
        """The declared columns of a table; None when the project does not declare them."""
        if table in self._silver:
            return tuple(column.name for column in self._silver[table].columns)
        if table in self._gold:
            return tuple(column.name for column in self._gold[table].columns)
        if table in self._fleet:
            return self._fleet[table].table_columns
        return None

    def _check_cycles(self) -> None:
        """Silver tables conformed from each other would wait for ever."""
        sources: Mapping[TableName, TableName | None] = {table: one.source for table, one in self._silver.items()}
        told: set[TableName] = set()
        for start in sources:
            path: list[TableName] = []
            table: TableName | None = start
            while table is not None and table in sources and table not in path:
                path.append(table)
                table = sources[table]
            if table is None or table not in path or told & set(path):
                continue
            cycle = path[path.index(table) :]
            told |= set(cycle)
            names = " <- ".join(str(one) for one in [*cycle, table])
            self._add(self._silver[table].place, "project.cycle", f"tables are conformed from each other: {names}")

    def _check_models(self) -> None:
        for model in self._models:
            if model.incremental is not None:
                place = model.incremental.place or model.place
                self._table(model.incremental.source, place, f"model {model.table} is fed by", self._readable)
        if self._known.model_problems is None:
            return
        models = [model for model in self._models if model.sql]
        for problem in self._known.model_problems(models, self._readable - set(self._gold)):
            if problem.code != UNKNOWN_TABLE_OF_MODEL or not self._unread_layers:
                self._problems.append(problem)
