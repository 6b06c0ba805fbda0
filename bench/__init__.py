"""Benchmarks against hand-written peers: `python -m bench NAME [--rows N]`.

Invariant: every contender of a benchmark reads the same data, in the same run, in a process of its own.
"""
