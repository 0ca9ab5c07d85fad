"""Put simulated cohorts together, block by block, and write them as a study folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from heliotrope.simulate.activity import (
    Treatment,
    compute_activity_without_steroid,
    compute_treatment,
)
from heliotrope.simulate.assessments import make_assessments
from heliotrope.simulate.children import Children, compute_body, draw_children
from heliotrope.simulate.courses import Courses, draw_courses
from heliotrope.simulate.draws import Draws, Numbers
from heliotrope.simulate.events import (
    make_complications,
    make_flares,
    make_indications,
    make_reactions,
    make_stops,
)
from heliotrope.simulate.infusions import draw_infusion_days, make_infusions
from heliotrope.simulate.medications import (
    draw_steroid_history,
    make_other_drugs,
    make_pulses,
    make_rescues,
    make_steroids,
)
from heliotrope.simulate.parameters import Simulation, read_simulation
from heliotrope.simulate.tables import COLUMNS, SORT, make_dates, make_table, make_words
from heliotrope.simulate.visits import Visits, draw_visits

Tables = dict[str, pl.DataFrame]


@dataclass(frozen=True)
class SimulatedBlock:
    """Canonical tables of some children, and the truth that made them (one row a child)."""

    tables: Tables
    truth: pl.DataFrame


def simulate_cohort(patients: int, seed: int) -> Tables:
    """Invent the records of a cohort of children with juvenile dermatomyositis.

    Children have full modern core sets with gaps, monthly to quarterly visits, IVIG courses,
    steroids, other drugs, reactions and stops; some never get IVIG. Child k of a seed is the same
    in a cohort of any size.

    Returns the canonical tables (all but adjudication), with the columns of the canonical CSV
    files and dates as dates.

    >>> tables = simulate_cohort(patients=3, seed=1)
    >>> tables["patient"]["patient_id"].to_list()
    ['P0000001', 'P0000002', 'P0000003']
    """
    blocks = [block.tables for block in simulate_blocks(patients, seed)]
    return {name: pl.concat(block[name] for block in blocks) for name in COLUMNS}


def simulate_blocks(
    patients: int,
    seed: int,
    share_with_ivig: float | None = None,
    missed_without_ivig: float | None = None,
) -> Iterator[SimulatedBlock]:
    """Invent a cohort piece by piece, so that a million children need no more memory than a few.

    ``share_with_ivig``: the chance of each child to get IVIG; None: that of ``simulation.toml``.
    Who gets IVIG at a small share gets it at every larger one. ``missed_without_ivig``: the share
    of their visits that children without IVIG miss; None: that of ``simulation.toml``.
    Errors: ValueError for a cohort without children.
    """
    if patients < 1:
        raise ValueError(f"a cohort has at least one child, not {patients}")
    simulation = read_simulation()
    if share_with_ivig is not None:
        simulation = simulation.with_ivig(share_with_ivig)
    if missed_without_ivig is not None:
        simulation = simulation.with_missed_visits(missed_without_ivig)
    size = simulation.children_per_block
    for block in range(0, patients, size):
        yield _simulate_block(simulation, seed, block, min(size, patients - block))


def write_csv(tables: Tables, folder: Path, *, append: bool = False) -> None:
    """Write canonical tables as the CSV files of a study folder; ``append`` adds to them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with (folder / f"{name}.csv").open("ab" if append else "wb") as file:
            table.write_csv(file, include_header=not append)


def write_cohort_csv(patients: int, seed: int, folder: Path) -> None:
    """Invent a cohort of any size and write it as CSV files, block by block."""
    for number, block in enumerate(simulate_blocks(patients, seed)):
        write_csv(block.tables, folder, append=number > 0)


@dataclass(frozen=True)
class _History:
    """Everything drawn about a block of children before rows are written."""

    children: Children
    courses: Courses
    visits: Visits
    treatment: Treatment
    weight_kg: Numbers


def _simulate_block(simulation: Simulation, seed: int, first: int, kept: int) -> SimulatedBlock:
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(first,))
    draws = Draws(np.random.Generator(np.random.PCG64(sequence)))
    children = draw_children(draws, simulation, first + 1)
    courses = draw_courses(draws, simulation, children)
    visits = draw_visits(draws, simulation, children, courses)
    days = np.nan_to_num(visits.day)
    weight = compute_body(children, days, simulation, "weight")
    at_start = compute_body(children, np.zeros((children.count, 1)), simulation, "weight")[:, 0]
    steroids = draw_steroid_history(draws, simulation, children, at_start)
    without = compute_activity_without_steroid(draws, simulation, children, courses, visits)
    treatment = compute_treatment(draws, simulation, visits, without, weight, steroids.baseline_mg)
    history = _History(children, courses, visits, treatment, weight)
    others, complication = make_other_drugs(draws, simulation, children, at_start)
    infusions = draw_infusion_days(draws, simulation, courses)
    fall = _compute_fall(history)
    tables = {
        "patient": _make_patients(draws, simulation, history),
        "assessment": make_assessments(draws, simulation, children, visits, treatment.activity),
        "infusion": make_infusions(draws, simulation, children, courses, infusions),
        "medication": pl.concat(
            [
                make_steroids(draws, simulation, children, steroids, visits, treatment),
                make_pulses(draws, simulation, children, visits, treatment, weight),
                others,
                make_rescues(draws, simulation, children, visits, treatment, weight),
            ]
        ),
        "event": pl.concat(
            [
                make_reactions(draws, simulation, children, infusions),
                make_flares(draws, simulation, children, visits, treatment),
                make_complications(children, complication),
                make_stops(draws, simulation, children, courses, fall),
            ]
        ),
        "indication": make_indications(draws, simulation, children, complication),
    }
    wanted = tables["patient"].head(kept).select("patient_id", _end="followup_end")
    return SimulatedBlock(
        tables={name: _finish(name, table, wanted) for name, table in tables.items()},
        truth=_make_truth(simulation, history).head(kept),
    )


def _finish(name: str, table: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Keep the wanted children, drop what lies after the end of follow-up, sort by child and day.

    ``wanted``: ``patient_id`` and ``_end``, the last day of follow-up.
    """
    seen = table.join(wanted, on="patient_id", how="inner", maintain_order="left")
    day = {"medication": "start_date"}.get(name, "date")
    if day in table.columns:
        seen = seen.filter(pl.col(day) <= pl.col("_end"))
    if "end_date" in table.columns:
        seen = seen.with_columns(
            end_date=pl.when(pl.col("end_date") <= pl.col("_end")).then("end_date")
        )
    if "ongoing" in table.columns:
        is_open = pl.col("end_date").is_null()
        seen = seen.with_columns(
            ongoing=pl.when(is_open).then(pl.lit("yes")).otherwise(pl.lit("no"))
        )
    return seen.drop("_end").sort(SORT[name], maintain_order=True)


def _compute_fall(history: _History) -> Numbers:
    """Fall of activity from the visits before IVIG to the last one on the last regimen (cm)."""
    day, activity = history.visits.day, history.treatment.activity
    is_before = history.visits.exists & (day <= 0)
    before = np.where(is_before, activity, -np.inf).max(axis=1)
    is_on = history.visits.exists & (day > 0) & (day <= history.courses.last_start[:, None])
    last = is_on.shape[1] - 1 - is_on[:, ::-1].argmax(axis=1)
    on_last = np.where(is_on.any(axis=1), activity[np.arange(len(last)), last], np.nan)
    fall: Numbers = before - on_last
    return fall


def _make_patients(draws: Draws, simulation: Simulation, history: _History) -> pl.DataFrame:
    children, cohort = history.children, simulation.cohort
    everyone = np.arange(children.count)
    born = np.round(-children.age_years * 365.25)
    end = history.courses.followup_end.astype(np.float64)
    died = np.where(draws.is_true(cohort.share_death, (children.count,)), end, np.nan)
    return make_table(
        "patient",
        children.number,
        {
            "sex": make_words(("male", "female"), children.is_female * 1),
            "birth_date": make_dates(children, everyone, born),
            "onset_date": make_dates(children, everyone, children.onset_day),
            "diagnosis_date": make_dates(children, everyone, children.diagnosis_day),
            "diagnosis": "juvenile dermatomyositis",
            "antibody": make_words(cohort.antibodies, children.antibody),
            "site": make_words(cohort.sites, children.site),
            "followup_end": make_dates(children, everyone, end),
            "death_date": make_dates(children, everyone, died),
        },
    )


def _make_truth(simulation: Simulation, history: _History) -> pl.DataFrame:
    """What the simulation knows and no chart shows: the kind of child and its effects (cm)."""
    children, kinds = history.children, simulation.archetypes
    return make_table("patient", children.number, {}).select(
        "patient_id",
        has_ivig=pl.Series(children.has_ivig),
        archetype=make_words(tuple(kind.name for kind in kinds), children.archetype),
        pulse=pl.Series(children.trait([kind.pulse for kind in kinds]) * children.spread),
        persistent=pl.Series(children.trait([kind.persistent for kind in kinds]) * children.spread),
        onset_half_time_days=pl.Series(
            children.trait([kind.onset_half_time_days for kind in kinds])
        ),
        is_relapsing=pl.Series(history.courses.is_relapsing),
    )
