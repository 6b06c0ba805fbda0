"""A hub process that only receives uploads: `fleet_upload_hub.py STATE_URL LANDING`, prints its port."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from tests.fleet_world.upload_world import LANDING_KEY, Clocks, Door

from afluente.core.clock import SystemClock
from afluente.fleet.completion import CompletionLimits
from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.uploads import UploadLimits, Uploads
from afluente.state.database import open_state


class RealTime(Clocks):
    """The door's time is the machine's."""

    def __getattribute__(self, name: str) -> object:
        return SystemClock().now().timestamp() if name == "at" else super().__getattribute__(name)


def serve(url: str, landing: Path) -> None:
    limits = UploadLimits(completion=CompletionLimits(lease_seconds=1), least_free_bytes=0)
    with open_state(url, Path()) as database:
        uploads = Uploads(database, LandingStore(landing, LandingKeys(LANDING_KEY)), SystemClock(), limits=limits)
        door = Door(uploads, RealTime())

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = httpx.Request(
                    self.command, f"http://hub{self.path}", headers=dict(self.headers), content=body
                )
                response = door.handle_request(request)
                content = response.read()
                self.send_response(response.status_code)
                for name, value in response.headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding"):
                        self.send_header(name, value)
                if response.status_code != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """An agent was killed while it spoke."""

        with Server(("127.0.0.1", 0), Handler) as server:
            print(server.server_address[1], flush=True)
            server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
