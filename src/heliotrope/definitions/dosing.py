"""What a recorded dose means per day, and which drugs beside steroids are followed."""

from __future__ import annotations

from pydantic import Field

from heliotrope.definitions.model import Definition, Frozen


class DoseUnit(Frozen):
    """How a dose in this unit becomes a mean dose per day."""

    unit: str
    days: int = Field(ge=1, description="days that one dose is spread over")
    divides_by_interval: bool = Field(description="the dose is given every n days: divide by n")
    per_kg: bool = False
    per_m2: bool = False
    single_when_no_end: bool = Field(
        default=False, description="daily without an end: one administration on the first day"
    )


class BodySurface(Frozen):
    """Body surface in m2 is the root of height times weight over a divisor."""

    height_cm_times_weight_kg_over: float = Field(gt=0)


class DoseRule(Definition):
    """Dose units, body surface, and what holds where rows of one drug meet."""

    units: tuple[DoseUnit, ...] = Field(min_length=1)
    body_surface: BodySurface
    meeting_day_counts_once: bool = Field(
        description="a row that ends on the day the next of the drug starts: the next one counts"
    )


class FollowedDrugs(Definition):
    """The classes of drugs that could explain an improvement beside immunoglobulin and steroids."""

    classes: tuple[str, ...] = Field(min_length=1)
