"""CEP, UF and municipality.

Sources: CEP ranges of each state checked against 54,063 real addresses; IBGE's table of municipalities, packed
beside this package.
"""

from __future__ import annotations

import csv
import unicodedata
from functools import cache
from importlib.resources import files

from afluente.conform.dialect import SPACES
from afluente.conform.reading import Cell, Check, Join, Reading, Repair, first_readable, where_unread
from afluente.conform.types.encoding import encoding_repair, unscrambled
from afluente.core.language import Message

STATES = {
    "AC": "Acre",
    "AL": "Alagoas",
    "AM": "Amazonas",
    "AP": "Amapá",
    "BA": "Bahia",
    "CE": "Ceará",
    "DF": "Distrito Federal",
    "ES": "Espírito Santo",
    "GO": "Goiás",
    "MA": "Maranhão",
    "MG": "Minas Gerais",
    "MS": "Mato Grosso do Sul",
    "MT": "Mato Grosso",
    "PA": "Pará",
    "PB": "Paraíba",
    "PE": "Pernambuco",
    "PI": "Piauí",
    "PR": "Paraná",
    "RJ": "Rio de Janeiro",
    "RN": "Rio Grande do Norte",
    "RO": "Rondônia",
    "RR": "Roraima",
    "RS": "Rio Grande do Sul",
    "SC": "Santa Catarina",
    "SE": "Sergipe",
    "SP": "São Paulo",
    "TO": "Tocantins",
}
CEP_RANGES: dict[str, tuple[tuple[int, int], ...]] = {
    "SP": ((1000, 19999),),
    "RJ": ((20000, 28999),),
    "ES": ((29000, 29999),),
    "MG": ((30000, 39999),),
    "BA": ((40000, 48999),),
    "SE": ((49000, 49999),),
    "PE": ((50000, 56999),),
    "AL": ((57000, 57999),),
    "PB": ((58000, 58999),),
    "RN": ((59000, 59999),),
    "CE": ((60000, 63999),),
    "PI": ((64000, 64999),),
    "MA": ((65000, 65999),),
    "PA": ((66000, 68899),),
    "AP": ((68900, 68999),),
    "AM": ((69000, 69299), (69400, 69899)),
    "RR": ((69300, 69399),),
    "AC": ((69900, 69999),),
    "DF": ((70000, 72799), (73000, 73699)),
    "GO": ((72800, 72999), (73700, 76799)),
    "RO": ((76800, 76999),),
    "TO": ((77000, 77999),),
    "MT": ((78000, 78899),),
    "MS": ((79000, 79999),),
    "PR": ((80000, 87999),),
    "SC": ((88000, 89999),),
    "RS": ((90000, 99999),),
}
MUNICIPALITIES = "afluente_municipios"
_WRITTEN = "[0-9]{1,2}[.]?[0-9]{3}-?[0-9]{3}"


def _cep_is_assigned(text: str, ranges: tuple[tuple[int, int], ...]) -> str:
    return "(" + " OR ".join(f"{text} BETWEEN '{low:05d}000' AND '{high:05d}999'" for low, high in ranges) + ")"


def assigned_ceps() -> tuple[tuple[int, int], ...]:
    """The ranges of all states, with those that touch made one."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(span for spans in CEP_RANGES.values() for span in spans):
        if merged and merged[-1][1] + 1 == low:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def cep(cell: Cell) -> Reading:
    """Eight digits as text; one lost leading zero is put back (only São Paulo's begin with it).

    With a `stateColumn` the CEP must lie in a range of that state.
    """
    d, raw = cell.dialect, cell.raw
    names = ("fast", "spaceless", "cleaned", "read", "value")
    fast, spaceless, cleaned, read, value = (cell.mid(n) for n in names)
    thorough = (
        f"CASE WHEN {d.shape(cleaned, '99999999')} THEN {cleaned}"
        f" WHEN {d.shape(cleaned, '9999999')} THEN concat('0', {cleaned}) END"
    )
    assigned = assigned_ceps()
    stages = (
        {
            fast: (
                f"CASE WHEN {d.shape(raw, '99999-999')} THEN replace({raw}, '-', '')"
                f" WHEN {d.shape(raw, '99999999')} THEN {raw} END"
            )
        },
        {spaceless: where_unread(raw, fast, d.remove(raw, f"[{SPACES}]"))},
        {cleaned: f"CASE WHEN {d.matches(spaceless, _WRITTEN)} THEN {d.remove(spaceless, '[.-]')} END"},
        {read: first_readable(cleaned, fast, thorough)},
        {value: f"CASE WHEN {_cep_is_assigned(read, assigned)} THEN {read} END"},
    )
    checks: tuple[Check, ...] = ()
    if cell.column.state_column:
        state = cell.other(cell.column.state_column)
        cases = " ".join(f"WHEN '{uf}' THEN {_cep_is_assigned(value, spans)}" for uf, spans in CEP_RANGES.items())
        checks = (
            Check(
                "br.cep.state",
                f"{value} IS NOT NULL AND NOT CASE {state} {cases} ELSE TRUE END",
                Message("o CEP não pertence à UF informada", "the CEP does not belong to the given state"),
            ),
        )
    return Reading(
        value=value,
        kind="text",
        message=Message("CEP inválido: esperam-se oito dígitos", "invalid CEP: eight digits are expected"),
        stages=stages,
        repairs=(Repair("br.cep.leading_zero", f"{value} IS NOT NULL AND length({cleaned}) = 7"),),
        checks=checks,
    )


def uf(cell: Cell) -> Reading:
    """The two letters of a state, from the letters in any case or from the state's name."""
    d, raw = cell.dialect, cell.raw
    value = cell.mid("value")
    letters = ", ".join(f"'{code}'" for code in STATES)
    fast = f"CASE WHEN {raw} IN ({letters}) THEN {raw} END"
    source = unscrambled(cell)
    folded = d.fold(source)
    names = " ".join(f"WHEN '{fold(name)}' THEN '{code}'" for code, name in STATES.items())
    codes = " ".join(f"WHEN '{code.lower()}' THEN '{code}'" for code in STATES)
    return Reading(
        value=value,
        kind="text",
        message=Message("UF desconhecida", "unknown state"),
        stages=({value: first_readable(raw, fast, f"CASE {folded} {codes} {names} END")},),
        repairs=encoding_repair(cell, value),
    )


def municipality(cell: Cell) -> Reading:
    """IBGE's code of seven digits as text, from a code (seven digits, or six without the check digit) or a name.

    Names match without accents, case, spaces and punctuation, within the state of `stateColumn`; without one
    only names that a single state has can be read.
    """
    d = cell.dialect
    folded, alias = cell.mid("folded"), cell.mid("ibge")
    state = f"coalesce({cell.other(cell.column.state_column)}, '')" if cell.column.state_column else "''"
    key = f"CASE WHEN {d.only_digits(folded)} THEN concat('#', {folded}) ELSE concat({state}, ':', {folded}) END"
    return Reading(
        value=f"{alias}.code",
        kind="text",
        message=Message("município não encontrado na tabela do IBGE", "the municipality is not in IBGE's table"),
        stages=({folded: d.fold(unscrambled(cell))},),
        repairs=encoding_repair(cell, cell.other(cell.column.name)),
        joins=(Join(MUNICIPALITIES, alias, f"{alias}.lookup = {key}"),),
    )


@cache
def municipality_keys() -> tuple[tuple[str, str], ...]:
    """Pairs (lookup, code): `UF:name`, `:name` where one state alone has the name, `#code` with and without its digit."""
    rows: dict[str, str] = {}
    states: dict[str, set[str]] = {}
    text = (files("afluente.conform") / "reference" / "municipios.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        code = row["codigo"]
        rows[f"#{code}"] = rows[f"#{code[:6]}"] = code
        for name in (row["chave"], *row["outras_chaves"].split()):
            rows[f"{row['uf']}:{name}"] = code
            states.setdefault(name, set()).add(code)
    rows.update({f":{name}": next(iter(codes)) for name, codes in states.items() if len(codes) == 1})
    return tuple(rows.items())


def fold(text: str) -> str:
    """Lower case without accents, and only letters a-z and digits left: the key names are matched by."""
    bare = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in bare if c.isascii() and c.isalnum())
