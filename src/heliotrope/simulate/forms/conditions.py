"""What the persons of a cohort were diagnosed with, as the code lists know it.

Beside the canonical tables a cohort may bring a table ``condition`` (patient_id, date, diagnosis):
what else each person was diagnosed with. Sources that hold everyone are written with it.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from heliotrope.definitions.codes import CodeBook, CodedConcept, CodeList
from heliotrope.definitions.load import Rulebook

CONDITION = {"patient_id": pl.String, "date": pl.Date, "diagnosis": pl.String}

# Of several codes of a diagnosis that of the first of these systems is written.
SYSTEMS = ("SNOMED", "ICD10CM", "ICD10")


def list_diagnoses(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return every dated diagnosis: patient_id, date, diagnosis; that of the study first."""
    first = tables["patient"].filter(pl.col("diagnosis_date").is_not_null())
    own = first.select("patient_id", "diagnosis", date="diagnosis_date").select(list(CONDITION))
    return pl.concat([own, list_others(tables)])


def list_others(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return what persons were diagnosed with beside the disease of the study."""
    return tables.get("condition", pl.DataFrame(schema=CONDITION)).select(list(CONDITION))


def find_concepts(rulebook: Rulebook) -> dict[str, CodedConcept]:
    """Return the concept that each title of a coded diagnosis means, in small letters."""
    return {
        concept.title.casefold(): concept
        for item in rulebook.of_kind(CodeList)
        if item.about == "diagnosis"
        for concept in item.concepts
    }


def find_code(concept: CodedConcept | None, book: CodeBook) -> tuple[str, str] | None:
    """Return system and code by which a diagnosis is written, None where only its words are."""
    if concept is None:
        return None
    return next(
        (
            (system, codes[0])
            for system in SYSTEMS
            if (codes := book.codes_of(concept.id, system, "diagnosis"))
        ),
        None,
    )
