"""Afluente: a data platform in one package. Importing it loads no engine and touches no file."""

__version__ = "0.1.0"
