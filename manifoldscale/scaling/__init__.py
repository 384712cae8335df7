"""Scaling laws: fits, the exponents that a dimension implies, and their comparison."""
