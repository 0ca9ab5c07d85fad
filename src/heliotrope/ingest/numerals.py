"""Numbers as records write them: decimal point or comma, thousands, and <0.5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from heliotrope.errors import Found, UserError

Decimal = Literal[".", ","]

_QUALIFIED = r"^(<=|>=|<|>|≤|≥|=)?\s*(.*)$"
_SPACED = r"^([+-]?\d{1,3}(?:[ '’\u{a0}\u{202f}]\d{3})+)([.,]\d+)?$"
_COMMA_OPEN = r"^[+-]?[1-9]\d{0,2},\d{3}$"
_COMMA_DECIMAL = r"^[+-]?\d*,\d+$"
_COMMA_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(?:,\d{3})+\.\d+$|^[+-]?[1-9]\d{0,2}(?:,\d{3}){2,}$"
_DOT_OPEN = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
_DOT_DECIMAL = r"^[+-]?\d*\.\d+$"
_DOT_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(?:\.\d{3})+,\d+$|^[+-]?[1-9]\d{0,2}(?:\.\d{3}){2,}$"

_IS_PLAIN_DOT = pl.col("body").str.contains(_DOT_DECIMAL) & ~pl.col("dot_open")

_QUALIFIERS = {"≤": "<=", "≥": ">=", "=": None}


def find_telling_numbers(texts: pl.Series) -> list[str]:
    """Return the texts that alone prove the decimal sign of a column: the first of each shape.

    What they prove is what the whole column proves, with the same message.

    >>> find_telling_numbers(pl.Series(["7", "1.5", "2.5", "1,234", "9"]))
    ['1.5', '1,234']
    """
    shapes = _describe_shapes(texts)
    kinds = [
        pl.col("text").str.contains(",", literal=True),
        pl.col("comma_open"),
        pl.col("comma_decimal") & ~pl.col("comma_open"),
        pl.col("comma_thousands"),
        pl.col("dot_open"),
        pl.col("dot_thousands"),
        _IS_PLAIN_DOT,
    ]
    is_first = pl.any_horizontal(kind & (kind.cum_sum() == 1) for kind in kinds)
    return shapes.filter(is_first)["text"].to_list()


def prove_decimal(texts: Sequence[str], place: Found) -> Decimal | None:
    """Prove the decimal sign of a column from its telling texts; None where nothing needs one.

    Errors: a column in which 1,234 stays open: UserError with both readings.
    """
    return _prove_decimal(_describe_shapes(pl.Series(texts, dtype=pl.String)), place)


def parse_numbers(texts: pl.Series, decimal: Decimal | None, place: Found) -> pl.DataFrame:
    """Read a column of texts as numbers; returns ``text``, ``value``, ``value_qualifier``.

    Rule: a comma is read as the decimal sign if the study declares it or the column proves it
    (1,5 can be nothing else; 1,234 alone can be both). ``<0.5`` is the value 0.5 with the
    qualifier ``<``. A text that is no number has a null value.
    Errors: a column in which 1,234 stays open: UserError with both readings.
    """
    plain = pl.col("body")
    shapes = _describe_shapes(texts)
    sign = decimal or _prove_decimal(shapes, place)
    is_comma_decimal = pl.col("dot_thousands") | (
        pl.col("comma_decimal") & (~pl.col("comma_open") | pl.lit(sign == ","))
    )
    is_dot_thousands = pl.col("dot_thousands") | (pl.col("dot_open") & pl.lit(sign == ","))
    without_dots = (
        pl.when(is_dot_thousands)
        .then(plain.str.replace_all(".", "", literal=True))
        .otherwise(plain)
    )
    number = (
        pl.when(is_comma_decimal)
        .then(without_dots.str.replace(",", ".", literal=True))
        .when(pl.col("comma_open") | pl.col("comma_thousands"))
        .then(without_dots.str.replace_all(",", "", literal=True))
        .otherwise(without_dots)
    )
    is_number = number.str.contains(r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?$")
    return shapes.select(
        "text",
        pl.when(is_number).then(number.cast(pl.Float64, strict=False)).alias("value"),
        pl.col("value_qualifier"),
    )


def _describe_shapes(texts: pl.Series) -> pl.DataFrame:
    """Say of each distinct text which shapes of a number it has."""
    plain = pl.col("body")
    return (
        pl.DataFrame({"text": texts.drop_nulls().unique(maintain_order=True)})
        .with_columns(pl.col("text").str.extract_groups(_QUALIFIED).alias("parts"))
        .with_columns(
            pl.col("parts").struct[0].replace(_QUALIFIERS).alias("value_qualifier"),
            pl.col("parts").struct[1].str.strip_chars().alias("body"),
        )
        .with_columns(
            pl.when(plain.str.contains(_SPACED))
            .then(plain.str.replace_all(r"[ '’\u{a0}\u{202f}]", ""))
            .otherwise(plain)
        )
        .with_columns(
            plain.str.contains(_COMMA_OPEN).alias("comma_open"),
            plain.str.contains(_COMMA_DECIMAL).alias("comma_decimal"),
            plain.str.contains(_COMMA_THOUSANDS).alias("comma_thousands"),
            plain.str.contains(_DOT_OPEN).alias("dot_open"),
            plain.str.contains(_DOT_THOUSANDS).alias("dot_thousands"),
        )
    )


def _prove_decimal(shapes: pl.DataFrame, place: Found) -> Decimal | None:
    says_comma = shapes.filter(
        (pl.col("comma_decimal") & ~pl.col("comma_open")) | pl.col("dot_thousands")
    )
    says_dot = shapes.filter(pl.col("comma_thousands"))
    plain_dot = shapes.filter(_IS_PLAIN_DOT)
    says_both = not says_comma.is_empty() and not (says_dot.is_empty() and plain_dot.is_empty())
    open_commas = shapes.filter(pl.col("comma_open"))["text"].to_list()
    open_dots = shapes.filter(pl.col("dot_open"))["text"].to_list()
    first = ""
    if open_commas and (says_both or (says_comma.is_empty() and says_dot.is_empty())):
        first = open_commas[0]
    elif open_dots and says_both:
        first = open_dots[0]
    if first:
        raise UserError(
            "a column whose decimal sign is declared or can be proven from its cells",
            Found(
                f"{first} = {first.replace(',', '.')} or {first.replace(',', '').replace('.', '')}",
                place.file,
                place.sheet,
                place.row,
                place.column,
            ),
            'declare decimal = "," or decimal = "." in study.toml',
        )
    if says_comma.height:
        return ","
    return "." if says_dot.height else None
