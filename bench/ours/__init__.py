"""Ours, called as a user would. An adapter is complete when its `MISSING` is empty; else it says what it waits for."""
