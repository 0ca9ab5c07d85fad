"""Many files cost what their rows cost: each is opened once, and tables laid out alike are stacked.

What is stacked must give what the tables give one by one: rows, findings, quarantine, accounting.
"""

from __future__ import annotations

import json

import fastexcel
import polars as pl
import pytest
import xlsxwriter
from polars.testing import assert_frame_equal

from heliotrope.ingest import bucket, read_records, together
from heliotrope.ingest.accounting import count_fates
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study

BUNDLES = 4


def read_folder(folder):
    study = read_study(folder)
    return read_records(study, study.read_rulebook())


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Write a cohort as several bundles a child, with faults in some."""
    folder = tmp_path_factory.mktemp("many")
    write_simulated_study(SimulationOrder(4, 3, "fhir"), folder / "lines")
    target = folder / "bundles"
    target.mkdir()
    resources = [
        json.loads(line)
        for path in sorted((folder / "lines").glob("*.ndjson"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    for number, resource in enumerate(resources):
        if number % 50 == 7 and "subject" in resource:
            resource["subject"] = {"reference": "Patient/nobody"}
        if number % 50 == 9 and "valueQuantity" in resource:
            resource["valueQuantity"] |= {"unit": "furlong", "code": "furlong"}
    for number in range(BUNDLES):
        entries = [{"resource": item} for item in resources[number::BUNDLES]]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        (target / f"bundle_{number}.json").write_text(json.dumps(bundle), encoding="utf-8")
    (target / "study.toml").write_text(
        '[[source]]\nform = "fhir"\nfile = "."\ncohort = "everyone"\n', encoding="utf-8"
    )
    return target


def sort_whole(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(pl.all(), maintain_order=True) if frame.height else frame


def test_tables_stacked_give_what_they_give_one_by_one(bundles, monkeypatch):
    stacked = read_folder(bundles)
    sizes = []
    settle_stack = together._settle_stack
    monkeypatch.setattr(together, "_settle_stack",
                        lambda stack, context: sizes.append(len(stack.items))
                        or settle_stack(stack, context))  # fmt: skip
    read_folder(bundles)
    assert max(sizes) == BUNDLES, "nothing was stacked: this test would show nothing"
    monkeypatch.setattr(together, "_describe_layout", lambda _: None)
    single = read_folder(bundles)
    assert {"broken_reference", "unknown_unit"} <= set(single.findings["rule"])
    for name in ("findings", "accounting"):
        assert_frame_equal(getattr(stacked, name), getattr(single, name))
    for part in ("tables", "quarantine"):
        for table, frame in getattr(single, part).items():
            assert_frame_equal(sort_whole(getattr(stacked, part)[table]), sort_whole(frame))


def test_a_workbook_is_opened_once_whatever_the_number_of_its_sheets(tmp_path, monkeypatch):
    workbook = xlsxwriter.Workbook(tmp_path / "records.xlsx")
    for name, header, row in (
        ("patient", ["patient_id", "sex"], ["P1", "female"]),
        ("infusion", ["patient_id", "date", "dose", "dose_unit"], ["P1", "2020-01-05", "20", "g"]),
        ("event", ["patient_id", "date", "kind"], ["P1", "2020-01-06", "flare"]),
    ):
        sheet = workbook.add_worksheet(name)
        sheet.write_row(0, 0, header)
        sheet.write_row(1, 0, row)
    workbook.close()
    study = read_study(tmp_path)
    opened = []
    read_excel = fastexcel.read_excel
    monkeypatch.setattr(fastexcel, "read_excel",
                        lambda content: opened.append(1) or read_excel(content))  # fmt: skip
    read = read_records(study, study.read_rulebook())
    assert [read.tables[name].height for name in ("patient", "infusion", "event")] == [1, 1, 1]
    assert len(opened) == 1


def test_accounting_looks_at_each_row_once_whatever_the_number_of_sources(bundles, monkeypatch):
    """Rows are parted by source once; filtering all of them for every source is quadratic."""
    filtered = []
    filter_rows = pl.DataFrame.filter

    def note(frame, *conditions, **named):
        filtered.append(frame.height)
        return filter_rows(frame, *conditions, **named)

    counted = []
    monkeypatch.setattr(
        bucket, "count_fates", lambda *rows: counted.append(rows) or count_fates(*rows)
    )
    read = read_folder(bundles)
    monkeypatch.setattr(pl.DataFrame, "filter", note)
    count_fates(*counted[0])
    rows = sum(table.height for table in read.tables.values())
    assert max(filtered) < rows
    assert sum(filtered) < 10 * rows
