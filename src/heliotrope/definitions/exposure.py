"""What counts as an infusion day, a course, a regimen and its end, and which weight is in force."""

from __future__ import annotations

from pydantic import Field, model_validator

from heliotrope.definitions.decision import ALWAYS_KNOWN, Axis, Criterion, check_axes
from heliotrope.definitions.model import Definition, Frozen


class MeasureInForce(Definition):
    """Which recorded weight or height holds on a given day."""

    measure: str = Field(description="canonical measure: weight in kg, height in cm")
    max_age_days: int = Field(ge=0, description="the latest value serves up to this age")


class CourseRule(Frozen):
    """How infusion days are joined to courses."""

    max_days_between_infusion_days: int = Field(ge=1)
    max_days_first_to_last: int = Field(ge=1)


class CourseFlags(Frozen):
    """Limits beyond which a course is flagged; it stays in the analysis."""

    low_g_per_kg: float = Field(gt=0)
    high_g_per_kg: float = Field(gt=0)
    high_g: float = Field(gt=0)
    max_calendar_days: int = Field(ge=1, description="first and last infusion day both counted")


class ScheduleLabel(Frozen):
    """A name for an interval between the first days of two courses, both ends counted."""

    label: str = Field(pattern=r"^[a-z0-9_]+$")
    min_days: int = Field(ge=1)
    max_days: int = Field(ge=1)


class RegimenRule(Frozen):
    """When courses belong to one regimen, and when a regimen has ended."""

    max_interval_days: int = Field(ge=1, description="from the D0 of a course to the next D0")
    planned_cover_days: int = Field(ge=1, description="days that the last course is taken to cover")
    stop_known_after_days: int = Field(ge=1, description="days without a D0: it has stopped")
    switch_to_sc_within_days: int = Field(ge=1)
    monthly_label: str
    monthly_min_intervals: int = Field(ge=1)
    monthly_min_fraction: float = Field(gt=0, le=1)
    short_exposure_max_courses: int = Field(ge=1)
    replacement_under_g_per_kg: float = Field(gt=0)
    replacement_min_fraction: float = Field(gt=0, le=1)


class IvigExposure(Definition):
    """From recorded infusions to infusion days, courses and regimens."""

    intravenous_route: str
    subcutaneous_route: str
    stop_event_kind: str
    stop_reasons: tuple[str, ...] = Field(min_length=1)
    other_reason: str
    unknown_reason: str
    course: CourseRule
    course_flags: CourseFlags
    schedules: tuple[ScheduleLabel, ...] = Field(min_length=1)
    regimen: RegimenRule
    axes: tuple[Axis, ...] = Field(description="status and purpose of a regimen")

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """List the criteria of status and purpose with their thresholds."""
        rule = self.regimen
        fraction = rule.replacement_min_fraction
        return (
            Criterion("sc_after_days", "status", "<=", rule.switch_to_sc_within_days, "days"),
            Criterion("stop_after_days", "status", ">=", 0, "days", never=("not_met",)),
            Criterion(
                "silent_days",
                "status",
                ">=",
                rule.stop_known_after_days,
                "days",
                never=ALWAYS_KNOWN,
            ),
            Criterion("low_dose_fraction", "purpose", ">=", fraction, "of courses"),
        )

    @model_validator(mode="after")
    def _tables_are_sound(self) -> IvigExposure:
        check_axes(self.axes, {criterion.name for criterion in self.criteria})
        return self

    @model_validator(mode="after")
    def _schedules_leave_no_gap(self) -> IvigExposure:
        expected = 1
        for schedule in self.schedules:
            if schedule.min_days != expected or schedule.max_days < schedule.min_days:
                raise ValueError(f"schedule {schedule.label}: expected min_days = {expected}")
            expected = schedule.max_days + 1
        if expected - 1 != self.regimen.max_interval_days:
            raise ValueError("the last schedule ends where the regimen's longest interval ends")
        labels = [schedule.label for schedule in self.schedules]
        if self.regimen.monthly_label not in labels:
            raise ValueError("monthly_label is one of the schedules")
        if self.other_reason not in self.stop_reasons:
            raise ValueError("other_reason is one of the stop_reasons")
        return self
