"""How often a study's own report says that the model does not fit, in words and a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from calibration.pulse_model.tables import Rows, draw_table, group_rows
from heliotrope.definitions.pulse_model import read_pulse_model

VISITS = "visits_by_activity"

# Which check is meant to find a mechanism.
MEANT_FOR = {
    "saturating_pulse": "pulse_saturates",
    "decaying_persistent_effect": "persistent_half_life_180_days",
    "informative_visits": VISITS,
}

SEEN_LEAST, SEEN_MOSTLY = 0.1, 0.8


def describe_misfit(rows: Rows) -> str:
    """How often the study's own report says that the model does not fit, by mechanism and size."""
    check = read_pulse_model().check
    cells = sorted(
        group_rows(rows, "mechanism", "children").items(), key=lambda cell: cell[0][::-1]
    )
    names = [VISITS, *rows[0]["gains"]]
    table = [
        [cell[0], str(cell[1]), str(len(group)), *(_say_flagged(group, name) for name in names)]
        for cell, group in cells
    ]
    columns = ["how it came about", "treated children", "data sets"]
    columns += [name.replace("_", " ") for name in names]
    power = [
        [cell[0], str(cell[1]), MEANT_FOR[cell[0]].replace("_", " "), *_say_power(group, cell[0])]
        for cell, group in cells
        if cell[0] in MEANT_FOR
    ]
    power_columns = ["how it came about", "treated children", "check", "found in", "so"]
    return (
        "## What the report itself says of the fit\n\nShare of data sets with a warning: visits "
        f"that go with activity (p up to {check.chance_at_most}), and the records speaking for "
        f"another convention (log of the ratio of evidence from {check.log_evidence_at_least}; in "
        "brackets its median).\n\n"
        + draw_table(columns, table)
        + "\n\nDoes the check that is meant for a departure find it? (Exact 95 % intervals.)\n\n"
        + draw_table(power_columns, power)
    )


def find_flags(group: Rows, name: str) -> Any:
    """Say of each data set with an answer whether a check gave a warning."""
    check = read_pulse_model().check
    if name == VISITS:
        chances = [row["p_visits"] for row in group if row["p_visits"] is not None]
        return np.asarray(chances, dtype=float) <= check.chance_at_most
    gains = [row["gains"][name] for row in group if row["is_found"]]
    return np.asarray(gains, dtype=float) >= check.log_evidence_at_least


def _say_flagged(group: Rows, name: str) -> str:
    flags = find_flags(group, name)
    if not len(flags):
        return "-"
    gains = [row["gains"][name] for row in group if row["is_found"] and name != VISITS]
    return f"{flags.mean():.2f}" + (f" ({np.median(gains):.1f})" if gains else "")


def _say_power(group: Rows, mechanism: str) -> list[str]:
    from scipy.special import betaincinv

    flags = find_flags(group, MEANT_FOR[mechanism])
    found, count = int(flags.sum()), len(flags)
    if not count:
        return ["-", "no data set was fitted"]
    low = betaincinv(found, count - found + 1, 0.025) if found else 0.0
    high = betaincinv(found + 1, count - found, 0.975) if found < count else 1.0
    share = found / count
    said = "sees it" if share >= SEEN_MOSTLY else "sees it at times"
    said = "cannot see it at this size" if share <= SEEN_LEAST else said
    return [f"{found} of {count} ({low:.2f} to {high:.2f})", said]
