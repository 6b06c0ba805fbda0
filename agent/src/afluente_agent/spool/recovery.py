"""What the agent does with its spool when it starts: whatever a power cut left, it begins in order.

Invariant: what was committed and is whole stays; what is broken is set aside and told; what was never committed is
removed; nothing here raises because of what stands in a file.
"""

from __future__ import annotations

from dataclasses import dataclass

from afluente_agent.errors import SpoolError
from afluente_agent.protocol import fact_codes
from afluente_agent.spool import manifest as manifests
from afluente_agent.spool import trouble
from afluente_agent.spool.store import Spool


@dataclass(frozen=True, slots=True)
class Recovered:
    """`lists_to_read_whole`: lists whose transmission broke; "" stands for one whose name cannot be read."""

    waiting: int
    quarantined: int
    unfinished: int
    lists_to_read_whole: frozenset[str]


def recover(spool: Spool) -> Recovered:
    """Look at every byte that waits. To be called before the first sink is opened. SpoolError."""
    waiting = quarantined = unfinished = 0
    lists: set[str] = set()
    for folder in spool.folders():
        name = ""
        try:
            one = manifests.read(folder, spool.key)
            if one is None:
                spool.forget(folder.name)
                unfinished += 1
                continue
            name = one.start.list_name
            spool.check(one)
        except SpoolError as error:
            spool.quarantine(folder.name, what=error.message_en, name=name)
            quarantined += 1
            lists.add(name)
        except OSError as error:
            raise trouble.failed(error) from error
        else:
            waiting += 1
    if unfinished:
        spool.tell(fact_codes.SPOOL_UNFINISHED, transmissions=unfinished)
    return Recovered(waiting, quarantined, unfinished, frozenset(lists))
