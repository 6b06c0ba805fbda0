"""The company's customers: `clientes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from afluente.sources.simulator import render
from afluente.sources.simulator.company import (
    LOCAL_OFFSET_SECONDS,
    Simulation,
    city_spoils,
    lower,
    mixed,
    padded,
    twice_encoded,
    weighted,
    words,
    yes_or_no,
)
from afluente.sources.simulator.company import without_accents as bare
from afluente.sources.simulator.sheet import Sheet, SimulatedFile, Spoil
from afluente.sources.simulator.vocabulary import (
    FIRST_NAMES,
    IMPOSSIBLE_AREA_CODES,
    LAST_NAMES,
    MAIL_DOMAINS,
    PLACES,
)

if TYPE_CHECKING:
    from afluente.sources.simulator.render import Ints, Mask

CUSTOMERS_FILE = "clientes.csv.gz"
CPF_STEP = 387_420_489
"""Odd and not a multiple of 5, so stepping by it visits every nine-digit number once."""
BIRTH_FIRST_DAY, BIRTH_LAST_DAY = -9131, 13513


@dataclass(frozen=True, slots=True)
class Customers:
    """What orders need to know of the customers: the city (a position in PLACES) and whether the row is rejected."""

    file: SimulatedFile
    place: Ints
    rejected: Mask


def customer_codes(numbers: Ints) -> pa.Array:
    return render.join("CLI-", render.digits(numbers, 7))


def simulate_customers(simulation: Simulation) -> Customers:
    """As many customers as the simulation's orders ask for; no two have the same CPF."""
    rng = simulation.random("clientes")
    count = simulation.customers
    place = weighted(rng, [city.weight for city in PLACES], count)
    sheet = Sheet("clientes", count, rng=rng, shares=simulation.shares)
    code = customer_codes(np.arange(1, count + 1))
    sheet.add("cliente_id", code, code, {"codigo_em_minusculas": lower(code)})
    _add_person(sheet, rng, count)
    phone = _add_contact(sheet, rng, place)
    _add_address(sheet, rng, place)
    accepts = rng.random(count) < 0.6
    accepts_text = render.pick(("não", "sim"), accepts.astype(np.int64))
    sheet.add("aceita_marketing", accepts_text, pa.array(accepts), {"sinonimo": yes_or_no(rng, accepts)})
    updated = (simulation.month_starts()[0] - rng.integers(31, 700, count)) * render.DAY_SECONDS + rng.integers(
        0, render.DAY_SECONDS, count
    )
    true_updated = pa.array((updated - LOCAL_OFFSET_SECONDS) * 1_000_000).cast(pa.timestamp("us", "UTC"))
    sheet.add("atualizado_em", render.moments(updated, "%Y-%m-%d"), true_updated)
    older = {
        "telefone": Spoil(lambda rows: render.digits(phone[rows] // 10 * 10 + (phone[rows] + 1) % 10, 11)),
        "atualizado_em": Spoil(lambda rows: render.moments(updated[rows] - 20 * render.DAY_SECONDS, "%Y-%m-%d")),
    }
    return Customers(sheet.finish(CUSTOMERS_FILE, older), place, sheet.rejected)


def _add_person(sheet: Sheet, rng: np.random.Generator, count: int) -> None:
    names = [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES]
    index = rng.integers(0, len(names), count)
    _add_name(sheet, rng, names, index)
    _add_cpf(sheet, rng, count)
    _add_email(sheet, rng, names, index)
    _add_birth(sheet, rng, count)


def _add_name(sheet: Sheet, rng: np.random.Generator, names: list[str], index: Ints) -> None:
    name = render.pick(names, index)
    spoils = {
        "utf8_dobrado": twice_encoded(names, index),
        "espacos": padded(rng, name),
        "sentinela": words(rng, "Sigiloso", "NULL", ""),
    }
    sheet.add("nome", name, name, spoils)


def _add_cpf(sheet: Sheet, rng: np.random.Generator, count: int) -> None:
    bases = (np.arange(count + 10) * CPF_STEP + int(rng.integers(0, 10**9))) % 10**9
    cpf = render.cpf_numbers(bases[bases % 111_111_111 != 0][:count])
    digits = render.digits(cpf, 11)
    wrong = cpf // 10 * 10 + (cpf % 10 + rng.integers(1, 10, count)) % 10

    def written(rows: Ints) -> pa.Array:
        part = [pc.utf8_slice_codeunits(digits.take(pa.array(rows)), start, start + 3) for start in (0, 3, 6)]
        return render.join(part[0], ".", part[1], ".", part[2], "-", render.digits(cpf[rows] % 100, 2))

    spoils = {
        "digito_falso": Spoil(lambda rows: render.digits(wrong[rows], 11)),
        "ausente": words(rng, "", "NULL", "0", "Sigiloso"),
        "zeros_perdidos": Spoil(
            lambda rows: pc.cast(pa.array(cpf[rows]), pa.string()), where=(cpf >= 10**8) & (cpf < 10**10)
        ),
        "formato": Spoil(written),
    }
    sheet.add("cpf", digits, digits, spoils)


def _add_email(sheet: Sheet, rng: np.random.Generator, names: list[str], index: Ints) -> None:
    folded = [bare(text).lower().replace(" ", ".") for text in names]
    user = render.join(render.pick(folded, index), render.digits(np.arange(len(index)), 0))
    domain = rng.integers(0, len(MAIL_DOMAINS), len(index))
    domain_text = render.pick(MAIL_DOMAINS, domain)
    email = render.join(user, "@", domain_text)

    def at(parts: tuple[str, str]) -> Spoil:
        return Spoil(
            lambda rows: render.join(user.take(pa.array(rows)), parts[0], domain_text.take(pa.array(rows)), parts[1])
        )

    loud = [text.upper() for text in MAIL_DOMAINS]
    spoils = {
        "invalido": mixed(rng, at(("", "")), at((" @", "")), at(("@", ".")), at(("@@", ""))),
        "ausente": words(rng, "", "NULL"),
        "dominio_em_maiusculas": Spoil(
            lambda rows: render.join(user.take(pa.array(rows)), "@", render.pick(loud, domain[rows]))
        ),
    }
    sheet.add("email", email, email, spoils)


def _add_birth(sheet: Sheet, rng: np.random.Generator, count: int) -> None:
    birth = rng.integers(BIRTH_FIRST_DAY, BIRTH_LAST_DAY, count)
    year = render.dates(birth, "%Y")
    spoils = {
        "data_impossivel": Spoil(
            lambda rows: render.join(
                render.pick(("31/02/", "30/02/", "31/04/"), rng.integers(0, 3, len(rows))), year.take(pa.array(rows))
            )
        ),
        "sentinela": words(rng, "1111-11-11", "NULL", "Sigiloso"),
        "data_futura": words(rng, "01/01/3000", "3000-12-31"),
        "formato": mixed(
            rng,
            Spoil(lambda rows: render.dates(birth[rows], "%Y-%m-%d")),
            Spoil(lambda rows: render.dates(birth[rows], "%Y%m%d")),
        ),
    }
    true_birth = pa.array(birth.astype(np.int32)).cast(pa.date32())
    sheet.add("nascimento", render.dates(birth, "%d/%m/%Y"), true_birth, spoils)


def _add_contact(sheet: Sheet, rng: np.random.Generator, place: Ints) -> Ints:
    local = 900_000_000 + rng.integers(0, 10**8, sheet.count)
    phone = np.array([city.area_code for city in PLACES])[place] * 10**9 + local
    impossible = rng.choice(np.array(IMPOSSIBLE_AREA_CODES), sheet.count) * 10**9 + local

    def written(open_area: str, close_area: str) -> Spoil:
        return Spoil(
            lambda rows: render.join(
                open_area,
                render.digits(phone[rows] // 10**9, 2),
                close_area,
                render.digits(phone[rows] // 10**4 % 10**5, 5),
                "-",
                render.digits(phone[rows] % 10**4, 4),
            )
        )

    spoils = {
        "ddd_impossivel": Spoil(lambda rows: render.digits(impossible[rows], 11)),
        "ausente": words(rng, "", "NULL"),
        "formato": mixed(rng, written("(", ") "), written("+55 ", " "), written("", " ")),
    }
    sheet.add("telefone", render.digits(phone, 11), render.join("+55", render.digits(phone, 11)), spoils)
    return phone


def _add_address(sheet: Sheet, rng: np.random.Generator, place: Ints) -> None:
    first = np.array([city.cep_first for city in PLACES])
    last = np.array([city.cep_last for city in PLACES])
    part = rng.random(sheet.count)
    cep = first[place] + (part * (last - first)[place]).astype(np.int64)
    states = [city.state for city in PLACES]
    elsewhere = np.array([next(i for i, state in enumerate(states) if state != own) for own in states])[place]
    foreign = first[elsewhere] + (part * (last - first)[elsewhere]).astype(np.int64)
    spoils = {
        "outro_estado": Spoil(lambda rows: render.digits(foreign[rows], 8)),
        "zeros_perdidos": Spoil(lambda rows: pc.cast(pa.array(cep[rows]), pa.string()), where=cep < 10**7),
        "formato": Spoil(
            lambda rows: render.join(render.digits(cep[rows] // 1000, 5), "-", render.digits(cep[rows] % 1000, 3))
        ),
    }
    sheet.add("cep", render.digits(cep, 8), render.digits(cep, 8), spoils)
    add_city(sheet, rng, place)


def add_city(sheet: Sheet, rng: np.random.Generator, place: Ints) -> None:
    """The columns `cidade` (silver: `municipio`, the IBGE code) and `uf`."""
    city = render.pick([item.name for item in PLACES], place)
    true_code = render.pick([item.code for item in PLACES], place)
    sheet.add("cidade", city, true_code, city_spoils(rng, place), silver="municipio")
    state = render.pick([item.state for item in PLACES], place)
    sheet.add("uf", state, state, {"caixa": lower(state), "desconhecida": words(rng, "XX", "ZZ")})
