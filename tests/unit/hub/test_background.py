"""Work beside the doors goes on after a failure and ends when told."""

from __future__ import annotations

import threading

from afluente.fleet.refusal import FleetError
from afluente.hub.background import repeating


def test_work_that_fails_is_done_again_until_told_to_stop():
    stop = threading.Event()
    done: list[int] = []

    def work() -> None:
        done.append(len(done))
        if len(done) == 3:
            stop.set()
        raise FleetError("fleet.test", "it failed")

    repeating("test", 0.001, work).run(stop)
    assert done == [0, 1, 2]


def test_work_told_to_stop_before_it_began_does_nothing():
    stop = threading.Event()
    stop.set()
    repeating("test", 60, lambda: (_ for _ in ()).throw(AssertionError)).run(stop)
