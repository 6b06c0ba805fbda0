"""The agent's own log: fixed sentences with fields, in files that rotate.

Invariant: at most FILES + 1 files of FILE_BYTES; nothing of a person, no secret: what is logged are codes and numbers.
"""

from __future__ import annotations

import logging
import logging.handlers
import time
from pathlib import Path

from afluente_agent import durable

FILE_BYTES = 1024 * 1024
FILES = 4
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
QUIET = ("httpx", "httpcore", "tuf", "asyncio", "urllib3")


class FieldFormatter(logging.Formatter):
    """`2026-01-31T08:00:00Z INFO afluente_agent.loop: heartbeat answered next_in_seconds=900`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = [f"{name}={value}" for name, value in vars(record).items() if name not in STANDARD]
        return " ".join([line, *fields]).replace("\r", " ").replace("\n", " | ")


def start(folder: Path, *, is_verbose: bool = False) -> None:
    """Log to files of the folder; to the standard error alone where the folder cannot be written."""
    try:
        durable.make_folder(folder)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            folder / "agent.log", maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", delay=True
        )
    except OSError:
        handler = logging.StreamHandler()
    handler.setFormatter(FieldFormatter())
    logger = logging.getLogger("afluente_agent")
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if is_verbose else logging.INFO)
    logger.propagate = False
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
