"""Data products as frozen dataclasses: what is released to which partner, how privately, when it is held, and where
it is delivered. Parsed from `products/*.yaml` by `read_product`; nothing here opens a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from afluente.core.errors import Place
from afluente.core.tables import TableName

if TYPE_CHECKING:
    from afluente.project.option import Option
    from afluente.project.secret_reference import SecretReference

Format = Literal["csv", "jsonl", "parquet", "xlsx"]
Aggregation = Literal["sum", "distinct", "count", "ratio"]
Grain = Literal["day", "month"]
OnBreach = Literal["warn", "hold"]
GuardrailKind = Literal["freshness", "volume", "schema", "contract", "anomaly"]
LegalBasis = Literal[
    "consent",
    "legal_obligation",
    "public_policy",
    "research",
    "contract",
    "exercise_of_rights",
    "life_protection",
    "health_protection",
    "legitimate_interest",
    "credit_protection",
]
"""The bases of LGPD art. 7, in its order."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A column that is computed for each cell.

    `sum` adds `column`; `distinct` counts its different values; `count` counts rows; `ratio` divides the released
    measures `numerator` by `denominator`, so that it says nothing that they do not.
    """

    name: str
    aggregation: Aggregation
    place: Place
    column: str = ""
    numerator: str = ""
    denominator: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """The partner's position among its competitors, released in bands.

    `column` names the segment a row belongs to, `entity` whose row it is (a brand, a company), `own` those that are
    the partner's, `measure` the additive column compared. Rows of every entity of the facts count, whatever the
    output's `where` keeps.
    """

    column: str
    entity: str
    own: tuple[str, ...]
    measure: str
    place: Place


@dataclass(frozen=True, slots=True)
class PseudonymColumn:
    """A column of a rows output that leaves as a keyed pseudonym of this partner."""

    column: str
    place: Place


@dataclass(frozen=True, slots=True)
class Generalise:
    """A column of a rows output that leaves coarser: the first `keep` characters, the year or month of a date, or
    steps of `step` of a number. Exactly one of the three is set.
    """

    column: str
    place: Place
    keep: int = 0
    truncate: Literal["", "year", "month", "day"] = ""
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Output:
    """One table of a release.

    An output with `measures` is of *cells*: rows of `facts` that satisfy `where` (Spark SQL), aggregated by the
    period, the place and the `dimensions`. `period_column` is a date or timestamp column of the facts. `place` lists
    columns from the finest to the coarsest (`[municipio, uf]`); a cell that is too small for its place is told as
    part of the next coarser one. `person` is the column whose distinct values are counted against the minimum.
    `labels` maps a column that only names another (`cidade` for `municipio`) to the one it names.

    An output without measures is of *rows*: the columns of `columns` (all of the contract's when empty), each by its
    classification, with `pseudonyms` and `generalise` applied.
    """

    name: str
    facts: TableName
    contract: str
    place: Place
    formats: tuple[Format, ...] = ("csv",)
    where: str = ""
    period_column: str = ""
    grain: Grain = "month"
    places: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    person: str = ""
    measures: tuple[Measure, ...] = ()
    segment: Segment | None = None
    columns: tuple[str, ...] = ()
    pseudonyms: tuple[PseudonymColumn, ...] = ()
    generalise: tuple[Generalise, ...] = ()
    key_places: Mapping[str, Place] = field(default_factory=dict)

    def place_of(self, key: str) -> Place:
        """Where a key of the output stands in the file; the output itself when it was left out."""
        return self.key_places.get(key, self.place)

    @property
    def is_of_cells(self) -> bool:
        return bool(self.measures)


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """How private a release must be. Kept from the partner: nothing here is written in a manifest.

    `minimum_persons` is k: the fewest different persons in a cell that is told, and the smallest class of a rows
    output. `p_percent` is the p% rule's p, with the partner as the adversary. `minimum_competitors` the fewest
    entities besides the partner's in a segment that is told. `share_bands` are the limits, from 0 to 1, of the bands a
    share is told in. `protection_percent` is how far from a hidden value both its bounds must stay, in percent
    of the value. `pseudonym_key` is the partner's key.
    """

    place: Place
    minimum_persons: int = 5
    p_percent: float = 10.0
    minimum_competitors: int = 3
    share_bands: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75)
    protection_percent: float = 10.0
    pseudonym_key: SecretReference | None = None


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A check before each release. `options` are the kind's own: see `docs/products.md`."""

    name: str
    kind: GuardrailKind
    on_breach: OnBreach
    place: Place
    output: str = ""
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Where a release goes. `options` are the connector's own, read by it; secrets stand as SecretReference.

    `outputs` and `formats` choose what this delivery carries; empty means all.
    """

    name: str
    connector: str
    place: Place
    outputs: tuple[str, ...] = ()
    formats: tuple[Format, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days a release's files are kept, and a pseudonym key is used. 0 keeps them."""

    release_days: int = 0
    key_days: int = 0


@dataclass(frozen=True, slots=True)
class Product:
    """One file of `products/`. `allies` are partners assumed to share what they receive with this one."""

    name: str
    title: str
    version: str
    partner: str
    owner: str
    purpose: str
    legal_basis: LegalBasis
    outputs: tuple[Output, ...]
    privacy: PrivacyPolicy
    place: Place
    text_sha256: str
    allies: tuple[str, ...] = ()
    cron: str = ""
    guardrails: tuple[Guardrail, ...] = ()
    deliveries: tuple[DeliverySettings, ...] = ()
    retention: Retention = Retention()
    signing_key: SecretReference | None = None

    def output(self, name: str) -> Output:
        """The output of this name, which must exist."""
        return next(output for output in self.outputs if output.name == name)
