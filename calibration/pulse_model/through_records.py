"""The whole way: a cohort written as a study folder, read, evaluated, bridged to the model, fitted.

Unlike the other parts this one needs the whole program. What the bridge cannot know is part of what
is tested: until when a child was considered, and at which visits.
"""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.approximate import find_mode
from heliotrope.estimate.pulse.records import Cohort, read_cohort
from heliotrope.simulate.known_truth.cohort import KnownCohort

THROUGH_RECORDS = "everyone, through the records"

SLOPE_LEFT = 0.01


def read_through_records(cohort: KnownCohort) -> Cohort:
    """Write a cohort as CSV, run the program on it without the model, and bridge its tables."""
    import polars as pl

    from heliotrope.definitions.load import read_rulebook
    from heliotrope.estimate.inputs import Inputs
    from heliotrope.pipeline import RunOptions, run_study
    from heliotrope.records.canonical import CANONICAL
    from heliotrope.records.results import TABLES
    from heliotrope.simulate.cohort import write_csv
    from heliotrope.simulate.known_truth.records import make_known_tables

    def read(folder: Path) -> dict[str, pl.DataFrame]:
        known = CANONICAL.keys() | TABLES.keys()
        paths = [path for path in folder.glob("*.parquet") if path.stem in known]
        return {path.stem: pl.read_parquet(path) for path in paths}

    with tempfile.TemporaryDirectory() as name:
        study, run = Path(name) / "study", Path(name) / "run"
        write_csv(make_known_tables(cohort), study)
        run_study(study, run, RunOptions(model=False))
        inputs = Inputs.of(read(run / "tables"), read(run / "records"), read_rulebook())
    model = read_pulse_model()
    return read_cohort(inputs, model, model.conventions)


def take_children(cohort: KnownCohort, rows: slice) -> KnownCohort:
    """Return some children of a cohort."""

    def cut(parts: Any) -> Any:
        return type(parts)(**{each.name: getattr(parts, each.name)[rows] for each in fields(parts)})

    return replace(
        cohort,
        number=cohort.number[rows],
        first_day=cohort.first_day[rows],
        effects=cut(cohort.effects),
        history=cut(cohort.history),
    )


def fit_through_records(
    cohort: KnownCohort, asked: tuple[str, ...], level: float
) -> dict[str, Any]:
    """Say the mode and the normal interval of what is asked, and what the start rule rests on."""
    from heliotrope.estimate.pulse.posterior import prepare_problem

    found = read_through_records(cohort)
    problem = prepare_problem(found.data, read_pulse_model(), found.start.rule)
    mode = find_mode(problem, [np.zeros(problem.layout.size)])
    sd = np.sqrt(np.diag(np.linalg.inv(mode.precision)))
    half = NormalDist().inv_cdf((1 + level) / 2) * sd
    ends = [problem.layout.unpack(mode.vector + side * half) for side in (0.0, -1.0, 1.0)]
    return {
        "is_found": mode.slope_left < SLOPE_LEFT,
        "start_rule": found.start.rule,
        "not_started": found.start.not_started,
        "visits_a_child": found.start.visits_a_child,
        **{name: [end[name][0] for end in ends] for name in asked if name in ends[0]},
    }
