"""Follows an order to update again and again, killed with SIGKILL at each call that touches the disk, in turn.

Prints one line of JSON: how many points there were, and what was found after each.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import httpx
import tuf.ngclient.updater  # noqa: F401
from afluente_agent.errors import UpdateError
from afluente_agent.protocol.messages import SignedDocument, from_json
from afluente_agent.update import client, fetcher, install  # noqa: F401
from afluente_agent.update.apply import Updates
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.install import verify
from afluente_agent.update.pointer import PointerFile

DEADLY = frozenset(
    "write fsync open replace rename mkdir rmdir unlink remove truncate symlink link close flush flock scandir".split()
)


def follow(root: Path, given: dict, *, kill_at: int = 0) -> bool:
    count = 0

    def profile(frame: object, event: str, what: object) -> None:
        nonlocal count
        if event == "c_call" and getattr(what, "__name__", "") in DEADLY:
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    updates = Updates(
        UpdateFolder(root),
        running=given["running"],
        leave=lambda code, **_: None,
        open_http=lambda: httpx.Client(timeout=60, trust_env=False),
        base_url=given["url"],
    )
    order = from_json(SignedDocument, given["order"].encode())
    if kill_at:
        sys.setprofile(profile)
    try:
        return updates.follow(order, agent=given["agent"], hub_keys=given["hub_keys"], hub_time=given["hub_time"])
    finally:
        sys.setprofile(None)


def startable(root: Path) -> str:
    """The version that a watcher would start, its files checked; a word in its place when there is none."""
    folder = UpdateFolder(root)
    try:
        pointer = PointerFile(folder).load()
        if pointer.current:
            verify(folder.version(pointer.current))
        if pointer.previous:
            verify(folder.version(pointer.previous))
    except UpdateError as error:
        return error.code
    return pointer.current or "installed"


def main() -> None:
    given = json.loads(sys.stdin.read())
    pristine, work = Path(given["pristine"]), Path(given["work"])
    found = []
    point = given["first"]
    while True:
        root = work / str(point)
        shutil.copytree(pristine, root)
        child = os.fork()
        if child == 0:
            moved = follow(root, given, kill_at=point)
            os._exit(0 if moved else 9)
        _, status = os.waitpid(child, 0)
        was_killed = os.WIFSIGNALED(status)
        before = startable(root)
        if before != given["target"]:
            child = os.fork()
            if child == 0:
                os._exit(0 if follow(root, given) else 9)
            os.waitpid(child, 0)
        found.append((point, was_killed, before, startable(root)))
        shutil.rmtree(root)
        if not was_killed:
            break
        point += given["stride"]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
