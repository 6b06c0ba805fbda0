"""Which rows of an overlap window were seen before, by their hashes, counted: two equal rows are two rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class SeenRows:
    """The hashes of rows already delivered. Each is forgiven as often as it was seen."""

    def __init__(self, hashes: Iterable[str]) -> None:
        self._left = Counter(hashes)
        self._known = pa.array(list(self._left), pa.string())

    def unseen(self, hashes: pa.Array) -> pa.Array | None:
        """The places of the rows not seen before; None when that is all of them. Call it in the order of the rows."""
        if not self._left:
            return None
        is_known = pc.is_in(hashes, value_set=self._known).to_numpy(zero_copy_only=False)
        if not is_known.any():
            return None
        keep = ~is_known
        for index in np.flatnonzero(is_known):
            row_hash = hashes[index].as_py()
            if self._left[row_hash]:
                self._left[row_hash] -= 1
            else:
                keep[index] = True
        return pa.array(np.flatnonzero(keep))
