"""Glucocorticoids: what equals 5 mg of prednisone, what is a pulse, what is a high dose."""

from __future__ import annotations

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Flag, Frozen


class Equivalent(Frozen):
    """The dose of one drug that equals the reference dose of prednisone."""

    drug: str
    mg: float = Field(gt=0)
    flag: Flag
    note: str | None = None


class PulseRule(Frozen):
    """A day's dose at or above either limit is a pulse, kept out of the daily dose."""

    drugs: tuple[str, ...] = Field(min_length=1)
    routes: tuple[str, ...] = Field(min_length=1)
    min_mg_per_kg: float = Field(gt=0)
    min_mg: float = Field(gt=0)


class DoseBand(Frozen):
    """A named range of the daily dose, closed below."""

    label: str
    at_least_mg_per_kg: float | None = Field(
        default=None, description="lowest dose of the band; null: any dose above 0"
    )


class GlucocorticoidRule(Definition):
    """From any systemic steroid to prednisone-equivalent mg per day and per kg and day."""

    prednisone_mg: float = Field(gt=0, description="the dose the equivalents equal")
    equivalents: tuple[Equivalent, ...] = Field(min_length=1)
    unknown_route_is: str = Field(
        description="route assumed, with a finding, when none is recorded"
    )
    pulse: PulseRule
    bands: tuple[DoseBand, ...] = Field(min_length=1, description="from the highest down")
    off_label: str
    off_min_days: int = Field(ge=1, description="days at 0 before a child counts as off steroids")

    @model_validator(mode="after")
    def _is_consistent(self) -> GlucocorticoidRule:
        drugs = [equivalent.drug for equivalent in self.equivalents]
        if len(set(drugs)) != len(drugs):
            raise ValueError("one equivalent a drug")
        if "prednisone" not in drugs or self.equivalent_of("prednisone") != self.prednisone_mg:
            raise ValueError("prednisone equals itself")
        missing = set(self.pulse.drugs) - set(drugs)
        if missing:
            raise ValueError(f"pulse drugs without an equivalent: {', '.join(sorted(missing))}")
        floors = [band.at_least_mg_per_kg or 0.0 for band in self.bands]
        if floors != sorted(set(floors), reverse=True):
            raise ValueError("bands fall from the highest to the lowest")
        return self

    def equivalent_of(self, drug: str) -> float | None:
        """Return the mg of a drug that equal the reference dose, None if not in the table."""
        return next((item.mg for item in self.equivalents if item.drug == drug), None)
