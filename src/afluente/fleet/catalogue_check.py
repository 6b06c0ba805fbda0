"""The hub's look at a catalogue: before it is signed, and for what a list may hold.

Invariant: nothing is signed that an agent would refuse; a list has one set of columns in a catalogue, whatever versions
of PEC it is read from.
"""

from __future__ import annotations

from functools import lru_cache

import sqlalchemy as sa

from afluente.fleet.refusal import FleetError
from afluente.state.fleet_schema import DOCUMENTS


def check_catalogue(body: str) -> None:
    """FleetError unless the body is a catalogue by the agent's own reading."""
    from afluente_agent.catalogue import read_catalogue
    from afluente_agent.errors import CatalogueError

    try:
        catalogue = read_catalogue(body)
    except CatalogueError as error:
        raise FleetError(
            "fleet.catalogue",
            f"the catalogue cannot be used: {error.message_en}",
            pt=f"o catálogo não pode ser usado: {error.message_pt}",
            hint="mend it and publish again",
        ) from None
    columns: dict[str, tuple[str, ...]] = {}
    for query in catalogue.lists:
        names = tuple(column.name for column in query.columns)
        if columns.setdefault(query.name, names) != names:
            raise FleetError(
                "fleet.catalogue_columns",
                f"list {query.name} has other columns for other versions of PEC",
                pt=f"a lista {query.name} tem outras colunas em outras versões do PEC",
                hint="give a list the same columns everywhere, with NULL where a version has none",
            )


def columns_of(connection: sa.Connection, list_name: str, version: int) -> tuple[str, ...] | None:
    """The columns of a list in a version of the catalogue; None when there is no such list."""
    query = sa.select(DOCUMENTS.c.body).where(DOCUMENTS.c.kind == "catalogue", DOCUMENTS.c.version == version)
    for body in connection.execute(query).scalars():
        found = _columns(body).get(list_name)
        if found is not None:
            return found
    return None


@lru_cache(maxsize=16)
def _columns(body: str) -> dict[str, tuple[str, ...]]:
    from afluente_agent.catalogue import read_catalogue

    return {query.name: tuple(column.name for column in query.columns) for query in read_catalogue(body).lists}
