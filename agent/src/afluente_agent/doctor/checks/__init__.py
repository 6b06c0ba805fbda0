"""The checks, one a file: each is a function of the situation that gives findings."""
