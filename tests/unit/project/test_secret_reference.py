"""References to secrets, and literals in their place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.project.mistakes import Mistakes
from afluente.project.secret_reference import SecretReference, find_literal_secrets, is_secret_key, parse_reference
from afluente.project.yaml_text import parse_yaml


@pytest.mark.parametrize(
    "text",
    [
        "secret:env:DB_PASSWORD",
        "secret:file:.secrets/db",
        "secret:keyring:afluente/db/ana",
        "secret:vault:secret/app/db#password",
    ],
)
def test_a_reference_is_read_and_written_alike(text: str) -> None:
    assert str(parse_reference(text)) == text


def test_each_part_of_a_reference_is_kept() -> None:
    assert parse_reference("secret:vault:secret/a:b#c") == SecretReference("vault", "secret/a:b#c")


@pytest.mark.parametrize(
    "text",
    [
        "secret:",
        "secret:env",
        "secret:env:",
        "secret:env:hunter2 x",
        "secret:evn:hunter2",
        "secret:keyring:hunter2",
        "secret:vault:hunter2",
        "secret:hunter2",
    ],
)
def test_a_wrong_reference_is_refused_without_its_target(text: str) -> None:
    with pytest.raises(ValueError, match="secret") as failed:
        parse_reference(text)
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "db_password",
        "PGPASSWORD_PWD",
        "apiToken",
        "X-Api-Key",
        "aws_secret_access_key",
        "senha",
        "client_secret",
        "Authorization",
        "key",
    ],
)
def test_keys_that_hold_secrets_are_known(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "path",
        "keys",
        "primary_key",
        "cursor_key",
        "next_token",
        "token_url",
        "key_column",
        "aws_access_key_id",
        "monkey",
    ],
)
def test_keys_that_hold_none_are_left_alone(key: str) -> None:
    assert not is_secret_key(key)


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2",
        "password: 12345",
        "a: {b: [{api_key: hunter2}]}",
        "tokens: {token: [hunter2]}",
        "url: postgresql://ana:hunter2@host/db",
        "url: https://:hunter2@host",
        "dsn: host=h password=hunter2",
        "spark: sc://host:443/;token=hunter2",
        "url: https://host/x?api_key=hunter2",
        "url: postgresql://ana:${env:PW}@host/db",
    ],
)
def test_a_literal_is_told_and_never_echoed(text: str) -> None:
    mistakes = Mistakes("a.yaml")

    assert find_literal_secrets(parse_yaml(text.encode(), mistakes), mistakes)

    assert [problem.code for problem in mistakes.problems] == ["project.literal_secret"]
    assert "hunter2" not in repr(mistakes.problems)
    assert "12345" not in repr(mistakes.problems)


@pytest.mark.parametrize(
    "text",
    [
        "password: secret:env:X",
        "password:",
        "token: true",
        "url: postgresql://ana@host:5432/db",
        "query: select * from t where token = 'x'",
        "email: ana@host",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    mistakes = Mistakes("a.yaml")

    assert not find_literal_secrets(parse_yaml(text.encode(), mistakes), mistakes)
    assert mistakes.problems == []


@given(st.text(st.characters(categories=["L", "N"]), min_size=6, max_size=20))
@settings(max_examples=60, deadline=None)
def test_no_literal_is_ever_echoed(literal: str) -> None:
    mistakes = Mistakes("a.yaml")

    find_literal_secrets(parse_yaml(f"db_password: 'Q9{literal}'".encode(), mistakes), mistakes)

    assert mistakes.problems
    assert f"Q9{literal}" not in repr(mistakes.problems)
