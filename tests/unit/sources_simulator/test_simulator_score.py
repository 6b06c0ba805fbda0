"""The score tells a perfect cleaning from one with known faults."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from afluente.sources.simulator.dirt import CATALOGUE, TABLES, TableKey
from afluente.sources.simulator.score import KEYS, score
from afluente.sources.simulator.sheet import dirt_column

Tables = Mapping[TableKey, pa.Table]


def perfect(table: TableKey, truth: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Silver and quarantine as they should be."""
    fate = truth["_fate"].cast(pa.string())
    silver = truth.filter(pc.is_in(fate, pa.array(["accept", "repair"])))
    for dirt in CATALOGUE[table]:
        if dirt.outcome == "null":
            place = silver.column_names.index(dirt.column)
            lost = pc.fill_null(pc.equal(silver[dirt_column(dirt.column)].cast(pa.string()), dirt.kind), False)
            values = pc.if_else(lost, pa.scalar(None, silver.schema.field(place).type), silver[dirt.column])
            silver = silver.set_column(place, dirt.column, values)
    return silver, truth.filter(pc.equal(fate, "reject"))


@pytest.mark.parametrize("table", TABLES)
def test_a_perfect_cleaning_scores_one_everywhere(truths: Tables, table: TableKey) -> None:
    silver, quarantine = perfect(table, truths[table])
    scored = score(table, silver=silver, quarantine=quarantine, truth=truths[table])
    assert (scored.precision, scored.recall, scored.repair_share) == (1, 1, 1)
    assert (scored.lost, scored.surplus) == (0, 0)
    assert scored.clean_cells_right == scored.clean_cells
    assert [kind for kind in scored.kinds if kind.share != 1] == []


def test_a_row_wrongly_rejected_lowers_precision_and_counts_as_lost(truths: Tables) -> None:
    truth = truths["clientes"]
    silver, quarantine = perfect("clientes", truth)
    scored = score(
        "clientes",
        silver=silver.slice(1),
        quarantine=pa.concat_tables([quarantine, silver.slice(0, 1)]),
        truth=truth,
    )
    assert scored.lost == 1
    assert scored.precision == quarantine.num_rows / (quarantine.num_rows + 1)
    assert scored.recall == 1


def test_a_bad_row_let_through_lowers_recall_and_counts_as_surplus(truths: Tables) -> None:
    truth = truths["clientes"]
    silver, quarantine = perfect("clientes", truth)
    scored = score(
        "clientes",
        silver=pa.concat_tables([silver, quarantine.slice(0, 1)]),
        quarantine=quarantine.slice(1),
        truth=truth,
    )
    assert scored.surplus == 1
    assert scored.recall == (quarantine.num_rows - 1) / quarantine.num_rows
    assert sum(kind.cells - kind.right for kind in scored.kinds if kind.outcome == "reject") >= 1


def test_a_wrong_repair_is_told_by_its_kind(truths: Tables) -> None:
    truth = truths["clientes"]
    silver, quarantine = perfect("clientes", truth)
    damaged = silver.set_column(silver.column_names.index("cpf"), "cpf", pa.repeat("", silver.num_rows))
    scored = score("clientes", silver=damaged, quarantine=quarantine, truth=truth)
    shares = {(kind.column, kind.kind): kind.share for kind in scored.kinds}
    assert shares["cpf", "zeros_perdidos"] == shares["cpf", "formato"] == 0
    assert shares["cep", "zeros_perdidos"] == 1


def test_a_repeated_key_in_silver_is_told(truths: Tables) -> None:
    truth = truths["transacoes"]
    silver, quarantine = perfect("transacoes", truth)
    repeated = truth.filter(pc.equal(truth["_dirt_row"].cast(pa.string()), "linha_repetida"))
    scored = score("transacoes", silver=pa.concat_tables([silver, repeated]), quarantine=quarantine, truth=truth)
    assert scored.surplus == repeated.num_rows
    assert {kind.kind: kind.right for kind in scored.kinds if kind.column == ""}["linha_repetida"] == 0


def test_rows_replayed_from_quarantine_no_longer_count_as_rejected(truths: Tables) -> None:
    truth = truths["produtos"]
    silver, quarantine = perfect("produtos", truth)
    moment = pa.repeat(pa.scalar(0, pa.timestamp("us", "UTC")), quarantine.num_rows)
    scored = score("produtos", silver=silver, quarantine=quarantine.append_column("replayed_at", moment), truth=truth)
    assert scored.rejects_made == scored.rejects_right == 0


def test_empty_tables_are_scored(truths: Tables) -> None:
    truth = truths["produtos"]
    scored = score("produtos", silver=truth.slice(0, 0), quarantine=truth.slice(0, 0), truth=truth)
    assert (scored.recall, scored.lost, scored.precision) == (0, scored.kept_expected, 1)
    assert set(KEYS) == set(TABLES)
