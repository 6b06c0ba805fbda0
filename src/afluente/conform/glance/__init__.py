"""A glance at a column of texts: whether each is a value of its type, told from its bytes where they tell it surely.

Invariant: a glance never says what the type's own SQL would not. What it does not recognise at once it leaves
`UNSURE`, and the SQL decides; the constants (weights, ranges, area codes) are the type's own.
"""
