"""The proposed REDCap project: what `init --redcap` and `simulate --as redcap` write is read."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import fields
from datetime import date

import polars as pl
import pytest

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.redcap_dictionary import (
    HEADINGS,
    make_redcap_dictionary,
    write_redcap_dictionary,
)
from heliotrope.definitions.redcap_project import LONGEST_NAME, redcap_project_of
from heliotrope.errors import UserError
from heliotrope.ingest import read_records
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.redcap.template import write_redcap_template
from heliotrope.records.shard import Shard
from heliotrope.simulate.cohort import simulate_cohort, write_csv
from heliotrope.simulate.forms.redcap import write_redcap
from heliotrope.study import read_study

RULEBOOK = read_rulebook()
CHILDREN, SEED = 24, 11


def read_folder(path):
    study = read_study(path)
    return read_records(study, study.read_rulebook())


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    tables = simulate_cohort(CHILDREN, SEED)
    write_csv(tables, folder / "csv")
    write_redcap(tables, folder / "redcap")
    return folder, read_folder(folder / "csv"), read_folder(folder / "redcap")


def without_places(frame: pl.DataFrame) -> pl.DataFrame:
    """Take the source cells out of a result and sort it whole."""
    kept = [
        name
        for name, dtype in frame.schema.items()
        if "row_id" not in name and "row_id" not in str(dtype) and name != "sources"
    ]
    plain = frame.select(sorted(kept))
    return plain.sort([pl.struct(pl.all()).hash(7), *plain.columns[:1]]) if plain.width else plain


def find_frames(value, name=""):
    """Give every frame of an evaluation by its name."""
    if isinstance(value, pl.DataFrame):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from find_frames(item, f"{name}.{key}")
    elif hasattr(value, "__dataclass_fields__"):
        for field in fields(value):
            yield from find_frames(getattr(value, field.name), f"{name}.{field.name}")


def test_a_cohort_comes_back_as_from_plain_tables(both):
    _, plain, redcap = both
    assert redcap.accounting["rows_used"][0] == redcap.accounting["rows_in"][0] > CHILDREN
    assert redcap.accounting["cells_quarantined"].sum() == 0
    for name, table in plain.tables.items():
        assert without_places(redcap.tables[name]).equals(without_places(table)), name


def test_derived_tables_responses_and_trace_are_the_same_but_for_the_cells(both):
    _, plain, redcap = both
    results = [
        dict(find_frames(evaluate(Shard.from_tables(read.tables), RULEBOOK)))
        for read in (plain, redcap)
    ]
    assert results[0].keys() == results[1].keys()
    assert sum(frame.height for frame in results[0].values()) > 1000
    for name, frame in results[0].items():
        if name.endswith("trace_source"):
            assert frame.height == results[1][name].height
            continue
        assert without_places(results[1][name]).equals(without_places(frame)), name


def test_labels_are_read_as_well_as_codes(both):
    """The same export as REDCap writes it with labels, in headings and in cells."""
    folder, _, redcap = both
    lines = (folder / "redcap" / "labels" / "data.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].count("Complete?") > 1
    assert {"Enrolment", "Checked", "Unverified", "Not asked"} <= set(",".join(lines).split(","))
    read = read_folder(folder / "redcap" / "labels")
    for name, table in redcap.tables.items():
        assert without_places(read.tables[name]).equals(without_places(table)), name


def test_the_export_is_that_of_a_longitudinal_project(both):
    """Everything that an export can have is there: else the round trip would show less."""
    folder, _, redcap = both
    data = pl.read_csv(folder / "redcap" / "data.csv", infer_schema=False)
    keys = data.select("redcap_event_name", "redcap_repeat_instrument").unique().rows()
    repeats = {(event, form) for event, form in keys}
    assert ("visit_arm_1", None) in repeats  # repeats as a whole: instances without a form
    assert data.filter(redcap_event_name="visit_arm_1")["redcap_repeat_instance"].max() is not None
    assert {("first_infusion_arm_1", None), ("course_arm_1", "jdm_infusion")} <= repeats
    assert set(data["jdm_medication_complete"].drop_nulls()) == {"0", "1", "2"}
    assert "[not completed]" in data["jdm_visit_timestamp"].to_list()
    assert data["redcap_data_access_group"].null_count() == 0
    assert not any(text.isdigit() for text in data["patient_id"])
    boxes = [name for name in data.columns if name.startswith("infusion_premedication___")]
    assert boxes[-2:] == ["infusion_premedication___nask", "infusion_premedication____99"]
    assert "1" in data["infusion_premedication___nask"].to_list()
    assert "-99" in data["physician_global"].to_list()
    assert "NASK" in data["antibody"].to_list()
    assert redcap.tables["infusion"]["premedication"].str.contains(";").any()
    ours = {"redcap_column_unknown", "redcap_unknown_event", "redcap_unknown_choice", "file_unused"}
    assert not ours & set(redcap.findings["rule"])


def test_a_data_access_group_is_the_centre_where_none_is_written(both, tmp_path):
    folder, _, _ = both
    data = pl.read_csv(folder / "redcap" / "data.csv", infer_schema=False)
    data = data.with_columns(site=pl.lit(None), redcap_data_access_group=pl.lit("clinic_a"))
    data.write_csv(tmp_path / "data.csv")
    write_redcap_template(tmp_path)
    assert set(read_folder(tmp_path).tables["patient"]["site"]) == {"clinic_a"}


def test_the_dictionary_keeps_the_rules_of_redcap():
    rows = list(csv.reader(io.StringIO(write_redcap_dictionary(RULEBOOK))))
    assert tuple(rows[0]) == HEADINGS
    assert len(HEADINGS) == 18
    assert {len(row) for row in rows} == {18}
    names = [row[0] for row in rows[1:]]
    assert len(set(names)) == len(names)
    for row in rows[1:]:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", row[0])
        assert len(row[0]) <= LONGEST_NAME
        assert row[3] in {"text", "dropdown", "radio", "yesno"}
        assert row[7] in {"", "date_ymd", "time", "number", "integer"}
        assert bool(row[5]) == (row[3] in {"dropdown", "radio"})
        codes = [choice.partition(",")[0].strip() for choice in row[5].split("|") if choice]
        assert all(re.fullmatch(r"[A-Za-z0-9_]+", code) for code in codes)
        assert len(set(codes)) == len(codes)
    forms = [row[1] for row in rows[1:]]
    assert forms == sorted(forms, key=list(dict.fromkeys(forms)).index)


def test_the_project_holds_every_table_and_column_and_every_measure_it_names():
    project = redcap_project_of(RULEBOOK)
    for table, columns in TABLE_COLUMNS.items():
        forms = [form for form in project.forms if form.table == table]
        held = {item.column for form in forms for item in form.fields} | {"patient_id"}
        assert held == {spec.name for spec in columns}, table
    known = measures_of(RULEBOOK)
    assert {item.measure for form in project.forms for item in form.measures} <= set(known)
    (names,) = [row for row in make_redcap_dictionary(RULEBOOK) if row.name == "measure_name"]
    assert {word for word, _, _ in names.choices} == set(known)


def test_a_new_folder_explains_itself_and_nothing_is_overwritten(tmp_path):
    written = write_redcap_template(tmp_path / "new")
    assert [path.name for path in written] == [
        "dictionary.csv",
        "repeating_instruments.csv",
        "README.txt",
    ]
    said = written[2].read_text(encoding="utf-8")
    assert "- jdm_infusion: Immunoglobulin, one day" in said
    with pytest.raises(UserError, match="nothing was overwritten"):
        write_redcap_template(tmp_path / "new")


def test_what_has_no_field_of_its_own_stands_among_the_other_measures(tmp_path):
    """An item of a form, another unit, a second value of the day: nothing is lost."""
    tables = simulate_cohort(1, 5)
    schema = tables["assessment"].schema
    rows = [
        ("creatine_kinase", 3.1, "ukat/L", None),
        ("creatine_kinase", 210.0, "U/L", None),
        ("creatine_kinase", 215.0, "U/L", None),
        ("cmas_sit_ups", 3.0, None, None),
        ("physician_judgement", None, None, "worse"),
    ]
    child = tables["patient"]["patient_id"][0]
    tables["assessment"] = pl.DataFrame(
        [
            {"patient_id": child, "date": date(2016, 3, 1), "measure": measure,
             "value": value, "unit": unit, "text": text}
            for measure, value, unit, text in rows
        ],
        schema=schema,
    )  # fmt: skip
    write_csv(tables, tmp_path / "csv")
    write_redcap(tables, tmp_path / "redcap")
    plain, redcap = (read_folder(tmp_path / form) for form in ("csv", "redcap"))
    assert redcap.tables["assessment"].height == len(rows)
    assert without_places(redcap.tables["assessment"]).equals(
        without_places(plain.tables["assessment"])
    )
