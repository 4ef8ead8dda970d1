"""Planted mutants: one-line sabotages of the product, and the tests that must notice them (`make mutants`)."""
