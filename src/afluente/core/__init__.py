"""Errors, clock, identifiers, names and messages. Standard library only, no input or output."""
