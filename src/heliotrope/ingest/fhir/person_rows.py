"""Read persons, their diagnoses, what happened to them, and how long they were followed."""

from __future__ import annotations

from heliotrope.definitions.drug_text import find_drug
from heliotrope.ingest.fhir.layout import (
    COMMON,
    NOT_DONE,
    NOT_FINISHED,
    ONLY_PROPOSED,
    Cell,
    Layout,
    Taken,
    begin,
    end_of,
    refuse_status,
    say_raw,
    say_unit,
    say_value,
    start_of,
)
from heliotrope.ingest.fhir.resources import (
    AdverseEvent,
    Concept,
    Condition,
    Encounter,
    EpisodeOfCare,
    Extension,
    Immunization,
    Patient,
    Procedure,
)
from heliotrope.ingest.fhir.words import IMMUNOGLOBULIN, Words, key_of, name_concept, say_concept

NOT_CONFIRMED = "diagnosis_not_confirmed"
NOT_A_DIAGNOSIS = "condition_not_used"
ONLY_POTENTIAL = "only_potential"
VACCINATION = "vaccination"
VACCINATION_NAMES_IMMUNOGLOBULIN = "vaccination_names_immunoglobulin"
NOT_AN_INFUSION = "procedure_not_used"
NOT_A_STAY = "encounter_not_used"

_UNCONFIRMED = ("refuted", "unconfirmed", "provisional", "differential")
_DONE = {"preparation": NOT_FINISHED, "not-done": NOT_DONE}
_STAYED = {"planned": ONLY_PROPOSED, "cancelled": NOT_DONE}
_CARED_FOR = {"planned": ONLY_PROPOSED, "waitlist": ONLY_PROPOSED, "cancelled": NOT_DONE}

# HL7 act codes of a stay in hospital.
_INPATIENT = ("IMP", "ACUTE", "NONAC")

# HL7 codes of causality: what an event's cause is held to be.
_RELATED = {"certain": "yes", "probably-likely": "yes", "possible": "yes", "unlikely": "no"}

# What makes a diagnosis a complication: the standard's extension that says what it is due to.
_DUE_TO = "condition-dueTo"
_ASSERTED = "condition-assertedDate"


def _take_patient(resource: Patient, _: Words) -> Taken:
    organisation = resource.managing_organization
    identifiers = "; ".join(
        f"{item.system or ''}|{item.value or ''}" for item in resource.identifier
    )
    return Taken(
        (
            *begin(resource, None, None),
            resource.gender,
            resource.birth_date,
            resource.deceased_date_time,
            organisation.display if organisation else None,
            identifiers or None,
        )
    )


def _code_of(concept: Concept | None) -> Cell:
    codes = (item.code for item in concept.coding if item.code) if concept else iter(())
    return next(codes, None)


def _find(extensions: list[Extension], *names: str) -> Extension | None:
    """Return the extension whose address ends in one of some names."""
    return next((item for item in extensions if (item.url or "").endswith(names)), None)


def _take_condition(resource: Condition, words: Words) -> Taken | str:
    state = _code_of(resource.verification_status)
    refused = refuse_status(state, {})
    if refused or state in _UNCONFIRMED:
        return refused or NOT_CONFIRMED
    asserted = _find(resource.extension, _ASSERTED)
    due = _find(resource.extension, _DUE_TO)
    concept = words.diagnoses[key_of(resource.code)] if resource.code else None
    if concept is None and due is None:
        return NOT_A_DIAGNOSIS
    onset = start_of(resource.onset_date_time, resource.onset_period)
    return Taken(
        (
            *begin(resource, resource.subject, _code_of(resource.clinical_status)),
            say_concept(resource.code),
            onset,
            resource.recorded_date,
            asserted.value_date_time if asserted else None,
            resource.note[0].text if resource.note else None,
            (name_concept(due.value_codeable_concept) or "said") if due else None,
            concept,
            name_concept(resource.code),
        )
    )


def _take_event(resource: AdverseEvent, words: Words) -> Taken | str:
    if resource.actuality == "potential":
        return ONLY_POTENTIAL
    grade = _find(resource.extension, "severity-or-grade", "adverse-event-grade")
    value = _find(resource.extension, "adverse-event-value")
    ended = _find(resource.extension, "adverse-event-end")
    measured = value.value_quantity if value else None
    term = words.terms[key_of(resource.event)] if resource.event else None
    return Taken(
        (
            *begin(resource, resource.subject, resource.actuality),
            say_concept(resource.event),
            resource.date,
            _say_grade(grade),
            say_value(measured),
            say_unit(measured),
            ended.value_date_time if ended else None,
            _find_related(resource, words),
            term,
        )
    )


def _say_grade(extension: Extension | None) -> Cell:
    """Return a grade of 1 to 5: a number, or the number in 'Grade 2'."""
    if extension is None:
        return None
    words = name_concept(extension.value_codeable_concept) or extension.value_string
    number = say_raw(extension.value_integer)
    return number or (words.casefold().removeprefix("grade").strip() if words else None)


def _find_related(resource: AdverseEvent, words: Words) -> Cell:
    """Say whether immunoglobulin is held to have caused an event; another suspect says nothing."""
    for suspect in resource.suspect_entity:
        name = (suspect.instance.display if suspect.instance else None) or ""
        found = find_drug(name, words.context.drug_names)
        if found is None or found.drug != IMMUNOGLOBULIN or not suspect.causality:
            continue
        said = _code_of(suspect.causality[0].assessment)
        return _RELATED.get((said or "").casefold())
    return None


def _take_immunization(resource: Immunization, words: Words) -> str:
    vaccine = words.drugs[key_of(resource.vaccine_code)] if resource.vaccine_code else None
    if vaccine is not None and vaccine.is_immunoglobulin:
        return VACCINATION_NAMES_IMMUNOGLOBULIN
    return VACCINATION


def _take_procedure(resource: Procedure, words: Words) -> Taken | str:
    drug = words.drugs[key_of(resource.code)] if resource.code else None
    refused = refuse_status(resource.status, _DONE)
    if refused or drug is None or not drug.is_immunoglobulin or resource.code is None:
        return refused or NOT_AN_INFUSION
    if not words.says_given(resource.code):
        return NOT_AN_INFUSION
    done = start_of(resource.performed_date_time, resource.performed_period)
    cells = (*begin(resource, resource.subject, resource.status), say_concept(resource.code), done)
    return Taken((*cells, drug.name, drug.route))


def _take_episode(resource: EpisodeOfCare, _: Words) -> Taken | str:
    refused = refuse_status(resource.status, _CARED_FOR)
    if refused:
        return refused
    conditions = [
        item.condition.reference
        for item in resource.diagnosis
        if item.condition and item.condition.reference
    ]
    start = resource.period.start if resource.period else None
    cells = begin(resource, resource.patient, resource.status)
    return Taken((*cells, "; ".join(conditions) or None, start, end_of(resource.period)))


def _take_encounter(resource: Encounter, _: Words) -> Taken | str:
    refused = refuse_status(resource.status, _STAYED)
    kind = resource.encounter_class.code if resource.encounter_class else None
    if refused or kind not in _INPATIENT:
        return refused or NOT_A_STAY
    start = resource.period.start if resource.period else None
    reason = name_concept(resource.reason_code[0]) if resource.reason_code else None
    cells = begin(resource, resource.subject, resource.status)
    return Taken((*cells, kind, start, end_of(resource.period), reason))


PATIENT = Layout(
    Patient,
    _take_patient,
    (*COMMON, "gender", "birthDate", "deceased[x]", "managingOrganization.display", "identifier"),
)

CONDITION = Layout(
    Condition,
    _take_condition,
    (*COMMON, "code", "onset[x]", "recordedDate", "extension.assertedDate", "note[0].text",
     "extension.dueTo"),
    found=("concept", "name"),
)  # fmt: skip

ADVERSE_EVENT = Layout(
    AdverseEvent,
    _take_event,
    (*COMMON, "event", "date", "extension.grade", "extension.value", "extension.value.unit",
     "extension.end", "suspectEntity.causality"),
    found=("term",),
)  # fmt: skip

IMMUNIZATION = Layout(Immunization, _take_immunization, COMMON)

PROCEDURE = Layout(
    Procedure, _take_procedure, (*COMMON, "code", "performed[x]"), found=("name", "route")
)

EPISODE = Layout(
    EpisodeOfCare,
    _take_episode,
    (*COMMON, "diagnosis.condition.reference", "period.start", "period.end"),
)

ENCOUNTER = Layout(
    Encounter,
    _take_encounter,
    (*COMMON, "class", "period.start", "period.end", "reasonCode[0]"),
)
