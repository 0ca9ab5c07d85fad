"""What the parts of the dated report share: rows by their cell, and Markdown tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

Rows = list[dict[str, Any]]


def draw_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def group_rows(rows: Rows, *keys: str) -> dict[tuple[Any, ...], Rows]:
    """Put rows of the same keys together, in the order in which they come."""
    groups: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return dict(groups)
