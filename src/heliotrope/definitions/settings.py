"""What a study may set; resolved into the rulebook, and hashed, before anything is derived."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from heliotrope.definitions.model import Frozen


class MeasureSetting(Frozen):
    """A study's own declaration of a measure whose scale is local, e.g. ``adl``."""

    min: float = 0.0
    max: float
    direction: Literal["low", "high"] = Field(description="which end is better")
    scale_name: str | None = None


class Settings(Frozen):
    """Settings that change what is derived, classified or estimated."""

    population: Literal["jdm", "adult"] = "jdm"
    visit_tolerance_days: int = Field(default=0, ge=0, le=28)
    measures: dict[str, MeasureSetting] = Field(default_factory=dict)
    pool_evidence: bool = Field(default=False, description="pool the published series")
