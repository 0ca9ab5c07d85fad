"""What somebody could find out from the printed counts of all tables together, and its remedy.

The tables of a run count the same children in many ways. Each may be safe alone, and yet a count
hidden in one follows from others: from the bounds that rounding leaves, from the whole they share,
from words of two analyses that mean the same children. So every hidden count is bounded from all
that is printed, by linear programming; where too few values are left, more is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heliotrope.definitions.disclosure import DisclosureLimits
from heliotrope.errors import Found, UserError
from heliotrope.report.disclosure.known import Known, Place
from heliotrope.report.disclosure.suppress import bound_count, round_count
from heliotrope.report.disclosure.tables import CountTable

REST = ""


@dataclass(frozen=True)
class Linked:
    """What an attacker knows beside the printed numbers.

    ``treated``: ``analysis/variable`` of the children most tables count. ``pairs``: words of two
    analyses that mean the same children; a pair that does not hold here is no help to anybody and
    is left out.
    """

    treated: str
    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Wholes:
    """Which wholes may be printed beside a number, given what is known of the treated children."""

    limits: DisclosureLimits
    least: int
    most: int

    def round_whole(self, whole: int) -> int | None:
        """Round a whole; None where it is small or would tell how few children are missing from it.

        A whole that is more than the treated children counts something else.
        """
        base, smallest = self.limits.rounding_base, self.limits.least_count
        if whole < smallest:
            return None
        rounded = round_count(whole, base)
        low, high = bound_count(rounded, base, smallest)
        is_known_small = self.least - high >= 1 and self.most - low < smallest
        return None if whole <= self.most and is_known_small else rounded


def gather_known(
    tables: Sequence[CountTable], linked: Linked, limits: DisclosureLimits
) -> tuple[Known, dict[Place, int]]:
    """State all that the printed counts say, and name, with its table, what must not be told.

    Tables of the treated children share their whole. What must not be told: the hidden counts, and
    the rest of a table that hides any.
    """
    known = Known(limits)
    guarded: dict[Place, int] = {}
    counts = {(t.analysis, cell.variable): cell.count for t in tables for cell in t.cells}
    treated = _split(linked.treated)
    for number, table in enumerate(tables):
        own = treated[0] == table.analysis or table.whole != counts.get(treated)
        whole = (f"whole of {number}", REST) if own else treated
        places = [(table.analysis, cell.variable) for cell in table.cells]
        rest = [(f"rest of {number}", REST)] if table.rest else []
        known.equate([*places, *rest], whole)
        for cell, place in zip(table.cells, places, strict=True):
            if table.is_printed(cell):
                known.print_count(place, cell.count)
            else:
                guarded[place] = number
        if table.hidden:
            guarded |= dict.fromkeys(rest, number)
        if not table.is_whole_hidden:
            _print_wholes(known, table, whole)
    for one, other in linked.pairs:
        first, second = _split(one), _split(other)
        if first in counts and counts[first] == counts.get(second):
            known.equate([first], second)
    return known, guarded


def _split(link: str) -> Place:
    analysis, _, variable = link.partition("/")
    return analysis, variable


def _print_wholes(known: Known, table: CountTable, whole: Place) -> None:
    """State the wholes printed beside the counts: the table's, and those of cells of a part."""
    outside = [cell for cell in table.cells if cell.is_outside]
    inside = [cell for cell in table.cells if not cell.is_outside]
    if outside or all(cell.whole == table.whole for cell in inside):
        known.print_sum([whole], table.whole)
    evaluable = sum(cell.count for cell in inside)
    if outside and inside and inside[0].whole == evaluable:
        known.print_sum([(table.analysis, cell.variable) for cell in inside], evaluable)


def hide_recoverable(
    tables: Sequence[CountTable], linked: Linked, limits: DisclosureLimits
) -> tuple[list[CountTable], Wholes]:
    """Hide more, until no hidden count can be told from all that is printed.

    In the table of a count that can be told: first the wholes, so that no share is printed, then
    the last printed count; where nothing is printed there, the same in the tables of its whole.
    Returns the tables, and which wholes may stand beside other numbers. Errors: a count that still
    can be told when nothing is printed: UserError; nothing is shared.
    """
    current = list(tables)
    while True:
        known, guarded = gather_known(current, linked, limits)
        pinned = known.find_pinned(guarded)
        if not pinned:
            return current, _bound_treated(known, linked, limits)
        for number, place in {guarded[place]: place for place in pinned}.items():
            _print_less_of(current, number, place)


def _bound_treated(known: Known, linked: Linked, limits: DisclosureLimits) -> Wholes:
    """Bound the number of treated children; none counted: everything is more than them."""
    place = _split(linked.treated)
    if place not in known.places:
        return Wholes(limits, 0, 0)
    return Wholes(limits, *known.bound(place))


def _print_less_of(tables: list[CountTable], number: int, place: Place) -> None:
    """Print one thing less of a table, or of others where nothing of it is printed."""
    alike = [n for n, table in enumerate(tables) if table.whole == tables[number].whole]
    for candidate in [number, *alike, *range(len(tables))]:
        less = _print_less(tables[candidate])
        if less is not None:
            tables[candidate] = less
            return
    raise UserError(
        "results in which no small count can be told",
        Found(f"{place[0]}: {place[1]} follows from the others"),
        "withhold that analysis in a local copy of disclosure_control.toml",
    )


def _print_less(table: CountTable) -> CountTable | None:
    """Return the table with one thing less printed; None where nothing is."""
    if not table.is_whole_hidden:
        return replace(table, is_whole_hidden=True)
    printed = [cell for cell in table.cells if table.is_printed(cell)]
    return table.hide(printed[-1].variable) if printed else None
