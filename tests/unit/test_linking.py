"""Several sources of one study: link tables, which source counts, and what is never guessed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest import Ingested, read_records
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study

SHIPPED = cache(read_rulebook)

VISITS = """record,date,ivig_g,route,ck
007,2019-01-05,20,iv,900
007,2019-02-05,20,iv,500
008,2019-01-06,,,300
"""
PHARMACY = """mrn,given,brand,dose
5501,2019-01-05,Privigen,20
5501,2019-02-05,Privigen,25
5502,2019-01-06,Privigen,30
5599,2019-01-06,Privigen,30
"""
KEY = """hospital,study
5501,007
5502,008
5503,009
,010
"""
STUDY = """
[[source]]
file = "visits.csv"
table = "infusion"
rows = [{ column = "route", filled = true }]
[source.columns]
patient_id = "record"
dose = "ivig_g"
[source.constants]
dose_unit = "g"
[[source]]
file = "visits.csv"
table = "assessment"
[source.columns]
patient_id = "record"
[[source]]
file = "pharmacy.csv"
table = "infusion"
[source.columns]
patient_id = "mrn"
date = "given"
product = "brand"
[source.constants]
dose_unit = "g"
route = "iv"
"""
LINK = """
[[link]]
source = "pharmacy.csv"
file = "key.csv"
from = "hospital"
to = "study"
"""
PHARMACY_FIRST = '\n[precedence]\ninfusion = ["pharmacy.csv", "visits.csv"]\n'
VISITS_FIRST = '\n[precedence]\ninfusion = ["visits.csv", "pharmacy.csv"]\n'


def read(folder: Path, study: str, **files: str) -> Ingested:
    given = {"visits": VISITS, "pharmacy": PHARMACY, "key": KEY, **files}
    for name, content in given.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    (folder / "study.toml").write_text(study, encoding="utf-8")
    found = read_study(folder)
    return read_records(found, replace(SHIPPED(), settings=found.settings))


def infusions(got: Ingested) -> list[tuple[str, str, float | None]]:
    rows = got.tables["infusion"].sort("patient_id", "date")
    return rows.select("patient_id", pl.col("date").cast(pl.String), "dose").rows()


def found(got: Ingested, rule: str) -> list[tuple[str, str | None, int | None, str | None]]:
    rows = got.findings.filter(pl.col("rule") == rule)
    return rows.select("severity", "file", "row", "found").rows()


def test_the_source_named_first_counts_and_the_other_is_left_out_by_a_named_rule(tmp_path):
    got = read(tmp_path, STUDY + LINK + PHARMACY_FIRST)
    assert infusions(got) == [
        ("007", "2019-01-05", 20.0),
        ("007", "2019-02-05", 25.0),
        ("008", "2019-01-06", 30.0),
    ]
    assert found(got, "sources_disagree") == [
        (
            "warning",
            "visits.csv",
            3,
            "infusion 2019-02-05: dose 20 here, 25 there "
            "(pharmacy.csv, row 3, column dose, which counts)",
        )
    ]
    ((_, file, row, said),) = found(got, "superseded_by_source")
    assert (file, row, said) == ("visits.csv", 2, "pharmacy.csv counts (rows 2, 3)")
    cells = got.accounting.filter(pl.col("file") == "visits.csv").row(0, named=True)
    # the rows still give assessments; only their infusion cells are left out
    assert (cells["rows_used"], cells["cells_used"], cells["cells_ignored"]) == (3, 9, 6)


def test_the_other_order_lets_the_other_dose_count(tmp_path):
    got = read(tmp_path, STUDY + LINK + VISITS_FIRST)
    assert ("007", "2019-02-05", 20.0) in infusions(got)
    ignored = got.accounting.filter(pl.col("file") == "pharmacy.csv")["ignored_by_rule"].item()
    assert ignored == "superseded_by_source: 2"


def test_without_a_declared_order_a_difference_is_an_error(tmp_path):
    got = read(tmp_path, STUDY + LINK)
    assert infusions(got)[1] == ("007", "2019-02-05", 20.0), "the first source of study.toml"
    ((severity, file, row, _),) = found(got, "sources_disagree_undecided")
    assert (severity, file, row) == ("error", "pharmacy.csv", 3)


def test_a_day_without_a_dose_never_counts_before_a_dose(tmp_path):
    visits = VISITS.replace("007,2019-02-05,20,iv", "007,2019-02-05,,iv")
    got = read(tmp_path, STUDY + LINK + VISITS_FIRST, visits=visits)
    assert infusions(got)[1] == ("007", "2019-02-05", 25.0)
    assert found(got, "sources_disagree") == []


def test_several_infusions_of_a_day_are_one_amount(tmp_path):
    pharmacy = "mrn,given,brand,dose\n5501,2019-01-05,Privigen,12\n5501,2019-01-05,Privigen,8\n"
    got = read(tmp_path, STUDY + LINK + PHARMACY_FIRST, pharmacy=pharmacy)
    assert found(got, "sources_disagree") == []
    day = got.tables["infusion"].filter(pl.col("date") == pl.date(2019, 1, 5))
    assert sorted(day["dose"]) == [8.0, 12.0]


def test_equal_values_of_one_measure_count_once(tmp_path):
    study = STUDY + LINK + '\n[[source]]\nfile = "labs.csv"\ntable = "assessment"\n'
    labs = "patient_id,date,measure,value,unit\n007,2019-01-05,CK,900,U/L\n"
    labs += "007,2019-01-05,weight,20,kg\n"
    got = read(tmp_path, study, labs=labs)
    rows = got.tables["assessment"].filter(pl.col("date") == pl.date(2019, 1, 5))
    assert sorted(rows["measure"]) == ["creatine_kinase", "weight"]
    assert found(got, "sources_disagree_undecided")[0][1] != "labs.csv"
    assert [row[1:] for row in found(got, "superseded_by_source")] == [
        ("labs.csv", 2, "visits.csv counts"),
        ("pharmacy.csv", 2, "visits.csv counts (rows 2, 3)"),
    ]


def test_an_identifier_that_the_link_table_lacks_is_set_aside(tmp_path):
    got = read(tmp_path, STUDY + LINK + PHARMACY_FIRST)
    assert found(got, "id_not_in_link") == [("error", "pharmacy.csv", 5, "5599 is not in key.csv")]
    assert got.quarantine["infusion"]["rule"].to_list() == ["id_not_in_link"]
    key = got.accounting.filter(pl.col("file") == "key.csv").row(0, named=True)
    assert (key["rows_in"], key["rows_used"], key["rows_ignored"]) == (4, 2, 2)
    assert key["ignored_by_rule"] == "link_row_incomplete: 1; link_row_not_needed: 1"
    assert found(got, "link_row_incomplete") == [("warning", "key.csv", None, "rows 5")]
    assert "key.csv" in got.input_hashes


def test_identifiers_that_nearly_match_are_listed_and_not_joined(tmp_path):
    pharmacy = PHARMACY.replace("5501", "7").replace("5502", "008").replace("5599", "SITE-9")
    visits = VISITS + "009,2019-03-01,,,100\n"
    got = read(tmp_path, STUDY, pharmacy=pharmacy, visits=visits)
    said = [row[3] for row in found(got, "identifiers_nearly_match")]
    assert said == [
        "pharmacy.csv and visits.csv have the same identifiers but for leading zeros: 7 and 007",
        "pharmacy.csv and visits.csv have the same identifiers but for what stands before the "
        "number: SITE-9 and 009",
    ]
    assert {"7", "007"} <= set(got.tables["infusion"]["patient_id"])


def test_sources_without_a_common_child_are_said(tmp_path):
    got = read(tmp_path, STUDY)
    assert found(got, "sources_share_no_child") == [
        ("warning", None, None, "pharmacy.csv (3 children) and visits.csv (2 children)")
    ]
    assert found(got, "identifiers_nearly_match") == []


def test_one_identifier_with_two_translations_stops(tmp_path):
    with pytest.raises(UserError, match="one translation for each identifier") as refusal:
        read(tmp_path, STUDY + LINK, key=KEY + "5501,008\n")
    assert "two, in rows 2 and 6 (key.csv, row 2, column hospital)" in str(refusal.value)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (LINK.replace("pharmacy.csv", "farmacy.csv"), "source = 'farmacy.csv' is no file"),
        ('\n[precedence]\ninfusion = ["x.csv"]\n', "infusion = 'x.csv' is no file"),
        ('\n[precedence]\ninfusions = ["visits.csv"]\n', "precedence.infusions"),
        (LINK.replace("to =", "into ="), "into"),
    ],
)
def test_a_wrong_name_is_said(tmp_path, said, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, STUDY + said)


def test_a_link_column_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match="a column 'hospital'"):
        read(tmp_path, STUDY + LINK, key="hosp_no,study\n1,2\n")


def test_redcap_for_visits_and_a_pharmacy_list_for_infusions(tmp_path):
    write_simulated_study(SimulationOrder(6, 3, "redcap"), tmp_path / "redcap")
    write_simulated_study(SimulationOrder(6, 3, "csv"), tmp_path / "csv")
    alone = read_records(read_study(tmp_path / "redcap"), SHIPPED()).tables
    infusion = pl.read_csv(tmp_path / "csv" / "infusion.csv", infer_schema=False)
    numbers = {name: f"H{n}" for n, name in enumerate(infusion["patient_id"].unique().sort())}
    theirs = infusion.with_columns(pl.col("patient_id").replace_strict(numbers))
    # the pharmacy gave another dose once, and knows an infusion that REDCap lacks
    dose = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("7")).otherwise("dose")
    extra = theirs.tail(1).with_columns(date=pl.lit("2030-01-01"))
    pl.concat([theirs.with_columns(dose=dose), extra]).write_csv(tmp_path / "pharmacy.csv")
    key = pl.DataFrame({"theirs": numbers.values(), "ours": numbers.keys()})
    key.write_csv(tmp_path / "key.csv")
    (tmp_path / "study.toml").write_text(
        '[[source]]\nform = "redcap"\nfile = "redcap"\n'
        '[[source]]\nfile = "pharmacy.csv"\ntable = "infusion"\n'
        '[[link]]\nsource = "pharmacy.csv"\nfile = "key.csv"\nfrom = "theirs"\nto = "ours"\n'
        '[precedence]\ninfusion = ["pharmacy.csv", "redcap"]\n'
    )
    got = read_records(read_study(tmp_path), SHIPPED())
    assert got.tables["infusion"].height == alone["infusion"].height + 1
    ((severity, file, _, said),) = found(got, "sources_disagree")
    assert severity == "warning"
    assert file is not None
    assert file.startswith("redcap")
    assert "here, 7 there (pharmacy.csv, row 2, column dose, which counts)" in said
    for table in ("patient", "assessment", "medication"):
        assert got.tables[table].drop("row_id").equals(alone[table].drop("row_id")), table
    assert not found(got, "id_not_in_link")
