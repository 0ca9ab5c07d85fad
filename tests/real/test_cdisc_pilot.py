"""The CDISC pilot study, which nobody here made, from its zip to the report."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest import Ingested, read_records
from heliotrope.ingest.context import make_context
from heliotrope.ingest.sdtm import deliver
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.records.row_id import compute_source_cell
from heliotrope.study import read_study

PILOT = Path(__file__).parents[3] / "shared" / "data" / "sdtm_cdiscpilot"
ZIP = "cdiscpilot_update2.zip"

# rows in, rows used, rows ignored by the rules named, rows quarantined
ACCOUNTING = {
    "ae": (961, 863, "duplicate_row: 74", 24),
    "cm": (7510, 162, "drug_not_followed: 6438; drug_text_not_counted: 226; duplicate_row: 684", 0),
    "dm": (306, 306, "", 0),
    "ds": (596, 306, "disposition_not_used: 290", 0),
    "ex": (591, 0, "drug_not_followed: 591", 0),
    "lbch": (32740, 7270, "test_not_used: 25470", 0),
    "lbhe": (21927, 1809, "test_not_used: 20118", 0),
    "lbur": (4913, 0, "test_not_used: 4913", 0),
    "mh": (1817, 0, "history_not_used: 1817", 0),
    "qsco": (12241, 0, "test_not_used: 12241", 0),
    "qsda": (32920, 0, "test_not_used: 32920", 0),
    "qsgi": (562, 0, "test_not_used: 562", 0),
    "qshi": (3302, 0, "test_not_used: 3302", 0),
    "qsmm": (1524, 0, "test_not_used: 1524", 0),
    "qsni": (71200, 0, "test_not_used: 71200", 0),
    "relrec": (211, 0, "domain_not_used: 211", 0),
    "sc": (254, 0, "domain_not_used: 254", 0),
    "se": (752, 0, "domain_not_used: 752", 0),
    "suppae": (961, 0, "qualifier_not_used: 961", 0),
    "suppdm": (1197, 0, "qualifier_not_used: 1197", 0),
    "suppds": (3, 0, "qualifier_not_used: 3", 0),
    "supplbch": (37124, 0, "qualifier_not_used: 37124", 0),
    "supplbhe": (24558, 0, "qualifier_not_used: 24558", 0),
    "supplbur": (2721, 0, "qualifier_not_used: 2721", 0),
    "sv": (3559, 0, "domain_not_used: 3559", 0),
    "ta": (11, 0, "domain_not_used: 11", 0),
    "te": (7, 0, "domain_not_used: 7", 0),
    "ti": (31, 0, "domain_not_used: 31", 0),
    "ts": (48, 0, "domain_not_used: 48", 0),
    "tv": (21, 0, "domain_not_used: 21", 0),
    "vs": (29643, 5023, "duplicate_row: 1; test_not_used: 24619", 0),
}


@pytest.fixture(scope="module")
def pilot() -> Path:
    if not (PILOT / ZIP).is_file():
        reason = "the CDISC pilot is not there: ../shared/data/sdtm_cdiscpilot"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return PILOT / ZIP


@pytest.fixture(scope="module")
def read(pilot: Path) -> Ingested:
    return read_records(read_study(pilot), read_rulebook())


@pytest.fixture(scope="module")
def run(pilot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the pilot, without the model."""
    folder = tmp_path_factory.mktemp("pilot") / "run"
    run_study(pilot, folder, RunOptions(model=False))
    return folder


def test_every_row_of_every_dataset_has_its_fate(read: Ingested, capsys) -> None:
    found = {}
    for row in read.accounting.iter_rows(named=True):
        name = Path(row["sheet"]).stem
        found[name] = (
            row["rows_in"], row["rows_used"], row["ignored_by_rule"], row["rows_quarantined"]
        )  # fmt: skip
        for what in ("rows", "cells"):
            assert row[f"{what}_in"] == sum(
                row[f"{what}_{fate}"] for fate in ("used", "ignored", "quarantined")
            )
    with capsys.disabled():
        for name, (rows, used, rules, quarantined) in sorted(found.items()):
            sys.stdout.write(
                f"\n{name}: {rows} rows in, {used} used, {quarantined} quarantined; {rules}"
            )
    assert found == ACCOUNTING


def test_children_weights_and_creatine_kinase(read: Ingested) -> None:
    assert read.tables["patient"]["patient_id"].n_unique() == 306
    counts = dict(read.tables["assessment"].group_by("measure").len().iter_rows())
    assert counts["creatine_kinase"] == 1814
    assert counts["weight"] == 2050
    first = read.tables["assessment"].filter(
        (pl.col("patient_id") == "01-701-1015") & (pl.col("measure") == "creatine_kinase")
    )
    values = first.sort("date").select("value", "lower_limit", "upper_limit").rows()
    assert values[:3] == [(70, 21, 169), (54, 21, 169), (45, 21, 169)]


def test_steroids_keep_route_and_no_tablet_as_needed_has_a_dose(read: Ingested) -> None:
    drugs = read.tables["medication"]
    hydrocortisone = drugs.filter(pl.col("drug") == "hydrocortisone")
    assert hydrocortisone["route"].unique().to_list() == ["topical"]
    assert hydrocortisone["dose"].null_count() == hydrocortisone.height == 28
    by_mouth = drugs.filter((pl.col("drug") == "prednisone") & (pl.col("route") == "oral"))
    assert sorted(by_mouth["dose"].to_list()) == [10, 20]
    rules = read.findings.group_by("rule").agg("found")
    said = dict(rules.iter_rows())
    assert any(text.startswith("1 TABLET PRN TOPICAL") for text in said["dose_as_needed"])
    assert any(
        text.startswith("1 TABLET PRN TOPICAL") for text in said["dose_unit_without_strength"]
    )


def test_where_every_partial_start_of_a_drug_went(read: Ingested, pilot: Path) -> None:
    """Most are of drugs that are not followed; those used are placed by the rule, none in silence.

    The rest repeats an earlier visit's row, or is a cream.
    """
    starts = read_starts(pilot)
    assert count_parts(starts) == {"year": 3731, "month": 1723, "blank": 21, "day": 2035}
    study = read_study(pilot)
    source = study.sources[0]
    delivery = deliver(study.folder, source, make_context(read_rulebook()), lambda _: None)
    staged = next(
        item
        for item in delivery.staged
        if item.table == "medication" and item.raw.place.endswith("cm.xpt")
    )
    unfollowed = staged.ignored.filter(pl.col("rule") == "drug_not_followed")
    assert count_parts(starts.join(unfollowed, on="record")) == {
        "year": 3470, "month": 1617, "blank": 21, "day": 1330,
    }  # fmt: skip
    used = read.tables["medication"].select(
        compute_source_cell(pl.col("row_id"))[1].alias("record"), "start_date_precision"
    )
    placed = used.join(starts, on="record", how="left")
    assert sorted(placed.group_by("part", "start_date_precision").len().rows()) == [
        ("day", "day", 126),
        ("month", "month_placed_on_15th", 10),
        ("year", "year_placed_on_1_july", 26),
    ]
    rest = starts.join(unfollowed, on="record", how="anti").join(used, on="record", how="anti")
    assert count_parts(rest) == {"year": 235, "month": 96, "day": 579}
    assert rest.height == 226 + 684


def count_parts(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("part").len().iter_rows())


def read_starts(pilot: Path) -> pl.DataFrame:
    """Cut CMSTDTC out of the file by hand: no reader of this program is asked."""
    with zipfile.ZipFile(pilot) as packed:
        content = packed.read("SDTM/cm.xpt")
    start = content.index(b"HEADER RECORD*******OBS") + 80
    first, width = find_place(content, b"CMSTDTC ")
    rows, last = 7510, sum(find_place(content, b"CMENDY  "))
    cells = [
        content[start + row * last + first : start + row * last + first + width].strip()
        for row in range(rows)
    ]
    lengths = {0: "blank", 4: "year", 7: "month", 10: "day"}
    return pl.DataFrame(
        {"record": range(rows), "part": [lengths[len(cell)] for cell in cells]},
        schema={"record": pl.Int64, "part": pl.String},
    )


def find_place(content: bytes, name: bytes) -> tuple[int, int]:
    """Return where a variable stands in a row and its width, out of its description."""
    at = content.index(name) - 8
    return (
        int.from_bytes(content[at + 84 : at + 88], "big"),
        int.from_bytes(content[at + 4 : at + 6], "big"),
    )


def test_the_run_says_that_no_immunoglobulin_was_found(run: Path) -> None:
    findings = pl.read_parquet(run / "findings.parquet")
    said = findings.filter(pl.col("rule") == "no_infusions")["found"].to_list()
    assert said == ["no infusion of immunoglobulin in these records"]
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "306 children in the records; 0 received IVIG" in report
    assert pl.read_parquet(run / "tables" / "regimen.parquet").is_empty()


def test_no_subject_of_the_pilot_has_jdm_and_every_row_says_so(pilot: Path, tmp_path: Path) -> None:
    (tmp_path / ZIP).write_bytes(pilot.read_bytes())
    study = f'[[source]]\nform = "sdtm"\nfile = "{ZIP}"\ncohort = "jdm_ivig"\n'
    (tmp_path / "study.toml").write_text(study)
    ingested = read_records(read_study(tmp_path), read_rulebook())
    assert [persons for _, _, persons in ingested.cohort] == [306, 0, 0, 0, 0, 0]
    fates = {row["sheet"]: row for row in ingested.accounting.to_dicts()}
    assert fates["SDTM/dm.xpt"]["ignored_by_rule"] == "outside_cohort: 306"
    said = dict(ingested.findings.select("rule", "found").iter_rows())
    assert said["cohort_empty"].endswith("306 before: persons in the source")
    assert sum(row["rows_in"] for row in fates.values()) == 294_211
    assert sum(row["rows_used"] for row in fates.values()) == 0


def test_the_report_names_the_dataset_of_every_row(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    assert f'<th scope="row">{ZIP}/SDTM/ae.xpt</th>' in page
    assert f"<strong>{ZIP}/SDTM/lbch.xpt</strong>" in page
