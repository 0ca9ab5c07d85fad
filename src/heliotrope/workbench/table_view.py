"""Which rows of a long table to show, and in which order: one way for every table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from starlette.requests import Request

from heliotrope.workbench.paging import Pages


@dataclass(frozen=True)
class Head:
    """The head of a column: its name, the address that sorts by it, and how it is sorted now."""

    name: str
    words: str
    link: str
    order: str


@dataclass(frozen=True)
class TableView:
    """What an address asks of a table.

    text: what a row holds; equal: the word that a column has; sort: the column to sort by, ""
    leaves the order.
    """

    text: str = ""
    equal: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    is_descending: bool = False

    @classmethod
    def of(
        cls, request: Request, filters: Sequence[str], sortable: Sequence[str] = ()
    ) -> TableView:
        """Read it from an address; a column that is not one of these is not sorted by."""
        query = request.query_params
        sort = query.get("sort", "")
        name = sort.removeprefix("-")
        return cls(
            text=query.get("text", "").strip(),
            equal={name: query.get(name, "") for name in filters},
            sort=name if name in sortable else "",
            is_descending=sort.startswith("-"),
        )

    def choose(self, rows: pl.LazyFrame, searched: Sequence[str]) -> pl.LazyFrame:
        """Filter and sort; ties keep their order, what is missing comes last.

        >>> rows = pl.LazyFrame({"name": ["A", "b", "B"], "day": [3, None, 9]})
        >>> TableView("b", sort="day", is_descending=True).choose(rows, ["name"]).collect().rows()
        [('B', 9), ('b', None)]
        """
        found = rows
        for name, word in self.equal.items():
            if word:
                found = found.filter(pl.col(name) == word)
        if self.text:
            lowered = (pl.col(name).str.to_lowercase() for name in searched)
            holds = (text.str.contains(self.text.lower(), literal=True) for text in lowered)
            found = found.filter(pl.any_horizontal(item.fill_null(False) for item in holds))
        if not self.sort:
            return found
        return found.sort(
            self.sort, descending=self.is_descending, nulls_last=True, maintain_order=True
        )

    def list_heads(self, names: Mapping[str, str], pages: Pages) -> list[Head]:
        """List the heads of columns; the one that is sorted by turns the order."""
        listed = []
        for name, words in names.items():
            is_sorted = self.sort == name
            other = f"-{name}" if is_sorted and not self.is_descending else name
            order = "" if not is_sorted else "descending" if self.is_descending else "ascending"
            listed.append(Head(name, words, pages.link_with(sort=other), order))
        return listed
