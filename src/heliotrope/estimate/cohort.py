"""All descriptive estimates of a run, in one table of result rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.pulse_model import PULSE_MODEL
from heliotrope.estimate.after_stopping import estimate_after_stopping
from heliotrope.estimate.agreement import estimate_agreement
from heliotrope.estimate.description import (
    estimate_cohort,
    estimate_indications,
    estimate_table1,
)
from heliotrope.estimate.events.after_stopping_first import estimate_after_stopping_first
from heliotrope.estimate.events.after_stopping_weighted import estimate_after_stopping_weighted
from heliotrope.estimate.events.clustered_reactions import estimate_clustered_reactions
from heliotrope.estimate.events.flares import estimate_flares
from heliotrope.estimate.events.reaction_comparisons import estimate_reaction_comparisons
from heliotrope.estimate.haemolysis import estimate_haemolysis
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.landmarks import estimate_landmarks
from heliotrope.estimate.literature import estimate_literature
from heliotrope.estimate.onset import estimate_onset_days, estimate_states_reached
from heliotrope.estimate.proportions import estimate_proportions
from heliotrope.estimate.reactions import estimate_reactions
from heliotrope.estimate.registry_comparison import estimate_registry_comparison
from heliotrope.estimate.rows import Row, make_results
from heliotrope.estimate.side_by_side import estimate_side_by_side
from heliotrope.estimate.sparing.estimate import estimate_steroid_sparing
from heliotrope.estimate.steroid import estimate_steroid
from heliotrope.estimate.steroid_outcomes import estimate_steroid_outcomes
from heliotrope.estimate.timing.cycle import estimate_cycle
from heliotrope.estimate.timing.first_response import estimate_first_response
from heliotrope.estimate.wording import MODEL_NOT_ASKED

Progress = Callable[[str, float], None]

ESTIMATES = (
    estimate_cohort,
    estimate_table1,
    estimate_indications,
    estimate_proportions,
    estimate_onset_days,
    estimate_first_response,
    estimate_cycle,
    estimate_states_reached,
    estimate_landmarks,
    estimate_steroid,
    estimate_steroid_outcomes,
    estimate_steroid_sparing,
    estimate_after_stopping,
    estimate_after_stopping_first,
    estimate_after_stopping_weighted,
    estimate_flares,
    estimate_reactions,
    estimate_clustered_reactions,
    estimate_reaction_comparisons,
    estimate_haemolysis,
    estimate_agreement,
    estimate_side_by_side,
    estimate_registry_comparison,
)


def estimate_all(
    tables: Mapping[str, pl.DataFrame],
    records: Mapping[str, pl.DataFrame],
    rulebook: Rulebook,
    model_progress: Progress | None = None,
) -> pl.DataFrame:
    """Describe a cohort that is held whole; see ``estimate_inputs``.

    ``tables``: the merged output tables of a run; ``records``: its canonical tables; either may
    lack tables, which then count as empty.
    """
    return estimate_inputs(Inputs.of(tables, records, rulebook), model_progress)


def estimate_inputs(inputs: Inputs, model_progress: Progress | None = None) -> pl.DataFrame:
    """Describe a cohort: every statistic a row, every refusal a row that says why.

    Returns the columns of ``records.results.Result``. The
    order of the rows is fixed by the analyses and the definitions, not by the data's row order.
    ``model_progress``: fit the pulse model too, telling it each step and the share done; None
    leaves the model out, and a row says so. The rows are listed in the documentation of this room
    (``heliotrope.estimate``).
    """
    rows: list[Row] = []
    for estimate in ESTIMATES:
        rows += estimate(inputs)
    rows += estimate_literature(inputs, rows)
    rows += _estimate_model(inputs, model_progress)
    return make_results(rows)


def _estimate_model(inputs: Inputs, progress: Progress | None) -> list[Row]:
    """Fit the pulse model where it is asked for: it takes seconds to load, minutes to fit."""
    if progress is None:
        return [
            inputs.topic("pulse_model", PULSE_MODEL).refuse("pulse", "posterior", MODEL_NOT_ASKED)
        ]
    from heliotrope.estimate.pulse.estimate import estimate_pulse_model

    return estimate_pulse_model(inputs, progress)
