"""What simulation-based calibration found, in words and a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from calibration.pulse_model.envelope import judge_ranks
from calibration.pulse_model.tables import Rows, draw_table, group_rows
from heliotrope.definitions.pulse_model import read_pulse_model

NUTS = "nuts"

LOW_END = 0.01

LEVEL = 0.95


def replace_by_nuts(rows: Rows, by_nuts: Rows) -> Rows:
    """Let the ranks by NUTS count instead of those that reweighted draws gave."""
    anew = {_key(row): row for row in by_nuts}
    return [{**row, **anew[_key(row)], NUTS: True} if _key(row) in anew else row for row in rows]


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["start_rule"], row.get("seed"), row.get("row")


def describe_sbc(rows: Rows) -> str:
    """Whether the truths of the prior rank evenly."""
    parts = []
    for (rule,), group in group_rows(rows, "start_rule").items():
        told = [_judge(name, group) for name in group[0]["ranks"]]
        outside = sum(row[-1] == "OUTSIDE" for row in told)
        parts.append(
            f"Start rule `{rule}`: {len(group)} fits of {group[0]['children']} children; "
            f"{_say_k_hat(group)}; {outside} of {len(told)} quantities leave the 95 % simultaneous "
            f"band ({(1 - LEVEL) * len(told):.1f} expected by chance); at the level of all "
            f"quantities together (p under {(1 - LEVEL) / len(told):.4f}): {_list_far(told)}.\n\n"
            + draw_table(["quantity", "largest distance", "p", "95 % band"], told)
        )
    return "## Simulation-based calibration\n\n" + "\n\n".join(parts)


def _list_far(told: list[list[str]]) -> str:
    """Name the quantities that would leave the band if it were drawn for all of them together."""
    far = [row[0] for row in told if float(row[2]) < (1 - LEVEL) / len(told)]
    return ", ".join(far) or "none"


def _judge(name: str, group: Rows) -> list[str]:
    ranks = np.asarray([row["ranks"][name] for row in group], dtype=float)
    judged = judge_ranks(ranks[np.isfinite(ranks)])
    said = "inside" if judged.is_inside else "OUTSIDE"
    return [name, f"{judged.largest_distance:.3f}", f"{judged.p:.4f}", said]


def describe_before(before: Rows, rows: Rows) -> str:
    """Beside what an earlier version gave: quantities that left the band in either, and the ends.

    The ends: ranks under 0.01 and over 0.99, of which 1 % each are expected.
    """
    parts = []
    groups = group_rows(before, "start_rule")
    for rule, after in group_rows(rows, "start_rule").items():
        if rule not in groups:
            continue
        told = [
            [name, *_judge(name, groups[rule])[1:], *_judge(name, after)[1:]]
            for name in after[0]["ranks"]
        ]
        left = [row for row in told if "OUTSIDE" in row]
        ends = [
            [name, *(_say_ends(name, group) for group in (groups[rule], after))]
            for name in ("onset_days", "extra_decay_days", "half_peak_day", "peak_day")
        ]
        columns = ["quantity", "distance before", "p", "band", "distance now", "p", "band"]
        parts.append(
            f"Start rule `{rule[0]}`: {len(groups[rule])} fits before, {len(after)} now. "
            "Quantities that left the band in either:\n\n"
            + draw_table(columns, left)
            + "\n\nShare of the ranks under 0.01 and over 0.99 (0.01 each is right):\n\n"
            + draw_table(["quantity", "before", "now"], ends)
        )
    said = (
        "### Before the draws followed the ridge of the pulse's half-times\n\nUntil then the draws "
        "came from a split t around the mode in the logarithms of the two half-times, the search "
        "began at no effect alone, and fits with k-hat over the limit were kept."
    )
    return "\n\n".join([said, *parts])


def _say_ends(name: str, group: Rows) -> str:
    ranks = np.asarray([row["ranks"][name] for row in group], dtype=float)
    return f"{np.mean(ranks < LOW_END):.3f} / {np.mean(ranks > 1 - LOW_END):.3f}"


def _say_k_hat(group: Rows) -> str:
    limit = read_pulse_model().fit.k_hat_at_most
    k_hat = np.asarray([row["k_hat"] if row["k_hat"] is not None else np.inf for row in group])
    by_nuts = [row for row in group if row.get(NUTS)]
    kept = int((k_hat > limit).sum()) - len(by_nuts)
    said = f"k-hat above {limit} in {np.mean(k_hat > limit):.1%} of them, as in the program then "
    said += f"drawn by NUTS: {len(by_nuts)}"
    distrusted = sum(not row["is_trusted"] for row in by_nuts)
    if distrusted:
        said += f" ({distrusted} with an R-hat for which the program would refuse)"
    return said + (f", kept as they were for want of time: {kept}" if kept else "")
