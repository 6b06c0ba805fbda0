"""What was told before: whose it is, and what happens when more is told while a release is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

import pytest
from release_project import NOW, ToldGates

from afluente.core.errors import Place, StateError
from afluente.products.release.build import build_release
from afluente.products.release.told_before import partners_together
from afluente.project.product import PrivacyPolicy, Product
from afluente.runs.steps.workspace import Workspace
from afluente.state import releases
from afluente.state.releases import LedgerRow, Release

HERE = Place("products/x.yaml")


def product(partner: str, *allies: str) -> Product:
    return Product(
        name=f"para_{partner}",
        title="",
        version="1.0.0",
        partner=partner,
        owner="",
        purpose="",
        legal_basis="contract",
        outputs=(),
        privacy=PrivacyPolicy(HERE),
        place=HERE,
        text_sha256="",
        allies=allies,
    )


def test_allies_share_both_ways_and_through_each_other() -> None:
    products = (product("a", "b"), product("c", "b"), product("d"), product("e", "f"))
    assert partners_together("a", products) == ("a", "b", "c")
    assert partners_together("b", products) == ("a", "b", "c")
    assert partners_together("c", products) == ("a", "b", "c")
    assert partners_together("d", products) == ("d",)
    assert partners_together("f", products) == ("e", "f")


@dataclass
class OvertakenGates(ToldGates):
    """Gates during which another product's release tells the same partner something, so many times."""

    times: int = 1
    tried: int = 0

    def cells(self, workspace, product, output, contract, *, at, told, days):  # type: ignore[no-untyped-def]
        if output.name == "vendas_dia":
            self.tried += 1
            if self.tried <= self.times:
                tell(workspace, self.tried)
        return super().cells(workspace, product, output, contract, at=at, told=told, days=days)


def tell(workspace: Workspace, number: int) -> None:
    root = workspace.project.root
    path = root / f"outro{number}.parquet"
    from release_project import write_told

    write_told(path, ())
    release = Release(f"outro-{number}", "outro", "marca", number, "released", NOW, "1.0.0", "", f"releases/o/{number}")
    row = LedgerRow(
        "marca", "outro", release.id, "o", path.name, sha256(path.read_bytes()).hexdigest(), cells=0, at=NOW
    )
    with workspace.state.write() as connection:
        releases.insert(connection, release)
        releases.enter_in_ledger(connection, [row])


def test_a_release_is_judged_again_when_more_was_told_meanwhile(opened: Callable[..., Workspace]) -> None:
    workspace = opened()
    gates = OvertakenGates()
    outcome = build_release(workspace, workspace.project.products[0], actor="ana", gates=gates.gates())
    assert gates.tried == 2
    assert outcome.release is not None
    assert (outcome.release.number, outcome.release.ledger_position) == (1, 1)
    with workspace.state.read() as connection:
        assert [row.product for row in releases.ledger_of(connection, ("marca",))] == ["outro", "vendas", "vendas"]


def test_a_release_that_is_always_overtaken_gives_up_and_leaves_nothing(opened: Callable[..., Workspace]) -> None:
    workspace = opened()
    with pytest.raises(StateError) as overtaken:
        build_release(workspace, workspace.project.products[0], actor="ana", gates=OvertakenGates(times=99).gates())
    assert (overtaken.value.code, overtaken.value.retryable) == ("release.overtaken", True)
    assert list((workspace.project.root / "releases" / "vendas").iterdir()) == []
    with workspace.state.read() as connection:
        assert releases.of_product(connection, "vendas") == []


def test_what_an_ally_was_told_counts(opened: Callable[..., Workspace]) -> None:
    workspace = opened()
    build_release(workspace, workspace.project.products[0], actor="ana", gates=ToldGates().gates())
    path = workspace.project.root / "products" / "vendas.yaml"
    text = path.read_text(encoding="utf-8")
    other = text.replace("product: vendas\n", "product: outra\n").replace(
        "partner: marca", "partner: aliada\nallies: [marca]"
    )
    (path.parent / "outra.yaml").write_text(other, encoding="utf-8")
    from release_project import open_project

    with open_project(workspace.project.root) as both:
        gates = ToldGates()
        chosen = next(one for one in both.project.products if one.name == "outra")
        build_release(both, chosen, actor="ana", days=(date(2026, 1, 1), date(2026, 1, 31)), gates=gates.gates())
        assert gates.given[0] == ("vendas_dia", 68 * 3 + 6)
        alone = replace(chosen, partner="sozinha", allies=(), name="sozinha")
        apart = ToldGates()
        build_release(both, alone, actor="ana", days=(date(2026, 1, 1), date(2026, 1, 31)), gates=apart.gates())
        assert apart.given[0] == ("vendas_dia", 0)
