"""ODCS quality rules on both engines, against a model in plain Python."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.conform.quality import Outcome, evaluate
from afluente.core.clock import SetClock
from afluente.core.errors import ModelError, Place
from afluente.core.tables import TableName
from afluente.engines.engine import Engine
from afluente.project.contract import Bounds, Column, Contract, Operator, QualityRule, Threshold

PLACE = Place("contracts/clientes.odcs.yaml", 3)
COLUMNS = (
    Column("cpf", "string", "cpf", PLACE, format="br.cpf", classification="direct_identifier"),
    Column("uf", "string", "uf", PLACE),
    Column("idade", "integer", "idade", PLACE, bounds=Bounds(minimum=0, maximum=120)),
    Column("email", "string", "email", PLACE, pattern="[a-z]+@[a-z.]+", bounds=Bounds(max_length=10)),
    Column("livre", "string", "livre", PLACE),
    Column("porte", "string", "porte", PLACE, values=("P", "M", "G")),
    Column("momento", "timestamp", "momento", PLACE),
)
CONTRACT = Contract("vendas.clientes", "1.0.0", TableName("silver", "clientes"), COLUMNS, PLACE, "0" * 64)
SCHEMA = pa.schema(
    [
        ("cpf", pa.string()),
        ("uf", pa.string()),
        ("idade", pa.int64()),
        ("email", pa.string()),
        ("livre", pa.string()),
        ("porte", pa.string()),
        ("valor", pa.decimal128(10, 2)),
        ("dia", pa.date32()),
        ("ativo", pa.bool_()),
        ("momento", pa.timestamp("us", tz="UTC")),
    ]
)
ROWS: list[dict[str, object]] = [
    {"cpf": "52998224725", "uf": "SP", "idade": 30, "email": "a@b.c", "porte": "P", "valor": Decimal("1.50")},
    {"cpf": "52998224725", "uf": "SP", "idade": 130, "email": "A@b.c", "porte": "X", "valor": Decimal("2.00")},
    {"cpf": "11111111111", "uf": "XX", "idade": -1, "email": "abcdefg@b.c", "porte": None, "livre": "n/a"},
    {"cpf": None, "uf": "", "idade": 0, "email": None, "livre": "  ", "dia": date(2024, 2, 29), "ativo": True},
]
NOW = datetime(2024, 5, 2, tzinfo=UTC)


def library(metric: str, column: str | None = None, **options: object) -> QualityRule:
    checks: tuple[tuple[Operator, Threshold], ...] = options.pop("checks", (("mustBe", 0),))  # type: ignore[assignment]
    unit = options.pop("unit", "rows")
    return QualityRule(
        name=metric,
        kind="library",
        place=PLACE,
        column=column,
        metric=metric,
        unit=unit,
        checks=checks,
        arguments=options,  # type: ignore[arg-type]
    )


def custom(engine: str = "afluente", **implementation: object) -> QualityRule:
    return QualityRule(name="c", kind="custom", place=PLACE, engine=engine, implementation=implementation)


def sql(query: str, column: str | None = None, check: tuple[Operator, Threshold] = ("mustBe", 0)) -> QualityRule:
    return QualityRule(name="q", kind="sql", place=PLACE, query=query, column=column, checks=(check,))


def outcomes(
    engine: Engine, rules: Sequence[QualityRule], rows: Sequence[Mapping[str, object]] = ROWS
) -> list[Outcome]:
    engine.register_arrow("silver__clientes", pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA))
    return evaluate(
        rules,
        CONTRACT,
        "silver__clientes",
        engine,
        translate=lambda text: text.replace("`", '"'),
        clock=SetClock(NOW),
        timezone="America/Sao_Paulo",
    )


def one(engine: Engine, rule: QualityRule, rows: Sequence[Mapping[str, object]] = ROWS) -> Outcome:
    (outcome,) = outcomes(engine, [rule], rows)
    return outcome


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        (library("rowCount"), 4),
        (library("nullValues", "cpf"), 1),
        (library("missingValues", "uf"), 1),
        (library("missingValues", "livre"), 3),
        (library("missingValues", "livre", missingValues=[None, "", "n/a"]), 3),
        (library("missingValues", "idade", missingValues=["", -1, 0]), 2),
        (library("invalidValues", "uf", validValues=["SP", "RJ"]), 2),
        (library("invalidValues", "valor", validValues=[1.5]), 1),
        (library("invalidValues", "idade", validValues=["30", 130]), 2),
        (library("invalidValues", "dia", validValues=["2024-02-28"]), 1),
        (library("invalidValues", "ativo", validValues=[False]), 1),
        (library("invalidValues", "email", pattern="[a-z]@b\\.c"), 2),
        (library("invalidValues", "uf", minLength=1, maxLength=2), 1),
        (library("invalidValues", "idade", minimum=0, exclusiveMaximum=130), 2),
        (library("invalidValues", "cpf"), 1),
        (library("invalidValues", "idade"), 2),
        (library("invalidValues", "email"), 2),
        (library("invalidValues", "porte"), 1),
        (library("invalidValues", "momento"), 0),
        (library("duplicateValues", "uf"), 2),
        (library("duplicateValues", properties=["cpf", "uf"]), 2),
        (library("duplicateValues", properties=["cpf", "idade"]), 0),
    ],
)
def test_a_library_metric_counts_rows(engine: Engine, rule: QualityRule, rows: int) -> None:
    outcome = one(engine, rule)
    assert outcome.values.get("rows") == rows, outcome.text
    assert outcome.status == ("passed" if rows == 0 else "failed")
    assert outcome.rows_total == 4


def test_duplicates_tell_rows_involved_and_distinct_values(engine: Engine) -> None:
    rows = [{"idade": value} for value in (1, 1, 2, 2, 2, 3, None, None)]
    outcome = one(engine, library("duplicateValues", "idade", checks=(("mustBe", 5),)), rows)
    assert (outcome.values["rows"], outcome.values["distinct"], outcome.status) == (5, 2, "passed")
    assert outcome.compared == "rows"


def test_every_rule_is_reported_even_with_the_same_metric_on_the_same_column(engine: Engine) -> None:
    rules = [
        library("nullValues", "cpf", checks=(("mustBeLessThan", 10),)),
        library("nullValues", "cpf", checks=(("mustBe", 0),)),
        library("nullValues", "cpf", unit="percent", checks=(("mustBeLessOrEqualTo", 25),)),
        library("invalidValues", "cpf"),
        library("invalidValues", "cpf", pattern="[0-9]{11}"),
    ]
    found = outcomes(engine, rules)
    assert [outcome.rule for outcome in found] == rules
    assert [outcome.status for outcome in found] == ["passed", "failed", "passed", "failed", "passed"]


@pytest.mark.parametrize(
    "rule",
    [
        library("nullValues", "nao_existe"),
        library("nullValues"),
        library("rowCount", unit="percent"),
        library("freshnessValues", "cpf"),
        library("nullValues", "cpf", checks=()),
        library("nullValues", "cpf", checks=(("mustBe", "zero"),)),
        library("nullValues", "cpf", checks=(("mustBeBetween", 3),)),
        library("invalidValues", "livre"),
        library("invalidValues", "livre", validValue=["x"]),
        library("invalidValues", "idade", validValues=["trinta"]),
        library("invalidValues", "idade", pattern="[0-9]+"),
        library("invalidValues", "livre", pattern="("),
        library("missingValues", "livre", missingValues="n/a"),
        library("duplicateValues"),
        custom("soda", type="missing_count"),
        custom("greatExpectations", expectation="x"),
        custom(rule="nao_existe"),
        custom(rule="references", columns=["uf"], table="silver.nenhuma"),
        custom(rule="expression", expression="idade >= 0", limit=3),
        sql("SELECT uf FROM {object}"),
        sql("SELECT count(*), 1 FROM {object}"),
        sql("SELECT max(uf) FROM {object}"),
        sql("SELECT max(idade) FROM {object} WHERE false"),
        sql("SELECT count(*) FROM nenhuma"),
        sql("SELECT count({property}) FROM {object}"),
        sql("DROP TABLE silver__clientes"),
    ],
)
def test_a_rule_that_cannot_be_executed_is_an_error_and_spoils_no_other(engine: Engine, rule: QualityRule) -> None:
    before, outcome, after = outcomes(
        engine, [library("nullValues", "cpf"), rule, library("invalidValues", "uf", pattern="[A-Z]{2}")]
    )
    assert outcome.status == "error", outcome.text
    assert outcome.rule.severity == "error"
    assert outcome.text
    assert outcome.message.en != ""
    assert (before.values["rows"], after.values["rows"]) == (1, 1)


@pytest.mark.parametrize(
    ("rule", "value", "status"),
    [
        (sql("SELECT count(*) FROM {object} WHERE {property} IS NULL", "cpf", ("mustBe", 1)), 1, "passed"),
        (sql("SELECT COUNT(*) FROM ${table} WHERE ${column} > 100;", "idade"), 1, "failed"),
        (sql("SELECT avg(idade) FROM ${object}", None, ("mustBeBetween", (39.75, 40))), 39.75, "passed"),
        (sql("SELECT sum(valor) FROM {object}", None, ("mustBeGreaterThan", 3.5)), 3.5, "failed"),
    ],
)
def test_a_query_gives_one_number(engine: Engine, rule: QualityRule, value: float, status: str) -> None:
    outcome = one(engine, rule)
    assert (outcome.values.get("value"), outcome.status) == (value, status), outcome.text


def test_references_allow_a_share_of_rows(engine: Engine) -> None:
    engine.register_arrow("silver__estados", pa.table({"sigla": ["SP", "RJ", "SP"]}))
    rules = [
        custom(rule="references", columns=["uf"], toColumns=["sigla"], table="silver.estados"),
        custom(rule="references", columns=["uf"], toColumns=["sigla"], table="silver.estados", maxPercent=50),
        custom(rule="references", columns=["uf"], toColumns=["sigla"], table="silver.estados", maxPercent=49.9),
        custom(rule="references", columns=["uf"], toColumns=["sigla"], table="silver.estados", maxRows=2),
    ]
    found = outcomes(engine, rules)
    assert [outcome.status for outcome in found] == ["failed", "passed", "failed", "passed"]
    assert {outcome.values["rows"] for outcome in found} == {2}


def test_an_expression_and_freshness_are_measured(engine: Engine) -> None:
    rows = [*ROWS, {"momento": datetime(2024, 5, 1, 12, tzinfo=UTC), "dia": date(2024, 5, 1)}]
    found = outcomes(
        engine,
        [
            custom(rule="expression", expression="idade >= 0"),
            custom(rule="expression", expression="idade >= 0", maxPercent=20),
            custom(rule="freshness", column="momento", maxHours=12),
            custom(rule="freshness", column="momento", maxHours=11.5),
            custom(rule="freshness", column="dia", maxHours=24),
        ],
        rows,
    )
    assert [outcome.status for outcome in found] == ["failed", "passed", "passed", "failed", "passed"]
    assert [outcome.values.get("hours") for outcome in found[2:]] == [12, 12, 24]


def test_a_translation_that_is_refused_is_an_error(engine: Engine) -> None:
    def refuse(text: str) -> str:
        raise ModelError("model.function_refused", f"not allowed: {len(text)}")

    engine.register_arrow("silver__clientes", pa.Table.from_pylist(ROWS, schema=SCHEMA))
    (outcome,) = evaluate([sql("SELECT 0")], CONTRACT, "silver__clientes", engine, translate=refuse)
    assert outcome.status == ("error" if engine.describe().dialect == "duckdb" else "passed")


def test_a_percentage_of_no_rows_is_zero(engine: Engine) -> None:
    rules = [
        library("nullValues", "cpf", unit="percent", checks=(("mustBe", 0),)),
        library("duplicateValues", "cpf", unit="percent"),
        library("rowCount", checks=(("mustBeGreaterThan", 0),)),
    ]
    assert [outcome.status for outcome in outcomes(engine, rules, [])] == ["passed", "passed", "failed"]


def test_no_outcome_shows_a_value(engine: Engine) -> None:
    rules = [
        library("invalidValues", "cpf"),
        library("duplicateValues", "cpf"),
        sql("SELECT CAST(cpf AS INT) FROM {object} LIMIT 1"),
        custom(rule="expression", expression="CAST(livre AS INT) > 0"),
    ]
    shown = repr(outcomes(engine, rules))
    assert not any(secret in shown for secret in ("52998224725", "11111111111", "n/a"))


VALUES = st.one_of(st.none(), st.sampled_from(["", " ", "SP", "RJ", "n/a", "ç", "sp", "A1"]))
OPERATORS: dict[Operator, object] = {
    "mustBe": lambda v, t: v == t,
    "mustNotBe": lambda v, t: v != t,
    "mustBeGreaterThan": lambda v, t: v > t,
    "mustBeGreaterOrEqualTo": lambda v, t: v >= t,
    "mustBeLessThan": lambda v, t: v < t,
    "mustBeLessOrEqualTo": lambda v, t: v <= t,
    "mustBeBetween": lambda v, t: t[0] <= v <= t[1],
    "mustNotBeBetween": lambda v, t: not t[0] <= v <= t[1],
}
NUMBERS = st.one_of(st.integers(0, 8), st.sampled_from([12.5, 20, 25, 33.3, 50, 66.7, 100]))


def expected_rows(metric: str, arguments: Mapping[str, list[str]], values: Sequence[str | None]) -> int:
    present = [value for value in values if value is not None]
    match metric:
        case "rowCount":
            return len(values)
        case "nullValues":
            return len(values) - len(present)
        case "missingValues":
            listed = arguments.get("missingValues")
            is_missing = [value in listed if listed is not None else not value.strip(" ") for value in present]
            return len(values) - len(present) + sum(is_missing)
        case "invalidValues" if "pattern" in arguments:
            return sum(not re.fullmatch(str(arguments["pattern"]), value) for value in present)
        case "invalidValues":
            return sum(value not in arguments["validValues"] for value in present)
        case _:
            return sum(count for count in Counter(present).values() if count > 1)


METRICS = st.sampled_from(
    [
        ("rowCount", {}),
        ("nullValues", {}),
        ("missingValues", {}),
        ("missingValues", {"missingValues": [None, "", "n/a"]}),
        ("invalidValues", {"validValues": ["SP", "RJ", "ç"]}),
        ("invalidValues", {"pattern": "[A-Z]{2}"}),
        ("duplicateValues", {}),
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(VALUES, max_size=8),
    drawn=st.lists(
        st.tuples(METRICS, st.sampled_from(list(OPERATORS)), NUMBERS, NUMBERS, st.sampled_from(["rows", "percent"])),
        min_size=1,
        max_size=6,
    ),
)
def test_every_metric_operator_and_unit_agrees_with_plain_python(
    engine: Engine,
    values: list[str | None],
    drawn: list[tuple[tuple[str, dict[str, list[str]]], Operator, float, float, str]],
) -> None:
    rules, expected = [], []
    for (metric, arguments), operator, first, second, drawn_unit in drawn:
        unit = "rows" if metric == "rowCount" else drawn_unit
        is_pair = operator.endswith("Between")
        threshold: Threshold = (min(first, second), max(first, second)) if is_pair else first
        column = None if metric == "rowCount" else "uf"
        rules.append(library(metric, column, unit=unit, checks=((operator, threshold),), **arguments))
        rows = expected_rows(metric, arguments, values)
        share = Fraction(100 * rows, len(values)) if values else Fraction(0)
        measured = share if unit == "percent" else Fraction(rows)
        exact = tuple(Fraction(str(bound)) for bound in (threshold if isinstance(threshold, tuple) else (threshold,)))
        holds = OPERATORS[operator](measured, exact if is_pair else exact[0])  # type: ignore[operator]
        expected.append((rows, "passed" if holds else "failed"))
    found = outcomes(engine, rules, [{"uf": value} for value in values])
    assert [(outcome.values.get("rows"), outcome.status) for outcome in found] == expected
