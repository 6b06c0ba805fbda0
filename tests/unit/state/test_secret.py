"""Secrets are resolved late and shown never."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from afluente.core.errors import ProjectError
from afluente.project.secret_reference import SecretReference
from afluente.state.secret import Secret, resolve

CLEAR = "hunter2-çã"


def test_a_secret_is_shown_as_stars_everywhere() -> None:
    secret = Secret(CLEAR)

    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>5}",
        f"{secret:>40}",
        repr([secret]),
        repr({"a": secret}),
    ]

    assert all(CLEAR not in text and "***" in text for text in shown)
    assert secret.reveal() == CLEAR


def test_a_secret_is_neither_pickled_nor_made_json() -> None:
    secret = Secret(CLEAR)

    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps({"a": secret})
    assert json.dumps(secret, default=str) == '"***"'
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_compared_and_copied_as_a_value() -> None:
    secret = Secret(CLEAR)

    assert secret == Secret(CLEAR)
    assert secret != Secret("x")
    assert secret != CLEAR
    assert copy.deepcopy({"a": secret}) == {"a": secret}


def test_a_variable_is_read_from_the_environment_given(tmp_path: Path) -> None:
    assert resolve(SecretReference("env", "DB"), {"DB": CLEAR}, tmp_path).reveal() == CLEAR


def test_a_missing_variable_names_the_reference_and_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"secret:env:DB_PASSWORD: the variable is not set") as failed:
        resolve(SecretReference("env", "DB_PASSWORD"), {"DB_PASSWRD": CLEAR}, tmp_path)

    assert (failed.value.code, failed.value.exit_status) == ("secret.missing", 2)
    assert "DB_PASSWRD" in failed.value.hint
    assert CLEAR not in repr(failed.value.__dict__)


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is empty"):
        resolve(SecretReference("env", "DB"), {"DB": ""}, tmp_path)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_is_read_relative_to_the_project_without_its_last_line_end(end: str, tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(f" {CLEAR}\n2{end}".encode())

    assert resolve(SecretReference("file", "s"), {}, tmp_path).reveal() == f" {CLEAR}\n2"


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o644, True)])
def test_a_file_open_to_others_is_warned_of(
    mode: int, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "s").write_text(CLEAR)
    (tmp_path / "s").chmod(mode)

    with caplog.at_level(logging.WARNING):
        resolve(SecretReference("file", "s"), {}, tmp_path)

    assert bool(caplog.records) is warned
    assert CLEAR not in caplog.text


def test_files_that_cannot_be_read_name_the_reference(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("ç".encode("latin-1"))

    for target in ("none", "latin", "."):
        with pytest.raises(ProjectError, match=f"secret:file:{target}"):
            resolve(SecretReference("file", target), {}, tmp_path)


class _Vault(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.headers["X-Vault-Token"] != "tok":
            self._answer(403, {"errors": ["permission denied"]})
        elif self.path == "/v1/secret/data/app/db":
            self._answer(200, {"data": {"data": {"password": CLEAR, "port": 5432}}})
        elif self.path == "/v1/secret/data/sealed":
            self._answer(503, {"errors": [CLEAR]})
        else:
            self._answer(404, {"errors": []})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def vault() -> Iterator[dict[str, str]]:
    """A loopback server that answers as Vault's key-value engine does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Vault)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield {"VAULT_ADDR": f"http://127.0.0.1:{server.server_port}", "VAULT_TOKEN": "tok"}
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("path", ["secret/app/db", "secret/data/app/db"])
def test_vault_is_asked_for_a_key(path: str, vault: dict[str, str], tmp_path: Path) -> None:
    assert resolve(SecretReference("vault", f"{path}#password"), vault, tmp_path).reveal() == CLEAR


@pytest.mark.parametrize(
    ("target", "token", "code", "retryable"),
    [
        ("secret/app/db#nome", "tok", "secret.missing", False),
        ("secret/app/db#port", "tok", "secret.vault_refused", False),
        ("secret/nada#x", "tok", "secret.missing", False),
        ("secret/sealed#x", "tok", "secret.vault_refused", True),
        ("secret/app/db#password", "bad-token", "secret.vault_refused", False),
        ("secret/app/db#password", "", "secret.vault_settings", False),
    ],
)
def test_what_vault_refuses_names_the_reference(
    target: str, token: str, code: str, retryable: bool, vault: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ProjectError, match=f"secret:vault:{target}") as failed:
        resolve(SecretReference("vault", target), {**vault, "VAULT_TOKEN": token}, tmp_path)

    assert (failed.value.code, failed.value.retryable) == (code, retryable)
    assert CLEAR not in repr(failed.value.__dict__)
    assert "bad-token" not in repr(failed.value.__dict__)


def test_a_vault_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    environment = {"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "tok"}

    with pytest.raises(ProjectError) as failed:
        resolve(SecretReference("vault", "secret/a#b"), environment, tmp_path)

    assert (failed.value.code, failed.value.retryable) == ("secret.vault_unreachable", True)


def test_the_keyring_is_asked_by_service_and_user(tmp_path: Path) -> None:
    keyring = pytest.importorskip("keyring")
    from keyring.backend import KeyringBackend

    class InMemory(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def __init__(self) -> None:
            super().__init__()
            self.kept: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        keyring.set_password("afluente", "db/ana", CLEAR)
        assert resolve(SecretReference("keyring", "afluente/db/ana"), {}, tmp_path).reveal() == CLEAR
        with pytest.raises(ProjectError, match="secret:keyring:afluente/rui") as failed:
            resolve(SecretReference("keyring", "afluente/rui"), {}, tmp_path)
    finally:
        keyring.set_keyring(before)
    assert failed.value.code == "secret.missing"
