"""How a command is spelled: the parser that every command has, with the options common to all of them.

Invariant: importing this imports nothing but argparse, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from typing import TypeAlias

    Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - argparse has no public name for it

ELSEWHERE = {
    "build": "run",
    "debug": "doctor",
    "history": "runs",
    "lineage": "compile MODEL",
    "ls": "tables",
    "materialize": "run",
    "query": "sql",
    "replay": "quarantine replay TABLE",
    "show": "tables show TABLE",
    "status": "runs",
    "test": "run",
    "validate": "check",
}
"""What dbt, dlt and Dagster call our commands, and what people type first."""


class WrongWords(Exception):
    """The command line cannot be read: what is wrong, and what to type instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Parser(argparse.ArgumentParser):
    """Raises WrongWords with the nearest right word, so that it is told in the shape of every other error."""

    def error(self, message: str) -> NoReturn:
        hint = _nearest(message) or f"see {self.prog} --help"
        raise WrongWords(f"{self.prog}: {message.partition(' (choose from ')[0]}", hint)


def add_command(commands: Commands, name: str, summary: str) -> Parser:
    """A command, or an action of one."""
    parser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="write JSON to standard output")
    parser.add_argument("-C", dest="folder", metavar="DIR", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _nearest(message: str) -> str:
    if "invalid choice: " not in message:
        return ""
    from afluente.core.nearest import did_you_mean

    said, _, listed = message.partition("invalid choice: ")[2].partition(" (choose from ")
    names = [name.strip(" '\"") for name in listed.rstrip(")").split(",")]
    word = said.strip("'\"")
    if word in ELSEWHERE and ELSEWHERE[word].split()[0] in names:
        return f"here it is `afluente {ELSEWHERE[word]}`"
    return did_you_mean(word, names)
