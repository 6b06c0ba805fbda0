"""The read-only HTTP answers of `serve`: `/health`, `/api/runs`, `/api/runs/ID`.

Invariant: nothing here writes; it listens on the loopback unless told otherwise, and there answers only to names
of the loopback, so that a page in a browser cannot reach it under a name of its own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from afluente.core.errors import AfluenteError, RunError
from afluente.runs.serve import Health
from afluente.state import quality_outcomes, repairs, runs_table, steps_table
from afluente.state.database import Database
from afluente.state.json_value import Json
from afluente.state.runs_table import Run
from afluente.state.steps_table import StepRow

LOOPBACK = "127.0.0.1"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]", "::1")
_MOST_RUNS = 500
_QUIET_FIELDS = ("plan", "outcome", "position", "pid", "host")


class ApiServer:
    """Answers in threads of its own between `start` and `stop`. Port 0 takes a free one."""

    def __init__(
        self, database: Database, *, health: Callable[[], Health], host: str = LOOPBACK, port: int = 8470
    ) -> None:
        handler = _handler(database, health, is_loopback=host in _LOOPBACK_NAMES)
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise RunError(
                "runs.cannot_listen",
                f"{host}:{port} cannot be listened on: {error.strerror}",
                hint="choose another port with --port",
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="api", daemon=True)

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def run_as_json(run: Run) -> dict[str, Json]:
    """A run as the API and `--json` tell it."""
    return _record(run)


def step_as_json(step: StepRow) -> dict[str, Json]:
    """A step as the API and `--json` tell it."""
    return _record(step) | {"seconds": step.seconds, "counts": _counts(step)}


def _counts(step: StepRow) -> dict[str, Json]:
    """What a step counted besides its rows: dropped, repeated, superseded."""
    details = json.loads(step.outcome).get("details", {}) if step.outcome else {}
    return {name: value for name, value in details.items() if isinstance(value, int)}


def run_in_full(database: Database, run_id: str) -> dict[str, Json] | None:
    """A run with its steps, quality outcomes and repairs; None when there is no such run."""
    with database.read() as connection:
        run = runs_table.find(connection, run_id)
        if run is None:
            return None
        steps = steps_table.of_run(connection, run.id)
        quality = quality_outcomes.of_run(connection, run.id)
        repaired = repairs.of_run(connection, run.id)
    return run_as_json(run) | {
        "steps": [step_as_json(step) for step in steps],
        "quality": [{"step": one.step} | _record(one.outcome) for one in quality],
        "repairs": [
            {"step": one.step, "table": one.repair.table, "column": one.repair.column, "rule": one.repair.rule}
            | {"rows": one.repair.rows}
            for one in repaired
        ],
    }


def _record(value: Run | StepRow | quality_outcomes.QualityOutcome) -> dict[str, Json]:
    told: dict[str, Json] = {}
    for field in fields(value):
        if field.name in _QUIET_FIELDS:
            continue
        found = getattr(value, field.name)
        told[field.name] = found.isoformat() if isinstance(found, datetime) else found
    return told


def _handler(database: Database, health: Callable[[], Health], *, is_loopback: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        server_version = "afluente"
        sys_version = ""

        def do_GET(self) -> None:
            """Answer, and turn what goes wrong into a status."""
            if is_loopback and _name_of(self.headers.get("Host", "")) not in _LOOPBACK_NAMES:
                self._send(HTTPStatus.FORBIDDEN, {"error": "runs.foreign_host"})
                return
            try:
                status, body = _answer(database, health, self.path)
            except AfluenteError as error:
                status, body = HTTPStatus.SERVICE_UNAVAILABLE, {"error": error.code, "message": error.message}
            self._send(status, body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
            """Say nothing: requests are not part of a run."""

        def _send(self, status: HTTPStatus, body: Json) -> None:
            content = json.dumps(body, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(content)

    return Handler


def _answer(database: Database, health: Callable[[], Health], path: str) -> tuple[HTTPStatus, Json]:
    parts = urlsplit(path)
    match [part for part in parts.path.split("/") if part]:
        case ["health"]:
            return _health(database, health())
        case ["api", "runs"]:
            asked = parse_qs(parts.query).get("limit", ["50"])[0]
            limit = min(max(int(asked), 1), _MOST_RUNS) if asked.isascii() and asked.isdigit() else 50
            with database.read() as connection:
                runs = runs_table.newest(connection, limit=limit)
            return HTTPStatus.OK, {"runs": [run_as_json(run) for run in runs]}
        case ["api", "runs", run_id]:
            found = run_in_full(database, run_id)
            if found is not None:
                return HTTPStatus.OK, found
            return HTTPStatus.NOT_FOUND, {"error": "runs.unknown", "message": "there is no such run"}
        case _:
            return HTTPStatus.NOT_FOUND, {"error": "runs.no_such_page", "message": "see /health and /api/runs"}


def _health(database: Database, health: Health) -> tuple[HTTPStatus, Json]:
    with database.read() as connection:
        running = runs_table.newest(connection, pipeline=health.pipeline, status="running", limit=1)
    body: dict[str, Json] = {
        "status": health.status,
        "pipeline": health.pipeline,
        "started_at": health.started_at.isoformat(),
        "running": running[0].id if running else None,
        "schedules": [{"name": name, "cron": cron, "next": tick.isoformat()} for name, cron, tick in health.next_ticks],
        "last_error": health.last_error_code,
    }
    return (HTTPStatus.OK if health.status == "ok" else HTTPStatus.SERVICE_UNAVAILABLE), body


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
