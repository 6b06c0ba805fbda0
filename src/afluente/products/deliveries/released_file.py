"""A file of a release is sent only while it has the bytes that its manifest says."""

from __future__ import annotations

import hashlib

from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.delivery import DeliveryError, PackageFile


def verify_file(file: PackageFile) -> None:
    """DeliveryError `delivery.release_changed` for a file that is gone or has other bytes."""
    try:
        with file.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DeliveryError(
            failure_codes.RELEASE_CHANGED,
            f"{file.name} of the release cannot be read: {(error.strerror or type(error).__name__).lower()}",
            hint="see what is left of the release: afluente product verify",
        ) from None
    if digest != file.sha256:
        raise DeliveryError(
            failure_codes.RELEASE_CHANGED,
            f"{file.name} is not the file that was released: its hash is another one",
            hint="see what was changed: afluente product verify",
        )
