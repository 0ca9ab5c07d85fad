"""The methods, written from the manifest: sources, definitions with citations, what was refused."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from heliotrope.definitions.model import Definition
from heliotrope.definitions.response import (
    AGGRAVATION,
    RESPONSE,
    AggravationDefinition,
    ResponseDefinition,
)
from heliotrope.report.language import _, ngettext
from heliotrope.report.read_run import look_up
from heliotrope.report.section import ReportInput
from heliotrope.report.sections.agreement import say_validation
from heliotrope.report.sections.definitions import build_definitions

EXPOSURE, GLUCOCORTICOIDS, GRADING = "ivig_exposure", "gc_equiv_v1", "ctcae_v5"
LISTED_REFUSALS = 12


def list_methods(report: ReportInput) -> Sequence[str]:
    """Write the methods, a paragraph each: records, definitions, windows, statistics, refusals."""
    return [
        _say_records(report),
        _say_definitions(report),
        _say_windows(report),
        _say_statistics(report),
        _say_software(report),
    ]


def list_main_definitions(report: ReportInput) -> Sequence[Definition]:
    """List the definitions that the tables rest on: exposure, response, score, grades."""
    rule = report.rulebook.get(RESPONSE, ResponseDefinition)
    after = report.rulebook.get(AGGRAVATION, AggravationDefinition)
    names = (
        EXPOSURE,
        RESPONSE,
        rule.tier_a.score,
        AGGRAVATION,
        after.inactive_definition,
        GLUCOCORTICOIDS,
        GRADING,
    )
    known = report.rulebook.definitions
    return [known[name] for name in names if name in known]


def list_references(report: ReportInput) -> Sequence[str]:
    """List what the main definitions cite, each once, in their order; project choices are none."""
    cited: dict[str, None] = {}
    for definition in list_main_definitions(report):
        for source in definition.sources:
            if source.flag == "P":
                continue
            doi = f" doi:{source.doi}" if source.doi else ""
            flagged = _("(not verified against the source)") if source.flag == "R" else ""
            cited[f"{source.citation}.{doi} {flagged}".replace("..", ".").strip()] = None
    return list(cited)


def list_refusals(report: ReportInput) -> Sequence[tuple[str, str]]:
    """List what the records could not answer, with the reason; the first of each analysis."""
    refused = (
        report.run.results.filter(pl.col("refused").is_not_null())
        .filter(pl.col("analysis").str.starts_with("pulse_model").not_())
        .unique(["analysis", "refused"], keep="first", maintain_order=True)
        .unique("analysis", keep="first", maintain_order=True)
    )
    return [
        (row["analysis"].replace("_", " "), row["refused"])
        for row in refused.head(LISTED_REFUSALS).iter_rows(named=True)
    ]


def _say_records(report: ReportInput) -> str:
    manifest = report.run.manifest
    inputs = look_up(manifest, "inputs") or {}
    rows = sum(item["rows_in"] for item in manifest.get("accounting", ()))
    aside = sum(item["rows_quarantined"] for item in manifest.get("accounting", ()))
    children = report.results.count("cohort", "children") or 0
    return _(
        "The records of {children} were read from {files} ({rows} rows; {aside} could not be used "
        "and were set aside with the reason). Children were identified by pseudonym. Courses were "
        "infusion days that belong together, regimens courses that follow one another; a child's "
        "first regimen counts."
    ).format(
        children=ngettext("{n} child", "{n} children", children).format(n=children),
        files=ngettext("{n} file", "{n} files", len(inputs)).format(n=len(inputs)),
        rows=f"{rows:,}",
        aside=f"{aside:,}",
    )


def _say_definitions(report: ReportInput) -> str:
    main = list_main_definitions(report)
    named = "; ".join(f"{item.title} ({item.id} {item.stamp})" for item in main)
    everything = build_definitions(report).content["deciding"]
    return _(
        "Every decision followed a published or project definition, in the version named: {named}. "
        "A table at the end lists all {n} definitions of the run and which of them are verified "
        "against their sources. {validated}"
    ).format(named=named, n=len(everything), validated=say_validation(report))


def _say_windows(report: ReportInput) -> str:
    rule = report.rulebook.get(RESPONSE, ResponseDefinition)
    after = report.rulebook.get(AGGRAVATION, AggravationDefinition)
    return _(
        "The baseline of each measure was its last value in the {baseline} days before, or on the "
        "day of, the first infusion. A course covered {cover} days from its first day; improvement "
        "was confirmed at a later visit at least {confirmed} days after. First improvement by day "
        "{rapid} after an infusion was called rapid, by day {intermediate} intermediate, by day "
        "{slow} slow, later late. The steroid dose counted as markedly lower at or under half of "
        "that before IVIG for {steroid} days without a flare. Worsening was looked for up to "
        "{after} days after the last infusion."
    ).format(
        baseline=rule.baseline.days_before,
        cover=rule.windows.cover_days,
        confirmed=rule.windows.confirmation_days,
        rapid=rule.windows.rapid_last_day,
        intermediate=rule.windows.intermediate_last_day,
        slow=rule.windows.slow_last_day,
        steroid=rule.steroid.days,
        after=after.window_days,
    )


def _say_statistics(report: ReportInput) -> str:
    return _(
        "Counts are given with exact (Clopper-Pearson) {level} % intervals, measures as median and "
        "range. There was no comparator: children improved while receiving IVIG, which does not "
        "show that IVIG was the cause. A criterion whose values were not recorded was not "
        "evaluable, never counted as not met; nothing was imputed."
    ).format(level=f"{100 * report.level:g}")


def _say_software(report: ReportInput) -> str:
    manifest = report.run.manifest
    packages = manifest.get("packages") or {}
    named = ", ".join(f"{name} {version}" for name, version in packages.items())
    return _(
        "heliotrope {version} (Python {python}; {packages}), run of {created}; rulebook SHA-256 "
        "{rulebook}."
    ).format(
        version=manifest.get("heliotrope", ""),
        python=manifest.get("python", ""),
        packages=named,
        created=str(manifest.get("created", ""))[:10],
        rulebook=str(manifest.get("rulebook_sha256", ""))[:16],
    )
