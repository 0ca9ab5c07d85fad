"""Studies with hardly anything in them: every run ends well, and what is missing is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path

import polars as pl
import pytest

from heliotrope.example_studies import find_example
from heliotrope.pipeline import run_study

Tables = dict[str, pl.DataFrame]

COHORT = find_example("modern_cohort")
TABLES = ("patient", "assessment", "infusion", "medication", "event", "indication")
CHILDREN = 5

# A number or a word of Python that was put into a sentence in place of what it stands for. On a
# page "None" is also a word: alone in its cell, or the first of a sentence.
NO_NUMBER = r"\b(?:nan|NaN|inf|Infinity|null|undefined)\b"
STRAY = re.compile(rf"{NO_NUMBER}|\bNone\b")
STRAY_ON_A_PAGE = re.compile(rf"{NO_NUMBER}|(?<=[^.\s] )None\b")
NUMBERS = ("value", "low", "high", "level")
WORDS = ("formatted", "refused", "group", "variable")


@pytest.fixture(scope="module")
def cohort() -> Tables:
    """A few children of the modern cohort, with and without IVIG, cell by cell as text."""
    tables = {name: pl.read_csv(COHORT / f"{name}.csv", infer_schema=False) for name in TABLES}
    treated = tables["infusion"]["patient_id"].unique(maintain_order=True)
    others = tables["patient"].filter(~pl.col("patient_id").is_in(treated.implode()))["patient_id"]
    some = pl.concat([treated.head(CHILDREN - 2), others.head(2)])
    return {
        name: rows.filter(pl.col("patient_id").is_in(some.implode()))
        for name, rows in tables.items()
    }


def only(*measures: str) -> Callable[[Tables], Tables]:
    return lambda tables: {
        **tables,
        "assessment": tables["assessment"].filter(pl.col("measure").is_in(measures)),
    }


def leave_out_visits_before(tables: Tables) -> Tables:
    first = tables["infusion"].group_by("patient_id").agg(first=pl.col("date").min())
    visits = tables["assessment"].join(first, on="patient_id", how="left", maintain_order="left")
    is_later = pl.col("first").is_null() | (pl.col("date") > pl.col("first"))
    return {**tables, "assessment": visits.filter(is_later).drop("first")}


def put_all_at_the_floor(tables: Tables) -> Tables:
    best = {"cmas": "52", "mmt8": "80"} | dict.fromkeys(
        ("physician_global", "patient_global", "chaq", "extramuscular_global"), "0"
    )
    value = pl.col("measure").replace_strict(best, default=pl.col("value"), return_dtype=pl.String)
    return {**tables, "assessment": tables["assessment"].with_columns(value=value)}


def keep_one_infusion_each(tables: Tables) -> Tables:
    once = tables["infusion"].sort("date").unique("patient_id", keep="first", maintain_order=True)
    return {**tables, "infusion": once}


def put_all_on_one_day(tables: Tables) -> Tables:
    day = pl.lit("2020-01-01").alias("date")
    return {
        **tables,
        **{name: tables[name].with_columns(day) for name in ("assessment", "infusion")},
    }


def see_one_child_400_times(tables: Tables) -> Tables:
    child, start = (
        tables["infusion"]["patient_id"][0],
        tables["infusion"]["date"].str.to_date().min(),
    )
    values = [5 + 2 * ((day * 7919) % 13 - 6) / 6 for day in range(400)]
    visits = pl.DataFrame(
        {
            "patient_id": child,
            "date": [str(start + timedelta(days=day - 50)) for day in range(400)],
            "measure": "physician_global",
            "value": [f"{value:.1f}" for value in values],
        }
    )
    others = tables["assessment"].filter(pl.col("patient_id") != child)
    return {**tables, "assessment": pl.concat([others, visits], how="diagonal")}


def give_equal_doses(tables: Tables) -> Tables:
    dose = {"dose": pl.lit("1"), "dose_unit": pl.lit("g/kg")}
    return {**tables, "infusion": tables["infusion"].with_columns(**dose)}


def leave_out_steroids(tables: Tables) -> Tables:
    steroids = ["prednisone", "prednisolone", "methylprednisolone", "dexamethasone"]
    others = tables["medication"].filter(~pl.col("drug").is_in(steroids))
    return {**tables, "medication": others}


CASES: dict[str, Callable[[Tables], Tables]] = {
    "no visit before IVIG": leave_out_visits_before,
    "one measure": only("physician_global", "weight"),
    "creatine kinase alone": only("creatine_kinase", "weight"),
    "all as well as can be": put_all_at_the_floor,
    "one infusion a child": keep_one_infusion_each,
    "one infusion in all": lambda tables: {**tables, "infusion": tables["infusion"].head(1)},
    "all on one day": put_all_on_one_day,
    "one child seen 400 times": see_one_child_400_times,
    "equal doses": give_equal_doses,
    "no steroid": leave_out_steroids,
    "no drug": lambda tables: {name: tables[name] for name in TABLES if name != "medication"},
    "no assessment": lambda tables: {**tables, "assessment": tables["assessment"].clear()},
}


@pytest.mark.parametrize("case", CASES)
def test_a_study_with_hardly_anything_is_answered_in_words(
    cohort: Tables, tmp_path: Path, case: str
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    for name, rows in CASES[case](cohort).items():
        rows.write_csv(study / f"{name}.csv")
    run_study(study, tmp_path / "run")
    results = pl.read_parquet(tmp_path / "run" / "results.parquet")
    assert results.height > 0
    is_no_number = pl.any_horizontal(~pl.col(name).is_finite() for name in NUMBERS)
    assert results.filter(is_no_number).rows() == []
    said = pl.concat([results[name] for name in WORDS]).drop_nulls().unique()
    assert [text for text in said if STRAY.search(text)] == []
    is_unanswered = pl.all_horizontal(pl.col("value", "formatted").is_null())
    unanswered = results.filter(is_unanswered)["refused"]
    assert unanswered.null_count() == 0
    assert (unanswered.str.len_chars() > len("no reason")).all()
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert [hit.group() for hit in STRAY_ON_A_PAGE.finditer(read_text(report))] == []


def read_text(page: str) -> str:
    """Give the words of a page that a person reads."""
    without_code = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", "\n", without_code))


@pytest.mark.parametrize("text", ["nan kg", "after None days", "-inf", "a value of NaN"])
def test_the_sweep_sees_what_it_looks_for(text: str) -> None:
    assert STRAY_ON_A_PAGE.search(read_text(f"<p>{text}</p><script>var nothing = null</script>"))
    assert not STRAY_ON_A_PAGE.search(read_text("<b>of 3.</b><td>None</td><style>a None{}</style>"))
