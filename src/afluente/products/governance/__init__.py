"""What a product owes to those outside it: contracts that change with notice, what was told, for how long, and erasure."""
