"""A writer in a process of its own, for the tests of concurrency and of sudden death.

Arguments, as JSON: root, options, mode, writer, commits, die ("" | "before" | "after").
"""

from __future__ import annotations

import json
import os
import signal
import sys

import pyarrow as pa
from afluente.core.tables import TableName
from afluente.lake import Commit, Lake, Snapshot

TABLE = TableName("bronze", "linhas")
SCHEMA = pa.schema([("writer", pa.int64()), ("number", pa.int64()), ("_source", pa.string())])


def main(arguments: dict[str, object]) -> None:
    lake = Lake(str(arguments["root"]), arguments["options"], "teste")
    mode, writer = arguments["mode"], arguments["writer"]
    app = lake.app_id(f"escritor-{writer}")
    for number in range(1, int(arguments["commits"]) + 1):

        def planner(snapshot: Snapshot | None, number: int = number) -> Commit:
            rows = [{"writer": writer, "number": number, "_source": f"{writer}-{number}"}]
            if mode == "counter":
                old = [] if snapshot is None else snapshot.arrow().read_all().to_pylist()
                rows = [{"writer": 0, "number": (old[0]["number"] if old else 0) + 1, "_source": "c"}]
            files = lake.write_batches(TABLE, SCHEMA, [pa.RecordBatch.from_pylist(rows, SCHEMA)])
            if arguments["die"] == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            return lake.plan(
                TABLE,
                snapshot,
                "replace" if mode == "counter" else mode,
                files,
                schema=SCHEMA,
                app_id=app,
                app_version=number,
                keys=["writer", "number"] if mode == "upsert" else [],
            )

        lake.write(TABLE, planner, attempts=100)
        if mode == "upsert" and number % 3 == 0:
            lake.optimize(TABLE, attempts=100)
        if arguments["die"] == "after":
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
