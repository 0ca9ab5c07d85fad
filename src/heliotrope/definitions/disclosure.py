"""What may leave a site: the least count, the rounding, and what becomes of every analysis."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

DISCLOSURE_CONTROL = "disclosure_control"

Form = Literal["counts", "summary", "rates", "curve", "estimates"]

Scale = Literal["difference", "ratio", "not_pooled"]


class DisclosureLimits(Frozen):
    """The numbers that decide what is small; a study may set its own (``[share]``)."""

    least_count: int = Field(ge=2, description="a count under this is suppressed, none included")
    rounding_base: int = Field(ge=2, description="counts are rounded to a multiple of this")
    least_for_estimates: int = Field(ge=2, description="children behind an estimate or a mean")
    digits_of_summaries: int = Field(ge=1, description="figures kept of a median or quartile")
    digits_of_estimates: int = Field(ge=1, description="figures kept of an estimate")
    decimals_of_curves: int = Field(ge=1, description="decimals kept of a share of a curve")

    least_secret_characters: int = Field(ge=8, description="of the secret that hides identifiers")

    @model_validator(mode="after")
    def _rounding_hides_what_is_small(self) -> DisclosureLimits:
        """Two counts that differ by less than the least count must not be told apart."""
        if self.rounding_base < self.least_count:
            raise ValueError(
                f"rounding_base = {self.rounding_base} is under least_count = {self.least_count}: "
                "the difference of two published counts could be a small count"
            )
        return self


class ShareSettings(Frozen):
    """What a study decides of its shared results: its name there, other limits, rows per child."""

    site: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        description="the name under which this site's results are pooled",
    )
    least_count: int | None = Field(default=None, ge=2, description="counts under it are hidden")
    rounding_base: int | None = Field(default=None, ge=2, description="counts are rounded to it")
    rows_per_child: bool = Field(default=False, description="a row a child, with hidden names")

    def choose_limits(self, shipped: DisclosureLimits) -> DisclosureLimits:
        """Return the limits of the study; a greater least count takes the rounding with it.

        Errors: a rounding finer than the least count: ValueError.
        """
        least = self.least_count or shipped.least_count
        base = self.rounding_base or max(shipped.rounding_base, least)
        changed = {"least_count": least, "rounding_base": base}
        changed["least_for_estimates"] = max(shipped.least_for_estimates, least)
        return DisclosureLimits.model_validate({**shipped.model_dump(), **changed})


class SharedAnalysis(Frozen):
    """An analysis of which something is shared, and in which forms.

    ``parts``: words that exclude one another and so make one table; each table is a list of
    patterns of variables. A count in none of them is a share of its own whole. ``outside``: words
    of such a table that stand outside the denominator of the others. ``withheld``: patterns of
    variables that stay at the site. ``closed``: its words are those of a definition, so
    a suppressed one may be named. ``children``: where the children behind a count of infusions or
    occasions stand, as ``analysis/variable`` with ``{}`` for the variable.
    """

    analysis: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    forms: tuple[Form, ...] = Field(min_length=1)
    parts: tuple[tuple[str, ...], ...] = ()
    outside: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    closed: bool = False
    children: str | None = Field(default=None, pattern=r"^[a-z_]+/[a-z_{}:]+$")

    @model_validator(mode="after")
    def _rates_name_children(self) -> SharedAnalysis:
        if "rates" in self.forms and self.children is None:
            raise ValueError(f"{self.analysis}: rates need the row that counts the children")
        return self

    def is_withheld(self, variable: str) -> bool:
        """Say whether a variable stays at the site."""
        return any(fnmatchcase(variable, pattern) for pattern in self.withheld)

    def is_outside(self, variable: str) -> bool:
        """Say whether a word stands outside the denominator of its table's shares."""
        return any(fnmatchcase(variable, pattern) for pattern in self.outside)

    def find_table(self, variable: str) -> int | None:
        """Return the number of the table of exclusive words that a variable belongs to."""
        for number, patterns in enumerate(self.parts):
            if any(fnmatchcase(variable, pattern) for pattern in patterns):
                return number
        return None


class DisclosureControl(Definition):
    """The rules by which results leave a site."""

    kind: Literal["disclosure"]
    limits: DisclosureLimits
    group: str = Field(min_length=1, description="the one group of children that is shared")
    treated_groups: tuple[str, ...] = Field(default=(), description="groups apart, never nested")
    treated: str = Field(pattern=r"^[a-z_]+/[a-z_]+$", description="whom most tables count")
    links: tuple[tuple[str, str], ...] = Field(
        default=(), description="analysis/variable pairs that can count the same children"
    )
    statistics: dict[str, Form | Literal["withheld"]]
    scales: dict[str, Scale] = Field(description="of each estimate: how sites are combined")
    shared: tuple[SharedAnalysis, ...] = Field(min_length=1)
    withheld: dict[str, str] = Field(description="analysis = why it stays at the site")

    @model_validator(mode="after")
    def _each_analysis_once(self) -> DisclosureControl:
        names = [item.analysis for item in self.shared] + list(self.withheld)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{self.id}: classed twice: {', '.join(twice)}")
        estimates = {name for name, form in self.statistics.items() if form == "estimates"}
        if estimates != set(self.scales):
            wrong = ", ".join(sorted(estimates ^ set(self.scales)))
            raise ValueError(f"{self.id}: an estimate and its scale belong together: {wrong}")
        return self

    def find(self, analysis: str) -> SharedAnalysis | None:
        """Return how an analysis is shared; None where it stays at the site.

        Errors: an analysis that has no class: KeyError, so that nothing unknown ever leaves.
        """
        for item in self.shared:
            if item.analysis == analysis:
                return item
        if analysis in self.withheld:
            return None
        raise KeyError(analysis)
