"""Which measures a child has, in the order in which a clinician reads them."""

from __future__ import annotations

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.report.read_child import Child

LEADING = ("creatine_kinase", "mmt8", "cmas", "physician_global", "patient_global")
READING_ORDER = (
    "enzyme",
    "strength",
    "muscle",
    "function",
    "global",
    "composite",
    "extramuscular",
    "skin",
    "swallowing",
    "quality_of_life",
    "damage",
)


def list_measures(child: Child, rulebook: Rulebook) -> list[Measure]:
    """List the measures of disease that the child's records hold as numbers.

    Weight, height, temperature, urine and blood are left out: they are not disease activity.
    Within a domain the measures every clinic knows come first, then the alphabet.
    """
    values = child.record("assessment").filter(child.record("assessment")["value"].is_not_null())
    recorded = set(values["measure"].to_list())
    return sorted(
        (
            m
            for m in measures_of(rulebook).values()
            if m.id in recorded and m.domain in READING_ORDER
        ),
        key=rank_measure,
    )


def rank_measure(measure: Measure) -> tuple[int, int, str]:
    """Place a measure in the order of reading."""
    lead = LEADING.index(measure.id) if measure.id in LEADING else len(LEADING)
    return rank_domain(measure.domain), lead, measure.id


def rank_domain(domain: str) -> int:
    """Place a domain in the order of reading; domains outside it come last.

    >>> rank_domain("enzyme") < rank_domain("strength") < rank_domain("urine_protein")
    True
    """
    return READING_ORDER.index(domain) if domain in READING_ORDER else len(READING_ORDER)
