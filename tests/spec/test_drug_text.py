"""Free texts: which drug they name, in which form, and what is only mistaken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.ascii_table import read_rows

from heliotrope.definitions.drug_text import find_drug, make_drug_names
from heliotrope.definitions.load import read_rulebook

NAMES = make_drug_names(read_rulebook())

TEXTS = """
    text                                     | drug               | route | refused        | because
    prednisone 20 MG Oral Tablet             | prednisone         | oral  | -              | -
    PREDNISONE                               | prednisone         | -     | -              | -
    prednisone 20 mg / day                   | prednisone         | -     | -              | -
    prednisone 2 mg/kg/day                   | prednisone         | -     | -              | -
    prednisolone 5mg tabs                    | prednisolone       | -     | -              | -
    methylprednisolone sodium succinate      | methylprednisolone | -     | -              | -
    methylprednisolonum                      | -                  | -     | -              | -
    Solu-Medrol 1 g IV                       | methylprednisolone | iv    | -              | -
    Solu Medrol                              | methylprednisolone | -     | -              | -
    SoluMedrol                               | methylprednisolone | -     | -              | -
    IV-methylprednisolone                    | methylprednisolone | iv    | -              | -
    Decortin 5 mg                            | prednisone         | -     | -              | -
    Decortin H 5 mg                          | prednisolone       | -     | -              | -
    cyclosporine, modified 100 MG Oral Capsule | ciclosporin      | oral  | -              | -
    mycophenolate mofetil                    | mycophenolate      | -     | -              | -
    MTX 15 mg sc weekly                      | methotrexate       | sc    | -              | -
    IVIG 2 g/kg                              | immunoglobulin     | -     | -              | -
    Privigen®                                | immunoglobulin     | -     | -              | -
    Gamunex-C 10%                            | immunoglobulin     | -     | -              | -
    Octagam-10                               | immunoglobulin     | -     | -              | -
    human normal immunoglobulin              | immunoglobulin     | -     | -              | -
    hydroxychloroquine sulfate               | hydroxychloroquine | -     | -              | -
    hydroxy-chloroquine                      | -                  | -     | only_mentioned | hydroxy
    anti-D immunoglobulin                    | -                  | -     | another_drug   | anti-D
    Rho(D) immune globulin                   | -                  | -     | another_drug   | Rho(D)
    hepatitis B immune globulin              | -                  | -     | another_drug   | hepatitis B
    immunoglobulin, hepatitis-B              | -                  | -     | another_drug   | hepatitis-B
    human tetanus immunoglobulin             | -                  | -     | another_drug   | tetanus
    lymphocyte immune globulin, anti-thymocyte | -                | -     | another_drug   | anti-thymocyte
    rabies immune globulin                   | -                  | -     | another_drug   | rabies
    antithymocyte globulin (rabbit)          | -                  | -     | -              | -
    immunoglobulin im, intramuscular         | -                  | im    | not_systemic   | im
    hydrocortisone 10 MG/ML Topical Cream    | -                  | topical | not_systemic | Topical
    hydrocortisone ointment 1 %              | -                  | topical | not_systemic | ointment
    prednisolone eye drops                   | -                  | ophthalmic | not_systemic | eye drops
    methylprednisolone Enema                 | -                  | rectal | not_systemic  | Enema
    dexamethasone nasal spray                | -                  | inhaled | not_systemic | nasal spray
    Kenalog intra-articular 40 mg            | -                  | intra_articular | not_systemic | intra-articular
    tacrolimus Topical Ointment              | -                  | topical | not_systemic | Topical
    aspirin / methylprednisolone Oral Tablet | -                  | oral  | combination    | methylprednisolone
    prednisone + methotrexate                | -                  | -     | several_drugs  | methotrexate + prednisone
    no prednisone                            | -                  | -     | only_mentioned | no
    prednisone-induced diabetes              | -                  | -     | only_mentioned | induced
    non-IVIG                                 | -                  | -     | only_mentioned | non
    hydrocodone bitartrate 10 MG             | -                  | -     | -              | -
    hydrochlorothiazide                      | -                  | -     | -              | -
    physiotherapy                            | -                  | -     | -              | -
"""


@pytest.mark.parametrize("row", read_rows(TEXTS), ids=lambda row: str(row["text"]))
def test_what_a_text_names(row: dict[str, object]) -> None:
    found = find_drug(str(row["text"]), NAMES)
    if found is None:
        assert (row["drug"], row["refused"]) == (None, None)
        return
    said = (found.drug, found.route, found.refused, found.because)
    assert said == (row["drug"], row["route"], row["refused"], row["because"])
    assert found.words == str(row["text"])[found.start : found.end]
    assert found.is_usable == (row["drug"] is not None)


SPELLINGS = sorted(
    (spelling, drug.id)
    for drug in NAMES.drugs.values()
    for spelling in (drug.title, *drug.synonyms)
)


@given(
    st.sampled_from(SPELLINGS),
    st.sampled_from(["", " ", "take ", "(", "1. "]),
    st.sampled_from(["", " ", ", daily", ")", " 10 mg"]),
)
def test_every_name_is_found_as_a_whole_word_in_any_case(
    pair: tuple[str, str], before: str, after: str
) -> None:
    spelling, drug = pair
    for text in (spelling, spelling.upper(), spelling.lower()):
        found = find_drug(before + text + after, NAMES)
        assert found is not None
        assert found.drug == drug, found


@given(st.sampled_from(SPELLINGS), st.sampled_from("abcxyz19é"))
def test_a_part_of_a_word_is_no_name(pair: tuple[str, str], letter: str) -> None:
    """The whole of the text but one more letter: never found by that spelling."""
    spelling = pair[0]
    for text in (letter + spelling, spelling + letter):
        found = find_drug(text, NAMES)
        assert found is None or len(found.words) < len(spelling) or found.words == text


@given(st.sampled_from(SPELLINGS), st.sampled_from(["cream", "Ophthalmic Solution", "enema"]))
def test_no_drug_counts_in_a_form_that_does_not_reach_the_body(
    pair: tuple[str, str], form: str
) -> None:
    found = find_drug(f"{pair[0]} {form}", NAMES)
    assert found is not None
    assert found.drug is None
