"""Connector `postgres`: a table or a query, copied out as CSV in one read-only snapshot."""
