"""What the datasets of SDTM have in common: dates as ISO 8601, numbered rows, qualifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.codes import CodeBook
from heliotrope.definitions.sdtm import SdtmTerms


@dataclass(frozen=True)
class Writing:
    """What is looked up while writing."""

    terms: SdtmTerms
    codes: CodeBook

    def term_of(self, part: str, means: str) -> str:
        """Return the first term of SDTM that means one of our words."""
        return self.terms_of(part).get(means, means.upper())

    def terms_of(self, part: str) -> dict[str, str]:
        """Return the first term of each of our words, of the words of a part."""
        return {item.means: item.terms[0] for item in reversed(getattr(self.terms, part))}


def write_date(date: pl.Expr, time: pl.Expr | None = None) -> pl.Expr:
    """Write a date, and a time of day behind it, as ISO 8601."""
    day = date.dt.to_string("%Y-%m-%d")
    if time is None:
        return day
    return pl.when(time.is_not_null()).then(day + "T" + time).otherwise(day)


def number_rows(rows: pl.DataFrame, domain: str) -> pl.DataFrame:
    """Number the rows of each child from 1."""
    number = pl.int_range(1, pl.len() + 1).over("USUBJID").cast(pl.Float64)
    return rows.with_columns(number.alias(f"{domain}SEQ"))


def make_supplement(
    rows: pl.DataFrame, sequence: str | None, qualifiers: Mapping[str, str]
) -> pl.DataFrame:
    """Make the qualifiers of a domain: one row a child, or row of a child, and qualifier."""
    number = pl.int_range(1, pl.len() + 1).over("patient_id").cast(pl.String)
    numbered = rows.with_columns(number=number)
    return pl.concat(
        numbered.filter(pl.col(column).is_not_null()).select(
            USUBJID="patient_id",
            IDVAR=pl.lit(sequence, pl.String),
            IDVARVAL=pl.col("number") if sequence else pl.lit(None, pl.String),
            QNAM=pl.lit(name),
            QLABEL=pl.lit(column),
            QVAL=pl.col(column),
            QORIG=pl.lit("CRF"),
        )
        for name, column in qualifiers.items()
    )
