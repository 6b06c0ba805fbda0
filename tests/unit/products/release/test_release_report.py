from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
from release_project import ToldGates, open_project

from afluente.products.release.build import build_release
from afluente.products.release.gates import Gates, default_gates
from afluente.products.release.package import package_of
from afluente.products.release.report import told_tables, write_release_report
from afluente.products.release.verify import verify_release
from afluente.runs.steps.workspace import Workspace

JANUARY = (date(2026, 1, 1), date(2026, 1, 31))
FEBRUARY = (date(2026, 2, 1), date(2026, 2, 28))


def reporting() -> Gates:
    return replace(ToldGates().gates(), report=write_release_report)


def test_the_report_is_in_the_manifest_and_in_the_package(opened: Callable[..., Workspace]) -> None:
    workspace = opened()
    product = workspace.project.products[0]
    release = build_release(workspace, product, actor="ana", gates=reporting()).release
    assert release is not None
    package = package_of(workspace, release)
    assert package.report is not None
    assert [path.suffix for path in package.pictures] == [".png"]
    assert {file.output for file in package.files} == {"vendas_dia", "vendas_mes"}
    assert verify_release(workspace, release).is_whole
    package.report.write_text("x")
    assert [one.code for one in verify_release(workspace, release).problems] == ["file.changed"]


def test_a_report_made_again_is_the_same(opened: Callable[..., Workspace], tmp_path: Path) -> None:
    workspace = opened()
    root = tmp_path / "copy"
    shutil.copytree(workspace.project.root, root)
    manifests = []
    for space in (workspace, open_project(root)):
        release = build_release(space, space.project.products[0], actor="ana", gates=reporting()).release
        assert release is not None
        manifests.append((space.project.root / release.folder / "manifest.json").read_bytes())
        space.close()
    assert manifests[0] == manifests[1]


def test_earlier_tables_are_read_back_from_whatever_format_they_went_in(opened: Callable[..., Workspace]) -> None:
    workspace = opened()
    product = workspace.project.products[0]
    given: dict[str, list[pa.Table]] = {"vendas_dia": [], "vendas_mes": []}

    def remember(_space: object, _product: object, tables: dict[str, pa.Table], _folder: Path) -> None:
        for name, table in tables.items():
            given[name].append(table)

    gates = replace(ToldGates().gates(), report=remember)
    for days in (JANUARY, FEBRUARY):
        build_release(workspace, product, days=days, actor="ana", gates=gates)
    last = {name: tables[-1] for name, tables in given.items()}
    assert told_tables(workspace, product, last) == given
    mes = replace(product.outputs[1], formats=("csv",))
    only_csv = replace(product, outputs=(product.outputs[0], mes))
    march = (date(2026, 1, 1), date(2026, 2, 28))
    build_release(workspace, only_csv, days=march, actor="ana", gates=gates, replaces=2)
    told = told_tables(workspace, product, last)
    assert told["vendas_mes"] == [given["vendas_mes"][0], given["vendas_mes"][2]]


def test_default_gates_are_those_of_the_product() -> None:
    assert default_gates().report is write_release_report
