"""One person erased from a project whose bronze comes from the fleet: what stands at each site, and what comes back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fleet_world.fleet_river import River, TABLE, write_project
from tests.integration.products_erase_project import rows_of, run_shop
from tests.unit.fleet.loading.fleet_loading_world import delete_line, insert_line

from afluente.core.tables import TableName
from afluente.lake.lake import Lake
from afluente.products.governance.certificate import Certificate
from afluente.products.governance.erase import erase_person, erase_returned, verify_erasures
from afluente.products.governance.erase_tables import Work, changed
from afluente.products.governance.fleet_lines import person_lines
from afluente.products.governance.follow import Policy
from afluente.products.governance.row_match import by_values
from afluente.products.governance.table_files import rewrite
from afluente.project.load import load_project
from afluente.runs import workflow
from afluente.runs.steps.workspace import Workspace

ANA, RUI, EVA = PEOPLE = ("52998224725", "11144477735", "12345678909")
SITES = ("a", "b")
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: rede.pessoas
version: "1.0.0"
status: active
schema:
  - name: pessoas
    physicalName: silver.pessoas
    customProperties: [{property: from, value: bronze.pessoas}, {property: take, value: present}]
    properties:
      - {name: municipio, logicalType: string, required: true, customProperties: [{property: from, value: site}]}
      - {name: registro, logicalType: string, required: true, customProperties: [{property: from, value: cns}]}
      - {name: cpf, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: br.cpf},
         customProperties: [{property: from, value: nome}]}
"""
SILVER = TableName("silver", "pessoas")
People = Mapping[str, str]
STATES = st.dictionaries(st.sampled_from("1234"), st.sampled_from(PEOPLE), max_size=3)
SENDINGS = st.lists(
    st.tuples(
        st.sampled_from(SITES), st.sampled_from(["full", "delta", "keep"]), STATES, st.sets(st.sampled_from("1234"))
    ),
    min_size=1,
    max_size=10,
)


class Registers(River):
    """Sites whose rows are registers of people: a register's person may be corrected."""

    def send(self, site: str, kind: str, people: People, gone: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        before = dict(self.stands.get(site, {}))
        kind = kind if site in self.stands else "full"
        taken = sorted(gone & set(before) - set(people)) if kind == "delta" else []
        lines = [insert_line([key, cpf, None]) for key, cpf in people.items()]
        self._send(site, kind, [*lines, *map(delete_line, taken)])
        kept = {} if kind == "full" else {key: value for key, value in before.items() if key not in taken}
        self.stands[site] = kept | dict(people)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    write_project(tmp_path, CONTRACT)
    with Workspace(load_project(tmp_path, environment={}, typed_in=tmp_path), environment={}) as opened:
        yield opened
    workflow.shut_down()


def erase(workspace: Workspace, policy: Policy = "delete") -> Certificate:
    given = {"silver.pessoas.cpf": ANA}
    return erase_person(workspace, identifiers=given, by="ana", reason="pedido", policies={SILVER: policy})


def standing(workspace: Workspace) -> list[tuple[object, ...]]:
    run_shop(workspace)
    rows = rows_of(workspace, "silver.pessoas")
    return sorted(((row["municipio"], row["registro"], row["cpf"]) for row in rows), key=str)


def test_the_person_goes_and_no_older_line_takes_their_place(workspace: Workspace) -> None:
    river = Registers(workspace.lake)
    river.send("a", "full", {"1": RUI, "2": RUI, "3": ANA})
    river.send("a", "delta", {"1": ANA, "4": ANA})
    river.send("a", "delta", {"3": EVA}, {"4"})
    river.send("b", "full", {"1": RUI, "2": EVA})
    river.send("b", "full", {"1": ANA})
    river.keep()
    assert ("a", "1", ANA) in standing(workspace)
    made = erase(workspace)
    assert made.traces == ()
    assert standing(workspace) == [("a", "2", RUI), ("a", "3", EVA)]
    lines = rows_of(workspace, "bronze.pessoas")
    assert ANA not in str(lines)
    kept = {(row["site"], row["cns"], row["op"]) for row in lines}
    assert kept == {("a", "2", "I"), ("a", "3", "I"), ("b", "2", "I"), ("b", None, None)}
    assert any("a, b sent the person" in said for said in made.warnings)
    assert any("7 days" in said for said in made.warnings)


def test_the_next_whole_list_brings_the_person_again_and_that_is_noticed(workspace: Workspace) -> None:
    river = Registers(workspace.lake)
    river.send("a", "full", {"1": ANA, "2": RUI})
    sent = [*river.waiting]
    river.keep()
    standing(workspace)
    erase(workspace)
    river.waiting = sent
    river.keep()
    assert standing(workspace) == [("a", "2", RUI)]
    river.send("a", "delta", {"2": EVA})
    river.keep()
    assert standing(workspace) == [("a", "2", EVA)]
    assert verify_erasures(workspace) == ()
    river.send("a", "full", {"1": ANA, "2": EVA})
    river.keep()
    assert {str(back.table) for back in verify_erasures(workspace)} == {"silver.pessoas"}
    erase_returned(workspace, by="ana")
    assert ("a", "1", ANA) not in standing(workspace)
    assert verify_erasures(workspace) == ()


def test_rows_kept_for_their_totals_lose_what_is_reckoned_from_the_persons_values(workspace: Workspace) -> None:
    river = Registers(workspace.lake)
    river.send("a", "full", {"1": ANA, "2": RUI})
    river.keep()
    standing(workspace)
    erase(workspace, "anonymise")
    assert standing(workspace) == [("a", "1", None), ("a", "2", RUI)]
    hashes = {row["cns"]: row["row_hash"] for row in rows_of(workspace, "bronze.pessoas")}
    assert hashes["1"] is None
    assert hashes["2"] is not None


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SENDINGS, SENDINGS)
def test_what_stands_is_what_stood_without_the_person_then_and_later(
    workspace: Workspace,
    sendings: list[tuple[str, str, People, set[str]]],
    later: list[tuple[str, str, People, set[str]]],
) -> None:
    river = Registers(Lake(f"{workspace.lake.location.root}/{uuid.uuid4()}", project_name="t"))
    river.send("a", "full", {"1": ANA})
    play(river, sendings)

    def is_persons(lines: pa.Table) -> Any:
        return by_values(lines, {"nome": {ANA}})

    lines = person_lines(river.lake, TABLE, is_persons)
    work = Work(TABLE, "delete", lambda rows: is_persons(rows) | lines.mask(rows), fleet_lines=lines)
    rewrite(river.lake, TABLE, lambda rows: changed(rows, work), details={})
    river.stands = {
        site: {key: cpf for key, cpf in people.items() if cpf != ANA} for site, people in river.stands.items()
    }
    assert present(river, workspace) == keys(river)
    play(river, later)
    assert present(river, workspace) == keys(river)


def play(river: Registers, sendings: list[tuple[str, str, People, set[str]]]) -> None:
    for site, kind, people, gone in sendings:
        if kind == "keep":
            river.keep()
        else:
            river.send(site, kind, people, gone)
    river.keep()


def present(river: Registers, workspace: Workspace) -> list[tuple[str, str]]:
    return [(site, key) for site, key, _ in river.present(workspace.engine)]


def keys(river: Registers) -> list[tuple[str, str]]:
    return sorted((site, key) for site, people in river.stands.items() for key in people)
