"""kill -9 at every step of download, unpacking and switch: what is left can be started, and the update then succeeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from afluente_agent.protocol.messages import to_json
from afluente_agent.update.pointer import PointerFile, confirmed
from tests.unit.agent.update.update_world import AGENT, World

STRIDE = 1 if os.environ.get("AFLUENTE_PROOF") == "full" else 31
"""A sample of the steps by default; all of them with AFLUENTE_PROOF=full."""
DRIVER = Path(__file__).with_name("kill_points_driver.py")


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.proof
def test_killed_at_any_step_an_agent_is_left_that_starts_and_updates(world: World) -> None:
    world.add("1.1.0")
    assert world.follow("1.1.0") is True
    PointerFile(world.folder).change(lambda pointer: confirmed(pointer, "1.1.0"))
    world.add("1.2.0", extra=150_000)
    world.clock.advance(seconds=60)
    given = {
        "pristine": str(world.folder.root),
        "work": str(world.root / "work"),
        "running": "1.1.0",
        "target": "1.2.0",
        "url": world.serving.url,
        "order": to_json(world.order("1.2.0")).decode(),
        "agent": AGENT,
        "hub_keys": world.signer.public_keys,
        "hub_time": world.hub_time,
        "first": 1,
        "stride": STRIDE,
    }
    done = subprocess.run(
        [sys.executable, str(DRIVER)], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) * STRIDE > 50
    assert {before for _, _, before, _ in found} <= {"1.1.0", "1.2.0"}
    assert {after for _, _, _, after in found} == {"1.2.0"}
    assert [killed for _, killed, _, _ in found] == [True] * (len(found) - 1) + [False]
