"""Connector `http`: JSON APIs, page by page, each page kept as it was sent."""
