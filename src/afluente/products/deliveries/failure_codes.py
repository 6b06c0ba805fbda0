"""What can be wrong with a delivery, whatever carries it, and what kind of trouble each code is.

Invariant: a code says by itself whether somebody must look at credentials or at the connection.
"""

from __future__ import annotations

CONNECTION = "delivery.connection"
"""The other side cannot be reached, or the connection was lost."""
TIMEOUT = "delivery.timeout"
CREDENTIALS = "delivery.credentials"
"""The other side refused the user, the key, the password or the token."""
HOST_KEY = "delivery.host_key"
"""The server is not the one whose key was pinned."""
REFUSED = "delivery.refused"
"""The other side understood and said no: a permission, a missing folder, a payload."""
QUOTA = "delivery.quota"
"""No space or no quota is left at the other side."""
TRUNCATED = "delivery.truncated"
"""The other side holds fewer or other bytes than were sent."""
CHANGED = "delivery.changed"
"""What the partner holds under this release's names is not this release."""
RELEASE_CHANGED = "delivery.release_changed"
"""A file of the release is not what its manifest says; nothing of it is sent."""
EXTRA_MISSING = "delivery.extra_missing"
"""A package that the connector needs is not installed."""
INTERRUPTED = "delivery.interrupted"
"""The sender was stopped; the delivery is due again."""
UNKNOWN = "delivery.unknown_failure"

_OF_CREDENTIALS = (CREDENTIALS, HOST_KEY, "secret.")
_OF_CONNECTION = (CONNECTION, TIMEOUT, HOST_KEY)


def is_of_credentials(code: str) -> bool:
    """Whether keys, passwords or pinned keys have to be looked at."""
    return code.startswith(_OF_CREDENTIALS)


def is_of_connection(code: str) -> bool:
    """Whether the way to the other side has to be looked at."""
    return code.startswith(_OF_CONNECTION)
