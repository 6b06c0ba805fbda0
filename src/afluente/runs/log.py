"""The log of a run: JSON lines in a file of the project, plain lines on a stream.

Invariant: every line is a fixed sentence with fields; no field is a data value.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from afluente.core.clock import Clock

Field = str | int | float | bool | None


class RunLog:
    """Writes the lines of one run to `folder/<run>.jsonl` and, when given, to `stream`. Threads may share it.

    A log that cannot be written never fails the run.
    """

    def __init__(self, *, folder: Path, run_id: str, clock: Clock, stream: TextIO | None = None) -> None:
        self.path = folder / f"{run_id}.jsonl"
        self._run_id = run_id
        self._clock = clock
        self._stream = stream
        self._lock = threading.Lock()
        self._file: TextIO | None = None

    def write(self, sentence: str, *, step: str | None = None, **fields: Field) -> None:
        """One line: when, the run, the step, the sentence and its fields; fields that are None are left out."""
        moment = self._clock.now()
        told = {name: value for name, value in fields.items() if value is not None}
        line: dict[str, Field] = {"at": moment.isoformat(timespec="milliseconds"), "run": self._run_id}
        if step is not None:
            line["step"] = step
        line["message"] = sentence
        with self._lock:
            self._write_file(json.dumps(line | told, ensure_ascii=False))
            if self._stream is not None:
                self._write_stream(_plain(moment.astimezone().strftime("%H:%M:%S"), sentence, step, told))

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write_file(self, text: str) -> None:
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("a", encoding="utf-8")
            self._file.write(text + "\n")
            self._file.flush()
        except OSError:
            self._file = None

    def _write_stream(self, text: str) -> None:
        try:
            print(text, file=self._stream, flush=True)
        except (OSError, ValueError):
            self._stream = None


def _plain(clock_time: str, sentence: str, step: str | None, fields: Mapping[str, Field]) -> str:
    told = [] if step is None else [step]
    told += [f"{name}={_written(value)}" for name, value in fields.items()]
    return f"{clock_time}  {sentence}" + (f": {'  '.join(told)}" if told else "")


def _written(value: Field) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)
