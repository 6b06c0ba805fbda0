"""Answers in Portuguese come through on machines whose output knows fewer letters."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.cli_project import make_project, process


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("ascii", "não 😀".encode()), ("latin-1", b"n\xe3o \\U0001f600"), ("utf-8", "não 😀".encode())],
)
def test_answers_are_shown_whatever_letters_the_output_knows(tmp_path: Path, encoding: str, written: bytes) -> None:
    folder = make_project(tmp_path / "loja", rows=0)

    def answer(*words: str) -> bytes:
        environment = dict(os.environ) | {"PYTHONIOENCODING": encoding}
        words = ("sql", "SELECT 'não 😀' AS r", *words)
        ended = subprocess.run(process(folder, *words), env=environment, capture_output=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert written in answer("--format", "csv")
    assert json.loads(answer("--json")) == [{"r": "não 😀"}]
