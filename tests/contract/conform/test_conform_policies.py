"""What a contract asks of a row is done alike on every engine: policies, references, rules, repairs, odd names."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from afluente.core.errors import DataRefused, ProjectError
from afluente.core.tables import TableName
from afluente.engines.engine import Engine
from afluente.project.contract import Bounds, Reference, RowRule
from tests.unit.conform.workbench import PLACE, bronze, bronze_of, column, conform, contract

GOOD, BAD = "39053344705", "39053344700"


def test_an_invalid_value_is_quarantined_emptied_kept_or_drops_the_row(engine: Engine, tmp_path: Path) -> None:
    for policy, silver, quarantined, dropped in (
        ("quarantine", [GOOD, None], 1, 0),
        ("set_null", [GOOD, None, None], 0, 0),
        ("keep", [BAD, GOOD, None], 0, 0),
        ("drop", [GOOD, None], 0, 1),
    ):
        done = conform(
            engine, contract(column("v", "br.cpf", on_invalid=policy)), bronze(v=[GOOD, BAD, None]), tmp_path
        )
        report = done.conformed.report
        assert sorted((r["v"] for r in done.silver), key=lambda v: (v is None, v or "")) == silver, policy
        assert (report.quarantined, report.dropped) == (quarantined, dropped)
        assert report.accepted + report.quarantined + report.dropped == report.rows_in == 3


def test_a_type_that_cannot_hold_an_invalid_value_cannot_keep_it(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot hold") as caught:
        conform(engine, contract(column("v", None, "date", on_invalid="keep")), bronze(v=["x"]), tmp_path)
    assert caught.value.code == "contract.keep_impossible"


def test_a_missing_value_is_kept_quarantined_defaulted_or_drops_the_row(engine: Engine, tmp_path: Path) -> None:
    texts = ["5", "", None, "Sigiloso", " N/A "]
    for policy, silver, counts in (
        ({}, [5, None, None, None, None], (0, 0)),
        ({"on_missing": "set_null"}, [5, None, None, None, None], (0, 0)),
        ({"required": True}, [5], (4, 0)),
        ({"on_missing": "quarantine"}, [5], (4, 0)),
        ({"on_missing": "drop"}, [5], (0, 4)),
        ({"on_missing": "default", "default": 7}, [5, 7, 7, 7, 7], (0, 0)),
    ):
        asked = column("v", "integer", "integer", missing_tokens=("Sigiloso", "N/A"), **policy)
        done = conform(engine, contract(asked), bronze(v=texts), tmp_path)
        assert sorted((r["v"] for r in done.silver), key=lambda v: (v is None, v or 0)) == silver, policy
        assert (done.conformed.report.quarantined, done.conformed.report.dropped) == counts
        if counts[0]:
            failures = [r["failures"][0] for r in done.quarantine]
            assert {(f["rule"], f["reason"], f["reason_en"]) for f in failures} == {
                ("missing", "valor ausente", "the value is missing")
            }


@pytest.mark.parametrize(
    ("kind", "options", "default", "stored"),
    [
        ("string", {}, "it's {x}", "it's {x}"),
        ("date", {}, "2024-01-31", date(2024, 1, 31)),
        ("timestamp", {}, "2024-01-31 00:00:00Z", datetime(2024, 1, 31, tzinfo=UTC)),
        ("boolean", {}, True, True),
        ("boolean", {}, False, False),
        ("number", {"physical_type": "decimal(9,2)"}, 1.25, Decimal("1.25")),
        ("number", {}, -2, -2.0),
    ],
)
def test_a_default_is_of_the_columns_type(
    engine: Engine, tmp_path: Path, kind: str, options: dict[str, str], default: object, stored: object
) -> None:
    asked = column("v", None, kind, on_missing="default", default=default, **options)
    done = conform(engine, contract(asked), bronze(v=[None]), tmp_path)
    assert done.silver[0]["v"] == stored
    assert done.counts() == {("missing.default", "v", "repair"): 1}


def test_emptying_an_invalid_value_does_not_let_a_required_column_be_null(engine: Engine, tmp_path: Path) -> None:
    required = contract(column("v", "br.cpf", required=True, on_invalid="set_null"))
    done = conform(engine, required, bronze(v=[GOOD, BAD, None]), tmp_path)
    assert [r["v"] for r in done.silver] == [GOOD]
    assert {(r["v"], r["failures"][0]["reason"]) for r in done.quarantine} == {
        (BAD, "valor inválido numa coluna obrigatória"),
        (None, "valor ausente"),
    }
    asked = column(
        "v", None, "integer", on_invalid="set_null", on_missing="default", default=0, bounds=Bounds(maximum=9)
    )
    done = conform(engine, contract(asked), bronze(v=["5", "x", "10", None]), tmp_path)
    assert sorted(r["v"] for r in done.silver) == [0, 0, 0, 5]


def test_limits_are_checked_on_the_conformed_value(engine: Engine, tmp_path: Path) -> None:
    asked = contract(
        column("i", None, "integer", bounds=Bounds(minimum=1, exclusive_maximum=10, multiple_of=2)),
        column("n", None, "number", bounds=Bounds(exclusive_minimum=0, multiple_of=0.1)),
        column("d", None, "date", bounds=Bounds(minimum="2000-01-01", maximum="2030-12-31")),
        column("t", "text", bounds=Bounds(min_length=2, max_length=3)),
        column("p", "text", pattern="[a-z]+"),
        column("m", "money", "number", bounds=Bounds(maximum=10.5, multiple_of=0.25), physical_type="decimal(9,2)"),
    )
    rows = {
        "i": ["2", "0", "10", "3", None],
        "n": ["0.3", "0", "-1", "0.25", None],
        "d": ["2024-01-01", "1999-12-31", "2031-01-01", "2000-01-01", None],
        "t": [" ab ", "a", "abcd", "açã", None],
        "p": ["abc", "ABC", "a1", "é", None],
        "m": ["10.50", "10.75", "0.30", "0.25", None],
    }
    done = conform(engine, asked, bronze_of(rows), tmp_path)
    assert done.reasons() == {
        2: [
            ("minimum", "i"),
            ("exclusiveMinimum", "n"),
            ("minimum", "d"),
            ("minLength", "t"),
            ("pattern", "p"),
            ("maximum", "m"),
        ],
        3: [
            ("exclusiveMaximum", "i"),
            ("exclusiveMinimum", "n"),
            ("maximum", "d"),
            ("maxLength", "t"),
            ("pattern", "p"),
            ("multipleOf", "m"),
        ],
        4: [("multipleOf", "i"), ("multipleOf", "n"), ("pattern", "p")],
    }
    assert len(done.silver) == 2
    first = next(r for r in done.quarantine if r["_source_row"] == 2)["failures"][0]
    assert first == {
        "rule": "minimum", "column": "i", "value": "0", "reason": "menor que 1", "reason_en": "less than 1"
    }  # fmt: skip


def test_a_reference_that_does_not_exist_is_told_and_a_null_one_passes(engine: Engine, tmp_path: Path) -> None:
    engine.register_arrow("silver__estados", pa.table({"sigla": ["SP", "RJ", "SP", None]}))
    for policy, quarantined in (("quarantine", 1), ("keep", 0)):
        reference = Reference(("uf",), TableName("silver", "estados"), ("sigla",), PLACE, on_invalid=policy)  # type: ignore[arg-type]
        asked = contract(column("uf", "text"), references=(reference,))
        done = conform(engine, asked, bronze(uf=["SP", "XX", None]), tmp_path)
        assert done.conformed.report.quarantined == quarantined
        assert len(done.silver) == 3 - quarantined
        assert sum(n for (rule, _, _), n in done.counts().items() if rule == "references") == 1
        for row in done.quarantine:
            assert row["failures"] == [
                {
                    "rule": "references",
                    "column": "uf",
                    "value": "XX",
                    "reason": "não existe em silver.estados",
                    "reason_en": "does not exist in silver.estados",
                }
            ]
    engine.drop("silver__estados")


def test_a_reference_that_is_emptied_is_no_failure(engine: Engine, tmp_path: Path) -> None:
    engine.register_arrow("silver__estados", pa.table({"sigla": ["SP"]}))
    reference = Reference(("uf",), TableName("silver", "estados"), ("sigla",), PLACE)
    asked = contract(column("uf", "br.uf", on_invalid="set_null"), references=(reference,))
    done = conform(engine, asked, bronze(uf=["SP", "??"]), tmp_path)
    assert sorted(str(r["uf"]) for r in done.silver) == ["None", "SP"]
    engine.drop("silver__estados")


def test_a_rule_over_the_row_refuses_what_makes_it_false_and_passes_null(engine: Engine, tmp_path: Path) -> None:
    rule = RowRule(
        "fim_depois", "fim >= inicio", PLACE, ("fim", "inicio"), "fim antes do início", "ends before it starts"
    )
    asked = contract(column("inicio", None, "date"), column("fim", None, "date"), row_rules=(rule,))
    done = conform(
        engine,
        asked,
        bronze(inicio=["2024-01-01", "2024-01-02", "2024-01-01"], fim=["2024-01-01", "2024-01-01", None]),
        tmp_path,
    )
    assert len(done.silver) == 2
    assert [r["failures"] for r in done.quarantine] == [
        [
            {
                "rule": "fim_depois",
                "column": "fim, inicio",
                "value": None,
                "reason": "fim antes do início",
                "reason_en": "ends before it starts",
            }
        ]
    ]


def test_a_column_is_computed_from_the_bronze_columns_then_read_as_its_type(engine: Engine, tmp_path: Path) -> None:
    asked = contract(
        column("cpf", "br.cpf", expression="concat(base, '-', dv)"),
        column("total", None, "integer", expression="length(base) + 1"),
    )
    done = conform(engine, asked, bronze(base=["390533447", "390533447"], dv=["05", "06"]), tmp_path)
    assert done.silver == [{"cpf": GOOD, "total": 10}]
    assert done.quarantine[0]["failures"][0]["value"] == "390533447-06"


def test_more_findings_than_one_mask_holds_are_all_told(engine: Engine, tmp_path: Path) -> None:
    count = 150
    asked = contract(*(column(f"c{i}", None, "integer", required=True, bounds=Bounds(maximum=5)) for i in range(count)))
    rows = bronze_of({f"c{i}": ["1", "9", "x", None] for i in range(count)})
    done = conform(engine, asked, rows, tmp_path)
    found = done.reasons()
    assert {row: len(failures) for row, failures in found.items()} == {2: count, 3: count, 4: count}
    assert {rule for rule, _ in found[2]} == {"maximum"}
    assert len(done.silver) == 1


def test_three_hundred_columns_are_conformed(engine: Engine, tmp_path: Path) -> None:
    asked = contract(*(column(f"c{i}", "text" if i % 2 else "br.cep") for i in range(300)))
    done = conform(engine, asked, bronze_of({f"c{i}": ["01001-000"] for i in range(300)}), tmp_path)
    assert done.silver[0]["c0"] == "01001000"
    assert done.silver[0]["c299"] == "01001-000"


def test_typed_columns_keep_their_values_and_lose_nothing_in_silence(engine: Engine, tmp_path: Path) -> None:
    arrays = {
        "whole": pa.array([1, 2**40], pa.int64()),
        "fits": pa.array([1.0, 1.5], pa.float64()),
        "price": pa.array([Decimal("1.5000"), Decimal("1.2345")], pa.decimal128(18, 4)),
        "cost": pa.array([0.1, 0.125], pa.float64()),
        "day": pa.array([date(2024, 1, 1), None], pa.date32()),
        "at": pa.array([datetime(2024, 1, 1, 12, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
        "local": pa.array([datetime(2024, 1, 1, 12), None], pa.timestamp("us")),  # noqa: DTZ001 - a clock without a zone
        "flag": pa.array([True, None], pa.bool_()),
        "cpf": pa.array([39053344705.0, None], pa.float64()),
        "cep": pa.array([1001000, None], pa.int64()),
        "share": pa.array([Decimal("-0.05"), None], pa.decimal128(2, 2)),
        "yes": pa.array([1, 0], pa.int8()),
    }
    asked = contract(
        column("whole", None, "integer", physical_type="int"),
        column("fits", None, "integer"),
        column("price", "money", "number", physical_type="decimal(9,2)"),
        column("cost", "money", "number", physical_type="decimal(9,2)", locale="pt-BR"),
        column("day", None, "date", formats=("dd/MM/yyyy",)),
        column("at", None, "timestamp", formats=("dd/MM/yyyy",)),
        column("local", None, "timestamp"),
        column("flag", None, "boolean"),
        column("cpf", "br.cpf"),
        column("cep", "br.cep"),
        column("share", "text"),
        column("yes", None, "boolean"),
    )
    done = conform(engine, asked, bronze_of(arrays), tmp_path)
    assert done.silver == [
        {
            "whole": 1,
            "fits": 1,
            "price": Decimal("1.50"),
            "cost": Decimal("0.10"),
            "day": date(2024, 1, 1),
            "at": datetime(2024, 1, 1, 12, tzinfo=UTC),
            "local": datetime(2024, 1, 1, 15, tzinfo=UTC),
            "flag": True,
            "cpf": GOOD,
            "cep": "01001000",
            "share": "-0.05",
            "yes": True,
        }
    ]
    assert done.reasons() == {2: [("integer", "whole"), ("integer", "fits"), ("money", "price"), ("money", "cost")]}
    assert done.quarantine[0]["whole"] == str(2**40)


def test_silver_is_partitioned_by_its_columns(engine: Engine, tmp_path: Path) -> None:
    asked = contract(column("uf", "br.uf", partition_position=1), column("n", None, "integer"))
    done = conform(engine, asked, bronze(uf=["SP", "RJ", "SP", None], n=["1", "2", "3", "4"]), tmp_path)
    assert sorted((str(r["uf"]), r["n"]) for r in done.silver) == [("None", 4), ("RJ", 2), ("SP", 1), ("SP", 3)]
    assert {f.partition_values["uf"] for f in done.conformed.silver} == {"SP", "RJ", None}


def test_repairs_are_counted_and_logged_and_those_of_rejected_rows_are_not_shown(
    engine: Engine, tmp_path: Path
) -> None:
    asked = contract(
        column("cep", "br.cep"),
        column("cpf", "br.cpf", classification="direct_identifier"),
        column("n", None, "integer"),
        repairs="log",
    )
    rows = bronze(cep=["1001000", "1001000", "01001000"], cpf=["191000000", GOOD, GOOD], n=["1", "x", "12.0"])
    done = conform(engine, asked, rows, tmp_path)
    logged = {(r["_source_row"], r["rule"], r["column"], r["before"], r["after"]) for r in done.repairs}
    assert logged == {
        (1, "br.cep.leading_zero", "cep", "1001000", "01001000"),
        (1, "br.cpf.leading_zeros", "cpf", "191000000", "00191000000"),
        (3, "integer.decimal_zero", "n", "12.0", "12"),
    }
    samples = {c.rule: c.samples for c in done.conformed.report.counts if c.effect == "repair"}
    assert [(s.source_row, s.before, s.after) for s in samples["br.cep.leading_zero"]] == [(1, "1001000", "01001000")]
    assert [(s.source_row, s.before, s.after) for s in samples["br.cpf.leading_zeros"]] == [(1, None, None)]


ODD_NAMES = (
    "s", "x", "c", "e", "r", "l", "b", "lookup", "code", "place", "content", "n", "rule", "column", "value", "r_0",
    "r_1", "_0_plain", "_0_value", "v_s", "v_id", "b_s", "k_0", "_ref_0", "_rule_0", "_found0", "ref0", "conformed",
    "ranked", "is_conflict", "select", "from", "order", "ação", "com espaço", "MAIÚSCULA", "100%", "a-b", "é$", "?",
)  # fmt: skip


def test_columns_may_bear_any_name_even_those_of_our_own(engine: Engine, tmp_path: Path) -> None:
    rule = RowRule("r", "n <> 'never'", PLACE, ("n",))
    columns = [column(name, "br.cpf" if i % 3 == 0 else "text") for i, name in enumerate(ODD_NAMES)]
    rows = bronze_of({name: [GOOD, BAD] for name in ODD_NAMES})
    done = conform(engine, contract(*columns, row_rules=(rule,), repairs="log"), rows, tmp_path)
    assert done.silver == [dict.fromkeys(ODD_NAMES, GOOD)]
    assert [name for _, name in done.reasons()[2]] == list(ODD_NAMES[::3])
    assert {name: done.quarantine[0][name] for name in ODD_NAMES} == dict.fromkeys(ODD_NAMES, BAD)


@pytest.mark.parametrize("name", ['as"pas', "cha{ves}", "`crase`", "apóstrofo's", "semi;colon", "  dois  espaços  "])
def test_a_bronze_column_may_bear_a_name_no_contract_allows(duckdb_engine: Engine, tmp_path: Path, name: str) -> None:
    asked = contract(column("v", "br.cpf", source=name), repairs="log")
    done = conform(duckdb_engine, asked, bronze_of({name: [GOOD, BAD, "191000000"]}), tmp_path)
    assert sorted(r["v"] for r in done.silver) == ["00191000000", GOOD]
    assert done.quarantine[0][name] == BAD
    assert [r["before"] for r in done.repairs] == ["191000000"]


def test_an_empty_bronze_gives_an_empty_silver_and_no_files(engine: Engine, tmp_path: Path) -> None:
    asked = contract(column("v", "br.cpf"))
    table = bronze(v=[])
    for tables in ([], [table]):
        done = conform(engine, asked, tables, tmp_path, schema=table.schema)
        assert done.conformed.silver == done.conformed.quarantine == ()
        assert done.conformed.report.rows_in == 0


def test_a_contract_column_the_data_lacks_is_refused_with_the_nearest_name(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="'cfp'") as caught:
        conform(engine, contract(column("cfp", "br.cpf")), bronze(cpf=[GOOD]), tmp_path)
    assert caught.value.code == "contract.column_absent"
    assert caught.value.hint == "did you mean 'cpf'?"


def test_a_bronze_column_named_like_one_of_the_quarantines_keeps_its_value(engine: Engine, tmp_path: Path) -> None:
    asked = contract(column("v", "br.cpf"), column("failures", "text"))
    done = conform(engine, asked, bronze(v=[GOOD, BAD], failures=["a", "b"]), tmp_path)
    assert [r["failures"] for r in done.silver] == ["a"]
    assert done.quarantine[0]["failures_"] == "b"
    assert done.quarantine[0]["failures"][0]["rule"] == "br.cpf"
