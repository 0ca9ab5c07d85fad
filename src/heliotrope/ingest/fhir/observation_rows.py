"""Read observations and questionnaires: one value, its components, or the answers."""

from __future__ import annotations

from collections.abc import Iterator

from heliotrope.ingest.fhir.layout import (
    COMMON,
    NOT_DONE,
    NOT_FINISHED,
    Cell,
    Layout,
    Taken,
    begin,
    refuse_status,
    say_raw,
    say_unit,
    say_value,
    start_of,
)
from heliotrope.ingest.fhir.resources import (
    Answer,
    Component,
    Concept,
    Item,
    Observation,
    QuestionnaireResponse,
    Range,
)
from heliotrope.ingest.fhir.words import Key, Words, key_of, name_concept

NOT_A_MEASURE = "observation_not_used"
DATA_ABSENT = "data_absent"
NO_ANSWER_USED = "answers_not_used"

_VALUE = (
    "code",
    "value[x]",
    "value[x].unit",
    "referenceRange[0].low",
    "referenceRange[0].high",
    "referenceRange[0].unit",
    "interpretation",
    "dataAbsentReason",
)

_OBSERVED = {"cancelled": NOT_DONE, "registered": NOT_FINISHED}
_FILLED_IN = {"in-progress": NOT_FINISHED, "stopped": NOT_FINISHED}

_BOOLEAN = {True: "1", False: "0", None: None}


def _take_observation(resource: Observation, words: Words) -> Taken | str:
    refused = refuse_status(resource.status, _OBSERVED)
    if refused:
        return refused
    key = key_of(resource.code) if resource.code else None
    measure = words.measures[key] if key else None
    antibody = words.antibody[key] if key and measure is None else None
    parts = tuple(_take_component(item, words) for item in resource.component)
    if measure is None and antibody is None and not any(part[-1] for part in parts):
        return NOT_A_MEASURE
    cells = _take_value(resource, key, words)
    has_value = cells[1] is not None and (measure or antibody is not None)
    if not has_value and not any(part[-1] and part[1] for part in parts):
        return DATA_ABSENT
    moment = resource.effective_date_time or resource.effective_instant
    return Taken(
        (
            *begin(resource, resource.subject, resource.status),
            start_of(moment, resource.effective_period),
            resource.performer[0].display if resource.performer else None,
            *cells,
            measure if cells[1] is not None else None,
            antibody,
        ),
        parts,
    )


def _take_component(component: Component, words: Words) -> tuple[Cell, ...]:
    key = key_of(component.code) if component.code else None
    measure = words.measures[key] if key else None
    cells = _take_value(component, key, words)
    return *cells, measure if cells[1] is not None else None


def _take_value(item: Component, key: Key | None, words: Words) -> tuple[Cell, ...]:
    """Return code, value, unit, limits of normal, interpretation and why there is no value."""
    quantity = item.value_quantity
    value = (
        say_value(quantity)
        or say_raw(item.value_integer)
        or item.value_string
        or _BOOLEAN[item.value_boolean]
        or name_concept(item.value_codeable_concept)
    )
    low, high, unit = _take_limits(item.reference_range)
    codes = item.interpretation
    interpretation = "; ".join([_code(concept) for concept in codes]) if codes else None
    return (
        words.texts[key] if key else None,
        value,
        say_unit(quantity),
        low,
        high,
        unit,
        interpretation,
        name_concept(item.data_absent_reason),
    )


def _take_limits(ranges: list[Range]) -> tuple[Cell, Cell, Cell]:
    """Return the limits of normal: of the first range that is a normal one, or says nothing."""
    for item in ranges:
        kind = _code(item.type) if item.type else "normal"
        if kind == "normal":
            unit = say_unit(item.high) or say_unit(item.low)
            return say_value(item.low), say_value(item.high), unit
    return None, None, None


def _code(concept: Concept) -> str:
    codes = (item.code for item in concept.coding if item.code)
    return next(codes, None) or concept.text or ""


def _take_response(resource: QuestionnaireResponse, words: Words) -> Taken | str:
    refused = refuse_status(resource.status, _FILLED_IN)
    if refused:
        return refused
    answers = tuple(_take_answers(resource.item, words))
    if not answers:
        return NO_ANSWER_USED
    author = resource.author.display if resource.author else None
    cells = (*begin(resource, resource.subject, resource.status), resource.authored, author)
    return Taken(cells, answers)


def _take_answers(items: list[Item], words: Words) -> Iterator[tuple[Cell, ...]]:
    for item in items:
        question = Concept(text=item.link_id)
        measure = words.measures[key_of(question)]
        if measure is None and item.text:
            measure = words.measures[key_of(Concept(text=item.text))]
        if measure is not None and item.answer:
            value, unit = _take_answer(item.answer[0])
            if value is not None and len(item.answer) == 1:
                yield item.link_id, value, unit, measure
        yield from _take_answers(item.item, words)


def _take_answer(answer: Answer) -> tuple[Cell, Cell]:
    coding = answer.value_coding
    value = (
        say_raw(answer.value_decimal)
        or say_raw(answer.value_integer)
        or say_value(answer.value_quantity)
        or answer.value_string
        or _BOOLEAN[answer.value_boolean]
        or ((coding.display or coding.code) if coding else None)
    )
    return value, say_unit(answer.value_quantity)


OBSERVATION = Layout(
    Observation,
    _take_observation,
    (*COMMON, "effective[x]", "performer[0].display", *_VALUE),
    found=("measure", "antibody"),
    part="component",
    part_header=_VALUE,
    part_found=("measure",),
)

RESPONSE = Layout(
    QuestionnaireResponse,
    _take_response,
    (*COMMON, "authored", "author.display"),
    part="item",
    part_header=("linkId", "answer[0].value[x]", "answer[0].value[x].unit"),
    part_found=("measure",),
    is_part_named=True,
)
