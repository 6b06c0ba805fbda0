"""Which steps a project has, what each waits for, and which of them an order of tables needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from afluente.core.errors import ProjectError, UsageError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.project.contract import Contract
from afluente.project.model import Model
from afluente.project.settings import Project
from afluente.runs.plan import Plan, Step

TablesRead = Callable[[Model], Iterable[TableName]]


def project_steps(project: Project, tables_read: TablesRead, *, full_refresh: Sequence[str] = ()) -> list[Step]:
    """Every step of a project, in no particular order. `full_refresh` names the tables to make anew from all rows."""
    makers: dict[TableName, list[str]] = {}
    for source in project.sources:
        for table in source.into:
            makers.setdefault(table, []).append(f"source.{source.name}")
    for contract in project.contracts:
        if contract.source is not None:
            makers.setdefault(contract.table, []).append(str(contract.table))
    for model in project.models:
        makers.setdefault(model.table, []).append(str(model.table))

    def behind(tables: Iterable[TableName], step: str) -> tuple[str, ...]:
        needed = (maker for table in tables for maker in makers.get(table, ()) if maker != step)
        return tuple(dict.fromkeys(needed))

    steps = [Step(f"source.{source.name}", "source", source=source.name) for source in project.sources]
    for contract in project.contracts:
        if contract.source is not None:
            name = str(contract.table)
            needed = behind([contract.source, *(r.table for r in contract.references), *rule_tables(contract)], name)
            steps.append(Step(name, "conform", needed, parameters={"full_refresh": name in full_refresh}))
    for model in project.models:
        name = str(model.table)
        needed = behind(sorted(tables_read(model)), name)
        steps.append(Step(name, "model", needed, parameters={"full_refresh": name in full_refresh}))
    return steps


def rule_tables(contract: Contract) -> list[TableName]:
    """The other tables that a contract's table-level reference rules read."""
    found = []
    for rule in contract.quality:
        implementation = rule.implementation
        if rule.kind == "custom" and isinstance(implementation, dict) and "table" in implementation:
            found.append(TableName.parse(str(implementation["table"])))
    return found


def plan_tables(
    project: Project, tables_read: TablesRead, asked: Sequence[str], *, is_full_refresh: bool = False
) -> Plan:
    """The plan that makes the asked tables (all when none is asked) and everything they come from."""
    steps = project_steps(project, tables_read)
    by_name = {step.name: step for step in steps}
    wanted = set(by_name)
    if asked:
        makers = _makers(project, by_name)
        wanted = set()
        waiting = [maker for name in asked for maker in _asked(name, makers)]
        while waiting:
            name = waiting.pop()
            if name not in wanted:
                wanted.add(name)
                waiting += by_name[name].depends_on
    if is_full_refresh:
        refreshed = [name for name in (asked or by_name) if name in by_name]
        by_name = {step.name: step for step in project_steps(project, tables_read, full_refresh=refreshed)}
    chosen = [step for name, step in by_name.items() if name in wanted]
    if cycle := _cycle(chosen):
        raise ProjectError(
            "project.cycle",
            f"tables wait for each other: {' <- '.join([*cycle, cycle[0]])}",
            hint="a table cannot need, even by others, what is made from it: take one of these references away",
        )
    return Plan.in_order(chosen)


def _cycle(steps: Sequence[Step]) -> list[str]:
    """The names of some steps each of which waits for the next, the last for the first; empty when there are none."""
    needed = {step.name: [name for name in step.depends_on if name != step.name] for step in steps}
    while free := [name for name, others in needed.items() if not any(other in needed for other in others)]:
        for name in free:
            del needed[name]
    if not needed:
        return []
    path = [min(needed)]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in needed[path[-1]] if name in needed))
    return path[path.index(path[-1]) : -1]


def _makers(project: Project, by_name: dict[str, Step]) -> dict[str, list[str]]:
    makers: dict[str, list[str]] = {name: [name] for name in by_name}
    for source in project.sources:
        for table in source.into:
            makers.setdefault(str(table), []).append(f"source.{source.name}")
    return makers


def _asked(name: str, makers: dict[str, list[str]]) -> list[str]:
    if name not in makers:
        raise UsageError(
            "run.table_unknown", f"nothing in this project makes '{name}'", hint=did_you_mean(name, makers)
        )
    return makers[name]
