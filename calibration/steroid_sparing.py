"""Is the steroid spared found right? Bias, coverage and false claims over seeded clinics.

``python -m calibration.steroid_sparing`` writes the table of its results as Markdown to standard
output; ``--replicates`` and ``--children`` set how many clinics, and how large.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.sparing_world import (
    World,
    find_naive,
    find_truth,
    make_clinic,
    without_effect,
    write_tables,
)
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.steroid_sparing import STEROID_SPARING, SteroidSparing
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.sparing.dosing_rule import find_rule_facts
from heliotrope.estimate.sparing.g_formula import (
    FIGURES,
    draw_samples,
    estimate_spared,
    prepare,
)
from heliotrope.estimate.sparing.visit_pairs import derive_visit_pairs

LEVEL = 0.9

TRUTH_CHILDREN = 20_000

DIRECT = World(directly=-0.1)

WORLDS: Mapping[str, World] = {
    "as the model assumes": World(),
    "IVIG does nothing": without_effect(World()),
    "activity measured with error (SD 0.5 cm)": World(measuring_error=0.5),
    "IVIG also lowers the dose directly": DIRECT,
    "the same, IVIG in the dosing rule": DIRECT,
    "calendar taper, fixed share": World(dosing="fixed_share"),
    "calendar taper, fixed step": World(dosing="fixed_step"),
    "calendar taper after a fixed time": World(dosing="held_then_share"),
}

WITH_DIRECT_PATH = ("the same, IVIG in the dosing rule",)


@dataclass(frozen=True)
class Replicate:
    """One clinic: the estimate and its interval, what before and after would say, the verdict."""

    spared: float
    low: float
    high: float
    naive: float
    verdict: str | None


@dataclass(frozen=True)
class Summary:
    """What many clinics of one world show."""

    truth: float
    bias: float
    spread: float
    coverage: float
    naive_bias: float
    share_by_activity: float
    claims: float


@dataclass(frozen=True)
class Size:
    """How large a clinic is, how many bootstrap samples it gets, and which model."""

    children: int
    bootstraps: int
    has_direct_path: bool = False


def run_replicate(world: World, size: Size, seed: int, rulebook: Rulebook) -> Replicate:
    """Make one clinic from its seed and estimate what IVIG spared in it, whatever the verdict."""
    generator = np.random.default_rng(seed)
    clinic = make_clinic(world, size.children, generator)
    inputs = Inputs.of(*write_tables(clinic, world), rulebook)
    definition = rulebook.get(STEROID_SPARING, SteroidSparing)
    pairs = derive_visit_pairs(inputs, definition.dosing_rule)
    facts = find_rule_facts(inputs, pairs, definition.dosing_rule, inputs.parameters.level)
    naive = find_naive(clinic, world)
    fit, schedules = prepare(inputs, pairs, definition)
    fit = replace(fit, has_direct_path=size.has_direct_path)
    samples = draw_samples(fit, size.bootstraps)
    spared = estimate_spared(fit.numbers, samples, schedules, LEVEL)
    number = FIGURES.index("spared_mg_kg_day")
    interval = spared.intervals[number]
    return Replicate(
        spared=float(spared.figures[number]),
        low=interval.low,
        high=interval.high,
        naive=naive,
        verdict=facts.judge(definition.dosing_rule),
    )


def find_world_truth(world: World, horizon_days: int, seed: int = 1) -> float:
    """Return the steroid spared in a very large clinic of this world."""
    generator = np.random.default_rng(seed)
    return find_truth(
        world, make_clinic(world, TRUTH_CHILDREN, generator), horizon_days, generator, 5
    )


def summarise(found: Sequence[Replicate], truth: float) -> Summary:
    """Put the clinics of one world together."""
    spared = np.array([one.spared for one in found])
    low, high = (np.array([getattr(one, end) for one in found]) for end in ("low", "high"))
    shown = np.array([one.verdict == "by_activity" for one in found])
    return Summary(
        truth=truth,
        bias=float(spared.mean() - truth),
        spread=float(spared.std(ddof=1)),
        coverage=float(((low <= truth) & (truth <= high)).mean()),
        naive_bias=float(np.mean([one.naive for one in found]) - truth),
        share_by_activity=float(shown.mean()),
        claims=float((shown & (low > 0)).mean()),
    )


def calibrate(replicates: int, children: int, bootstraps: int, seed: int) -> str:
    """Run every world and write the table."""
    rulebook = read_rulebook()
    horizon = rulebook.get(STEROID_SPARING, SteroidSparing).model.horizon_days
    lines = [
        f"{replicates} clinics of {children} children a world, {bootstraps} bootstrap samples "
        f"each, first seed {seed}; mg/kg/day; intervals at {LEVEL:.0%}.",
        "",
        "| world | truth | bias | SD | coverage | bias of before less after | estimate allowed | "
        "claims that IVIG spared steroid |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, world in WORLDS.items():
        truth = find_world_truth(world, horizon)
        size = Size(children, bootstraps, name in WITH_DIRECT_PATH)
        found = [
            run_replicate(world, size, seed + number, rulebook) for number in range(replicates)
        ]
        s = summarise(found, truth)
        lines.append(
            f"| {name} | {s.truth:.3f} | {s.bias:+.3f} | {s.spread:.3f} | {s.coverage:.2f} | "
            f"{s.naive_bias:+.3f} | {s.share_by_activity:.2f} | {s.claims:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the sizes from the command line and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--children", type=int, default=60)
    parser.add_argument("--bootstraps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=100)
    chosen = parser.parse_args()
    table = calibrate(chosen.replicates, chosen.children, chosen.bootstraps, chosen.seed)
    sys.stdout.write(table)


if __name__ == "__main__":
    main()
