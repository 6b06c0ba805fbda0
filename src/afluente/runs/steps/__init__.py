"""What the steps of a project do: bring a source into bronze, conform a table, refine a model."""
