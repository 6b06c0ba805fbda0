"""The simulated agents, one coroutine each, at the lowest priority: `python -m afluente.demo.transmissor.rush.agents ADDRESS SITES ROWS SECONDS`.

The last line of the output is JSON: CPU seconds, requests, refusals by code, seconds each waited for its slot.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import hashlib
import json
import os
import random
import resource
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from afluente.demo.transmissor.rush.lists import COLUMNS, LIST, SCHEMA, base_id, delta, delta_id, seed, site_name
from afluente_agent.protocol.messages import SlotRequest, TransmissionStart, to_json
from afluente_agent.protocol.signing import (
    OFFSET_HEADER,
    Signed,
    content_sha256,
    new_nonce,
)

MOST_CONNECTIONS = 400
MOST_TRIES = 10_000


@dataclass
class Tally:
    requests: int = 0
    landed: int = 0
    refusals: collections.Counter[str] = field(default_factory=collections.Counter)
    waits: list[float] = field(default_factory=list)


class Agent:
    def __init__(self, address: str, site: str, rows: int, tally: Tally, gate: asyncio.Semaphore) -> None:
        host, _, port = address.removeprefix("http://").partition(":")
        self._host, self._port = host, int(port)
        self._site, self._rows, self._tally, self._gate = site, rows, tally, gate
        self._key = Ed25519PrivateKey.from_private_bytes(seed(site))
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def wake(self, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        woke = time.monotonic()
        count, content = delta(self._site, self._rows)
        for _ in range(MOST_TRIES):
            async with self._gate:
                try:
                    wait = await self._try_to_send(count, content, woke)
                except (OSError, EOFError) as error:
                    self._tally.refusals[type(error).__name__] += 1
                    wait = random.uniform(1, 3)  # noqa: S311 - jitter
                finally:
                    await self._hang_up()
            if wait is None:
                self._tally.landed += 1
                return
            await asyncio.sleep(wait)

    async def _try_to_send(self, count: int, content: bytes, woke: float) -> float | None:
        """None when all has landed, otherwise the seconds to wait."""
        status, headers, answer = await self._call("POST", "/v1/slot", to_json(SlotRequest(len(content), 1, 0)))
        if status != 200:
            return self._refused(status, headers, answer)
        if not answer["slot"]:
            return float(answer["retry_after_seconds"])
        self._tally.waits.append(time.monotonic() - woke)
        start = TransmissionStart(
            delta_id(self._site), LIST, "delta", base_id(self._site), count, len(content),
            hashlib.sha256(content).hexdigest(), 1, SCHEMA, COLUMNS, int(time.time()),
        )  # fmt: skip
        status, headers, begun = await self._call("POST", "/v1/transmissions", to_json(start))
        if status != 200:
            return self._refused(status, headers, begun)
        offset = int(begun["offset"])
        if offset < len(content):
            target = f"/v1/transmissions/{start.id}"
            status, headers, body = await self._call(
                "PATCH", target, content[offset:], ((OFFSET_HEADER.lower(), str(offset)),)
            )
            if status != 204:
                return self._refused(status, headers, body)
        await self._call("DELETE", f"/v1/slot/{answer['slot']}", b"")
        return None

    def _refused(self, status: int, headers: dict[str, str], answer: dict[str, Any]) -> float:
        self._tally.refusals[f"{status} {answer.get('code', '')}"] += 1
        if status not in (409, 429, 503):
            raise RuntimeError(f"the hub refused with {status} {answer.get('code', '')}")
        return float(headers.get("retry-after", 2)) * random.uniform(1, 1.5)  # noqa: S311 - jitter

    async def _call(
        self, method: str, target: str, body: bytes, covered: tuple[tuple[str, str], ...] = ()
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        signed = Signed(
            f"agent-{self._site}", f"key-{self._site}", method, target, int(time.time()), new_nonce(),
            content_sha256(body), covered,
        )  # fmt: skip
        signature = base64.b64encode(self._key.sign(signed.text())).decode()
        headers = {
            "Host": self._host, "Content-Length": str(len(body)), **signed.headers_with(signature), **dict(covered),
        }  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
        await writer.drain()
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        answered = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        content = await reader.readexactly(int(answered.get("content-length", 0)))
        self._tally.requests += 1
        return int(first.split(" ")[1]), answered, json.loads(content) if content else {}

    async def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def rush(address: str, sites: int, rows: int, seconds: float) -> Tally:
    tally, gate = Tally(), asyncio.Semaphore(MOST_CONNECTIONS)
    chance = random.Random(8)  # noqa: S311 - the same rush each time
    async with asyncio.TaskGroup() as group:
        for number in range(sites):
            agent = Agent(address, site_name(number), rows, tally, gate)
            group.create_task(agent.wake(chance.uniform(0, seconds)))
    return tally


def main(address: str, sites: int, rows: int, seconds: float) -> None:
    os.nice(19)
    tally = asyncio.run(rush(address, sites, rows, seconds))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    waits = sorted(tally.waits) or [0.0]
    print(  # noqa: T201 - read by who started it
        json.dumps(
            {
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "requests": tally.requests,
                "landed": tally.landed,
                "refusals": tally.refusals,
                "wait_median_seconds": waits[len(waits) // 2],
                "wait_longest_seconds": waits[-1],
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
