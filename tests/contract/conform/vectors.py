"""What each semantic type makes of each text: the one table both engines are held against.

An answer is a value, MISSING or INVALID; `Repaired(value, rule)` is a value that was corrected, or has a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from afluente.project.contract import Column
from tests.unit.conform.workbench import Outcome, column

MISSING = object()
INVALID = object()


@dataclass(frozen=True)
class Repaired:
    value: object
    rule: str


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


BLANKS = (None, "", " ", "\t", " \n ", "\u00a0", " \u00a0\u2003\t", "\ufeff")
RUBBISH = ("😀", "'", "''", '"', "\\", "\\n", "%", "_", "*", "{x}", "{{}}", "$1", "\\1", "\u202e", "x" * 5000, "١٢٣", "１２３")

CASES: list[tuple[Column, dict[str, object]]] = [
    (
        column("v", "br.cpf"),
        {
            "39053344705": "39053344705",
            "390.533.447-05": "39053344705",
            " 390.533.447-05 ": "39053344705",
            "390 533 447 05": "39053344705",
            "\u00a039053344705\u00a0": "39053344705",
            "390.533.447/05": "39053344705",
            "39053344705\n": "39053344705",
            "11144477735": "11144477735",
            "52998224725": "52998224725",
            "00000000191": "00000000191",
            "191000000": Repaired("00191000000", "br.cpf.leading_zeros"),
            "52998224724": INVALID,
            "23100299900": INVALID,
            "11111111111": INVALID,
            "00000000000": INVALID,
            "99999999999": INVALID,
            "000000000": INVALID,
            "191": INVALID,
            "052998224725": INVALID,
            "3905334470": INVALID,
            "３９０５３３４４７０５": INVALID,
            "39O53344705": INVALID,
            "+39053344705": INVALID,
            "3.9053344705e10": INVALID,
            "39053344705.0": INVALID,
            "-39053344705-": "39053344705",
        },
    ),
    (
        column("v", "br.cnpj"),
        {
            "12ABC34501DE35": "12ABC34501DE35",
            "12.ABC.345/01DE-35": "12ABC34501DE35",
            "12.abc.345/01de-35": "12ABC34501DE35",
            " 12 abc 345 01de 35 ": "12ABC34501DE35",
            "00000000000191": "00000000000191",
            "11222333000181": "11222333000181",
            "11.222.333/0001-81": "11222333000181",
            "16727230000197": "16727230000197",
            "AAAAAAAAAAAA45": "AAAAAAAAAAAA45",
            "IIIIOOOO000157": "IIIIOOOO000157",
            "00000000191": Repaired("00000000000191", "br.cnpj.leading_zeros"),
            "0000000000191": Repaired("00000000000191", "br.cnpj.leading_zeros"),
            "12ABC34501DE36": INVALID,
            "00000000000000": INVALID,
            "LBNXQOB5000163": INVALID,
            "12ABC34501DEXX": INVALID,
            "12ÁBC34501DE35": INVALID,
            "2ABC34501DE35": INVALID,
            "112223330001811": INVALID,
            "191": INVALID,
        },
    ),
    (
        column("v", "br.cpf_cnpj"),
        {
            "390.533.447-05": "39053344705",
            "11.222.333/0001-81": "11222333000181",
            "12abc34501de35": "12ABC34501DE35",
            "00000000191": "00000000191",
            "191000000": Repaired("00191000000", "br.cpf_cnpj.leading_zeros"),
            "0000000000191": Repaired("00000000000191", "br.cpf_cnpj.leading_zeros"),
            "11111111111": INVALID,
            "00000000000000": INVALID,
            "52998224724": INVALID,
        },
    ),
    (
        column("v", "br.cns"),
        {
            "898000000043208": "898000000043208",
            "898 0000 0004 3208": "898000000043208",
            "898000000043209": INVALID,
            "000000000000000": INVALID,
            "398000000043208": INVALID,
            "89800000004320": INVALID,
        },
    ),
    (
        column("v", "br.cep"),
        {
            "01001-000": "01001000",
            "01001000": "01001000",
            "01.001-000": "01001000",
            " 01001 000 ": "01001000",
            "1001000": Repaired("01001000", "br.cep.leading_zero"),
            "1001-000": Repaired("01001000", "br.cep.leading_zero"),
            "99999-999": "99999999",
            "00999999": INVALID,
            "0999999": INVALID,
            "1001-0000": INVALID,
            "010010-00": INVALID,
            "01001-0000": INVALID,
            "31/12/2024": INVALID,
            "2024-02-29": INVALID,
            "78950000": INVALID,
            "001001000": INVALID,
        },
    ),
    (
        column("v", "br.uf"),
        {
            "SP": "SP",
            "sp": "SP",
            " Sp ": "SP",
            "São Paulo": "SP",
            "sao paulo": "SP",
            "SA\u0303O PAULO": "SP",
            "Rio Grande do Norte": "RN",
            "XX": INVALID,
            "S": INVALID,
            "35": INVALID,
        },
    ),
    (
        column("v", "br.municipality"),
        {
            "3550308": "3550308",
            "355030": "3550308",
            "São Paulo": "3550308",
            "SÃO PAULO": "3550308",
            "sãopaulo": "3550308",
            "sao  paulo": "3550308",
            "Sa\u0303o Paulo": "3550308",
            "2201919": "2201919",
            "3550309": INVALID,
            "Bom Jesus": INVALID,
            "Atlântida": INVALID,
        },
    ),
    (
        column("v", "br.municipality", repair_encoding=True),
        {
            "BrasÃ\xadlia": Repaired("5300108", "text.encoding"),
            "Brasília": "5300108",
        },
    ),
    (
        column("v", "br.phone"),
        {
            "(11) 98765-4321": "+5511987654321",
            "11987654321": "+5511987654321",
            "+5511987654321": "+5511987654321",
            "+55 11 98765-4321": "+5511987654321",
            "+55 (011) 98765-4321": "+5511987654321",
            "0055 11 98765-4321": "+5511987654321",
            "5511987654321": "+5511987654321",
            "011987654321": "+5511987654321",
            "(11) 9 8765-4321": "+5511987654321",
            "\u00a0(11)\u00a098765-4321": "+5511987654321",
            "11.98765.4321": "+5511987654321",
            "(11) 3456-7890": "+551134567890",
            "1134567890": "+551134567890",
            "(55) 99999-1234": "+5555999991234",
            "55999991234": "+5555999991234",
            "(20) 98765-4321": INVALID,
            "(23) 98765-4321": INVALID,
            "(11) 8765-4321": INVALID,
            "(11) 68765-4321": INVALID,
            "98765-4321": INVALID,
            "+1 212 555 1234": INVALID,
            "+49 911 123456": INVALID,
            "0049911123456": INVALID,
            "11 98765 432a": INVALID,
            "0800 123 4567": INVALID,
        },
    ),
    (
        column("v", "email"),
        {
            "a@b.co": "a@b.co",
            "Ana@B.CO": "Ana@b.co",
            " a@b.co\n": "a@b.co",
            "<a@b.co>": "a@b.co",
            "joão@ex.com": "joão@ex.com",
            "a@ÁB.com": "a@áb.com",
            "x@hotmail.con": Repaired("x@hotmail.con", "email.domain"),
            "a..b@c.com": INVALID,
            "a@b..com": INVALID,
            "a@b": INVALID,
            "a@b.c": INVALID,
            "a@b.c1": INVALID,
            "a@b@c.com": INVALID,
            "a b@c.com": INVALID,
            "a\u2003b@c.com": INVALID,
            "@b.co": INVALID,
            "a@.com": INVALID,
        },
    ),
    (
        column("v", "uuid"),
        {
            "123e4567-e89b-12d3-a456-426614174000": "123e4567-e89b-12d3-a456-426614174000",
            " 123E4567-E89B-12D3-A456-426614174000": "123e4567-e89b-12d3-a456-426614174000",
            "123e4567e89b12d3a456426614174000": INVALID,
            "123e4567-e89b-12d3-a456-42661417400g": INVALID,
        },
    ),
    (
        column("v", "gtin"),
        {
            "4006381333931": "4006381333931",
            "5901234123457": "5901234123457",
            "7894900011517": "7894900011517",
            " 789-4900.011517": "7894900011517",
            "96385074": "96385074",
            "036000291452": "036000291452",
            "36000291452": Repaired("036000291452", "gtin.leading_zero"),
            "10012345678902": "10012345678902",
            "7894900011518": INVALID,
            "00000000": INVALID,
            "963850741": INVALID,
        },
    ),
    (
        column("v", "money", "number", locale="pt-BR", physical_type="decimal(12,2)"),
        {
            "R$ 1.234,56": Decimal("1234.56"),
            "R$1.234,56": Decimal("1234.56"),
            "R$\u00a01.234,56": Decimal("1234.56"),
            "BRL 1,00": Decimal("1.00"),
            "1.234": Decimal("1234.00"),
            "R$ 1.234": Decimal("1234.00"),
            "1234,5": Decimal("1234.50"),
            "-1,00": Decimal("-1.00"),
            "-R$ 1,00": Decimal("-1.00"),
            "R$ -1,00": Decimal("-1.00"),
            "- 1,00": Decimal("-1.00"),
            "(1.234,56)": Decimal("-1234.56"),
            "(R$ 1,00)": Decimal("-1.00"),
            "1234,56-": Decimal("-1234.56"),
            "+1,50": Decimal("1.50"),
            "-0": Decimal("0.00"),
            "0": Decimal("0.00"),
            "007": Decimal("7.00"),
            "1,50000": Decimal("1.50"),
            " 12 ": Decimal("12.00"),
            "9999999999,99": Decimal("9999999999.99"),
            "10000000000": INVALID,
            "9" * 40: INVALID,
            "1,555": INVALID,
            "1.23.456,00": INVALID,
            "1234.567,00": INVALID,
            "12.34": INVALID,
            "1,234.56": INVALID,
            "1 234,00": INVALID,
            "US$ 1,00": INVALID,
            "1e5": INVALID,
            "1_000": INVALID,
            "((1))": INVALID,
            "--1": INVALID,
            "R$": INVALID,
            "-": INVALID,
            ",5": INVALID,
            "5,": INVALID,
            "NaN": INVALID,
        },
    ),
    (
        column("v", "decimal", "number", physical_type="decimal(12,3)"),
        {
            "1.234": Decimal("1.234"),
            "-1.5": Decimal("-1.500"),
            "+1.5": Decimal("1.500"),
            "1.23400": Decimal("1.234"),
            "1.2345": INVALID,
            "1,5": INVALID,
            "1.234,56": INVALID,
            "R$ 1.00": INVALID,
        },
    ),
    (
        column("v", "decimal", "number", locale="en-US", physical_type="decimal(38,0)"),
        {
            "9" * 38: Decimal("9" * 38),
            "9" * 39: INVALID,
            "1,234": Decimal(1234),
            "$ 1,234.00": Decimal(1234),
            "$1": Decimal(1),
            "1.5": INVALID,
        },
    ),
    (
        column("v", "integer", "integer"),
        {
            "12": 12,
            "+12": 12,
            "-12": -12,
            "-0": 0,
            "007": 7,
            " 12 ": 12,
            "12.0": Repaired(12, "integer.decimal_zero"),
            "9223372036854775807": 9223372036854775807,
            "-9223372036854775808": -9223372036854775808,
            "9223372036854775808": INVALID,
            "9" * 40: INVALID,
            "12.5": INVALID,
            "1e5": INVALID,
            "1_000": INVALID,
            "1 000": INVALID,
            "1,000": INVALID,
            "0x10": INVALID,
            "true": INVALID,
        },
    ),
    (
        column("v", "integer", "integer", locale="pt-BR", physical_type="int"),
        {
            "2147483647": 2147483647,
            "-2147483648": -2147483648,
            "2147483648": INVALID,
            "1.234.567": 1234567,
            "1.23": INVALID,
            "12,00": Repaired(12, "integer.decimal_zero"),
        },
    ),
    (
        column("v", None, "number"),
        {"1.5": 1.5, "1e5": 100000.0, "-0": 0.0, "1e400": INVALID, "-1e400": INVALID, "1,5": INVALID, "inf": INVALID, "nan": INVALID},
    ),
    (column("v", None, "number", locale="pt-BR"), {"1.234,5": 1234.5, "1,5": 1.5, "1.23": INVALID}),
    (
        column("v", None, "date"),
        {
            "2024-02-29": date(2024, 2, 29),
            " 2024-02-29 ": date(2024, 2, 29),
            "0001-01-01": date(1, 1, 1),
            "9999-12-31": date(9999, 12, 31),
            "2023-02-29": INVALID,
            "2024-02-30": INVALID,
            "2024-13-01": INVALID,
            "2024-00-10": INVALID,
            "0000-01-01": INVALID,
            "0000-06-01": INVALID,
            "2024-1-5": INVALID,
            "20240229": INVALID,
            "2024-02-29x": INVALID,
            "２０２４-02-29": INVALID,
            "-024-02-29": INVALID,
            "214748364": INVALID,
        },
    ),
    (
        column("v", None, "date", formats=("d/M/yyyy", "yyyy-MM-dd", "yyyyMMdd", "dd-MM-yyyy")),
        {
            "03/04/2026": date(2026, 4, 3),
            "3/4/2026": date(2026, 4, 3),
            "13/4/2026": date(2026, 4, 13),
            "3/12/2026": date(2026, 12, 3),
            "29/02/2024": date(2024, 2, 29),
            "20240229": date(2024, 2, 29),
            "29-02-2024": date(2024, 2, 29),
            "31/02/2024": INVALID,
            "29/02/2023": INVALID,
            "12/13/2024": INVALID,
            "01/01/0000": INVALID,
            "1/1/24": INVALID,
        },
    ),
    (column("v", None, "date", formats=("MM/dd/yyyy",)), {"03/04/2026": date(2026, 3, 4), "13/04/2026": INVALID}),
    (
        column("v", None, "timestamp"),
        {
            "2024-01-05 10:11:12": at(2024, 1, 5, 13, 11, 12),
            "2024-01-05T10:11:12": at(2024, 1, 5, 13, 11, 12),
            "2024-01-05T10:11:12Z": at(2024, 1, 5, 10, 11, 12),
            "2024-01-05T10:11:12-03:00": at(2024, 1, 5, 13, 11, 12),
            "2024-01-05T10:11:12+05:30": at(2024, 1, 5, 4, 41, 12),
            " 2024-01-05 10:11:12 ": at(2024, 1, 5, 13, 11, 12),
            "2018-11-04 00:30:00": at(2018, 11, 4, 3, 30),
            "2018-11-04 01:30:00": at(2018, 11, 4, 3, 30),
            "2018-02-17 23:30:00": at(2018, 2, 18, 1, 30),
            "2018-02-18 00:00:00": at(2018, 2, 18, 3),
            "1999-12-31 23:59:59": at(2000, 1, 1, 1, 59, 59),
            "9999-12-31 20:59:59": at(9999, 12, 31, 23, 59, 59),
            "9999-12-31 21:00:00": INVALID,
            "0000-01-01 00:00:00": INVALID,
            "2024-01-05T10:11:12+99:99": INVALID,
            "2024-01-05 24:00:00": INVALID,
            "2024-01-05 23:60:00": INVALID,
            "2024-01-05 23:59:60": INVALID,
            "2024-02-30 10:00:00": INVALID,
            "2024-01-05": INVALID,
        },
    ),
    (
        column("v", None, "timestamp", formats=("dd/MM/yyyy HH:mm", "yyyy-MM-dd HH:mm:ss.SSS"), timezone="Europe/Lisbon"),
        {
            "05/01/2024 10:11": at(2024, 1, 5, 10, 11),
            "05/07/2024 10:11": at(2024, 7, 5, 9, 11),
            "27/10/2024 01:30": at(2024, 10, 27, 0, 30),
            "2024-07-05 10:11:12.345": at(2024, 7, 5, 9, 11, 12, 345000),
            "2024-07-05 10:11:12": INVALID,
        },
    ),
    (
        column("v", None, "boolean"),
        {
            "sim": True,
            "SIM": True,
            " s ": True,
            "1": True,
            "Verdadeiro": True,
            "não": False,
            "NÃO": False,
            "N": False,
            "0": False,
            "FALSE": False,
            "talvez": INVALID,
            "2": INVALID,
            "-1": INVALID,
        },
    ),
    (column("v", None, "boolean", true_words=("Ativo",), false_words=("Inativo",)), {"ATIVO": True, "inativo": False, "sim": INVALID}),
    (
        column("v", None, "string", values=("São Paulo", "Rio de Janeiro"), synonyms={"SP": "São Paulo", "*": "Rio de Janeiro"}),
        {
            "São Paulo": "São Paulo",
            "sao-paulo": "São Paulo",
            "SA\u0303O PAULO": "São Paulo",
            "s.p.": "São Paulo",
            " * ": "Rio de Janeiro",
            "*": "Rio de Janeiro",
            "Belo Horizonte": INVALID,
        },
    ),
    (
        column("v", "text"),
        {
            "  a \t b\r\nc ": "a b c",
            "\u2003x\u00a0\u00a0y\u200b": "x y",
            "Sa\u0303o": "São",
            "😀 é": "😀 é",
            "'": "'",
            "a\\n": "a\\n",
        },
    ),
    (
        column("v", "text", repair_encoding=True),
        {
            "SÃ£o Paulo": Repaired("São Paulo", "text.encoding"),
            "AÃ§Ãºcar": Repaired("Açúcar", "text.encoding"),
            "SÃO PAULO": "SÃO PAULO",
            "São Paulo": "São Paulo",
        },
    ),
    (column("v", "text", case="upper"), {"ação ß": "AÇÃO ẞ", "ñ": "Ñ"}),
    (column("v", "text", case="lower"), {"AÇÃO İ": "ação i"}),
    (column("v", "text", case="title"), {"JOÃO d'oeste-sul ß": "João D'oeste-sul ẞ", "éa": "Éa"}),
    (
        column("v", "regex", pattern="^[A-Z]{3}[0-9]{2}$", case="upper"),
        {"abc12": "ABC12", " ABC12\n": "ABC12", "ABC123": INVALID, "AB\nC12": INVALID},
    ),
    (column("v", "regex", pattern="a|bc"), {"a": "a", "bc": "bc", "abc": INVALID, "ac": INVALID}),
]


def answers() -> Iterator[tuple[Column, list[str | None], list[object]]]:
    """Each case with the texts that every type must refuse or miss added."""
    for case, expected in CASES:
        texts: dict[str | None, object] = dict.fromkeys(BLANKS, MISSING)
        if case.format not in ("text", "br.phone"):
            texts |= dict.fromkeys(RUBBISH, INVALID)
        yield case, list(texts | expected), list((texts | expected).values())


def expected_outcome(answer: object) -> tuple[object, str, tuple[str, ...]]:
    if answer is MISSING:
        return None, "missing", ()
    if answer is INVALID:
        return None, "invalid", ()
    if isinstance(answer, Repaired):
        return answer.value, "value", (answer.rule,)
    return answer, "value", ()


def told(outcome: Outcome) -> tuple[object, str, tuple[str, ...]]:
    return outcome.value, outcome.state, outcome.rules
