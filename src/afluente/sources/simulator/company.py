"""What is asked of the simulator, and the parts every table of the company shares."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from afluente.sources.simulator import render
from afluente.sources.simulator.dirt import TABLES, Shares, TableKey
from afluente.sources.simulator.sheet import Spoil
from afluente.sources.simulator.vocabulary import NO_WORDS, PLACES, YES_WORDS

if TYPE_CHECKING:
    from afluente.sources.simulator.render import Ints, Mask

ROWS_PER_CUSTOMER = 10
PRODUCT_ROWS = 240
LOCAL_OFFSET_SECONDS = -3 * 3600
"""America/Sao_Paulo since 2019; the simulated company closes its day there, wherever the city."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to simulate. `rows` are the orders before repetition; `first_month` is `yyyy-MM`."""

    seed: int = 20260701
    rows: int = 200_000
    months: int = 6
    first_month: str = "2026-01"
    shares: Shares = field(default_factory=lambda: Shares({}))

    @property
    def customers(self) -> int:
        return max(1, self.rows // ROWS_PER_CUSTOMER)

    def random(self, table: TableKey, part: int = 0) -> np.random.Generator:
        """A stream of its own for each table and month, so that one can be made without the others."""
        return np.random.default_rng([self.seed, TABLES.index(table), part])

    def month_starts(self) -> Ints:
        """The first day of each month and of the one after the last, in days since 1970."""
        first = np.datetime64(self.first_month, "M")
        starts: Ints = (first + np.arange(self.months + 1)).astype("datetime64[D]").astype(np.int64)
        return starts


def weighted(rng: np.random.Generator, weights: Sequence[int], count: int) -> Ints:
    """Positions drawn by weight."""
    edges = np.cumsum(np.asarray(weights, np.float64))
    places: Ints = np.searchsorted(edges, rng.random(count) * edges[-1], side="right").astype(np.int64)
    return places


def variants(
    rng: np.random.Generator, words: Sequence[str], synonyms: Mapping[str, Sequence[str]], index: Ints
) -> Spoil:
    """Writes each word as one of its synonyms."""
    width = max(len(synonyms[word]) for word in words)
    table = [synonyms[word][place % len(synonyms[word])] for word in words for place in range(width)]
    return Spoil(lambda rows: render.pick(table, index[rows] * width + rng.integers(0, width, len(rows))))


def yes_or_no(rng: np.random.Generator, is_yes: Mask) -> Spoil:
    """Writes `S`, `SIM`, `1`, `N`, `NÃO`, `0` in the place of `sim` and `não`."""
    return variants(rng, ("não", "sim"), {"não": NO_WORDS, "sim": YES_WORDS}, is_yes.astype(np.int64))


def twice_encoded(words: Sequence[str], index: Ints) -> Spoil:
    """Writes accents as UTF-8 read as Latin-1, where that leaves only printable characters."""
    can = np.array([render.can_be_twice_encoded(word) for word in words])
    spoiled = [render.twice_encoded(word) for word in words]
    return Spoil(lambda rows: render.pick(spoiled, index[rows]), where=can[index])


def padded(rng: np.random.Generator, text: pa.Array) -> Spoil:
    """Spaces around the text."""
    edges = ("  ", " ", "   ")
    return Spoil(
        lambda rows: render.join(render.pick(edges, rng.integers(0, 3, len(rows))), text.take(pa.array(rows)), " ")
    )


def mixed(rng: np.random.Generator, *writers: Spoil) -> Spoil:
    """Each row by one of several writers."""

    def write(rows: Ints) -> pa.Array:
        chosen = rng.integers(0, len(writers), len(rows))
        parts = [writer.render(rows[chosen == place]) for place, writer in enumerate(writers)]
        back = np.argsort(np.argsort(chosen, kind="stable"), kind="stable")
        return pa.concat_arrays(parts).take(pa.array(back))

    return Spoil(write)


def words(rng: np.random.Generator, *choices: str) -> Spoil:
    """One of a few fixed texts, such as sentinels; an empty one is a missing value."""
    return Spoil(lambda rows: render.pick(choices, rng.integers(0, len(choices), len(rows))))


def taken(text: pa.Array) -> Spoil:
    """These texts instead, one for each row of the sheet."""
    return Spoil(lambda rows: text.take(pa.array(rows)))


def lower(text: pa.Array) -> Spoil:
    return Spoil(lambda rows: pc.utf8_lower(text.take(pa.array(rows))))


def upper(text: pa.Array) -> Spoil:
    return Spoil(lambda rows: pc.utf8_upper(text.take(pa.array(rows))))


def city_spoils(rng: np.random.Generator, place: Ints) -> dict[str, Spoil]:
    """The ways the name of a city goes wrong."""
    names = [city.name for city in PLACES]
    plain = [without_accents(name) for name in names]
    has_accent = np.array([bare != name for bare, name in zip(plain, names, strict=True)])
    has_space = np.array([" " in name for name in names])

    def spelled(words: Sequence[str]) -> Spoil:
        return Spoil(lambda rows: render.pick(words, place[rows]))

    return {
        "caixa": mixed(rng, spelled([name.upper() for name in names]), spelled([name.lower() for name in names])),
        "sem_acento": Spoil(spelled(plain).render, where=has_accent[place]),
        "colado": Spoil(spelled([name.replace(" ", "").lower() for name in names]).render, where=has_space[place]),
        "utf8_dobrado": twice_encoded(names, place),
        "desconhecido": spelled([misspelled(name) for name in names]),
    }


def misspelled(name: str) -> str:
    """Two letters in the middle changed places; no city is called so."""
    middle = len(name) // 2 - 1
    while name[middle].lower() == name[middle + 1].lower() or " " in name[middle : middle + 2]:
        middle += 1
    return name[:middle] + name[middle + 1] + name[middle] + name[middle + 2 :]


def without_accents(text: str) -> str:
    """The text in ASCII letters."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
