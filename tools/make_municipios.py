"""Makes `src/afluente/conform/reference/municipios.csv`: every Brazilian municipality with its IBGE code.

Needs the development group (`brutils` for codes and folded names, `phonenumbers` for accents):

    .venv/bin/python tools/make_municipios.py

The output is the same on every machine; README.md beside it says where each column comes from.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

OUTPUT = Path(__file__).parents[1] / "src" / "afluente" / "conform" / "reference" / "municipios.csv"

CREATED_SINCE = {"5101837": ("MT", "Boa Esperança do Norte")}
"""Municipalities newer than the package. Source: IBGE, Divisão Territorial Brasileira 2024."""

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "1100015": ("Alta Floresta do Oeste",),
    "1100098": ("Espigão do Oeste",),
    "1100346": ("Alvorada do Oeste",),
    "1708254": ("Fortaleza do Tabocão",),
    "2401305": ("Augusto Severo", "Augusto Severo (Campo Grande)"),
    "2405306": ("Boa Saúde", "Januário Cicco (Boa Saúde)"),
    "2607604": ("Itamaracá",),
    "2613107": ("São Caetano",),
    "2800100": ("Amparo de São Francisco",),
    "2922250": ("Muquém de São Francisco",),
    "2928505": ("Santa Teresinha",),
    "3108909": ("Brasópolis",),
    "3122900": ("Dona Eusébia",),
    "3159407": ("Santa Rita do Ibitipoca",),
    "3165206": ("São Thomé das Letras",),
    "3300233": ("Armação de Búzios", "Búzios"),
    "3303807": ("Parati",),
    "3515004": ("Embu",),
    "3516101": ("Florínia",),
    "4212809": ("Piçarras",),
    "5107800": ("Santo Antônio do Leverger",),
    "5203500": ("Bom Jesus",),
    "5300108": (
        "Águas Claras",
        "Arniqueira",
        "Brazlândia",
        "Candangolândia",
        "Ceilândia",
        "Cruzeiro",
        "Fercal",
        "Gama",
        "Guará",
        "Itapoã",
        "Jardim Botânico",
        "Lago Norte",
        "Lago Sul",
        "Núcleo Bandeirante",
        "Paranoá",
        "Park Way",
        "Planaltina",
        "Plano Piloto",
        "Recanto das Emas",
        "Riacho Fundo",
        "Riacho Fundo II",
        "Samambaia",
        "Santa Maria",
        "São Sebastião",
        "SCIA",
        "SIA",
        "Sobradinho",
        "Sobradinho II",
        "Sol Nascente",
        "Sudoeste",
        "Taguatinga",
        "Varjão",
        "Vicente Pires",
    ),
}
"""Former and variant names of one municipality, never a guess: the Federal District is not divided into
municipalities (Constitution, article 32), so its administrative regions all mean Brasília."""

SMALL_WORDS = frozenset({"da", "das", "de", "del", "do", "dos", "e"})


def fold(name: str) -> str:
    """The name without accents, case, spaces and signs: `São João d'Aliança` -> `saojoaodalianca`."""
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]", "", bare.lower())


def folded_names() -> dict[str, tuple[str, str]]:
    """IBGE code -> (state, name in lower case without accents), as brutils has them."""
    text = (files("brutils") / "data" / "cities_code.json").read_text(encoding="utf-8")
    return {code: (state, name) for state, cities in json.loads(text).items() for name, code in cities.items()}


def accented_names() -> dict[tuple[str, str], str]:
    """(state, folded name) -> name with accents, from the area descriptions of phonenumbers."""
    from phonenumbers.geodata import GEOCODE_DATA

    names: dict[tuple[str, str], str] = {}
    for prefix in sorted(GEOCODE_DATA):
        if not prefix.startswith("55"):
            continue
        for description in GEOCODE_DATA[prefix].values():
            match = re.fullmatch(r"(.+) - ([A-Z]{2})", description)
            if match is None:
                continue
            key = (match[2], fold(match[1]))
            names[key] = max(names.get(key, ""), match[1], key=_accents)
    return names


def _accents(name: str) -> int:
    return sum(not character.isascii() for character in name)


def _ending(word: str) -> str:
    return re.sub("landia$", "lândia", re.sub("opolis$", "ópolis", word))


def accents_by_word(names: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """Folded word -> its one accented form; words written in several ways are left out."""
    forms: dict[str, set[str]] = defaultdict(set)
    for name in names.values():
        for word in re.findall(r"\w+", name.lower()):
            forms[fold(word)].add(word)
    return {folded: next(iter(words)) for folded, words in forms.items() if len(words) == 1}


def display(name: str) -> str:
    """Brazilian title case: `olho-d'água do borges` -> `Olho-d'Água do Borges`."""

    def capital(match: re.Match[str]) -> str:
        word = match[0].lower()
        is_article = match.start() > 0 and (word in SMALL_WORDS or name[match.end() : match.end() + 1] == "'")
        if re.fullmatch("i|ii|iv|ix|v|vi|xii|xiv", word):
            return word.upper()
        return word if is_article else word.capitalize()

    return re.sub(r"\w+", capital, name.lower())


def municipalities() -> list[tuple[str, str, str, str, str]]:
    """Rows (code, state, display name, folded name, other folded names) in order of code."""
    accented = accented_names()
    words = accents_by_word(accented)
    rows = []
    for code, (state, plain) in folded_names().items():
        found = accented.get((state, fold(plain)), "")
        separators = re.sub(r"\w+", "", plain)
        if found and re.sub(r"\w+", "", found.lower()) == separators:
            written = found
        else:
            written = re.sub(r"\w+", lambda match: words.get(match[0], _ending(match[0])), plain)
        rows.append((code, state, display(written)))
    rows += [(code, state, name) for code, (state, name) in CREATED_SINCE.items()]
    return [
        (code, state, name, fold(name), " ".join(dict.fromkeys(fold(other) for other in OTHER_NAMES.get(code, ()))))
        for code, state, name in sorted(rows)
    ]


def main() -> None:
    with OUTPUT.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("codigo", "uf", "nome", "chave", "outras_chaves"))
        writer.writerows(municipalities())


if __name__ == "__main__":
    main()
