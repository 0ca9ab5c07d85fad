"""Which of many changes are explained: a page of them, or those between two classes."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Excerpt:
    """So many changes, from one on (counted from 0), of one pair of classes or of all."""

    most: int
    first: int = 0
    classes: tuple[str, str] | None = None

    def choose(self, changes: pl.DataFrame, columns: tuple[str, str]) -> pl.DataFrame:
        """Choose rows by the classes in two columns.

        >>> changes = pl.DataFrame({"a": ["met", "met", "no"], "b": ["no", "x", "met"]})
        >>> Excerpt(1, 1).choose(changes, ("a", "b")).rows()
        [('met', 'x')]
        >>> Excerpt(9, classes=("no", "met")).choose(changes, ("a", "b")).rows()
        [('no', 'met')]
        """
        found = changes
        if self.classes is not None:
            pairs = zip(columns, self.classes, strict=True)
            found = changes.filter(pl.col(name) == word for name, word in pairs)
        return found.slice(self.first, self.most)
