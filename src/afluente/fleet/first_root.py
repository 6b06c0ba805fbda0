"""The first root of the hub's updates, for an agent that has none: what it will trust before any update.

Invariant: what is given is signed by the key that signs documents; a hub without a repository of updates gives none.
"""

from __future__ import annotations

import json
from pathlib import Path

from afluente.fleet.documents import HubSigner
from afluente_agent.protocol.limits import MAX_MESSAGE_BYTES
from afluente_agent.protocol.messages import SignedDocument

KIND = "update_root"
FIRST = Path("metadata") / "1.root.json"
MOST_ROOT_BYTES = MAX_MESSAGE_BYTES // 4


def first_root(folder: Path | None, *, signer: HubSigner) -> SignedDocument | None:
    """The root of the repository in a folder, as its bytes stand there."""
    if folder is None or not (folder / FIRST).is_file():
        return None
    with (folder / FIRST).open("rb") as file:
        content = file.read(MOST_ROOT_BYTES + 1)
    if len(content) > MOST_ROOT_BYTES:
        return None
    body = json.dumps({"name": KIND, "version": 1, "root": content.decode()}, ensure_ascii=False)
    return signer.sign(KIND, 1, body)
