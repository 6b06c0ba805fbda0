"""Where the lake stands: an absolute local folder or an object store's URL, and the addresses below it.

Invariant: an address is `<root>/<layer>/<name>[/<physical path>]`, never URL-encoded.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from afluente.core.errors import LakeError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)")
SCHEMES = ("s3", "gs", "abfss")


@dataclass(frozen=True, slots=True)
class Location:
    """The root of a lake. `scheme` is empty for a local folder."""

    root: str
    scheme: str

    @classmethod
    def parse(cls, root_url: str) -> Location:
        """Read an absolute path, a `file://` URL, or an s3://, gs:// or abfss:// URL with a bucket."""
        text = root_url.strip()
        if text.startswith("file://"):
            text = text.removeprefix("file://")
        found = _URL.fullmatch(text)
        if found is None:
            if not os.path.isabs(text):
                raise LakeError(
                    "lake.location",
                    f"the lake's folder {root_url!r} is not an absolute path",
                    hint="give the folder from the root of the file system",
                )
            return cls(os.path.normpath(text), "")
        scheme = found["scheme"].lower()
        if scheme not in SCHEMES:
            raise LakeError(
                "lake.location",
                f"the lake's address {root_url!r} has the scheme {scheme!r}, which is not supported",
                hint=did_you_mean(scheme, SCHEMES),
            )
        rest = found["rest"].strip("/")
        if not rest:
            raise LakeError(
                "lake.location",
                f"the lake's address {root_url!r} names no bucket",
                hint=f"write {scheme}://BUCKET/FOLDER",
            )
        return cls(f"{scheme}://{rest}", scheme)

    @property
    def is_local(self) -> bool:
        return not self.scheme

    def layer(self, layer: str) -> str:
        return f"{self.root}/{layer}"

    def table(self, table: TableName) -> str:
        """The address of a table's folder, without a slash at the end."""
        return f"{self.root}/{table.layer}/{table.name}"

    def key(self, address: str) -> str:
        """An address as a file system wants it: a path, or bucket and key without the scheme."""
        if self.is_local:
            return address
        rest = address.split("://", 1)[1]
        if self.scheme == "abfss" and "@" in rest.split("/", 1)[0]:
            container, _, path = rest.partition("/")
            return f"{container.split('@', 1)[0]}/{path}"
        return rest
