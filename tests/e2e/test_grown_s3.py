"""The same project with its lake on S3 (served by moto on loopback) keeps the tables it keeps in a folder.

The command reads and writes through DuckDB with an fsspec filesystem; secrets stand in the project as references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from deltalake import DeltaTable

from afluente.core.tables import TableName
from afluente.lake import Lake
from tests.e2e.grown import LAYERS, afluente, assert_equal_lakes, content, make_project, run, tables
from tests.s3_server import BUCKET, KEY, SECRET, s3_server

ROWS = 1_000
CITIES = "dados/pracas.csv"


@dataclass(frozen=True)
class Bucket:
    """A bucket of the test's own server, and what reaches it."""

    url: str
    options: Mapping[str, str]
    env: Mapping[str, str]

    def lake(self) -> Lake:
        return Lake(self.url, self.options, "ouchhungry")

    def tables(self) -> dict[str, DeltaTable]:
        found = sorted(map(str, self.lake().tables()))
        names = [name for name in found if name.split(".")[0] in LAYERS]
        return {
            name: DeltaTable(f"{self.url}/{name.replace('.', '/')}", storage_options=dict(self.options))
            for name in names
        }


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with s3_server() as options:
        env = {"LAGO_CHAVE": KEY, "LAGO_SEGREDO": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}
        yield Bucket(f"s3://{BUCKET}/vendas", options, env)


def on_s3(folder: Path, bucket: Bucket) -> Path:
    endpoint = bucket.options["AWS_ENDPOINT_URL"]
    return make_project(
        "ouchhungry",
        folder,
        rows=ROWS,
        lake=(
            f"{{url: {bucket.url}, access_key_id: 'secret:env:LAGO_CHAVE', secret_access_key: 'secret:env:LAGO_SEGREDO',"
            f" endpoint_url: '{endpoint}', region: us-east-1, allow_http: true}}"
        ),
    )


def test_a_lake_on_s3_goes_the_same_way_as_a_folder(bucket: Bucket, tmp_path: Path) -> None:
    """First run, a run with nothing new, a changed file, upkeep, and the old version read: one project, in order."""
    here = make_project("ouchhungry", tmp_path / "pasta", rows=ROWS)
    there = on_s3(tmp_path / "s3", bucket)
    run(here)
    first = run(there, env=bucket.env)
    assert {step["status"] for step in first["steps"]} == {"done"}
    assert_equal_lakes(bucket.tables(), tables(str(here / "lake")))
    assert not (there / "lake").exists()

    versions = {name: table.version() for name, table in bucket.tables().items()}
    second = run(there, env=bucket.env)
    assert {step["status"] for step in second["steps"]} == {"unchanged"}
    assert {name: table.version() for name, table in bucket.tables().items()} == versions

    before = content(bucket.tables()["silver.pracas"])
    for folder in (here, there):
        lines = (folder / CITIES).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / CITIES).write_text("".join(lines[:-3]), encoding="utf-8")
    run(here)
    third = run(there, env=bucket.env)
    done = {step["name"] for step in third["steps"] if step["status"] == "done"}
    assert {"source.pracas", "silver.pracas", "gold.vendas_dia"} <= done
    assert "silver.transacoes" not in done
    assert_equal_lakes(bucket.tables(), tables(str(here / "lake")))

    upkeep = afluente(there, "tables", "optimize", "silver.pracas", env=bucket.env)
    assert upkeep.returncode == 0, upkeep.stderr
    table = TableName("silver", "pracas")
    lake = bucket.lake()
    assert lake.snapshot(table, versions["silver.pracas"]).rows == sum(before[1].values())
    assert lake.snapshot(table).rows == sum(before[1].values()) - 3

    asked = afluente(there, "sql", "SELECT count(*) AS n FROM silver.pracas", "--format", "csv", env=bucket.env)
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.split() == ["n", str(sum(before[1].values()) - 3)]


def test_a_secret_that_is_not_set_is_named(bucket: Bucket, tmp_path: Path) -> None:
    project = on_s3(tmp_path / "s3", bucket)
    missing = afluente(project, "run", env={**bucket.env, "LAGO_SEGREDO": ""})
    assert missing.returncode != 0
    assert "LAGO_SEGREDO" in missing.stderr
    assert "Traceback" not in missing.stderr
