"""What a section of the report is, and what all sections read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl
from markupsafe import Markup, escape

from heliotrope.definitions.estimate import DESCRIPTIVE_ESTIMATES, Calendar, DescriptiveEstimates
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.response import AggravationDefinition
from heliotrope.report.explain import Explainer, Readings
from heliotrope.report.explain_cells import ChildCells, SourceCells
from heliotrope.report.find_results import Results
from heliotrope.report.read_behind import Behind, read_behind
from heliotrope.report.read_child import Child, read_children
from heliotrope.report.read_run import RunTables, look_up

CHILD_PAGES = 50
EXAMPLE_PAGES = 20
LISTED_CHILDREN = 1000
AGGRAVATION = "aggravation_after_discontinuation"


@dataclass(frozen=True)
class Section:
    """A section: its anchor, its heading, the template that renders it and the values in it."""

    id: str
    title: str
    template: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class ReportInput:
    """A run and the rulebook it was made with: what every section is built from.

    A clinic's children (up to ``CHILD_PAGES``) all have a page and a lane of their own. Of a
    registry's, the first ``EXAMPLE_PAGES`` by pseudonym have; for the others
    `heliotrope explain RUN PATIENT` says the same. A file of a thousand pages helps nobody.
    Up to ``LISTED_CHILDREN`` stand in a table with a line each, behind the numbers they make.
    """

    run: RunTables
    rulebook: Rulebook

    @cached_property
    def results(self) -> Results:
        """The result rows, by name."""
        return Results(self.run.results)

    @cached_property
    def treated(self) -> list[str]:
        """The children with a regimen, in the order of their pseudonyms."""
        found = self.run.scan_table("regimen").select(pl.col("patient_id").unique().sort())
        return list(found.collect()["patient_id"])

    @cached_property
    def shown(self) -> list[str]:
        """The children with a page."""
        fits = len(self.treated) <= CHILD_PAGES
        return self.treated if fits else self.treated[:EXAMPLE_PAGES]

    @cached_property
    def children(self) -> list[Child]:
        """Everything known of the children with a page."""
        return read_children(self.run, self.shown)

    @cached_property
    def behind(self) -> Behind:
        """Which children stand behind each number."""
        return read_behind(self.run, self.headline_window, LISTED_CHILDREN)

    @cached_property
    def anchors(self) -> dict[str, str]:
        """Where the page of each child that has one begins."""
        return {name: f"child-{number}" for number, name in enumerate(self.shown, start=1)}

    def link(self, text: str | int, analysis: str, variable: str) -> Markup:
        """Write a count as a link to the children behind it, where they are listed."""
        name = self.behind.name(self.results, analysis, variable)
        if not name:
            return escape(str(text))
        return Markup('<a class="behind" href="#behind-{0}" data-group="{0}">{1}</a>').format(
            name, text
        )

    @cached_property
    def places(self) -> SourceCells:
        """Where each cell of the sources stands."""
        return SourceCells(self.run.sources)

    @cached_property
    def readings(self) -> Readings:
        """How the trace of each definition is read."""
        return Readings(self.rulebook, self.run.manifest)

    def explainer(self, child: Child) -> Explainer:
        """Make what explains one child's decisions."""
        return Explainer(
            trace=child.trace,
            visits=child.table("visit"),
            cells=ChildCells.of(child.records, child.trace_source, self.places),
            readings=self.readings,
        )

    @property
    def headline_window(self) -> str:
        """The variable under which worsening after stopping is headlined."""
        rule = self.rulebook.get(AGGRAVATION, AggravationDefinition)
        return f"within_{rule.window_days}_days"

    @property
    def calendar(self) -> Calendar:
        """Mean lengths of a month and a year, as the estimates use them."""
        return self.rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates).calendar

    @property
    def level(self) -> float:
        """Level of every interval."""
        return self.rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates).level

    def study(self, name: str) -> Any:
        """Look up something the manifest says of the study; None where it says nothing."""
        return look_up(self.run.manifest, "study", name)
