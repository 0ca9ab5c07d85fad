"""What was found about the records: findings, quarantine, sources."""

from __future__ import annotations

import dataframely as dy

from heliotrope.records.columns import count_column, text_column


class Finding(dy.Schema):
    """Something about the data a data manager can act on."""

    severity = dy.String(
        check=lambda column: column.is_in(["error", "warning", "info"]), description="how bad"
    )
    rule = dy.String(description="name of the rule that found it")
    table = text_column("canonical table")
    file = text_column("source file")
    sheet = text_column("sheet of a workbook")
    row = count_column("row as the source numbers it, header = 1")
    column = text_column("source column")
    found = text_column("what stands there")
    expected = text_column("what was expected")
    suggestion = text_column("what to do")


class ShardFinding(dy.Schema):
    """A finding made while evaluating a shard: it knows the cell, not yet the file."""

    severity = dy.String(
        check=lambda column: column.is_in(["error", "warning", "info"]), description="how bad"
    )
    rule = dy.String(description="name of the rule that found it")
    table = text_column("canonical table")
    row_id = dy.Int64(nullable=True, description="the source cell; null when there is none")
    found = text_column("what stands there")
    expected = text_column("what was expected")
    suggestion = text_column("what to do")


class Quarantine(dy.Schema):
    """A source row that could not be used, whole, with the reason."""

    row_id = dy.Int64(description="the source row (column number of the offending cell)")
    file = dy.String(description="source file")
    sheet = text_column("sheet of a workbook")
    row = dy.Int32(description="row as the source numbers it, header = 1")
    rule = dy.String(description="rule that refused it")
    message = dy.String(description="expected, found, to do")
    raw = dy.String(description="the whole row as JSON, every cell as text")


class Source(dy.Schema):
    """One column of one source: what row_id counts."""

    source = dy.Int32(min=0, description="source number, in order of content hash")
    file = dy.String(description="path relative to the study folder")
    sheet = text_column("sheet of a workbook")
    sha256 = dy.String(description="hash of the file's bytes")
    records = dy.Int64(min=0, description="rows without the header")
    first_row = dy.Int32(description="row number of record 0 as the source numbers rows")
    column = dy.Int32(min=0, description="column number, from 0")
    column_name = dy.String(description="header of the column")
