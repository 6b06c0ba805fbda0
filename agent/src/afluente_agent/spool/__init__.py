"""The spool: lists that were read and wait to be sent, on disk, encrypted, whatever happens to the power."""
