"""`afluente doctor` looks at each delivery of each product without sending anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from afluente.demo.loopback.sftp_server import Account, SftpServer
from afluente.products.release.sshsig import make_key
from tests.integration.products_sending_world import CANARY
from tests.unit.products.release.release_project import make_project

WAY = """
  - {{name: {name}, sftp: {{host: 127.0.0.1, port: {port}, user: aiqfome, password: "secret:env:{secret}", host_key: "{key}"}}}}
"""


def doctor(root: Path) -> dict[str, tuple[str, str, str]]:
    finished = subprocess.run(
        [sys.executable, "-m", "afluente.cli.main", "-C", str(root), "--json", "doctor"],
        capture_output=True,
        text=True,
        env={**os.environ, "SENHA": CANARY},
    )
    assert CANARY not in finished.stdout + finished.stderr
    return {one["what"]: (one["state"], one["told"], one["mend"]) for one in json.loads(finished.stdout)}


def test_each_delivery_is_ok_or_says_what_is_wrong(tmp_path: Path) -> None:
    root, inbox = make_project(tmp_path / "project"), tmp_path / "inbox"
    inbox.mkdir()
    another = make_key().public
    product = root / "products" / "vendas.yaml"
    with SftpServer(inbox, Account("aiqfome", password=CANARY)) as server:
        keys = {"certo": ("SENHA", server.public_host_key), "chave": ("SENHA", another), "segredo": ("FALTA", another)}
        ways = [WAY.format(name=name, port=server.port, secret=one, key=key) for name, (one, key) in keys.items()]
        product.write_text(product.read_text() + "".join(ways))
        found = doctor(root)
    assert found["delivery vendas/copia"][0] == "ok"
    assert found["delivery vendas/certo"][0] == "ok"
    assert "aes128-gcm" in found["delivery vendas/certo"][1]
    assert found["delivery vendas/chave"][0] == "missing"
    assert "[delivery.host_key]" in found["delivery vendas/chave"][1]
    assert "[secret.missing]" in found["delivery vendas/segredo"][1]
    assert list(inbox.iterdir()) == []
