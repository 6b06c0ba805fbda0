"""Text, booleans, closed lists of words and codes of a declared pattern."""

from __future__ import annotations

import re

from afluente.conform.dialect import EXOTIC_SPACES, SPACES, has_visible_ends
from afluente.conform.reading import Cell, Reading, Repair, first_readable, where_unread
from afluente.conform.types.encoding import encoding_repair, unscrambled
from afluente.conform.types.place import fold
from afluente.core.language import Message

TRUE_WORDS = ("sim", "s", "true", "t", "verdadeiro", "v", "yes", "y", "1")
_ODD = f"[\u0300-\u036f{EXOTIC_SPACES}]"
_TIDY_WORD = f"[^\u0300-\u036f{SPACES}]+"
_TIDY = f"{_TIDY_WORD}( {_TIDY_WORD})*"
_VISIBLE = re.compile(
    r"(?:\\[\\d.+*?()\[\]{}|^$/-]|\[(?:[A-Za-z0-9_]|-|\\[d.-])+\]|[A-Za-z0-9_/#:;,=&%@!|(){}*+?^$-])+"
)
"""Patterns of nothing but classes of letters, digits and hyphens, escaped signs, literals and quantifiers."""
FALSE_WORDS = ("não", "nao", "n", "false", "f", "falso", "no", "0")


def text(cell: Cell) -> Reading:
    """Trimmed, runs of white space made one space, Unicode form C, and the declared case."""
    d, raw, column = cell.dialect, cell.raw, cell.column
    names = ("source", "fast", "odd", "clean", "composed", "value")
    source, fast, odd, clean, composed, value = (cell.mid(n) for n in names)
    untidy = " OR ".join(d.contains(source, part) for part in ("  ", *"\t\n\v\f\r"))
    collapsed = d.remove(d.substitute(source, f"[{SPACES}]+", " "), "^ | $")
    tidy = f"CASE WHEN {odd} OR {untidy} THEN {collapsed} ELSE trim({source}) END"
    cased = {
        "upper": d.upper(composed),
        "lower": d.lower(composed),
        "title": d.title(composed),
        None: composed,
    }
    tokens = ", ".join(d.literal(token) for token in ("", *column.missing_tokens))
    return Reading(
        value=value,
        kind="text",
        message=Message("texto inválido", "invalid text"),
        stages=(
            {source: unscrambled(cell)},
            {fast: f"CASE WHEN {d.matches(source, _TIDY)} THEN {source} END"},
            {odd: where_unread(source, fast, f"NOT {d.is_ascii(source)} AND {d.finds(source, _ODD)}")},
            {clean: where_unread(source, fast, tidy)},
            {
                composed: (
                    f"CASE WHEN {fast} IS NOT NULL THEN {fast} WHEN {odd} THEN {d.compose(clean)} ELSE {clean} END"
                )
            },
            {value: f"CASE WHEN {composed} NOT IN ({tokens}) THEN {cased[column.case]} END"},
        ),
        repairs=(Repair("text.encoding", f"{source} <> {raw}"),) if column.repair_encoding else (),
    )


def boolean(cell: Cell) -> Reading:
    """True and false from words, in any case: sim/não, S/N, 1/0 and the like, or those the contract declares."""
    d, raw, column = cell.dialect, cell.raw, cell.column
    value = cell.mid("value")
    true_words = [w.lower() for w in column.true_words] or list(TRUE_WORDS)
    false_words = [w.lower() for w in column.false_words] or list(FALSE_WORDS)

    def read(text: str) -> str:
        yes, no = (", ".join(d.literal(w) for w in words) for words in (true_words, false_words))
        return f"CASE WHEN {text} IN ({yes}) THEN TRUE WHEN {text} IN ({no}) THEN FALSE END"

    return Reading(
        value=value,
        kind="boolean",
        message=Message("não é sim nem não", "neither true nor false"),
        stages=({value: first_readable(raw, f"({read(raw)})", read(d.lower(d.trim(raw))))},),
    )


def enum(cell: Cell) -> Reading:
    """One of the contract's values; a value or a declared synonym matches without accents, case and punctuation."""
    d, raw, column = cell.dialect, cell.raw, cell.column
    value = cell.mid("value")
    listed = ", ".join(d.literal(v) for v in column.values)
    meanings = {fold(v): v for v in column.values} | {fold(k): v for k, v in column.synonyms.items()}
    fast = f"CASE WHEN {raw} IN ({listed}) THEN {raw} END"
    whens = " ".join(f"WHEN {d.literal(k)} THEN {d.literal(v)}" for k, v in meanings.items() if k)
    exact = " ".join(f"WHEN {d.literal(k)} THEN {d.literal(v)}" for k, v in column.synonyms.items() if not fold(k))
    odd = f"CASE {d.trim(raw)} {exact} END" if exact else "NULL"
    folded = f"CASE {d.fold(unscrambled(cell))} {whens} END"
    thorough = f"coalesce({odd}, {folded})" if exact else folded
    return Reading(
        value=value,
        kind="text",
        message=Message(
            f"valor fora da lista: {', '.join(column.values[:12])}", f"not one of: {', '.join(column.values[:12])}"
        ),
        stages=({value: first_readable(raw, fast, thorough)},),
        repairs=encoding_repair(cell, value),
    )


def code(cell: Cell) -> Reading:
    """Text without white space around it, in the declared case, that matches the declared pattern."""
    d, raw, column = cell.dialect, cell.raw, cell.column
    cased, fast, trimmed, value = (cell.mid(n) for n in ("cased", "fast", "trimmed", "value"))

    def in_case(text: str) -> str:
        return {"upper": d.upper(text), "lower": d.lower(text)}.get(column.case or "", text)

    def follows(text: str) -> str:
        return d.matches(text, column.pattern) if column.pattern else "TRUE"

    is_plain = follows(cased)
    if not _matches_visible_ascii_alone(column.pattern or ""):
        is_plain = f"{has_visible_ends(raw)} AND {is_plain}"
    return Reading(
        value=value,
        kind="text",
        message=Message(f"não segue o padrão {column.pattern}", f"does not follow the pattern {column.pattern}"),
        stages=(
            {cased: in_case(raw)},
            {fast: f"CASE WHEN {is_plain} THEN {cased} END"},
            {trimmed: where_unread(raw, fast, in_case(d.trim(raw)))},
            {value: first_readable(trimmed, fast, f"CASE WHEN {follows(trimmed)} THEN {trimmed} END")},
        ),
    )


def _matches_visible_ascii_alone(pattern: str) -> bool:
    """Whether a regular expression surely matches no white space and nothing outside ASCII; False where that is not plain."""
    return bool(_VISIBLE.fullmatch(pattern))
