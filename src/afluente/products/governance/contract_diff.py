"""Two versions of a contract set against each other: what changed, whom it breaks, and the version that asks for.

Invariant: every difference between the two that a consumer can notice is one Change; a change that could make code
written against the old version fail or misread is breaking.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from afluente.conform.given_contract import given_contract
from afluente.core.language import Message
from afluente.project.contract import Bounds, Column, Contract, QualityRule

Impact = Literal["breaking", "addition", "note"]
Bump = Literal["major", "minor", "patch", "none"]

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:[-+].*)?")
_WIDER = {
    "tinyint": 1,
    "smallint": 2,
    "int": 3,
    "integer": 3,
    "bigint": 4,
    "long": 4,
}
_FLOATS = {"float": 1, "real": 1, "double": 2}
_DECIMAL = re.compile(r"(?:decimal|numeric)\((\d+),\s*(\d+)\)")
_RESTRICTED = ("public", "internal", "quasi_identifier", "sensitive", "direct_identifier")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `subject` is a column, or empty for the whole table; `code` is stable (`column.removed`)."""

    code: str
    impact: Impact
    subject: str
    text: Message


@dataclass(frozen=True, slots=True)
class ContractDiff:
    """`bump` is what semantic versioning asks for; `needed` the lowest version that honours it."""

    contract: str
    old_version: str
    new_version: str
    changes: tuple[Change, ...]
    bump: Bump
    needed: str

    @property
    def breaking(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.impact == "breaking")

    @property
    def is_breaking(self) -> bool:
        return bool(self.breaking)

    @property
    def is_version_right(self) -> bool:
        """Whether the new version's number says at least as much as the changes do."""
        return _number(self.new_version) >= _number(self.needed)


def read_versions(old: Path, new: Path) -> tuple[Contract, Contract]:
    """The contracts of two files. CheckFailed holds the mistakes of the first that has some."""
    return given_contract(old), given_contract(new)


def compare(old: Contract | Path, new: Contract | Path) -> ContractDiff:
    """What changed from `old` to `new`, breaking changes first."""
    before, after = given_contract(old), given_contract(new)
    found = [*_columns(before, after), *_grain(before, after), *_rules(before, after)]
    if before.table != after.table:
        found.append(
            _change("table.renamed", "breaking", "", "a tabela {0} passa a ser {1}", before.table, after.table)
        )
    order: dict[Impact, int] = {"breaking": 0, "addition": 1, "note": 2}
    changes = tuple(sorted(found, key=lambda change: (order[change.impact], change.subject, change.code)))
    bump = _bump(before, after, changes)
    return ContractDiff(after.id, before.version, after.version, changes, bump, _bumped(before.version, bump))


_ENGLISH = {
    "a tabela {0} passa a ser {1}": "table {0} becomes {1}",
    "a coluna {0} é renomeada para {1}": "column {0} is renamed to {1}",
    "a coluna {0} deixa de existir": "column {0} is removed",
    "a coluna {0} é nova": "column {0} is new",
    "a coluna {0} muda de tipo: de {1} para {2}": "column {0} changes its type: from {1} to {2}",
    "a coluna {0} alarga seu tipo: de {1} para {2}": "column {0} widens its type: from {1} to {2}",
    "a coluna {0} pode passar a vir vazia": "column {0} may come empty from now on",
    "a coluna {0} nunca mais vem vazia": "column {0} never comes empty any more",
    "a coluna {0} muda de formato: de {1} para {2}": "column {0} changes its format: from {1} to {2}",
    "a coluna {0} muda de unidade: de {1} para {2}": "column {0} changes its unit: from {1} to {2}",
    "a coluna {0} deixa de ter os valores {1}": "column {0} no longer has the values {1}",
    "a coluna {0} pode ter os valores novos {1}": "column {0} may have the new values {1}",
    "a coluna {0} passa a ter só os valores {1}": "column {0} is limited to the values {1}",
    "a coluna {0} pode ter qualquer valor": "column {0} may have any value",
    "a coluna {0} deixa de ser única": "column {0} is no longer unique",
    "a coluna {0} passa a ser única": "column {0} becomes unique",
    "os limites da coluna {0} se alargam": "the limits of column {0} widen",
    "os limites da coluna {0} se estreitam": "the limits of column {0} narrow",
    "a coluna {0} passa de {1} a {2}": "column {0} goes from {1} to {2}",
    "a descrição da coluna {0} muda": "the description of column {0} changes",
    "cada linha passa a ser uma por {1}, não mais por {0}": "a row is one for each {1}, no longer for each {0}",
    "a regra {0} deixa de existir": "rule {0} is removed",
    "a regra {0} fica mais frouxa": "rule {0} is loosened",
    "a regra {0} muda": "rule {0} changes",
    "a regra {0} é nova": "rule {0} is new",
    "a ordem das colunas muda": "the order of the columns changes",
}


def _change(code: str, impact: Impact, subject: str, template: str, *values: object) -> Change:
    said = [str(value) for value in values]
    return Change(code, impact, subject, Message(template.format(*said), _ENGLISH[template].format(*said)))


def _columns(old: Contract, new: Contract) -> list[Change]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    gone = [name for name in before if name not in after]
    come = [name for name in after if name not in before]
    found: list[Change] = []
    for name in list(gone):
        heir = next((other for other in come if _is_same_but_name(before[name], after[other])), None)
        if heir is not None:
            gone.remove(name)
            come.remove(heir)
            found.append(_change("column.renamed", "breaking", name, "a coluna {0} é renomeada para {1}", name, heir))
    found += [_change("column.removed", "breaking", name, "a coluna {0} deixa de existir", name) for name in gone]
    found += [_change("column.added", "addition", name, "a coluna {0} é nova", name) for name in come]
    kept = [name for name in before if name in after]
    for name in kept:
        found += _column(before[name], after[name])
    if kept != [name for name in after if name in before]:
        found.append(_change("table.order", "breaking", "", "a ordem das colunas muda"))
    return found


def _is_same_but_name(old: Column, new: Column) -> bool:
    said = (
        (old.description and old.description == new.description)
        or (old.source == new.source and old.source != old.name)
        or old.primary_key_position
    )
    shape = (old.logical_type, old.physical_type, old.format, old.values, old.primary_key_position)
    return bool(said) and shape == (
        new.logical_type,
        new.physical_type,
        new.format,
        new.values,
        new.primary_key_position,
    )


def _column(old: Column, new: Column) -> list[Change]:
    name = old.name
    found = [*_type(old, new), *_values(old, new), *_bounds(old, new)]
    if old.required and not new.required:
        found.append(_change("column.nullable", "breaking", name, "a coluna {0} pode passar a vir vazia", name))
    if new.required and not old.required:
        found.append(_change("column.required", "addition", name, "a coluna {0} nunca mais vem vazia", name))
    if _format(old) != _format(new):
        said = (_format(old) or "—", _format(new) or "—")
        found.append(
            _change("column.format", "breaking", name, "a coluna {0} muda de formato: de {1} para {2}", name, *said)
        )
    if old.extra.get("unit") != new.extra.get("unit"):
        units = (old.extra.get("unit", "—"), new.extra.get("unit", "—"))
        found.append(
            _change("column.unit", "breaking", name, "a coluna {0} muda de unidade: de {1} para {2}", name, *units)
        )
    if old.unique and not new.unique:
        found.append(_change("column.not_unique", "breaking", name, "a coluna {0} deixa de ser única", name))
    if new.unique and not old.unique:
        found.append(_change("column.unique", "addition", name, "a coluna {0} passa a ser única", name))
    if old.classification != new.classification:
        found.append(
            _change(
                "column.classification",
                "breaking" if _is_stricter(old, new) else "note",
                name,
                "a coluna {0} passa de {1} a {2}",
                name,
                old.classification,
                new.classification,
            )
        )
    if old.description != new.description:
        found.append(_change("column.description", "note", name, "a descrição da coluna {0} muda", name))
    return found


def _is_stricter(old: Column, new: Column) -> bool:
    return _RESTRICTED.index(new.classification) > _RESTRICTED.index(old.classification)


def _type(old: Column, new: Column) -> list[Change]:
    before, after = _type_of(old), _type_of(new)
    if before == after:
        return []
    if _widens(before, after):
        template = "a coluna {0} alarga seu tipo: de {1} para {2}"
        return [_change("column.type_widened", "addition", old.name, template, old.name, before, after)]
    template = "a coluna {0} muda de tipo: de {1} para {2}"
    return [_change("column.type", "breaking", old.name, template, old.name, before, after)]


def _type_of(column: Column) -> str:
    return (column.physical_type or column.logical_type).lower().replace(" ", "")


def _widens(before: str, after: str) -> bool:
    for ladder in (_WIDER, _FLOATS):
        if before in ladder and after in ladder:
            return ladder[before] <= ladder[after]
    old, new = _DECIMAL.fullmatch(before), _DECIMAL.fullmatch(after)
    if old is None or new is None:
        return False
    return int(new[2]) == int(old[2]) and int(new[1]) >= int(old[1])


def _format(column: Column) -> str:
    return "; ".join(part for part in (column.format, *column.formats, column.pattern, column.timezone) if part)


def _values(old: Column, new: Column) -> list[Change]:
    name = old.name
    if old.values == new.values:
        return []
    if old.values and not new.values:
        return [_change("column.values_open", "breaking", name, "a coluna {0} pode ter qualquer valor", name)]
    if not old.values:
        said = ", ".join(new.values)
        template = "a coluna {0} passa a ter só os valores {1}"
        return [_change("column.values_closed", "addition", name, template, name, said)]
    found = []
    if gone := [value for value in old.values if value not in new.values]:
        template = "a coluna {0} deixa de ter os valores {1}"
        found.append(_change("column.value_removed", "breaking", name, template, name, ", ".join(gone)))
    if come := [value for value in new.values if value not in old.values]:
        template = "a coluna {0} pode ter os valores novos {1}"
        found.append(_change("column.value_added", "breaking", name, template, name, ", ".join(come)))
    return found


def _bounds(old: Column, new: Column) -> list[Change]:
    if old.bounds == new.bounds:
        return []
    if _is_looser(old.bounds, new.bounds):
        return [_change("column.bounds_wider", "breaking", old.name, "os limites da coluna {0} se alargam", old.name)]
    return [_change("column.bounds_narrower", "addition", old.name, "os limites da coluna {0} se estreitam", old.name)]


def _is_looser(old: Bounds, new: Bounds) -> bool:
    """Whether a value may come that could not before."""
    low = ((old.minimum, new.minimum), (old.exclusive_minimum, new.exclusive_minimum), (old.min_length, new.min_length))
    high = (
        (old.maximum, new.maximum),
        (old.exclusive_maximum, new.exclusive_maximum),
        (old.max_length, new.max_length),
    )
    if any(before is not None and (after is None or _less(after, before)) for before, after in low):
        return True
    if any(before is not None and (after is None or _less(before, after)) for before, after in high):
        return True
    return old.multiple_of is not None and old.multiple_of != new.multiple_of


def _less(left: str | float, right: str | float) -> bool:
    if isinstance(left, str) or isinstance(right, str):
        return str(left) < str(right)
    return left < right


def _grain(old: Contract, new: Contract) -> list[Change]:
    if old.keys == new.keys:
        return []
    template = "cada linha passa a ser uma por {1}, não mais por {0}"
    said = (", ".join(old.keys) or "—", ", ".join(new.keys) or "—")
    return [_change("table.grain", "breaking", "", template, *said)]


def _rules(old: Contract, new: Contract) -> list[Change]:
    before, after = _named(old), _named(new)
    found = []
    for name, rule in before.items():
        if name not in after:
            found.append(_change("rule.removed", "breaking", name, "a regra {0} deixa de existir", name))
        elif _meaning(rule) != _meaning(after[name]):
            loosened = _is_rule_looser(rule, after[name])
            code, template = (
                ("rule.loosened", "a regra {0} fica mais frouxa") if loosened else ("rule.changed", "a regra {0} muda")
            )
            found.append(_change(code, "breaking" if loosened else "addition", name, template, name))
    found += [
        _change("rule.added", "addition", name, "a regra {0} é nova", name) for name in after if name not in before
    ]
    return found


def _named(contract: Contract) -> dict[str, QualityRule]:
    return {f"{rule.column}.{rule.name}" if rule.column else rule.name: rule for rule in contract.quality}


def _meaning(rule: QualityRule) -> tuple[object, ...]:
    said = (rule.metric, rule.query, rule.unit, rule.severity, rule.checks)
    return (*said, str(dict(rule.arguments)), str(rule.implementation))


def _is_rule_looser(old: QualityRule, new: QualityRule) -> bool:
    severities = ("info", "warning", "error")
    if severities.index(new.severity) < severities.index(old.severity):
        return True
    if [operator for operator, _ in old.checks] != [operator for operator, _ in new.checks]:
        return True
    for (operator, before), (_, after) in zip(old.checks, new.checks, strict=True):
        match operator, before, after:
            case (("mustBeGreaterThan" | "mustBeGreaterOrEqualTo"), float() | int(), float() | int()):
                if after < before:
                    return True
            case (("mustBeLessThan" | "mustBeLessOrEqualTo"), float() | int(), float() | int()):
                if after > before:
                    return True
            case "mustBeBetween", (low, high), (new_low, new_high):
                if new_low < low or new_high > high:
                    return True
            case _:
                if before != after:
                    return True
    return (old.metric, old.query, old.unit) != (new.metric, new.query, new.unit)


def _bump(old: Contract, new: Contract, changes: tuple[Change, ...]) -> Bump:
    impacts = {change.impact for change in changes}
    if "breaking" in impacts:
        return "major"
    if "addition" in impacts:
        return "minor"
    return "patch" if impacts or old.text_sha256 != new.text_sha256 else "none"


def _number(version: str) -> tuple[int, int, int]:
    found = _VERSION.fullmatch(version.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)


def _bumped(version: str, bump: Bump) -> str:
    major, minor, patch = _number(version)
    match bump:
        case "major":
            return f"{major + 1}.0.0"
        case "minor":
            return f"{major}.{minor + 1}.0"
        case "patch":
            return f"{major}.{minor}.{patch + 1}"
        case "none":
            return version
