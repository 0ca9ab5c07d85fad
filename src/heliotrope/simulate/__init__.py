"""Invented cohorts in the canonical form, for tests, benchmarks and examples."""
