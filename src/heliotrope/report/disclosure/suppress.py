"""Which counts of a table may not be printed, so that no small one can be found by subtraction."""

from __future__ import annotations

from collections.abc import Sequence


def choose_suppressed(counts: Sequence[int], least: int) -> frozenset[int]:
    """Choose the cells of one table to suppress: the small ones, and others that hide them.

    ``counts``: the parts of one whole, which exclude one another; their sum may be printed. Rule: a
    cell under ``least`` is suppressed, none included (primary). Then the last cell that is not
    small is suppressed too, whatever it holds, and further ones from the end until the suppressed
    cells hold ``least - 1`` and ``least`` for each of these together (secondary). The order is that
    of the definition, not of the counts: were the smallest cell taken, who knows the rule would
    know that the hidden one is no larger than any printed one, and could tell a small count by
    subtraction. Tests try every table of up to five cells. A whole of one cell is suppressed, since
    its complement is nobody. Edge cases: no cell gives none; a whole under ``least`` suppresses
    every cell, and the caller may not print the whole either. Source of primary and secondary
    suppression: Hundepool et al. 2012, doi 10.1002/9781118348239 (recalled); order and sum are the
    project's.

    >>> sorted(choose_suppressed([18, 2, 6, 9], 5))
    [1, 3]
    >>> sorted(choose_suppressed([20, 1, 1], 5)), sorted(choose_suppressed([12, 8], 5))
    ([0, 1, 2], [])
    """
    if len(counts) == 1:
        return frozenset({0})
    chosen = {cell for cell, count in enumerate(counts) if count < least}
    left = [cell for cell in range(len(counts)) if cell not in chosen]
    if not chosen:
        return frozenset()
    secondary = 0
    while left and (
        secondary == 0 or sum(counts[cell] for cell in chosen) < least - 1 + least * secondary
    ):
        chosen.add(left.pop())
        secondary += 1
    return frozenset(chosen)


def is_share_hidden(count: int, whole: int, least: int) -> bool:
    """Say whether a count of a whole may not be printed, because it or the rest is small.

    >>> is_share_hidden(3, 20, 5), is_share_hidden(18, 20, 5), is_share_hidden(12, 20, 5)
    (True, True, False)
    """
    return bool(choose_suppressed([count, whole - count], least))


def round_count(count: int, base: int) -> int:
    """Round a count to the nearest multiple of the base, a tie upwards.

    >>> [round_count(count, 5) for count in (5, 7, 8, 12, 13)]
    [5, 5, 10, 10, 15]
    >>> round_count(15, 10), round_count(14, 10)
    (20, 10)
    """
    return (count + base // 2) // base * base


def bound_count(rounded: int, base: int, least: int) -> tuple[int, int]:
    """Return the least and the greatest count that was printed as this rounded one.

    >>> bound_count(20, 5, 5), bound_count(5, 5, 5), bound_count(10, 10, 5)
    ((18, 22), (5, 7), (5, 14))
    """
    low = rounded - base // 2
    return max(low, least), low + base - 1
