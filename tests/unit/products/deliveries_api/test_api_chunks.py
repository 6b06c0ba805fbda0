"""Chunks hold every row once and stay within their limits."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.products.deliveries.api.chunks import Counted, Limits, count, cut
from afluente.products.deliveries.delivery import DeliveryError

rows = st.lists(st.text(max_size=20).map(lambda text: json.dumps({"a": text}).encode()), max_size=60)


@given(rows=rows, chunk_rows=st.integers(1, 12), chunk_bytes=st.integers(260, 700))
@settings(max_examples=150)
def test_chunks_partition_the_rows_exactly_within_both_limits(rows, chunk_rows, chunk_bytes) -> None:
    limits = Limits(chunk_rows, chunk_bytes)
    chunks = list(cut(iter(rows), limits))
    assert [row for chunk in chunks for row in chunk] == rows
    assert all(len(chunk) <= chunk_rows and len(b",".join(chunk)) <= chunk_bytes for chunk in chunks)
    assert all(chunks) or chunks == [()]
    assert count(rows, limits) == Counted(len(chunks), len(rows))


@given(rows=rows, chunk_rows=st.integers(1, 12), chunk_bytes=st.integers(260, 700))
@settings(max_examples=60)
def test_a_chunk_ends_only_when_the_next_row_would_break_a_limit(rows, chunk_rows, chunk_bytes) -> None:
    chunks = list(cut(rows, Limits(chunk_rows, chunk_bytes)))
    for one, following in zip(chunks, chunks[1:], strict=False):
        assert len(one) == chunk_rows or len(b",".join([*one, following[0]])) > chunk_bytes


def test_a_row_larger_than_a_chunk_is_refused_without_its_values() -> None:
    with pytest.raises(DeliveryError, match="row 2 has 30 bytes") as caught:
        list(cut([b"{}", b'{"cpf": "52998224725-01234567"}'[:30]], Limits(10, 20)))
    assert caught.value.code == "delivery.api_row_too_large"
    assert "529982" not in str(caught.value)
