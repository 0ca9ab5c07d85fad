"""Whom a cohort leaves out for replacement are those whose every regimen is one of replacement."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.definitions.load import read_rulebook
from heliotrope.derive.exposure import derive_courses, derive_infusion_days, derive_regimens
from heliotrope.ingest.replacement import IMMUNOGLOBULINS, WEIGHTS, find_given, judge_purposes
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard

RULEBOOK = read_rulebook()
FIRST = date(2016, 1, 1)

INFUSIONS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 60).map(lambda number: number * 7) | st.integers(0, 400),
        st.sampled_from([None, 0.0, 0.1, 0.4, 0.8, 2.0, 5.0, 10.0, 20.0, 50.0]),
        st.sampled_from(["g", "g/kg"]),
        st.sampled_from(["iv", "iv", "iv", "sc"]),
    ),
    min_size=1,
    max_size=24,
)
WEIGHED = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(-120, 450), st.sampled_from([12.5, 20.0, 25.0])),
    max_size=6,
)


def fill(table: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    empty = CANONICAL[table].create_empty()
    listed = [[row.get(name) for name in empty.columns] for row in rows]
    return pl.DataFrame(listed, schema=empty.schema, orient="row")


def derive_purposes(infusions, weights) -> pl.DataFrame:
    """Return the regimens as the records are evaluated."""
    shard = Shard.from_tables(
        {
            "patient": fill("patient", [{"row_id": n, "patient_id": name}
                                        for n, name in enumerate("ab")]),
            "infusion": fill("infusion", [
                {"row_id": 10 + n, "patient_id": who, "date": FIRST + timedelta(days=day),
                 "dose": dose, "dose_unit": unit, "route": route}
                for n, (who, day, dose, unit, route) in enumerate(infusions)]),
            "assessment": fill("assessment", [
                {"row_id": 100 + n, "patient_id": who, "date": FIRST + timedelta(days=day),
                 "measure": "weight", "value": kilograms, "unit": "kg"}
                for n, (who, day, kilograms) in enumerate(weights)]),
        }
    )  # fmt: skip
    days = derive_infusion_days(shard, RULEBOOK)
    courses = derive_courses(days, RULEBOOK)
    seen = pl.DataFrame({"patient_id": ["a", "b"], "observed_until": [date(2018, 1, 1)] * 2})
    return derive_regimens(courses, days, shard.event, seen, RULEBOOK)


@settings(deadline=None, max_examples=60)
@given(INFUSIONS, WEIGHED)
def test_replacement_is_told_as_regimens_are(infusions, weights) -> None:
    regimens = derive_purposes(infusions, weights)
    is_replacement = (pl.col("purpose") == "replacement_dose").all()
    expected = regimens.group_by("patient_id").agg(is_replacement).filter("purpose")
    immunoglobulins = pl.DataFrame(
        [(who, FIRST + timedelta(days=day), *more) for who, day, *more in infusions],
        schema=IMMUNOGLOBULINS, orient="row",
    )  # fmt: skip
    weighed = pl.DataFrame(
        [(who, FIRST + timedelta(days=day), kilograms, "kg") for who, day, kilograms in weights],
        schema=WEIGHTS, orient="row",
    )  # fmt: skip
    infused = find_given(immunoglobulins, RULEBOOK)
    purposes = judge_purposes(infused, weighed, RULEBOOK)
    assert set(purposes.replacement["patient_id"]) == set(expected["patient_id"])
    known = regimens.filter(pl.col("low_dose_fraction").is_not_null())["patient_id"]
    assert set(purposes.unjudged["patient_id"]) == set(infused["patient_id"]) - set(known)
