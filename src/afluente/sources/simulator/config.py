"""Options of the connector `simulator`, read into a frozen dataclass. Imports nothing heavy.

    table: produtos | clientes | transacoes
    seed: 20260701          the same seed gives the same bytes
    rows: 200000            orders, before some are repeated; a tenth as many customers
    months: 6               one file of orders each
    first_month: "2026-01"
    dirt_scale: 1           multiplies every share; 0 gives clean files
    dirt: {clientes.cpf.digito_falso: 0.05}     a share by name: table.column.kind, or table.kind for whole rows
    truth: verdade          folder, relative to the project, for verdade_<table>.parquet

The sources of one company must agree in everything but `table`: orders refer to its customers and products.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from afluente.core.errors import Problem
from afluente.project.settings import SourceSettings
from afluente.sources.options import Options
from afluente.sources.simulator.dirt import CATALOGUE, ROW_SHARES, TABLES, Shares, TableKey, kinds

DEFAULT_SEED = 20260701
_MAX_MONTHS = 120
_MAX_ROWS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """A simulated table. `truth` is a folder relative to the project."""

    table: TableKey
    seed: int
    rows: int
    months: int
    first_month: str
    dirt_scale: float
    dirt: Mapping[str, float]
    truth: str

    @property
    def shares(self) -> Shares:
        return Shares(self.dirt, self.dirt_scale)

    @property
    def digest(self) -> str:
        """Changes when the files would change."""
        asked = [
            self.table,
            self.seed,
            self.rows,
            self.months,
            self.first_month,
            self.dirt_scale,
            sorted(self.dirt.items()),
        ]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def parse(settings: SourceSettings) -> Config | list[Problem]:
    """The options, or every mistake in them."""
    options = Options(settings)
    if not options.has("table"):
        options.refuse("option 'table' is missing", f"add table: one of {', '.join(TABLES)}", code="option_missing")
    config = Config(
        table=cast("TableKey", options.choice("table", TABLES, TABLES[0])),
        seed=options.integer("seed", DEFAULT_SEED),
        rows=options.integer("rows", 200_000, minimum=1, maximum=_MAX_ROWS),
        months=options.integer("months", 6, minimum=1, maximum=_MAX_MONTHS),
        first_month=options.text("first_month", "2026-01"),
        dirt_scale=options.number("dirt_scale", 1),
        dirt=_dirt(options),
        truth=options.text("truth", "verdade"),
    )
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", config.first_month):
        options.refuse(f"option 'first_month' is {config.first_month!r}, which is not a month as 2026-01")
    _refuse_full_columns(config.shares, options)
    options.finish()
    return options.problems or config


def _dirt(options: Options) -> dict[str, float]:
    section = options.section("dirt")
    if section is None:
        return {}
    given = {}
    for name in kinds():
        is_given = section.has(name)
        share = section.number(name, 0)
        if share > 1:
            section.refuse(f"option 'dirt.{name}' is {share:g}, which is not a share between 0 and 1")
        elif is_given:
            given[name] = share
    section.finish()
    return given


def _refuse_full_columns(shares: Shares, options: Options) -> None:
    for table in TABLES:
        wanted: dict[str, float] = {
            f"{table} (whole rows)": sum(shares.of_row(table, kind) for kind in ROW_SHARES[table])
        }
        for dirt in CATALOGUE[table]:
            if not dirt.is_consequence:
                name = f"{table}.{dirt.column}"
                wanted[name] = wanted.get(name, 0) + shares.of_cell(table, dirt)
        for name, total in wanted.items():
            if total > 1:
                options.refuse(
                    f"the shares of dirt of {name} add up to {total:.2f}, more than 1", "lower them or dirt_scale"
                )
