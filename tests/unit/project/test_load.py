"""Whole projects read."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.core.errors import CheckFailed, Problem
from afluente.core.tables import TableName
from afluente.project.known import Known
from afluente.project.load import check_project, load_project
from afluente.project.model import Model
from afluente.project.secret_reference import SecretReference
from afluente.project.settings import SourceSettings
from afluente.project.yaml_cache import CACHE_FILE

Write = Callable[..., Path]


def test_a_project_is_read_whole(write: Write) -> None:
    root = write()

    project = load_project(root, environment={}, typed_in=root)

    assert (project.name, project.engine.memory_limit, project.engine.threads) == ("vendas", "2GB", 2)
    assert [source.name for source in project.sources] == ["clientes", "estados"]
    assert project.sources[1].options == {"password": SecretReference("env", "DB_PASSWORD")}
    assert project.schedules[0].tables == (TableName("gold", "vendas"),)
    clientes = project.contracts[0]
    assert (clientes.table, clientes.source) == (TableName("silver", "clientes"), TableName("bronze", "clientes"))
    assert clientes.keys == ("cliente_id",)
    assert clientes.column("cpf").format == "br.cpf"
    assert clientes.column("cpf").is_restricted
    assert clientes.column("atualizado_em").formats == ("dd/MM/yyyy HH:mm",)
    assert clientes.column("ativo").true_words == ("S", "sim")
    assert clientes.column("situacao").synonyms == {"A": "ativa"}
    assert [(r.columns, r.table, r.to_columns, r.max_percent) for r in clientes.references] == [
        (("uf",), TableName("silver", "estados"), ("uf",), None),
        (("uf",), TableName("silver", "estados"), ("uf",), 0.5),
    ]
    assert [rule.name for rule in clientes.row_rules] == ["preco_positivo"]
    assert [(rule.kind, rule.checks) for rule in clientes.quality] == [
        ("library", (("mustBe", 0),)),
        ("sql", (("mustBeGreaterThan", 0),)),
    ]
    model = project.models[0]
    assert (model.table, model.sql_line, model.partition_by) == (TableName("gold", "vendas"), 13, ("mes",))
    assert model.sql.startswith("SELECT uf")
    assert model.incremental is not None
    assert model.incremental.source_column == "mes"


def test_all_mistakes_of_all_files_come_at_once_in_order(write: Write, files: dict[str, str]) -> None:
    root = write(
        {
            "afluente.yaml": files["afluente.yaml"].replace("Sao_Paulo", "Lua").replace("0 6", "0 66"),
            "contracts/clientes.odcs.yaml": files["contracts/clientes.odcs.yaml"]
            .replace("br.cpf", "br.x", 1)
            .replace("pt-BR", "x"),
            "models/vendas.sql": files["models/vendas.sql"].replace("type: string", "type: texto"),
        }
    )

    with pytest.raises(CheckFailed) as failed:
        load_project(root, environment={}, typed_in=root, known=Known(formats=["br.cpf"]))

    assert [(one.place.file, one.place.line, one.code) for one in failed.value.problems] == [
        ("afluente.yaml", 2, "project.timezone"),
        ("afluente.yaml", 17, "project.cron"),
        ("contracts/clientes.odcs.yaml", 22, "project.unknown_format"),
        ("contracts/clientes.odcs.yaml", 35, "contract.locale"),
        ("models/vendas.sql", 4, "model.type"),
        ("models/vendas.sql", 5, "model.type"),
    ]
    assert failed.value.message == "the project has 6 mistakes"
    assert pickle.loads(pickle.dumps(failed.value)).problems == failed.value.problems


@pytest.mark.parametrize(
    ("written", "given_value", "expected"),
    [
        ("${env:DATA}/*.csv", "../dados", "{typed_in}/../dados/*.csv"),
        ("${env:DATA}/*.csv", "/abs", "/abs/*.csv"),
        ("${env:DATA}/*.csv", "s3://balde", "s3://balde/*.csv"),
        ("dados/${env:DATA}.csv", "x", "dados/x.csv"),
        ("dados/*.csv", "x", "dados/*.csv"),
    ],
)
def test_a_relative_path_from_a_variable_is_taken_from_where_the_command_was_typed(
    written: str, given_value: str, expected: str, write: Write, files: dict[str, str], tmp_path: Path
) -> None:
    root = write({"afluente.yaml": files["afluente.yaml"].replace("dados/clientes*.csv", written)})

    project = load_project(root, environment={"DATA": given_value}, typed_in=tmp_path / "em")

    assert project.sources[0].options["path"] == expected.format(typed_in=tmp_path / "em")


def test_the_environment_is_read_anew_though_the_file_is_cached(write: Write, files: dict[str, str]) -> None:
    root = write({"afluente.yaml": files["afluente.yaml"].replace("lake: lake", "lake: ${env:LAGO}")})

    lakes = [load_project(root, environment={"LAGO": name}, typed_in=root).lake.url for name in ("um", "dois")]

    assert lakes == ["um", "dois"]
    assert "dois" not in (root / CACHE_FILE).read_text()


def test_the_cache_changes_nothing_that_is_read(write: Write) -> None:
    root = write()

    cold = load_project(root, environment={}, typed_in=root)
    warm = load_project(root, environment={}, typed_in=root)

    assert (root / CACHE_FILE).is_file()
    assert cold == warm


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"stamp": 1}', b"\xff"])
def test_a_broken_cache_is_ignored_and_mended(content: bytes, write: Write) -> None:
    root = write()
    cold = load_project(root, environment={}, typed_in=root)
    (root / CACHE_FILE).write_bytes(content)

    assert load_project(root, environment={}, typed_in=root) == cold
    assert json.loads((root / CACHE_FILE).read_bytes())["trees"]


def test_a_cache_with_broken_trees_is_ignored(write: Write) -> None:
    root = write()
    cold = load_project(root, environment={}, typed_in=root)
    kept = json.loads((root / CACHE_FILE).read_bytes())
    kept["trees"] = {digest: ["x"] for digest in kept["trees"]}
    (root / CACHE_FILE).write_text(json.dumps(kept))

    assert load_project(root, environment={}, typed_in=root) == cold


def test_a_file_with_mistakes_is_told_every_time(write: Write, files: dict[str, str]) -> None:
    root = write({"contracts/estados.odcs.yaml": files["contracts/estados.odcs.yaml"].replace("status", "statuz")})

    first = check_project(root, environment={}, typed_in=root)
    second = check_project(root, environment={}, typed_in=root)

    assert [problem.code for problem in first] == ["contract.schema"]
    assert first == second


def test_a_project_in_a_folder_that_cannot_be_written_is_read(write: Write) -> None:
    root = write({".afluente": "a file where the cache's folder would be"})

    assert check_project(root, environment={}, typed_in=root) == []


def test_a_folder_without_a_project_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed) as failed:
        load_project(tmp_path, environment={}, typed_in=tmp_path)

    assert [problem.code for problem in failed.value.problems] == ["project.not_found"]


def test_a_file_whose_name_is_not_read_is_a_warning(write: Write) -> None:
    root = write({"contracts/novo.yaml": "a: 1"})

    problems = check_project(root, environment={}, typed_in=root)

    assert [(problem.code, problem.is_warning) for problem in problems] == [("project.not_read", True)]
    assert load_project(root, environment={}, typed_in=root).name == "vendas"


def test_models_are_checked_through_the_hook_against_the_tables_there_are(write: Write) -> None:
    root = write()
    seen: list[set[str]] = []

    def model_problems(models: Sequence[Model], tables: Collection[TableName]) -> list[Problem]:
        seen.append({str(table) for table in tables})
        return [Problem(model.place, "model.unknown_table", "no such table") for model in models]

    problems = check_project(root, environment={}, typed_in=root, known=Known(model_problems=model_problems))

    assert [(problem.code, problem.place.line) for problem in problems] == [("model.unknown_table", 13)]
    assert {"bronze.clientes", "silver.clientes", "quarantine.clientes", "repairs.estados"} <= seen[0]
    assert "gold.vendas" not in seen[0]


def test_a_table_whose_contract_cannot_be_read_is_not_missed_elsewhere(write: Write) -> None:
    root = write({"contracts/estados.odcs.yaml": "a: ["})

    def model_problems(models: Sequence[Model], tables: Collection[TableName]) -> list[Problem]:
        return [Problem(model.place, "model.unknown_table", "no such table") for model in models]

    problems = check_project(root, environment={}, typed_in=root, known=Known(model_problems=model_problems))

    assert [problem.code for problem in problems] == ["project.yaml_syntax"]


def test_options_are_checked_through_the_connectors_hook(write: Write) -> None:
    root = write()

    def check_source(source: SourceSettings) -> list[Problem]:
        return [Problem(source.place, "source.option", source.name)] if "password" in source.options else []

    problems = check_project(root, environment={}, typed_in=root, known=Known(check_source=check_source))

    assert [(problem.code, problem.message) for problem in problems] == [("source.option", "estados")]


def test_silver_tables_made_from_each_other_are_a_cycle(write: Write, files: dict[str, str]) -> None:
    root = write(
        {
            "contracts/clientes.odcs.yaml": files["contracts/clientes.odcs.yaml"].replace(
                "value: bronze.clientes", "value: silver.estados"
            ),
            "contracts/estados.odcs.yaml": files["contracts/estados.odcs.yaml"].replace(
                "value: bronze.estados", "value: silver.clientes"
            ),
        }
    )

    assert [one.code for one in check_project(root, environment={}, typed_in=root)] == ["project.cycle"]


def test_a_rule_of_an_added_kind_is_kept_for_its_room(write: Write, files: dict[str, str]) -> None:
    text = files["contracts/clientes.odcs.yaml"].replace(
        '{rule: expression, name: preco_positivo, sql: "preco > 0"}', "{rule: modulo_onze, columns: [cpf]}"
    )
    root = write({"contracts/clientes.odcs.yaml": text})

    project = load_project(root, environment={}, typed_in=root, known=Known(rules=["modulo_onze"]))

    assert project.contracts[0].quality[-1].implementation == {"rule": "modulo_onze", "columns": ["cpf"]}


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["silver.x", "secret:env:A", "${env:A}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "timezone",
                    "lake",
                    "state",
                    "engine",
                    "sources",
                    "schedules",
                    "spark",
                    "duckdb",
                    "connector",
                    "into",
                    "cron",
                    "run",
                    "path",
                    "url",
                    "schema",
                    "id",
                    "version",
                    "properties",
                    "quality",
                    "customProperties",
                    "property",
                    "value",
                    "type",
                    "metric",
                    "rule",
                    "arguments",
                    "implementation",
                    "relationships",
                    "to",
                    "from",
                    "logicalType",
                    "logicalTypeOptions",
                    "format",
                    "physicalName",
                    "columns",
                    "incremental",
                    "deduplicate",
                    "mustBe",
                    "mustBeBetween",
                    "enum",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(file=st.sampled_from(["afluente.yaml", "contracts/clientes.odcs.yaml", "models/vendas.sql"]), value=JUNK)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_yaml_gives_problems_and_never_another_exception(file: str, value: object, write: Write) -> None:
    text = json.dumps(value, allow_nan=False, default=str) if not _has_nan(value) else "a: .nan"
    root = write({file: f"/* ---\n{text}\n--- */ SELECT 1" if file.endswith("sql") else text})

    check_project(root, environment={"A": "x"}, typed_in=root, known=Known(formats=["br.cpf"]))


@given(
    at=st.integers(0, 10_000),
    value=st.sampled_from(["", "[]", "{}", "3", "'x'", "null", "[1, 2]", "{a: b}", "- x", "~", "true", "-1", ".nan"]),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_the_place_of_another_gives_problems_only(
    at: int, value: str, write: Write, files: dict[str, str]
) -> None:
    lines = [(name, number) for name in files for number, line in enumerate(files[name].split("\n")) if ": " in line]
    name, number = lines[at % len(lines)]
    text = files[name].split("\n")
    key, _, _ = text[number].partition(": ")
    text[number] = f"{key}: {value}"
    root = write({name: "\n".join(text)})

    check_project(root, environment={}, typed_in=root, known=Known(formats=["br.cpf"]))


def _has_nan(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_nan(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_nan(item) for item in value)
    return isinstance(value, float) and not math.isfinite(value)


def test_a_variable_that_is_not_set_may_have_a_text_in_its_place(write: Write, files: dict[str, str]) -> None:
    root = write({"afluente.yaml": files["afluente.yaml"].replace("lake: lake", "lake: ${env:LAGO:-lago}/um")})

    lakes = [load_project(root, environment=given, typed_in=root).lake.url for given in ({}, {"LAGO": "dois"})]

    assert lakes == ["lago/um", "dois/um"]
