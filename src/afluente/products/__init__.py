"""Data products: privacy, releases, deliveries, insights and governance."""
