"""Finding the delimiter when nobody said it."""

from __future__ import annotations

from afluente.sources.delimited.dialect import Dialect
from afluente.sources.delimited.records import RecordReader

SNIFFED = (",", ";", "\t", "|")
_SAMPLE_RECORDS = 50


def sniff_delimiter(head: bytes, quote: str) -> str:
    """The delimiter that splits most of the first records into the same number of cells, more than one.

    A text that none of the candidates splits has one column, and the answer is a comma.
    """
    best, best_score = ",", 0.0
    for delimiter in SNIFFED:
        reader = RecordReader(Dialect(delimiter, quote), max_record_bytes=len(head) + 1)
        sample = reader.split(head, at_end=False, limit=_SAMPLE_RECORDS).records
        widths = [len(record.cells) for record in sample if record.cells is not None]
        if not widths:
            widths = [head.count(delimiter.encode()) + 1]
        common = max(set(widths), key=lambda width: (widths.count(width), width))
        if common == 1:
            common = widths[0]
        if common == 1:
            continue
        score = widths.count(common) / len(widths) + min(common, 100) / 1000
        if score > best_score:
            best, best_score = delimiter, score
    return best
