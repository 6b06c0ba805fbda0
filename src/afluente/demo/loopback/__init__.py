"""Servers of partners on this machine, for the demo and for tests. All listen on 127.0.0.1 only."""
