"""One file, one benchmark; its name is the file's."""
