"""The lists of the simulated sites: the same rows wherever they are made."""

from __future__ import annotations

import hashlib
import uuid

from afluente_agent.list_format import Form, Packer, hash_text, key_digest, key_text, row_digest
from afluente_agent.protocol.messages import Kind

COLUMNS = tuple(f"c{place:02}" for place in range(1, 40))
LIST = "hipertensos"
SCHEMA = "5c4e3a"
CHANGED_SHARE = 0.01


def site_name(number: int) -> str:
    return f"s{number:05}"


def seed(site: str) -> bytes:
    """The private key of a site's agent."""
    return hashlib.sha256(f"rush {site}".encode()).digest()


def base_id(site: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"base {site}"))


def delta_id(site: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"delta {site}"))


def changed_rows(rows: int) -> int:
    return max(1, round(rows * CHANGED_SHARE))


def values(site: str, row: int, *, day: int = 0, rows: int = 0) -> list[str]:
    """A row's values; on day 1 the last one of every row that changed is another."""
    digest = hashlib.blake2b(f"{site} {row}".encode(), digest_size=39).hexdigest()
    cells = [f"{site}{row:07}", *(f"{place}-{digest[place * 2 - 2 : place * 2 + 6]}" for place in range(2, 40))]
    if (
        day
        and row % max(1, rows // changed_rows(rows)) == 0
        and row // max(1, rows // changed_rows(rows)) < changed_rows(rows)
    ):
        cells[-1] += f" day {day}"
    return cells


def keyed(cells: list[str]) -> tuple[bytes, bytes, bytes]:
    """The key, the hash and the fields of a row, as text of COPY."""
    fields = "\t".join(cells).encode()
    return key_text(key_digest(cells[0].encode())), hash_text(row_digest(fields)), fields


def delta(site: str, rows: int) -> tuple[int, bytes]:
    """What changed on day 1: its lines, and how many they are."""
    today = [values(site, row, day=1, rows=rows) for row in range(rows)]
    return packed("delta", [cells for cells in today if cells[-1].endswith("day 1")])


def packed(kind: Kind, rows: list[list[str]]) -> tuple[int, bytes]:
    """How many rows, and their list as it travels."""
    form = Form(kind == "full", (0,))
    packer = Packer(form)
    lines = form.text_of(["\t".join(cells).encode() for cells in rows])
    return len(rows), packer.pack(lines) + packer.finish()
