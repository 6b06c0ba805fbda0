"""How a delimited text is written, and what it may cost to read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """One-byte delimiter and quote; an empty quote means that no cell is quoted. Quotes inside are doubled."""

    delimiter: str
    quote: str = '"'


@dataclass(frozen=True, slots=True)
class Limits:
    """What a hostile or broken file may cost. A record is one row, however many lines."""

    max_columns: int = 2_000
    max_record_bytes: int = 16 * 1024 * 1024
