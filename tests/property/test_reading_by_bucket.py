"""A study cut by children and read part by part gives what it gives at once, whatever stands in it.

Files are cut into blocks of a few lines and children into a few buckets, so that every decision
about a whole column or file is made from many batches.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.example_studies import find_example
from heliotrope.execution.shards import read_parts
from heliotrope.ingest import Reading, read_records
from heliotrope.ingest.cut import count_buckets
from heliotrope.ingest.survey import survey_study
from heliotrope.ingest.tabular import large
from heliotrope.records.canonical import CANONICAL
from heliotrope.run.intake import Intake
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study

BUCKETS = 3
SHIPPED = cache(read_rulebook)

Lines = list[str]
Chance = random.Random


@dataclass(frozen=True)
class Read:
    """A study as read, either way."""

    reading: Reading
    tables: dict[str, pl.DataFrame]
    quarantine: dict[str, pl.DataFrame]
    buckets: int = 1


def read_at_once(folder: Path) -> Read:
    study = read_study(folder)
    read = read_records(study, study.read_rulebook())
    filled = {name: rows for name, rows in read.quarantine.items() if rows.height}
    return Read(read, dict(read.tables), filled)


def read_in_buckets(folder: Path, run: Path, shards: int = BUCKETS) -> Read:
    study = read_study(folder)
    rulebook = study.read_rulebook()
    survey = survey_study(study, rulebook, ignore, large_from=1)
    buckets = count_buckets(survey, shards)
    intake = Intake(survey, run, rulebook, shards, buckets)
    intake.cut(ignore)
    reading = intake.read(1, ignore)
    tables = {name: read_parts(run / "records", name) for name in CANONICAL}
    files = (run / "quarantine").glob("*.parquet")
    return Read(reading, tables, {path.stem: pl.read_parquet(path) for path in files}, buckets)


def ignore(*_: object) -> None:
    """Hear nothing."""


@contextmanager
def small_pieces(block: int) -> Iterator[None]:
    with mock.patch.object(large, "BLOCK", block), mock.patch.object(large, "BATCH", 7):
        yield


def try_to(read: Callable[[], Read]) -> tuple[Read | None, str]:
    """Read a study; where it is refused as a whole, give the words instead."""
    try:
        return read(), ""
    except UserError as error:
        return None, str(error)


def assert_read_alike(folder: Path, block: int = 300, shards: int = BUCKETS) -> Read | None:
    """Read a study both ways and compare; gives what was read, None where it is refused."""
    whole, refused = try_to(lambda: read_at_once(folder))
    with tempfile.TemporaryDirectory() as name, small_pieces(block):
        parts, refused_in_parts = try_to(lambda: read_in_buckets(folder, Path(name), shards))
    assert refused_in_parts == refused
    if whole is None or parts is None:
        return None
    assert whole.quarantine.keys() == parts.quarantine.keys()
    for name in CANONICAL:
        assert_same(whole.tables[name], parts.tables[name])
    for name, rows in whole.quarantine.items():
        assert_same(rows, parts.quarantine[name])
    for part in ("source", "findings", "accounting"):
        assert_same(getattr(whole.reading, part), getattr(parts.reading, part))
    for part in ("input_hashes", "cohort", "children", "rows", "quarantined", "set_aside"):
        assert getattr(whole.reading, part) == getattr(parts.reading, part), part
    return parts


def assert_in_buckets(read: Read | None) -> None:
    assert read is not None
    assert read.buckets == BUCKETS


def assert_same(one: pl.DataFrame, two: pl.DataFrame) -> None:
    assert_frame_equal(one.sort(pl.all()), two.sort(pl.all()))


@pytest.mark.parametrize("name", ["seven_children", "modern_cohort"])
def test_the_examples_are_read_alike(name: str) -> None:
    """Their largest tables are read in some 50 and 150 blocks, nearly all others in several."""
    read = assert_read_alike(find_example(name), block=1000 if name == "modern_cohort" else 600)
    assert_in_buckets(read)


def rewrite(path: Path, change: Callable[[Lines], Lines]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], *change(lines[1:])]) + "\n", encoding="utf-8")


def repeat_rows(lines: Lines, chance: Chance) -> Lines:
    return lines + chance.sample(lines, min(5, len(lines)))


def cut_rows(lines: Lines, chance: Chance) -> Lines:
    return [line[: len(line) // 2] if chance.random() < 0.05 else line for line in lines]


def lengthen_rows(lines: Lines, chance: Chance) -> Lines:
    return [f'{line},more,"and, more"' if chance.random() < 0.05 else line for line in lines]


def leave_blank(lines: Lines, chance: Chance) -> Lines:
    return [part for line in lines for part in ([line, ""] if chance.random() < 0.1 else [line])]


def forget_children(lines: Lines, chance: Chance) -> Lines:
    return ["," + line.split(",", 1)[1] if chance.random() < 0.05 else line for line in lines]


def write_children_otherwise(lines: Lines, chance: Chance) -> Lines:
    ways = [str.lower, " {} ".format, "0{}".format, "unknown{:.0}".format]
    found = []
    for line in lines:
        child, rest = line.split(",", 1) if "," in line else (line, "")
        found.append(f"{chance.choice(ways)(child)},{rest}" if chance.random() < 0.1 else line)
    return found


def change_cells(lines: Lines, chance: Chance) -> Lines:
    texts = ["2019-02-30", "1.234,5", "furlong", "<0.5", "=1+1", "2017-03", "-7", '"a ""b"""',
             '"two\nlines"', "99999", "nobody's measure", "é€"]  # fmt: skip
    found = []
    for line in lines:
        cells = line.split(",")
        if len(cells) > 1 and chance.random() < 0.15:
            cells[chance.randrange(1, len(cells))] = chance.choice(texts)
        found.append(",".join(cells))
    return found


def shuffle_rows(lines: Lines, chance: Chance) -> Lines:
    return chance.sample(lines, len(lines))


def write_day_first(lines: Lines, chance: Chance) -> Lines:
    """Write the dates as day, month and year; whether a day over 12 proves it is left to chance."""

    def turn(cell: str) -> str:
        parts = cell.split("-")
        is_date = len(parts) == 3 and all(part.isdigit() for part in parts)
        return "/".join(reversed(parts)) if is_date else cell

    del chance
    return [",".join(turn(cell) for cell in line.split(",")) for line in lines]


CHANGES = [repeat_rows, cut_rows, lengthen_rows, leave_blank, forget_children,
           write_children_otherwise, change_cells, shuffle_rows, write_day_first]  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "study"
    order = SimulationOrder(9, 4, "csv", share_with_ivig=0.5)
    write_simulated_study(order, folder)
    for path in folder.glob("*.csv"):
        rewrite(path, lambda lines: random.Random(1).sample(lines, min(60, len(lines))))
    return folder


@pytest.mark.parametrize("block", [80, 300, 5000])
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_messy_records_are_read_alike(cohort: Path, block: int, seed: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "study"
        shutil.copytree(cohort, folder)
        for path in sorted(folder.glob("*.csv")):
            for change in chance.sample(CHANGES, chance.randrange(4)):
                rewrite(path, lambda lines, change=change: change(lines, chance))
            if chance.random() < 0.2:
                path.write_bytes(path.read_text("utf-8").encode("latin-1", "replace"))
            elif chance.random() < 0.2:
                path.write_bytes(path.read_text("utf-8").replace("\n", "\r\n").encode("utf-16"))
        if chance.random() < 0.2:
            (folder / "patient.csv").unlink()
        assert_read_alike(folder, block)


def test_a_large_table_of_few_children_is_one_shard() -> None:
    read = assert_read_alike(find_example("seven_children"), block=1000, shards=1)
    assert read is not None
    assert read.buckets == 1


def test_rows_that_name_two_children_are_read_in_one_bucket(tmp_path: Path) -> None:
    """A pair of twins a row: no bucket could account for it alone."""
    twins = [f"P{number},Q{number + 5},2019-01-0{number + 1},{number + 20}" for number in range(8)]
    (tmp_path / "twins.csv").write_text("\n".join(["one,other,date,weight", *twins]))
    rows = [f"P{number % 9},2019-03-01,cmas,{number}" for number in range(40)]
    (tmp_path / "cmas.csv").write_text("\n".join(["patient_id,date,measure,value", *rows]))
    entries = [
        f'[[source]]\nfile = "twins.csv"\ntable = "assessment"\n'
        f'[source.columns]\npatient_id = "{name}"\nvalue = "weight"\n'
        f'[source.constants]\nmeasure = "weight"\nunit = "kg"\n'
        for name in ("one", "other")
    ]
    entries[1] = entries[1].replace('value = "weight"', 'text = "weight"')
    entries.append('[[source]]\nfile = "cmas.csv"\ntable = "assessment"\n')
    (tmp_path / "study.toml").write_text("".join(entries))
    read = assert_read_alike(tmp_path)
    assert read is not None
    assert read.buckets == 1


def test_what_only_the_last_row_proves_holds_for_the_first(tmp_path: Path) -> None:
    rows = [
        f"P{number};0{number % 9 + 1}/02/2019;creatine_kinase;1,234;U/L" for number in range(40)
    ]
    rows.append("P9;25/02/2019;creatine_kinase;1,5;U/L")
    text = "\n".join(["patient_id;date;measure;value;unit", *rows])
    (tmp_path / "assessment.csv").write_text(text)
    read = assert_read_alike(tmp_path)
    assert_in_buckets(read)
    first = read.tables["assessment"].sort("row_id").row(0, named=True)
    assert (str(first["date"]), first["value"]) == ("2019-02-01", 1.234)


def test_what_the_last_row_contradicts_is_refused_in_the_same_words(tmp_path: Path) -> None:
    rows = ["P1,25/02/2019,cmas,4", *["P2,2019-01-01,cmas,5"] * 40, "P3,02/25/2019,cmas,4"]
    (tmp_path / "assessment.csv").write_text("\n".join(["patient_id,date,measure,value", *rows]))
    assert assert_read_alike(tmp_path) is None


LINKED = """
[[source]]
file = "a.csv"
table = "infusion"
[[source]]
file = "b.csv"
table = "infusion"
[[source]]
file = "b.csv"
table = "assessment"
[source.columns]
value = "weight"
[source.constants]
measure = "weight"
unit = "kg"
[[source.rows]]
column = "weight"
filled = true
[[link]]
source = "b.csv"
file = "key.csv"
from = "theirs"
to = "ours"
[precedence]
infusion = ["b.csv", "a.csv"]
"""


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_linked_sources_with_an_order_are_read_alike(seed: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        days = [f"2019-01-{chance.randrange(1, 9):02}" for _ in range(60)]
        first = [f"P{chance.randrange(9)},{day},{chance.choice(['20', '25', ''])},g,iv"
                 for day in days]  # fmt: skip
        second = [f"X{chance.randrange(10)},{day},{chance.choice(['20', ''])},g,iv,"
                  f"{chance.choice(['', '30', '300'])}" for day in days]  # fmt: skip
        (folder / "a.csv").write_text("\n".join(["patient_id,date,dose,dose_unit,route", *first]))
        (folder / "b.csv").write_text(
            "\n".join(["patient_id,date,dose,dose_unit,route,weight", *second])
        )
        key = [f"X{number},P{number}" for number in range(8)]
        (folder / "key.csv").write_text("\n".join(["theirs,ours", *key, "X9,", "X77,P1"]))
        (folder / "study.toml").write_text(LINKED)
        parts = assert_read_alike(folder)
    assert parts is None or parts.buckets == BUCKETS


def test_parquet_is_read_alike(tmp_path: Path) -> None:
    write_simulated_study(SimulationOrder(9, 3, "parquet", share_with_ivig=0.5), tmp_path / "study")
    assert_in_buckets(assert_read_alike(tmp_path / "study"))


@pytest.mark.parametrize("form", ["omop", "fhir", "sdtm", "redcap"])
def test_other_forms_beside_a_large_table_are_read_alike(tmp_path: Path, form: str) -> None:
    write_simulated_study(SimulationOrder(6, 3, form), tmp_path / "records")
    entry = f'[[source]]\nform = "{form}"\nfile = "records"\n'
    made = tmp_path / "records" / "study.toml"
    if made.exists():
        entry = (
            made.read_text().replace('file = "', 'file = "records/').replace("records/.", "records")
        )
    rows = ["patient_id,date,measure,value"]
    rows += [f"S{number},2019-03-0{number % 9 + 1},weight,{20 + number}" for number in range(9)]
    (tmp_path / "more.csv").write_text("\n".join(rows))
    more = '[[source]]\nfile = "more.csv"\ntable = "assessment"\n'
    (tmp_path / "study.toml").write_text(f"{entry}\n{more}")
    assert_in_buckets(assert_read_alike(tmp_path))
