"""The reference projects: what each is called, what it shows, and where it stands.

Invariant: an example is copied whole or not at all into a folder that held nothing, and never run in its own place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean

LEFT_OUT = frozenset(
    {"lake", ".afluente", "verdade", "releases", "received", "chaves", "agentes", "pec", "__pycache__"}
)
"""Folders that a run in the example's own place leaves behind."""

MIN_ROWS = 3_000
_SIMULATED_ROWS = re.compile(r"(\brows:\s*)\d[\d_]*")


@dataclass(frozen=True, slots=True)
class Glimpse:
    """How the first rows of a gold table are shown. `order` pairs a column with whether it goes down."""

    table: str
    columns: tuple[str, ...]
    order: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A reference project. `data_variable` names the folder of real data it reads; empty when it simulates its own.

    `rows` is how many orders the demo simulates unless it is told: fewer than the project, since somebody waits. With
    `has_partner` its product is released to a partner played on this machine. `story` names a module whose `run_story`
    plays the example instead of a run of its river.
    """

    name: str
    summary: str
    glimpses: tuple[Glimpse, ...]
    rows: int | None = None
    has_partner: bool = False
    data_variable: str = ""
    data_origin: str = ""
    story: str = ""


EXAMPLES: Mapping[str, Example] = {
    example.name: example
    for example in (
        Example(
            "ouchhungry",
            "a food-delivery company turns dirty exports into a brand's sales and delivers them to it (simulated data)",
            (
                Glimpse(
                    "gold.vendas_dia",
                    ("dia", "cidade", "uf", "produto", "unidades", "clientes", "receita"),
                    (("receita", True), ("dia", False), ("produto_id", False), ("municipio", False)),
                ),
                Glimpse(
                    "gold.vendas_mes_cidade",
                    ("mes", "cidade", "uf", "marca", "preco_medio", "unidades", "clientes", "receita"),
                    (("mes", False), ("receita", True), ("municipio", False), ("marca", False)),
                ),
                Glimpse(
                    "gold.participacao_segmento",
                    ("mes", "uf", "segmento", "posicao", "marca", "receita", "participacao_receita"),
                    (("mes", True), ("receita", True), ("uf", False), ("marca", False)),
                ),
            ),
            rows=100_000,
            has_partner=True,
        ),
        Example(
            "olist",
            "a marketplace's nine CSV files become sales by month and state (real data, from a folder given as DATA)",
            (
                Glimpse(
                    "gold.vendas_mes_uf",
                    ("mes", "uf", "pedidos", "itens", "receita"),
                    (("receita", True), ("mes", False), ("uf", False)),
                ),
            ),
            data_variable="DATA",
            data_origin="Kaggle olistbr/brazilian-ecommerce",
        ),
        Example(
            "transmissor",
            "a health NGO's hub, its central database and the agents of 24 municipalities: loads, a rush, silences, updates",
            (),
            story="afluente.demo.transmissor.story",
        ),
    )
}


def find_example(name: str) -> Example:
    """The example of this name; UsageError names the nearest."""
    if name not in EXAMPLES:
        hint = did_you_mean(name, EXAMPLES) or f"there are: {', '.join(EXAMPLES)}"
        raise UsageError("demo.unknown", f"there is no reference project {name!r}", hint=hint)
    return EXAMPLES[name]


def copy_example(name: str, folder: Path) -> None:
    """Copy an example's files into a folder that is new or empty."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                "demo.not_empty", f"{folder} exists and is not an empty folder", hint="name another one with --into"
            )
        _copy(_origin(name), folder)
    except OSError as error:
        raise UsageError("demo.unwritable", f"{folder} cannot be written: {error.strerror}") from error


def check_rows(example: Example, rows: int) -> None:
    """Refuse a number of rows that the example cannot simulate."""
    if example.data_variable:
        raise UsageError(
            "demo.rows", f"{example.name} reads real data, of which --rows takes no part", hint="leave --rows out"
        )
    if example.story:
        raise UsageError("demo.rows", f"{example.name} simulates no orders", hint="leave --rows out")
    if rows < MIN_ROWS:
        raise UsageError(
            "demo.rows", f"{rows} rows are too few to show anything", hint=f"give --rows {MIN_ROWS} or more"
        )


def set_simulated_rows(folder: Path, rows: int) -> None:
    """Make the simulator of a copied example give this many rows; nothing else of its settings changes."""
    path = folder / "afluente.yaml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [_SIMULATED_ROWS.sub(rf"\g<1>{rows}", line) if _is_simulated(line) else line for line in lines]
    path.write_text("".join(changed), encoding="utf-8")


def _is_simulated(line: str) -> bool:
    return "connector: simulator" in line and not line.lstrip().startswith("#")


def _origin(name: str) -> Traversable:
    """In the wheel beside the code; in a checkout in the repository's folder `examples`."""
    package = files("afluente")
    checkout = Path(str(package)).parent.parent / "examples"
    for folder in (package / "examples", checkout):
        if (folder / name / "afluente.yaml").is_file():
            return folder / name
    raise UsageError(
        "demo.not_packed", f"the files of {name!r} are not part of this installation", hint="install afluente again"
    )


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.name in LEFT_OUT:
            continue
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())
