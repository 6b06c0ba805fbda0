"""Connector `email`: a message that tells people about a release."""
