"""The response of one child to one regimen, read a second time from clinical definitions 6 and 10.

Slow and plain on purpose: loops over one child's rows, no frames. It shares the derived inputs
with the package (courses, regimens, doses, the value of each visit) and nothing that classifies.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle.slow_improvement import (
    ENZYMES,
    STRENGTH_RANGES,
    STRENGTH_STEPS,
    Measures,
    Visit,
    choose_enzyme,
    classify_visits,
    compute_points,
    find_baseline,
    has_baseline,
    limit_of,
    value_of,
)
from tests.oracle.slow_records import Child, Regimen, Scales, day
from tests.oracle.slow_steroid import (
    SteroidEffect,
    find_confounders,
    is_premedication_unrecorded,
    judge_steroid,
)
from tests.oracle.slow_worsening import (
    Aggravation,
    find_breaks,
    is_seen_until,
    is_worse_than_best,
    judge_aggravation,
    last_on_regimen,
)

from heliotrope.records.exact import compare

SKIN_MEASURES = {"skin_global", "das_skin", "cdasi_activity"}


@dataclass
class Response:
    """One row of the response table."""

    onset: str = "never"
    onset_after_day: int | None = None
    onset_by_day: int | None = None
    onset_band: str | None = None
    evidence_tier: str | None = None
    durability: str = "not_applicable"
    responded_courses: int | None = None
    steroid_effect: str = "not_evaluable"
    pattern: str = "not_evaluable"
    responded: str = "not_evaluable"
    reason: str | None = None
    confounded_by: set[str] = field(default_factory=set)
    sparing_confounded_by: set[str] = field(default_factory=set)
    sustained_confounded_by: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)


@dataclass
class Reading:
    """Everything the slow reading says of one regimen."""

    visits: list[Visit]
    aggravation: Aggravation
    response: Response
    steroid: SteroidEffect


def read_regimen(child: Child, regimen: Regimen, scales: Scales) -> Reading:
    """Read one regimen from its visits to its pattern."""
    visits = classify_visits(child, regimen, scales)
    aggravation = judge_aggravation(child, regimen, visits)
    steroid = judge_steroid(child, regimen, find_breaks(child, regimen, visits))
    response = judge_response(Case(child, regimen, scales, visits), aggravation, steroid)
    return Reading(visits, aggravation, response, steroid)


@dataclass
class Case:
    """One regimen with its visits."""

    child: Child
    regimen: Regimen
    scales: Scales
    visits: list[Visit]

    @property
    def evaluable(self) -> list[Visit]:
        """Visits that are improved or not improved."""
        return [v for v in self.visits if v.state != "not_evaluable"]

    @property
    def on_regimen(self) -> list[Visit]:
        """Evaluable visits at most 28 days after the last D0."""
        return [v for v in self.evaluable if v.on_regimen]

    @property
    def improved(self) -> list[Visit]:
        """Improved visits on the regimen."""
        return [v for v in self.on_regimen if v.state == "met"]


def judge_response(case: Case, aggravation: Aggravation, steroid: SteroidEffect) -> Response:
    """Put the axes together (10.6 to 10.14, 10.28, 10.33)."""
    row = Response(steroid_effect=steroid.effect)
    reasons = find_obstacles(case)
    judge_onset(case, reasons, row)
    is_lost = is_transient(case)
    is_rapid_proven = is_reproduced(case) or bool(case.improved and case.improved[0].confirmed)
    is_held = row.steroid_effect == "sparing" and row.onset == "slow" and is_still_improved(case)
    if reasons:
        row.pattern, row.reason = "not_evaluable", reasons[0]
    elif is_lost:
        row.pattern = "transient"
    elif row.onset == "ambiguous":
        row.pattern, row.reason = "ambiguous", "onset"
    elif row.onset == "rapid" and not is_rapid_proven:
        row.pattern, row.reason = "ambiguous", "unconfirmed"
    elif is_held:
        row.pattern = "slow_maintained"
    else:
        row.pattern = "none" if row.onset == "never" else row.onset
    row.responded = judge_responded(case, row)
    row.durability = judge_durability(case, row, aggravation)
    if case.improved:
        row.confounded_by = find_confounders(case.child, case.improved[0].when)
    if steroid.window is not None:
        row.sparing_confounded_by = find_confounders(case.child, steroid.window[0])
    if row.durability == "sustained":
        is_on = case.regimen.status == "ongoing"
        judged = case.evaluable[-1].when if is_on else case.regimen.last_infusion + day(180)
        row.sustained_confounded_by = find_confounders(case.child, judged)
    row.flags = find_flags(case, row) | steroid.flags | aggravation.flags
    return row


def find_obstacles(case: Case) -> list[str]:
    """10.2, 10.10, 10.15, 10.30: why the pattern is not evaluable, the first reason first."""
    regimen, found = case.regimen, []
    if regimen.purpose == "replacement_dose":
        found.append("replacement_dose")
    baseline = find_baseline(case.child, regimen)
    if not has_baseline(baseline):
        found.append("no_baseline")
    elif not has_room(baseline, case.scales):
        found.append("no_room")
    if not any(1 <= v.day <= 182 for v in case.evaluable):
        found.append("no_visit")
    if case.improved:
        return found
    if any(v.state == "met" for v in case.evaluable):
        found.append("improved_after_cover")
    exposure = (regimen.last_start - regimen.first).days + 28
    if len(regimen.courses) < 3 and exposure < 112:
        found.append("short_exposure")
    if not any(v.day >= 84 for v in case.on_regimen):
        found.append("no_late_visit")
    return found


def has_room(baseline: Measures, scales: Scales) -> bool:
    """10.10 and 10.25: whether the baseline leaves anything to improve."""
    globe = value_of(baseline, "physician_global")
    if compute_attainable(baseline) >= 30 or (globe is not None and compare(globe, ">=", 1.0)):
        return True
    items = 0
    tops = {**dict(STRENGTH_RANGES), "strength_grade": 5}
    strengths = [(m, s, value_of(baseline, m)) for m, s in STRENGTH_STEPS.items()]
    items += any(v is not None and compare(tops[m] - v, ">=", s) for m, s, v in strengths)
    adl = value_of(baseline, "adl")
    if adl is not None:
        lowest, highest, better = scales.ranges["adl"]
        assert lowest is not None
        assert highest is not None
        items += bool(compare(adl - lowest if better == "low" else highest - adl, ">=", 1))
    enzyme, limit = value_of(baseline, "creatine_kinase"), limit_of(baseline, "creatine_kinase")
    items += bool(compare(enzyme, ">", limit))
    return items >= 2


def compute_attainable(baseline: Measures) -> float:
    """10.22: the score if every recorded measure went to its best value, the enzyme to 0."""
    total = 0.0
    for measure, width in (
        ("physician_global", 10),
        ("patient_global", 10),
        ("chaq", 3),
        ("extramuscular_global", 10),
    ):
        value = value_of(baseline, measure)
        if value is not None:
            total += compute_points(measure, value / width * 100)
    for measure, width in STRENGTH_RANGES:
        value = value_of(baseline, measure)
        if value is not None:
            total += compute_points("strength", (width - value) / width * 100)
            break
    enzyme = choose_enzyme(baseline)
    if enzyme is not None:
        value, limit = value_of(baseline, enzyme), limit_of(baseline, enzyme)
        assert value is not None
        assert limit is not None
        total += compute_points("enzyme", value / (ENZYMES[enzyme] * limit) * 100)
    return total


def judge_onset(case: Case, reasons: list[str], row: Response) -> None:
    """10.7, 10.10, 10.30, 10.33: the onset, its interval and band, tier and courses."""
    is_open = "replacement_dose" not in reasons and "no_baseline" not in reasons
    if case.improved:
        row.evidence_tier = case.improved[0].tier
        row.responded_courses = case.improved[-1].course
    if not case.improved or ("no_visit" in reasons and is_open):
        row.onset = "never" if is_open else "not_evaluable"
        ever = [v.day for v in case.evaluable if v.state == "met"]
        before = [v.day for v in case.evaluable if not ever or v.day < ever[0]]
        row.onset_after_day = before[-1] if before else None
        return
    by = case.improved[0].day
    after = max([v.day for v in case.on_regimen if v.day < by], default=0)
    row.onset_after_day, row.onset_by_day = after, by
    if not is_open:
        row.onset = "not_evaluable"
        return
    starts = [(course.start - case.regimen.first).days for course in case.regimen.courses]
    is_second = len(starts) > 1 and starts[1] <= after and by <= starts[1] + 7
    if by <= 7 or is_second:
        row.onset = "rapid"
    elif after >= 7 and by <= 42:
        row.onset = "intermediate"
    elif after >= 42 and by <= 182:
        row.onset = "slow"
    else:
        row.onset = "late" if after >= 182 else "ambiguous"
    if by <= 42:
        row.onset_band = "within_6_weeks"
    elif after >= 42 and by <= 182:
        row.onset_band = "6_to_26_weeks"
    else:
        row.onset_band = "after_26_weeks" if after >= 182 else "ambiguous"


def is_reproduced(case: Case) -> bool:
    """10.6: improved on day 1 to 7 after the D0 of at least two courses."""
    return len({v.course for v in case.improved if 1 <= v.day_of_course <= 7}) >= 2


def is_transient(case: Case) -> bool:
    """10.6, 10.9, 10.26: an improvement confirmed or reproduced, then lost on treatment."""
    if not (is_reproduced(case) or any(v.confirmed for v in case.improved)):
        return False
    last = case.improved[-1]
    later = [course.number for course in case.regimen.courses if course.number > last.course]
    seen = {v.course for v in case.on_regimen if v.when > last.when}
    for_courses = len(later) >= 2 and all(number in seen for number in later)
    days = (case.on_regimen[-1].when - last.when).days
    for_days = bool(later) and days >= 56
    return for_courses or for_days or is_worse_than_best(case.child, case.regimen, case.visits)


def is_still_improved(case: Case) -> bool:
    """6.3: improved at the first evaluable visit at least 91 days after the onset."""
    later = [v for v in case.evaluable if (v.when - case.improved[0].when).days >= 91]
    return bool(later) and later[0].state == "met"


def judge_responded(case: Case, row: Response) -> str:
    """10.28: the first improved visit and the next evaluable one at least 14 days later."""
    if row.pattern == "not_evaluable":
        return "no" if row.reason == "no_late_visit" else "not_evaluable"
    if row.onset == "never":
        return "no"
    first = case.improved[0]
    later = [v for v in case.evaluable if (v.when - first.when).days >= 14]
    return "confirmed" if later and later[0].state == "met" else "unconfirmed"


def judge_durability(case: Case, row: Response, aggravation: Aggravation) -> str:
    """10.11 and 10.27."""
    regimen, child = case.regimen, case.child
    if row.pattern == "not_evaluable" or row.onset == "never":
        return "not_applicable"
    if is_transient(case):
        return "lost_on_treatment"
    if aggravation.state == "met":
        return "lost_after_discontinuation"
    last = last_on_regimen(case.visits)
    is_improved = last is not None and last.state == "met"
    end = regimen.last_infusion + day(180)
    if regimen.status == "discontinued":
        is_eligible = is_improved and regimen.reason not in ("inefficacy", "adverse_reaction")
        if is_eligible and is_seen_until(child, regimen, end):
            return "sustained"
        if not is_improved:
            row.flags.add("lost_before_stop")
    if regimen.status == "ongoing":
        final = case.evaluable[-1]
        if final.state == "met" and (final.when - case.improved[0].when).days >= 91:
            return "sustained"
    return "censored"


def find_flags(case: Case, row: Response) -> set[str]:
    """10.4, 10.14, 10.33 and the settled words on domains."""
    flags = set(row.flags)
    if any(v.straddles and v.on_regimen for v in case.visits):
        flags.add("bounds_straddle")
    if row.onset == "rapid" and is_premedication_unrecorded(case.child, case.improved[0].when):
        flags.add("caveat_premedication_unrecorded")
    if is_domain_unmeasured(case):
        flags.add("domain_not_measured")
    return flags


def is_domain_unmeasured(case: Case) -> bool:
    """The indication is skin disease and no measure of the skin is recorded."""
    child, regimen = case.child, case.regimen
    before, after = set(find_baseline(child, regimen)), set()
    for visit in case.visits:
        after |= {m for m, value in child.days[visit.when].items() if value.value is not None}
    is_about_skin = "skin_disease" in child.reasons_of(regimen)
    return is_about_skin and not before & after & SKIN_MEASURES
