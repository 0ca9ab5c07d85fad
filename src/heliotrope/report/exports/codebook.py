"""The columns of a table in words, from the schemas that the program itself checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dataframely as dy
import polars as pl

from heliotrope.report.language import _

LIST_SEPARATOR = "; "


@dataclass(frozen=True)
class Column:
    """A column: its name, its type, whether it may be empty, and what it is."""

    table: str
    name: str
    type: str
    may_be_empty: bool
    description: str


def describe_columns(schemas: Mapping[str, type[dy.Schema]]) -> Iterator[Column]:
    """Describe every column of some tables, in their order.

    >>> from heliotrope.records.results import Result
    >>> next(describe_columns({"results": Result}))
    Column(table='results', name='analysis', type='text', may_be_empty=False, \
description='family, e.g. response_pattern')
    """
    for table, schema in schemas.items():
        for name, column in schema.columns().items():
            yield Column(
                table=table,
                name=name,
                type=_name_type(column.dtype),
                may_be_empty=bool(column.nullable),
                description=column.description or "",
            )


def make_codebook(schemas: Mapping[str, type[dy.Schema]]) -> pl.DataFrame:
    """Make the codebook as a table, one row a column."""
    return pl.DataFrame(
        [
            {
                "table": column.table,
                "column": column.name,
                "type": column.type,
                "may_be_empty": "yes" if column.may_be_empty else "no",
                "what_it_is": column.description,
            }
            for column in describe_columns(schemas)
        ]
    )


def render_codebook(schemas: Mapping[str, type[dy.Schema]]) -> str:
    """Render the codebook as Markdown that also reads well as plain text."""
    parts = []
    for table, schema in schemas.items():
        lines = [f"## {table}", "", (schema.__doc__ or "").strip(), ""]
        lines += [
            f"| {_('column')} | {_('type')} | {_('may be empty')} | {_('what it is')} |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{column.name}` | {column.type} | {_('yes') if column.may_be_empty else _('no')} "
            f"| {column.description} |"
            for column in describe_columns({table: schema})
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _name_type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        return "list of text"
    names = {"String": "text", "Boolean": "true or false", "Date": "date"}
    whole = {"Int32": "whole number", "Int64": "whole number", "Float64": "number"}
    return (names | whole).get(str(dtype), str(dtype).lower())
