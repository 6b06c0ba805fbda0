"""Connector `files`: CSV, JSON lines and Parquet, plain or packed, from folders this machine sees."""
