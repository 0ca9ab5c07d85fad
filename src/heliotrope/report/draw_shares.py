"""The shares behind the answers in one picture, each with its interval."""

from __future__ import annotations

from heliotrope.report.charts.cohort import draw_intervals
from heliotrope.report.charts.spec import Spec
from heliotrope.report.find_results import Results
from heliotrope.report.language import _


def draw_shares(results: Results, window: str) -> Spec | None:
    """Draw the shares behind the answers, or nothing where none is given."""
    shares = [
        (_("Improved, confirmed"), results.share("responded", "confirmed")),
        (_("Steroid fell to half"), results.share("steroid_effect", "sparing")),
        (_("First seen within a week"), results.share("onset", "rapid")),
        (_("Held"), results.share("durability", "sustained")),
        (_("Worse after stopping"), results.share("aggravation", window)),
        (_("Any reaction"), results.share("children_with_reaction", "any_occasion")),
    ]
    rows = [
        {
            "lane": name,
            "share": 100 * (share.value or 0.0),
            "low": 100 * (share.low or 0.0),
            "high": 100 * (share.high or 0.0),
            "text": f"{share.text}, {share.percent} ({share.interval})",
        }
        for name, share in shares
        if share.is_given
    ]
    if not rows:
        return None
    spoken = "; ".join(f"{row['lane']}: {row['text']}" for row in rows)
    return draw_intervals(
        rows, _("Shares of children with 95 % intervals. {spoken}.").format(spoken=spoken)
    )
