"""After any sequence of deliveries, corrections, compactions and changed contracts, tables are what a full refresh makes."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from loja import Supply, assert_equal, make_loja, put, tables

from afluente.cli.main import main
from afluente.core.tables import TableName
from afluente.lake.lake import Lake
from afluente.runs import workflow

IS_FULL = os.environ.get("AFLUENTE_PROOF") == "full"
SEQUENCES = 8 if IS_FULL else 1
STEPS = 12 if IS_FULL else 6
KINDS = {"clientes": "csv", "itens": "csv", "precos": "csv", "eventos": "jsonl", "visitas": "csv"}
OPERATIONS = (
    "deliver",
    "deliver",
    "deliver one",
    "correct",
    "copy",
    "delete",
    "compact",
    "vacuum",
    "contract",
    "refresh",
)


@pytest.fixture(autouse=True)
def dbos_stops() -> Iterator[None]:
    yield
    workflow.shut_down()


class Shop:
    """The shop under a random sequence of operations."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = make_loja(folder)
        self.chance = random.Random(seed)
        self.supply = Supply(seed, rows=40)
        self.number = 0

    def do(self, operation: str) -> list[str]:
        """Carry an operation out; the words of the run that follows."""
        files = sorted((self.folder / "dados").iterdir())
        match operation:
            case "deliver":
                put(self.folder, self.supply.wave(self._next()))
            case "deliver one":
                kind = self.chance.choice(["itens", "precos", "visitas"])
                put(self.folder, {f"{kind}_{self._next():02}.{KINDS[kind]}": self.supply.file(kind)})
            case "correct":
                chosen = self.chance.choice(files)
                put(self.folder, {chosen.name: self.supply.file(chosen.name.partition("_")[0])})
            case "copy":
                chosen = self.chance.choice(files)
                put(self.folder, {f"{chosen.stem}_copia{chosen.suffix}": chosen.read_bytes()})
            case "delete":
                by_kind = [f for f in files if sum(g.name[:4] == f.name[:4] for g in files) > 1]
                if by_kind:
                    self.chance.choice(by_kind).unlink()
            case "compact" | "vacuum":
                self._tidy(is_vacuum=operation == "vacuum")
            case "contract":
                path = self.folder / "contracts" / "itens.odcs.yaml"
                text = path.read_text(encoding="utf-8")
                before, after = ("required: true}", "required: false}")[:: self.chance.choice([1, -1])]
                path.write_text(text.replace(before, after, 1), encoding="utf-8")
            case "refresh":
                return ["run", "--full-refresh"]
        return ["run"]

    def _tidy(self, *, is_vacuum: bool) -> None:
        lake = Lake(str(self.folder / "lake"), {}, "loja")
        for table in lake.tables():
            if table.layer in ("bronze", "silver"):
                lake.optimize(table)
                if is_vacuum:
                    lake.vacuum(table, 0, dry_run=False)

    def _next(self) -> int:
        self.number += 1
        return self.number


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_any_sequence_gives_what_a_full_refresh_gives(seed: int, tmp_path: Path) -> None:
    shop = Shop(tmp_path / "loja", seed)
    put(shop.folder, shop.supply.wave(0))
    history = ["deliver"]
    assert main(["-C", str(shop.folder), "run"]) == 0
    for _ in range(STEPS):
        history.append(shop.chance.choice(OPERATIONS))
        words = shop.do(history[-1])
        assert main(["-C", str(shop.folder), *words]) == 0, history
    again = Path(shutil.copytree(shop.folder, tmp_path / "again"))
    assert main(["-C", str(again), "run", "--full-refresh"]) == 0
    assert_equal(tables(shop.folder / "lake"), tables(again / "lake"))


def test_new_rows_alone_are_conformed_and_only_their_days_are_made_again(tmp_path: Path) -> None:
    """The way of the new rows is really taken: files that nothing touched stay part of the tables."""
    folder = make_loja(tmp_path / "loja")
    supply = Supply(3, rows=40)
    put(folder, supply.wave(0))
    assert main(["-C", str(folder), "run"]) == 0
    lake = Lake(str(folder / "lake"), {}, "loja")
    before = {name: set(lake.snapshot(TableName("silver", name)).files) for name in ("itens", "visitas")}
    days = set(lake.snapshot(TableName("gold", "vendas_dia")).files)
    put(
        folder,
        {
            "itens_01.csv": b"pedido,produto,dia,valor\n9001,p1,12/03/2026,1\n",
            "visitas_01.csv": b"visita,cliente\n1,1\n",
        },
    )
    assert main(["-C", str(folder), "run"]) == 0
    for name, files in before.items():
        assert files <= set(lake.snapshot(TableName("silver", name)).files)
    assert lake.history(TableName("gold", "vendas_dia"), limit=1)[0].info["afluente.mode"] == "replace_partitions"
    assert days & set(lake.snapshot(TableName("gold", "vendas_dia")).files)
