"""The table an output gives, held against its contract before anybody sees it.

Invariant: what leaves has exactly the contract's columns, in its order and of its types; a promise that is broken, or
that cannot be checked, holds the release when its severity is error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from afluente.products.release.declared_rules import Declared, declared_rules
from afluente.products.release.reason import Action, Reason
from afluente.state.quality_outcomes import QualityOutcome

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.project.contract import Column, Contract
    from afluente.project.product import Output
    from afluente.runs.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """`table` is what may be written: the contract's columns that there are, its rows in a fixed order.

    `outcomes` are those of the contract's rules, passed ones too.
    """

    table: pa.Table
    reasons: tuple[Reason, ...]
    outcomes: tuple[QualityOutcome, ...]


def check_contract(workspace: Workspace, output: Output, contract: Contract, table: pa.Table) -> CheckedTable:
    """Check one gated table. EngineError when the table cannot be read by the engine."""
    reasons = [*_column_reasons(output, contract, table)]
    columns = [column.name for column in contract.columns if column.name in table.column_names]
    kept = _in_order(table.select(columns), contract)
    declared = declared_rules(contract)
    asked = replace(contract, quality=(*contract.quality, *(rule for _, rule in declared.values())))
    outcomes = tuple(_ask_rules(workspace, asked, kept)) if not reasons else ()
    codes = {name: code for name, (code, _) in declared.items()}
    reasons += [_of_rule(output, outcome, codes) for outcome in outcomes if outcome.status != "passed"]
    return CheckedTable(kept, tuple(reasons), outcomes)


def _column_reasons(output: Output, contract: Contract, table: pa.Table) -> Iterator[Reason]:
    promised = {column.name for column in contract.columns}
    for name in table.column_names:
        if name not in promised:
            yield _reason(
                output,
                "contract.column_unknown",
                name,
                f"a coluna {name} não está no contrato {contract.id}",
                f"column {name} is not in contract {contract.id}",
            )
    for column in contract.columns:
        if column.name not in table.column_names:
            yield _reason(
                output,
                "contract.column_missing",
                column.name,
                f"falta a coluna {column.name} do contrato {contract.id}",
                f"column {column.name} of contract {contract.id} is missing",
            )
            continue
        values = table.column(column.name)
        if not _is_of_type(column, values.type):
            yield _reason(
                output,
                "contract.type",
                column.name,
                f"a coluna {column.name} é {values.type}, e o contrato {contract.id} diz {column.logical_type}",
                f"column {column.name} is {values.type}, and contract {contract.id} says {column.logical_type}",
            )
        elif column.required and values.null_count:
            yield _reason(
                output,
                "contract.required",
                column.name,
                f"a coluna {column.name} é obrigatória e está vazia em {values.null_count} linhas",
                f"column {column.name} is required and is missing in {values.null_count} rows",
            )
        elif not _is_finite(values):
            yield _reason(
                output,
                "contract.not_finite",
                column.name,
                f"a coluna {column.name} tem números que não são finitos",
                f"column {column.name} has numbers that are not finite",
            )


def _is_of_type(column: Column, kind: pa.DataType) -> bool:
    import pyarrow as pa

    match column.logical_type:
        case "string":
            return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
        case "integer":
            is_whole_decimal = pa.types.is_decimal(kind) and kind.scale == 0
            return bool(pa.types.is_integer(kind) or is_whole_decimal)
        case "number":
            return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
        case "boolean":
            return bool(pa.types.is_boolean(kind))
        case "date":
            return bool(pa.types.is_date(kind))
        case "timestamp":
            return bool(pa.types.is_timestamp(kind))


def _is_finite(values: pa.ChunkedArray) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(values.type):
        return True
    return bool(pc.all(pc.is_finite(values)).as_py() is not False)


def _in_order(table: pa.Table, contract: Contract) -> pa.Table:
    """The rows sorted by the contract's key, then by every other column, so that equal tables are equal files."""
    keys = [name for name in contract.keys if name in table.column_names]
    others = [name for name in table.column_names if name not in keys]
    if not table.num_rows or not table.column_names:
        return table
    return table.sort_by([(name, "ascending") for name in (*keys, *others)])


def _ask_rules(workspace: Workspace, contract: Contract, table: pa.Table) -> list[QualityOutcome]:
    from afluente.runs.steps.quality import ask_rules

    view = contract.table.view
    engine = workspace.engine
    return ask_rules(
        workspace,
        contract,
        lambda: engine.register_arrow(view, table),
        view,
        engine=engine,
        schemas={contract.table: table.schema},
    )


def _of_rule(output: Output, outcome: QualityOutcome, codes: Mapping[str, Declared]) -> Reason:
    action: Action = "hold" if outcome.severity == "error" else "warn"
    code = codes.get(outcome.rule, "contract.rule")
    return Reason(code, action, outcome.message, outcome.message, output.name, outcome.rule)


def _reason(output: Output, code: str, column: str, pt: str, en: str) -> Reason:
    return Reason(code, "hold", pt, en, output.name, column)
