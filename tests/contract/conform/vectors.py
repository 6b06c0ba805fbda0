"""What each semantic type makes of each text: the one table both engines are held against.

An answer is a value, MISSING or INVALID; `Repaired(value, rule)` is a value that was corrected, or has a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from afluente.project.contract import Column
from tests.contract.conform.answer import INVALID, MISSING, Repaired
from tests.contract.conform.value_vectors import VALUE_CASES
from tests.unit.conform.workbench import Outcome, column

BLANKS = (None, "", " ", "\t", " \n ", "\u00a0", " \u00a0\u2003\t", "\ufeff")
RUBBISH = (
    "😀",
    "'",
    "''",
    '"',
    "\\",
    "\\n",
    "%",
    "_",
    "*",
    "{x}",
    "{{}}",
    "$1",
    "\\1",
    "\u202e",
    "x" * 5000,
    "١٢٣",
    "１２３",
)

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
]


def answers() -> Iterator[tuple[Column, list[str | None], list[object]]]:
    """Each case with the texts that every type must refuse or miss added."""
    for case, expected in (*CASES, *VALUE_CASES):
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
