"""A port of loopback whose connections go to a function of the test, and a line that leads to another port."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from tests.until import PATIENCE_SECONDS


@contextlib.contextmanager
def listening(handle: Callable[[socket.socket], None], *, port: int = 0) -> Iterator[int]:
    """Gives each connection to `handle`, in a thread of its own; the port. Errors of a line that is cut are passed over."""
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(0.05)
    threads: list[threading.Thread] = []

    def take(opened: socket.socket) -> None:
        with contextlib.suppress(OSError):
            handle(opened)

    def serve() -> None:
        while not ended.is_set():
            try:
                opened, _ = listener.accept()
            except TimeoutError:
                continue
            opened.settimeout(PATIENCE_SECONDS)
            threads.append(threading.Thread(target=take, args=(opened,), daemon=True))
            threads[-1].start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        ended.set()
        thread.join()
        for one in threads:
            one.join(timeout=6)
        listener.close()


def lead(opened: socket.socket, port: int) -> None:
    """Pass on what comes from either side until both have ended."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as onward:
        back = threading.Thread(target=_pump, args=(onward, opened), daemon=True)
        back.start()
        _pump(opened, onward)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
