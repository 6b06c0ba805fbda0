"""Columns and types that are not what the last release or the contract had."""

from __future__ import annotations

from dataclasses import dataclass

from afluente.watch.checks import Outcome, Schema, SchemaCheck, breach


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """What became of the columns. `retyped` are name, type before and type now."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()
    is_reordered: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.retyped or self.is_reordered)


def compare_schemas(expected: Schema, found: Schema) -> SchemaChange:
    before, now = dict(expected), dict(found)
    kept_before = [name for name, _ in expected if name in now]
    kept_now = [name for name, _ in found if name in before]
    return SchemaChange(
        added=tuple(name for name in now if name not in before),
        removed=tuple(name for name in before if name not in now),
        retyped=tuple((name, before[name], now[name]) for name in kept_before if before[name] != now[name]),
        is_reordered=kept_before != kept_now,
    )


def check_schema(check: SchemaCheck) -> Outcome:
    change = compare_schemas(check.expected, check.found)
    is_harmless = check.allows_new_columns and not (change.removed or change.retyped or change.is_reordered)
    is_breach = bool(change) and not is_harmless
    parts = {"pt": _parts(change, is_pt=True), "en": _parts(change, is_pt=False)}
    return Outcome(
        check.name,
        "schema",
        check.subject,
        "columns",
        breach(check.on_breach) if is_breach else "passed",
        f"as colunas de {check.subject} mudaram: {parts['pt']}"
        if change
        else f"as colunas de {check.subject} são as mesmas",
        f"the columns of {check.subject} changed: {parts['en']}"
        if change
        else f"the columns of {check.subject} are the same",
        {
            "added": ", ".join(change.added),
            "removed": ", ".join(change.removed),
            "retyped": ", ".join(f"{name}: {before} -> {now}" for name, before, now in change.retyped),
        },
    )


def _parts(change: SchemaChange, *, is_pt: bool) -> str:
    told = []
    if change.removed:
        told.append(("saíram " if is_pt else "gone: ") + ", ".join(change.removed))
    if change.added:
        told.append(("entraram " if is_pt else "new: ") + ", ".join(change.added))
    told += [
        f"{name} era {before} e é {now}" if is_pt else f"{name} was {before} and is {now}"
        for name, before, now in change.retyped
    ]
    if change.is_reordered:
        told.append("a ordem mudou" if is_pt else "the order changed")
    return "; ".join(told)
