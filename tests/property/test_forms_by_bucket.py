"""A form whose rows wait until they are cut by children gives what it gives at once.

Children go into three buckets and tables into batches of a few rows. Whatever stands in the files,
tables, findings, quarantine, accounting and the flow of the cohort are those of reading all at
once.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_reading_by_bucket import (
    Chance,
    Lines,
    Read,
    assert_in_buckets,
    assert_read_alike,
    leave_blank,
    repeat_rows,
    rewrite,
    shuffle_rows,
)

from heliotrope.ingest.omop import files
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

Change = Callable[[Lines, Chance], Lines]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(files, "BATCH", 40)
        yield


@pytest.fixture(scope="module")
def omop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an OMOP study of few rows, one procedure in it that gives immunoglobulin."""
    folder = tmp_path_factory.mktemp("omop") / "study"
    write_simulated_study(SimulationOrder(12, 4, "omop", share_with_ivig=0.5), folder)
    for name in ("MEASUREMENT", "DRUG_EXPOSURE", "OBSERVATION"):
        chance = random.Random(1)
        rewrite(
            folder / "cdm" / f"{name}.csv",
            lambda lines, chance=chance: chance.sample(lines, min(150, len(lines))),
        )
    write_procedures(folder / "cdm")
    return folder


def write_procedures(cdm: Path) -> None:
    """Write procedures: some on a day of an infusion that is recorded as a drug, too."""
    header, *drugs = (cdm / "DRUG_EXPOSURE.csv").read_text(encoding="utf-8").splitlines()
    names = header.split(",")
    person, day = names.index("person_id"), names.index("drug_exposure_start_date")
    rows = [line.split(",") for line in drugs[:60]]
    lines = [
        f"{number},{row[person]},0,{row[day] if number % 2 else '2019-02-03'},32817,"
        "infusion of intravenous immunoglobulin"
        for number, row in enumerate(rows, start=1)
    ]
    columns = ("procedure_occurrence_id,person_id,procedure_concept_id,procedure_date,"
               "procedure_type_concept_id,procedure_source_value")  # fmt: skip
    (cdm / "PROCEDURE_OCCURRENCE.csv").write_text("\n".join([columns, *lines]) + "\n")


def forget_persons(lines: Lines, chance: Chance) -> Lines:
    """Write another person, none, or one who is nobody's, in some rows."""
    return change_cell(lines, chance, 1, ["", "nobody", "99999", "3", "3.0", " 4 "])


def change_cells(lines: Lines, chance: Chance) -> Lines:
    texts = ["2019-02-30", "1.5", "2017-03", "-7", "99999", "", "unknown", "é€", "0"]
    return change_cell(lines, chance, chance.randrange(2, 9), texts)


def change_cell(lines: Lines, chance: Chance, column: int, texts: list[str]) -> Lines:
    found = []
    for line in lines:
        cells = line.split(",")
        if len(cells) > column and '"' not in line and chance.random() < 0.1:
            cells[column] = chance.choice(texts)
        found.append(",".join(cells))
    return found


CHANGES: list[Change] = [
    repeat_rows,
    shuffle_rows,
    forget_persons,
    change_cells,
    change_cells,
    leave_blank,
]


def declare(folder: Path, **settings: str) -> None:
    said = "".join(f'{name} = "{value}"\n' for name, value in settings.items())
    (folder / "study.toml").write_text(f'[[source]]\nform = "omop"\nfile = "cdm"\n{said}')


def test_omop_is_read_alike(omop: Path) -> None:
    read = assert_read_alike(omop)
    assert_in_buckets(read)
    assert "omop_infusion_as_procedure" in find_rules(read)
    assert "infusion_recorded_twice" in " ".join(read.reading.accounting["ignored_by_rule"])


def find_rules(read: Read | None) -> set[str]:
    assert read is not None
    return set(read.reading.findings["rule"])


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cohort=st.sampled_from(["jdm", "jdm_ivig", "everyone"]),
    named=st.sampled_from(["person_id", "person_source_value"]),
)
def test_messy_omop_is_read_alike(omop: Path, seed: int, cohort: str, named: str) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "study"
        shutil.copytree(omop, folder)
        declare(folder, cohort=cohort, patient_id=named)
        for path in sorted((folder / "cdm").glob("*.csv")):
            if path.stem in ("CONCEPT", "CONCEPT_ANCESTOR", "CDM_SOURCE"):
                continue
            for change in chance.sample(CHANGES, chance.randrange(3)):
                rewrite(path, lambda lines, change=change: change(lines, chance))
        if chance.random() < 0.2:
            (folder / "cdm" / "DEATH.csv").unlink()
        assert_read_alike(folder)


def test_a_zip_of_omop_is_read_alike(omop: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "cdm.zip", "w") as packed:
        for path in (omop / "cdm").glob("*.csv"):
            packed.write(path, path.name)
    assert_in_buckets(assert_read_alike(tmp_path / "cdm.zip"))


def test_linked_omop_beside_plain_tables_is_read_alike(omop: Path, tmp_path: Path) -> None:
    """Link tables translate persons one after another; some stand in none."""
    shutil.copytree(omop / "cdm", tmp_path / "cdm")
    first = [f"{number},X{number}" for number in range(1, 12)]
    second = [f"X{number},S{number}" for number in range(1, 11)]
    (tmp_path / "first.csv").write_text("\n".join(["theirs,ours", *first, "77,X77"]))
    (tmp_path / "second.csv").write_text("\n".join(["theirs,ours", *second, "X88,S88"]))
    rows = [f"S{number},2019-03-0{number % 9 + 1},weight,{20 + number}" for number in range(9)]
    (tmp_path / "more.csv").write_text("\n".join(["patient_id,date,measure,value", *rows]))
    declare(tmp_path, patient_id="person_id")
    with (tmp_path / "study.toml").open("a") as study:
        study.write('[[source]]\nfile = "more.csv"\ntable = "assessment"\n')
        for name in ("first", "second"):
            study.write(f'[[link]]\nsource = "cdm"\nfile = "{name}.csv"\n')
            study.write('from = "theirs"\nto = "ours"\n')
    read = assert_read_alike(tmp_path)
    assert_in_buckets(read)
    assert "id_not_in_link" in find_rules(read)


def test_what_only_one_child_proves_of_a_column_holds_for_all(omop: Path, tmp_path: Path) -> None:
    """1,234 of one child is 1.234, since 1,5 of another proves the comma to be decimal."""
    folder = tmp_path / "study"
    shutil.copytree(omop, folder)
    path = folder / "cdm" / "MEASUREMENT.csv"
    column = path.read_text(encoding="utf-8").split("\n", 1)[0].split(",").index("value_as_number")

    def write(lines: Lines) -> Lines:
        found = [line.split(",") for line in lines]
        for number, cells in enumerate(found):
            cells[column] = '"1,5"' if number == len(found) - 1 else '"1,234"'
        return [",".join(cells) for cells in found]

    rewrite(path, write)
    read = assert_read_alike(folder)
    assert_in_buckets(read)
    assert 1.234 in read.tables["assessment"]["value"].to_list()
    rewrite(path, lambda lines: [*lines[:-1], lines[-1].replace('"1,5"', '"2,345"')])
    assert assert_read_alike(folder) is None
