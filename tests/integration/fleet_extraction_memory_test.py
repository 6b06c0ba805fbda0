"""Reading a large list: in bounded memory, and killed in the middle of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres_server import postgres_server

MOST_MEGABYTES = 120
CHILD = """
import asyncio, sys
from pathlib import Path
from afluente_agent.catalogue import Column, ListQuery
from afluente_agent.delta import DeltaStore
from afluente_agent.extract import Reading, extract
from afluente_agent.pec import PecAddress, connected

host, database, folder, name, rows, changed = sys.argv[1:]
def peak_megabytes():
    # of this program alone: getrusage counts what the parent held when it forked
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) // 1024
class Sink:
    size_bytes = 0
    def write(self, packed):
        if not self.size_bytes:
            print("writing", flush=True)
        self.size_bytes += len(packed)
    def abort(self):
        pass
query = ListQuery(
    name="numeros",
    sql=(f"SELECT n AS co, md5(n::text) AS um, md5((n + n / {int(changed)})::text) AS dois, repeat('texto ', 20) AS tres",
         f"FROM generate_series(1, {int(rows)}) AS n"),
    columns=(Column("co", "integer"), Column("um", "text"), Column("dois", "text"), Column("tres", "text")),
    key=("co",), purpose="teste", most_rows=10**7, most_seconds=600, most_bytes=2 * 1024**3)
async def main():
    store = DeltaStore(Path(folder))
    async with connected(PecAddress(host, "", 5432, database)) as connection:
        found = await extract(connection, query, Sink(), Reading(name, store, ()))
    store.confirm("numeros", name)
    print(found.kind, found.base or "-", found.read_rows, found.rows,
          peak_megabytes(), flush=True)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def pec() -> Iterator[tuple[str, str]]:
    """The socket's folder and the database."""
    import asyncpg

    from tests.fleet_world.pec import PecSize, address_of, build_pec

    with postgres_server() as server:
        uri = str(server.get_uri())

        async def build() -> None:
            owner = await asyncpg.connect(uri)
            await build_pec(owner, PecSize(people=20))
            await owner.close()

        asyncio.run(build())
        address = address_of(uri)
        yield address.host, address.database


def start(pec: tuple[str, str], folder: Path, name: str, *, rows: int, changed: int) -> subprocess.Popen[str]:
    arguments = [*pec, str(folder), name, str(rows), str(changed)]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def finished(child: subprocess.Popen[str]) -> list[str]:
    output, _ = child.communicate()
    assert child.returncode == 0
    return output.split("\n")[-2].split()


def test_memory_does_not_grow_with_the_list(pec: tuple[str, str], tmp_path: Path) -> None:
    small = finished(start(pec, tmp_path, "t0", rows=1000, changed=10**9))
    full = finished(start(pec, tmp_path / "large", "t1", rows=300_000, changed=10**9))
    delta = finished(start(pec, tmp_path / "large", "t2", rows=300_000, changed=299_000))
    assert full[:4] == ["full", "-", "300000", "300000"]
    assert delta[:4] == ["delta", "t1", "300000", "1001"]
    assert int(full[4]) < MOST_MEGABYTES
    assert int(delta[4]) < MOST_MEGABYTES
    assert int(full[4]) - int(small[4]) < 60


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_reading_killed_in_the_middle_is_as_if_it_had_not_begun(pec: tuple[str, str], tmp_path: Path) -> None:
    finished(start(pec, tmp_path, "t1", rows=50_000, changed=10**9))
    killed = start(pec, tmp_path, "t2", rows=400_000, changed=10**9)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "writing\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    again = finished(start(pec, tmp_path, "t3", rows=50_001, changed=10**9))
    assert again[:4] == ["delta", "t1", "50001", "1"]
