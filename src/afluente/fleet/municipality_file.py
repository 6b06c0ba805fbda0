"""The file of municipalities to enrol: CSV with code IBGE, name, UF, and optionally contact, time zone and ring.

Invariant: a file is taken whole or not at all; a mistake is told with its line, and no value of a contact.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from afluente.conform.types.place import fold, municipality_keys
from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean
from afluente.fleet.refusal import FleetError
from afluente.fleet.rings import ring_of
from afluente.fleet.sites import DEFAULT_TIMEZONE, NewSite

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "code": ("codigo_ibge", "ibge", "codigo", "municipality", "code"),
    "name": ("nome", "name", "municipio", "município"),
    "uf": ("uf", "estado", "state"),
    "contact": ("contato", "contact", "telefone", "email"),
    "timezone": ("fuso_horario", "fuso", "timezone"),
    "ring": ("anel", "ring"),
}
STATES: Mapping[str, str] = {
    "11": "RO", "12": "AC", "13": "AM", "14": "RR", "15": "PA", "16": "AP", "17": "TO", "21": "MA", "22": "PI",
    "23": "CE", "24": "RN", "25": "PB", "26": "PE", "27": "AL", "28": "SE", "29": "BA", "31": "MG", "32": "ES",
    "33": "RJ", "35": "SP", "41": "PR", "42": "SC", "43": "RS", "50": "MS", "51": "MT", "52": "GO", "53": "DF",
}  # fmt: skip
"""The first two digits of a code IBGE. Source: IBGE, Divisão Territorial Brasileira."""
TIMEZONES: Mapping[str, str] = {
    "AC": "America/Rio_Branco",
    "AM": "America/Manaus",
    "RO": "America/Porto_Velho",
    "RR": "America/Boa_Vista",
    "MT": "America/Cuiaba",
    "MS": "America/Campo_Grande",
}
NORONHA = ("2605459", "America/Noronha")
MOST_BYTES = 4 * 1024 * 1024
MOST_TEXT = 200


def read_municipalities(path: Path, *, rings: Sequence[str] = ()) -> list[NewSite]:
    """The sites to make, in the order of the file; the code IBGE is the id. UsageError.

    `rings` are those of the project; a site of which none is said is in the last.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError("fleet.file", f"{path} cannot be read: {(error.strerror or '').lower()}") from error
    except UnicodeDecodeError as error:
        raise UsageError("fleet.file", f"{path} is not UTF-8", hint="save it as CSV UTF-8") from error
    if len(content) > MOST_BYTES:
        raise UsageError("fleet.file", f"{path} is too large for a list of municipalities")
    header, _, _ = text.partition("\n")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if header.count(";") > header.count(",") else ",")
    places: dict[str, int] = {}
    found: dict[str, NewSite] = {}
    try:
        for cells in reader:
            if not places:
                places = _places(cells, path)
            elif any(cell.strip() for cell in cells):
                told = {name: _cell(cells, at) for name, at in places.items()}
                site = _site(told, path, reader.line_num, rings)
                if site.id in found:
                    raise _wrong(path, reader.line_num, f"municipality {site.id} stands twice")
                found[site.id] = site
    except csv.Error as error:
        raise _wrong(path, reader.line_num, f"not CSV: {error}") from error
    if not found:
        raise UsageError("fleet.file", f"{path} names no municipality", hint="columns: codigo_ibge, nome, uf, contato")
    return list(found.values())


def _places(cells: list[str], path: Path) -> dict[str, int]:
    """Where each column stands."""
    names = [cell.strip().lower() for cell in cells]
    places = {
        column: names.index(known) for column, words in COLUMNS.items() for known in words[::-1] if known in names
    }
    for column in ("code", "name", "uf"):
        if column not in places:
            wanted = COLUMNS[column][0]
            hint = did_you_mean(wanted, names) or "columns: codigo_ibge, nome, uf, contato"
            raise UsageError("fleet.file", f"{path} has no column '{wanted}'", hint=hint)
    return places


def _cell(cells: list[str], at: int) -> str:
    return cells[at].strip() if at < len(cells) else ""


def _site(told: Mapping[str, str], path: Path, line: int, rings: Sequence[str]) -> NewSite:
    code, uf = told["code"], told["uf"].upper()
    if not re.fullmatch(r"[0-9]{7}", code) or code[:2] not in STATES:
        raise _wrong(path, line, f"'{code[:20]}' is not a code IBGE of 7 digits")
    if STATES[code[:2]] != uf:
        raise _wrong(path, line, f"municipality {code} is of {STATES[code[:2]]}, not of '{uf[:10]}'")
    known = _known_to_ibge()
    meant = known.get(f"{uf}:{fold(told['name'])}", code)
    if f"#{code}" not in known and meant != code:
        raise _wrong(path, line, f"IBGE has no municipality {code}; {told['name'][:60]} ({uf}) is {meant}")
    if not told["name"] or any(len(text) > MOST_TEXT or "\n" in text for text in told.values()):
        raise _wrong(path, line, "a name is missing, or a value is too long")
    usual = NORONHA[1] if code == NORONHA[0] else TIMEZONES.get(uf, DEFAULT_TIMEZONE)
    timezone = told.get("timezone") or usual
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _wrong(path, line, f"there is no time zone '{timezone[:40]}'") from None
    try:
        ring = ring_of(told.get("ring", ""), rings)
    except FleetError as error:
        raise _wrong(path, line, error.message) from None
    return NewSite(
        id=code,
        municipality=code,
        uf=uf,
        name=told["name"],
        ring=ring,
        timezone=timezone,
        contact=told.get("contact", ""),
    )


@cache
def _known_to_ibge() -> Mapping[str, str]:
    """Codes by `#code` and by `UF:name`. A municipality that IBGE made since is enrolled under a name it has not."""
    return dict(municipality_keys())


def _wrong(path: Path, line: int, message: str) -> UsageError:
    return UsageError("fleet.file", f"{path} line {line}: {message}", hint="nothing was enrolled; mend the line")
