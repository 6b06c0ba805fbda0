"""The ways a release is delivered, one folder each."""
