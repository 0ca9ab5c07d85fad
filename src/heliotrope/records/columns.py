"""The columns that several output tables share: their type and what they mean."""

from __future__ import annotations

import dataframely as dy

STATES = ["met", "not_met", "not_evaluable", "not_reached"]


def text_column(description: str) -> dy.String:
    """Return a column of text; blank where nothing is said."""
    return dy.String(nullable=True, description=description)


def patient_id_column() -> dy.String:
    """Return the column that names the child."""
    return dy.String(min_length=1, description="the child")


def number_column(description: str) -> dy.Float64:
    """Return a column of numbers; blank where unknown."""
    return dy.Float64(nullable=True, description=description)


def count_column(description: str) -> dy.Int32:
    """Return a column of whole numbers; blank where unknown."""
    return dy.Int32(nullable=True, description=description)


def date_column(description: str) -> dy.Date:
    """Return a column of dates; blank where unknown."""
    return dy.Date(nullable=True, description=description)


def flags_column() -> dy.List:
    """Return the column of flags."""
    return dy.List(dy.String(), description="sorted words, see GLOSSARY.md; empty when none")


def state_column() -> dy.String:
    """Return the column of a four-state answer."""
    return dy.String(check=lambda column: column.is_in(STATES), description="one of four states")
