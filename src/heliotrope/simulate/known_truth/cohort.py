"""Draw cohorts of known truth as arrays, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from heliotrope.simulate.children import EPOCH
from heliotrope.simulate.draws import Booleans, Draws, Integers
from heliotrope.simulate.known_truth.history import History, Setting, draw_history
from heliotrope.simulate.known_truth.parameters import KnownTruth, Mechanism, read_known_truth
from heliotrope.simulate.known_truth.population import (
    ChildEffects,
    Population,
    describe_population,
    draw_effects,
)

Parts = TypeVar("Parts", ChildEffects, History)


@dataclass(frozen=True)
class KnownCohort:
    """A cohort with its truth: children down, days since each child's first visit.

    ``history`` holds what happened and the latent activity; ``effects`` each child's own activity,
    drift, pulse and persistent effect; ``population`` what is true of all of them. ``number``:
    the child's number, from 1. ``first_day``: the date of the first visit, days since 1970.
    """

    truth: KnownTruth
    mechanism: Mechanism
    population: Population
    number: Integers
    first_day: Integers
    effects: ChildEffects
    history: History

    @property
    def has_started(self) -> Booleans:
        """True for children who ever got immunoglobulin."""
        return np.isfinite(self.history.infusion_day[:, 0])


@dataclass(frozen=True)
class CohortPlan:
    """What to draw: a mechanism, and another truth or other numbers than those of the file.

    ``population``: one entry a child where cohorts of many truths are drawn at once.
    """

    mechanism: str = "pulse_model"
    population: Population | None = None
    truth: KnownTruth | None = None


def simulate_known_truth(patients: int, seed: int, plan: CohortPlan | None = None) -> KnownCohort:
    """Invent a cohort whose true effect of immunoglobulin is known.

    Children are seen about monthly from a first visit on. At any visit of the first months
    immunoglobulin may be started, by the start rule of the mechanism; some never start. Monthly
    infusions follow, then months without. The steroid dose answers the rating of each visit. Child
    k of a seed is the same in a cohort of any size.

    Errors: ValueError for a cohort without children or an unknown mechanism.

    >>> cohort = simulate_known_truth(40, seed=1)
    >>> cohort.history.value.shape
    (40, 36, 3)
    >>> bool(cohort.has_started.any()), bool(cohort.has_started.all())
    (True, False)
    """
    cohorts = list(simulate_known_blocks(patients, seed, plan))
    return replace(
        cohorts[0],
        number=np.concatenate([cohort.number for cohort in cohorts]),
        first_day=np.concatenate([cohort.first_day for cohort in cohorts]),
        effects=_join([cohort.effects for cohort in cohorts]),
        history=_join([cohort.history for cohort in cohorts]),
    )


def simulate_known_blocks(
    patients: int, seed: int, plan: CohortPlan | None = None
) -> Iterator[KnownCohort]:
    """Invent the same cohort piece by piece, so that many children need no more memory than few.

    Errors: as ``simulate_known_truth``.
    """
    if patients < 1:
        raise ValueError(f"a cohort has at least one child, not {patients}")
    plan = plan or CohortPlan()
    truth = plan.truth or read_known_truth()
    mechanism = truth.mechanism(plan.mechanism)
    population = plan.population or describe_population(truth, plan.mechanism)
    told, size = (truth, mechanism, population), truth.children_per_block
    piece = size * truth.blocks_at_a_time
    for start in range(0, patients, piece):
        end = min(start + piece, patients)
        blocks = [
            _draw_block(told, seed, first, min(size, end - first))
            for first in range(start, end, size)
        ]
        yield KnownCohort(
            truth=truth,
            mechanism=mechanism,
            population=population,
            number=1 + np.arange(start, end, dtype=np.int64),
            first_day=np.concatenate([first_day for first_day, _, _ in blocks]),
            effects=_join([effects for _, effects, _ in blocks]),
            history=_join([history for _, _, history in blocks]),
        )


def _draw_block(
    told: tuple[KnownTruth, Mechanism, Population], seed: int, first: int, kept: int
) -> tuple[Integers, ChildEffects, History]:
    """Draw a whole block, whatever of it is kept, so that no child depends on the cohort's size."""
    truth, mechanism, population = told
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(first,))
    draws = Draws(np.random.Generator(np.random.PCG64(sequence)))
    size = truth.children_per_block
    own = population.of_children(slice(first, first + kept), size)
    window = (truth.first_visit_from - EPOCH).days, (truth.first_visit_until - EPOCH).days
    first_day = draws.days(*window, (size,))
    effects = draw_effects(draws, own, mechanism.effect)
    history = draw_history(draws, Setting(truth, mechanism, own, effects))
    return first_day[:kept], _cut(effects, kept), _cut(history, kept)


def _cut(parts: Parts, kept: int) -> Parts:
    return type(parts)(**{part.name: getattr(parts, part.name)[:kept] for part in fields(parts)})


def _join(blocks: list[Parts]) -> Parts:
    return type(blocks[0])(
        **{
            part.name: np.concatenate([getattr(block, part.name) for block in blocks])
            for part in fields(blocks[0])
        }
    )
