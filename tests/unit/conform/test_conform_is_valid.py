"""`is_valid`: the verdict of the full cleaning, on any kind of column, settled by a glance where a glance can."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import fields

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.conform import is_valid
from afluente.conform.glance.answer import NO, UNSURE, YES
from afluente.conform.glance.block import BLOCK_ROWS
from afluente.conform.glance.look import GLANCES, look
from afluente.conform.registry import type_of
from afluente.core.errors import ProjectError, UsageError
from afluente.engines.engine import Engine
from afluente.project.contract import Column
from tests.contract.conform.answer import INVALID, MISSING
from tests.contract.conform.vectors import answers
from tests.unit.conform.workbench import column, read

TEXTS = ["390.533.447-05", "191000000", "111.111.111-11", None, "", " 39053344705 ", "390 533 447 05", "CPF"]
VERDICTS = [True, True, False, False, False, True, True, False]
VALID = {
    "br.cpf": ["39053344705", "390.533.447-05", "191000000", "11144477735", "529.982.247-25", "00000000191"],
    "br.cnpj": [
        "12ABC34501DE35",
        "12.abc.345/01DE-35",
        "00000000000191",
        "112233000186",
        "1122233000120",
        "11.222.333/0001-81",
        "16727230000197",
        "AAAAAAAAAAAA45",
        "IIIIOOOO000157",
    ],
    "br.cns": ["898000000043208", "898 0000 0004 3208", "726772993432801", "100000000060018", "200000000000003"],
    "br.cep": ["01001-000", "01001000", "1001-000", "1001000", "01.001-000", "78899999", "79000-000"],
    "br.phone": [
        "(11) 98765-4321",
        "+55 (11) 98765-4321",
        "11987654321",
        "(11) 3456-7890",
        "+5511987654321",
        "5511987654321",
        "551134567890",
        "011 98765-4321",
    ],
    "email": ["ana@gmail.com", "Ana.Silva_2+x@Empresa.COM.BR", "<a@b.co>", "a<b@c.d-e.fg", "josé@exemplo.com.br"],
    "gtin": ["4006381333931", "5901234123457", "7894900011517", "96385074", "036000291452", "36000291452"],
}
NASTY = "0123456789AZaz.-/()+@<> \t\x1c\x7f\u00a0\u200b?éß,;\U0001f600"
FULL = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def by_sql(engine: Engine, kind: str, texts: list[str]) -> list[bool]:
    return [outcome.state == "value" for outcome in read(engine, column("v", kind), texts)]


def glanced(kind: str, texts: list[str]) -> list[int]:
    return look([pa.array(texts, pa.string())], GLANCES[kind]).tolist()  # type: ignore[no-any-return]


def check(engine: Engine, kind: str, texts: list[str]) -> None:
    """A glance says what the SQL says or nothing, and the function says what the SQL says."""
    meant = by_sql(engine, kind, texts)
    told = {text: (said, right) for text, said, right in zip(texts, glanced(kind, texts), meant, strict=True)}
    assert {text: pair for text, pair in told.items() if pair[0] not in (UNSURE, pair[1])} == {}
    assert is_valid(texts, kind) == meant


@pytest.mark.parametrize(
    ("case", "texts", "expected"),
    list(answers()),
    ids=[f"{type_of(case)}-{i}" for i, (case, _, _) in enumerate(answers())],
)
def test_the_verdict_is_that_of_the_full_cleaning(
    case: Column, texts: list[str | None], expected: list[object]
) -> None:
    told = {field.name: getattr(case, field.name) for field in fields(Column)}
    unsaid = {field.name: getattr(column("v"), field.name) for field in fields(Column)}
    options = {name: value for name, value in told.items() if value != unsaid[name]}
    kind = type_of(case)
    for name in ("format", "logical_type", "on_invalid", "on_missing"):
        options.pop(name, None)
    if case.state_column:
        pytest.skip("another column of the contract decides")
    meant = [answer is not MISSING and answer is not INVALID for answer in expected]
    assert is_valid(texts, kind, **options) == meant


@pytest.mark.parametrize("kind", GLANCES)
def test_the_verdict_on_every_way_to_write_and_to_spoil_a_value_is_that_of_the_sql(engine: Engine, kind: str) -> None:
    spoilt = [
        text[:at] + character + text[at + cut :]
        for text in VALID[kind]
        for at in range(len(text) + 1)
        for cut in (0, 1)
        for character in ("", *NASTY)
    ]
    check(engine, kind, list(dict.fromkeys([*VALID[kind], *spoilt, "", " ", "x" * 70, "9" * 70, "@" * 70])))
    assert all(is_valid(VALID[kind], kind))


@FULL
@given(st.integers(0, 2**32))
def test_the_verdict_on_any_digits_in_any_form_is_that_of_the_sql(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - digits of no secret
    for kind, forms in VALID.items():
        texts = [_with_other_digits(form, chance) for form in forms for _ in range(40)]
        check(engine, kind, list(dict.fromkeys(texts)))


@FULL
@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=20), min_size=1, max_size=100))
def test_the_verdict_on_any_text_is_that_of_the_sql(engine: Engine, texts: list[str]) -> None:
    for kind in GLANCES:
        check(engine, kind, texts)


def _with_other_digits(form: str, chance: random.Random) -> str:
    other = [str(chance.randrange(10)) if c.isdigit() and chance.random() < 0.7 else c for c in form]
    return "".join(other)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("br.cpf", "39053344{:03d}"),
        ("br.cpf", "390.533.44{:03d}"),
        ("br.cnpj", "11222333000{:03d}"),
        ("br.cnpj", "12ABC34501D{:03d}"),
        ("br.cns", "89800000004{:04d}"),
        ("br.cns", "10000000006{:04d}"),
        ("br.cns", "20345678901{:04d}"),
        ("br.cep", "{:05d}-000"),
        ("br.phone", "({0:05d}"),
        ("gtin", "4006381333{:03d}"),
        ("gtin", "9638507{:01d}"),
    ],
)
def test_every_ending_is_judged_as_the_sql_judges_it(engine: Engine, kind: str, shape: str) -> None:
    places = int(shape[shape.index("d") - 1])
    texts = [shape.format(number) for number in range(0, 10**places, 7 if places > 4 else 1)]
    if kind == "br.phone":
        texts = [
            f"({ddd:02d}) {first}{rest}"
            for ddd in range(100)
            for first in range(10)
            for rest in ("1234-5678", "123-4567")
        ]
    check(engine, kind, texts)
    assert UNSURE not in glanced(kind, [text for text in texts if "." not in text])


def test_eleven_equal_digits_are_no_cpf_and_fourteen_zeros_no_cnpj() -> None:
    assert not any(is_valid([str(digit) * 11 for digit in range(10)], "br.cpf"))
    assert not any(is_valid(["0" * 9, "0" * 10, "000.000.000-00"], "br.cpf"))
    assert not any(is_valid(["0" * 14, "00.000.000/0000-00", "0" * 13], "br.cnpj"))


@pytest.mark.parametrize("kind", GLANCES)
def test_clean_values_are_told_without_the_engine(kind: str) -> None:
    written = [text for text in VALID[kind] if text.isascii() and "<" not in text and not text.startswith("01")]
    assert [said for said in glanced(kind, written) if said == UNSURE] == []


def test_many_values_keep_their_places_whichever_thread_judges_them() -> None:
    rows = 4 * BLOCK_ROWS + 17
    texts = pa.array([TEXTS[i % 7] for i in range(rows)], pa.large_string())
    meant = np.resize(VERDICTS[:7], rows)
    assert np.array_equal(is_valid(texts, "br.cpf").to_numpy(zero_copy_only=False), meant)
    pieces = pa.chunked_array([texts[5:40_000], texts[40_000:40_000], texts[40_000:]])
    assert np.array_equal(is_valid(pieces, "br.cpf").to_numpy(), meant[5:])


def kinds_of_column() -> Iterator[tuple[str, object, Callable[[object], list[bool]]]]:
    def listed(found: object) -> list[bool]:
        return found.to_pylist()  # type: ignore[attr-defined, no-any-return]

    yield "tuple", tuple(TEXTS), list  # type: ignore[misc]
    yield "generator", (text for text in TEXTS), list  # type: ignore[misc]
    yield "arrow", pa.array(TEXTS), listed
    yield "slice", pa.array([*TEXTS, *TEXTS])[8:], listed
    yield "chunks", pa.chunked_array([TEXTS[:3], TEXTS[3:]]), listed
    yield "view", pa.array(TEXTS, pa.string_view()), listed
    yield "dictionary", pa.array(TEXTS).dictionary_encode(), listed
    yield "polars", pl.Series("cpf", TEXTS), lambda found: found.to_list()  # type: ignore[attr-defined]
    yield "polars categories", pl.Series("cpf", TEXTS, pl.Categorical), lambda found: found.to_list()  # type: ignore[attr-defined]
    yield "pandas", pd.Series(TEXTS), lambda found: found.tolist()  # type: ignore[attr-defined]
    yield "pandas categories", pd.Series(TEXTS, dtype="category"), lambda found: found.tolist()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("values", "told"), [case[1:] for case in kinds_of_column()], ids=[c[0] for c in kinds_of_column()]
)
def test_any_kind_of_column_is_judged(values: object, told: Callable[[object], list[bool]]) -> None:
    found = is_valid(values, "br.cpf")
    assert told(found) == VERDICTS
    if not isinstance(values, (tuple, Iterator)):
        assert type(found).__module__.partition(".")[0] == type(values).__module__.partition(".")[0]


def test_a_series_keeps_its_index_and_name_and_filters_its_frame() -> None:
    frame = pd.DataFrame({"cpf": TEXTS}, index=range(10, 18))
    found = is_valid(frame["cpf"], "br.cpf")
    assert (found.name, found.index.tolist()) == ("cpf", list(range(10, 18)))
    assert frame[found].index.tolist() == [10, 11, 15, 16]
    assert pl.DataFrame({"cpf": TEXTS}).filter(is_valid(pl.Series("cpf", TEXTS), "br.cpf")).height == 4


def test_a_relation_of_one_column_gives_a_relation() -> None:
    connection = duckdb.connect()
    values = connection.sql("SELECT unnest(['39053344705', 'x', NULL]) AS cpf")
    assert is_valid(values, "br.cpf").fetchall() == [(True,), (False,), (False,)]
    with pytest.raises(UsageError, match="2 columns"):
        is_valid(connection.sql("SELECT 1 AS a, 2 AS b"), "br.cpf")


def test_columns_without_text_and_types_without_a_glance_are_judged_too() -> None:
    assert is_valid(pa.array([39053344705, 191000000, 5, None]), "br.cpf").to_pylist() == [True, True, False, False]
    assert is_valid(pa.nulls(2), "br.cpf").to_pylist() == [False, False]
    assert is_valid([], "br.cpf") == []
    assert is_valid(pa.chunked_array([], pa.string()), "email").to_pylist() == []
    assert is_valid(["São Paulo", "3550308", "Atlantis"], "br.municipality") == [True, True, False]
    assert is_valid(["31/12/2024", "31/02/2024", ""], "date", formats=["dd/MM/yyyy"]) == [True, False, False]
    assert is_valid(["39053344705", "x"], "br.cpf", missing_tokens=["39053344705"]) == [False, False]


def test_bytes_that_lie_under_a_null_are_no_value() -> None:
    for hidden in ("39053344705", "390 533 447 05", "39 0533447.05"):
        _, places, characters = pa.array([hidden, "39053344705", hidden]).buffers()
        texts = pa.Array.from_buffers(pa.string(), 3, [pa.py_buffer(b"\x02"), places, characters])
        assert texts.to_pylist() == [None, "39053344705", None]
        assert is_valid(texts, "br.cpf").to_pylist() == [False, True, False]


def test_what_cannot_be_judged_is_told() -> None:
    for wrong in ("39053344705", 39053344705, None):
        with pytest.raises(UsageError, match="no column of values"):
            is_valid(wrong, "br.cpf")
    with pytest.raises(UsageError, match="no option 'on_invalid'"):
        is_valid(TEXTS, "br.cpf", on_invalid="keep")
    with pytest.raises(UsageError, match="no option 'format'"):
        is_valid(TEXTS, "date", format="dd/MM/yyyy")
    with pytest.raises(ProjectError, match="br.cfp"):
        is_valid(TEXTS, "br.cfp")


def test_the_answers_of_a_glance_are_false_true_and_neither() -> None:
    assert (bool(NO), bool(YES), UNSURE in (NO, YES)) == (False, True, False)
