"""The engines: DuckDB embedded and Spark through Spark Connect, behind one small seam. Engines write Parquet, never commit."""
