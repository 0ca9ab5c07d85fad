"""Instruments scored from their items: which items, how they make a total, and when not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen, Source

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

Scoring = Literal["sum", "mean", "share"]


class FormItem(Frozen):
    """One item of a form: its measure and, where there is one, the measure of an aid used in it."""

    measure: str
    raised_by: str | None = Field(default=None, description="measure of the aid that raises it")


class MissingItems(Frozen):
    """What happens when an item was not recorded."""

    least_items: int = Field(gt=0, description="fewer items answered make no total")
    is_reported: bool = Field(default=True, description="false: the items are measures themselves")
    wording: str = Field(min_length=10)
    source: Source


class ItemForm(Definition):
    """A form of items that makes a measure.

    ``scoring``: ``sum`` adds the items up; ``mean`` divides by the number answered; ``share``
    divides the sum by the sum of the maxima of the items answered. ``maximum`` is the end of the
    scale so made: where a study declares another scale for the measure, the form makes no total.
    """

    kind: Literal["item_form"]
    measure: str = Field(description="the measure that the items make")
    maximum: float = Field(gt=0)
    scoring: Scoring
    raise_to: float | None = Field(default=None, description="an aid raises an item to this")
    equal_within: float = Field(
        default=0.0, ge=0, description="a recorded total so near to the items is a rounded one"
    )
    missing_items: MissingItems
    items: tuple[FormItem, ...] = Field(min_length=2)

    @property
    def measures(self) -> tuple[str, ...]:
        """Every item and every aid, in the order of the form."""
        aids = tuple(item.raised_by for item in self.items if item.raised_by is not None)
        return (*(item.measure for item in self.items), *aids)

    @model_validator(mode="after")
    def _is_consistent(self) -> ItemForm:
        if len(set(self.measures)) < len(self.measures):
            raise ValueError(f"{self.id}: each item once")
        if self.missing_items.least_items > len(self.items):
            raise ValueError(f"{self.id}: more items are asked for than the form has")
        if (self.raise_to is None) != all(item.raised_by is None for item in self.items):
            raise ValueError(f"{self.id}: raise_to belongs with items that an aid raises")
        if self.scoring == "sum" and self.missing_items.least_items < len(self.items):
            raise ValueError(f"{self.id}: a sum needs all its items")
        return self


def forms_of(rulebook: Rulebook) -> tuple[ItemForm, ...]:
    """Return every form, in the order of the measures they make, a study's own before a shipped."""
    return tuple(
        sorted(rulebook.of_kind(ItemForm), key=lambda form: (form.measure, not form.is_local))
    )
