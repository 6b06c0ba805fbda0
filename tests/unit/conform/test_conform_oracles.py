"""The check digits, numbers and dates against independent readers. Where an oracle is wrong the test says so."""

from __future__ import annotations

import random
from datetime import date, datetime
from decimal import Decimal

import brutils
import phonenumbers
from email_validator import EmailNotValidError, validate_email
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stdnum import ean
from stdnum.br import cnpj as stdnum_cnpj
from stdnum.br import cpf as stdnum_cpf
from validate_docbr import CNPJ, CNS, CPF

from afluente.conform.types.contact import DDDS
from afluente.conform.types.place import CEP_RANGES, municipality_keys
from afluente.engines.engine import Engine
from tests.unit.conform.workbench import column, read

PROPERTY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
RANDOM = random.Random(7)  # noqa: S311 - test data
DIGITS = "0123456789"


def digits(size: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=size, max_size=size)


def lists_of(one: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(one, min_size=1, max_size=200)


def is_read(engine: Engine, kind: str, texts: list[str]) -> list[bool]:
    return [outcome.state == "value" for outcome in read(engine, column("v", kind), texts)]


@PROPERTY
@given(lists_of(digits(9)), st.integers(0, 99))
def test_a_cpf_is_valid_where_validate_docbr_says_so(engine: Engine, bases: list[str], tail: int) -> None:
    texts = [CPF().generate() for _ in bases]
    texts += [f"{base}{tail:02d}" for base in bases] + [d * 11 for d in DIGITS]
    assert is_read(engine, "br.cpf", texts) == [CPF().validate(text) for text in texts]
    # stdnum takes eleven equal digits for a CPF: the tax office does not give them out.
    different = [text for text in texts if len(set(text)) > 1]
    assert is_read(engine, "br.cpf", different) == [stdnum_cpf.is_valid(text) for text in different]


def test_ten_thousand_generated_documents_are_all_read(engine: Engine) -> None:
    for kind, generator in (("br.cpf", CPF()), ("br.cnpj", CNPJ()), ("br.cns", CNS())):
        assert all(is_read(engine, kind, [generator.generate(mask=i % 2 == 0) for i in range(10_000)])), kind


@PROPERTY
@given(lists_of(st.text(DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=12, max_size=12)), st.integers(0, 99))
def test_an_alphanumeric_cnpj_is_valid_where_the_rule_says_so(engine: Engine, bases: list[str], tail: int) -> None:
    # The rule of NT 49/2024 written out, because stdnum and brutils know the digits-only CNPJ alone.
    def check(base: str) -> str:
        for weights in ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)):
            rest = sum((ord(c) - 48) * w for c, w in zip(base, weights, strict=True)) % 11
            base += "0" if rest < 2 else str(11 - rest)
        return base

    texts = [check(base) for base in bases] + [f"{base}{tail:02d}" for base in bases]
    assert is_read(engine, "br.cnpj", texts) == [check(t[:12]) == t and t != "0" * 14 for t in texts]
    numeric = [t for t in texts if t.isdigit()] + [f"{RANDOM.randrange(10**14):014d}" for _ in range(50)]
    assert is_read(engine, "br.cnpj", numeric) == [stdnum_cnpj.is_valid(t) for t in numeric]


@PROPERTY
@given(lists_of(digits(15)))
def test_a_cns_is_valid_where_validate_docbr_says_so(engine: Engine, texts: list[str]) -> None:
    texts += [text[0] + f"{int(text) % 10**14:014d}" for text in texts]
    texts += [CNS().generate() for _ in range(20)]
    assert is_read(engine, "br.cns", texts) == [CNS().validate(text) for text in texts]


@PROPERTY
@given(lists_of(st.integers(7, 13).flatmap(digits)))
def test_a_gtin_is_valid_where_stdnum_says_so(engine: Engine, bases: list[str]) -> None:
    texts = [base + ean.calc_check_digit(base) for base in bases] + bases
    answers = read(engine, column("v", "gtin"), texts)
    for text, answer in zip(texts, answers, strict=True):
        if len(text) in (8, 12, 13, 14) and int(text):
            assert (answer.state == "value") == ean.is_valid(text), text
        if answer.rules:
            assert len(text) in (7, 11)
            assert ean.is_valid(f"0{text}")


def test_every_code_of_a_municipality_is_read_and_those_that_fail_their_check_digit_too(engine: Engine) -> None:
    codes = sorted({code for _, code in municipality_keys()})
    assert len(codes) == 5571
    assert [o.value for o in read(engine, column("v", "br.municipality"), codes)] == codes


def test_every_area_code_is_a_phonenumbers_one_and_no_other_is_read(engine: Engine) -> None:
    texts = [f"({ddd:02d}) 9{n:04d}-4321" for ddd in range(100) for n in (1000, 9999)]
    texts += [f"({ddd:02d}) {n}123-4321" for ddd in range(100) for n in range(10)]
    answers = read(engine, column("v", "br.phone"), texts)
    assert len(DDDS) == 67
    for text, answer in zip(texts, answers, strict=True):
        if answer.value is None:
            continue
        # brutils takes area codes that do not exist; phonenumbers takes old mobiles of eight digits. Ours is in both.
        assert int(text[1:3]) in DDDS
        parsed = phonenumbers.parse(str(answer.value), "BR")
        assert phonenumbers.is_possible_number(parsed)
        assert brutils.is_valid_phone(str(answer.value)[3:])
    assert sum(a.value is not None for a in answers) == 67 * (2 + 4)


@PROPERTY
@given(lists_of(st.emails()))
def test_common_addresses_are_read_as_email_validator_reads_them(engine: Engine, texts: list[str]) -> None:
    for text, answer in zip(texts, read(engine, column("v", "email"), texts), strict=True):
        try:
            parsed = validate_email(text, check_deliverability=False, test_environment=True)
        except EmailNotValidError:
            continue
        last = parsed.ascii_domain.rsplit(".", 1)[-1]
        # Punycode and numeric last labels are outside the declared pattern.
        if parsed.ascii_email is None or not last.isalpha() or ".." in text:
            continue
        local, domain = text.rsplit("@", 1)
        assert answer.value == f"{local}@{domain.lower()}"


@PROPERTY
@given(st.lists(st.decimals(-(10**15), 10**15, places=2), min_size=1, max_size=100))
def test_an_amount_written_the_brazilian_way_is_read_back(engine: Engine, amounts: list[Decimal]) -> None:
    def written(amount: Decimal) -> str:
        return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))

    money = column("v", "money", "number", locale="pt-BR", physical_type="decimal(18,2)")
    for form in ("{}", "R$ {}", " R$\u00a0{} "):
        texts = [form.format(written(amount)) for amount in amounts]
        assert [o.value for o in read(engine, money, texts)] == amounts


@PROPERTY
@given(st.lists(st.dates(), min_size=1, max_size=100))
def test_a_date_is_read_back_in_every_form_and_no_other_day_exists(engine: Engine, days: list[date]) -> None:
    asked = column("v", None, "date", formats=("d/M/yyyy", "yyyy-MM-dd", "yyyyMMdd"))
    for form in ("{0.day}/{0.month}/{0.year:04d}", "{0.day:02d}/{0.month:02d}/{0.year:04d}", "{0:%Y}"):
        texts = [form.format(d) if "%" not in form else f"{d.year:04d}-{d.month:02d}-{d.day:02d}" for d in days]
        assert [o.value for o in read(engine, asked, texts)] == days
    wrong = [
        f"{day:02d}/{month:02d}/{d.year:04d}"
        for d in days[:20]
        for month in range(1, 14)
        for day in (0, 29, 30, 31, 32)
    ]
    for text, outcome in zip(wrong, read(engine, asked, wrong), strict=True):
        day, month, year = map(int, text.split("/"))
        try:
            assert outcome.value == date(year, month, day)
        except ValueError:
            assert outcome.state == "invalid"


@PROPERTY
@given(st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), min_size=1, max_size=50))  # noqa: DTZ001
def test_a_local_time_is_the_instant_zoneinfo_says(engine: Engine, times: list[datetime]) -> None:
    from zoneinfo import ZoneInfo

    for zone in ("America/Sao_Paulo", "America/New_York", "Asia/Kolkata"):
        asked = column("v", None, "timestamp", timezone=zone)
        texts = [f"{t:%Y-%m-%d %H:%M:%S}" for t in times]
        told = [o.value for o in read(engine, asked, texts)]
        meant = [t.replace(microsecond=0, tzinfo=ZoneInfo(zone)) for t in times]
        assert [t.timestamp() for t in told] == [t.timestamp() for t in meant]  # type: ignore[attr-defined]


@settings(PROPERTY, max_examples=5)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=100))
def test_no_text_raises_or_is_lost_in_any_type(engine: Engine, texts: list[str]) -> None:
    kinds = (
        "br.cpf",
        "br.cnpj",
        "br.cpf_cnpj",
        "br.cns",
        "br.cep",
        "br.uf",
        "br.municipality",
        "br.phone",
        "email",
        "uuid",
        "gtin",
    )
    texts = [text.replace("\0", "") for text in texts]
    for asked in (*(column("v", kind) for kind in kinds), column("v", None, "date"), column("v", None, "timestamp")):
        assert {o.state for o in read(engine, asked, texts)} <= {"value", "missing", "invalid"}
    for text, outcome in zip(texts, read(engine, column("v", "text"), texts), strict=True):
        assert outcome.state == ("value" if outcome.value else "missing"), text


def test_no_two_states_share_a_cep() -> None:
    spans = sorted(span for ranges in CEP_RANGES.values() for span in ranges)
    assert all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False))
