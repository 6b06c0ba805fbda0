"""A project's files (afluente.yaml, contracts, models) read into frozen dataclasses, every mistake found at once."""
