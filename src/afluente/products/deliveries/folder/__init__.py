"""Connector `folder`: a release copied to a folder of this machine, or one mounted on it."""
