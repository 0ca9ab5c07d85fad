"""The invented numbers of the trial designs, read from ``designs.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from heliotrope.definitions.model import Frozen

DESIGNS = Path(__file__).parent / "designs.toml"

DesignName = Literal[
    "randomised_withdrawal", "randomised_withdrawal_ratings", "stepped_start", "n_of_1"
]


class TrialEffect(Frozen):
    """The effect that is to be found: mean and spread between children (cm), and its shape."""

    pulse_mean: float
    pulse_sd: float
    persistent_mean: float
    persistent_sd: float
    onset_half_time_days: float
    extra_decay_days: float

    def scaled(self, share: float) -> TrialEffect:
        """Return the same effect at a share of its size; 0 is no effect in any child.

        >>> read_designs().effect.scaled(0).pulse_sd
        0.0
        """
        sizes = ("pulse_mean", "pulse_sd", "persistent_mean", "persistent_sd")
        return self.model_copy(update={name: share * getattr(self, name) for name in sizes})


class Illness(Frozen):
    """How activity and its ratings vary without treatment."""

    activity_mean: float
    activity_sd: float
    fluctuation_sd: float
    fluctuation_days: float
    rating_sd: float
    rating_min: float
    rating_max: float


class Withdrawal(Frozen):
    """Randomised withdrawal: what comes before, how long it lasts, what counts as worsened."""

    courses_before: int
    cycles: int
    rise_cm: float
    visits_in_a_row: int


class SteppedStart(Frozen):
    """Stepped start: in how many months children begin, and how long they are followed."""

    steps: int
    cycles: int
    visit_day: int


class NOfOne(Frozen):
    """Trials within each child: blocks of two periods, and when a period is rated."""

    blocks: int
    cycles_a_period: int
    visit_days: tuple[int, ...]


class Designs(Frozen):
    """All numbers of the trial designs."""

    flag: Literal["P"]
    remark: Literal["invented for simulation"]
    cycle_days: int
    level: float
    power: float
    replicates: int
    permutations: int
    children: tuple[int, ...]
    interval: float
    effect: TrialEffect
    illness: Illness
    randomised_withdrawal: Withdrawal
    stepped_start: SteppedStart
    n_of_1: NOfOne


def read_designs(path: Path = DESIGNS) -> Designs:
    """Read the numbers of the trial designs.

    >>> read_designs().randomised_withdrawal.courses_before
    6
    """
    return Designs.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
