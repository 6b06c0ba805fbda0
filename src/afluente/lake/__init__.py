"""Delta tables and landing. Only this room writes the log of a table; engines write data files."""

from afluente.lake.changes import Changes
from afluente.lake.lake import Lake
from afluente.lake.landing import LandedFile, Landing
from afluente.lake.plan import Commit, Committed, Mode
from afluente.lake.snapshot import Snapshot

__all__ = ["Changes", "Commit", "Committed", "Lake", "LandedFile", "Landing", "Mode", "Snapshot"]
