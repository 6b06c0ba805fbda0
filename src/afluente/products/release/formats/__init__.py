"""The formats a release's files are written in: the same rows give the same bytes."""
