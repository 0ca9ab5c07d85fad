"""What the definitions say of a child: scores, states, response, worsening, reactions."""

from __future__ import annotations

import dataframely as dy

from heliotrope.records.columns import (
    count_column,
    date_column,
    flags_column,
    number_column,
    patient_id_column,
    state_column,
    text_column,
)


class Score(dy.Schema):
    """A total improvement score at one visit against the regimen's baseline, with bounds."""

    patient_id = patient_id_column()
    regimen = dy.Int32(min=1, description="whose baseline is used")
    date = dy.Date(description="the visit")
    definition_id = dy.String(description="e.g. tis_jdm_imacs")
    score_lower = number_column("missing measures count 0")
    score_upper = number_column("missing measures count their maximum")
    score_max_attainable = number_column("score if every measure went to its best value")
    category = dy.String(description="none, minimal, moderate, major, indeterminate, not_evaluable")
    measures_present = dy.List(dy.String(), description="the measures that could be scored")
    state = state_column()
    reason = text_column("why not evaluable, or bounds_straddle")


class State(dy.Schema):
    """A visit's state under one definition of activity or worsening."""

    patient_id = patient_id_column()
    regimen = count_column("the regimen whose reference is used; null where none is")
    date = dy.Date(description="the visit")
    definition_id = dy.String(description="e.g. inactive_disease_2015")
    state = state_column()
    label = text_column(
        "the class, where the definition names classes: inactive, low, moderate, high"
    )
    reason = text_column("why not evaluable")


class Visit(dy.Schema):
    """A visit after the regimen's first infusion: improved or not, by which tier."""

    patient_id = patient_id_column()
    regimen = dy.Int32(min=1, description="whose baseline is used")
    date = dy.Date(description="the visit")
    day = dy.Int32(description="days from the D0 of course 1")
    course = count_column(
        "the course whose D0 precedes the visit (a visit on a D0: the course before)"
    )
    day_of_course = count_column("days from that D0")
    is_on_regimen = dy.Bool(description="at most 28 days after the last D0")
    state = state_column()
    tier = text_column("A, B or C when improved")
    is_confirmed = dy.Bool(nullable=True, description="improved, and again by the rule")
    reason = text_column("why not evaluable")


class Response(dy.Schema):
    """One row a child and regimen: did IVIG work, how fast, for how long, at what steroid dose."""

    patient_id = patient_id_column()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    first_infusion = dy.Date(description="D0 of course 1")
    last_infusion = dy.Date(description="last infusion day")
    courses = dy.Int32(min=1, description="number of courses")
    onset = dy.String(
        description="rapid, intermediate, slow, late, never, ambiguous, not_evaluable"
    )
    onset_after_day = count_column("last evaluable day not improved before the onset (0 at least)")
    onset_by_day = count_column("first improved day; null when never")
    onset_band = text_column("within_6_weeks, 6_to_26_weeks, after_26_weeks, ambiguous")
    evidence_tier = text_column("tier of the first improved visit: A, B or C")
    durability = dy.String(
        description="sustained, lost_on_treatment, lost_after_discontinuation, censored, "
        "not_applicable"
    )
    responded_courses = count_column("n of the last course with an improved visit")
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
    reason = text_column("the one word behind the pattern, where it needs one")
    flags = flags_column()
    definition_id = dy.String(description="jdm_ivig_response")
    definition_version = dy.String(description="its version")


class Aggravation(dy.Schema):
    """Did the child worsen after the regimen stopped: one row a child and regimen."""

    patient_id = patient_id_column()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    state = state_column()
    date = date_column("earliest event, whenever it came")
    days_after_last_infusion = count_column("days from the last infusion to it")
    limb = text_column("a to e, or escalation_only for d alone")
    reason = text_column("why not reached or not evaluable")
    flags = flags_column()


class Reaction(dy.Schema):
    """An adverse event in a window after an infusion."""

    patient_id = patient_id_column()
    infusion_day = date_column("the preceding infusion day; null when there is none")
    regimen = count_column("its regimen")
    course = count_column("its course")
    date = dy.Date(description="onset of the reaction")
    term = dy.String(description="canonical term")
    coded_term = text_column("the term it is filed under; null: the grading system has none")
    meddra_code = text_column("MedDRA LLT code of that term; null: none is known")
    grading = dy.String(description="grading system and edition, e.g. CTCAE 5.0")
    grade = count_column("computed where a value exists, else as recorded")
    hours_after = number_column("hours from the start of the infusion, where both times are known")
    days_after = count_column("whole days from the infusion day")
    window = dy.String(description="the attribution window it falls in, or outside")
    transient = text_column("met, not_met or not_evaluable")
    group = count_column("reactions of one occasion share a number within the child")
    related = dy.Bool(nullable=True, description="recorded as related")
    flags = flags_column()
    row_id = dy.Int64(description="the event's source cell")


class Haemolysis(dy.Schema):
    """A course after which haemolysis is in question, under its case definition."""

    patient_id = patient_id_column()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    course = dy.Int32(min=1, description="course number within the regimen")
    date = dy.Date(description="D0 of the course")
    definition_id = dy.String(description="haemolysis_case")
    state = state_column()
    reason = text_column("what is missing, where not evaluable")
    haemoglobin_before = number_column("last haemoglobin before, g/dL")
    haemoglobin_lowest = number_column("lowest haemoglobin after, g/dL")
    haemoglobin_fall = number_column("how far it fell, g/dL")
    signs_met = dy.Int32(min=0, description="signs that were there, of six")
    signs_known = dy.Int32(min=0, description="signs that could be judged, of six")
    is_recorded = dy.Bool(description="a haemolysis was recorded as such")
    flags = flags_column()


class SteroidOutcome(dy.Schema):
    """A steroid concept of a child: resistant, dependent, or stopped."""

    patient_id = patient_id_column()
    regimen = count_column("judged before this regimen; null: over the whole record")
    definition_id = dy.String(description="e.g. steroid_dependent")
    state = state_column()
    reason = text_column("why not evaluable or not reached")
    judged_from = date_column("first steroid, or first day of the dose in question")
    judged_to = date_column("the visit judged, or the last day looked at")
    steroid_stopped = date_column("last day with a steroid, where it was stopped; else null")


class IndicationFinding(dy.Schema):
    """Why IVIG was started: as recorded, as the records show, and whether they agree."""

    patient_id = patient_id_column()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    recorded = dy.List(dy.String(), description="recorded reasons, primary first")
    derived = dy.List(dy.String(), description="reasons the records show")
    agree = dy.Bool(nullable=True, description="null where either is empty")
