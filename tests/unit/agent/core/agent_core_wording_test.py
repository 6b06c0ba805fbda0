"""What is said of a message or a turn that went wrong: the field, what may stand there, and Portuguese at the site."""

from __future__ import annotations

import json

import pytest

from afluente_agent import cli
from afluente_agent.catalogue import Catalogue
from afluente_agent.protocol.messages import MessageError, from_json
from afluente_agent.settings import DataFolder

LIST = {
    "name": "gestantes",
    "sql": ["SELECT 1 AS co"],
    "columns": [{"name": "co", "type": "integer", "identity": "key"}],
    "key": ["co"],
    "purpose": "pré-natal",
    "most_rows": 1,
    "most_seconds": 1,
    "most_bytes": 1,
}


def refused(**changed: object) -> str:
    whole = {key: value for key, value in {**LIST, **changed}.items() if value is not None}
    with pytest.raises(MessageError) as caught:
        from_json(Catalogue, json.dumps({"name": "x", "version": 1, "lists": [whole]}).encode(), is_strict=True)
    return str(caught.value)


def test_an_unknown_word_is_refused_with_those_that_are_known() -> None:
    said = refused(columns=[{"name": "co", "type": "integer", "identity": "nome"}])
    assert "Catalogue.lists[0].columns[0].identity" in said
    assert "birth" in said


def test_missing_fields_are_named() -> None:
    assert refused(purpose=None, most_rows=None) == "Catalogue.lists[0]: fields are missing: purpose, most_rows"


def test_unknown_fields_are_named_and_odd_ones_are_not_repeated() -> None:
    assert refused(propose="x") == "Catalogue.lists[0]: fields that are not known: propose"
    assert refused(**{"\x1b[31m": "x"}) == "Catalogue.lists[0]: fields that are not known: of odd names"


def test_a_turn_that_failed_is_told_in_portuguese(enrolled: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["once", "--home", str(enrolled.root)]) in (0, 1)
    said = capsys.readouterr().out
    assert said.startswith(("Feito.", "Não foi possível: "))
    assert not {"heartbeat", "reading", "sending", "doctor:"} & set(said.replace(",", " ").replace(".", " ").split())


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["instal"], "não existe o comando 'instal'"),
        ([], "falta o comando"),
        (["enrol", "--token"], "falta o valor de --token"),
        (["status", "--jsn"], "não existe a opção --jsn"),
        (["status", "afl_segredo"], "o comando não foi entendido"),
    ],
)
def test_what_is_typed_wrong_is_told_in_portuguese_and_no_code_is_repeated(
    typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(typed)
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in told
    assert "--help" in told
    assert "segredo" not in told


def test_help_is_portuguese(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["enrol", "--help"])
    told = capsys.readouterr().out
    assert told.startswith("uso: afluente-agent enrol")
    assert "mostra esta ajuda" in told
    assert "options" not in told
