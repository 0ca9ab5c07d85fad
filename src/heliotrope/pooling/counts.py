"""Counts of several sites added, each as the range that its rounding or suppression leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heliotrope.estimate.pooling import estimate_pooled_share
from heliotrope.estimate.rows import Row
from heliotrope.estimate.wording import percent, worded
from heliotrope.pooling.sites import Site
from heliotrope.pooling.spread import list_spread
from heliotrope.report.disclosure.suppress import bound_count


@dataclass(frozen=True)
class SiteCount:
    """What is known of a count at a site: as printed, its range, its whole and that one's range.

    ``printed`` is None where the count is suppressed or its word is not named; ``whole`` where the
    whole is. ``most`` is None where nothing bounds the count.
    """

    site: str
    printed: int | None
    whole: int | None
    least: int
    most: int | None
    whole_least: int
    whole_most: int | None


def read_count(site: Site, row: Mapping[str, Any] | None) -> SiteCount:
    """Read what a site's row says of a count; no row means that the word is not named there."""
    base, least = site.limits.rounding_base, site.limits.least_count
    whole = None if row is None else row["n_evaluable"]
    whole_least, whole_most = (0, None) if whole is None else bound_count(whole, base, least)
    if row is None or row["value"] is None:
        return SiteCount(site.name, None, whole, 0, whole_most, whole_least, whole_most)
    count = round(row["value"])
    low, high = bound_count(count, base, least)
    most = high if whole_most is None else min(high, whole_most)
    return SiteCount(site.name, count, whole, low, most, max(whole_least, low), whole_most)


def pool_count(head: Row, counts: Sequence[SiteCount]) -> Row:
    """Add a count over the sites: a number where all print it, and its range in any case.

    Refused where a suppressed count has no bound, because its whole is not printed either.
    """
    hidden = [count.site for count in counts if count.printed is None]
    wholes = [count.whole for count in counts if count.whole is not None]
    whole = sum(wholes) if len(wholes) == len(counts) else None
    if any(count.most is None for count in counts):
        reason = worded("the count is suppressed at {sites}, and its whole too").format(
            sites=", ".join(hidden)
        )
        return replace(head, statistic="n", refused=reason)
    least = sum(count.least for count in counts)
    most = sum(count.most or 0 for count in counts)
    row = replace(head, statistic="n", low=float(least), high=float(most), n_evaluable=whole)
    if hidden:
        words = worded("{least} to {most} (suppressed at {sites})").format(
            least=least, most=most, sites=", ".join(hidden)
        )
        return replace(row, formatted=words)
    total = sum(count.printed or 0 for count in counts)
    words = worded("{total} ({least} to {most} before rounding)").format(
        total=total, least=least, most=most
    )
    return replace(row, value=float(total), formatted=words)


def bound_share(head: Row, counts: Sequence[SiteCount]) -> Row:
    """Give the least and the greatest share of all sites together that the printed counts allow."""
    row = replace(head, statistic="proportion_range")
    if any(c.most is None or c.whole_most is None or c.whole_least == 0 for c in counts):
        return replace(row, refused=worded("a whole is suppressed, so nothing bounds the share"))
    least = sum(count.least for count in counts)
    most = sum(count.most or 0 for count in counts)
    rest_most = sum((count.whole_most or 0) - count.least for count in counts)
    rest_least = sum(max(0, count.whole_least - (count.most or 0)) for count in counts)
    low, high = least / (least + rest_most), most / (most + rest_least) if most else 0.0
    whole = sum(count.whole or 0 for count in counts)
    words = worded("{low} to {high} %").format(low=percent(low, whole), high=percent(high, whole))
    return replace(row, formatted=words, low=low, high=high, n_evaluable=whole)


def pool_share(head: Row, counts: Sequence[SiteCount], level: float, added: float) -> list[Row]:
    """Pool a share by random effects, where every site prints its count and its whole.

    A site suppresses a count because it, or its complement, is rare there: leaving that site out
    would bend the share, so it is refused. Beside the pooled share: its interval where every site's
    count were as low, or as high, as rounding allows.
    """
    row = replace(head, statistic="proportion_random_effects")
    hidden = [c.site for c in counts if c.printed is None or c.whole is None]
    if hidden:
        reason = worded(
            "suppressed at {sites}: leaving these sites out would bend the share, since rare "
            "outcomes are what is suppressed"
        ).format(sites=", ".join(hidden))
        return [replace(row, refused=reason, n_evaluable=0)]
    pairs = [(count.printed or 0, count.whole or 0) for count in counts]
    names = [count.site for count in counts]
    return [
        *list_spread(row, names, _share_of(pairs, added), level),
        _vary_rounding(head, counts, level, added),
    ]


def _share_of(pairs: Sequence[tuple[int, int]], added: float) -> list[tuple[float, float]]:
    from heliotrope.estimate.pooling import compute_log_odds

    return [compute_log_odds(events, of, added) for events, of in pairs]


def _vary_rounding(head: Row, counts: Sequence[SiteCount], level: float, added: float) -> Row:
    """Give the ends of the interval where all counts were as low, or as high, as they can be."""
    row = replace(head, statistic="proportion_random_effects_rounding")
    lowest = [(c.least, max(c.whole or 0, c.least)) for c in counts]
    highest = [(min(c.most or 0, c.whole or 0), c.whole or 0) for c in counts]
    if len(counts) < 3:
        return replace(row, refused=worded("fewer than three sites"), n_evaluable=len(counts))
    low = estimate_pooled_share(lowest, level, added).interval.low
    high = estimate_pooled_share(highest, level, added).interval.high
    whole = sum(count.whole or 0 for count in counts)
    words = worded("{low} to {high} % whatever the rounding hid").format(
        low=percent(low, whole), high=percent(high, whole)
    )
    return replace(row, formatted=words, low=low, high=high, level=level, n_evaluable=whole)
