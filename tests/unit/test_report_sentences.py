"""The small functions that turn codes and trace rows into words."""

from __future__ import annotations

from typing import ClassVar

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.response import AggravationDefinition, ResponseDefinition
from heliotrope.records.finding_tables import Source
from heliotrope.records.row_id import SourceCell, pack_row_id
from heliotrope.report.explain_cells import SourceCells
from heliotrope.report.find_results import Results
from heliotrope.report.say_node import say_comparison
from heliotrope.report.words import find_advice, read_words, say

ROW = pack_row_id(SourceCell(1, 10, 2))

SOURCES = pl.DataFrame(
    [
        {
            "source": 1,
            "file": "visits.csv",
            "sheet": "May",
            "sha256": "",
            "records": 20,
            "first_row": 2,
            "column": 2,
            "column_name": "PhGA",
        }
    ],
    schema=Source.create_empty().schema,
)


class TestWords:
    def test_every_label_of_the_response_has_words(self) -> None:
        rulebook = read_rulebook()
        words = read_words().words
        for axis in rulebook.of_kind(ResponseDefinition)[0].axes:
            if axis.name in words:
                labels = {choice.label for choice in axis.choices}
                assert labels <= words[axis.name].keys() | {"not_applicable"}, axis.name

    def test_every_reason_for_not_being_evaluable_has_words(self) -> None:
        rulebook = read_rulebook()
        definitions = [
            *rulebook.of_kind(ResponseDefinition),
            *rulebook.of_kind(AggravationDefinition),
        ]
        reasons = {
            choice.reason
            for definition in definitions
            for axis in definition.axes
            for choice in axis.choices
            if choice.label == "not_evaluable" and choice.reason
        }
        assert reasons <= read_words().words["response_reason"].keys()
        assert reasons <= read_words().advice.keys()

    def test_no_words_promise_what_records_cannot_show(self) -> None:
        content = str(read_words().model_dump()).lower()
        assert not [word for word in ("responded to ivig", "no benefit", "safe") if word in content]

    def test_an_unknown_code_is_spelt_out(self) -> None:
        assert say("pattern", "something_new") == "Something new"
        assert find_advice("something_new") == find_advice(None)


class TestTrace:
    LINK: ClassVar[dict[str, object]] = {"row_id": ROW, "role": "used", "reason": None}

    def test_a_node_names_the_file_sheet_row_and_column_of_its_cell(self) -> None:
        cell = SourceCells(SOURCES).find(self.LINK, "")
        assert cell.place == "visits.csv, sheet May, row 12, column PhGA"

    def test_a_row_of_no_known_source_is_said_to_be_of_none(self) -> None:
        cell = SourceCells(SOURCES.clear()).find(self.LINK, "")
        assert cell.place == "a cell that no source file of this run holds"

    @pytest.mark.parametrize(
        ("value", "operator", "threshold", "unit", "said"),
        [
            (None, ">=", 3.0, None, "asked: ≥ 3"),
            (0.0, ">=", 1.0, None, "no"),
            (25.0, "<=", 28.0, "days", "25 days (asked: ≤ 28)"),
            (4.0, None, None, "none", "4"),
        ],
    )
    def test_comparisons(self, value, operator, threshold, unit, said: str) -> None:
        row = {"value": value, "operator": operator, "threshold": threshold, "unit": unit}
        assert say_comparison(row) == said


class TestResults:
    def row(self, **changed) -> dict[str, object]:
        return {
            "analysis": "a",
            "group": "all",
            "variable": "v",
            "statistic": "proportion_exact",
            "value": 4 / 7,
            "formatted": "",
            "low": 0.184,
            "high": 0.901,
            "level": 0.95,
            "n_evaluable": 7,
            "definition_id": None,
            "definition_version": None,
            "refused": None,
        } | changed

    def test_a_share_is_printed_with_count_and_interval(self) -> None:
        share = Results(pl.DataFrame([self.row()])).share("a", "v")
        assert (share.text, share.percent, share.interval) == ("4 of 7", "57 %", "18 to 90 %")

    def test_a_refused_share_keeps_the_reason_and_gives_no_number(self) -> None:
        refused = self.row(value=None, low=None, high=None, refused="nobody")
        share = Results(pl.DataFrame([refused], strict=False)).share("a", "v")
        assert not share.is_given
        assert (share.refused, share.count, share.text) == ("nobody", None, "not evaluable")

    def test_a_share_that_no_run_made_is_not_given(self) -> None:
        assert not Results(pl.DataFrame([self.row()])).share("a", "other").is_given
