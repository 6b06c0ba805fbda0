"""The doctor: looks at the machine, PEC, the line and the hub, and says in Portuguese what is wrong and what to do.

Invariant: it only looks. It changes nothing but a file of its own that it writes and removes; every check is bounded
in time and alone, so that one that breaks never hides the others; no finding carries a password or a person's data.
"""
