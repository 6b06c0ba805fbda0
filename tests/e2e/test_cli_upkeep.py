"""`afluente tables optimize` and `vacuum` as an operator types them, on a folder and on S3 (moto on loopback)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from deltalake import DeltaTable

from afluente.core.tables import TableName
from afluente.lake import Lake
from tests.e2e.cli_project import NEW_VALUES, OLD_VALUES, afluente, make_project, write_contract, write_orders
from tests.s3_server import BUCKET, KEY, SECRET, s3_server

SILVER = TableName("silver", "pedidos")
WAVES = 3
ROWS = 8
"""Of twelve orders four are refused."""


@dataclass(frozen=True)
class Place:
    """A project, and its lake as another reader opens it."""

    folder: Path
    url: str
    options: Mapping[str, str]

    def lake(self) -> Lake:
        return Lake(self.url, self.options, "loja")

    def table(self, version: int | None = None) -> DeltaTable:
        return DeltaTable(f"{self.url}/silver/pedidos", version=version, storage_options=dict(self.options))

    def files(self) -> set[str]:
        """The data files that are there, in the log or not."""
        store = self.lake()._store  # noqa: SLF001 - what is there and named nowhere has no public list
        found = store.files(self.lake().address(SILVER))
        return {file.path for file in found if not file.path.startswith("_delta_log")}


@pytest.fixture(scope="module")
def bucket() -> Iterator[Mapping[str, str]]:
    with s3_server() as options:
        yield options


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Three appends of eight rows each: versions 0, 1 and 2 of silver.pedidos, one file each."""
    folder = make_project(tmp_path / "loja", write="append")
    url, options = str(folder / "lake"), {}
    if request.param == "s3":
        options = dict(request.getfixturevalue("bucket"))
        url = f"s3://{BUCKET}/{tmp_path.name}"
        monkeypatch.setenv("ZELO_CHAVE", KEY)
        monkeypatch.setenv("ZELO_SEGREDO", SECRET)
        settings = folder / "afluente.yaml"
        lines = [line for line in settings.read_text(encoding="utf-8").splitlines() if not line.startswith("lake:")]
        lines.append(
            f"lake: {{url: '{url}', access_key_id: 'secret:env:ZELO_CHAVE', secret_access_key: 'secret:env:ZELO_SEGREDO',"
            f" endpoint_url: '{options['AWS_ENDPOINT_URL']}', region: us-east-1, allow_http: true}}"
        )
        settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for wave in range(WAVES):
        write_orders(folder, range(12 * wave + 1, 12 * wave + 13), name=f"pedidos{wave}.csv" if wave else "pedidos.csv")
        done = afluente(folder, "run", "silver.pedidos")
        assert done.returncode == 0, done.stderr
    return Place(folder, url, options)


def test_upkeep_joins_files_and_frees_old_ones_and_no_row_changes(place: Place) -> None:
    """Optimised, looked at, freed within the retention and beyond it: one lake, in order."""
    before = place.table()
    assert (before.version(), len(before.file_uris()), before.to_pyarrow_table().num_rows) == (2, 3, WAVES * ROWS)

    joined = afluente(place.folder, "tables", "optimize", "silver.pedidos")
    assert (joined.returncode, joined.stdout) == (0, "")
    assert "silver.pedidos: 3 files became 1, version 3" in joined.stderr
    again = afluente(place.folder, "--json", "tables", "optimize", "silver.pedidos")
    assert json.loads(again.stdout) == {"table": "silver.pedidos", "version": 3, "files_before": 1, "files_after": 1}
    assert "no two small ones to join" in afluente(place.folder, "tables", "optimize", "silver.pedidos").stderr
    assert afluente(place.folder, "run", "silver.pedidos").returncode == 0
    assert place.table().version() == 3, "a compaction is no news"

    kept = afluente(place.folder, "tables", "vacuum", "silver.pedidos", "--full", "--yes")
    assert (kept.returncode, kept.stdout) == (0, "")
    assert "0 files, 0 B, deleted" in kept.stderr
    assert place.table(0).to_pyarrow_table().num_rows == ROWS

    planned = afluente(place.folder, "tables", "vacuum", "silver.pedidos", "--retention-hours", "0")
    assert planned.returncode == 0
    assert set(planned.stdout.split()) == place.files() - {file.path for file in place.lake().snapshot(SILVER).live}
    assert "3 files" in planned.stderr
    assert "would be deleted; --yes deletes them" in planned.stderr
    told = json.loads(
        afluente(place.folder, "--json", "tables", "vacuum", "silver.pedidos", "--retention-hours", "0").stdout
    )
    assert (told["table"], sorted(told["files"]), told["is_dry_run"]) == (
        "silver.pedidos",
        sorted(planned.stdout.split()),
        True,
    )
    assert told["size_bytes"] > 0
    assert place.table(0).to_pyarrow_table().num_rows == ROWS, "a dry run deletes nothing"

    done = afluente(place.folder, "--json", "tables", "vacuum", "silver.pedidos", "--retention-hours", "0", "--yes")
    freed = json.loads(done.stdout)
    assert (sorted(freed["files"]), freed["is_dry_run"]) == (sorted(told["files"]), False)
    assert place.files() == {file.path for file in place.lake().snapshot(SILVER).live}
    assert place.table().to_pyarrow_table().num_rows == WAVES * ROWS
    nothing = afluente(place.folder, "tables", "vacuum", "silver.pedidos", "--retention-hours", "0", "--yes")
    assert "0 files, 0 B, deleted" in nothing.stderr


def test_a_version_whose_files_were_freed_is_told_with_its_code(place: Place) -> None:
    assert afluente(place.folder, "tables", "optimize", "silver.pedidos").returncode == 0
    count = "SELECT count(*) AS n FROM silver.pedidos"
    old = afluente(place.folder, "sql", count, "--format", "csv", "--at", "silver.pedidos=1")
    assert old.stdout.split() == ["n", str(2 * ROWS)], old.stderr
    freed = afluente(place.folder, "tables", "vacuum", "silver.pedidos", "--retention-hours", "0", "--yes")
    assert freed.returncode == 0
    gone = afluente(place.folder, "sql", count, "--format", "csv", "--at", "silver.pedidos=1")
    assert gone.returncode == 1
    assert "error[engine.file_missing]" in gone.stderr
    assert "vacuum" in gone.stderr
    assert "Traceback" not in gone.stderr
    never = afluente(place.folder, "sql", count, "--at", "silver.pedidos=9")
    assert "error[lake.version_missing]" in never.stderr
    assert "newest version is 3" in never.stderr


def test_a_reader_pinned_to_an_old_snapshot_reads_it_whole_through_a_vacuum_within_the_retention(place: Place) -> None:
    pinned = place.lake().snapshot(SILVER)
    batches = iter(pinned.arrow())
    rows = next(batches).num_rows
    write_contract(place.folder, write="append", values=NEW_VALUES)
    assert afluente(place.folder, "run", "silver.pedidos").returncode == 0
    write_contract(place.folder, write="append", values=OLD_VALUES)
    assert afluente(place.folder, "tables", "optimize", "silver.pedidos").returncode == 0
    freed = afluente(place.folder, "--json", "tables", "vacuum", "silver.pedidos", "--full", "--yes")
    assert json.loads(freed.stdout)["files"] == []
    assert rows + sum(batch.num_rows for batch in batches) == WAVES * ROWS
    assert place.table().to_pyarrow_table().num_rows == WAVES * 12


@pytest.mark.parametrize("action", ["optimize", "vacuum"])
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_an_unknown_table_is_told_with_the_nearest_right_name(action: str, flags: list[str], tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    assert afluente(folder, "run", "silver.pedidos").returncode == 0
    asked = afluente(folder, *flags, "tables", action, "silver.pedido")
    assert asked.returncode == 2
    assert "tables.unknown" in asked.stderr + asked.stdout
    assert "silver.pedidos" in asked.stderr + asked.stdout
    unmade = afluente(folder, *flags, "tables", action, "gold.vendas_uf")
    assert "afluente run gold.vendas_uf" in unmade.stderr + unmade.stdout
