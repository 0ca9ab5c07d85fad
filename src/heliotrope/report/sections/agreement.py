"""Agreement with clinicians: the study's own labels against the rules, and where they differ."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.estimate import (
    DESCRIPTIVE_ESTIMATES,
    Adjudication,
    DescriptiveEstimates,
)
from heliotrope.estimate.agreement import BETWEEN
from heliotrope.estimate.labels import pair_labels, settle_labels
from heliotrope.report.find_results import Results
from heliotrope.report.language import _, later
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.disagreements import WAYS, list_disagreements
from heliotrope.report.words import NOT_VALIDATED, count_of, say, say_flag

ANALYSIS, CELLS = "agreement", "agreement_cell"
PATTERN = "pattern"
DECIDED = "pattern_decided"
MOST_SHOWN = 50
COMPARED = {
    PATTERN: later("same pattern, of all labels"),
    DECIDED: later("same pattern, where neither says “cannot be evaluated”"),
    "improved": later("improved or not, where neither says “cannot be evaluated”"),
}


@dataclass(frozen=True)
class AgreementLine:
    """One comparison: who with whom, on what, how often the same, and beyond chance."""

    who: str
    what: str
    count: str
    share: str
    kappa: str


def say_validation(report: ReportInput) -> str:
    """Say how far the patterns are validated: not at all, or the agreement and how many labels."""
    share = report.results.share(ANALYSIS, PATTERN)
    if not share.is_given:
        return _(NOT_VALIDATED)
    kappa = report.results.row(ANALYSIS, PATTERN, "kappa")
    beyond = ""
    if kappa is not None and kappa["refused"] is None:
        beyond = _(", kappa {formatted}").format(formatted=kappa["formatted"])
    said = _(
        "The patterns agree with the clinicians' own labels in {text} ({percent}; 95 % "
        "CI {interval}){beyond}."
    ).format(text=share.text, percent=share.percent, interval=share.interval, beyond=beyond)
    if (share.total or 0) < _read_rule(report).few_labels:
        labelled = count_of(share.total or 0, "labelled regimen", "labelled regimens")
        said += _(" Only {labelled}: too few to call the patterns validated.").format(
            labelled=labelled
        )
    return said


def build_agreement(report: ReportInput) -> Section | None:
    """Compare the labels with the rules and list every difference; None without labels."""
    results = report.results
    labels = results.count(ANALYSIS, "labels")
    if not labels:
        return None
    rule = _read_rule(report)
    pairs = pair_labels(
        report.run.record("adjudication", report.treated), report.run.table("response")
    )
    settled = settle_labels(pairs, rule.consensus_rater)
    differing = settled.filter(
        pl.col("label").is_null() | (pl.col("label") != pl.col("found")) | pl.col("has_dispute")
    )
    shown = differing.head(MOST_SHOWN)
    content = {
        "validation": say_validation(report),
        "labels": count_of(labels, "label", "labels"),
        "outside": results.count(ANALYSIS, "labels_without_regimen") or 0,
        "labelled": results.count(ANALYSIS, "labelled") or 0,
        "regimens": report.run.scan_table("response").select(pl.len()).collect().item(),
        "ways": [
            (_(words), count)
            for way, words in WAYS.items()
            if (count := results.count(ANALYSIS, f"settled:{way}"))
        ],
        "lines": _list_lines(results),
        "cells": [
            (*(say("pattern", word) for word in name.split(":")), results.count(CELLS, name))
            for name in results.variables(CELLS)
        ],
        "disagreements": list_disagreements(report, pairs, shown, rule.consensus_rater),
        "hidden": differing.height - shown.height,
    }
    return Section("agreement", _("Agreement with clinicians"), "agreement.html.j2", content)


def _read_rule(report: ReportInput) -> Adjudication:
    return report.rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates).adjudication


def _list_lines(results: Results) -> list[AgreementLine]:
    """List the comparisons: settled label and each rater with the rules, raters with each other."""
    groups = list(dict.fromkeys(row["group"] for row in results.rows(ANALYSIS)))
    lines = []
    for group in groups:
        for variable in (*COMPARED, BETWEEN):
            share = results.share(ANALYSIS, variable, group)
            kappa = results.row(ANALYSIS, variable, "kappa", group)
            whole = results.share(ANALYSIS, PATTERN, group).total
            if kappa is None or (variable == DECIDED and share.total == whole):
                continue
            lines.append(
                AgreementLine(
                    who=_say_group(group),
                    what=_(COMPARED.get(variable, later("same label"))),
                    count=share.text if share.is_given else "",
                    share=f"{share.percent} ({share.interval})" if share.is_given else "",
                    kappa=kappa["formatted"] if kappa["refused"] is None else kappa["refused"],
                )
            )
    together = results.row(ANALYSIS, BETWEEN, "kappa_fleiss")
    if together is not None:
        text = together["formatted"] if together["refused"] is None else together["refused"]
        lines.append(AgreementLine(_("All raters"), _("same label (Fleiss)"), "", "", text))
    return lines


def _say_group(group: str) -> str:
    """Say who is compared: raters are numbered, never named.

    >>> _say_group("all"), _say_group("rater_2"), _say_group("rater_1_and_rater_2")
    ('Settled label with the rules', 'Rater 2 with the rules', 'Rater 1 and rater 2')
    """
    if group == "all":
        return _("Settled label with the rules")
    words = say_flag(group).capitalize()
    return words if "_and_" in group else _("{words} with the rules").format(words=words)
