"""A release of rows from end to end: what is in its files, what is kept of its key, and what is nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from afluente.core.clock import SetClock
from afluente.core.tables import TableName
from afluente.products.privacy.pseudonym import LENGTH
from afluente.products.release.build import build_release
from afluente.project.load import load_project
from afluente.runs.steps.workspace import Workspace
from afluente.state.release_schema import PSEUDONYM_KEYS

KEY = "canario-da-chave-dos-pseudonimos-7Qx"
FILES = {
    "afluente.yaml": "name: linhas\ntimezone: America/Sao_Paulo\nlake: lake\n",
    "models/pedidos.sql": """\
/* ---
columns:
  - {name: cpf, type: string, classification: direct_identifier}
  - {name: cidade, type: string, classification: quasi_identifier}
  - {name: produto, type: string, classification: public}
--- */
SELECT 1
""",
    "contracts/pedidos.odcs.yaml": """\
apiVersion: v3.1.0
kind: DataContract
id: linhas.pedidos
version: "1.0.0"
status: active
schema:
  - name: pedidos
    physicalName: release.pedidos
    properties:
      - {name: cpf, logicalType: string, classification: quasi_identifier}
      - {name: cidade, logicalType: string, classification: quasi_identifier}
      - {name: produto, logicalType: string}
""",
    "products/pedidos.yaml": """\
product: pedidos
title: Pedidos
version: "1.0.0"
partner: marca
owner: dados@example.com
purpose: Estudar a recompra.
legal_basis: consent
retention: {key_days: 30}
privacy: {minimum_persons: 5, pseudonym_key: "secret:env:CHAVE"}
outputs:
  - name: pedidos
    facts: gold.pedidos
    contract: release.pedidos
    formats: [csv, jsonl]
    pseudonyms: [cpf]
    person: cpf
""",
}
TABLE = TableName("gold", "pedidos")
SCHEMA = pa.schema([("cpf", pa.string()), ("cidade", pa.string()), ("produto", pa.string())])


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    clock = SetClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    project = load_project(tmp_path, environment={}, typed_in=tmp_path)
    with Workspace(project, environment={"CHAVE": KEY}, clock=clock) as opened:
        yield opened


def write(workspace: Workspace, persons: int) -> list[str]:
    """A new version of the facts: so many persons of São Paulo, and two of Xapuri."""
    rows = [{"cpf": f"{91827364500 + n}", "cidade": "São Paulo", "produto": f"p{n % 3}"} for n in range(persons)]
    rows += [{"cpf": f"{81726354400 + n}", "cidade": "Xapuri", "produto": "p1"} for n in range(2)]
    lake = workspace.lake
    found = lake.find(TABLE)
    app = "afluente:teste:pedidos"
    plan = lake.plan(
        TABLE,
        found,
        "create" if found is None else "replace",
        lake.write_batches(TABLE, SCHEMA, pa.Table.from_pylist(rows, schema=SCHEMA).to_reader()),
        schema=SCHEMA,
        app_id=app,
        app_version=1 if found is None else found.transaction_version(app) + 1,
    )
    lake.commit(plan)
    return [row["cpf"] for row in rows]


def test_rows_leave_under_pseudonyms_in_classes_and_the_key_is_written_down(workspace: Workspace) -> None:
    cpfs = write(workspace, 20)
    root = workspace.project.root

    outcome = build_release(workspace, workspace.project.products[0], actor="ana")

    assert (outcome.status, outcome.reasons) == ("released", ())
    assert outcome.release is not None
    folder = root / outcome.release.folder
    released = (folder / "files" / "pedidos-000001-pedidos.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in released]
    assert {row["cidade"] for row in rows} == {"São Paulo"}
    assert len({row["cpf"] for row in rows}) == 20
    assert all(len(row["cpf"]) == LENGTH for row in rows)
    with workspace.state.read() as connection:
        key = connection.execute(sa.select(PSEUDONYM_KEYS)).one()
    assert (key.partner, key.first_used_at) == ("marca", workspace.clock.now())
    assert json.loads((folder / "manifest.json").read_text())["pseudonym_key_id"] == key.key_id
    canaries = [KEY.encode(), *(cpf.encode() for cpf in cpfs)]
    read = [path for path in root.rglob("*") if path.is_file() and "lake" not in path.relative_to(root).parts]
    assert len(read) > 8
    assert [path for path in read for canary in canaries if canary in path.read_bytes()] == []


def test_a_person_keeps_the_pseudonym_until_the_keys_end_and_one_new_person_waits_for_others(
    workspace: Workspace,
) -> None:
    product = workspace.project.products[0]
    clock = workspace.clock
    assert isinstance(clock, SetClock)
    told = []
    for persons in (20, 21, 25):
        write(workspace, persons)
        outcome = build_release(workspace, product, actor="ana")
        assert outcome.release is not None
        files = workspace.project.root / outcome.release.folder / "files"
        lines = next(files.glob("*.jsonl")).read_text(encoding="utf-8").splitlines()
        told.append({json.loads(line)["cpf"] for line in lines})

    assert ([len(one) for one in told], told[0] == told[1], told[0] < told[2]) == ([20, 20, 25], True, True)
    write(workspace, 40)
    clock.advance(seconds=31 * 86_400)
    ended = build_release(workspace, product, actor="ana")
    assert (ended.status, [reason.code for reason in ended.reasons]) == ("refused", ["privacy.pseudonym_key_expired"])
