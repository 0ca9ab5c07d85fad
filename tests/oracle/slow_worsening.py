"""Worsening, escalation and aggravation, a second reading of 2.4, 6.6, 10.18 to 10.20, 10.26."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from tests.oracle.slow_improvement import Measures, Visit, find_baseline, value_of
from tests.oracle.slow_records import Child, Number, Regimen, day
from tests.oracle.slow_steroid import LONG_ACTING, SECOND_LINE

from heliotrope.records.exact import compare

FIVE = ["physician_global", "patient_global", "mmt8", "chaq", "extramuscular_global"]
FLOORS = {"physician_global": 1.0, "patient_global": 1.0, "extramuscular_global": 1.0, "chaq": 0.25}
HIGH_IS_BETTER = {"mmt8"}
OTHER_REASONS = {"replaces_cytotoxic_drug", "other"}

State = bool | None
Reference = dict[str, float]


@dataclass
class Aggravation:
    """One row of the aggravation table."""

    state: str
    reason: str | None = None
    when: date | None = None
    limb: str | None = None
    flags: set[str] = field(default_factory=set)


def all_of(states: list[State]) -> State:
    """Kleene and."""
    if any(state is False for state in states):
        return False
    return None if any(state is None for state in states) else True


def at_least(count: int, states: list[State]) -> State:
    """Kleene count: met when reached, not met when out of reach, else not evaluable."""
    met = sum(1 for state in states if state)
    unknown = sum(1 for state in states if state is None)
    if met >= count:
        return True
    return False if met + unknown < count else None


def compute_worsening(measure: str, reference: Number, now: Number) -> Number:
    """How much worse, in units of the measure."""
    if reference is None or now is None:
        return None
    return reference - now if measure in HIGH_IS_BETTER else now - reference


def is_worse_by(measure: str, reference: Number, now: Number, percent: float) -> State:
    """Worse by a percentage of the reference; a reference of 0 is not evaluable."""
    worsening = compute_worsening(measure, reference, now)
    if worsening is None or not reference:
        return None
    return compare(worsening / reference * 100, ">=", percent)


def judge_deterioration(reference: Reference, visit: Measures, *, floors: bool) -> State:
    """2.4 at one visit; with ``floors`` the 30 % items also ask an absolute change (10.20)."""
    now = {measure: value_of(visit, measure) for measure in FIVE}
    ref = {measure: reference.get(measure) for measure in FIVE}

    def by_cm(measure: str) -> State:
        return compare(compute_worsening(measure, ref[measure], now[measure]), ">=", 2)

    items: list[State] = []
    for measure in FIVE:
        item = is_worse_by(measure, ref[measure], now[measure], 30)
        if floors and measure in FLOORS:
            worsening = compute_worsening(measure, ref[measure], now[measure])
            item = all_of([item, compare(worsening, ">=", FLOORS[measure])])
        items.append(item)
    both = all_of([by_cm("physician_global"), is_worse_by("mmt8", ref["mmt8"], now["mmt8"], 20)])
    return at_least(1, [both, by_cm("extramuscular_global"), at_least(3, items)])


def judge_inactive(visit: Measures) -> State:
    """2.2, modified: physician global at most 0.2 and two of three others."""
    others = [
        compare(value_of(visit, "creatine_kinase"), "<=", 150),
        compare(value_of(visit, "cmas"), ">=", 48),
        compare(value_of(visit, "mmt8"), ">=", 78),
    ]
    essential = compare(value_of(visit, "physician_global"), "<=", 0.2)
    return all_of([essential, at_least(2, others)])


def find_escalations(child: Child) -> set[date]:
    """6.6 d: IVIG restart, new second-line drug, pulse, or a steroid rise."""
    found = {pulse.start for pulse in child.pulses}
    for row in child.drugs:
        if row.drug in SECOND_LINE | LONG_ACTING and row.change == "started":
            found.add(row.start)
    for regimen in child.regimens[1:]:
        reasons = child.reasons_of(regimen)  # 10.19: for activity unless another is recorded
        if not reasons or reasons - OTHER_REASONS:
            found.add(regimen.first)
    for period in child.periods:
        if is_rise(child, period.start):
            found.add(period.start)
    return found


def is_rise(child: Child, today: date) -> bool:
    """6.6 d: at least 50 % and 0.2 mg/kg/day over the day before, for 14 days."""
    before = child.mg_kg(today - day(1))
    if child.period_of(today - day(1)) is None:
        before = 0.0
    if before is None:
        return False
    for ahead in range(14):
        dose = child.mg_kg(today + day(ahead))
        if dose is None or not compare(dose - before, ">=", 0.2):
            return False
        if not compare(dose - 1.5 * before, ">=", 0):
            return False
    return True


def find_flares(child: Child) -> set[date]:
    """6.6 e: a flare recorded, or a judgement ``worse``."""
    found = {event.when for event in child.events if event.kind == "flare"}
    for when, measures in child.days.items():
        judgement = measures.get("physician_judgement")
        if judgement is not None and judgement.text == "worse":
            found.add(when)
    return found


def find_references(child: Child, regimen: Regimen, visits: list[Visit]) -> dict[date, Reference]:
    """10.26: at each visit the best value so far of each measure, the baseline among them."""
    best: Reference = {}
    references = {}
    baseline = find_baseline(child, regimen)
    for when, measures in [(None, baseline)] + [(v.when, child.days[v.when]) for v in visits]:
        if when is not None:
            references[when] = dict(best)
        for measure in FIVE:
            value = value_of(measures, measure)
            if value is None:
                continue
            old = best.get(measure, value)
            best[measure] = max(old, value) if measure in HIGH_IS_BETTER else min(old, value)
    return references


def find_confirmed(states: list[tuple[date, State]]) -> list[tuple[date, date]]:
    """10.19: pairs of met visits, the second being the next that has the measures."""
    known = [(when, state) for when, state in states if state is not None]
    pairs = pairwise(known)
    return [(first[0], second[0]) for first, second in pairs if first[1] and second[1]]


def is_worse_than_best(child: Child, regimen: Regimen, visits: list[Visit]) -> bool:
    """10.9: confirmed deterioration from the best state, on the regimen, after an improvement."""
    improved = [v.when for v in visits if v.state == "met" and v.on_regimen]
    if not improved:
        return False
    references = find_references(child, regimen, visits)
    states = [
        (v.when, judge_deterioration(references[v.when], child.days[v.when], floors=False))
        for v in visits
        if v.on_regimen
    ]
    return any(first > improved[0] for first, _ in find_confirmed(states))


def find_breaks(child: Child, regimen: Regimen, visits: list[Visit]) -> set[date]:
    """10.12 and 10.29: days that break a low-dose window."""
    escalations = find_escalations(child)
    breaks = find_flares(child) | escalations
    references = find_references(child, regimen, visits)
    states = []
    was_inactive = False
    for v in visits:
        measures, best = child.days[v.when], references[v.when]
        state = judge_deterioration(best, measures, floors=True)
        states.append((v.when, state))
        now = value_of(measures, "physician_global")
        rise = compute_worsening("physician_global", best.get("physician_global"), now)
        if compare(rise, ">=", 2):
            breaks.add(v.when)
        if was_inactive and compare(now, ">=", 1.0):
            breaks.add(v.when)
        was_inactive = was_inactive or bool(judge_inactive(measures))
        if state and any(0 <= (e - v.when).days <= 28 for e in escalations):
            breaks.add(v.when)
    return breaks | {first for first, _ in find_confirmed(states)}


def last_on_regimen(visits: list[Visit]) -> Visit | None:
    """The last evaluable visit at most 28 days after the last D0."""
    seen = [v for v in visits if v.on_regimen and v.state != "not_evaluable"]
    return seen[-1] if seen else None


def judge_aggravation(child: Child, regimen: Regimen, visits: list[Visit]) -> Aggravation:
    """6.6, 10.18, 10.19."""
    if not child.is_recorded:
        return Aggravation("not_evaluable", "nothing_recorded")
    if regimen.purpose == "replacement_dose":
        return Aggravation("not_reached", "replacement_dose")
    if regimen.status != "discontinued":
        return Aggravation("not_reached", "not_stopped")
    if regimen.reason in ("inefficacy", "adverse_reaction"):
        return Aggravation("not_reached", "stopped_for_inefficacy_or_reaction")
    last = last_on_regimen(visits)
    if last is None or last.state != "met":
        return Aggravation("not_reached", "not_improved_at_stop")
    limbs, flags = find_limbs(child, regimen, visits, last)
    result = Aggravation("not_met", flags=flags)
    end = regimen.last_infusion + day(180)
    if limbs:
        result.when = min(limbs.values())
        result.limb = min(limb for limb, when in limbs.items() if when == result.when)
        if result.limb == "d":
            alone = {limb for limb, when in limbs.items() if when <= end or result.when > end}
            result.limb = "escalation_only" if alone == {"d"} else "d"
    if result.when is not None and result.when <= end:
        result.state = "met"
    elif not is_seen_until(child, regimen, end):
        result.state, result.reason = "not_evaluable", "not_seen_long_enough"
    return result


def is_seen_until(child: Child, regimen: Regimen, end: date) -> bool:
    """Seen without IVIG: the next regimen ends it."""
    seen = [when for when in (child.observed_until, regimen.next_first) if when is not None]
    return bool(seen) and min(seen) >= end


def find_limbs(
    child: Child, regimen: Regimen, visits: list[Visit], last: Visit
) -> tuple[dict[str, date], set[str]]:
    """6.6: the earliest date of each limb after the last on-regimen visit; and flags."""
    reference: Reference = {}
    for visit in visits:
        for measure in FIVE:
            value = value_of(child.days[visit.when], measure)
            if visit.when <= last.when and value is not None:
                reference[measure] = value
    was_inactive = judge_inactive(child.days[last.when])
    later = [v.when for v in visits if v.when > last.when]
    escalations = {when for when in find_escalations(child) if when > last.when}
    dates: dict[str, set[date]] = {limb: set() for limb in "abcde"}
    states, flags = [], set()
    for when in later:
        now = child.days[when]
        state = judge_deterioration(reference, now, floors=True)
        states.append((when, state))
        if state and any(0 <= (e - when).days <= 28 for e in escalations):
            dates["a"].add(when)
        if is_reference_small(reference, now):
            flags.add("small_reference")
        before, globe = reference.get("physician_global"), value_of(now, "physician_global")
        if compare(compute_worsening("physician_global", before, globe), ">=", 2):
            dates["b"].add(when)
        if was_inactive and compare(globe, ">=", 1.0):
            dates["c"].add(when)
    dates["a"] |= {first for first, _ in find_confirmed(states)}
    dates["d"] = escalations
    dates["e"] = {when for when in find_flares(child) if when > last.when}
    return {
        limb: min(days) for limb, found in dates.items() if (days := within(found, regimen))
    }, flags


def within(dates: set[date], regimen: Regimen) -> set[date]:
    """Keep what came after the last infusion, up to the D0 of the next regimen."""
    end = regimen.next_first
    return {d for d in dates if d > regimen.last_infusion and (end is None or d <= end)}


def is_reference_small(reference: Reference, now: Measures) -> bool:
    """10.20: an item is worse by 30 % but not by its absolute floor."""
    for measure, floor in FLOORS.items():
        ref, value = reference.get(measure), value_of(now, measure)
        worsening = compute_worsening(measure, ref, value)
        if is_worse_by(measure, ref, value, 30) and compare(worsening, "<", floor):
            return True
    return False
