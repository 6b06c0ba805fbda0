"""The contenders we are measured against, written by hand as experts in each tool would."""
