"""Ordered decision tables: how an axis of a response is read from its criteria."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Frozen


@dataclass(frozen=True)
class Criterion:
    """One comparison of a fact with a threshold, under the axis it mainly serves.

    Met when the fact compares with the threshold; not evaluable when the fact is missing. So the
    value, the operator and the threshold are all a trace needs to be replayed. ``fact`` is the
    name of the fact, where several criteria compare one and the same with different thresholds.
    ``never``: states that the fact cannot give it, e.g. a count that is 0 where nothing is recorded
    is always known.
    """

    name: str
    axis: str
    operator: Literal["<", "<=", ">", ">=", "=="]
    threshold: float
    unit: str | None = None
    fact: str | None = None
    never: tuple[str, ...] = ()


ALWAYS_KNOWN = ("not_evaluable",)


def yes(name: str, axis: str, never: tuple[str, ...] = ()) -> Criterion:
    """Make a criterion of a fact that counts, or is 1 for yes and 0 for no."""
    return Criterion(name, axis, ">=", 1, never=never)


class Choice(Frozen):
    """One row of a decision table: the class it gives and the criteria that select it.

    ``met``: every one of these is met. ``any_met``: at least one is met. ``not_met``: every one
    is not met (not evaluable is not enough). ``not_shown``: none of these is met. ``where``: an
    axis decided earlier has this label, or, written ``axis.reason``, this reason. Conditions
    left out do not restrict.
    """

    label: str = Field(min_length=1)
    reason: str | None = None
    met: tuple[str, ...] = ()
    any_met: tuple[str, ...] = ()
    not_met: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    where: dict[str, str] = Field(default_factory=dict)

    @property
    def is_unconditional(self) -> bool:
        """Say whether this row always applies."""
        return not (self.met or self.any_met or self.not_met or self.not_shown or self.where)

    def criteria(self) -> tuple[str, ...]:
        """Return the criteria this row reads."""
        return (*self.met, *self.any_met, *self.not_met, *self.not_shown)


class Axis(Frozen):
    """An ordered decision table: the first row that applies gives the class."""

    name: str
    wording: str = Field(min_length=10)
    choices: tuple[Choice, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _always_decides(self) -> Axis:
        *earlier, last = self.choices
        if not last.is_unconditional:
            raise ValueError(f"{self.name}: the last row of a decision table has no condition")
        if any(choice.is_unconditional for choice in earlier):
            raise ValueError(f"{self.name}: a row without condition hides the rows below it")
        return self


def check_axes(axes: tuple[Axis, ...], criteria: set[str]) -> None:
    """Raise ValueError where a table reads an unknown criterion or an axis not yet decided."""
    decided: dict[str, set[str]] = {}
    for axis in axes:
        for choice in axis.choices:
            unknown = sorted(set(choice.criteria()) - criteria)
            if unknown:
                raise ValueError(f"{axis.name}: unknown criterion {unknown[0]}")
            for where, label in choice.where.items():
                name, _, _ = where.partition(".")
                if name not in decided:
                    raise ValueError(f"{axis.name}: axis {name} is not decided before it")
                if where == name and label not in decided[name]:
                    raise ValueError(f"{axis.name}: axis {name} never gives {label}")
        decided[axis.name] = {choice.label for choice in axis.choices}
