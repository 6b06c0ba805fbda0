"""A simulated food-delivery company: dirty files as it would export them, and the truth about every row beside them."""
