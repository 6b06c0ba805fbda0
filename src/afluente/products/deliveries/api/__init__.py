"""Connector `api`: the rows of a release pushed to a partner's own API, in chunks."""
