"""A project that passed is checked again when a product or what it names changes."""

from __future__ import annotations

from pathlib import Path

from afluente.cli.fingerprint import fingerprint


def test_products_and_the_variables_they_name_count(tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / "afluente.yaml").write_text("name: x\n")
    product = tmp_path / "products/p.yaml"

    def digest(**environment: str) -> str:
        return fingerprint(tmp_path, environment=environment, typed_in=tmp_path)

    without = digest()
    product.write_text("host: ${env:SFTP:-sftp.example.com}\n")

    assert len({without, digest(), digest(SFTP="a"), digest(SFTP="b")}) == 4
    assert digest(OTHER="b") == digest()
