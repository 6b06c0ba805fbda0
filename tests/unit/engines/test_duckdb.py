"""DuckDB's own promises: bounded memory and disk, closed doors, object stores, errors by name."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from afluente.core.errors import EngineError
from afluente.engines.duckdb.connect import connect
from afluente.engines.duckdb.execute import DuckDBEngine
from afluente.engines.memory import available_bytes, default_memory_limit
from afluente.engines.open import open_engine
from afluente.project.settings import EngineSettings

NUMBERS = pa.schema([("id", pa.int64())])
WIDE = "SELECT range AS id, repeat(md5(range::VARCHAR), 8) AS t FROM range(400000)"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    opened = DuckDBEngine(connect(timezone="UTC", temp_folder=tmp_path / "temp", memory_limit="512MB", threads=2))
    yield opened
    opened.close()


def small(tmp_path: Path, *, temp_limit: str) -> DuckDBEngine:
    connection = connect(
        timezone="UTC", temp_folder=tmp_path / "temp", memory_limit="50MB", threads=1, temp_limit=temp_limit
    )
    return DuckDBEngine(connection)


def test_what_exceeds_memory_spills_to_the_folder(tmp_path: Path) -> None:
    engine = small(tmp_path, temp_limit="1GB")
    assert engine.materialise("largo", WIDE) == 400_000
    assert sum(path.stat().st_size for path in (tmp_path / "temp").rglob("*") if path.is_file()) > 10_000_000
    assert engine.query("SELECT count(DISTINCT id) AS n FROM largo").to_pylist() == [{"n": 400_000}]
    engine.close()


def test_memory_that_may_not_spill_is_an_error_with_a_hint(tmp_path: Path) -> None:
    engine = small(tmp_path, temp_limit="1MB")
    with pytest.raises(EngineError) as caught:
        engine.materialise("largo", WIDE)
    assert caught.value.code in ("engine.out_of_memory", "engine.disk_full")
    assert caught.value.hint
    assert engine.query("SELECT 1 AS um").to_pylist() == [{"um": 1}]
    engine.close()


def test_a_full_disk_is_told_and_leaves_no_file(tmp_path: Path, engine: DuckDBEngine) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("mounting a small disk needs root")
    try:
        with pytest.raises(EngineError) as caught:
            engine.write_parquet("SELECT range AS id FROM range(3000000)", str(disk / "t"), schema=NUMBERS)
        assert caught.value.code == "engine.disk_full"
        assert not list(disk.rglob("*.parquet"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path, engine: DuckDBEngine) -> None:
    (tmp_path / "t").write_text("x")
    with pytest.raises(EngineError) as caught:
        engine.write_parquet("SELECT 1 AS id", str(tmp_path / "t"), schema=NUMBERS)
    assert caught.value.code == "engine.io_failed"


def test_settings_cannot_be_changed_and_extensions_not_loaded(engine: DuckDBEngine) -> None:
    for sql in ("SET memory_limit = '1TB'", "LOAD httpfs", "INSTALL httpfs"):
        with pytest.raises(EngineError):
            engine.materialise("x", f"SELECT 1); {sql}; SELECT (1")
    assert engine.describe().memory_limit == "488.2 MiB"


def test_variables_of_the_program_are_not_tables(engine: DuckDBEngine) -> None:
    segredo = pa.table({"id": [1]})
    assert segredo.num_rows == 1
    with pytest.raises(EngineError):
        engine.query("SELECT * FROM segredo")


def test_folders_given_are_the_only_ones_read_and_written(tmp_path: Path) -> None:
    lake, outside = tmp_path / "lake", tmp_path / "outside.parquet"
    pq.write_table(pa.table({"id": [1]}), outside)
    engine = open_engine(
        EngineSettings(memory_limit="256MB"), timezone="UTC", temp_folder=tmp_path / "temp", folders=[str(lake)]
    )
    files = engine.write_parquet("SELECT 1 AS id", str(lake / "t"), schema=NUMBERS)
    engine.register("t", [str(lake / "t" / files[0].path)], NUMBERS)
    assert engine.query("SELECT id FROM t").to_pylist() == [{"id": 1}]
    with pytest.raises(EngineError):
        engine.query(f"SELECT * FROM read_parquet('{outside}')")
    with pytest.raises(EngineError):
        engine.write_parquet("SELECT 1 AS id", str(tmp_path / "elsewhere"), schema=NUMBERS)
    engine.close()


@pytest.mark.parametrize(("memory_limit", "timezone"), [("muito", "UTC"), ("1GB", "America/Sao_Palo")])
def test_a_wrong_setting_is_refused_with_a_hint(tmp_path: Path, memory_limit: str, timezone: str) -> None:
    with pytest.raises(EngineError) as caught:
        connect(timezone=timezone, temp_folder=tmp_path, memory_limit=memory_limit)
    assert caught.value.code == "engine.setting_invalid"
    assert caught.value.hint


def test_the_default_limit_is_a_share_of_what_there_is() -> None:
    limit_mib = int(default_memory_limit().removesuffix("MiB"))
    assert 0 < limit_mib * 1024**2 < available_bytes()


def test_threads_share_one_engine(engine: DuckDBEngine) -> None:
    engine.register_arrow("base", pa.table({"id": list(range(1000))}))
    answers: list[int] = []

    def work(number: int) -> None:
        engine.materialise(f"m{number}", f"SELECT id + {number} AS id FROM base")
        total = engine.query(f"SELECT sum(id) AS s FROM m{number}").to_pylist()[0]["s"]
        answers.append(int(total) - 1000 * number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [sum(range(1000))] * 8


def test_many_partitions_are_read_as_one_table(engine: DuckDBEngine, tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.int64()), ("dia", pa.int32())])
    files = engine.write_parquet(
        "SELECT range AS id, range % 300 AS dia FROM range(3000)",
        str(tmp_path / "t"),
        schema=schema,
        partition_by=["dia"],
    )
    paths = [str(tmp_path / "t" / file.path) for file in files]
    values = [file.partition_values for file in files]
    engine.register("t", paths, schema, partition_by=["dia"], partitions=values)
    assert engine.query("SELECT count(*) AS n, count(DISTINCT dia) AS d FROM t WHERE id % 300 = dia").to_pylist() == [
        {"n": 3000, "d": 300}
    ]


def test_importing_the_seam_imports_no_engine() -> None:
    code = "import sys, afluente.engines.open; print(sorted({'duckdb', 'pyspark', 'pyarrow'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


def test_an_object_store_is_written_and_read_through_fsspec(tmp_path: Path) -> None:
    s3fs = pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        filesystem = s3fs.S3FileSystem(
            key="x", secret="x", client_kwargs={"endpoint_url": f"http://{host}:{port}", "region_name": "sa-east-1"}
        )
        filesystem.mkdir("motores")
        engine = open_engine(
            EngineSettings(memory_limit="512MB"),
            timezone="UTC",
            temp_folder=tmp_path,
            filesystems={"s3": filesystem},
        )
        schema = pa.schema([("id", pa.int64()), ("uf", pa.string())])
        folder = "s3://motores/silver/vendas"
        for partition_by in ([], ["uf"]):
            sql = "SELECT range AS id, CASE WHEN range = 1 THEN 'São Paulo' WHEN range = 2 THEN 'SP' END AS uf FROM range(3)"
            files = engine.write_parquet(sql, folder, schema=schema, partition_by=partition_by)
            assert sum(file.rows for file in files) == 3
            engine.register(
                "t",
                [f"{folder}/{file.path}" for file in files],
                schema,
                partition_by=partition_by,
                partitions=[file.partition_values for file in files],
            )
            assert engine.query("SELECT id, uf FROM t ORDER BY id").to_pylist() == [
                {"id": 0, "uf": None},
                {"id": 1, "uf": "São Paulo"},
                {"id": 2, "uf": "SP"},
            ]
            assert all(filesystem.exists(f"{folder}/{file.path}") for file in files)
        engine.close()
    finally:
        server.stop()
