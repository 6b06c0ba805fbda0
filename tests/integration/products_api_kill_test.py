"""The sender of an API delivery killed with SIGKILL, again and again: the partner still has each chunk once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from afluente.demo.loopback.partner_api import PartnerApi
from afluente.demo.loopback.partner_behaviour import Fault
from tests.integration.products_api_received import assert_exactly_once
from tests.integration.products_delivery_package import make_package

ROOT = Path(__file__).parents[2]
SENDER = Path(__file__).with_name("products_api_sender.py")
ROWS = 200
FAULTS = ("cut_before", "cut_after", "error_after", "in_flight", "busy", "twice")


def start(root: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SENDER), str(root), url, str(ROWS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sender_killed_anywhere_delivers_each_chunk_exactly_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "received"
    scratch = tmp_path / ".afluente" / "spill" / "api"
    kills, most_left = 0, 0
    with PartnerApi(folder) as partner:
        partner.behaviour.inject(*(Fault(chance.choice(FAULTS)) for _ in range(25)))
        while True:
            sender = start(tmp_path, partner.url)
            assert sender.stdout is not None
            with sender:
                sender.stdout.readline()
                wanted = len(partner.behaviour.seen) + chance.randint(1, 12)
                while kills < 6 and sender.poll() is None and len(partner.behaviour.seen) < wanted:
                    time.sleep(0.001)
                time.sleep(chance.random() * 0.01)
                if kills < 6 and sender.poll() is None:
                    os.kill(sender.pid, signal.SIGKILL)
                    kills += 1
            left = len(list(scratch.iterdir())) if scratch.exists() else 0
            most_left = max(most_left, left)
            if sender.returncode == 0:
                break
            assert sender.returncode == -signal.SIGKILL
    assert kills >= 3
    assert most_left > 0
    assert left == 0
    assert_exactly_once(folder, make_package(tmp_path / "release", {"vendas_mes": ROWS}), {"vendas_mes"})


def test_two_senders_of_one_release_at_once_deliver_each_chunk_exactly_once(tmp_path: Path) -> None:
    folder = tmp_path / "received"
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
    with PartnerApi(folder) as partner:
        partner.behaviour.inject(*(Fault(kind) for kind in FAULTS))
        senders = [start(root, partner.url) for root in roots]
        for sender in senders:
            with sender:
                assert sender.wait() == 0
    assert_exactly_once(folder, make_package(tmp_path / "release", {"vendas_mes": ROWS}), {"vendas_mes"})
