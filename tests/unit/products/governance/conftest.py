"""A project in a folder with an empty state, a clock that is moved, and releases written into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from afluente.core.clock import SetClock
from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.project.product import Measure, Output, PrivacyPolicy, Product, Retention
from afluente.project.settings import EngineSettings, LakeSettings, Project
from afluente.runs.steps.workspace import Workspace
from afluente.state import audit_chain
from afluente.state.release_schema import DELIVERIES, LEDGER, RELEASES

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOWHERE = Place("products/vendas.yaml")
MakeRelease = Callable[..., str]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def product() -> Product:
    output = Output(
        name="mensal",
        facts=TableName("gold", "fato"),
        contract="release.mensal",
        place=NOWHERE,
        measures=(Measure("receita", "sum", NOWHERE, column="valor"),),
    )
    return Product(
        name="vendas",
        title="Vendas",
        version="1.0.0",
        partner="marca",
        owner="dados@example.com",
        purpose="mostrar vendas",
        legal_basis="legitimate_interest",
        outputs=(output,),
        privacy=PrivacyPolicy(NOWHERE),
        place=NOWHERE,
        text_sha256="",
        retention=Retention(release_days=30, key_days=60),
    )


@pytest.fixture
def workspace(tmp_path: Path, clock: SetClock, product: Product) -> Iterator[Workspace]:
    project = Project(
        root=tmp_path,
        name="loja",
        timezone="America/Sao_Paulo",
        language="pt",
        lake=LakeSettings("lake"),
        state="sqlite:///.afluente/state.db",
        engine=EngineSettings(),
        sources=(),
        schedules=(),
        contracts=(),
        models=(),
        place=Place("afluente.yaml"),
        products=(product,),
    )
    with Workspace(project, environment={}, clock=clock) as opened:
        yield opened


@pytest.fixture
def make_release(workspace: Workspace) -> MakeRelease:
    """Writes a release's files and rows, told at a moment, and gives its id."""

    def make(number: int, *, at: datetime = NOW, status: str = "released", partner: str = "marca") -> str:
        release_id = f"r{number}"
        folder = workspace.project.root / "releases" / "vendas" / f"{number:06d}"
        (folder / "files").mkdir(parents=True)
        (folder / "manifest.json").write_bytes(b"{}")
        (folder / "files" / "a.csv").write_bytes(b"12345678")
        with workspace.state.write() as connection:
            head = audit_chain.record(
                connection,
                at=at,
                actor="ana",
                action=f"release.{status}",
                subject=f"product/vendas#{number}",
                payload={},
            )
            connection.execute(
                sa.insert(RELEASES).values(
                    id=release_id,
                    product="vendas",
                    partner=partner,
                    number=number,
                    status=status,
                    created_at=at,
                    released_at=at,
                    product_version="1.0.0",
                    product_sha256="",
                    contract_versions={"mensal": f"1.{number}.0"},
                    inputs={},
                    period={},
                    folder=f"releases/vendas/{number:06d}",
                    audit_head=head,
                    utility={},
                    reasons=[],
                )
            )
            connection.execute(
                sa.insert(LEDGER).values(
                    partner=partner,
                    product="vendas",
                    release_id=release_id,
                    output="mensal",
                    path="x",
                    sha256="ab",
                    cells=40 + number,
                    at=at,
                )
            )
            connection.execute(
                sa.insert(DELIVERIES).values(
                    id=f"d{number}",
                    release_id=release_id,
                    name="copia",
                    connector="folder",
                    partner=partner,
                    status="waiting",
                    attempts=0,
                    created_at=at,
                    due_at=at,
                    receipt={},
                )
            )
        return release_id

    return make
