"""What the visits can and cannot tell, and the sentences that say so.

Each function returns the reason why a figure is not printed, or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.definitions.pulse_model import Phase, PulseModel
from heliotrope.estimate.pulse.data import Booleans, Floats, PulseData
from heliotrope.estimate.pulse.records import Cohort
from heliotrope.estimate.wording import worded

NO_MODEL = worded(
    "the pulse model needs JAX and NumPyro, which are not installed: install heliotrope with the "
    "extra 'model'"
)

NOBODY = worded(
    "no child has a regimen of IVIG given as treatment with a measure that the model reads"
)

NO_WEIGHT = worded("no child's weight on day 0 is known, so the half-life of immunoglobulin is not")

NO_DIFFERENCE_ANCHOR = worded(
    "no important difference is published for the measure that anchors the scale"
)

# Infusion days so close together belong to one course (as in the rule of exposure).
_SAME_COURSE_DAYS = 7


TOO_FEW = worded("the model asks for {least} children with IVIG and a measure; {treated} have")
DOUBT_LEFT = worded(
    "the records remove {removed} % of the doubt the prior left (asked for: {asked} %); {phases}"
)
FEW_VISITS = worded(
    "a course has {visits:.1f} visits on average (asked for: {asked:.0f}): rise and fall after an "
    "infusion cannot be told apart"
)
FEW_BEFORE = worded("{before} of {children} children were seen before IVIG (asked for: {least})")
FEW_LATER = worded(
    "{late} of {children} children were seen later than {half_lives:.0f} half-lives of the effect "
    "after the last infusion (asked for: {least}): a lasting effect and a natural course look alike"
)
OTHER_DRUG = worded(
    "{started} of {children} children started another immunosuppressant within {days} days of the "
    "first infusion, which may explain a lasting change"
)
VISITS_BY_DAYS = worded("visits by days since the last infusion: {phases}")


@dataclass(frozen=True)
class Coverage:
    """When treated children were seen: visits in each phase of the cycle, and how many a cycle.

    ``before`` and ``late``: children seen before their first infusion, and long after the last.
    """

    phases: dict[str, int]
    visits: int
    visits_a_cycle: float
    before: int
    late: int


def compute_coverage(cohort: Cohort, model: PulseModel, effect_days: float) -> Coverage:
    """Count the visits; ``effect_days`` is the half-life of the effect, for what counts as late."""
    data, reference = cohort.data, model.reference
    is_seen = data.is_visit & np.isfinite(data.value).any(axis=2) & data.is_treated[:, None]
    since = _days_since_infusion(data)
    phases = {phase.name: int((_is_in(since, phase) & is_seen).sum()) for phase in reference.phases}
    first, last = data.first_infusion_day[:, None], data.last_infusion_day[:, None]
    is_on = is_seen & (data.visit_day > first) & (data.visit_day <= last + reference.cycle_days)
    courses = count_courses(data).sum()
    late_from = last + model.refusals.off_drug_half_lives * effect_days
    return Coverage(
        phases=phases,
        visits=int(is_seen.sum()),
        visits_a_cycle=float(is_on.sum() / max(courses, 1)),
        before=int((is_seen & (data.visit_day <= first)).any(axis=1).sum()),
        late=int((is_seen & (data.visit_day > late_from)).any(axis=1).sum()),
    )


def count_courses(data: PulseData) -> Floats:
    """Count each child's courses (n): infusion days a week apart or less are one."""
    counted = []
    for days, doses in zip(data.infusion_day, data.dose, strict=True):
        given = np.sort(days[doses > 0])
        begins = np.diff(given, prepend=-np.inf) > _SAME_COURSE_DAYS
        counted.append(float(begins.sum()))
    return np.asarray(counted)


def refuse_cohort(cohort: Cohort, model: PulseModel) -> str | None:
    """Refuse the whole model: too few children, nothing measured, everything at an end."""
    data, least = cohort.data, model.refusals.children_at_least
    if data.n_treated == 0 or not data.measures:
        return NOBODY
    if data.n_treated < least:
        return TOO_FEW.format(least=least, treated=data.n_treated)
    is_recorded = np.isfinite(data.value) & data.is_visit[:, :, None]
    floor = np.array([measure.floor for measure in data.measures])
    ceiling = np.array([measure.ceiling for measure in data.measures])
    is_inside = is_recorded & (data.value > floor) & (data.value < ceiling)
    if not is_inside.any():
        return worded("every recorded value is at the end of its instrument: no change can be seen")
    return None


def refuse_quick(contraction: float, coverage: Coverage, model: PulseModel) -> str | None:
    """Refuse the onset where the records hardly say more than the prior did."""
    limit = model.refusals.contraction_at_least
    if contraction >= limit:
        return None
    return DOUBT_LEFT.format(
        removed=_percent(contraction), asked=_percent(limit), phases=describe_phases(coverage)
    )


def refuse_pulsatile(coverage: Coverage, model: PulseModel) -> str | None:
    """Refuse the pulse where too few visits fall into a cycle to see it rise and fall."""
    limit = model.refusals.visits_a_cycle_at_least
    if coverage.visits_a_cycle >= limit:
        return None
    return FEW_VISITS.format(visits=coverage.visits_a_cycle, asked=limit)


def refuse_lasting(cohort: Cohort, coverage: Coverage, model: PulseModel) -> str | None:
    """Refuse what outlasts the pulses without visits before IVIG and long after it."""
    limits, n = model.refusals, cohort.data.n_treated
    least = limits.children_with_later_visits_at_least
    if coverage.before < least:
        return FEW_BEFORE.format(before=coverage.before, children=n, least=least)
    if coverage.late < least:
        return FEW_LATER.format(
            late=coverage.late, children=n, half_lives=limits.off_drug_half_lives, least=least
        )
    if cohort.start.reason:
        return cohort.start.reason
    started = cohort.children_with_started_drug
    if started > limits.children_with_started_drug_at_most * n:
        return OTHER_DRUG.format(
            started=started, children=n, days=limits.covariate_started_within_days
        )
    return None


def describe_phases(coverage: Coverage) -> str:
    """Say where in the cycle the visits fall."""
    told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in coverage.phases.items())
    return VISITS_BY_DAYS.format(phases=told)


def _days_since_infusion(data: PulseData) -> Floats:
    """Days since the last infusion before each visit (n, T); before the first: minus infinity."""
    since = data.visit_day[:, :, None] - data.infusion_day[:, None, :]
    is_after = (since > 0) & (data.dose > 0)[:, None, :]
    nearest = np.where(is_after, since, np.inf).min(axis=2)
    return np.where(np.isfinite(nearest), nearest, -np.inf)


def _is_in(since: Floats, phase: Phase) -> Booleans:
    if phase.first_day is None:
        return np.asarray(since == -np.inf)
    last = np.inf if phase.last_day is None else phase.last_day
    return np.asarray((since >= phase.first_day) & (since <= last))


def _percent(share: float) -> str:
    return f"{100 * max(share, 0.0):.0f}"
