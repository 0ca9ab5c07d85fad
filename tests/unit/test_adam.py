"""The ADaM-shaped set: names, labels, study days, and agreement with the run it is made from."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyreadstat
import pytest

from heliotrope.commands import exports
from heliotrope.definitions.adam import ADAM_SET, AdamSet
from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.report.adam.inputs import AdamInputs
from heliotrope.report.adam.write import MAKERS, write_adam
from heliotrope.report.read_run import RunTables

RULEBOOK = read_rulebook()
BOOK = RULEBOOK.get(ADAM_SET, AdamSet)


@pytest.fixture(scope="module")
def run(modern_run: Path) -> Path:
    return modern_run


@pytest.fixture(scope="module")
def adam(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adam") / "set"
    write_adam(RunTables(run), RULEBOOK, folder)
    return folder


def read(adam: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(adam / f"{name}.parquet")


def result(run: Path, analysis: str, variable: str, statistic: str = "n") -> float:
    rows = pl.read_parquet(run / "results.parquet").filter(
        pl.col("analysis") == analysis,
        pl.col("group") == "all",
        pl.col("variable") == variable,
        pl.col("statistic") == statistic,
    )
    return float(rows["value"].item())


def test_every_dataset_has_a_maker_and_every_variable_a_derivation(adam: Path) -> None:
    assert [dataset.name for dataset in BOOK.datasets] == list(MAKERS)
    book = pl.read_csv(adam / "derivations.csv")
    for dataset in BOOK.datasets:
        named = book.filter(pl.col("dataset") == dataset.name)["variable"].to_list()
        assert read(adam, dataset.name.lower()).columns == named
    assert book["derivation"].str.len_chars().min() >= 5
    assert book["label"].str.len_chars().max() <= 40


def test_keys_are_unique_and_codes_have_at_most_8_characters(adam: Path) -> None:
    for dataset in BOOK.datasets:
        frame = read(adam, dataset.name.lower())
        assert frame.height > 0
        assert not frame.select(dataset.key).is_duplicated().any(), dataset.name
        if "PARAMCD" in frame.columns:
            assert frame["PARAMCD"].str.contains("^[A-Z][A-Z0-9]{0,7}$").all()
            assert frame["PARAM"].str.len_chars().max() <= 40
            pairs = frame.select("PARAM", "PARAMCD").unique()
            assert pairs["PARAMCD"].n_unique() == pairs.height


def test_every_measure_has_a_code_of_its_own(run: Path) -> None:
    codes = [p.code for p in AdamInputs(RunTables(run), RULEBOOK).parameters.values()]
    assert len(codes) > 100
    assert len(set(codes)) == len(codes)


def test_the_first_infusion_is_day_1_and_there_is_no_day_0(adam: Path) -> None:
    for name, day, ady in (("adex", "ASTDT", "ASTDY"), ("adqs", "ADT", "ADY")):
        frame = read(adam, name).filter(pl.col("TRTSDT").is_not_null())
        apart = (frame[day] - frame["TRTSDT"]).dt.total_days()
        assert 0 not in frame[ady]
        assert frame.filter(apart == 0)[ady].unique().to_list() == [1]
        assert (frame.filter(apart < 0)[ady] == apart.filter(apart < 0)).all()
    assert read(adam, "adqs")["ADY"].min() < 0


def test_subjects_are_the_children_of_the_run(run: Path, adam: Path) -> None:
    adsl = read(adam, "adsl")
    assert adsl.height == result(run, "cohort", "children")
    assert (adsl["SAFFL"] == "Y").sum() == result(run, "cohort", "with_ivig")
    for word in ("confirmed", "unconfirmed", "no"):
        assert (adsl["RESPOND"] == word).sum() == result(run, "responded", word)
    treated = adsl.filter(pl.col("SAFFL") == "Y")
    assert treated["COURSES"].median() == result(run, "table1", "courses", "median")
    age = result(run, "table1", "age_at_first_infusion_years", "median")
    assert abs(treated["AGE"].median() + 0.5 - age) < 1  # type: ignore[operator]
    assert set(treated["TRT01A"]) == {"IVIG"}


def test_exposure_adds_up_to_the_courses(run: Path, adam: Path) -> None:
    grams = read(adam, "adex").filter(pl.col("PARAMCD") == "DOSEG", pl.col("COURSE").is_not_null())
    courses = pl.read_parquet(run / "tables" / "course.parquet")
    assert grams["AVAL"].sum() == pytest.approx(courses["dose_g"].sum())
    days = read(adam, "adex").filter(pl.col("COURSE").is_not_null())
    children = days.select("USUBJID", "ASTDT").unique().height
    assert children == result(run, "reaction_exposure", "infusion_day")


def test_baselines_and_changes_give_the_run_s_own_medians(run: Path, adam: Path) -> None:
    adlb, adqs = read(adam, "adlb"), read(adam, "adqs")
    for frame, code, measure in ((adlb, "CK", "creatine_kinase"), (adqs, "MMT8", "mmt8")):
        base = frame.filter(pl.col("PARAMCD") == code, pl.col("ABLFL") == "Y")
        found = result(run, "landmark", f"{measure}:baseline", "median")
        assert base["AVAL"].median() == pytest.approx(found)
        assert (base["AVAL"] == base["BASE"]).all()
        assert base["CHG"].null_count() == base.height
    later = adqs.filter(pl.col("CHG").is_not_null())
    assert (later["ADT"] > later["TRTSDT"]).all()
    assert ((later["AVAL"] - later["BASE"] - later["CHG"]).abs() < 1e-9).all()


def test_times_to_event_are_those_of_the_curves(run: Path, adam: Path) -> None:
    adtte = read(adam, "adtte")
    worse = adtte.filter(pl.col("PARAMCD") == "TTWORSEN", pl.col("AVAL") > pl.col("ENTRYDY"))
    assert worse.height == result(run, "aggravation_time", "at_risk_ever")
    assert (worse["CNSR"] == 0).sum() == result(run, "aggravation_time", "events")
    improved = adtte.filter(pl.col("PARAMCD") == "TTIMPROV", pl.col("CNSR") == 0)
    assert improved.height == result(run, "responded", "ever_improved")
    median = result(run, "onset_day", "onset_by_day", "median")
    assert improved["AVAL"].median() == median
    assert ((adtte["ADT"] - adtte["STARTDT"]).dt.total_days() == adtte["AVAL"]).all()
    assert set(adtte["CNSR"]) == {0, 1}
    assert adtte["EVNTDESC"].null_count() == 0


def test_adverse_events_are_all_there_and_those_in_a_window_are_flagged(
    run: Path, adam: Path
) -> None:
    adae = read(adam, "adae")
    assert adae.height == result(run, "reaction_exposure", "adverse_events_recorded")
    reactions = pl.read_parquet(run / "tables" / "reaction.parquet")
    inside = reactions.filter(pl.col("window") != "outside").height
    assert (adae["TRTEMFL"] == "Y").sum() == inside


def test_transport_files_read_back_the_same(adam: Path) -> None:
    for dataset in BOOK.datasets:
        name = dataset.name.lower()
        frame = read(adam, name)
        rows, meta = pyreadstat.read_xport(adam / f"{name}.xpt", output_format="polars")
        assert meta.table_name == dataset.name
        assert rows.columns == frame.columns
        assert meta.column_labels == [variable.label for variable in dataset.variables]
        for variable in dataset.variables:
            there, here = rows[variable.name], frame[variable.name]
            if variable.type == "text":
                assert there.fill_null("").to_list() == here.fill_null("").to_list()
            elif variable.type == "date":
                assert there.cast(pl.Date).to_list() == here.to_list()
            else:
                there, here = there.cast(pl.Float64), here.cast(pl.Float64)
                assert (there.is_null() == here.is_null()).all()
                assert there.drop_nulls().to_list() == pytest.approx(
                    here.drop_nulls().to_list(), rel=1e-12
                )


def test_the_command_writes_it_and_names_the_folder(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports.adam(run, tmp_path / "set")
    assert "Wrote 20 files" in capsys.readouterr().out
    assert (tmp_path / "set" / "README.md").is_file()


def test_a_folder_that_exists_is_left_alone(run: Path, adam: Path) -> None:
    with pytest.raises(UserError, match="exists"):
        write_adam(RunTables(run), RULEBOOK, adam)


def test_texts_of_a_source_run_nowhere_and_are_cut_only_in_transport(
    run: Path, tmp_path: Path
) -> None:
    """A hostile term: a formula, 10,000 characters, letters of several bytes."""
    hostile = "=HYPERLINK(1)" + "é" * 9_990
    copy = tmp_path / "run"
    copy.mkdir()
    for item in run.iterdir():
        (copy / item.name).symlink_to(item)
    (copy / "records").unlink()
    (copy / "records").mkdir()
    for item in (run / "records").iterdir():
        target = copy / "records" / item.name
        if item.name != "event.parquet":
            target.symlink_to(item)
            continue
        target.mkdir()
        for part in item.iterdir():
            events = pl.read_parquet(part, glob=False)
            events.with_columns(term=pl.lit(hostile)).write_parquet(target / part.name)
    folder = tmp_path / "set"
    write_adam(RunTables(copy), RULEBOOK, folder)
    assert set(read(folder, "adae")["AETERM"]) == {hostile}
    assert set(pl.read_csv(folder / "adae.csv")["AETERM"]) == {f"'{hostile}"}
    rows, _ = pyreadstat.read_xport(folder / "adae.xpt", output_format="polars")
    longest = rows["AETERM"].str.len_bytes().max()
    assert 198 <= longest <= 200
