"""What a child was given: infusion days, courses, regimens, steroids, other drugs."""

from __future__ import annotations

import dataframely as dy

from heliotrope.records.columns import (
    count_column,
    date_column,
    flags_column,
    number_column,
    patient_id_column,
    text_column,
)


class InfusionDay(dy.Schema):
    """A calendar day with recorded immunoglobulin, and the course and regimen it belongs to."""

    patient_id = patient_id_column()
    date = dy.Date(description="calendar day")
    route = dy.String(description="iv, or sc (kept apart: no course, no regimen)")
    regimen = count_column("regimen number from 1; null for sc and for a day without a dose")
    course = count_column("course number within the regimen, from 1")
    minute_of_day = count_column("earliest recorded start of the day, minutes")
    dose_g = number_column("grams of the day")
    weight_kg = number_column("weight in force")
    weight_age_days = count_column("days from the weight to the infusion; null when interpolated")
    weight_rule = dy.String(description="recorded, interpolated or missing")
    dose_g_per_kg = number_column("g/kg of the day: recorded, or grams over weight")
    product = text_column("products of the day, joined by ' + '")
    premedication = text_column("premedication of the day; null when unrecorded")


class Course(dy.Schema):
    """Infusion days that belong together (at most 7 days from first to last)."""

    patient_id = patient_id_column()
    regimen = dy.Int32(min=1, description="regimen number from 1")
    course = dy.Int32(min=1, description="course number within the regimen, from 1")
    start_date = dy.Date(description="D0, the first infusion day")
    end_date = dy.Date(description="the last infusion day")
    infusion_days = dy.Int32(min=1, description="number of infusion days")
    dose_g = number_column("grams of the course; null if a day's grams are unknown")
    weight_kg = number_column("weight in force on D0")
    weight_age_days = count_column("days from the weight to D0; null when interpolated")
    weight_rule = dy.String(description="recorded, interpolated or missing")
    dose_g_per_kg = number_column("g/kg of the course; null if a day's g/kg is unknown")
    interval_days = count_column("days from this D0 to the next of the same regimen")
    schedule = text_column("label of that interval: q1w, q2w, q3w, monthly or stretched")
    flags = flags_column()


class Regimen(dy.Schema):
    """Courses that follow one another within 70 days."""

    patient_id = patient_id_column()
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
    discontinuation_date = date_column(
        "stop event, else end of planned cover; null unless discontinued"
    )
    stop_known_date = date_column(
        "day the stop is known: the event, or day 70; null unless discontinued"
    )
    observed_until = dy.Date(description="last day on which the child was observed")
    reason = text_column("why it stopped; 'unknown' when discontinued without a recorded reason")
    flags = flags_column()


class SteroidPeriod(dy.Schema):
    """Days in a row with one systemic glucocorticoid dose, pulses left out."""

    patient_id = patient_id_column()
    start_date = dy.Date(description="first day")
    end_date = dy.Date(description="last day, inclusive")
    prednisone_mg_day = number_column(
        "prednisone-equivalent mg/day; 0 is a recorded gap between doses"
    )
    prednisone_mg_kg_day = number_column("the same per kg of the weight on the first day")
    weight_kg = number_column("weight in force on the first day")
    weight_age_days = count_column("its age in days; null when interpolated")
    band = text_column("high, medium, low or off; null: unknown dose, or a gap too short to be off")
    reason = text_column("why the dose or the dose per kg is unknown")


class SteroidPulse(dy.Schema):
    """An episode of intravenous high-dose glucocorticoid (consecutive days are one)."""

    patient_id = patient_id_column()
    start_date = dy.Date(description="first day")
    end_date = dy.Date(description="last day, inclusive")
    drug = dy.String(description="the glucocorticoid")
    days = dy.Int32(min=1, description="number of pulse days")
    total_mg = number_column("cumulative mg of the drug")
    total_mg_kg = number_column("the same per kg")


class DrugPeriod(dy.Schema):
    """A period of one other immunosuppressant at one dose."""

    patient_id = patient_id_column()
    drug = dy.String(description="canonical name")
    start_date = dy.Date(description="first day")
    end_date = date_column("last day, inclusive; null when ongoing")
    dose_mg_day = number_column("mean mg/day; null when it cannot be computed")
    change = dy.String(description="started, raised, lowered, unchanged")
    relative_rise = number_column("rise over the dose before, as a fraction; null for a start")
    stop_reason = text_column("why it was stopped")
    row_id = dy.Int64(description="the source cell")
