"""The certificate that an erasure leaves: what was found where and what became of it, without the person.

Invariant: identifiers stand in it only as HMACs under a key of this erasure, which is kept beside it and never leaves
the project; who destroys the key makes the certificate anonymous.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from afluente.core.errors import StateError
from afluente.core.language import Language, Message
from afluente.products.governance.erase_landing import Redacted
from afluente.products.governance.erase_tables import Erased
from afluente.products.governance.person_scan import Trace
from afluente.state.json_value import Json

FOLDER = "erasures"
Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Told:
    """A release that gave a partner rows of a table the person was in; LGPD art. 18 § 6 asks to inform them."""

    partner: str
    product: str
    number: int
    output: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an erasure did. `marks` pairs `layer.table.column` with HMACs of the person's values there."""

    id: str
    project: str
    at: datetime
    actor: str
    reason: str
    marks: Mapping[str, tuple[str, ...]]
    tables: tuple[Erased, ...]
    landing: tuple[Redacted, ...]
    state_rows: Mapping[str, int]
    own_files: Mapping[str, int]
    traces: tuple[Trace, ...]
    to_inform: tuple[Told, ...]
    warnings: tuple[str, ...]
    is_dry_run: bool = False

    @property
    def rows(self) -> int:
        """Rows of newest versions that were deleted or anonymised."""
        return sum(table.rows for table in self.tables)

    @property
    def found_anything(self) -> bool:
        """Whether anything of the person was there."""
        counted = (*self.state_rows.values(), *self.own_files.values())
        return bool(self.tables or self.landing or any(counted) or self.traces)

    def to_json(self) -> bytes:
        content: dict[str, Json] = {
            "certificate": self.id,
            "project": self.project,
            "at": self.at.isoformat(),
            "by": self.actor,
            "reason": self.reason,
            "basis": "LGPD art. 18",
            "identifiers_hmac_sha256": {name: list(values) for name, values in sorted(self.marks.items())},
            "tables": [
                {
                    "table": str(one.table),
                    "policy": one.policy,
                    "rows": one.rows,
                    "rows_in_old_versions": one.old_rows,
                    "files_rewritten": one.files,
                    "old_files_deleted": one.old_files,
                    "log_files_deleted": one.log_files,
                    "version": one.version,
                }
                for one in self.tables
            ],
            "landing": [
                {
                    "source": one.source,
                    "sha256_before": one.sha256_before,
                    "sha256_after": one.sha256_after or None,
                    "records": one.records,
                }
                for one in self.landing
            ],
            "state_rows": dict(self.state_rows),
            "own_files": dict(self.own_files),
            "still_found_in": [{"path": one.path, "matches": one.matches} for one in self.traces],
            "partners_to_inform": [
                {"partner": one.partner, "product": one.product, "release": one.number, "output": one.output}
                for one in self.to_inform
            ],
            "warnings": list(self.warnings),
        }
        return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"

    def to_text(self, language: Language) -> str:
        """The certificate for people."""
        lines = [
            (_PLAN if self.is_dry_run else _TITLE).say(language, id=self.id),
            "",
            _WHO.say(language, at=f"{self.at:%Y-%m-%d %H:%M} UTC", by=self.actor, project=self.project),
            _WHY.say(language, reason=self.reason),
            "",
            _TABLES.say(language),
            *(
                (_DELETED if one.policy == "delete" else _ANONYMISED).say(
                    language, table=one.table, rows=one.rows, old=one.old_rows
                )
                for one in self.tables
            ),
            _LANDING.say(language, files=len(self.landing), records=sum(one.records for one in self.landing)),
        ]
        if self.to_inform:
            lines += ["", _INFORM.say(language)]
            lines += [f"- {one.partner}: {one.product} #{one.number} ({one.output})" for one in self.to_inform]
        if self.warnings:
            lines += ["", _BEWARE.say(language), *(f"- {one}" for one in self.warnings)]
        if not self.is_dry_run:
            lines += ["", _STILL.say(language) if self.traces else _NOWHERE.say(language)]
            lines += [f"- {one.path}" for one in self.traces]
        return "\n".join(lines) + "\n"


_TITLE = Message("Certidão de eliminação {id}", "Certificate of erasure {id}")
_PLAN = Message("O que seria eliminado; nada foi", "What would be erased; nothing was")
_BEWARE = Message("Atenção:", "Beware:")
_WHO = Message("Feita em {at} por {by} no projeto {project}.", "Done on {at} by {by} in project {project}.")
_WHY = Message("Motivo: {reason} (LGPD, art. 18).", "Reason: {reason} (LGPD, art. 18).")
_TABLES = Message("O que havia da pessoa:", "What there was of the person:")
_DELETED = Message(
    "- {table}: {rows} linhas apagadas; {old} em versões antigas",
    "- {table}: {rows} rows deleted; {old} in old versions",
)
_ANONYMISED = Message(
    "- {table}: {rows} linhas anonimizadas; {old} em versões antigas",
    "- {table}: {rows} rows anonymised; {old} in old versions",
)
_LANDING = Message(
    "- arquivos recebidos: {files} refeitos sem {records} registros",
    "- files received: {files} made again without {records} records",
)
_INFORM = Message(
    "Parceiros a informar (art. 18, § 6º), que receberam linhas derivadas:",
    "Partners to inform (art. 18 § 6), who received derived rows:",
)
_STILL = Message("Ainda há menções em arquivos que não são do lago:", "Mentions remain in files outside the lake:")
_NOWHERE = Message("Nenhuma menção restou no projeto.", "No mention is left in the project.")


def new_key() -> bytes:
    return secrets.token_bytes(32)


def keep(folder: Path, certificate: Certificate, key: bytes, *, language: Language, sign: Sign | None) -> str:
    """Write certificate, text, key and signature to `folder`; returns the certificate's sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    content = certificate.to_json()
    descriptor = os.open(folder / f"{certificate.id}.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
    (folder / f"{certificate.id}.json").write_bytes(content)
    (folder / f"{certificate.id}.txt").write_text(certificate.to_text(language), encoding="utf-8")
    if sign is not None:
        (folder / f"{certificate.id}.json.sig").write_bytes(sign(content))
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is needed to see whether an erased person came back."""

    id: str
    reason: str
    key: bytes
    marks: Mapping[str, tuple[str, ...]]


def tombstones(folder: Path) -> list[Tombstone]:
    """Those certificates whose key is still there."""
    found = []
    for path in sorted(folder.glob("*.json")):
        key = path.with_suffix(".key")
        if not key.is_file():
            continue
        try:
            content = json.loads(path.read_bytes())
            marks = {name: tuple(values) for name, values in content["identifiers_hmac_sha256"].items()}
            found.append(
                Tombstone(content["certificate"], content["reason"], bytes.fromhex(key.read_text("ascii")), marks)
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(
                "erase.certificate_damaged",
                f"the certificate {path.name} cannot be read",
                hint="restore it from a backup; its sha256 stands in the audit log",
            ) from error
    return found
