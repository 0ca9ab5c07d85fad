"""Long tables a page at a time; the address says which."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from heliotrope.workbench.pages import number_of


@dataclass(frozen=True)
class Pages:
    """Which page of how many, and the addresses of the others.

    query: what else the address says, without the page.
    """

    number: int
    size: int
    total: int
    query: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, request: Request, total: int, size: int) -> Pages:
        """Read the page of an address; one beyond the last is the last."""
        last = max(1, -(-total // size))
        number = min(max(1, number_of(request, "page")), last)
        query = tuple(
            (name, value)
            for name, value in request.query_params.multi_items()
            if name != "page" and value
        )
        return cls(number, size, total, query)

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """The number of the first row, from 0."""
        return (self.number - 1) * self.size

    @property
    def until(self) -> int:
        """The number of the last row, from 1."""
        return min(self.first + self.size, self.total)

    def link(self, number: int) -> str:
        """Write the address of another page."""
        return "?" + urlencode([*self.query, ("page", str(number))])

    def link_with(self, **changed: str) -> str:
        """Write the address of the first page with other parameters; an empty one is left out."""
        kept = [(name, value) for name, value in self.query if name not in changed]
        return "?" + urlencode([*kept, *((n, v) for n, v in changed.items() if v)])

    @property
    def filters(self) -> str:
        """The parameters without the page, for a link to a download."""
        return "?" + urlencode(self.query) if self.query else ""

    @property
    def near(self) -> list[int | None]:
        """The numbers to link to; None where some are left out."""
        wanted = {1, self.last, *range(self.number - 2, self.number + 3)}
        numbers = sorted(number for number in wanted if 1 <= number <= self.last)
        listed: list[int | None] = []
        for number in numbers:
            if listed and listed[-1] is not None and number > listed[-1] + 1:
                listed.append(None)
            listed.append(number)
        return listed
