"""The tables a run writes: a public contract, one schema a table.

Parquet types only: String, Int32, Int64, Float64, Boolean, Date and List(String).
"""

from __future__ import annotations

import dataframely as dy

STATES = ["met", "not_met", "not_evaluable", "not_reached"]


def _text(description: str) -> dy.String:
    return dy.String(nullable=True, description=description)


def _patient_id() -> dy.String:
    return dy.String(min_length=1, description="the child")


def _number(description: str) -> dy.Float64:
    return dy.Float64(nullable=True, description=description)


def _count(description: str) -> dy.Int32:
    return dy.Int32(nullable=True, description=description)


def _date(description: str) -> dy.Date:
    return dy.Date(nullable=True, description=description)


def _flags() -> dy.List:
    return dy.List(dy.String(), description="sorted words, see GLOSSARY.md; empty when none")


def _state() -> dy.String:
    return dy.String(check=lambda column: column.is_in(STATES), description="one of four states")


class InfusionDay(dy.Schema):
    """A calendar day with recorded immunoglobulin, and the course and regimen it belongs to."""

    patient_id = _patient_id()
    date = dy.Date(description="calendar day")
    route = dy.String(description="iv, or sc (kept apart: no course, no regimen)")
    regimen = _count("regimen number from 1; null for sc and for a day without a dose")
    course = _count("course number within the regimen, from 1")
    minute_of_day = _count("earliest recorded start of the day, minutes")
    dose_g = _number("grams of the day")
    weight_kg = _number("weight in force")
    weight_age_days = _count("days from the weight to the infusion; null when interpolated")
    weight_rule = dy.String(description="recorded, interpolated or missing")
    dose_g_per_kg = _number("g/kg of the day: recorded, or grams over weight")
    product = _text("products of the day, joined by ' + '")
    premedication = _text("premedication of the day; null when unrecorded")


class Course(dy.Schema):
    """Infusion days that belong together (at most 7 days from first to last)."""

    patient_id = _patient_id()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    course = dy.Int32(min=1, description="course number within the regimen, from 1")
    start_date = dy.Date(description="D0, the first infusion day")
    end_date = dy.Date(description="the last infusion day")
    infusion_days = dy.Int32(min=1, description="number of infusion days")
    dose_g = _number("grams of the course; null if a day's grams are unknown")
    weight_kg = _number("weight in force on D0")
    weight_age_days = _count("days from the weight to D0; null when interpolated")
    weight_rule = dy.String(description="recorded, interpolated or missing")
    dose_g_per_kg = _number("g/kg of the course; null if a day's g/kg is unknown")
    interval_days = _count("days from this D0 to the next of the same regimen")
    schedule = _text("label of that interval: q1w, q2w, q3w, monthly or stretched")
    flags = _flags()


class Regimen(dy.Schema):
    """Courses that follow one another within 70 days."""

    patient_id = _patient_id()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    first_infusion = dy.Date(description="D0 of course 1")
    last_infusion = dy.Date(description="last infusion day")
    last_course_start = dy.Date(description="D0 of the last course")
    courses = dy.Int32(min=1, description="number of courses")
    status = dy.String(description="discontinued, ongoing or switched_to_sc")
    purpose = dy.String(description="treatment or replacement_dose")
    is_monthly = dy.Bool(
        nullable=True, description="at least two intervals, 75 % of them monthly; null: too few"
    )
    discontinuation_date = _date("stop event, else end of planned cover; null unless discontinued")
    stop_known_date = _date("day the stop is known: the event, or day 70; null unless discontinued")
    observed_until = dy.Date(description="last day on which the child was observed")
    reason = _text("why it stopped; 'unknown' when discontinued without a recorded reason")
    flags = _flags()


class SteroidPeriod(dy.Schema):
    """Days in a row with one systemic glucocorticoid dose, pulses left out."""

    patient_id = _patient_id()
    start_date = dy.Date(description="first day")
    end_date = dy.Date(description="last day, inclusive")
    prednisone_mg_day = _number("prednisone-equivalent mg/day; 0 is a recorded gap between doses")
    prednisone_mg_kg_day = _number("the same per kg of the weight on the first day")
    weight_kg = _number("weight in force on the first day")
    weight_age_days = _count("its age in days; null when interpolated")
    band = _text("high, medium, low or off; null: unknown dose, or a gap too short to be off")
    reason = _text("why the dose or the dose per kg is unknown")


class SteroidPulse(dy.Schema):
    """An episode of intravenous high-dose glucocorticoid (consecutive days are one)."""

    patient_id = _patient_id()
    start_date = dy.Date(description="first day")
    end_date = dy.Date(description="last day, inclusive")
    drug = dy.String(description="the glucocorticoid")
    days = dy.Int32(min=1, description="number of pulse days")
    total_mg = _number("cumulative mg of the drug")
    total_mg_kg = _number("the same per kg")


class DrugPeriod(dy.Schema):
    """A period of one other immunosuppressant at one dose."""

    patient_id = _patient_id()
    drug = dy.String(description="canonical name")
    start_date = dy.Date(description="first day")
    end_date = _date("last day, inclusive; null when ongoing")
    dose_mg_day = _number("mean mg/day; null when it cannot be computed")
    change = dy.String(description="started, raised, lowered, unchanged")
    relative_rise = _number("rise over the dose before, as a fraction; null for a start")
    stop_reason = _text("why it was stopped")
    row_id = dy.Int64(description="the source cell")


class Score(dy.Schema):
    """A total improvement score at one visit against the regimen's baseline, with bounds."""

    patient_id = _patient_id()
    regimen = dy.Int32(min=1, description="whose baseline is used")
    date = dy.Date(description="the visit")
    definition_id = dy.String(description="e.g. tis_jdm_imacs")
    score_lower = _number("missing measures count 0")
    score_upper = _number("missing measures count their maximum")
    score_max_attainable = _number("score if every measure went to its best value")
    category = dy.String(description="none, minimal, moderate, major, indeterminate, not_evaluable")
    measures_present = dy.List(dy.String(), description="the measures that could be scored")
    state = _state()
    reason = _text("why not evaluable, or bounds_straddle")


class State(dy.Schema):
    """A visit's state under one definition of activity or worsening."""

    patient_id = _patient_id()
    regimen = _count("the regimen whose reference is used; null where none is")
    date = dy.Date(description="the visit")
    definition_id = dy.String(description="e.g. inactive_disease_2015")
    state = _state()
    label = _text("the class, where the definition names classes: inactive, low, moderate, high")
    reason = _text("why not evaluable")


class Visit(dy.Schema):
    """A visit after the regimen's first infusion: improved or not, by which tier."""

    patient_id = _patient_id()
    regimen = dy.Int32(min=1, description="whose baseline is used")
    date = dy.Date(description="the visit")
    day = dy.Int32(description="days from the D0 of course 1")
    course = _count("the course whose D0 precedes the visit (a visit on a D0: the course before)")
    day_of_course = _count("days from that D0")
    is_on_regimen = dy.Bool(description="at most 28 days after the last D0")
    state = _state()
    tier = _text("A, B or C when improved")
    is_confirmed = dy.Bool(nullable=True, description="improved, and again by the rule")
    reason = _text("why not evaluable")


class Response(dy.Schema):
    """One row a child and regimen: did IVIG work, how fast, for how long, at what steroid dose."""

    patient_id = _patient_id()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    first_infusion = dy.Date(description="D0 of course 1")
    last_infusion = dy.Date(description="last infusion day")
    courses = dy.Int32(min=1, description="number of courses")
    onset = dy.String(
        description="rapid, intermediate, slow, late, never, ambiguous, not_evaluable"
    )
    onset_after_day = _count("last evaluable day not improved before the onset (0 at least)")
    onset_by_day = _count("first improved day; null when never")
    onset_band = _text("within_6_weeks, 6_to_26_weeks, after_26_weeks, ambiguous")
    evidence_tier = _text("tier of the first improved visit: A, B or C")
    durability = dy.String(
        description="sustained, lost_on_treatment, lost_after_discontinuation, censored, "
        "not_applicable"
    )
    responded_courses = _count("n of the last course with an improved visit")
    steroid_effect = dy.String(
        description="sparing, reduced, unchanged, increased, not_on_steroid, not_evaluable"
    )
    pattern = dy.String(
        description="rapid, intermediate, slow_maintained, slow, late, transient, none, "
        "ambiguous, not_evaluable"
    )
    confounded = dy.Bool(description="another treatment could explain the first improvement")
    confounded_by = dy.List(dy.String(), description="which treatments")
    sparing_confounded_by = dy.List(
        dy.String(), description="the same list before the low-dose window; empty unless sparing"
    )
    sustained_confounded_by = dy.List(
        dy.String(), description="the same list before durability is judged; empty unless sustained"
    )
    responded = dy.String(description="confirmed, unconfirmed, no, not_evaluable")
    reason = _text("the one word behind the pattern, where it needs one")
    flags = _flags()
    definition_id = dy.String(description="jdm_ivig_response")
    definition_version = dy.String(description="its version")


class Aggravation(dy.Schema):
    """Did the child worsen after the regimen stopped: one row a child and regimen."""

    patient_id = _patient_id()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    state = _state()
    date = _date("earliest event, whenever it came")
    days_after_last_infusion = _count("days from the last infusion to it")
    limb = _text("a to e, or escalation_only for d alone")
    reason = _text("why not reached or not evaluable")
    flags = _flags()


class Reaction(dy.Schema):
    """An adverse event in a window after an infusion."""

    patient_id = _patient_id()
    infusion_day = _date("the preceding infusion day; null when there is none")
    regimen = _count("its regimen")
    course = _count("its course")
    date = dy.Date(description="onset of the reaction")
    term = dy.String(description="canonical term")
    coded_term = _text("the term it is filed under; null: the grading system has none")
    meddra_code = _text("MedDRA LLT code of that term; null: none is known")
    grading = dy.String(description="grading system and edition, e.g. CTCAE 5.0")
    grade = _count("computed where a value exists, else as recorded")
    hours_after = _number("hours from the start of the infusion, where both times are known")
    days_after = _count("whole days from the infusion day")
    window = dy.String(description="the attribution window it falls in, or outside")
    transient = _text("met, not_met or not_evaluable")
    group = _count("reactions of one occasion share a number within the child")
    related = dy.Bool(nullable=True, description="recorded as related")
    flags = _flags()
    row_id = dy.Int64(description="the event's source cell")


class Haemolysis(dy.Schema):
    """A course after which haemolysis is in question, under its case definition."""

    patient_id = _patient_id()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    course = dy.Int32(min=1, description="course number within the regimen")
    date = dy.Date(description="D0 of the course")
    definition_id = dy.String(description="haemolysis_case")
    state = _state()
    reason = _text("what is missing, where not evaluable")
    haemoglobin_before = _number("last haemoglobin before, g/dL")
    haemoglobin_lowest = _number("lowest haemoglobin after, g/dL")
    haemoglobin_fall = _number("how far it fell, g/dL")
    signs_met = dy.Int32(min=0, description="signs that were there, of six")
    signs_known = dy.Int32(min=0, description="signs that could be judged, of six")
    is_recorded = dy.Bool(description="a haemolysis was recorded as such")
    flags = _flags()


class SteroidOutcome(dy.Schema):
    """A steroid concept of a child: resistant, dependent, or stopped."""

    patient_id = _patient_id()
    regimen = _count("judged before this regimen; null: over the whole record")
    definition_id = dy.String(description="e.g. steroid_dependent")
    state = _state()
    reason = _text("why not evaluable or not reached")
    judged_from = _date("first steroid, or first day of the dose in question")
    judged_to = _date("the visit judged, or the last day looked at")
    steroid_stopped = _date("last day with a steroid, where it was stopped; else null")


class IndicationFinding(dy.Schema):
    """Why IVIG was started: as recorded, as the records show, and whether they agree."""

    patient_id = _patient_id()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    recorded = dy.List(dy.String(), description="recorded reasons, primary first")
    derived = dy.List(dy.String(), description="reasons the records show")
    agree = dy.Bool(nullable=True, description="null where either is empty")


class Trace(dy.Schema):
    """One node of one decision."""

    trace_id = dy.Int64(primary_key=True, description="joins trace_source")
    patient_id = _patient_id()
    regimen = _count("null where the definition has no regimen")
    definition_id = dy.String(description="the definition")
    definition_version = dy.String(description="its version; 1.0.0+local for a study's own")
    date = _date("the visit; null where the decision is about the whole regimen")
    node = dy.String(description="name of the node, unique within the decision; 'root' on top")
    parent = _text("name of the node above; null for root")
    state = _state()
    reason = _text("one word")
    value = _number("the number that was compared")
    unit = _text("its unit")
    operator = _text("<, <=, >, >= or ==")
    threshold = _number("what it was compared with")
    points = _number("points given, or the code of the class chosen in a decision table")
    label = _text("the class chosen, on root and axis nodes")


class TraceSource(dy.Schema):
    """A source cell behind a node: used, or considered and rejected."""

    trace_id = dy.Int64(description="the node")
    row_id = dy.Int64(description="the source cell")
    role = dy.String(check=lambda column: column.is_in(["used", "rejected"]), description="role")
    reason = _text("why rejected")


class Finding(dy.Schema):
    """Something about the data a data manager can act on."""

    severity = dy.String(
        check=lambda column: column.is_in(["error", "warning", "info"]), description="how bad"
    )
    rule = dy.String(description="name of the rule that found it")
    table = _text("canonical table")
    file = _text("source file")
    sheet = _text("sheet of a workbook")
    row = _count("row as the source numbers it, header = 1")
    column = _text("source column")
    found = _text("what stands there")
    expected = _text("what was expected")
    suggestion = _text("what to do")


class ShardFinding(dy.Schema):
    """A finding made while evaluating a shard: it knows the cell, not yet the file."""

    severity = dy.String(
        check=lambda column: column.is_in(["error", "warning", "info"]), description="how bad"
    )
    rule = dy.String(description="name of the rule that found it")
    table = _text("canonical table")
    row_id = dy.Int64(nullable=True, description="the source cell; null when there is none")
    found = _text("what stands there")
    expected = _text("what was expected")
    suggestion = _text("what to do")


class Quarantine(dy.Schema):
    """A source row that could not be used, whole, with the reason."""

    row_id = dy.Int64(description="the source row (column number of the offending cell)")
    file = dy.String(description="source file")
    sheet = _text("sheet of a workbook")
    row = dy.Int32(description="row as the source numbers it, header = 1")
    rule = dy.String(description="rule that refused it")
    message = dy.String(description="expected, found, to do")
    raw = dy.String(description="the whole row as JSON, every cell as text")


class Source(dy.Schema):
    """One column of one source: what row_id counts."""

    source = dy.Int32(min=0, description="source number, in order of content hash")
    file = dy.String(description="path relative to the study folder")
    sheet = _text("sheet of a workbook")
    sha256 = dy.String(description="hash of the file's bytes")
    records = dy.Int64(min=0, description="rows without the header")
    first_row = dy.Int32(description="row number of record 0 as the source numbers rows")
    column = dy.Int32(min=0, description="column number, from 0")
    column_name = dy.String(description="header of the column")


class Result(dy.Schema):
    """One statistic: report, exports and pooling read only these rows."""

    analysis = dy.String(description="family, e.g. response_pattern")
    group = dy.String(description="the group of children, 'all' for the cohort")
    variable = dy.String(description="what is counted or measured, e.g. rapid")
    statistic = dy.String(description="n, proportion_exact, median, survival, ...")
    value = _number("the number")
    formatted = dy.String(description="the number as printed")
    low = _number("lower end of the interval")
    high = _number("upper end of the interval")
    level = _number("level of the interval, e.g. 0.95")
    n_evaluable = _count("children (or infusions) behind it")
    definition_id = _text("definition used")
    definition_version = _text("its version")
    refused = _text("the reason, when the records cannot answer")


TABLES: dict[str, type[dy.Schema]] = {
    "infusion_day": InfusionDay,
    "course": Course,
    "regimen": Regimen,
    "steroid_period": SteroidPeriod,
    "steroid_pulse": SteroidPulse,
    "drug_period": DrugPeriod,
    "score": Score,
    "state": State,
    "visit": Visit,
    "response": Response,
    "indication": IndicationFinding,
    "aggravation": Aggravation,
    "reaction": Reaction,
    "haemolysis": Haemolysis,
    "steroid_outcome": SteroidOutcome,
}

SORT_KEYS: dict[str, list[str]] = {
    "infusion_day": ["patient_id", "date", "route"],
    "course": ["patient_id", "regimen", "course"],
    "regimen": ["patient_id", "regimen"],
    "steroid_period": ["patient_id", "start_date"],
    "steroid_pulse": ["patient_id", "start_date", "drug"],
    "drug_period": ["patient_id", "drug", "start_date", "row_id"],
    "score": ["patient_id", "regimen", "definition_id", "date"],
    "state": ["patient_id", "definition_id", "regimen", "date"],
    "visit": ["patient_id", "regimen", "date"],
    "response": ["patient_id", "regimen"],
    "indication": ["patient_id", "regimen"],
    "aggravation": ["patient_id", "regimen"],
    "reaction": ["patient_id", "date", "row_id"],
    "haemolysis": ["patient_id", "regimen", "course"],
    "steroid_outcome": ["patient_id", "regimen", "definition_id"],
}
