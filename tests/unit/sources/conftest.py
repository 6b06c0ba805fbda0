"""The fixtures of connectors' tests."""

from tests.source_world import context, settings

__all__ = ["context", "settings"]
