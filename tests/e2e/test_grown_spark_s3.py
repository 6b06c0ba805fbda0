"""Through Spark Connect (Sail), with the lake on S3 (moto on loopback): the tables that DuckDB makes in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from deltalake import DeltaTable

from afluente.core.tables import TableName
from afluente.lake import Lake
from tests.e2e.cli_project import NEW_VALUES, OLD_VALUES, afluente, make_project, orders, rows_of, waiting
from tests.e2e.cli_project import write_contract, write_orders
from tests.e2e.grown import LAYERS, assert_equal_lakes, tables
from tests.s3_server import BUCKET, KEY, SECRET, s3_server
from tests.spark_server import sail_server


@pytest.fixture(scope="module")
def store() -> Iterator[Mapping[str, str]]:
    """What reaches a bucket of the test's own server: the environment of whoever reads it."""
    with s3_server() as options:
        yield options


@pytest.fixture(scope="module")
def sail(store: Mapping[str, str]) -> Iterator[str]:
    with sail_server(**store) as url:
        yield url


def with_settings(folder: Path, **settings: str) -> Path:
    """A project with other settings (`engine`, `lake`)."""
    file = folder / "afluente.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line.split(":", 1)[0] not in settings]
    lines += [f"{key}: {value}" for key, value in settings.items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def lake_setting(store: Mapping[str, str], url: str) -> str:
    return (
        f"{{url: '{url}', access_key_id: 'secret:env:GRANDE_CHAVE', secret_access_key: 'secret:env:GRANDE_SEGREDO',"
        f" endpoint_url: '{store['AWS_ENDPOINT_URL']}', region: us-east-1, allow_http: true}}"
    )


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GRANDE_CHAVE", KEY)
    monkeypatch.setenv("GRANDE_SEGREDO", SECRET)
    return f"s3://{BUCKET}/{tmp_path.name}"


def lake_tables(store: Mapping[str, str], url: str) -> dict[str, DeltaTable]:
    names = [str(table) for table in Lake(url, store, "loja").tables()]
    return {
        name: DeltaTable(f"{url}/{name.replace('.', '/')}", storage_options=dict(store))
        for name in sorted(names)
        if name.split(".")[0] in LAYERS
    }


def done(folder: Path, *words: str) -> str:
    ended = afluente(folder, *words)
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def test_a_lake_on_s3_is_made_by_sail_as_duckdb_makes_it_in_a_folder(
    sail: str, store: Mapping[str, str], url: str, tmp_path: Path
) -> None:
    """A first run, a quiet one, new rows, rows brought back: one project on each side, step by step."""
    here = make_project(tmp_path / "here", write="append")
    there = with_settings(
        make_project(tmp_path / "there", write="append"),
        engine=f'{{spark: "{sail}"}}',
        lake=lake_setting(store, url),
    )
    for folder in (here, there):
        done(folder, "run")
    assert_equal_lakes(lake_tables(store, url), tables(str(here / "lake")))
    assert "nothing new" in done(there, "run")
    for folder in (here, there):
        write_orders(folder, range(13, 25), name="pedidos2.csv")
        done(folder, "run")
    assert_equal_lakes(lake_tables(store, url), tables(str(here / "lake")))
    for folder in (here, there):
        write_contract(folder, write="append", values=NEW_VALUES)
        done(folder, "quarantine", "replay", "pedidos")
        done(folder, "run")
    assert_equal_lakes(lake_tables(store, url), tables(str(here / "lake")))
    assert Lake(url, store, "loja").snapshot(TableName("silver", "pedidos")).rows == 24
    assert not (there / "lake").exists()


@pytest.mark.parametrize("write", ["append", "upsert", "replace", "replace_partitions"])
def test_rows_brought_back_on_sail_give_the_tables_of_duckdb(sail: str, tmp_path: Path, write: str) -> None:
    here = make_project(tmp_path / "here", write=write)
    there = with_settings(make_project(tmp_path / "there", write=write), engine=f'{{spark: "{sail}"}}')
    for folder in (here, there):
        done(folder, "run")
        write_orders(folder, range(21, 28, 2), name="pedidos2.csv")
        done(folder, "run", "silver.pedidos")
        done(folder, "quarantine", "replay", "pedidos")
        assert waiting(folder), "nothing comes back while the contract is the same"
        write_contract(folder, write=write, values=NEW_VALUES)
        for _ in range(2):
            done(folder, "quarantine", "replay", "pedidos")
            assert waiting(folder) == []
            assert set(orders(folder).values()) == {1}
        done(folder, "run")
    assert_equal_lakes(tables(str(there / "lake")), tables(str(here / "lake")))
    if write != "replace_partitions":
        assert sorted(orders(there)) == [*range(1, 13), 21, 23, 25, 27]
    assert not list((there / "lake").glob(".stage/*"))
    moments = [{row["replayed_at"] for row in rows_of(folder, "quarantine", "pedidos")} for folder in (here, there)]
    assert len(moments[0]) == len(moments[1])


def test_a_server_that_cannot_reach_the_store_is_told_and_nothing_is_committed(
    store: Mapping[str, str], url: str, tmp_path: Path
) -> None:
    pytest.importorskip("pysail", reason="pysail is not installed")
    keyless = {name: value for name, value in store.items() if "KEY" not in name}
    with sail_server(**keyless) as address:
        folder = with_settings(
            make_project(tmp_path / "loja", write="append"),
            engine=f'{{spark: "{address}"}}',
            lake=lake_setting(store, url),
        )
        write_contract(folder, write="append", values=OLD_VALUES)
        ended = afluente(folder, "run")
    assert ended.returncode == 1
    assert "engine.store_unreachable" in ended.stderr
    assert "AWS_ACCESS_KEY_ID" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [str(table) for table in Lake(url, store, "loja").tables()] == ["bronze.pedidos"]
