"""One person as those who erase know them: the identifiers given, every form they were found in, and their marks.

Invariant: a value of a person is never in an error, a log or a certificate; what leaves this module is an HMAC of it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.project.settings import Project

_SHORTEST_TOKEN = 6
_SHORTEST_DIGITS = 8
GAP = r"[\s.\-/()]{0,2}"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """A value that tells the person in a column of a silver table, as it was given."""

    table: TableName
    column: str
    value: str = field(repr=False)


@dataclass(slots=True)
class Tokens:
    """Texts that stand for the person. `strong` are theirs alone; `weak` (a name, a shared phone) may be another's."""

    strong: set[str] = field(default_factory=set)
    weak: set[str] = field(default_factory=set)

    def pattern(self) -> re.Pattern[str] | None:
        """Finds any strong one in a text, digits with or without punctuation; None when there is nothing to find."""
        forms = sorted({form for text in self.strong for form in _forms(text)}, key=lambda form: (-len(form), form))
        return re.compile("|".join(forms), re.IGNORECASE) if forms else None


def _forms(text: str) -> Iterable[str]:
    stripped = text.strip()
    digits = re.sub(r"\D", "", stripped)
    is_number = len(digits) >= _SHORTEST_DIGITS and not re.search(r"[^\d\s.\-/()+]", stripped)
    if is_number:
        yield rf"(?<!\d){GAP.join(digits)}(?!\d)"
        return
    if len(stripped) < _SHORTEST_TOKEN:
        return
    for form in {stripped, json.dumps(stripped)[1:-1]}:
        yield r"(?<!\w)" + r"\s+".join(re.escape(word) for word in form.split()) + r"(?!\w)"


def parse_identifiers(given: Mapping[str, str], project: Project) -> tuple[Identifier, ...]:
    """Read `{"silver.clientes.cpf": "…"}`; UsageError names what does not exist, never a value."""
    if not given:
        raise UsageError(
            "erase.no_identifier",
            "nobody can be found without an identifier",
            hint="give one such as silver.clientes.cpf=… or a subject file",
        )
    contracts = {contract.table: contract for contract in project.contracts}
    found = []
    for name, value in given.items():
        prefix, _, column = name.rpartition(".")
        try:
            table = TableName.parse(prefix)
        except ValueError:
            raise UsageError(
                "erase.identifier_unknown",
                f"{name!r} is not written layer.table.column",
                hint="such as silver.clientes.cpf",
            ) from None
        if table not in contracts:
            raise UsageError(
                "erase.identifier_unknown",
                f"no contract describes {table}",
                hint=did_you_mean(prefix, [str(known) for known in contracts]),
            )
        columns = [one.name for one in contracts[table].columns]
        if column not in columns:
            raise UsageError(
                "erase.identifier_unknown", f"{table} has no column {column!r}", hint=did_you_mean(column, columns)
            )
        if not value.strip():
            raise UsageError("erase.identifier_empty", f"the value for {name} is empty", hint="give the identifier")
        found.append(Identifier(table, column, value.strip()))
    return tuple(found)


def read_subject(path: Path) -> dict[str, str]:
    """A subject file: a JSON object from `layer.table.column` to the value, so that no shell keeps the value."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "it is not JSON in UTF-8"
        raise UsageError(
            "erase.subject_file",
            f"the subject file {path.name} cannot be read: {reason}",
            hint='write {"silver.clientes.cpf": "…"} as JSON',
        ) from None
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise UsageError(
            "erase.subject_file",
            f"the subject file {path.name} is not an object of texts",
            hint='write {"silver.clientes.cpf": "…"} as JSON',
        )
    return content


def fingerprint(key: bytes, *, domain: str, value: str) -> str:
    """HMAC-SHA256 of a canonical value; `domain` (a column or a format) keeps equal texts of two kinds apart."""
    return hmac.new(key, f"{domain}\0{value}".encode(), hashlib.sha256).hexdigest()
