"""Spark through Spark Connect: Apache Spark, Databricks, or Sail."""
