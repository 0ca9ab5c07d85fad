"""Codes are keyed by system and code: the lists, the collisions, the refusals, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.ascii_table import read_rows

from heliotrope.definitions.codes import CodeBook, CodedConcept, make_code_book
from heliotrope.definitions.drug import Drug, drugs_of
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.vocabulary import vocabularies_of
from heliotrope.errors import UserError

RULEBOOK = read_rulebook()
BOOK = make_code_book(RULEBOOK)

# The lists of the clinical definitions, written out a second time.
CODES = """
    system   | code            | concept                              | flag
    LOINC    | 2157-6          | creatine_kinase                      | V2
    LOINC    | 1761-6          | aldolase                             | V2
    LOINC    | 2532-0          | lactate_dehydrogenase                | V2
    LOINC    | 1742-6          | alanine_aminotransferase             | V2
    LOINC    | 1920-8          | aspartate_aminotransferase           | V2
    LOINC    | 2160-0          | creatinine                           | V2
    LOINC    | 718-7           | haemoglobin                          | V2
    LOINC    | 20454-5         | urine_protein_dipstick               | V2
    LOINC    | 2890-2          | urine_protein_creatinine_ratio       | R
    LOINC    | 2889-4          | urine_protein_24h                    | R
    LOINC    | 8310-5          | temperature                          | R
    LOINC    | 29463-7         | weight                               | R
    LOINC    | 8302-2          | height                               | R
    LOINC    | 4542-7          | haptoglobin                          | R
    LOINC    | 82448-2         | tif1_gamma                           | V
    LOINC    | 82424-3         | mda5                                 | V
    LOINC    | 82426-8         | nxp2                                 | V
    LOINC    | 18485-3         | mi2                                  | V
    LOINC    | 82440-9         | sae1                                 | V
    LOINC    | 8076-2          | jo1                                  | V
    ICD10CM  | M33.0           | juvenile_dermatomyositis             | V
    ICD10CM  | M33.00          | juvenile_dermatomyositis             | V
    ICD10CM  | M33.01          | juvenile_dermatomyositis_respiratory | V
    ICD10CM  | M33.02          | juvenile_dermatomyositis_myopathy    | V
    ICD10CM  | M33.03          | juvenile_dermatomyositis_without_myopathy | V
    ICD10CM  | M33.09          | juvenile_dermatomyositis_other_organ | V
    ICD10CM  | M33.11          | dermatomyositis_other                | V
    ICD10CM  | M33.20          | polymyositis                         | V
    ICD10CM  | M33.92          | dermatopolymyositis_unspecified      | V
    ICD10CM  | M36.0           | dermatomyositis_neoplastic           | V
    ICD10    | M33.0           | juvenile_dermatomyositis             | R
    ICD10GM  | M33.0           | juvenile_dermatomyositis             | R
    ICD9CM   | 710.3           | dermatomyositis                      | V2
    ORPHA    | 93672           | juvenile_dermatomyositis             | V2
    SNOMED   | 1212005         | juvenile_dermatomyositis             | V
    SNOMED   | 396230008       | dermatomyositis                      | V
    SNOMED   | 1144977002      | juvenile_dermatomyositis_hypomyopathic | V
    SNOMED   | 1144920003      | juvenile_dermatomyositis_overlap     | V
    SNOMED   | 311671000119100 | juvenile_dermatomyositis_respiratory | V
    SNOMED   | 402425006       | dermatomyositis_adult_onset          | V
    ICD10CM  | T50.Z15A        | immunoglobulin_adverse_effect        | V
    ICD10CM  | R50.2           | fever                                | V
    ICD10CM  | R80.9           | proteinuria                          | V
    ICD10CM  | R51.9           | headache                             | V
    ICD10CM  | G03.0           | aseptic_meningitis                   | V
    ICD10CM  | D59.0           | haemolysis                           | V
    ICD10CM  | D59.2           | haemolysis                           | V
    ICD10CM  | I26.99          | thrombosis                           | V
    ICD10CM  | N17.9           | acute_kidney_injury                  | V
    ICD10CM  | E24.2           | cushing_syndrome                     | V
    ATC      | J06BA02         | immunoglobulin                       | V
    ATC      | J06BA01         | immunoglobulin                       | R
    ATC      | H02AB07         | prednisone                           | R
    ATC      | H02AB06         | prednisolone                         | R
    ATC      | H02AB04         | methylprednisolone                   | V
    ATC      | H02AB02         | dexamethasone                        | V
    ATC      | H02AB09         | hydrocortisone                       | V
    ATC      | H02AB13         | deflazacort                          | V
    ATC      | L04AX03         | methotrexate                         | R
    ATC      | L01BA01         | methotrexate                         | V2
    ATC      | L04AX01         | azathioprine                         | V
    ATC      | L04AD01         | ciclosporin                          | R
    ATC      | L04AD02         | tacrolimus                           | R
    ATC      | L01AA01         | cyclophosphamide                     | R
    ATC      | L04AA06         | mycophenolate                        | R
    ATC      | P01BA02         | hydroxychloroquine                   | R
    ATC      | L01FA01         | rituximab                            | V
    ATC      | L01XC02         | rituximab                            | V
    ATC      | L04AA24         | abatacept                            | V2
    ATC      | L04AB02         | infliximab                           | R
    ATC      | L04AB04         | adalimumab                           | R
    ATC      | L04AF01         | tofacitinib                          | R
    ATC      | L04AA29         | tofacitinib                          | R
    ATC      | L04AF02         | baricitinib                          | R
    ATC      | L04AA37         | baricitinib                          | R
    RxNorm   | 5666            | immunoglobulin                       | V
    RxNorm   | 8640            | prednisone                           | V
    RxNorm   | 8638            | prednisolone                         | R
    RxNorm   | 6902            | methylprednisolone                   | V
    RxNorm   | 3264            | dexamethasone                        | R
    RxNorm   | 5492            | hydrocortisone                       | R
    RxNorm   | 22396           | deflazacort                          | R
    RxNorm   | 6851            | methotrexate                         | V
    RxNorm   | 1256            | azathioprine                         | V
    RxNorm   | 3008            | ciclosporin                          | V
    RxNorm   | 42316           | tacrolimus                           | V
    RxNorm   | 3002            | cyclophosphamide                     | V
    RxNorm   | 68149           | mycophenolate                        | V
    RxNorm   | 7145            | mycophenolate                        | R
    RxNorm   | 5521            | hydroxychloroquine                   | R
    RxNorm   | 121191          | rituximab                            | V
    RxNorm   | 614391          | abatacept                            | R
    RxNorm   | 191831          | infliximab                           | R
    RxNorm   | 327361          | adalimumab                           | R
    RxNorm   | 1357536         | tofacitinib                          | V
    RxNorm   | 2047232         | baricitinib                          | R
    MedDRA   | 10016558        | fever                                | V
    MedDRA   | 10011268        | creatine_kinase_increased            | V
"""


@pytest.mark.parametrize("row", read_rows(CODES), ids=lambda row: f"{row['system']} {row['code']}")
def test_a_code_means_its_concept_as_surely_as_its_flag_says(row: dict[str, object]) -> None:
    found = BOOK.find(str(row["system"]), str(row["code"]))
    assert found is not None
    assert (found.concept, found.flag) == (row["concept"], row["flag"])


def test_a_code_that_two_systems_share_is_never_found_without_its_system() -> None:
    for code, ours, theirs in (
        ("2157-6", "creatine_kinase", "guatemalan"),
        ("1761-6", "aldolase", "eklutna"),
    ):
        measure, race = BOOK.find("LOINC", code), BOOK.find("CDCREC", code)
        assert measure is not None
        assert race is not None
        assert (measure.about, measure.concept) == ("measure", ours)
        assert (race.about, race.concept) == ("race", theirs)
        for nothing in (None, "", "  "):
            with pytest.raises(UserError) as error:
                BOOK.find(nothing, code)
            assert f"CDCREC (race {theirs}); LOINC (measure {ours})" in str(error.value)


def test_a_system_that_is_not_known_is_refused() -> None:
    with pytest.raises(UserError, match="a known code system"):
        BOOK.find("ICD-11", "4A41.00")


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("http://loinc.org", "LOINC"),
        ("urn:oid:2.16.840.1.113883.6.88", "RxNorm"),
        ("ICD-10-CM", "ICD10CM"),
        ("icd10cm", "ICD10CM"),
        ("http://snomed.info/sct", "SNOMED"),
    ],
)
def test_systems_by_the_names_other_formats_give_them(name: str, system: str) -> None:
    assert BOOK.find_system(name) == system


def test_a_code_of_another_modification_is_not_taken_over() -> None:
    assert BOOK.find("ICD10GM", "M33.02") is None
    assert BOOK.find("ICD10CM", "M33.05") is None
    assert BOOK.find("LOINC", "9999-9") is None


ATC = sorted(
    (code.code, drug.id)
    for drug in drugs_of(RULEBOOK).values()
    for code in drug.codes
    if code.system == "ATC"
)


@given(st.sampled_from(ATC), st.sampled_from(["", " "]), st.booleans())
def test_current_and_legacy_codes_lead_to_each_other(
    pair: tuple[str, str], space: str, is_lower: bool
) -> None:
    """From any code of a drug every other one is found, and from those the first again."""
    code, drug = pair
    written = space + (code.lower() if is_lower else code)
    found = BOOK.find("ATC", written)
    assert found is not None
    assert found.concept == drug
    for other in BOOK.equivalents("ATC", written):
        again = BOOK.find("ATC", other)
        assert again is not None
        assert (again.concept, again.route) == (drug, found.route)
        assert code in BOOK.equivalents("ATC", other)
    if found.is_legacy:
        assert found.current in BOOK.equivalents("ATC", code)
        current = BOOK.find("ATC", found.current or "")
        assert current is not None
        assert not current.is_legacy


def test_which_codes_are_legacy() -> None:
    legacy = {coded.code: coded.current for coded in BOOK.codes.values() if coded.is_legacy}
    assert legacy == {"L01XC02": "L01FA01", "L04AA29": "L04AF01", "L04AA37": "L04AF02"}
    assert BOOK.equivalents("ATC", "L04AX03") == ("L01BA01", "L04AX03")
    assert BOOK.equivalents("ATC", "X99XX99") == ()


def test_the_route_of_immunoglobulin_is_in_its_code() -> None:
    routes = {code: BOOK.codes["ATC", code].route for code in ("J06BA02", "J06BA01")}
    assert routes == {"J06BA02": "iv", "J06BA01": "sc"}
    assert BOOK.equivalents("ATC", "J06BA02") == ("J06BA02",)


def test_every_coded_measure_and_event_is_a_word_of_the_records() -> None:
    terms = {word.id for word in vocabularies_of(RULEBOOK)["event_term"].words}
    others = {"immunoglobulin_adverse_effect", "cushing_syndrome"}
    for coded in BOOK.codes.values():
        if coded.about == "measure":
            assert coded.concept in measures_of(RULEBOOK)
        if coded.about == "adverse_event":
            assert coded.concept in terms | others
        if coded.about == "graded_term":
            assert coded.concept in terms


def test_a_code_with_two_meanings_is_a_fault_of_the_definitions() -> None:
    (codes,) = [item for item in RULEBOOK.definitions.values() if item.id == "antibody_codes"]
    twice = codes.model_copy(
        update={
            "id": "twice",
            "concepts": (
                CodedConcept(
                    id="other",
                    title="Other",
                    codes=[{"system": "LOINC", "code": "8076-2", "flag": "R"}],
                ),
            ),
        }
    )
    with pytest.raises(ValueError, match="means both"):
        make_code_book(Rulebook({**RULEBOOK.definitions, "twice": twice}, RULEBOOK.settings))


def test_a_legacy_code_must_lead_to_a_code_that_is_listed() -> None:
    with pytest.raises(ValueError, match="not listed"):
        Drug(
            id="drug",
            title="drug",
            drug_class="biologic",
            codes=[{"system": "ATC", "code": "L01XC02", "flag": "V", "replaced_by": "L01FA01"}],
        )


def test_the_book_is_read_only() -> None:
    assert isinstance(BOOK, CodeBook)
    with pytest.raises(TypeError):
        BOOK.codes["LOINC", "1"] = BOOK.codes["LOINC", "2157-6"]  # type: ignore[index]
