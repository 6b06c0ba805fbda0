"""A cell that spells "nan", as the exports of data frames do, is a text like any other from bronze to gold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli_project import CPF, afluente, make_project, rows_of


@pytest.mark.parametrize("word", ["nan", "NaN"])
def test_a_column_whose_greatest_text_is_nan_is_brought_in(tmp_path: Path, word: str) -> None:
    folder = make_project(tmp_path / "loja", rows=0)
    line = f"1;{CPF};{word};entregue;R$ 1,50"
    (folder / "dados" / "pedidos.csv").write_text(f"pedido;cpf;uf;situacao;valor\n{line}\n", encoding="utf-8")
    ended = afluente(folder, "run")
    assert ended.returncode == 0, ended.stderr
    assert [row["uf"] for layer in ("bronze", "silver") for row in rows_of(folder, layer, "pedidos")] == [word, word]
    assert [row["uf"] for row in rows_of(folder, "gold", "vendas_uf")] == [word]
