"""Steroid effect and confounding, a second reading of 10.12 to 10.14 and 10.29."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tests.oracle.slow_records import Child, Regimen, day

from heliotrope.records.exact import compare

GLUCOCORTICOIDS = {
    "prednisone",
    "prednisolone",
    "methylprednisolone",
    "dexamethasone",
    "hydrocortisone",
    "deflazacort",
    "betamethasone",
    "triamcinolone",
    "cortisone",
}
SYSTEMIC = {None, "oral", "iv", "sc", "im"}
SECOND_LINE = {
    "methotrexate",
    "azathioprine",
    "mycophenolate",
    "ciclosporin",
    "tacrolimus",
    "hydroxychloroquine",
    "tofacitinib",
    "baricitinib",
}
LONG_ACTING = {"rituximab", "cyclophosphamide"}
WINDOW_DAYS = 91


@dataclass
class SteroidEffect:
    """What became of the dose, and the low-dose window if there is one."""

    effect: str
    flags: set[str]
    window: tuple[date, date] | None = None


def judge_steroid(child: Child, regimen: Regimen, breaks: set[date]) -> SteroidEffect:
    """10.12: the dose against that of the day before D0. ``breaks``: days with a flare or limb."""
    if not child.medicines:
        return SteroidEffect("not_evaluable", set())
    if not any(drug in GLUCOCORTICOIDS and route in SYSTEMIC for drug, route in child.medicines):
        return SteroidEffect("not_on_steroid", set())
    before = regimen.first - day(1)
    if child.period_of(before) is None or child.mg(before) == 0:
        return SteroidEffect("not_evaluable", {"baseline_low"})
    baseline = child.mg_kg(before)
    if baseline is None:
        return SteroidEffect("not_evaluable", set())
    if compare(baseline, "<", 0.2):
        return SteroidEffect("not_evaluable", {"baseline_low"})
    window = find_window(child, regimen, baseline, breaks)
    if window is not None:
        return SteroidEffect(
            "sparing", find_sparing_flags(child, regimen, baseline, window), window
        )
    last = child.mg_kg(find_last_day(child, regimen))
    if last is None:
        return SteroidEffect("not_evaluable", set())
    if compare(last / baseline, ">=", 1.25):
        return SteroidEffect("increased", set())
    if compare(last / baseline, "<=", 0.75):
        return SteroidEffect("reduced", set())
    return SteroidEffect("unchanged", set())


def find_last_day(child: Child, regimen: Regimen) -> date:
    """The last on-regimen day: 28 days after the last D0, or the end of observation."""
    last = regimen.last_start + day(28)
    return min(last, child.observed_until) if child.observed_until else last


def find_window(
    child: Child, regimen: Regimen, baseline: float, breaks: set[date]
) -> tuple[date, date] | None:
    """10.12: the first 91 days in a row at or under half of the baseline, with no break inside."""
    if child.observed_until is None:
        return None
    run = 0
    today = regimen.first + day(1)
    while today <= min(child.observed_until, regimen.last_start + day(28 + WINDOW_DAYS - 1)):
        dose = child.mg_kg(today)
        is_low = dose is not None and bool(compare(dose / baseline, "<=", 0.5))
        is_pulse = any(pulse.start <= today <= pulse.end for pulse in child.pulses)
        run = run + 1 if is_low and not is_pulse and today not in breaks else 0
        if run >= WINDOW_DAYS:
            return today - day(WINDOW_DAYS - 1), today
        today += day(1)
    return None


def find_sparing_flags(
    child: Child, regimen: Regimen, baseline: float, window: tuple[date, date]
) -> set[str]:
    """10.12 and 10.29: whether sparing was lost, and whether a standard taper explains it."""
    flags = set()
    start, end = window
    for period in child.periods:
        if (
            period.end > end
            and period.mg_kg is not None
            and compare(period.mg_kg / baseline, ">", 0.5)
        ):
            flags.add("sparing_lost")
    before = regimen.first - day(1)
    since = None if child.diagnosis is None else (regimen.first - child.diagnosis).days
    if since is not None and 0 <= since <= 90 and is_slow_taper(child, before, start):
        flags.add("within_standard_taper")
    return flags


def is_slow_taper(child: Child, first: date, last: date) -> bool:
    """10.29: the dose is not halved in under 60 days, nor more than halved in 60."""
    doses = [child.mg_kg(first + day(n)) for n in range((last - first).days + 1)]
    for i, early in enumerate(doses):
        for ahead, late in enumerate(doses[i + 1 : i + 61], start=1):
            if early is None or late is None:
                return False
            share = late - 0.5 * early
            if compare(share, "<=" if ahead < 60 else "<", 0) and early > 0:
                return False
    return True


def find_confounders(child: Child, when: date) -> set[str]:
    """10.14: what else could explain an improvement first seen on a day."""
    found = set()
    for back in range(29):
        today = when - day(back)
        found |= judge_dose_change(child, today)
        if any(pulse.start <= today <= pulse.end for pulse in child.pulses):
            found.add("steroid_pulse")
    for row in child.drugs:
        age = (when - row.start).days
        is_change = row.change == "started" or (
            row.change == "raised" and bool(compare(row.rise, ">=", 0.25))
        )
        if row.drug in SECOND_LINE and 0 <= age <= 112 and is_change:
            found.add(row.drug)
        is_over = row.end is not None and (when - row.end).days > 182
        if row.drug in LONG_ACTING and age >= 0 and not is_over:
            found.add(row.drug)
    if premedication_before(child, when) & GLUCOCORTICOIDS:
        found.add("premedication_steroid")
    return found


def judge_dose_change(child: Child, today: date) -> set[str]:
    """10.14: started, or raised by 25 % and 2.5 mg/day, against the day before."""
    yesterday = child.period_of(today - day(1))
    now, before = child.mg(today), None if yesterday is None else yesterday.mg
    if now is None or now <= 0 or (yesterday is not None and before is None):
        return set()
    before = before or 0.0
    is_raised = compare(now - 1.25 * before, ">=", 0) and compare(now - before, ">=", 2.5)
    return {"steroid_raised"} if is_raised else set()


def infusion_before(child: Child, when: date) -> int | None:
    """Return the index of the last infusion day before a visit."""
    earlier = [i for i, infusion in enumerate(child.infusions) if infusion.when < when]
    return earlier[-1] if earlier else None


def premedication_before(child: Child, when: date) -> set[str]:
    """Return the premedication of the infusion before a visit."""
    index = infusion_before(child, when)
    text = None if index is None else child.infusions[index].premedication
    return {word.strip().lower() for word in (text or "").split(";")}


def is_premedication_unrecorded(child: Child, when: date) -> bool:
    """Say whether nothing is recorded on premedication of the infusion before a visit."""
    index = infusion_before(child, when)
    return index is not None and child.infusions[index].premedication is None
