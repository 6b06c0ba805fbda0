"""The command line: words in, calls down, tables and exit statuses out. No logic of its own."""
