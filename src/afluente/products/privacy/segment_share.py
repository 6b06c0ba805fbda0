"""The partner's share of the segment in the places of each row, told in bands or not at all.

Invariant: nothing of a competitor leaves but through a band that `bands.band_of` allowed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from afluente.products.privacy.bands import Band, band_of
from afluente.products.privacy.dominance import Contributions
from afluente.products.privacy.region import Region, Told

if TYPE_CHECKING:
    from afluente.products.privacy.aggregate import OutputFacts
    from afluente.products.privacy.output_rows import OutputRows
    from afluente.project.product import PrivacyPolicy, Segment


def share_bands(
    facts: OutputFacts, rows: OutputRows, regions: list[Region], segment: Segment, policy: PrivacyPolicy
) -> tuple[list[Band | None], list[Told]]:
    """The band of each row, and what they tell; rows of the same days, places and segment share one."""
    wanted = [_of_segment(region, segment) for region in regions]
    numbers = {region: number for number, region in enumerate(dict.fromkeys(wanted))}
    periods = dict(zip(wanted, rows.key_column("period").to_pylist(), strict=True))
    answer = facts.market(segment, _places(numbers, periods))
    bands: dict[int, Band | None] = {}
    for row in answer.to_pylist():
        parts = Contributions(row["total"], row["own"], row["largest"], row["others"], row["smallest"])
        bands[row["number"]] = band_of(
            parts,
            policy.share_bands,
            p_percent=policy.p_percent,
            minimum_competitors=policy.minimum_competitors,
        )
    told = []
    for region, number in numbers.items():
        band = bands.get(number)
        if band is not None:
            told.append(
                Told(
                    region,
                    "share",
                    segment.measure,
                    band.low,
                    band.high,
                    rows.output.name,
                    "",
                    version=rows.version,
                    entity=segment.entity,
                    own=segment.own,
                )
            )
    return [bands.get(numbers[region]) for region in wanted], told


def _of_segment(region: Region, segment: Segment) -> Region:
    """The rows of all entities in the same days, places and segment."""
    kept = tuple(pair for pair in region.dimensions if pair[0] == segment.column)
    return replace(region, where="", dimensions=kept)


def _places(numbers: dict[Region, int], periods: dict[Region, object]) -> pa.Table:
    number, period, value, place = [], [], [], []
    for region, one in numbers.items():
        for name in region.places or ("",):
            number.append(one)
            period.append(periods[region])
            value.append(region.dimensions[0][1] if region.dimensions else "")
            place.append(name)
    return pa.table(
        {
            "number": pa.array(number, pa.int64()),
            "period": pa.array(period, pa.date32()),
            "segment": pa.array(value, pa.string()),
            "place": pa.array(place, pa.string()),
        }
    )
