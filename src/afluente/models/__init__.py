"""Gold models: Spark SQL parsed, ordered, guarded, translated, and traced column by column."""
