"""Delimited text (CSV) to Arrow: every cell as text, verbatim, in constant memory; unreadable lines kept as rejects."""
