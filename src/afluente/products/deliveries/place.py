"""A release put on a shelf: each file under a temporary name, renamed when whole, the `.ok` last of all.

Invariant: the partner's sign is `<prefix>.ok`. It appears once for each release, after every file, the manifest and
the signature have their names and their bytes; a try after any interruption goes on where the one before ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.delivery import DeliveryError, Package
from afluente.products.deliveries.shelf import Shelf
from afluente.state.json_value import Json

MANIFEST_SUFFIX = ".manifest.json"
SIGNATURE_SUFFIX = ".manifest.json.sig"
OK_SUFFIX = ".ok"
TEMPORARY_SUFFIX = ".tmp"
STAGE = "stage"
ANNOUNCING = "announcing"
"""The stage from just before `.ok` is written: every other file was in its place then."""
AGAIN = "again"
"""Set in the progress of a delivery that an operator sends a second time."""
_OK_LIMIT_BYTES = 4096

Save = Callable[[Mapping[str, Json]], None]


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    path: Path
    size_bytes: int
    sha256: str


@dataclass(slots=True)
class _Sent:
    sent_bytes: int = 0
    resumed_bytes: int = 0


def place(
    shelf: Shelf, package: Package, *, progress: Mapping[str, Json], save: Save, is_read_back: bool = False
) -> dict[str, Json]:
    """Put the release there, and say what was done: `outcome` is placed, found (it was there whole) or collected.

    `is_read_back` compares every byte before a file gets its name. DeliveryError.
    """
    items, ok_content = _items(package), _ok_content(package)
    is_again = bool(progress.get(AGAIN))
    ok_name = package.prefix + OK_SUFFIX
    announced = shelf.read(ok_name, _OK_LIMIT_BYTES)
    if announced is not None and not is_again:
        _refuse_another(shelf, package, announced, ok_content)
        return _receipt(items, "found", _Sent())
    if announced is None and progress.get(STAGE) == ANNOUNCING and any(shelf.size(item.name) is None for item in items):
        return _receipt(items, "collected", _Sent())
    if announced is not None:
        shelf.remove(ok_name)
    sent = _Sent()
    for item in items:
        _put_one(shelf, item, sent, is_read_back=is_read_back)
    save({STAGE: ANNOUNCING})
    shelf.write(ok_name + TEMPORARY_SUFFIX, ok_content)
    shelf.rename(ok_name + TEMPORARY_SUFFIX, ok_name)
    return _receipt(items, "placed", sent)


def verify(shelf: Shelf, package: Package) -> dict[str, Json]:
    """Compare every byte that the partner still holds with the release. DeliveryError `delivery.changed`.

    Files the partner has taken away are told as absent.
    """
    found: dict[str, Json] = {}
    for item in _items(package):
        size = shelf.size(item.name)
        if size is None:
            found[item.name] = "absent"
            continue
        if size != item.size_bytes or shelf.equal_bytes(item.name, item.path) != size:
            raise _changed(shelf, item.name)
        found[item.name] = "same"
    ok_name = package.prefix + OK_SUFFIX
    announced = shelf.read(ok_name, _OK_LIMIT_BYTES)
    if announced is not None and announced != _ok_content(package):
        raise _changed(shelf, ok_name)
    found[ok_name] = "absent" if announced is None else "same"
    return {"files": found}


def _items(package: Package) -> list[_Item]:
    """Files, then the manifest, then its signature."""
    items = [_Item(file.name, file.path, file.size_bytes, file.sha256) for file in package.files]
    items.append(_small(package.prefix + MANIFEST_SUFFIX, package.manifest))
    if package.signature is not None:
        items.append(_small(package.prefix + SIGNATURE_SUFFIX, package.signature))
    return items


def _small(name: str, path: Path) -> _Item:
    content = _content(path)
    return _Item(name, path, len(content), hashlib.sha256(content).hexdigest())


def _ok_content(package: Package) -> bytes:
    """A line that `sha256sum -c` reads."""
    digest = hashlib.sha256(_content(package.manifest)).hexdigest()
    return f"{digest}  {package.prefix}{MANIFEST_SUFFIX}\n".encode()


def _put_one(shelf: Shelf, item: _Item, sent: _Sent, *, is_read_back: bool) -> None:
    if shelf.size(item.name) == item.size_bytes and shelf.equal_bytes(item.name, item.path) == item.size_bytes:
        return
    temporary = item.name + TEMPORARY_SUFFIX
    with _proven(item):
        offset = shelf.equal_bytes(temporary, item.path) if shelf.size(temporary) else 0
        shelf.put(temporary, item.path, offset)
        size = shelf.size(temporary)
        if size != item.size_bytes or (is_read_back and shelf.equal_bytes(temporary, item.path) != size):
            raise DeliveryError(
                failure_codes.TRUNCATED,
                f"{shelf.label}: {temporary} does not hold what was sent: {size} of {item.size_bytes} bytes",
                hint="it is sent again by itself; look at the space left at the partner if it stays so",
                retryable=True,
            )
    sent.sent_bytes += item.size_bytes - offset
    sent.resumed_bytes += offset
    try:
        shelf.rename(temporary, item.name)
    except DeliveryError:
        if shelf.size(item.name) != item.size_bytes or shelf.equal_bytes(item.name, item.path) != item.size_bytes:
            raise


@contextmanager
def _proven(item: _Item) -> Iterator[None]:
    """Hash our own file while the block sends it, and refuse to go on when it is not the released one."""
    with ThreadPoolExecutor(1, thread_name_prefix="afluente-hash") as pool:
        digest = pool.submit(_hash, item.path)
        yield
        if digest.result() != item.sha256:
            raise DeliveryError(
                failure_codes.RELEASE_CHANGED,
                f"{item.name} is not the file that was released: its hash is another one",
                hint="see what was changed: afluente product verify",
            )


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DeliveryError:
    """A file of our own release that cannot be read."""
    return DeliveryError(
        failure_codes.RELEASE_CHANGED,
        f"{path.name} of the release cannot be read: {(error.strerror or type(error).__name__).lower()}",
        hint="see what is left of the release: afluente product verify",
    )


def _refuse_another(shelf: Shelf, package: Package, announced: bytes, ok_content: bytes) -> None:
    if announced != ok_content:
        raise _changed(shelf, package.prefix + OK_SUFFIX)
    manifest = _content(package.manifest)
    name = package.prefix + MANIFEST_SUFFIX
    held = shelf.read(name, len(manifest) + 1)
    if held is not None and held != manifest:
        raise _changed(shelf, name)


def _changed(shelf: Shelf, name: str) -> DeliveryError:
    return DeliveryError(
        failure_codes.CHANGED,
        f"{shelf.label}: {name} at the partner is not what was released",
        hint="ask the partner what changed it, then send the release again: afluente product redeliver",
    )


def _receipt(items: list[_Item], outcome: str, sent: _Sent) -> dict[str, Json]:
    return {
        "outcome": outcome,
        "files": [{"name": item.name, "size_bytes": item.size_bytes, "sha256": item.sha256} for item in items],
        "sent_bytes": sent.sent_bytes,
        "resumed_bytes": sent.resumed_bytes,
    }
