"""What always holds of forms: items make the total, their order does not matter, a record wins."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliotrope.definitions.item_form import ItemForm, forms_of
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.derive.item_scores import derive_item_scores
from heliotrope.records.canonical import CANONICAL

RULEBOOK = read_rulebook()
MEASURES = measures_of(RULEBOOK)
FORMS = {form.id: form for form in forms_of(RULEBOOK)}
SCHEMA = CANONICAL["assessment"].create_empty().schema
WHEN = date(2020, 1, 1)


def make_rows(answers: dict[str, float], first_row: int = 1) -> pl.DataFrame:
    rows = [
        {"row_id": first_row + number, "patient_id": "child", "date": WHEN, "measure": measure}
        | {"value": float(value)}
        for number, (measure, value) in enumerate(answers.items())
    ]
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], schema=SCHEMA)


@st.composite
def draw_answers(draw: st.DrawFn) -> tuple[ItemForm, dict[str, float]]:
    """Draw a form with any of its items answered."""
    form = FORMS[draw(st.sampled_from(sorted(FORMS)))]
    answered = draw(
        st.lists(st.sampled_from(form.items), min_size=1, unique_by=lambda i: i.measure)
    )
    if draw(st.booleans()):
        answered = list(form.items)
    return form, {
        item.measure: draw(st.integers(0, int(MEASURES[item.measure].maximum or 0)))
        for item in answered
    }


@given(draw_answers())
def test_the_total_is_that_of_slow_arithmetic(drawn: tuple[ItemForm, dict[str, float]]) -> None:
    form, answers = drawn
    (found,) = derive_item_scores(make_rows(answers), RULEBOOK).iter_rows(named=True)
    total = sum(answers.values())
    expected = {
        "sum": total,
        "mean": total / len(answers),
        "share": total / sum(MEASURES[name].maximum or 0 for name in answers),
    }[form.scoring]
    if len(answers) < form.missing_items.least_items:
        assert (found["value"], found["outcome"]) == (None, "items_missing")
    else:
        assert found["value"] == pytest.approx(expected, abs=1e-9)
        assert 0 <= found["value"] <= form.maximum
    assert set(found["missing"]) == {item.measure for item in form.items} - answers.keys()
    assert len(found["item_row_ids"]) == len(answers)


@given(draw_answers(), st.randoms())
def test_the_order_of_rows_changes_nothing(
    drawn: tuple[ItemForm, dict[str, float]], random: object
) -> None:
    rows = make_rows(drawn[1])
    order = list(range(rows.height))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert derive_item_scores(rows[order], RULEBOOK).equals(derive_item_scores(rows, RULEBOOK))


@given(draw_answers(), st.floats(0, 100))
def test_a_recorded_total_is_never_replaced(
    drawn: tuple[ItemForm, dict[str, float]], recorded: float
) -> None:
    form, answers = drawn
    rows = make_rows({**answers, form.measure: recorded})
    (found,) = derive_item_scores(rows, RULEBOOK).iter_rows(named=True)
    assert found["outcome"] in {"recorded", "differs"}
    if found["outcome"] == "differs":
        assert abs(found["value"] - recorded) > form.equal_within - 1e-9
