"""The lists of examples/transmissor: each passes the guard and is read whole and as a delta from a PEC with people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from afluente.fleet.catalogue_files import read_catalogue_files
from afluente.fleet.refusal import FleetError
from afluente_agent.catalogue import read_catalogue
from afluente_agent.delta import DeltaStore
from afluente_agent.extract import Extracted, extract
from afluente_agent.pec import PecAddress, connected
from afluente_agent.pseudonym import Pseudonyms
from tests.unit.agent.extraction.lists import MemorySink, reading

FOLDER = Path(__file__).parents[4] / "examples" / "transmissor" / "catalogo"
NAMES = ("hipertensao", "diabetes", "gestantes", "citologia", "vacinacao")


def catalogue():  # noqa: ANN201
    import json

    return read_catalogue(json.dumps({**read_catalogue_files(FOLDER), "name": "default", "version": 2}))


def test_the_lists_are_those_of_the_example() -> None:
    assert tuple(one.name for one in catalogue().lists) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_list_is_read_whole_and_then_as_what_changed(
    name: str, pec: PecAddress, as_owner: Callable[[str], None], tmp_path: Path
) -> None:
    query = next(one for one in catalogue().lists if one.name == name)
    as_owner(
        "INSERT INTO tb_fat_cidadao_pec (co_seq_fat_cidadao_pec, no_cidadao, co_dim_tempo_nascimento, co_dim_sexo)"
        " VALUES (7000, 'PESSOA NOVA', 19850101, 2)"
    )

    def read(transmission: str) -> tuple[Extracted, MemorySink]:
        async def inner() -> tuple[Extracted, MemorySink]:
            sink = MemorySink()
            how = reading(tmp_path, transmission, pseudonyms=Pseudonyms(bytes(range(32))))
            async with connected(pec) as connection:
                return await extract(connection, query, sink, how), sink

        return asyncio.run(inner())

    first, sink = read("t1")
    assert first.kind == "full"
    assert 10 < first.rows < 400 + 1
    assert len({line[1] for line in sink.lines}) == first.rows
    DeltaStore(tmp_path).confirm(name, "t1")
    as_owner(
        "INSERT INTO tb_fat_atendimento_individual (co_seq_fat_atd_ind, co_fat_cidadao_pec, co_dim_tempo,"
        " co_dim_tempo_dum, co_dim_cbo_1) VALUES (90000, 7000, 20260929, 20260601, 1);"
        "INSERT INTO tb_fat_atd_ind_problemas (co_seq_fat_atd_ind_problemas, co_fat_atd_ind, co_dim_cid, co_dim_ciap)"
        " VALUES (90000, 90000, 1, 2);"
        "INSERT INTO tb_fat_proced_atend_proced (co_seq_fat_proced_atend_proced, co_fat_cidadao_pec, co_dim_tempo,"
        " co_dim_procedimento) VALUES (90000, 7000, 20260929, 2);"
        "INSERT INTO tb_fat_vacinacao (co_seq_fat_vacinacao, co_fat_cidadao_pec) VALUES (90000, 7000);"
        "INSERT INTO tb_fat_vacinacao_vacina (co_seq_fat_vacinacao_vacina, co_fat_vacinacao, co_dim_tempo_vacina_aplicada)"
        " VALUES (90000, 90000, 20260929)"
    )
    second, changed = read("t2")
    assert (second.kind, second.rows) == ("delta", 1)
    assert changed.lines[0][0] == "I"


def test_what_must_not_leave_leaves_as_a_pseudonym() -> None:
    vaccines = next(one for one in catalogue().lists if one.name == "vacinacao")
    assert [one.name for one in vaccines.columns if one.pseudonym] == ["pessoa"]
    assert not {one.identity for one in vaccines.columns} & {"name", "cpf", "cns", "contact"}


@pytest.mark.parametrize(
    "text",
    ["", "lists: 1", "lists: [{name: a}]", "lists: [{name: a, sql: ../fora.sql}]", "lists: [{name: a, sql: nada.sql}]"],
)
def test_files_that_are_no_catalogue_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "catalogo.yaml").write_text(text)
    with pytest.raises(FleetError):
        read_catalogue_files(tmp_path)
