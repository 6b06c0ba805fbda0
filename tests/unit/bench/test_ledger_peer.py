"""The audit and the textbook's two programs a cell find the same cells in the benchmark's month."""

from __future__ import annotations

import json

from bench.contender import Contender, measure, module


def test_ours_and_the_peer_find_the_same_cells_in_a_small_month() -> None:
    found = {}
    for name in ("bench.ours.privacy", "bench.peers.two_programs_a_cell"):
        taken = measure(Contender(name, module(name, "240", "3")))
        assert not taken.failure
        found[name] = json.loads(taken.output)
    ours, peer = found.values()
    assert set(peer["found"]) <= set(ours["found"])
    assert ours["cells"] == peer["cells"]
    assert ours["hidden"] > 0
    assert ours["lps"] < peer["lps"] / 4
