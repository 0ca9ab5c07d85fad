"""The fits of simulation-based calibration that the program would draw with NUTS, drawn so.

Reads what the stage ``sbc`` found in the same folder: where k-hat is above the program's limit, the
same data set is fitted by NUTS, and its ranks count instead.
"""

from __future__ import annotations

import time

from calibration.pulse_model.fits import draw_each, find_modes
from calibration.pulse_model.nuts import draw_with_nuts
from calibration.pulse_model.sbc import (
    MECHANISM,
    draw_prior_truths,
    find_rule,
    rank_truth,
)
from calibration.pulse_model.stage import Order, Results, read_results
from heliotrope.definitions.pulse_model import read_pulse_model

STAGE = "sbc_nuts"


PARTS = tuple(MECHANISM)


def run_sbc_nuts(order: Order, part: str) -> None:
    """Rank by NUTS, one data set after another, until all are done."""
    rule, fit = find_rule(part), read_pulse_model().fit
    _, rows = read_results(order.out, "sbc")
    results = Results(order, STAGE, part)
    wanted = [row for row in rows if row["start_rule"] == rule and not _is_trusted(row)]
    took = 0.0
    for told in wanted[:1] if order.is_quick else wanted:
        if not order.goes_on(took):
            return
        began = time.monotonic()
        truths = draw_prior_truths(rule, told["datasets"], told["seed"])
        row = told["row"]
        one = truths.batch.part(row, row + 1)
        reweighted = draw_each(one, find_modes(one), truths.seed + row)[0]
        drawn, r_hat = draw_with_nuts(truths.batch, row, reweighted)
        ranks = rank_truth(truths, row, drawn)
        named = {"start_rule": rule, "seed": told["seed"], "row": row}
        seen = {"r_hat": r_hat, "is_trusted": r_hat <= fit.r_hat_at_most}
        results.write({**named, **seen, "ranks": ranks})
        took = time.monotonic() - began


def _is_trusted(row: dict[str, object]) -> bool:
    k_hat = row["k_hat"]
    return isinstance(k_hat, float) and k_hat <= read_pulse_model().fit.k_hat_at_most
