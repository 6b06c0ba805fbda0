"""The gate every output of rows passes: pseudonyms under the partner's key, coarser columns, classes of persons.

Invariant: rows that leave lie in classes of at least the policy's fewest persons; those that do not are told coarser
or dropped, and counted. The rows as they stand in the facts never leave this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from afluente.core.errors import LakeError
from afluente.products.privacy.classes import Classes, codes_of, combined, make_classes, signatures
from afluente.products.privacy.classification import leaving_columns, texts_that_identify
from afluente.products.privacy.cohorts import cohorts_of, versions_told
from afluente.products.privacy.gated import CELLS, Finding, GatedOutput, Utility, Visible
from afluente.products.privacy.generalise import levels
from afluente.products.privacy.output_rows import column_type
from afluente.products.privacy.pseudonym import key_of
from afluente.runs.steps.query import ask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from afluente.core.tables import TableName
    from afluente.products.privacy.classification import LeavingColumn
    from afluente.project.contract import Contract
    from afluente.project.product import Output, Product
    from afluente.runs.steps.workspace import Workspace

AS_ASKED = "rows"
COARSER = "coarser"
"""Levels, in an output's Utility, of rows told as the product asks and of those told coarser."""


def pass_rows(
    workspace: Workspace,
    product: Product,
    output: Output,
    contract: Contract,
    *,
    at: Mapping[TableName, int],
) -> GatedOutput:
    """The output's rows of the pinned version, sorted, with the columns of the contract in its order.

    DataRefused when a column may not leave (`leaving_columns`) or the pseudonym key may not be used (`key_of`).
    """
    columns = leaving_columns(workspace.project, output, contract)
    facts = _read(workspace, output, columns, at)
    shown: dict[str, pa.ChunkedArray] = {}
    pseudonyms = [column for column in columns if column.is_pseudonym]
    if pseudonyms:
        key = key_of(workspace, product)
        shown |= {column.name: key.pseudonyms(column.name, facts.column(column.name)) for column in pseudonyms}
    shown |= {column.name: facts.column(column.name) for column in columns if column.name not in shown}
    quasi = [column for column in columns if column.is_quasi]
    ladders = [
        levels(facts.column(column.name), column.generalise, timezone=workspace.project.timezone) for column in quasi
    ]
    kept, coarser = facts.num_rows, 0
    is_kept = None
    told_of = versions_told(workspace, product, output) if output.person else ()
    readable = [version for version in told_of if _is_readable(workspace, output, version)]
    if output.person:
        classes = _classes(workspace, product, output, columns, readable, facts, ladders)
        for column, ladder, level in zip(quasi, ladders, classes.levels, strict=True):
            shown[column.name] = _chosen(ladder, level)
        is_kept, kept, coarser = classes.is_kept, int(classes.is_kept.sum()), classes.coarser
    else:
        shown |= {column.name: ladder[0] for column, ladder in zip(quasi, ladders, strict=True)}
    table = _table(shown, contract)
    if is_kept is not None:
        table = table.filter(pa.array(is_kept))
    table = table.sort_by([(name, "ascending") for name in table.column_names])
    read = [one.name for one in columns if not one.is_pseudonym and one.classification != "public"]
    findings = _findings(output, table, read, facts.num_rows)
    if len(readable) < len(told_of):
        findings += (_history_gone(output),)
    return GatedOutput(table, (), _utility(facts.num_rows, kept, coarser), findings)


def _classes(
    workspace: Workspace,
    product: Product,
    output: Output,
    columns: tuple[LeavingColumn, ...],
    versions: Sequence[int],
    facts: pa.Table,
    ladders: Sequence[list[pa.ChunkedArray]],
) -> Classes:
    """The classes of the rows of each cohort, told the same in every release, given those of the earlier ones."""
    before = (_read(workspace, output, columns, {output.facts: version}) for version in versions)
    cohort = cohorts_of(facts, before)
    linking = [codes_of(facts.column(column.name)) for column in columns if column.is_linking]
    levels_of = tuple(np.zeros(facts.num_rows, dtype=np.int64) for _ in ladders)
    is_kept = np.zeros(facts.num_rows, dtype=np.bool_)
    known = np.zeros(facts.num_rows, dtype=np.int64)
    since = np.zeros(facts.num_rows, dtype=np.int64)
    sizes = []
    for number in range(len(versions) + 1):
        # What an earlier release dropped was never seen: it is as new as what is.
        at = np.flatnonzero((cohort <= number) & ~is_kept)
        since[at] = number
        rows = pa.array(at)
        made = make_classes(
            [[level.take(rows) for level in ladder] for ladder in ladders],
            persons=facts.column(output.person).take(rows),
            links=[facts.column(column.name).take(rows) for column in columns if column.is_linking],
            sensitive=[facts.column(column.name).take(rows) for column in columns if column.is_sensitive],
            fixed=known[at],
            minimum_persons=product.privacy.minimum_persons,
        )
        for levels_now, level in zip(levels_of, made.levels, strict=True):
            levels_now[at] = level
        is_kept[at] = made.is_kept
        sizes += [made.smallest] if made.is_kept.any() else []
        shown = [codes_of(_chosen(one, now)) for one, now in zip(ladders, levels_of, strict=True)]
        told = combined([since, *shown], facts.num_rows)
        known = combined([signatures(unit, told, is_kept) + 1 for unit in linking], facts.num_rows)
    return Classes(levels_of, is_kept, min(sizes, default=0))


def _is_readable(workspace: Workspace, output: Output, version: int) -> bool:
    try:
        workspace.lake.snapshot(output.facts, version)
    except LakeError:
        return False
    return True


def _history_gone(output: Output) -> Finding:
    return Finding(
        "privacy.history_gone",
        f"versões de {output.facts} já liberadas não existem mais: não se sabe quais linhas de '{output.name}' são novas",
        f"released versions of {output.facts} are gone: which rows of '{output.name}' are new is not known",
        action="hold",
    )


def _read(
    workspace: Workspace, output: Output, columns: tuple[LeavingColumn, ...], at: Mapping[TableName, int]
) -> pa.Table:
    names = dict.fromkeys([*(column.name for column in columns), *((output.person,) if output.person else ())])
    where = f" WHERE ({output.where})" if output.where else ""
    listed = ", ".join(f"`{name}`" for name in names)
    pinned = {table: version for table, version in at.items() if table == output.facts}
    return ask(workspace, f"SELECT {listed} FROM {output.facts}{where}", at=pinned).read_all()


def _chosen(ladder: list[pa.ChunkedArray], level: NDArray[np.int64]) -> pa.ChunkedArray:
    """Each row at its own level."""
    made = ladder[0]
    for number, values in enumerate(ladder[1:], 1):
        made = pc.if_else(pa.array(level == number), values, made)
    return made


def _table(shown: Mapping[str, pa.ChunkedArray], contract: Contract) -> pa.Table:
    ordered = [column for column in contract.columns if column.name in shown]
    return pa.table({column.name: shown[column.name].cast(column_type(column)) for column in ordered})


def _utility(rows: int, kept: int, coarser: int) -> Utility:
    if not rows:
        return Utility()
    shares = (
        Visible(CELLS, AS_ASKED, (kept - coarser) / rows),
        Visible(CELLS, COARSER, coarser / rows),
        Visible(CELLS, "", (rows - kept) / rows),
    )
    return Utility(shares, rows=kept, cells=rows)


def _findings(output: Output, table: pa.Table, read: list[str], rows: int) -> tuple[Finding, ...]:
    findings = [
        Finding(
            "privacy.text_identifies",
            f"a coluna '{column}' de '{output.name}' tem {kind} em {count} valor(es)",
            f"column '{column}' of '{output.name}' holds a {kind} in {count} value(s)",
            column,
        )
        for column, kind, count in texts_that_identify(table, read)
    ]
    if rows and not table.num_rows:
        findings.append(
            Finding(
                "privacy.nothing_left",
                f"nenhuma das {rows} linhas de '{output.name}' está em uma classe grande o bastante",
                f"none of the {rows} rows of '{output.name}' is in a class that is large enough",
                action="hold",
            )
        )
    return tuple(findings)
