"""What the readmes and tutorials show is what happens: each command is carried out and its shown lines are compared.

A document's ```console blocks are one session in one empty folder. `...` alone stands for any lines, inside a line for
any text. A command that shows an `error[` line must fail; every other must succeed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/tutorial.md")
TRANSLATIONS = {"README.pt-BR.md": "README.md", "docs/tutorial.pt-BR.md": "docs/tutorial.md"}
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Shown:
    """A command and the lines the document shows below it."""

    command: str
    lines: list[str] = field(default_factory=list)

    @property
    def is_failure(self) -> bool:
        return any(line.startswith("error[") for line in self.lines)


def session(document: str) -> list[Shown]:
    shown: list[Shown] = []
    for block in BLOCK.findall((ROOT / document).read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                shown.append(Shown(line[2:]))
            elif line.startswith("> "):
                shown[-1].command += "\n" + line[2:]
            else:
                shown[-1].lines.append(line.rstrip())
    return shown


def matches(shown: list[str], said: list[str]) -> bool:
    if not shown:
        return not said
    if shown[0] == "...":
        return any(matches(shown[1:], said[skipped:]) for skipped in range(len(said) + 1))
    if not said:
        return False
    pattern = r"\s+".join(".*".join(map(re.escape, part.split("..."))) for part in shown[0].split())
    pattern = pattern.replace(r"\s+.*\s+", r"\s.*")
    return re.fullmatch(pattern, said[0].strip()) is not None and matches(shown[1:], said[1:])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_shows_what_happens(document: str, tmp_path: Path) -> None:
    binaries = str(Path(sys.executable).parent)
    environment = {name: value for name, value in os.environ.items() if name != "DATA"}
    environment |= {
        "PATH": f"{binaries}{os.pathsep}{environment['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
    }
    folder = tmp_path
    commands = session(document)
    assert commands
    for shown in commands:
        if shown.command.startswith("cd "):
            folder = folder / shown.command[3:]
            continue
        done = subprocess.run(  # noqa: S602 - the documents' commands are a shell's
            shown.command,
            shell=True,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        told = f"{document}: $ {shown.command}\n{done.stdout}"
        assert (done.returncode != 0) == shown.is_failure, told
        said = [line.rstrip() for line in done.stdout.splitlines()]
        assert matches(shown.lines, said), f"{told}\n--- shown:\n" + "\n".join(shown.lines)
        assert "Traceback" not in done.stdout, told


@pytest.mark.parametrize("document", TRANSLATIONS)
def test_a_translation_shows_the_same_session(document: str) -> None:
    assert session(document) == session(TRANSLATIONS[document])


@pytest.mark.parametrize("document", [*DOCUMENTS, *TRANSLATIONS, "CONTRIBUTING.md", "docs/adr/README.md"])
def test_links_between_documents_lead_somewhere(document: str) -> None:
    path = ROOT / document
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (path.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (["a", "...", "z"], ["a", "b", "c", "z"]),
        (["...", "z"], ["z"]),
        (["run ... done: ..."], ["run 01a done: nothing new"]),
        (["source.x  ...  8 in"], ["source.x      done        8 in"]),
        (["...br.cpf...", "..."], ["1  br.cpf  x"]),
    ],
)
def test_dots_stand_for_what_differs(shown: list[str], said: list[str]) -> None:
    assert matches(shown, said)


@pytest.mark.parametrize(("shown", "said"), [(["a"], ["b"]), (["a"], ["a", "b"]), (["a", "..."], []), ([], ["a"])])
def test_everything_else_must_be_the_same(shown: list[str], said: list[str]) -> None:
    assert not matches(shown, said)
