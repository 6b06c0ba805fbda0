"""Where data comes from: connectors, one folder and one entry point each, and the seam they share."""
