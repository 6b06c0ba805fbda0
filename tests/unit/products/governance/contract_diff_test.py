"""Two versions of a contract compared: what breaks, what does not, and the version that asks for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from afluente.core.errors import CheckFailed, UsageError
from afluente.products.governance.contract_diff import ContractDiff, compare, read_versions
from afluente.products.governance.notice import NoticePolicy, draft_notice

OLD = """apiVersion: v3.1.0
kind: DataContract
id: vendas.saida
version: "1.4.2"
status: active
schema:
  - name: saida
    physicalName: gold.saida
    properties:
      - {name: mes, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: cidade, logicalType: string, primaryKey: true, primaryKeyPosition: 2}
      - {name: marca, logicalType: string, required: true, logicalTypeOptions: {format: enum},
         customProperties: [{property: values, value: [Hungry, Ouch]}]}
      - {name: unidades, logicalType: integer, physicalType: bigint, required: true, description: Unidades vendidas,
         logicalTypeOptions: {minimum: 0, maximum: 1000}}
      - {name: receita, logicalType: number, physicalType: "decimal(18,2)", unique: true, classification: internal}
    quality:
      - {name: linhas, type: library, metric: rowCount, mustBeGreaterThan: 10, severity: error}
"""


def changed(tmp_path: Path, *edits: tuple[str, str]) -> ContractDiff:
    new = OLD
    for before, after in edits:
        assert before in new
        new = new.replace(before, after)
    (tmp_path / "old.odcs.yaml").write_text(OLD, encoding="utf-8")
    (tmp_path / "new.odcs.yaml").write_text(new, encoding="utf-8")
    return compare(tmp_path / "old.odcs.yaml", tmp_path / "new.odcs.yaml")


MONTH = "      - {name: mes, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1}\n"


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("name: unidades,", "name: pecas,", "column.renamed"),
        (
            '      - {name: receita, logicalType: number, physicalType: "decimal(18,2)", unique: true,'
            " classification: internal}\n",
            "",
            "column.removed",
        ),
        ("physicalType: bigint", "physicalType: int", "column.type"),
        ("decimal(18,2)", "decimal(18,4)", "column.type"),
        (
            "name: unidades, logicalType: integer, physicalType: bigint, required: true",
            "name: unidades, logicalType: integer, physicalType: bigint",
            "column.nullable",
        ),
        ("[Hungry, Ouch]", "[Hungry]", "column.value_removed"),
        ("[Hungry, Ouch]", "[Hungry, Ouch, Crunch]", "column.value_added"),
        (
            "primaryKeyPosition: 2}",
            "primaryKeyPosition: 2}\n      - {name: uf, logicalType: string, primaryKey: true, primaryKeyPosition: 3}",
            "table.grain",
        ),
        ("maximum: 1000", "maximum: 5000", "column.bounds_wider"),
        ("unique: true", "unique: false", "column.not_unique"),
        ("classification: internal", "classification: sensitive", "column.classification"),
        ("mustBeGreaterThan: 10", "mustBeGreaterThan: 1", "rule.loosened"),
        ("severity: error", "severity: warning", "rule.loosened"),
        (
            "    quality:\n      - {name: linhas, type: library, metric: rowCount, mustBeGreaterThan: 10, severity: error}\n",
            "",
            "rule.removed",
        ),
        ("gold.saida", "gold.saidas", "table.renamed"),
        (
            "name: cidade, logicalType: string,",
            "name: cidade, logicalType: string, logicalTypeOptions: {format: uuid},",
            "column.format",
        ),
    ],
)
def test_a_change_that_breaks_a_consumer_is_named_and_asks_for_a_major_version(
    tmp_path: Path, before: str, after: str, code: str
) -> None:
    diff = changed(tmp_path, (before, after))
    assert code in [change.code for change in diff.breaking]
    assert (diff.bump, diff.needed) == ("major", "2.0.0")
    assert not diff.is_version_right


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (MONTH, MONTH + "      - {name: uf, logicalType: string}\n", "column.added"),
        ("decimal(18,2)", "decimal(22,2)", "column.type_widened"),
        ("maximum: 1000", "maximum: 500", "column.bounds_narrower"),
        ("name: cidade, logicalType: string,", "name: cidade, logicalType: string, required: true,", "column.required"),
        ("mustBeGreaterThan: 10", "mustBeGreaterThan: 20", "rule.changed"),
        (
            "mustBeGreaterThan: 10, severity: error}",
            "mustBeGreaterThan: 10, severity: error}\n      - {name: outra, "
            "type: library, metric: rowCount, mustBeLessThan: 99}",
            "rule.added",
        ),
    ],
)
def test_what_asks_nothing_of_a_consumer_is_a_minor_version(tmp_path: Path, before: str, after: str, code: str) -> None:
    diff = changed(tmp_path, (before, after), ('"1.4.2"', '"1.5.0"'))
    assert [change.code for change in diff.changes] == [code]
    assert (diff.bump, diff.needed, diff.is_version_right) == ("minor", "1.5.0", True)


def test_another_description_is_a_patch_and_nothing_at_all_is_none(tmp_path: Path) -> None:
    diff = changed(tmp_path, ("Unidades vendidas", "Unidades entregues"))
    assert (diff.bump, diff.needed) == ("patch", "1.4.3")
    assert changed(tmp_path).bump == "none"


def test_columns_in_another_order_break_who_reads_by_position(tmp_path: Path) -> None:
    diff = changed(tmp_path, (MONTH, ""), ("    quality:\n", MONTH + "    quality:\n"))
    assert [change.code for change in diff.breaking] == ["table.order"]


def test_a_version_higher_than_needed_is_right(tmp_path: Path) -> None:
    assert changed(tmp_path, ("name: unidades,", "name: pecas,"), ('"1.4.2"', '"3.0.0"')).is_version_right


def test_files_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    (tmp_path / "old.odcs.yaml").write_text(OLD, encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        read_versions(tmp_path / "old.odcs.yaml", tmp_path / "gone.odcs.yaml")
    (tmp_path / "bad.odcs.yaml").write_text(OLD.replace("logicalType: string", "logicalType: texto"), encoding="utf-8")
    with pytest.raises(CheckFailed):
        read_versions(tmp_path / "old.odcs.yaml", tmp_path / "bad.odcs.yaml")


def test_the_notice_of_a_breaking_change_gives_time_and_names_it_in_both_languages(tmp_path: Path) -> None:
    diff = changed(
        tmp_path, ("name: unidades,", "name: pecas,"), (MONTH, MONTH + "      - {name: uf, logicalType: string}\n")
    )
    policy = NoticePolicy(breaking_days=45, overlap_days=15)
    notice = draft_notice(diff, title="Vendas", owner="dados@example.com", today=date(2026, 6, 1), policy=policy)
    assert (notice.effective_on, notice.old_until) == (date(2026, 7, 16), date(2026, 7, 31))
    pt, en = notice.say("pt"), notice.say("en")
    assert "da versão 1.4.2 para a 2.0.0" in pt
    assert "a coluna unidades é renomeada para pecas" in pt
    assert "a coluna uf é nova" in pt
    assert "16/07/2026" in pt
    assert "31/07/2026" in pt
    assert "column unidades is renamed to pecas" in en
    assert "2026-07-16" in en
    assert "dados@example.com" in en


def test_the_notice_of_an_addition_says_that_nothing_breaks(tmp_path: Path) -> None:
    diff = changed(tmp_path, (MONTH, MONTH + "      - {name: uf, logicalType: string}\n"))
    notice = draft_notice(diff, title="Vendas", owner="dados@example.com", today=date(2026, 6, 1))
    assert notice.effective_on == date(2026, 6, 8)
    assert notice.old_until is None
    assert "exige mudança" not in notice.text.pt
