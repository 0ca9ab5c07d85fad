"""What REDCap exports hold: events, repeats, boxes, labels, codes; and what is wrong with them."""

from __future__ import annotations

import csv
import io
import tomllib
import zipfile
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.redcap_dictionary import HEADINGS
from heliotrope.definitions.vocabulary import finding_rules_of
from heliotrope.errors import UserError
from heliotrope.ingest import Ingested, read_records
from heliotrope.ingest.declared import RedcapSource
from heliotrope.ingest.redcap.odm import _walk, _Watched, read_odm
from heliotrope.study import StudyFile, read_study

# name, form, type, label, choices, validation
FIELDS = [
    ("child", "baseline", "text", "Child", "", ""),
    ("gender", "baseline", "radio", "Gender", "1, Boy | 2, Girl", ""),
    ("born", "baseline", "text", "Born", "", "date_dmy"),
    ("seen", "visit", "text", "Day of the visit", "", "date_dmy"),
    ("vas", "visit", "text", "Doctor's VAS (cm)", "", "number_1dp_comma_decimal"),
    ("cmas_sum", "visit", "dropdown", "CMAS", "0, 0 | 1, 1 | 40, forty | 52, all", ""),
    ("felt", "visit", "radio", "Since last time", "1, better | 2, same | 3, worse", ""),
    ("given", "ivig", "text", "Given on", "", "date_ymd"),
    ("grams", "ivig", "text", "Grams", "", "number"),
    ("before", "ivig", "checkbox", "Before it", "1, paracetamol | 2, prednisone", ""),
]
COLUMNS = [
    "child", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance",
    "redcap_data_access_group", "gender", "born", "baseline_complete", "seen", "vas", "cmas_sum",
    "felt", "visit_complete", "ivig_timestamp", "given", "grams", "before___1", "before___2",
    "ivig_complete",
]  # fmt: skip
ROWS = [
    {"child": "007", "redcap_event_name": "start_arm_1", "gender": "2", "born": "2009-05-14",
     "baseline_complete": "2", "redcap_data_access_group": "münchen",
     # the form 'ivig' does not repeat in this event
     "given": "2016-02-01", "grams": "20", "before___1": "1", "before___2": "1",
     "ivig_complete": "2", "ivig_timestamp": "2016-02-01 09:30:00"},
    {"child": "007", "redcap_event_name": "later_arm_1", "seen": "2016-03-01", "vas": "4,5",
     "cmas_sum": "40", "felt": "1", "visit_complete": "2"},
    # and repeats in this one
    {"child": "007", "redcap_event_name": "later_arm_1", "redcap_repeat_instrument": "ivig",
     "redcap_repeat_instance": "1", "given": "2016-03-01", "grams": "40", "before___1": "0",
     "before___2": "0", "ivig_complete": "0", "ivig_timestamp": "[not completed]"},
    {"child": "007", "redcap_event_name": "later_arm_1", "redcap_repeat_instrument": "ivig",
     "redcap_repeat_instance": "2", "given": "2016-03-02", "grams": "40", "before___1": "0",
     "before___2": "1", "ivig_complete": "1"},
    # an event that repeats as a whole: an instance without a form
    {"child": "P-ä", "redcap_event_name": "start_arm_1", "gender": "1", "born": "NI",
     "baseline_complete": "1"},
    {"child": "P-ä", "redcap_event_name": "relapse_arm_1", "redcap_repeat_instance": "1",
     "seen": "2017-01-10", "vas": "7,0", "cmas_sum": "1", "felt": "3", "visit_complete": "2"},
    {"child": "P-ä", "redcap_event_name": "relapse_arm_1", "redcap_repeat_instance": "2",
     "seen": "2017-05-10", "vas": "2,5", "cmas_sum": "52", "felt": "NI", "visit_complete": "1"},
    {"child": "P-ä", "redcap_event_name": "relapse_arm_1", "redcap_repeat_instance": "3",
     "visit_complete": "0"},
]  # fmt: skip
EVENTS = """\
event_name,arm_num,unique_event_name
Start,1,start_arm_1
Later,1,later_arm_1
Relapse,1,relapse_arm_1
"""
STUDY = """\
    [[source]]
    form = "redcap"
    file = "data.csv"
    missing = ["NI"]

    [[source.tables]]
    table = "patient"
    fields = { sex = "gender", birth_date = "born", site = "redcap_data_access_group" }

    [[source.tables]]
    table = "assessment"
    fields = { date = "seen" }
    measures = [
      { column = "vas", measure = "physician_global", unit = "cm" },
      { column = "cmas_sum", measure = "cmas" },
      { column = "felt", measure = "physician_judgement", codes = { same = "unchanged" } },
    ]

    [[source.tables]]
    table = "infusion"
    fields = { date = "given", dose = "grams", premedication = "before", time = "ivig_timestamp" }
    constants = { dose_unit = "g", route = "iv" }
    """


def write_rows(rows, columns=COLUMNS, separator=",", heading=lambda name: name) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow([heading(name) for name in columns])
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return text.getvalue()


def write_dictionary(fields=FIELDS) -> str:
    rows = [
        {HEADINGS[0]: name, HEADINGS[1]: form, HEADINGS[3]: kind, HEADINGS[4]: label,
         HEADINGS[5]: choices, HEADINGS[7]: validation}
        for name, form, kind, label, choices, validation in fields
    ]  # fmt: skip
    return write_rows(rows, HEADINGS)


@pytest.fixture
def read(tmp_path):
    def read(data: str | bytes | None = None, study: str = STUDY, **files: str | None) -> Ingested:
        content = {
            "data.csv": write_rows(ROWS) if data is None else data,
            "dictionary.csv": write_dictionary(),
            "event.csv": EVENTS,
            "study.toml": dedent(study),
        }
        content |= {name.replace("_", ".", 1): text for name, text in files.items()}
        for name, text in content.items():
            if text is not None:
                written = text.encode() if isinstance(text, str) else text
                (tmp_path / name).write_bytes(written)
        found = read_study(tmp_path)
        return read_records(found, found.read_rulebook())

    return read


def rules(read: Ingested) -> dict[str, str]:
    return dict(read.findings.select("rule", "found").iter_rows())


def check_all_is_right(read: Ingested) -> None:
    patients = read.tables["patient"].sort("patient_id")
    assert patients["patient_id"].to_list() == ["007", "P-ä"]
    assert patients["sex"].to_list() == ["female", "male"]
    assert patients["site"].to_list() == ["münchen", None]
    assert patients["birth_date"].cast(pl.String).to_list() == ["2009-05-14", None]
    infusions = read.tables["infusion"].sort("date")
    assert infusions["dose"].to_list() == [20.0, 40.0, 40.0]
    assert infusions["minute_of_day"].to_list() == [570, None, None]
    assert infusions["premedication"].to_list() == [
        "paracetamol;prednisone", None, "prednisone",
    ]  # fmt: skip
    rows = read.tables["assessment"].sort("date", "measure")
    assert rows.select("measure", "value", "text").rows() == [
        ("cmas", 40.0, None),
        ("physician_global", 4.5, None),
        ("physician_judgement", None, "improved"),
        ("cmas", 1.0, None),
        ("physician_global", 7.0, None),
        ("physician_judgement", None, "worse"),
        ("cmas", 52.0, None),
        ("physician_global", 2.5, None),
    ]
    assert read.findings.filter(pl.col("severity") == "error").is_empty()


def test_events_repeats_boxes_and_codes(read):
    found = read()
    check_all_is_right(found)
    row = found.accounting.row(0, named=True)
    assert (row["rows_in"], row["rows_used"]) == (8, 7)
    assert row["ignored_by_rule"] == "redcap_form_blank: 1"


def write_labels(rows) -> str:
    """Write the export as REDCap does when labels are asked for."""
    own = {"redcap_event_name": "Event Name", "redcap_repeat_instrument": "Repeat Instrument",
           "redcap_repeat_instance": "Repeat Instance",
           "redcap_data_access_group": "Data Access Group", "ivig_timestamp": "Survey Timestamp",
           "before___1": "Before it (choice=paracetamol)",
           "before___2": "Before it (choice=prednisone)"}  # fmt: skip
    labels = {name: label for name, _, _, label, _, _ in FIELDS} | own
    words = {
        name: dict(part.split(", ") for part in choices.split(" | "))
        for name, _, _, _, choices, _ in FIELDS
        if choices
    }
    words["before___1"] = words["before___2"] = {"1": "Checked", "0": "Unchecked"}
    states = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
    events = {"start_arm_1": "Start (Arm 1: All)", "later_arm_1": "Later",
              "relapse_arm_1": "Relapse (Arm 1: All)"}  # fmt: skip
    labelled = []
    for row in rows:
        said = {name: words.get(name, {}).get(cell, cell) for name, cell in row.items()}
        said |= {name: states[cell] for name, cell in row.items() if name.endswith("_complete")}
        said["redcap_event_name"] = events[row["redcap_event_name"]]
        if row.get("redcap_repeat_instrument"):
            said["redcap_repeat_instrument"] = "Ivig"
        labelled.append(said)
    return write_rows(labelled, heading=lambda name: labels.get(name, "Complete?"))


def test_an_export_of_labels_is_read_as_one_of_codes(read):
    check_all_is_right(read(write_labels(ROWS)))


@pytest.mark.parametrize("separator", [";", "\t", "|", "^"])
def test_any_separator(read, separator):
    check_all_is_right(read(write_rows(ROWS, separator=separator)))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_any_encoding(read, encoding):
    check_all_is_right(read(write_rows(ROWS).encode(encoding)))


def test_the_names_of_the_interface_in_the_dictionary(read):
    names = {
        "Variable / Field Name": "field_name", "Form Name": "form_name", "Field Type": "field_type",
        "Field Label": "field_label",
        "Choices, Calculations, OR Slider Labels": "select_choices_or_calculations",
        "Text Validation Type OR Show Slider Number": "text_validation_type_or_show_slider_number",
    }  # fmt: skip
    line, _, rest = write_dictionary().partition("\n")
    header = [names.get(name, name) for name in next(csv.reader([line]))]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(header)
    check_all_is_right(read(dictionary_csv=text.getvalue() + rest))


def test_only_forms_that_are_complete(read):
    study = STUDY.replace('table = "infusion"', 'table = "infusion"\n    only_complete = true')
    found = read(study=study)
    assert found.tables["infusion"]["dose"].to_list() == [20.0]
    said = found.accounting["ignored_by_rule"][0]
    assert said == "redcap_form_blank: 1; redcap_form_not_complete: 2"


def test_a_comma_that_the_export_turned_into_a_point(read):
    rows = [
        {**row, **({"vas": row["vas"].replace(",", ".")} if "vas" in row else {})} for row in ROWS
    ]
    check_all_is_right(read(write_rows(rows)))


def test_a_row_that_stands_twice(read):
    differing = {**ROWS[1], "vas": "9,9"}
    found = read(write_rows([*ROWS, ROWS[3], differing]))
    row = found.accounting.row(0, named=True)
    assert (row["rows_in"], row["rows_used"], row["rows_quarantined"]) == (10, 7, 1)
    assert row["ignored_by_rule"] == "redcap_form_blank: 1; redcap_row_copied: 1"
    twice = found.findings.filter(pl.col("rule") == "redcap_row_twice")
    assert twice.select("row", "found").row(0) == (11, "event later_arm_1, form -, instance -")
    globals_ = found.tables["assessment"].filter(pl.col("measure") == "physician_global")
    assert 9.9 not in globals_["value"].to_list()


def test_codes_that_nobody_defined_are_refused_each_at_its_own_cost(read):
    rows = [dict(row) for row in ROWS]
    rows[0]["gender"] = "3"
    rows[1]["cmas_sum"] = "41"
    rows[1]["felt"] = "9"
    found = read(write_rows(rows))
    refused = found.findings.filter(pl.col("rule") == "redcap_unknown_choice")
    assert sorted(refused.select("column", "found", "row").rows()) == [
        ("cmas_sum", "41", 3),
        ("felt", "9", 3),
        ("gender", "3", 2),
    ]
    assert found.tables["patient"].sort("patient_id")["sex"].to_list() == [None, "male"]
    day = found.tables["assessment"].filter(pl.col("date").cast(pl.String) == "2016-03-01")
    assert day["measure"].to_list() == ["physician_global"]
    assert found.accounting["cells_quarantined"][0] == 3


SETTINGS = 'project_id,project_title,missing_data_codes\n4,JDM,"NI, No information"\n'


def test_missing_codes_of_the_project_settings_count_in_cells_and_boxes(read):
    """Without an XML the settings that the interface exports name the codes."""
    undeclared = STUDY.replace('missing = ["NI"]', "")
    boxed = [{**row, "before___ni": "0"} for row in ROWS]
    boxed[3] |= {"before___2": "0", "before___ni": "1"}
    found = read(write_rows(boxed, [*COLUMNS, "before___ni"]), undeclared, project_csv=SETTINGS)
    assert "redcap_unknown_choice" not in rules(found)
    assert "redcap_column_unknown" not in rules(found)
    assert "file_unused" not in rules(found)
    assert found.tables["infusion"].sort("date")["premedication"][-1] is None
    with_codes = read(study=undeclared, project_csv=SETTINGS)
    check_all_is_right(with_codes)
    without = read(study=undeclared, project_csv="project_id,project_title\n4,JDM\n")
    assert "redcap_unknown_choice" in rules(without)


def test_an_event_that_the_project_does_not_have_is_said(read):
    rows = [*ROWS, {**ROWS[1], "redcap_event_name": "extra_arm_1"}]
    found = read(write_rows(rows))
    assert rules(found)["redcap_unknown_event"] == "extra_arm_1"


def test_two_births_of_one_child_are_asked_about(read):
    rows = [*ROWS, {"child": "007", "redcap_event_name": "relapse_arm_1",
                    "redcap_repeat_instance": "1", "born": "2010-05-14"}]  # fmt: skip
    found = read(write_rows(rows))
    assert rules(found)["redcap_two_values"] == "2009-05-14 and 2010-05-14"
    assert str(found.tables["patient"].sort("patient_id")["birth_date"][0]) == "2009-05-14"
    assert found.tables["patient"].height == 2
    assert found.accounting["rows_used"][0] == 8


def test_a_row_that_is_cut_off_is_quarantined(read):
    text = write_rows(ROWS).rstrip("\n")
    found = read(text[: text.rindex("P-ä") + 8])
    row = found.accounting.row(0, named=True)
    assert (row["rows_quarantined"], row["rows_used"]) == (1, 7)
    assert "row_cut" in rules(found)


def test_a_row_without_a_record_is_quarantined(read):
    rows = [dict(row) for row in ROWS]
    rows[2]["child"] = ""
    found = read(write_rows(rows))
    assert rules(found)["missing_required_cell"] == "an empty cell"
    assert found.accounting["rows_quarantined"][0] == 1


def test_columns_that_the_dictionary_lacks_and_fields_that_were_not_exported(read):
    columns = [name for name in COLUMNS if name != "felt"] + ["extra"]
    study = "\n".join(line for line in STUDY.splitlines() if "felt" not in line)
    found = read(write_rows(ROWS, columns), study=study)
    assert rules(found)["redcap_column_unknown"] == "extra"
    assert rules(found)["redcap_field_not_exported"] == "felt"


def refuse(read, said: str, *arguments, **files) -> str:
    with pytest.raises(UserError) as refusal:
        read(*arguments, **files)
    assert said in str(refusal.value)
    return str(refusal.value)


def test_a_dictionary_of_another_project_is_refused(read):
    other = [("child", "baseline", "text", "Child", "", ""), ("x", "y", "text", "", "", "")]
    refuse(
        read, "columns are not in it, the first 'gender'", dictionary_csv=write_dictionary(other)
    )


def test_a_dictionary_that_is_cut_off_is_refused(read):
    text = write_dictionary()
    refuse(read, "the file may have been cut off here", dictionary_csv=text[: text.index(",", 900)])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('dose = "grams"', 'dose = "gram"', "did you mean 'grams'?"),
        ('table = "infusion"', 'table = "infusion"\n    events = ["x"]', "events: start_arm_1"),
        ('table = "infusion"', 'table = "infusion"\n    instrument = "x"', "forms: baseline"),
        ('date = "given", ', "", "a field for 'date'"),
        ('date = "given"', 'dat = "given"', "did you mean 'date'?"),
    ],
)
def test_a_mapping_that_does_not_fit_says_what_is_there(read, old, new, said):
    refuse(read, said, study=STUDY.replace(old, new))


def test_without_a_dictionary_codes_stay_codes_and_it_is_said(read):
    study = STUDY.replace(', premedication = "before"', "")
    found = read(study=study, dictionary_csv=None, event_csv=None)
    assert rules(found)["redcap_without_dictionary"] == "no data dictionary"
    assert found.tables["patient"]["sex"].null_count() == 2
    assert found.tables["infusion"].height == 3


def test_an_export_without_rows_is_refused(read):
    refuse(read, "an export without rows", write_rows([]))


def test_two_exports_in_a_folder_are_not_guessed_between(read, tmp_path):
    study = STUDY.replace('file = "data.csv"', 'file = "."')
    check_all_is_right(read(study=study))
    (tmp_path / "copy.csv").write_text(write_rows(ROWS), encoding="utf-8")
    refuse(read, "data.csv", study=study)
    check_all_is_right(
        read(study=study.replace('file = "."', 'file = "."\n    export = "copy.csv"'))
    )


SCORED = [
    ("child", "visit", "text", "Child", "", ""),
    ("seen", "visit", "text", "Day", "", "date_ymd"),
    ("swallow", "visit", "radio", "Swallowing", "1, 0 | 2, 1", ""),
    ("vas", "visit", "text", "VAS", "", "number_comma_decimal"),
    ("temp", "visit", "text", "Grams", "", "number_comma_decimal"),
]


@pytest.mark.parametrize(("codes", "is_labelled"), [(("1", "2"), False), (("0", "1"), True)])
def test_scores_are_what_the_person_chose_and_commas_are_no_thousands(read, codes, is_labelled):
    """1,250 is 1.25 where the field says so; a choice labelled 0 is 0 whatever its code."""
    states = ("Complete", "Incomplete") if is_labelled else ("2", "0")
    rows = [
        {"child": f"C{day}", "seen": f"2016-03-0{day}", "swallow": code, "vas": "1,250",
         "temp": "38,125", "visit_complete": state}
        for day, code, state in zip((1, 2), codes, states, strict=True)
    ]  # fmt: skip
    study = """\
        [[source]]
        form = "redcap"
        file = "data.csv"
        [[source.tables]]
        table = "assessment"
        fields = { date = "seen" }
        measures = [
          { column = "swallow", measure = "dysphagia" },
          { column = "vas", measure = "physician_global", unit = "cm" },
        ]
        [[source.tables]]
        table = "infusion"
        fields = { date = "seen", dose = "temp" }
        constants = { dose_unit = "g" }
        """
    columns = ["child", "seen", "swallow", "vas", "temp", "visit_complete"]
    found = read(
        write_rows(rows, columns), study=study, dictionary_csv=write_dictionary(SCORED),
        event_csv=None,
    )  # fmt: skip
    values = found.tables["assessment"].sort("measure", "date")
    assert values["value"].to_list() == [0.0, 1.0, 1.25, 1.25]
    assert found.tables["infusion"]["dose"].to_list() == [38.125, 38.125]


def test_a_date_is_carried_from_its_own_instance_or_the_only_one(read):
    """In an event that repeats each instance has its own day; from a repeating form comes none."""
    study = """\
        [[source]]
        form = "redcap"
        file = "data.csv"
        missing = ["NI"]
        [[source.tables]]
        table = "event"
        fields = { term = "felt" }
        carried = { date = "seen" }
        constants = { kind = "flare" }
        [[source.tables]]
        table = "indication"
        instrument = "visit"
        fields = { text = "felt" }
        carried = { date = "given" }
        constants = { reason = "other" }
        """
    found = read(study=study)
    events = found.tables["event"].sort("date").select(pl.col("date").cast(pl.String), "term")
    assert events.rows() == [("2016-03-01", "better"), ("2017-01-10", "worse")]
    # the one infusion of a form that does not repeat is the child's only one
    reasons = found.tables["indication"].sort("patient_id")
    assert reasons.select(pl.col("date").cast(pl.String), "text").rows() == [
        ("2016-02-01", "better"),
        (None, "worse"),
    ]


def test_the_mapping_of_the_manual_is_valid():
    chapter = (Path(__file__).parents[2] / "docs" / "records_redcap.md").read_text("utf-8")
    examples = [part.partition("```")[0] for part in chapter.split("```toml\n")[1:]]
    assert len(examples) == 2
    for text in examples:
        (source,) = StudyFile.model_validate(tomllib.loads(text)).source
        assert isinstance(source, RedcapSource)
    rules = {rule for rule in finding_rules_of(read_rulebook()) if rule.startswith("redcap_")}
    assert {rule for rule in rules if f"`{rule}`" not in chapter} == {"redcap_without_dictionary"}


def test_boxes_are_no_measure(read):
    study = STUDY.replace('column = "vas"', 'column = "before"')
    refuse(read, "the boxes before___1, before___2", study=study)


def test_a_zip_and_a_lone_file_are_projects(tmp_path):
    with zipfile.ZipFile(tmp_path / "project.zip", "w") as packed:
        packed.writestr("jdm/export.csv", write_rows(ROWS))
        packed.writestr("jdm/dictionary.csv", write_dictionary())
    lone = tmp_path / "lone"
    lone.mkdir()
    (lone / "export.csv").write_text(write_rows(ROWS), encoding="utf-8")
    for path, place in (
        (tmp_path / "project.zip", "project.zip"),
        (lone / "export.csv", "export.csv"),
    ):
        study = read_study(path)
        found = read_records(study, study.read_rulebook())
        assert found.accounting["file"].to_list() == [place]
        assert found.tables["patient"].height == 2


XML = """\
<?xml version="1.0" encoding="UTF-8" ?>
<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:redcap="https://projectredcap.org">
<Study><GlobalVariables><redcap:MissingDataCodes>NI, no information
</redcap:MissingDataCodes><redcap:RepeatingInstrumentsAndEvents>
<redcap:RepeatingInstruments><redcap:RepeatingInstrument redcap:UniqueEventName="later_arm_1"
 redcap:RepeatInstrument="ivig"/></redcap:RepeatingInstruments>
<redcap:RepeatingEvent redcap:UniqueEventName="relapse_arm_1"/>
</redcap:RepeatingInstrumentsAndEvents></GlobalVariables>
<MetaDataVersion redcap:RecordIdField="child">%s</MetaDataVersion></Study>
<ClinicalData>%s</ClinicalData></ODM>
"""


def write_xml() -> str:
    """Write the same project as its XML."""
    forms = dict.fromkeys(form for _, form, *_ in FIELDS)
    said, records = [], []
    for form in forms:
        said.append(f'<FormDef OID="Form.{form}" Name="{form.title()}" redcap:FormName="{form}">'
                    f'<ItemGroupRef ItemGroupOID="{form}.all"/></FormDef>')  # fmt: skip
        names = [name for name in COLUMNS if name.rpartition("_complete")[0] == form]
        for name, own, *_ in FIELDS:
            if own == form:
                names += [c for c in COLUMNS if c == name or c.startswith(f"{name}___")]
        refs = "".join(f'<ItemRef ItemOID="{name}"/>' for name in names)
        said.append(f'<ItemGroupDef OID="{form}.all">{refs}</ItemGroupDef>')
    for name, _, kind, label, choices, validation in FIELDS:
        columns = [c for c in COLUMNS if c == name or c.startswith(f"{name}___")]
        for column in columns:
            said.append(
                f'<ItemDef OID="{column}" redcap:Variable="{name}" redcap:FieldType="{kind}" '
                f'redcap:TextValidationType="{validation}"><Question><TranslatedText>{label}'
                f'</TranslatedText></Question><CodeListRef CodeListOID="{column}.c"/></ItemDef>'
            )
            boxes = f' redcap:CheckboxChoices="{choices}"' if kind == "checkbox" else ""
            items = [] if boxes else [part.split(", ") for part in choices.split(" | ") if part]
            said.append(f'<CodeList OID="{column}.c"{boxes}>' + "".join(
                f'<CodeListItem CodedValue="{code}"><Decode><TranslatedText>{word}'
                "</TranslatedText></Decode></CodeListItem>" for code, word in items
            ) + "</CodeList>")  # fmt: skip
    for row in ROWS:
        instance = row.get("redcap_repeat_instance", "1")
        of_event = instance if row["redcap_event_name"] == "relapse_arm_1" else "1"
        form = row.get("redcap_repeat_instrument") or "baseline"
        of_form = instance if row.get("redcap_repeat_instrument") else "1"
        values = "".join(
            f'<ItemData ItemOID="{name}" Value="{cell}"/>'
            for name, cell in row.items()
            if name == "redcap_data_access_group" or not name.startswith("redcap_")
        )
        records.append(
            f'<SubjectData SubjectKey="{row["child"]}"><StudyEventData '
            f'StudyEventRepeatKey="{of_event}" redcap:UniqueEventName="{row["redcap_event_name"]}">'
            f'<FormData FormOID="Form.{form}" FormRepeatKey="{of_form}"><ItemGroupData>{values}'
            "</ItemGroupData></FormData></StudyEventData></SubjectData>"
        )
    return XML % ("\n".join(said), "\n".join(records))


XML_STUDY = STUDY.replace("data.csv", "project.xml").replace('missing = ["NI"]', "")


def test_the_project_xml_alone_with_its_missing_codes(read):
    none = dict.fromkeys(("data_csv", "dictionary_csv", "event_csv"))
    check_all_is_right(read(b"", study=XML_STUDY, project_xml=write_xml(), **none))


def test_a_project_xml_that_is_cut_off_or_swells_is_refused(read):
    refuse(read, "cut off here", study=XML_STUDY, project_xml=write_xml()[:4000])
    bomb = write_xml().replace("<ODM", '<!DOCTYPE x [<!ENTITY a "aaaa">]><ODM', 1)
    refuse(read, "do not open this file", study=XML_STUDY, project_xml=bomb)


def test_a_project_xml_without_records_is_refused(read):
    empty = write_xml().partition("<ClinicalData>")[0] + "</ODM>"
    refuse(read, "holds no record", study=XML_STUDY, project_xml=empty)


def test_a_project_xml_is_read_an_element_at_a_time():
    """Of a large file no more is held than columns: neither its text nor elements gone by."""
    record = write_xml().partition("<ClinicalData>")[2].partition("</ClinicalData>")[0]
    many = write_xml().replace(record, record.replace("\n", "") * 400)

    class Asked(io.BytesIO):
        most = 0

        def read(self, size=-1):
            assert size > 0
            self.most = max(self.most, size)
            return super().read(size)

    stream = Asked(many.encode())
    held = 0
    for element, path in _walk(_Watched(stream, "project.xml")):
        if element.tag.endswith("SubjectData"):
            held = max(held, len(path[-1]))
    assert stream.most < len(many) / 10
    assert held < 400  # those of one block that was read ahead, of 3,200
    assert len(many) > 400 * len(record)
    assert read_odm(io.BytesIO(many.encode()), "project.xml").records.height == len(ROWS)


def test_a_bomb_in_another_encoding_is_refused():
    bomb = write_xml().replace("<ODM", '<!DOCTYPE x [<!ENTITY a "aaaa">]><ODM', 1)
    bomb = bomb.replace('encoding="UTF-8"', 'encoding="UTF-16"')
    with pytest.raises(UserError, match="do not open this file"):
        read_odm(io.BytesIO(bomb.encode("utf-16")), "project.xml")
