"""Disclosure control of result rows: what may be printed of each, and in which form.

Suppression comes before rounding: rounding is a function of what would be safe to print already,
so it can only take something away. Every analysis must have a class (``definitions/disclosure``);
what has none stops the sharing of the whole run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.disclosure import (
    DisclosureControl,
    DisclosureLimits,
    Form,
    SharedAnalysis,
)
from heliotrope.errors import Found, UserError
from heliotrope.estimate.rows import Row, make_results
from heliotrope.report.disclosure.control_counts import control_counts
from heliotrope.report.disclosure.control_numbers import (
    Behind,
    control_curve,
    control_estimates,
    control_rates,
    control_summaries,
)
from heliotrope.report.disclosure.recover import Linked, Wholes, hide_recoverable
from heliotrope.report.disclosure.tables import CountTable, make_tables


@dataclass(frozen=True)
class Asked:
    """What the control of a run needs: its results, the rules, the days that curves are read on."""

    results: pl.DataFrame
    control: DisclosureControl
    limits: DisclosureLimits
    printed_days: tuple[int, ...]

    def rows_of(
        self, analysis: SharedAnalysis, group: str, form: Form | None = None
    ) -> pl.DataFrame:
        """Return the rows of an analysis that are not withheld, of one form or of all."""
        rows = self.results.filter(
            pl.col("analysis") == analysis.analysis,
            pl.col("group") == group,
            ~pl.col("variable").map_elements(analysis.is_withheld, return_dtype=pl.Boolean),
        )
        if form is None:
            return rows
        named = [name for name, of in self.control.statistics.items() if of == form]
        return rows.filter(pl.col("statistic").is_in(named))


def control_results(
    results: pl.DataFrame,
    control: DisclosureControl,
    limits: DisclosureLimits,
    printed_days: Sequence[int],
) -> pl.DataFrame:
    """Turn the results of a run into those that may leave the site.

    ``results``: the long table; ``limits``: the definition's, or the study's own;
    ``printed_days``: the days on which curves may be read. Returns the same columns. Only one group
    of children is shared, since groups inside one another could be subtracted. A reason why
    something was refused never leaves: it can hold counts. Errors: an analysis or a statistic
    without a class: UserError that names it.
    """
    _refuse_unknown(results, control)
    asked = Asked(results, control, limits, tuple(printed_days))
    found = [control.find(name) for name in results["analysis"].unique(maintain_order=True)]
    shared = [analysis for analysis in found if analysis is not None]
    tables, wholes = _hide_counts(asked, shared)
    rows: list[Row] = []
    for analysis in shared:
        for table in tables:
            if table.analysis == analysis.analysis:
                rows += control_counts(table, wholes, is_closed=analysis.closed)
        for group in (control.group, *control.treated_groups):
            rows += _control_numbers(asked, analysis, group, wholes)
    return make_results(rows)


def _hide_counts(asked: Asked, shared: Sequence[SharedAnalysis]) -> tuple[list[CountTable], Wholes]:
    """Make the tables of all counts, and hide what could be told of them together.

    Tables of several words are looked at together; a share of its own whole is bound to the others
    by its whole alone, and that is printed only where it tells nothing.
    """
    together: list[CountTable] = []
    alone: list[CountTable] = []
    for analysis in shared:
        if "counts" not in analysis.forms:
            continue
        rows = asked.rows_of(analysis, asked.control.group, "counts")
        children = _count_children(analysis, asked.results, asked.control.group)
        for table in make_tables(analysis, rows, asked.limits, children):
            is_one_share = (
                len(table.cells) == 1 and analysis.find_table(table.cells[0].variable) is None
            )
            (alone if is_one_share else together).append(table)
    linked = Linked(asked.control.treated, asked.control.links)
    hidden, wholes = hide_recoverable(together, linked, asked.limits)
    return hidden + alone, wholes


def _refuse_unknown(results: pl.DataFrame, control: DisclosureControl) -> None:
    """Refuse to share a run with anything that has no class."""
    classed = {item.analysis for item in control.shared} | set(control.withheld)
    unknown = sorted(set(results["analysis"]) - classed)
    shared = results.filter(pl.col("analysis").is_in([item.analysis for item in control.shared]))
    words = [f"analysis '{name}'" for name in unknown]
    words += [
        f"statistic '{name}'" for name in sorted(set(shared["statistic"]) - set(control.statistics))
    ]
    if words:
        raise UserError(
            "a disclosure class for every analysis and statistic of the run",
            Found(f"none for {', '.join(words)}"),
            "class them in a local copy of disclosure_control.toml; until then nothing is shared",
        )


def _control_numbers(
    asked: Asked, analysis: SharedAnalysis, group: str, wholes: Wholes
) -> list[Row]:
    """Apply each form but counts that an analysis is shared in to the rows of that form."""
    behind = Behind(_count_children(analysis, asked.results, asked.control.group), analysis.closed)
    own = asked.rows_of(analysis, group)
    steps: Mapping[Form, Callable[[pl.DataFrame], list[Row]]] = {
        "summary": lambda rows: control_summaries(rows, wholes),
        "rates": lambda rows: control_rates(rows, own, behind, wholes),
        "curve": lambda rows: control_curve(rows, own, wholes, asked.printed_days),
        "estimates": lambda rows: control_estimates(rows, wholes),
    }
    return [
        row
        for form in analysis.forms
        if form in steps
        for row in steps[form](asked.rows_of(analysis, group, form))
    ]


def _count_children(
    analysis: SharedAnalysis, results: pl.DataFrame, group: str
) -> Callable[[str], int] | None:
    """Look up how many children stand behind a count of infusions or occasions; none found is 0."""
    if analysis.children is None:
        return None
    place, pattern = analysis.children.split("/")
    rows = results.filter(pl.col("analysis") == place, pl.col("group") == group)
    found: dict[str, int] = {}
    for row in rows.iter_rows(named=True):
        if row["value"] is None:
            continue
        if row["statistic"] == "n":
            found[row["variable"]] = round(row["value"])
        elif row["statistic"] == "proportion_exact":
            found.setdefault(row["variable"], round(row["value"] * row["n_evaluable"]))
    return lambda variable: found.get(pattern.replace("{}", variable), 0)
