"""Visits and improvement, read a second time from clinical definitions 1.1, 6.2, 10.1 to 10.6."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tests.oracle.slow_records import Child, Number, Regimen, Scales, Value, day

from heliotrope.records.exact import compare

BASELINE_DAYS = 28
COVER_DAYS = 28
NO_VISIT = {"weight", "height", "temperature"}
NO_BASELINE = {"weight", "height", "temperature", "physician_judgement"}

# 1.1: points of the bands (worse or equal to the first edge, ..., over the last edge)
GLOBAL_EDGES = [5, 15, 25, 40]
STRENGTH_EDGES = [2, 10, 20, 30]
POINTS = {
    "physician_global": [0, 7.5, 15, 17.5, 20],
    "patient_global": [0, 2.5, 5, 7.5, 10],
    "chaq": [0, 5, 7.5, 7.5, 10],
    "enzyme": [0, 2.5, 5, 7.5, 7.5],
    "extramuscular_global": [0, 7.5, 12.5, 15, 20],
    "strength": [0, 10, 20, 27.5, 32.5],
}
SIMPLE_RANGES: dict[str, float] = {"physician_global": 10, "patient_global": 10, "chaq": 3}
SIMPLE_RANGES["extramuscular_global"] = 10
STRENGTH_RANGES = [("mmt8", 80), ("mmt_total", 260), ("cmas", 52)]
ENZYMES = {  # 10.23: order of ties, multiple of the upper limit
    "creatine_kinase": 15,
    "aldolase": 6,
    "lactate_dehydrogenase": 3,
    "aspartate_aminotransferase": 3,
    "alanine_aminotransferase": 3,
}
STRENGTH_STEPS = {"cmas": 3, "mmt8": 8, "mmt_total": 26, "strength_grade": 1}

Measures = dict[str, Value]


@dataclass
class Visit:
    """A visit of a regimen and what is thought of it."""

    when: date
    day: int
    course: int
    day_of_course: int
    on_regimen: bool
    state: str
    tier: str | None
    confirmed: bool | None
    straddles: bool


def find_baseline(child: Child, regimen: Regimen) -> Measures:
    """10.2: per measure, the last value in D-28 to D0."""
    found: Measures = {}
    for when in sorted(child.days):
        if regimen.first - day(BASELINE_DAYS) <= when <= regimen.first:
            for measure, value in child.days[when].items():
                if value.value is not None or value.text is not None:
                    found[measure] = value
    return found


def has_baseline(baseline: Measures) -> bool:
    """10.2: weight, height, temperature and judgements alone make none."""
    return any(measure not in NO_BASELINE for measure in baseline)


def value_of(measures: Measures, name: str) -> Number:
    """Return the number of a measure, None when not recorded."""
    return measures[name].value if name in measures else None


def limit_of(measures: Measures, name: str) -> Number:
    """Return the upper limit of normal of a measure, None when unknown."""
    limit = measures[name].limit if name in measures else None
    return limit if limit is not None and limit > 0 else None


def compute_points(part: str, percent: float) -> float:
    """1.1: points of an absolute percent change, improvement positive."""
    edges = STRENGTH_EDGES if part == "strength" else GLOBAL_EDGES
    band = sum(1 for edge in edges if compare(percent, ">", edge))
    return POINTS[part][band]


def choose_enzyme(baseline: Measures) -> str | None:
    """10.23: the most abnormal at baseline relative to its limit."""
    chosen, worst = None, -1.0
    for enzyme in ENZYMES:
        value, limit = value_of(baseline, enzyme), limit_of(baseline, enzyme)
        if value is None or limit is None:
            continue
        if chosen is None or compare(value / limit, ">", worst):
            chosen, worst = enzyme, value / limit
    return chosen


def choose_strength(baseline: Measures, visit: Measures) -> tuple[str, float] | None:
    """10.22 and 10.25: MMT8, else MMT total, else CMAS, recorded at both."""
    for measure, width in STRENGTH_RANGES:
        if value_of(baseline, measure) is not None and value_of(visit, measure) is not None:
            return measure, width
    return None


def compute_parts(baseline: Measures, visit: Measures) -> dict[str, float | None]:
    """Percent change of the six parts of the score, None where a value is missing."""
    parts: dict[str, float | None] = dict.fromkeys(POINTS)
    for measure, width in SIMPLE_RANGES.items():
        before, now = value_of(baseline, measure), value_of(visit, measure)
        if before is not None and now is not None:
            parts[measure] = (before - now) / width * 100
    strength = choose_strength(baseline, visit)
    if strength is not None:
        measure, width = strength
        before, now = value_of(baseline, measure), value_of(visit, measure)
        assert before is not None
        assert now is not None
        parts["strength"] = (now - before) / width * 100
    enzyme = choose_enzyme(baseline)
    if enzyme is not None:
        before, now = value_of(baseline, enzyme), value_of(visit, enzyme)
        limit = limit_of(baseline, enzyme)
        assert before is not None
        assert limit is not None
        if now is not None:
            parts["enzyme"] = (before - now) / (ENZYMES[enzyme] * limit) * 100
    return parts


def compute_bounds(parts: dict[str, float | None]) -> tuple[float, float]:
    """1.4: the missing count 0 in the lower bound and their maximum in the upper."""
    lower = upper = 0.0
    for part, percent in parts.items():
        if percent is None:
            upper += POINTS[part][-1]
        else:
            lower += compute_points(part, percent)
            upper += compute_points(part, percent)
    return lower, upper


def judge_tier_a(baseline: Measures, visit: Measures, day_number: int) -> tuple[bool | None, bool]:
    """10.4: the score, from day 28 on; and whether its bounds straddle the threshold."""
    if day_number < 28:
        return None, False
    parts = compute_parts(baseline, visit)
    if parts["physician_global"] is None or parts["strength"] is None:
        return None, False
    lower, upper = compute_bounds(parts)
    if lower >= 30:
        return True, False
    return (None, True) if upper >= 30 else (False, False)


def judge_tier_b(baseline: Measures, visit: Measures) -> bool | None:
    """6.2 and 10.25: a fall of 25 % and 1.0, of the physician global or an activity index."""
    if value_of(baseline, "physician_global") is None:
        return None
    if value_of(visit, "physician_global") is None:
        return None
    for measure in ("physician_global", "jdmai1", "jdmai2"):
        before, now = value_of(baseline, measure), value_of(visit, measure)
        if before is None or now is None or before <= 0:
            continue
        fall = before - now
        if compare(fall / before * 100, ">=", 25) and compare(fall, ">=", 1.0):
            return True
    return False


def judge_strength(baseline: Measures, visit: Measures) -> bool | None:
    """10.3 and 10.5: met when any strength measure rose by its step."""
    states = []
    for measure, step in STRENGTH_STEPS.items():
        before, now = value_of(baseline, measure), value_of(visit, measure)
        if before is not None and now is not None:
            states.append(bool(compare(now - before, ">=", step)))
    return any(states) if states else None


def judge_function(baseline: Measures, visit: Measures, scales: Scales) -> bool | None:
    """6.2: activities of daily living one grade better."""
    before, now = value_of(baseline, "adl"), value_of(visit, "adl")
    if before is None or now is None:
        return None
    better = scales.ranges["adl"][2]
    gain = before - now if better == "low" else now - before
    return compare(gain, ">=", 1)


def judge_enzyme(baseline: Measures, visit: Measures) -> bool | None:
    """10.5 and 10.25: 30 % down, and down by one upper limit or now within range."""
    name = "creatine_kinase"
    before, now = value_of(baseline, name), value_of(visit, name)
    limit_before, limit_now = limit_of(baseline, name), limit_of(visit, name)
    if before is None or now is None or limit_before is None or limit_now is None:
        return None
    if before <= 0 or not compare((before - now) / before * 100, ">=", 30):
        return False
    by_step = compare((before - now) / limit_before, ">=", 1.0)
    return bool(by_step or compare(now, "<=", limit_now))


def judge_tier_c(baseline: Measures, visit: Measures, scales: Scales) -> bool | None:
    """10.3: two of strength, function, enzyme and judgement."""
    judgement = visit["physician_judgement"].text if "physician_judgement" in visit else None
    items = [
        judge_strength(baseline, visit),
        judge_function(baseline, visit, scales),
        judge_enzyme(baseline, visit),
        None if judgement is None else judgement == "improved",
    ]
    recorded = [item for item in items if item is not None]
    if len(recorded) < 2:
        return None
    return sum(recorded) >= 2


def classify_visits(child: Child, regimen: Regimen, scales: Scales) -> list[Visit]:
    """10.3 and 10.6: every visit after the first D0, up to the D0 of the next regimen."""
    baseline = find_baseline(child, regimen)
    visits = []
    for when in sorted(child.days):
        if when <= regimen.first or (regimen.next_first and when > regimen.next_first):
            continue
        if set(child.days[when]) <= NO_VISIT:
            continue
        course = [c for c in regimen.courses if c.start < when][-1]
        measures = child.days[when]
        day_number = (when - regimen.first).days
        tier_a, straddles = judge_tier_a(baseline, measures, day_number)
        tiers = {
            "A": tier_a,
            "B": judge_tier_b(baseline, measures),
            "C": judge_tier_c(baseline, measures, scales),
        }
        met = [tier for tier, state in tiers.items() if state]
        known = [tier for tier, state in tiers.items() if state is not None]
        visits.append(
            Visit(
                when=when,
                day=day_number,
                course=course.number,
                day_of_course=(when - course.start).days,
                on_regimen=when <= regimen.last_start + day(COVER_DAYS),
                state="met" if met else "not_met" if known else "not_evaluable",
                tier=met[0] if met else None,
                confirmed=None,
                straddles=straddles,
            )
        )
    for visit in visits:
        if visit.state == "met":
            visit.confirmed = any(confirms(visit, later) for later in visits)
    return visits


def confirms(first: Visit, later: Visit) -> bool:
    """10.6: the same or a better tier, 14 days later or after the next course."""
    if later.state != "met" or later.when <= first.when:
        return False
    assert first.tier is not None
    assert later.tier is not None
    is_apart = (later.when - first.when).days >= 14 or later.course > first.course
    return is_apart and later.tier <= first.tier
