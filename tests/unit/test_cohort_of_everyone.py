"""One population that holds everyone, as OMOP, FHIR and SDTM: the same flow, the same children."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from heliotrope.classify.evaluate import evaluate
from heliotrope.ingest import Ingested, read_records
from heliotrope.records.shard import Shard
from heliotrope.simulate.cohort import simulate_cohort
from heliotrope.simulate.forms.conditions import CONDITION
from heliotrope.simulate.forms.fhir import write_fhir
from heliotrope.simulate.forms.omop import write_omop
from heliotrope.simulate.forms.sdtm import write_sdtm
from heliotrope.study import read_study

WRITERS = {"omop": write_omop, "fhir": write_fhir, "sdtm": write_sdtm}
FOLDERS = {"omop": "cdm", "fhir": "resources", "sdtm": "sdtm"}

CHILD, ADULT, SEEN = date(2010, 5, 14), date(1970, 5, 14), date(2016, 1, 10)
JDM = "Juvenile dermatomyositis"

# Who: birth, disease, day of its diagnosis, another diagnosis, weight, and infusions: how many,
# how many days apart, dose, unit, route.
MONTHLY = (6, 28)
PEOPLE = {
    "treated": (CHILD, JDM, SEEN, None, 20.0, (*MONTHLY, 40.0, "g", "iv")),
    "treated by weight": (CHILD, JDM, SEEN, None, None, (*MONTHLY, 2.0, "g/kg", "iv")),
    "replaced": (CHILD, JDM, SEEN, None, None, (*MONTHLY, 0.4, "g/kg", "iv")),
    "replaced in grams": (CHILD, JDM, SEEN, None, 25.0, (*MONTHLY, 10.0, "g", "iv")),
    "unweighed": (CHILD, JDM, SEEN, None, None, (*MONTHLY, 10.0, "g", "iv")),
    "under the skin": (CHILD, JDM, SEEN, None, 25.0, (20, 7, 0.1, "g/kg", "sc")),
    "untreated": (CHILD, JDM, SEEN, None, 25.0, None),
    "late": (date(1997, 1, 9), JDM, SEEN, None, 60.0, (*MONTHLY, 2.0, "g/kg", "iv")),
    "deficient": (CHILD, JDM, SEEN, "Common variable immunodeficiency", 20.0,
                  (*MONTHLY, 40.0, "g", "iv")),
    "only deficient": (CHILD, "Combined immunodeficiencies", SEEN, None, 20.0,
                       (*MONTHLY, 8.0, "g", "iv")),
    "adult": (ADULT, "Adult onset dermatomyositis", SEEN, None, 70.0,
              (*MONTHLY, 2.0, "g/kg", "iv")),
    "adult too": (ADULT, "Dermatomyositis", SEEN, None, 70.0, (*MONTHLY, 60.0, "g", "iv")),
    "adult on replacement": (ADULT, "Dermatomyositis", SEEN, None, 80.0,
                             (*MONTHLY, 30.0, "g", "iv")),
    "kawasaki": (CHILD, "Kawasaki disease", SEEN, None, 20.0, (1, 1, 2.0, "g/kg", "iv")),
    "kawasaki and asthma": (CHILD, "Kawasaki disease", SEEN, "Asthma", 20.0, None),
    "well": (CHILD, None, None, "Asthma", 20.0, None),
}  # fmt: skip

# What each cohort leaves in, step by step, and whom at the end.
EXPECTED: Mapping[str, tuple[list[int], set[str]]] = {
    "jdm_ivig": ([16, 11, 8, 7, 5, 3], {"treated", "treated by weight", "unweighed"}),
    "jdm": ([16, 11, 8, 7], {
        "treated", "treated by weight", "unweighed", "replaced", "replaced in grams",
        "under the skin", "untreated",
    }),
    "adult_dm_ivig": ([16, 3, 3, 3, 3, 2], {"adult", "adult too"}),
    "kawasaki_ivig": ([16, 2, 1], {"kawasaki"}),
    "everyone": ([16, 16], set(PEOPLE)),
}  # fmt: skip


def make_people() -> dict[str, pl.DataFrame]:
    tables = {name: table.clear() for name, table in simulate_cohort(2, 1).items()}
    patients, weights, infusions, others = [], [], [], []
    for name, (birth, disease, day, other, weight, given) in PEOPLE.items():
        patients.append({"patient_id": name, "birth_date": birth, "diagnosis": disease,
                         "diagnosis_date": day, "followup_end": date(2018, 12, 31),
                         "sex": "female"})  # fmt: skip
        if other is not None:
            others.append({"patient_id": name, "date": date(2013, 3, 1), "diagnosis": other})
        if weight is not None:
            weights.append({"patient_id": name, "date": SEEN, "measure": "weight",
                            "value": weight, "unit": "kg"})  # fmt: skip
        for number in range(given[0] if given else 0):
            _, gap, dose, unit, route = given
            infusions.append({"patient_id": name, "date": SEEN + timedelta(days=gap * number),
                              "dose": dose, "dose_unit": unit, "route": route,
                              "product": "Privigen"})  # fmt: skip
    return {
        **tables,
        "patient": fill(tables["patient"], patients),
        "assessment": fill(tables["assessment"], weights),
        "infusion": fill(tables["infusion"], infusions),
        "condition": fill(pl.DataFrame(schema=CONDITION), others),
    }


def fill(empty: pl.DataFrame, rows: Iterable[dict[str, object]]) -> pl.DataFrame:
    listed = [[row.get(name) for name in empty.columns] for row in rows]
    return pl.DataFrame(listed, schema=empty.schema, orient="row")


def read_example() -> dict[str, str]:
    """Return the files that the manual shows for another indication."""
    manual = (Path(__file__).parents[2] / "docs" / "cohorts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n# own/(\S+)\n(.*?)```", manual, re.DOTALL)
    assert len(blocks) == 2
    return dict(blocks)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, tables = tmp_path_factory.mktemp("everyone"), make_people()
    for form, write in WRITERS.items():
        write(tables, folder / form / FOLDERS[form] if form == "fhir" else folder / form)
        own = folder / form / "own"
        own.mkdir(parents=True)
        for name, content in read_example().items():
            (own / name).write_text(content, encoding="utf-8")
    return folder


def read(folder: Path, form: str, cohort: str) -> Ingested:
    named = 'patient_id = "person_source_value"\n' if form == "omop" else ""
    (folder / form / "study.toml").write_text(
        f'definitions = "own"\n[[source]]\nform = "{form}"\nfile = "{FOLDERS[form]}"\n'
        f'cohort = "{cohort}"\n{named}',
        encoding="utf-8",
    )
    study = read_study(folder / form)
    return read_records(study, study.read_rulebook())


@pytest.mark.parametrize("cohort", EXPECTED)
def test_the_three_forms_have_one_flow_and_one_cohort(people: Path, cohort: str) -> None:
    counts, wanted = EXPECTED[cohort]
    flows = {}
    for form in WRITERS:
        ingested = read(people, form, cohort)
        flows[form] = ingested.cohort
        assert [left for _, _, left in ingested.cohort] == counts, form
        assert set(ingested.tables["patient"]["patient_id"]) == wanted, form
        infused = set(ingested.tables["infusion"]["patient_id"])
        assert infused == {name for name in wanted if PEOPLE[name][5] is not None}, form
        rules = dict(ingested.findings.select("rule", "found").iter_rows())
        left_out = counts[0] - counts[-1]
        outside = f"{left_out} of 16 persons in the source" if left_out else None
        assert rules.get("outside_cohort") == outside, form
        unjudged = rules.get("replacement_not_judged")
        assert unjudged == ("1 of 3 persons of the cohort" if cohort == "jdm_ivig" else None), form
        assert ingested.accounting["rows_quarantined"].sum() == 0, form
        diseases = ingested.tables["patient"].select("patient_id", "diagnosis").iter_rows()
        for name, disease in diseases if cohort != "everyone" else ():
            assert disease.casefold() == PEOPLE[name][1].casefold(), form
    assert flows["omop"] == flows["fhir"] == flows["sdtm"]


def test_who_is_selected_has_a_regimen_of_treatment(people: Path) -> None:
    everyone = read(people, "sdtm", "jdm")
    regimens = evaluate(
        Shard.from_tables(everyone.tables), read_study(people / "sdtm").read_rulebook()
    ).tables["regimen"]
    treated = regimens.filter(pl.col("purpose") == "treatment")["patient_id"]
    assert set(treated) == EXPECTED["jdm_ivig"][1]
