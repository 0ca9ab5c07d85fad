"""What the document is made of before Word is asked: tables and figures with their captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Cells = Sequence[str]


@dataclass(frozen=True)
class WordTable:
    """A table: what stands above it, its header, its rows, what stands below it.

    A row of one cell is a heading of the rows after it. ``is_wide``: asks for a sheet on its side.
    """

    title: str
    header: Cells
    rows: Sequence[Cells]
    note: str = ""
    is_wide: bool = False


@dataclass(frozen=True)
class WordFigure:
    """A picture: its file, what stands below it, what a reader who cannot see it is told."""

    path: Path
    title: str
    alternative: str
