"""Releases: built from pinned tables, written once, signed."""
