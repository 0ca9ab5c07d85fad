"""The words of the records: every canonical measure and drug stands, with unit and direction."""

from __future__ import annotations

import pytest

from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.measure import MeasureSet, measures_of
from heliotrope.definitions.settings import MeasureSetting, Settings
from heliotrope.definitions.vocabulary import Vocabulary, finding_rules_of, vocabularies_of
from heliotrope.ingest.context import make_context
from heliotrope.records.units import find_conversion, find_unit

MEASURES = [
    "physician_global",
    "patient_global",
    "mmt8",
    "mmt_total",
    "cmas",
    "chaq",
    "extramuscular_global",
    "disease_activity_score",
    "chq_physical",
    "creatine_kinase",
    "aldolase",
    "lactate_dehydrogenase",
    "alanine_aminotransferase",
    "aspartate_aminotransferase",
    "adl",
    "strength_grade",
    "physician_judgement",
    "skin_global",
    "das_skin",
    "das_muscle",
    "cdasi_activity",
    "dysphagia",
    "calcinosis",
    "life_threatening_feature",
    "jdmai1",
    "jdmai2",
    "das_modified",
    "muscle_global",
    "cat_activity",
    "cat_damage",
    "cat_bm_activity",
    "cat_bm_damage",
    "cdasi_damage",
    "myoact",
    "mitax",
    "mdi_extent",
    "mdi_severity",
    "hmc",
    "weight",
    "height",
    "temperature",
    "urine_protein_dipstick",
    "urine_protein_creatinine_ratio",
    "urine_protein_24h",
    "haemoglobin",
    "creatinine",
    "igg",
    "direct_antiglobulin_test",
    "haptoglobin",
    "reticulocytes",
    "bilirubin_unconjugated",
    "urine_haemoglobin",
    "spherocytes",
]

DRUGS = [
    "prednisone",
    "prednisolone",
    "methylprednisolone",
    "dexamethasone",
    "hydrocortisone",
    "deflazacort",
    "azathioprine",
    "methotrexate",
    "ciclosporin",
    "cyclophosphamide",
    "hydroxychloroquine",
    "mycophenolate",
    "tacrolimus",
    "rituximab",
    "tofacitinib",
    "baricitinib",
]

RANGES = {
    "physician_global": ("cm", 0, 10, "low"),
    "patient_global": ("cm", 0, 10, "low"),
    "extramuscular_global": ("cm", 0, 10, "low"),
    "mmt8": ("none", 0, 80, "high"),
    "mmt_total": ("none", 0, 260, "high"),
    "cmas": ("none", 0, 52, "high"),
    "chaq": ("none", 0, 3, "low"),
    "disease_activity_score": ("none", 0, 20, "low"),
    "das_skin": ("none", 0, 9, "low"),
    "das_muscle": ("none", 0, 11, "low"),
    "jdmai1": ("none", 0, 40, "low"),
    "jdmai2": ("none", 0, 39, "low"),
    "strength_grade": ("none", 0, 5, "high"),
    "urine_protein_dipstick": ("none", 0, 4, "low"),
    "dysphagia": ("none", 0, 1, "low"),
    "chq_physical": ("none", None, None, "high"),
}


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def test_every_canonical_measure_and_drug_is_there(rulebook):
    measures = measures_of(rulebook)
    assert {name for name, item in measures.items() if item.domain != "item"} == set(MEASURES)
    assert set(DRUGS) <= set(drugs_of(rulebook))


@pytest.mark.parametrize("name", sorted(RANGES))
def test_ranges_and_directions(rulebook, name):
    measure = measures_of(rulebook)[name]
    assert (measure.unit, measure.minimum, measure.maximum, measure.better) == RANGES[name]


def test_the_enzymes(rulebook):
    enzymes = {name for name, measure in measures_of(rulebook).items() if measure.is_enzyme}
    assert enzymes == {
        "creatine_kinase",
        "aldolase",
        "lactate_dehydrogenase",
        "alanine_aminotransferase",
        "aspartate_aminotransferase",
    }


def test_every_accepted_unit_converts_to_the_canonical_one(rulebook):
    for measure in measures_of(rulebook).values():
        molar = measure.molar_mass.grams_per_mole if measure.molar_mass else None
        for unit in (measure.unit, *measure.units):
            assert find_unit(unit) is not None, (measure.id, unit)
            assert find_conversion(unit, measure.unit, molar) is not None, (measure.id, unit)


def test_a_set_with_a_recalled_source_is_not_verified(rulebook):
    for item in rulebook.of_kind(MeasureSet):
        flags = {source.flag for measure in item.measures for source in measure.sources}
        assert item.verified == (flags == {"V"})


def test_adl_waits_for_the_study(rulebook):
    assert not measures_of(rulebook)["adl"].is_declared
    settings = Settings(measures={"adl": MeasureSetting(max=5, direction="low")})
    adl = measures_of(read_rulebook(settings))["adl"]
    assert (adl.is_declared, adl.minimum, adl.maximum, adl.better) == (True, 0, 5, "low")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CK", "creatine_kinase"),
        ("cpk", "creatine_kinase"),
        ("Physician Global", "physician_global"),
        ("MMT-8", "mmt8"),
        ("Hb", "haemoglobin"),
    ],
)
def test_measures_by_their_other_names(rulebook, text, name):
    assert make_context(rulebook).measure_lookup.find(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MTX", "methotrexate"),
        ("Cyclosporin A", "ciclosporin"),
        ("Solu-Medrol", "methylprednisolone"),
        ("L01XC02", "rituximab"),
        ("Privigen", "immunoglobulin"),
        ("anti-D", None),
    ],
)
def test_drugs_by_their_brands_and_codes(rulebook, text, name):
    assert make_context(rulebook).drug_lookup.find(text) == name


def test_steroids_count_only_by_systemic_routes(rulebook):
    for drug in drugs_of(rulebook).values():
        if drug.is_glucocorticoid:
            assert set(drug.systemic_routes) == {"oral", "iv", "sc", "im"}


def test_a_spelling_means_one_word(rulebook):
    for vocabulary in vocabularies_of(rulebook).values():
        assert isinstance(vocabulary, Vocabulary)
    with pytest.raises(ValueError, match="means both"):
        Vocabulary(
            id="words_x",
            version="1.0.0",
            kind="vocabulary",
            title="words",
            wording="two words that share a spelling",
            verified=False,
            words=[
                {"id": "a", "meaning": "a", "synonyms": ["same"]},
                {"id": "b", "meaning": "b", "synonyms": ["Same"]},
            ],
        )


def test_every_rule_says_what_was_expected_and_what_to_do(rulebook):
    for rule in finding_rules_of(rulebook).values():
        assert rule.expected
        assert rule.suggestion
        if rule.effect == "quarantine_row":
            assert rule.severity == "error", rule.id
