"""Read drugs as given, as stated and as ordered, and the preparations they refer to."""

from __future__ import annotations

from typing import Any

import msgspec

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
    AdministeredDosage,
    Concept,
    Dosage,
    Extension,
    Kind,
    Medication,
    MedicationAdministration,
    MedicationRequest,
    MedicationStatement,
    Quantity,
    Ratio,
    Timing,
)
from heliotrope.ingest.fhir.words import Words, key_of, name_concept, say_concept

NOT_FOLLOWED = "drug_not_followed"
PREMEDICATION = "premedication"

# Looked up for a drug: what the drug cell says, the canonical drug, the route that its code
# implies, its name, its strength, and the reference to it where it is another resource.
FOUND = ("drug_text", "drug", "drug_route", "name", "strength", "medication_reference")

_DOSAGE = (
    "route",
    "doseAndRate[0].dose[x]",
    "doseAndRate[0].dose[x].unit",
    "timing",
    "asNeeded[x]",
    "timing.repeat.bounds[x]",
    "timing.repeat.bounds[x].end",
)

_GIVEN = {"not-done": NOT_DONE}
_STATED = {"intended": ONLY_PROPOSED, "not-taken": NOT_DONE}
_ORDERED = {"cancelled": NOT_DONE, "draft": NOT_FINISHED}
_PROPOSALS = ("proposal", "plan", "option")

_kind = msgspec.json.Decoder(Kind)
_medication = msgspec.json.Decoder(Medication)


def find_drug_cells(concept: Concept | None, words: Words) -> tuple[Cell, ...] | None:
    """Return what is looked up for a drug, or None for one that is not followed."""
    found = words.drugs[key_of(concept)] if concept else None
    if found is None:
        return None
    return found.text, found.drug, found.route, found.name


def _take_drug(resource: Any, words: Words) -> tuple[Cell, ...] | None:
    """Return the drug cell and all that is looked up for it; None: it is not followed."""
    concept, strength = resource.medication_codeable_concept, None
    reference = resource.medication_reference
    if concept is None and reference is not None:
        target = reference.reference or ""
        contained = _find_contained(resource, target)
        if contained is None:
            if not target:
                concept = Concept(text=reference.display)
            else:
                return target, None, None, None, None, None, target
        else:
            concept, strength = contained.code, say_strength(contained)
    found = find_drug_cells(concept, words)
    return None if found is None else (say_concept(concept), *found, strength, None)


def _find_contained(resource: Any, target: str) -> Medication | None:
    if not target.startswith("#"):
        return None
    for content in resource.contained:
        kind = _kind.decode(content)
        if kind.resource_type == "Medication" and kind.id == target[1:]:
            return _medication.decode(content)
    return None


def say_strength(medication: Medication) -> Cell:
    """Write the strength of a preparation of one ingredient: 5 mg per 1 {tbl}."""
    if len(medication.ingredient) != 1:
        return None
    return say_ratio(medication.ingredient[0].strength)


def say_ratio(ratio: Ratio | None) -> Cell:
    """Write one quantity per another."""
    if ratio is None or ratio.numerator is None or ratio.denominator is None:
        return None
    above, below = say_quantity(ratio.numerator), say_quantity(ratio.denominator)
    return f"{above} per {below}" if above and below else None


def say_quantity(quantity: Quantity | None) -> Cell:
    """Write a number and its unit."""
    value = say_value(quantity)
    return f"{value} {say_unit(quantity) or ''}".strip() if value is not None else None


def _reasons(reason: list[Concept] | Concept | None) -> Cell:
    listed = reason if isinstance(reason, list) else [reason] if reason else []
    return "; ".join(name for item in listed if (name := name_concept(item))) or None


def _extension(extensions: list[Extension], name: str) -> Cell:
    """Return the text of an extension by the last part of its address."""
    found = (item for item in extensions if (item.url or "").endswith(f"/{name}"))
    return next((item.value_string for item in found if item.value_string), None)


def _take_administration(resource: MedicationAdministration, words: Words) -> Taken | str:
    drug = _take_drug(resource, words)
    refused = refuse_status(resource.status, _GIVEN) or (NOT_FOLLOWED if drug is None else None)
    if refused or drug is None:
        return str(refused)
    dosage = resource.dosage or AdministeredDosage()
    return Taken(
        (
            *begin(resource, resource.subject, resource.status),
            drug[0],
            start_of(resource.effective_date_time, resource.effective_period),
            end_of(resource.effective_period),
            name_concept(dosage.route),
            say_value(dosage.dose),
            say_unit(dosage.dose),
            say_quantity(dosage.rate_quantity) or say_ratio(dosage.rate_ratio),
            _extension(resource.extension, PREMEDICATION),
            *drug[1:],
            words.find_route(dosage.route),
        )
    )


def _take_statement(resource: MedicationStatement, words: Words) -> Taken | str:
    drug = _take_drug(resource, words)
    refused = refuse_status(resource.status, _STATED) or (NOT_FOLLOWED if drug is None else None)
    if refused or drug is None:
        return str(refused)
    return Taken(
        (
            *begin(resource, resource.subject, resource.status),
            drug[0],
            start_of(resource.effective_date_time, resource.effective_period),
            end_of(resource.effective_period),
            _reasons(resource.status_reason),
            *drug[1:],
        ),
        tuple(_take_dosage(item, words) for item in resource.dosage),
    )


def _take_request(resource: MedicationRequest, words: Words) -> Taken | str:
    drug = _take_drug(resource, words)
    refused = refuse_status(resource.status, _ORDERED)
    if refused is None and resource.intent in _PROPOSALS:
        refused = ONLY_PROPOSED
    if refused is None and resource.do_not_perform:
        refused = NOT_DONE
    if refused or drug is None:
        return refused or NOT_FOLLOWED
    supply = (
        resource.dispense_request.expected_supply_duration if (resource.dispense_request) else None
    )
    return Taken(
        (
            *begin(resource, resource.subject, resource.status),
            resource.intent,
            drug[0],
            resource.authored_on,
            say_quantity(supply),
            _reasons(resource.status_reason),
            _reasons(resource.reason_code),
            *drug[1:],
        ),
        tuple(_take_dosage(item, words) for item in resource.dosage_instruction),
    )


def _take_dosage(dosage: Dosage, words: Words) -> tuple[Cell, ...]:
    amount = dosage.dose_and_rate[0] if dosage.dose_and_rate else None
    dose = say_value(amount.dose_quantity) if amount else None
    unit = say_unit(amount.dose_quantity) if amount else None
    if amount and amount.dose_range:
        spread = amount.dose_range
        dose = f"{say_value(spread.low) or ''}-{say_value(spread.high) or ''}"
        unit = say_unit(spread.high) or say_unit(spread.low)
    repeat = dosage.timing.repeat if dosage.timing else None
    bounds = repeat.bounds_period if repeat else None
    duration = say_quantity(repeat.bounds_duration) if repeat else None
    needed = name_concept(dosage.as_needed_codeable_concept) or (
        "true" if dosage.as_needed_boolean else None
    )
    return (
        name_concept(dosage.route),
        dose,
        unit,
        _say_timing(dosage.timing),
        needed,
        bounds.start if bounds else duration,
        bounds.end if bounds else None,
        words.find_route(dosage.route),
    )


def _say_timing(timing: Timing | None) -> Cell:
    """Write how often: '2 per 1 d', a code such as BID, or what makes it more than that."""
    if timing is None:
        return None
    repeat = timing.repeat
    if repeat is not None and repeat.period_unit:
        often, period = say_raw(repeat.frequency) or "1", say_raw(repeat.period) or "1"
        most, longest = say_raw(repeat.frequency_max), say_raw(repeat.period_max)
        often, period = (
            f"{often}-{most}" if most else often,
            f"{period}-{longest}" if longest else period,
        )
        days = f" on {', '.join(repeat.day_of_week)}" if repeat.day_of_week else ""
        return f"{often} per {period} {repeat.period_unit}{days}"
    if timing.code is not None:
        codes = (item.code for item in timing.code.coding if item.code)
        return next(codes, None) or timing.code.text
    return f"at {', '.join(timing.event)}" if timing.event else None


def _take_medication(resource: Medication, words: Words) -> Taken | str:
    found = find_drug_cells(resource.code, words) or (None, None, None, None)
    cells = (resource.id, None, None, None, say_concept(resource.code), say_strength(resource))
    return Taken((*cells, *found))


MEDICATION = Layout(
    Medication,
    _take_medication,
    (*COMMON, "code", "ingredient[0].strength"),
    found=FOUND[:4],
)

ADMINISTRATION = Layout(
    MedicationAdministration,
    _take_administration,
    (*COMMON, "medication[x]", "effective[x]", "effective[x].end", "dosage.route", "dosage.dose",
     "dosage.dose.unit", "dosage.rate[x]", "extension.premedication"),
    found=(*FOUND, "route"),
)  # fmt: skip

STATEMENT = Layout(
    MedicationStatement,
    _take_statement,
    (*COMMON, "medication[x]", "effective[x]", "effective[x].end", "statusReason"),
    found=FOUND,
    part="dosage",
    part_header=_DOSAGE,
    part_found=("route_found",),
)

REQUEST = Layout(
    MedicationRequest,
    _take_request,
    (*COMMON, "intent", "medication[x]", "authoredOn",
     "dispenseRequest.expectedSupplyDuration", "statusReason", "reasonCode"),
    found=FOUND,
    part="dosageInstruction",
    part_header=_DOSAGE,
    part_found=("route_found",),
)  # fmt: skip
