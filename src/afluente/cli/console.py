"""What a command says: data on standard output, everything else on standard error.

Invariant: Rich is imported only when something is drawn on a terminal.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from afluente.cli.words import shown
from afluente.core.errors import AfluenteError, CheckFailed, Problem

RIGHT = ("rows", "size", "version", "files", "seconds", "in", "out", "rejected", "repaired", "share")


class Console:
    """Writes for a person on a terminal, plain lines elsewhere, JSON where it was asked for."""

    def __init__(self, *, is_json: bool = False, out: TextIO | None = None) -> None:
        self.is_json = is_json
        self._out = out or sys.stdout
        self.err = sys.stderr

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches standard error."""
        return self.err.isatty()

    def note(self, text: str) -> None:
        """A line for whoever watches."""
        print(text, file=self.err)

    @property
    def out(self) -> TextIO:
        """Where the answer goes."""
        return self._out

    def data(self, text: str) -> None:
        """A line of the answer."""
        print(text, file=self._out)

    def json(self, value: object) -> None:
        """The answer as JSON."""
        json.dump(value, self._out, ensure_ascii=False, indent=2, default=as_json)
        self._out.write("\n")

    def table(self, rows: Iterable[Mapping[str, object]], *, columns: Sequence[str] = (), title: str = "") -> None:
        """Rows as a table that fits the screen; JSON where it was asked for."""
        listed = list(rows)
        if self.is_json:
            self.json(listed)
            return
        names = list(columns) or list(dict.fromkeys(name for row in listed for name in row))
        cells = [[as_text(row.get(name)) for name in names] for row in listed]
        right = {name for name in names if name in RIGHT or _are_numbers(row.get(name) for row in listed)}
        if self._out.isatty():
            self._draw(names, cells, title, right)
            return
        if title:
            print(f"\n{title}", file=self._out)
        self._align(names, cells, right)

    def _draw(self, names: Sequence[str], cells: Sequence[Sequence[str]], title: str, right: Collection[str]) -> None:
        from rich import box
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left")
        for name in names:
            table.add_column(name, justify="right" if name in right else "left", overflow="fold")
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        RichConsole(file=self._out).print(table)

    def _align(self, names: Sequence[str], cells: Sequence[Sequence[str]], right: Collection[str]) -> None:
        widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(names)]
        for row in (names, *cells):
            padded = (
                cell.rjust(width) if name in right else cell.ljust(width)
                for cell, width, name in zip(row, widths, names, strict=True)
            )
            print("  ".join(padded).rstrip(), file=self._out)

    def error(self, error: AfluenteError) -> None:
        """An error with its code, its place and its hint."""
        if isinstance(error, CheckFailed):
            self.problems(error.problems)
        if self.is_json:
            print(json.dumps(error_as_json(error), ensure_ascii=False), file=self.err)
            return
        place = f"{error.place}: " if error.place else ""
        self.note(f"error[{error.code}]: {place}{error.message}")
        if error.hint:
            self.note(f"hint: {error.hint}")

    def problems(self, problems: Sequence[Problem]) -> None:
        """Every mistake of a project, a line each and its hint below."""
        for problem in problems:
            kind = "warning" if problem.is_warning else "error"
            self.note(f"{problem.place}: {kind}[{problem.code}]: {problem.message}")
            if problem.hint:
                self.note(f"    hint: {problem.hint}")

    def defect(self, error: Exception, *, folder: str) -> None:
        """An error of ours: one line for the user, the trace in a file (code only, no value of the data)."""
        lines = [
            f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        logs = Path(folder) / ".afluente" / "logs"
        where = ""
        if (Path(folder) / "afluente.yaml").exists():
            try:
                logs.mkdir(parents=True, exist_ok=True)
                path = logs / f"defect-{datetime.now(UTC):%Y%m%dT%H%M%S}.txt"
                path.write_text("\n".join([type(error).__name__, *lines]) + "\n", encoding="utf-8")
                where = f" (see {path})"
            except OSError:
                where = ""
        place = lines[-1].rpartition("/")[2] if lines else "nowhere"
        self.note(f"error[internal]: an unexpected {type(error).__name__} was raised at {place}{where}")
        self.note("hint: this is a defect of afluente: please report it with these lines")


def _are_numbers(values: Iterable[object]) -> bool:
    told = [value for value in values if value is not None]
    return bool(told) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in told)


def error_as_json(error: AfluenteError) -> dict[str, object]:
    """An error as JSON for `--json`."""
    fields: dict[str, object] = {"code": error.code, "message": error.message, "hint": error.hint}
    if error.place is not None:
        fields["place"] = str(error.place)
    return {"error": fields}


def as_json(value: object) -> object:
    """What the json module cannot write, as text that loses nothing."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def as_text(value: object) -> str:
    """One cell of a table."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}"
        case datetime():
            local = value if value.tzinfo is None else shown(value)
            return local.isoformat(sep=" ", timespec="seconds")
        case _:
            return str(value)
