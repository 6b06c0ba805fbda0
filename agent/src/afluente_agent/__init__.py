"""The agent that lives beside a municipality's PEC: finds it, reads what was agreed, sends it, explains itself."""

__version__ = "0.1.0"
