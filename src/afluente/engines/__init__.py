"""The engines: DuckDB embedded and Spark through Spark Connect, behind one seam. They write Parquet, never commit."""
