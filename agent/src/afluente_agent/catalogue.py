"""The catalogue of lists: a document of the hub that says what may be read from PEC, how much, and as what it leaves.

The body is JSON: `name`, `version` and `lists`, each a ListQuery. A value leaves PEC only through a column that
stands here, of the type and the identity class that stand here; a column with `pseudonym` leaves as an HMAC of the
project's key, never as itself.

Invariant: nothing is read of a body before its signature is checked with a key of the hub; a version is never older
than the newest seen; every list is checked whole before the first is run.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from afluente_agent import documents
from afluente_agent.errors import CatalogueError
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.messages import MAX_TEXT, MessageError, SignedDocument, from_json
from afluente_agent.protocol.pec_range import read_range

MAX_SQL_CHARACTERS = MAX_TEXT * 8
MAX_COLUMNS = 200
MAX_ROWS = 20_000_000
MAX_BYTES = 2 * 1024**3
MAX_SECONDS = 3 * 3600
_NAME = re.compile(r"[a-z][a-z0-9_]{0,57}")
_COLUMN_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_TAKEN_NAMES = frozenset({"site", "op", "row_key", "row_hash", "updated_at"})

ColumnType = Literal["text", "integer", "number", "boolean", "date", "timestamp"]
IdentityClass = Literal["none", "key", "name", "cpf", "cns", "birth", "contact", "address", "professional"]


@dataclass(frozen=True, slots=True)
class Column:
    """`identity` says what the value tells of a person; `pseudonym` that it leaves as a pseudonym of that class."""

    name: str
    type: ColumnType
    identity: IdentityClass = "none"
    pseudonym: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """For lists that grow with time: only days from the newest sent less `overlap_days` are read again.

    `column` is an integer column of days (yyyymmdd). Rows older than the window are read again with the whole list,
    every `full_every_days`: that is when an edit or a deletion further back is seen.
    """

    column: str
    overlap_days: int = 60
    full_every_days: int = 30


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One list. `key` names the columns that tell its rows apart; `pec` the versions of PEC it was written for."""

    name: str
    sql: tuple[str, ...]
    """The lines of one SELECT."""
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    purpose: str
    most_rows: int
    most_seconds: int
    most_bytes: int
    pec: str = ""
    """Such as `>=5.2,<5.4` (see `protocol/pec_range.py`); empty is every version."""
    window: Window | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.sql)

    def fits(self, pec_version: str) -> bool:
        """Whether the query was made for this version of PEC."""
        return read_range(self.pec).has(pec_version)


@dataclass(frozen=True, slots=True)
class Catalogue:
    name: str
    version: int
    lists: tuple[ListQuery, ...]

    def for_version(self, pec_version: str) -> tuple[ListQuery, ...]:
        """The lists made for this version of PEC, one of each name."""
        return tuple(query for query in self.lists if query.fits(pec_version))

    def outgrown(self, pec_version: str) -> tuple[str, ...]:
        """The names of the lists of which this version of PEC is newer than every one they were written for."""
        reached = {query.name for query in self.lists if not read_range(query.pec).is_past(pec_version)}
        return tuple(dict.fromkeys(query.name for query in self.lists if query.name not in reached))


def open_catalogue(document: SignedDocument, *, hub_keys: Collection[str], newest_version: int) -> Catalogue:
    """Check a document and read it. `newest_version` is the newest ever taken, 0 for none. CatalogueError."""
    documents.check(document, kind=documents.CATALOGUE, hub_keys=tuple(hub_keys))
    catalogue = read_catalogue(document.body)
    if catalogue.version < newest_version:
        raise CatalogueError(
            fact_codes.CATALOGUE_DOWNGRADE,
            f"o catálogo {catalogue.version} é mais antigo que o {newest_version}, já recebido",
            f"catalogue {catalogue.version} is older than {newest_version}",
            "Nada foi lido do PEC com ele. Avise a equipe da central.",
        )
    return catalogue


def read_catalogue(body: str) -> Catalogue:
    """The catalogue of a body that is trusted already. CatalogueError."""
    try:
        catalogue = from_json(Catalogue, body.encode(), is_strict=True)
    except MessageError as error:
        raise _refused("o catálogo não tem a forma esperada", f"the catalogue is not well formed: {error}") from None
    for query in catalogue.lists:
        fault = _fault(query)
        if fault:
            name = query.name if _NAME.fullmatch(query.name) else "?"
            raise _refused(f"a lista {name} do catálogo não pode ser usada", f"list {name}: {fault}")
    for first, second in itertools.combinations(catalogue.lists, 2):
        if first.name == second.name and read_range(first.pec).meets(read_range(second.pec)):
            raise _refused(
                f"a lista {first.name} está duas vezes no catálogo para a mesma versão do PEC",
                f"list {first.name} stands twice for one version of PEC",
            )
    return catalogue


def _fault(query: ListQuery) -> str:
    names = [column.name for column in query.columns]
    checks = (
        (_NAME.fullmatch(query.name), "its name is not a plain identifier"),
        (query.purpose.strip(), "it has no purpose"),
        (0 < len(query.text) <= MAX_SQL_CHARACTERS, "its text is empty or too long"),
        (0 < len(names) <= MAX_COLUMNS, "it has no columns or too many"),
        (len(set(names)) == len(names), "a column stands twice"),
        (all(_COLUMN_NAME.fullmatch(name) for name in names), "a column's name is not a plain identifier"),
        (not _TAKEN_NAMES & set(names), "a column has a name of the loader"),
        (query.key and set(query.key) <= set(names), "its key is not among its columns"),
        (len(set(query.key)) == len(query.key), "a key column stands twice"),
        (all(c.type == "text" for c in query.columns if c.pseudonym), "a pseudonym is not of type text"),
        (all(c.identity != "none" for c in query.columns if c.pseudonym), "a pseudonym has no identity class"),
        (0 < query.most_rows <= MAX_ROWS, "its limit of rows is out of bounds"),
        (0 < query.most_seconds <= MAX_SECONDS, "its limit of time is out of bounds"),
        (0 < query.most_bytes <= MAX_BYTES, "its limit of bytes is out of bounds"),
        (
            _is_range(query.pec),
            "its `pec` is no range of versions such as '>=5.2,<5.4'",
        ),
        (query.window is None or _is_window(query, query.window), "its window is not over an integer column of days"),
    )
    return next((fault for is_good, fault in checks if not is_good), "")


def _is_window(query: ListQuery, window: Window) -> bool:
    is_column = any(c.name == window.column and c.type == "integer" and not c.pseudonym for c in query.columns)
    return is_column and 1 <= window.overlap_days <= 3650 and 1 <= window.full_every_days <= 366


def _is_range(text: str) -> bool:
    try:
        read_range(text)
    except ValueError:
        return False
    return True


def _refused(message_pt: str, message_en: str) -> CatalogueError:
    return CatalogueError(
        fact_codes.CATALOGUE_REFUSED, message_pt, message_en, "Nada foi lido do PEC com ele. Avise a equipe da central."
    )
