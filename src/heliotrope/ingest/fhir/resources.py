"""The elements of FHIR R4 resources that are read, typed; everything else is skipped unread.

Numbers stay the text that stands in the file (``Raw``), so that 1.10 is not made 1.1.
"""

from __future__ import annotations

from msgspec import Raw, Struct, field

NO_NUMBER = Raw(b"")


class Typed(Struct, rename="camel", gc=False):
    """What all elements share: names as FHIR writes them, no element needed."""


class Coding(Typed):
    """A code of a system and how it is shown."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class Concept(Typed):
    """A CodeableConcept: codes for one thing, and its text."""

    coding: list[Coding] = []
    text: str | None = None


class Quantity(Typed):
    """A number with its unit; also Duration and the ends of a Range."""

    value: Raw = NO_NUMBER
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Ratio(Typed):
    """One quantity per another."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Range(Typed):
    """A low and a high quantity."""

    low: Quantity | None = None
    high: Quantity | None = None
    type: Concept | None = None


class Period(Typed):
    """A start and an end."""

    start: str | None = None
    end: str | None = None


class Reference(Typed):
    """A reference to another resource."""

    reference: str | None = None
    display: str | None = None


class Identifier(Typed):
    """A number somebody gave, and who."""

    system: str | None = None
    value: str | None = None


class Annotation(Typed):
    """A note."""

    text: str | None = None


class Meta(Typed):
    """About the resource itself."""

    last_updated: str | None = None


class Extension(Typed):
    """An element that the standard does not have, by the address of its definition."""

    url: str | None = None
    value_string: str | None = None
    value_integer: Raw = NO_NUMBER
    value_date_time: str | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None


class Resource(Typed):
    """What all resources share."""

    id: str | None = None
    meta: Meta | None = None
    extension: list[Extension] = []
    contained: list[Raw] = []


class Kind(Struct, rename="camel", gc=False):
    """Only what sort of resource it is, and its id."""

    resource_type: str | None = None
    id: str | None = None


class BundleRequest(Typed):
    """What a transaction asks for."""

    method: str | None = None


class BundleEntry(Typed):
    """One entry of a bundle, its resource not read yet."""

    full_url: str | None = None
    resource: Raw = NO_NUMBER
    request: BundleRequest | None = None


class Bundle(Struct, rename="camel", gc=False):
    """A bundle."""

    resource_type: str | None = None
    entry: list[BundleEntry] = []


class Patient(Resource):
    """A person."""

    gender: str | None = None
    birth_date: str | None = None
    deceased_date_time: str | None = None
    managing_organization: Reference | None = None
    identifier: list[Identifier] = []


class Condition(Resource):
    """A diagnosis."""

    subject: Reference | None = None
    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    code: Concept | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    recorded_date: str | None = None
    note: list[Annotation] = []


class Component(Typed):
    """One value of an observation of several; an observation has the same elements."""

    code: Concept | None = None
    value_quantity: Quantity | None = None
    value_integer: Raw = NO_NUMBER
    value_string: str | None = None
    value_boolean: bool | None = None
    value_codeable_concept: Concept | None = None
    reference_range: list[Range] = []
    interpretation: list[Concept] = []
    data_absent_reason: Concept | None = None


class Observation(Component):
    """A laboratory value, a vital sign, a score."""

    id: str | None = None
    meta: Meta | None = None
    subject: Reference | None = None
    status: str | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    effective_instant: str | None = None
    performer: list[Reference] = []
    component: list[Component] = []


class Answer(Typed):
    """One answer of a questionnaire."""

    value_boolean: bool | None = None
    value_decimal: Raw = NO_NUMBER
    value_integer: Raw = NO_NUMBER
    value_string: str | None = None
    value_coding: Coding | None = None
    value_quantity: Quantity | None = None


class Item(Typed):
    """One question, and those below it."""

    link_id: str | None = None
    text: str | None = None
    answer: list[Answer] = []
    item: list[Item] = []


class QuestionnaireResponse(Resource):
    """A questionnaire filled in."""

    subject: Reference | None = None
    status: str | None = None
    authored: str | None = None
    author: Reference | None = None
    item: list[Item] = []


class Repeat(Typed):
    """How often a drug is taken."""

    bounds_period: Period | None = None
    bounds_duration: Quantity | None = None
    frequency: Raw = NO_NUMBER
    frequency_max: Raw = NO_NUMBER
    period: Raw = NO_NUMBER
    period_max: Raw = NO_NUMBER
    period_unit: str | None = None
    day_of_week: list[str] = []


class Timing(Typed):
    """When a drug is taken."""

    repeat: Repeat | None = None
    code: Concept | None = None
    event: list[str] = []


class DoseAndRate(Typed):
    """How much of a drug is taken."""

    dose_quantity: Quantity | None = None
    dose_range: Range | None = None


class Dosage(Typed):
    """How a drug is taken, as instructed or as stated."""

    text: str | None = None
    timing: Timing | None = None
    as_needed_boolean: bool | None = None
    as_needed_codeable_concept: Concept | None = None
    route: Concept | None = None
    dose_and_rate: list[DoseAndRate] = []


class Ingredient(Typed):
    """One ingredient of a preparation."""

    strength: Ratio | None = None
    item_codeable_concept: Concept | None = None


class Medication(Resource):
    """A preparation that other resources refer to."""

    code: Concept | None = None
    ingredient: list[Ingredient] = []


class DrugResource(Resource):
    """What requests, statements and administrations of a drug share."""

    status: str | None = None
    status_reason: list[Concept] | Concept | None = None
    subject: Reference | None = None
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None


class AdministeredDosage(Typed):
    """How much of a drug was given."""

    route: Concept | None = None
    dose: Quantity | None = None
    rate_quantity: Quantity | None = None
    rate_ratio: Ratio | None = None


class MedicationAdministration(DrugResource):
    """A drug given."""

    effective_date_time: str | None = None
    effective_period: Period | None = None
    dosage: AdministeredDosage | None = None


class MedicationStatement(DrugResource):
    """A drug taken, as somebody states."""

    effective_date_time: str | None = None
    effective_period: Period | None = None
    dosage: list[Dosage] = []


class DispenseRequest(Typed):
    """How long a prescription holds."""

    validity_period: Period | None = None
    expected_supply_duration: Quantity | None = None


class MedicationRequest(DrugResource):
    """A drug ordered."""

    intent: str | None = None
    do_not_perform: bool | None = None
    authored_on: str | None = None
    reason_code: list[Concept] = []
    dosage_instruction: list[Dosage] = []
    dispense_request: DispenseRequest | None = None


class Causality(Typed):
    """How sure it is that something caused an event."""

    assessment: Concept | None = None


class Suspect(Typed):
    """What is suspected to have caused an event."""

    instance: Reference | None = None
    causality: list[Causality] = []


class AdverseEvent(Resource):
    """Something unwanted that happened."""

    actuality: str | None = None
    event: Concept | None = None
    subject: Reference | None = None
    date: str | None = None
    suspect_entity: list[Suspect] = []


class Immunization(Resource):
    """A vaccination: counted, never an infusion of immunoglobulin."""

    vaccine_code: Concept | None = None
    patient: Reference | None = None


class Procedure(Resource):
    """Something done."""

    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None


class EpisodeDiagnosis(Typed):
    """What an episode of care was for."""

    condition: Reference | None = None


class EpisodeOfCare(Resource):
    """How long a centre cared for a person, and for what."""

    status: str | None = None
    patient: Reference | None = None
    period: Period | None = None
    diagnosis: list[EpisodeDiagnosis] = []


class Encounter(Resource):
    """A visit or a stay."""

    status: str | None = None
    encounter_class: Coding | None = field(default=None, name="class")
    subject: Reference | None = None
    period: Period | None = None
    reason_code: list[Concept] = []
