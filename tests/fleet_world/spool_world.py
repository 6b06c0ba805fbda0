"""A spool in a folder, its facts, and packed lists to put into it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from afluente_agent.list_format import Form, Packer
from afluente_agent.protocol.messages import TransmissionStart
from afluente_agent.spool.bounds import SpoolLimits
from afluente_agent.spool.sink import Listed
from afluente_agent.spool.store import Spool

MOMENT = 1_790_000_000.0
SMALL = SpoolLimits(segment_bytes=256, record_bytes=64)
PLENTY = 10**12


@dataclass
class Facts:
    """A journal in memory."""

    left: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def __call__(self, code: str, /, **evidence: object) -> None:
        self.left.append((code, evidence))

    @property
    def codes(self) -> list[str]:
        return [code for code, _ in self.left]


def open_spool(
    folder: Path, *, facts: Facts | None = None, limits: SpoolLimits = SMALL, free_bytes: int = PLENTY
) -> Spool:
    return Spool(
        folder / "spool",
        folder / "identity",
        leave=facts or Facts(),
        now=lambda: MOMENT,
        limits=limits,
        free_bytes=lambda _: free_bytes,
    )


def listed(rows: int = 1, *, name: str = "hipertensos", kind: str = "full", base: str = "") -> Listed:
    return Listed(
        list_name=name,
        kind=kind,
        base=base,
        rows=rows,
        catalogue_version=1,
        schema="ab12",
        columns=("valor",),
        extracted_at=int(MOMENT),
        freshness={"2077485": "20260831"},
    )


def packed_list(rows: int, *, seed: int = 0, value_bytes: int = 48) -> bytes:
    """A whole list of one column, packed as the agent packs it; values that hardly shrink."""
    chance = random.Random(seed)
    form = Form(True, (0,))
    packer = Packer(form)
    pieces = []
    for _ in range(rows):
        value = chance.randbytes(value_bytes).hex().encode()
        pieces.append(packer.pack(form.text_of([value])))
    pieces.append(packer.finish())
    return b"".join(pieces)


def put(spool: Spool, content: bytes, rows: int = 1, **of: str) -> TransmissionStart:
    """Commit a transmission with this content."""
    with spool.new_sink() as sink:
        sink.write(content)
        return sink.commit(listed(rows, **of))


def content_of(spool: Spool, transmission: str) -> bytes:
    [one] = [one for one in spool.waiting() if one.id == transmission]
    return spool.read(one, 0, one.start.size_bytes)
