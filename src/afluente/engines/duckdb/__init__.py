"""DuckDB, embedded: the engine of one machine."""
