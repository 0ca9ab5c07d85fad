"""Concept sets, descendants, doses and faulty deliveries of an OMOP common data model."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.omop_model import omop_concepts_of, omop_model_of
from heliotrope.errors import UserError
from heliotrope.ingest import Ingested, read_records
from heliotrope.ingest.context import make_context
from heliotrope.ingest.omop import recognise
from heliotrope.ingest.omop.doses import read_sig
from heliotrope.ingest.procedures import says_given
from heliotrope.study import read_study

RULEBOOK = read_rulebook()
IDS = omop_concepts_of(RULEBOOK)
COLUMNS = {table.name: table.columns for table in omop_model_of(RULEBOOK).tables}

# concept_id, name, vocabulary, code
CONCEPTS = [
    (4005037, "Childhood type dermatomyositis", "SNOMED", "1212005"),
    (80182, "Dermatomyositis", "SNOMED", "396230008"),
    (700001, "Dermatomyositis of the ward", "SNOMED", "999001"),
    (45533612, "Juvenile dermatomyositis with myopathy", "ICD10CM", "M33.02"),
    (700002, "Selective IgA deficiency", "ICD10CM", "D80.2"),
    (700003, "Drug-induced fever", "ICD10CM", "R50.2"),
    (700004, "Common cold", "SNOMED", "82272006"),
    (1551170, "prednisone 20 MG Oral Tablet", "RxNorm", "312615"),
    (19008572, "hydrocortisone 10 MG/ML Topical Cream", "RxNorm", "106258"),
    (700010, "50 ML immunoglobulin G, human 100 MG/ML Injection", "RxNorm", "x1"),
    (700011, "Rho(D) immune globulin 300 MCG Injection", "RxNorm", "x2"),
    (700012, "lidocaine 10 MG/ML / methylprednisolone 40 MG/ML Injectable Suspension", "RxNorm",
     "x3"),
    (700013, "prednisolone 3 MG/ML Oral Solution", "RxNorm", "x4"),
    (700020, "Infusion of intravenous immunoglobulin", "SNOMED", "x5"),
    (700021, "Immunoglobulin G measurement, serum", "SNOMED", "x6"),
    (700022, "Biopsy of muscle", "SNOMED", "x7"),
    (700023, "Apheresis 7", "ward", "x8"),
    (3025315, "Body weight", "LOINC", "29463-7"),
    (3007220, "Creatine kinase", "LOINC", "2157-6"),
    (9529, "kilogram", "UCUM", "kg"),
    (8645, "unit per liter", "UCUM", "[U]/L"),
]  # fmt: skip


class Model:
    """A small delivery, written table by table."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.rows: dict[str, list[dict[str, object]]] = {name: [] for name in COLUMNS}
        self.rows["cdm_source"].append({"cdm_source_name": "ward", "cdm_version": "5.4"})
        for number, name, vocabulary, code in CONCEPTS:
            self.add("concept", concept_id=number, concept_name=name, vocabulary_id=vocabulary,
                     concept_code=code)  # fmt: skip

    def add(self, table: str, **cells: object) -> None:
        self.rows[table].append(cells)

    def person(self, number: int, **cells: object) -> None:
        known = {"year_of_birth": 2008, "month_of_birth": 5, "day_of_birth": 14}
        self.add("person", person_id=number, gender_concept_id=8532, **(known | cells))

    def condition(self, person: int, concept: int, day: str = "2016-03-01", **cells: object):
        self.add("condition_occurrence", person_id=person, condition_concept_id=concept,
                 condition_start_date=day, **cells)  # fmt: skip

    def drug(self, person: int, concept: int, day: str = "2016-04-01", **cells: object) -> None:
        self.add("drug_exposure", person_id=person, drug_concept_id=concept,
                 drug_exposure_start_date=day, **cells)  # fmt: skip

    def procedure(self, person: int, concept: int, day: str, **cells: object) -> None:
        self.add("procedure_occurrence", person_id=person, procedure_concept_id=concept,
                 procedure_date=day, **cells)  # fmt: skip

    def weight(self, person: int, kilograms: float, **cells: object) -> None:
        self.add("measurement", person_id=person, measurement_concept_id=3025315,
                 measurement_date="2016-03-30", value_as_number=kilograms,
                 **({"unit_concept_id": 9529} | cells))  # fmt: skip

    def write(self, *, without: tuple[str, ...] = ()) -> None:
        (self.folder / "cdm").mkdir(exist_ok=True)
        for table, rows in self.rows.items():
            if table in without:
                continue
            key = f"{table}_id"
            numbered = [{key: n, **row} if key in COLUMNS[table] else row
                        for n, row in enumerate(rows, start=1)]  # fmt: skip
            frame = pl.DataFrame(
                [[row.get(name) for name in COLUMNS[table]] for row in numbered],
                schema=dict.fromkeys(COLUMNS[table], pl.String), orient="row", strict=False,
            )  # fmt: skip
            frame.write_csv(self.folder / "cdm" / f"{table}.csv")

    def read(self, lines: str = "") -> Ingested:
        (self.folder / "study.toml").write_text(
            f'[[source]]\nform = "omop"\nfile = "cdm"\n{lines}\n', encoding="utf-8"
        )
        study = read_study(self.folder)
        return read_records(study, study.read_rulebook())


@pytest.fixture
def model(tmp_path):
    return Model(tmp_path)


def found(read: Ingested, rule: str) -> list[str]:
    return read.findings.filter(pl.col("rule") == rule)["found"].to_list()


def test_a_cohort_is_selected_and_its_rows_laid_out(model):
    for number in (1, 2, 3, 4):
        model.person(number)
        model.condition(number, 4005037)
        model.weight(number, 30.0)
    model.person(5, year_of_birth=1960)
    model.condition(5, 80182)
    model.condition(2, 700002)
    model.condition(1, 700003, "2016-04-02")
    model.condition(1, 700004)
    model.drug(1, 700010, quantity=12, drug_exposure_start_datetime="2016-04-01 09:30:00")
    model.drug(4, 700010, quantity=2)
    model.drug(3, 700011, quantity=1)
    model.drug(1, 19008572, quantity=30, days_supply=30)
    model.add("death", person_id=1, death_date="2019-01-02")
    model.add("observation_period", person_id=1, observation_period_start_date="2015-01-01",
              observation_period_end_date="2018-12-31")  # fmt: skip
    model.write()
    read = model.read()
    assert [left for _, _, left in read.cohort] == [5, 5, 4, 3, 2, 1]
    (patient,) = read.tables["patient"].to_dicts()
    assert (patient["patient_id"], patient["sex"]) == ("1", "female")
    assert patient["birth_date"] == date(2008, 5, 14)
    assert patient["diagnosis_date"] == date(2016, 3, 1)
    assert patient["diagnosis"] == "Childhood type dermatomyositis"
    assert patient["followup_end"] == date(2018, 12, 31)
    assert patient["death_date"] == date(2019, 1, 2)
    (infusion,) = read.tables["infusion"].to_dicts()
    assert (infusion["dose"], infusion["dose_unit"]) == (60.0, "g")
    assert infusion["minute_of_day"] == 9 * 60 + 30
    (event,) = read.tables["event"].to_dicts()
    assert (event["kind"], event["term"]) == ("adverse_event", "fever")
    assert read.tables["medication"].is_empty()
    assert "Topical Cream" in found(read, "drug_text_not_counted")[0]
    rules = dict(read.accounting.select("file", "ignored_by_rule").iter_rows())
    assert rules["cdm/condition_occurrence.csv"] == "concept_not_followed: 1; outside_cohort: 5"
    assert rules["cdm/person.csv"] == "outside_cohort: 4"


def test_what_stands_below_a_concept_is_found_where_ancestors_are_delivered(model):
    # without an age only a code of childhood counts: that of the nearest concept above
    model.person(1, year_of_birth=None, month_of_birth=None, day_of_birth=None)
    model.condition(1, 700001)
    model.write()
    read = model.read('cohort = "jdm"')
    assert read.cohort[-1][2] == 0
    assert found(read, "omop_no_descendants") == ["no rows in CONCEPT_ANCESTOR"]
    for above, levels in ((80182, 2), (4005037, 1)):
        model.add("concept_ancestor", ancestor_concept_id=above, descendant_concept_id=700001,
                  min_levels_of_separation=levels)  # fmt: skip
    model.write()
    read = model.read('cohort = "jdm"')
    assert read.cohort[-1][2] == 1
    assert not found(read, "omop_no_descendants")


def test_a_code_of_the_source_counts_where_the_standard_concept_says_nothing(model):
    model.person(1)
    model.condition(1, 0, condition_source_concept_id=45533612)
    model.person(2)
    model.condition(2, 700004, condition_source_value="M33.02")
    model.write()
    assert model.read('cohort = "jdm"').tables["patient"]["patient_id"].to_list() == ["1"]


ATLAS = {
    "items": [
        {"concept": {"CONCEPT_ID": 700001, "CONCEPT_NAME": "of the ward"},
         "includeDescendants": True, "isExcluded": False},
        {"concept": {"CONCEPT_ID": 45533612, "CONCEPT_NAME": "with myopathy"},
         "includeDescendants": False, "isExcluded": True},
    ]
}  # fmt: skip


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_concept_set_of_atlas_takes_the_place_of_our_list(model, tmp_path, is_wrapped):
    content = {"name": "JDM", "expression": ATLAS} if is_wrapped else ATLAS
    (tmp_path / "jdm.json").write_text(json.dumps(content), encoding="utf-8")
    for number, concept in enumerate((700001, 45533612, 4005037), start=1):
        model.person(number)
        model.condition(number, concept)
    model.write()
    read = model.read(
        'cohort = "jdm"\n[source.concept_sets]\njuvenile_dermatomyositis = "jdm.json"'
    )
    assert read.tables["patient"]["patient_id"].to_list() == ["1"]


def test_a_code_list_of_ours_as_a_concept_set(model, tmp_path):
    (tmp_path / "jdm.toml").write_text(
        'kind = "codes"\nid = "own"\nversion = "1.0.0"\ntitle = "Own codes"\n'
        'wording = "Codes of the ward."\nverified = false\nabout = "diagnosis"\n'
        '[[concepts]]\nid = "own_jdm"\ntitle = "JDM of the ward"\n'
        'codes = [{ system = "SNOMED", code = "999001", flag = "P" }]\n',
        encoding="utf-8",
    )
    model.person(1)
    model.condition(1, 700001)
    model.write()
    read = model.read(
        'cohort = "jdm"\n[source.concept_sets]\njuvenile_dermatomyositis = "jdm.toml"'
    )
    assert read.cohort[-1][2] == 1


@pytest.mark.parametrize(
    ("concept", "cells", "dose"),
    [
        (1551170, {"quantity": 60, "days_supply": 30}, (40.0, "mg/day", 1)),
        (1551170, {"quantity": 0, "days_supply": 30}, (None, None, 1)),
        (1551170, {"quantity": 60}, (None, None, 1)),
        (1551170, {"sig": "take 2 tablets by mouth once daily"}, (40.0, "mg/day", 1)),
        (1551170, {"sig": "1 tablet every other day"}, (20.0, "mg/day", 2)),
        (1551170, {"quantity": 30, "days_supply": 30, "sig": "1 tablet prn"}, (None, None, 1)),
        (1551170, {"quantity": 30, "days_supply": 30, "sig": "2 tablets daily"}, (None, None, 1)),
        (1551170, {"quantity": 40, "days_supply": 1, "dose_unit_source_value": "mg"},
         (None, None, 1)),
        (1551170, {"quantity": 60, "days_supply": 30, "dose_unit_source_value": "tablet"},
         (40.0, "mg/day", 1)),
        (700013, {"quantity": 100, "days_supply": 10}, (30.0, "mg/day", 1)),
        (1551099, {"quantity": 20, "dose_unit_source_value": "mg/day"}, (20.0, "mg/day", 1)),
        (1551099, {"quantity": 20, "dose_unit_source_value": "mg"}, (None, None, 1)),
        (1551099, {"quantity": 20, "days_supply": 30}, (None, None, 1)),
        (1506270, {"quantity": 1000, "dose_unit_source_value": "mg",
                   "drug_exposure_end_date": "2016-04-01"}, (1000.0, "mg", 1)),
    ],
)  # fmt: skip
def test_a_dose_is_worked_out_where_the_row_says_one(model, concept, cells, dose):
    model.person(1)
    model.drug(1, concept, **cells)
    model.write()
    (row,) = model.read('cohort = "everyone"').tables["medication"].to_dicts()
    assert (row["dose"], row["dose_unit"], row["every_n_days"]) == dose


def test_the_table_of_strengths_counts_before_the_name(model):
    model.person(1)
    model.drug(1, 1551170, quantity=60, days_supply=30)
    model.add("drug_strength", drug_concept_id=1551170, ingredient_concept_id=1551099,
              amount_value=5, amount_unit_concept_id=8576)  # fmt: skip
    model.write()
    assert model.read('cohort = "everyone"').tables["medication"]["dose"].to_list() == [10.0]


def test_an_infusion_known_by_a_procedure_alone_has_no_dose(model):
    """It counts once a day, beside drug exposures not at all; what is measured is no infusion."""
    model.person(1)
    model.condition(1, 4005037)
    model.drug(1, 700010, "2016-04-01", quantity=4)
    for day, concept in (("2016-04-01", 700020), ("2016-05-01", 700020), ("2016-05-02", 700021),
                         ("2016-05-03", 700022), ("2016-05-04", 700023)):  # fmt: skip
        model.procedure(1, concept, day)
    model.procedure(1, 0, "2016-06-01", procedure_source_value="IVIG infusion, day ward")
    model.procedure(1, 0, "2016-06-02", procedure_source_value="IgG level before IVIG")
    model.write()
    read = model.read('cohort = "jdm"')
    rows = read.tables["infusion"].sort("date").select("date", "dose", "dose_unit").rows()
    assert [(day, dose is None) for day, dose, _ in rows] == [
        (date(2016, 4, 1), False), (date(2016, 5, 1), True), (date(2016, 6, 1), True),
    ]  # fmt: skip
    account = read.accounting.filter(pl.col("file") == "cdm/procedure_occurrence.csv")
    assert account.select("rows_in", "rows_used", "rows_ignored").row(0) == (7, 2, 5)
    assert account["ignored_by_rule"][0] == "concept_not_followed: 4; infusion_recorded_twice: 1"
    (said,) = found(read, "omop_infusion_as_procedure")
    assert said == "2 infusions known by a procedure alone, dose unknown"
    # a concept set of the study needs no words
    (model.folder / "ivig.json").write_text(json.dumps(
        {"items": [{"concept": {"CONCEPT_ID": number, "CONCEPT_NAME": "ivig"},
                    "includeDescendants": False} for number in (700010, 700023)]}
    ))  # fmt: skip
    own = model.read('cohort = "jdm"\n[source.concept_sets]\nimmunoglobulin = "ivig.json"')
    assert date(2016, 5, 4) in own.tables["infusion"]["date"].to_list()


def test_a_child_whose_infusions_are_procedures_alone_belongs_to_the_cohort(model):
    """A procedure on the day of a replacement dose does not make that dose unknown."""
    for number in (1, 2, 3):
        model.person(number)
        model.condition(number, 4005037)
        model.weight(number, 30.0)
    model.procedure(1, 700020, "2016-05-01")
    model.procedure(2, 700021, "2016-05-01")
    model.drug(3, 700010, "2016-04-01", quantity=2)
    model.procedure(3, 700020, "2016-04-01")
    model.write()
    read = model.read('cohort = "jdm_ivig"')
    assert read.tables["infusion"]["patient_id"].unique().to_list() == ["1"]
    assert [n for _, _, n in read.cohort] == [3, 3, 3, 3, 2, 1]


@pytest.mark.parametrize(
    ("name", "is_given"),
    [
        ("Infusion of immunoglobulin", True),
        ("Intravenous immunoglobulin therapy", True),
        ("IVIG", True),
        ("Immunoglobulin G measurement", False),
        ("Immunoglobulin level", False),
        ("Quantitative measurement of intravenous immunoglobulin", False),
        ("Immunoglobulin", False),
        ("", True),
    ],
)
def test_a_procedure_gives_only_where_its_name_says_so(name, is_given):
    assert says_given([name], make_context(RULEBOOK)) == is_given


def test_what_contradicts_itself_or_holds_several_drugs_is_said(model):
    model.person(1)
    model.drug(1, 1551170, quantity=30, days_supply=30, sig="2 tablets daily")
    model.drug(1, 700012, quantity=1)
    model.weight(1, 30, unit_source_value="g")
    model.write()
    read = model.read('cohort = "everyone"')
    assert "sig 2 tablets daily" in found(read, "omop_dose_contradicts")[0]
    assert found(read, "omop_combination_not_read") == [CONCEPTS[11][1]]
    assert found(read, "omop_unit_differs") == ["kg by its concept, g as written"]
    assert read.tables["assessment"]["value"].to_list() == [30.0]


@pytest.mark.parametrize(
    ("cells", "birth"),
    [
        ({"month_of_birth": None, "day_of_birth": None,
          "birth_datetime": "2008-01-01 00:00:00"}, (date(2008, 7, 1), "year_placed_on_1_july")),
        ({"day_of_birth": None}, (date(2008, 5, 15), "month_placed_on_15th")),
        ({"month_of_birth": None, "day_of_birth": None,
          "birth_datetime": "2008-09-23 00:00:00"}, (date(2008, 9, 23), "day")),
        ({"month_of_birth": 1, "day_of_birth": 1}, (date(2008, 1, 1), "day")),
    ],
)  # fmt: skip
def test_a_year_of_birth_never_becomes_a_first_of_january(model, cells, birth):
    model.person(1, **cells)
    model.write()
    (row,) = model.read('cohort = "everyone"').tables["patient"].to_dicts()
    assert (row["birth_date"], row["birth_date_precision"]) == birth


def test_values_keep_their_sign_and_their_range(model):
    model.person(1)
    model.add("measurement", person_id=1, measurement_concept_id=3007220,
              measurement_date="2016-04-01", value_as_number=20, operator_concept_id=4171756,
              unit_concept_id=8645, range_low=30, range_high=170)  # fmt: skip
    model.write()
    (row,) = model.read('cohort = "everyone"').tables["assessment"].to_dicts()
    assert (row["measure"], row["value_qualifier"], row["value"]) == ("creatine_kinase", "<", 20)
    assert (row["unit"], row["lower_limit"], row["upper_limit"]) == ("U/L", 30, 170)


def test_without_a_vocabulary_the_known_ids_are_found_and_it_is_said(model):
    model.person(1)
    model.condition(1, 4005037)
    model.rows["concept"].clear()
    model.write(without=("concept", "concept_ancestor"))
    read = model.read('cohort = "jdm"')
    assert read.cohort[-1][2] == 1
    assert found(read, "omop_no_vocabulary") == ["no rows in CONCEPT"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("version", "the OMOP common data model in version 5.3 or 5.4"),
        ("table", "the table drug_exposure"),
        ("column", "a column measurement_concept_id in measurement"),
        ("cut", "the file ends within a row"),
        ("long row", "whose every row has the cells of its header"),
        ("two files", "one file for the table person"),
        ("parquet", "whose every row has the cells of its header"),
        ("set", "the concept set nothing.json"),
        ("name", "names of our diagnoses, drugs or measures"),
    ],
)
def test_a_delivery_that_cannot_be_trusted_is_refused_in_words(model, damage, said):
    model.person(1)
    model.weight(1, 30)
    if damage == "version":
        model.rows["cdm_source"][0]["cdm_version"] = "6.0"
    model.write(without=("drug_exposure",) if damage == "table" else ())
    cdm, lines = model.folder / "cdm", ""
    measured = cdm / "measurement.csv"
    text = measured.read_text(encoding="utf-8")
    if damage == "column":
        measured.write_text(text.replace("measurement_concept_id", "concept"), encoding="utf-8")
    elif damage == "cut":
        measured.write_text(text[: text.index("2016") + 3], encoding="utf-8")
    elif damage == "long row":
        measured.write_text(text + text.splitlines()[1] + ",,one more\n", encoding="utf-8")
    elif damage == "two files":
        (cdm / "PERSON.tsv").write_text("person_id\n", encoding="utf-8")
    elif damage == "parquet":
        measured.unlink()
        (cdm / "measurement.parquet").write_bytes(b"PAR1 and then nothing")
    elif damage == "set":
        lines = '[source.concept_sets]\njuvenile_dermatomyositis = "nothing.json"'
    elif damage == "name":
        (model.folder / "a.json").write_text(json.dumps(ATLAS), encoding="utf-8")
        lines = '[source.concept_sets]\njdm = "a.json"'
    with pytest.raises(UserError) as refused:
        model.read(lines)
    assert said in str(refused.value)


def test_non_ascii_text_in_any_encoding_comes_through(model):
    model.person(1, person_source_value="Ä-Ülo-李", care_site_id=1)
    model.add("care_site", care_site_name="Универсиада")
    model.write()
    lines = 'cohort = "everyone"\npatient_id = "person_source_value"'
    (row,) = model.read(lines).tables["patient"].to_dicts()
    assert (row["patient_id"], row["site"]) == ("Ä-Ülo-李", "Универсиада")
    path = model.folder / "cdm" / "person.csv"
    text = path.read_text(encoding="utf-8").replace("李", "")
    path.write_text(text, encoding="cp1252")
    read = model.read(lines)
    assert read.tables["patient"]["patient_id"].to_list() == ["Ä-Ülo-"]
    assert found(read, "encoding_assumed") == ["not UTF-8; read as cp1252"]
    path.write_text(text, encoding="utf-16")
    assert model.read(lines).tables["patient"]["patient_id"].to_list() == ["Ä-Ülo-"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Take 2 tablets by mouth twice daily", (2.0, 2.0, None, False)),
        ("1 tablet every other day", (1.0, 1.0, 2, False)),
        ("TAKE 1 TAB PO PRN", (None, None, None, True)),
        ("3 tablets daily for 5 days then 2 tablets daily", (None, 1.0, None, False)),
        ("3 tablets in the morning, 2 tablets at night", (None, None, None, False)),
        ("", (None, None, None, False)),
    ],
)
def test_directions_are_read_only_where_they_say_one_dose(text, read):
    assert read_sig(text, IDS) == read


def test_a_folder_is_recognised_by_its_tables(model, tmp_path):
    model.write()
    assert recognise(tmp_path / "cdm") is not None
    (tmp_path / "cdm" / "person.csv").unlink()
    assert recognise(tmp_path / "cdm") is None


@pytest.mark.parametrize("cohort", ["jdm_ivig", "everyone"])
def test_a_row_without_a_person_is_quarantined_whole(model, cohort):
    for number in (1, 2):
        model.person(number)
    model.condition(1, 4005037)
    model.condition(None, 4005037)
    model.condition(None, 700004)
    model.drug(1, 700010, quantity=12)
    model.drug("?", 700010, quantity=12)
    model.weight(1, 30.0)
    model.weight(None, 30.0)
    model.add("observation_period", observation_period_start_date="2015-01-01",
              observation_period_end_date="2018-12-31")  # fmt: skip
    model.write()
    read = model.read(f'cohort = "{cohort}"')
    fate = {(row["file"], row["sheet"]): row for row in read.accounting.to_dicts()}
    lost = {file for file, sheet in fate if sheet == "without person_id"}
    assert lost == {f"cdm/{name}.csv" for name in (
        "condition_occurrence", "drug_exposure", "measurement", "observation_period")}  # fmt: skip
    for file in lost:
        assert fate[file, "without person_id"]["rows_quarantined"] == 1
    rules = pl.concat([table.select("rule") for table in read.quarantine.values()])
    assert rules["rule"].to_list() == ["no_subject"] * 4
    ignored = fate["cdm/condition_occurrence.csv", None]["ignored_by_rule"]
    assert ignored == "concept_not_followed: 1"
    assert sum(row["rows_in"] for row in fate.values() if "person" in row["file"]) == 2


@pytest.mark.parametrize(
    ("words", "is_in"),
    [
        ("CVID", False),
        ("X-linked agammaglobulinemia", False),
        ("Common variable immunodeficiency (disorder)", False),
        ("D80.2", True),
        ("no primary immunodeficiency", True),
    ],
)
def test_words_without_a_concept_mean_a_diagnosis_as_a_whole(model, words, is_in):
    model.person(1)
    model.condition(1, 0, condition_source_value="Juvenile dermatomyositis")
    model.condition(1, 0, condition_source_value=words)
    model.write()
    read = model.read('cohort = "jdm"')
    assert [left for _, _, left in read.cohort] == [1, 1, 1, int(is_in)]
    if is_in:
        (patient,) = read.tables["patient"].to_dicts()
        assert patient["diagnosis"] == "Juvenile dermatomyositis"
        assert patient["diagnosis_date"] == date(2016, 3, 1)


def test_weights_in_pounds_are_taken_for_what_they_are(model):
    model.person(1)
    model.condition(1, 4005037)
    for day in ("2016-04-01", "2016-04-29", "2016-05-27"):
        model.drug(1, 700010, day, quantity=2)
    model.weight(1, 55.0, unit_concept_id=0, unit_source_value="lb")
    model.write()
    # 10 g in 24.9 kg
    assert model.read().cohort[-1][2] == 0
