"""Every command and option that the docs write is one the program has, and commands.md leaves none out.

The options of the fleet's commands are told by their own pages.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from afluente.cli.parser import build_parser

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("README*.md"), *ROOT.glob("examples/**/*.md")])
WRITTEN = re.compile(r"(?<![\w./-])afluente((?: +[^\s`'\"|;&()<>]+)+)")
WORD = re.compile(r"[a-z][a-z-]*")
GLOBAL = {"--json", "--version", "--help", "-C"}
NOT_OURS = {"--no-deps"}


def commands_of(parser: argparse.ArgumentParser, name: tuple[str, ...] = ()) -> dict[tuple[str, ...], set[str]]:
    """Each command by its words, with its own options."""
    found = {name: {option for action in parser._actions for option in action.option_strings}}  # noqa: SLF001
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for word, inner in action.choices.items():
                found |= commands_of(inner, (*name, word))
    return found


COMMANDS = commands_of(build_parser())


def written(text: str) -> list[list[str]]:
    """The words after `afluente`, wherever they stand as code."""
    code = re.findall(r"`([^`\n]+)`", text)
    code += re.findall(r"^(?: {4}|\$ )(.*)$", text, re.MULTILINE)
    return [found.split() for line in code for found in WRITTEN.findall(re.split(r" {3,}|#", line)[0])]


def command_of(words: list[str]) -> tuple[str, ...]:
    """The longest command that the words begin with, passing over `-C DIR` and `--json`."""
    left = list(words)
    while left and left[0] in GLOBAL:
        del left[: 2 if left[0] == "-C" else 1]
    name: tuple[str, ...] = ()
    for word in left:
        if (*name, word.strip("[]")) not in COMMANDS:
            break
        name = (*name, word.strip("[]"))
    return name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_writes_the_program_understands(document: Path) -> None:
    for words in written(document.read_text(encoding="utf-8")):
        name = command_of(words)
        first = next((word for word in words if word not in GLOBAL), "")
        assert name or not WORD.fullmatch(first), f"there is no command {' '.join(words)!r}"
        options = {word.strip("[]").split("=")[0] for word in words if word.strip("[]").startswith("--")}
        below = {option for known, own in COMMANDS.items() if known[: len(name)] == name for option in own}
        assert options <= below | GLOBAL | NOT_OURS, f"{' '.join(words)!r}: {sorted(options - below)}"


def test_the_page_of_commands_leaves_no_command_and_no_option_out() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name, options in COMMANDS.items():
        if not name:
            continue
        assert re.search(rf"afluente {name[0]}\b", text), name
        section = "\n".join(line for line in text.splitlines() if f"afluente {name[0]}" in line)
        for word in name[1:]:
            assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", section), " ".join(name)
        for option in sorted(options - {"-h", "--help", "--json"}):
            is_told = option in section or f"`{option}" in text or name[0] == "fleet"
            assert is_told, f"{' '.join(name)} {option}"
