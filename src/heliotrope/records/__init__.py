"""Shapes and types: the canonical tables, the tables of a run, units, dates, row ids."""
