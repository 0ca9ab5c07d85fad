"""What the score calculator answers: points, bounds, degrees and states, with the reasons."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class NextBand:
    """The smallest change of a measure that would give more points.

    ``value`` (of the canonical unit) has to be passed, downwards where ``is_low_better``: an
    improvement of more than ``above_percent`` of the range gives ``gain`` points more.
    """

    gain: float
    above_percent: float
    value: float
    is_low_better: bool


@dataclass(frozen=True)
class NextCategory:
    """The next degree of improvement: from how many points on, and how many are missing.

    ``is_attainable``: it could be reached from this baseline with every measure at its best, and
    with parts that are not graded at their maximum.
    """

    name: str
    at_least: float
    points_missing: float
    is_attainable: bool


@dataclass(frozen=True)
class ComponentPoints:
    """One part of a score: the two values, the improvement in percent of the range, the points.

    ``points`` is None where the part could not be graded; ``because`` then says why. ``unit`` is
    the canonical one, to which both values were brought.
    """

    component: str
    title: str
    measure: str | None
    baseline: float | None
    follow_up: float | None
    percent_change: float | None
    points: float | None
    maximum: float
    because: str | None
    unit: str | None = None
    next_band: NextBand | None = None


@dataclass(frozen=True)
class PatientScore:
    """One patient's score at one visit by one definition.

    ``category`` is a degree of improvement, ``indeterminate`` when the bounds fall in different
    ones (``because`` says what is missing), or ``not_evaluable``. ``has_ceiling``: even with every
    measure at its best the first degree is out of reach. ``next_category``: what follows the
    lower bound, None at the highest. ``cautions``: measures that healthy children of this age may
    not reach the best value of (said only where an age is known).
    """

    patient: str
    timepoint: str
    definition_id: str
    title: str
    population: str
    score_lower: float
    score_upper: float
    score_max_attainable: float
    has_ceiling: bool
    category: str
    category_lower: str
    category_upper: str
    because: tuple[str, ...]
    flags: tuple[str, ...]
    components: tuple[ComponentPoints, ...]
    core_set: str = ""
    next_category: NextCategory | None = None
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class PatientState:
    """One patient's activity state at one visit by one definition; ``because`` for each part.

    ``label`` names the class of a definition that has several, e.g. low activity.
    """

    patient: str
    timepoint: str
    definition_id: str
    title: str
    state: str
    because: tuple[str, ...]
    label: str | None = None


@dataclass(frozen=True)
class ScoreReport:
    """What the calculator found in a file; ``notes`` say how the table was read."""

    file: str
    scores: tuple[PatientScore, ...]
    states: tuple[PatientState, ...]
    notes: tuple[str, ...]

    def to_dicts(self) -> dict[str, Any]:
        """Return everything as dictionaries, lists, numbers and text, for JSON."""
        return asdict(self)
