"""The small functions that turn codes and trace rows into words."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.response import AggravationDefinition, ResponseDefinition
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES, Source, Trace, TraceSource
from heliotrope.records.row_id import SourceCell, pack_row_id
from heliotrope.report.find_results import Results
from heliotrope.report.read_child import RECORDS, Child
from heliotrope.report.read_child import TABLES as TABLE_NAMES
from heliotrope.report.trace_lines import SourceCells, list_trace_lines, say_comparison
from heliotrope.report.words import find_advice, read_words, say

ROW = pack_row_id(SourceCell(1, 10, 2))


def empty_child(**changed: pl.DataFrame) -> Child:
    return Child(
        patient_id="A",
        origin=dt.date(2020, 1, 1),
        records={name: CANONICAL[name].create_empty() for name in RECORDS},
        tables={name: TABLES[name].create_empty() for name in TABLE_NAMES},
        trace=changed.get("trace", Trace.create_empty()),
        trace_source=changed.get("trace_source", TraceSource.create_empty()),
    )


def trace_of(*nodes: tuple[str, str | None, str]) -> pl.DataFrame:
    rows = [
        {
            "trace_id": number,
            "patient_id": "A",
            "regimen": 1,
            "definition_id": "d",
            "node": node,
            "parent": parent,
            "state": state,
        }
        for number, (node, parent, state) in enumerate(nodes)
    ]
    return pl.DataFrame(rows, schema_overrides={"regimen": pl.Int32}).select(
        pl.col(name).cast(dtype) if name in rows[0] else pl.lit(None, dtype).alias(name)
        for name, dtype in Trace.create_empty().schema.items()
    )


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
    def test_children_follow_their_parent_and_orphans_the_root(self) -> None:
        trace = trace_of(
            ("leaf", "axis", "met"),
            ("root", None, "met"),
            ("orphan", "nobody", "not_met"),
            ("axis", "root", "met"),
        )
        lines = list_trace_lines(empty_child(trace=trace), "d", 1, None, SourceCells(SOURCES))
        assert [(line.node, line.depth) for line in lines] == [
            ("root", 0),
            ("orphan", 1),
            ("axis", 1),
            ("leaf", 2),
        ]

    def test_a_node_names_the_file_sheet_row_and_column_of_its_cell(self) -> None:
        links = pl.DataFrame(
            {"trace_id": [0], "row_id": [ROW], "role": ["used"], "reason": [None]},
            schema=TraceSource.create_empty().schema,
        )
        child = empty_child(trace=trace_of(("root", None, "met")), trace_source=links)
        (line,) = list_trace_lines(child, "d", 1, None, SourceCells(SOURCES))
        assert line.cells[0].place == "visits.csv, sheet May, row 12, column PhGA"

    def test_a_row_of_no_known_source_is_named_by_its_number(self) -> None:
        assert SourceCells(SOURCES.clear()).place(ROW) == f"row id {ROW}"

    @pytest.mark.parametrize(
        ("value", "operator", "threshold", "unit", "said"),
        [
            (None, ">=", 3.0, None, ""),
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
