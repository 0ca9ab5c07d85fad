"""What stands in a column of unknown meaning: numbers, dates, a few words; never of whom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.errors import Found, UserError
from heliotrope.ingest.context import ReadContext, normalise_word
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.numerals import parse_numbers
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import clean, missing_tokens
from heliotrope.records.dates import DateText, parse_date, parse_excel_serial, prove_order

_DATE = re.compile(r"\d.*[-/. ].*\d|\d{8}")
_SERIAL = re.compile(r"\s*\d{5}(?:[.,]\d+)?\s*")


@dataclass(frozen=True)
class Dates:
    """The dates of a column: which share of its values, and what they prove of day and month.

    ``proof``: a text that proves the order; ``open_texts``: texts that can be read both ways,
    where nothing proves one. ``is_contradiction``: some prove one order, some the other.
    """

    share: float
    order: str | None = None
    proof: str | None = None
    open_texts: tuple[str, ...] = ()
    is_contradiction: bool = False
    is_excel: bool = False

    @property
    def is_settled(self) -> bool:
        """Say whether the column can be read without a word in study.toml."""
        return not (self.open_texts or self.is_contradiction)


@dataclass(frozen=True)
class ColumnProfile:
    """One column: its name, label, origin and codes in a dictionary, and what stands in it.

    texts: its filled cells, one a row. counts: each different text, the most frequent first.
    numbers: the cells that are numbers. decimal_is_open: 1,234 can be one or a thousand.
    """

    number: int
    header: str
    texts: pl.Series
    counts: Mapping[str, int]
    numbers: pl.Series
    dates: Dates
    label: str | None = None
    origin: str | None = None
    labels_of_codes: Mapping[str, str] = field(default_factory=dict)
    decimal_is_open: bool = False
    is_identifying: bool = False
    is_structural: bool = False

    @property
    def said(self) -> str:
        """Return the label, and where the values come from, as evidence; blank without one."""
        origin = f" (origin {self.origin})" if self.origin else ""
        return f"label '{self.label}'{origin}" if self.label else ""

    @property
    def filled(self) -> int:
        """Return how many cells hold something."""
        return self.texts.len()

    @property
    def share_of_numbers(self) -> float:
        """Return which share of the filled cells are numbers."""
        return self.numbers.len() / self.filled if self.filled else 0.0

    @property
    def span(self) -> tuple[float, float]:
        """Return the least and the largest number of the column."""
        values = self.numbers.to_list()
        return min(values), max(values)

    @cached_property
    def shape(self) -> str:
        """Return how the cells look, without showing one of them."""
        return describe_shape(self.texts)

    @property
    def is_blank(self) -> bool:
        """Say whether nothing stands in the column."""
        return self.filled == 0


@dataclass(frozen=True)
class TableProfile:
    """A file or sheet: its columns, and how many rows it has."""

    raw: RawTable
    columns: tuple[ColumnProfile, ...]


@dataclass(frozen=True)
class Labels:
    """What a dictionary says of a column: its label, the labels of its codes, its origin."""

    label: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    is_identifying: bool = False
    origin: str | None = None

    def beside(self, other: Labels) -> Labels:
        """Return what is said here, and by another where nothing is."""
        return Labels(
            self.label or other.label,
            self.codes or other.codes,
            self.is_identifying or other.is_identifying,
            self.origin or other.origin,
        )


def profile_table(
    raw: RawTable, labels: Mapping[str, Labels], context: ReadContext, words: MappingWords
) -> TableProfile:
    """Look at every column of a table."""
    missing = missing_tokens(context, Format())
    cells = raw.numbered().join(raw.refused.select("record"), on="record", how="anti")
    columns = []
    for number, header in enumerate(raw.header):
        texts = cells.select(clean(pl.col(str(number)), missing, {}).alias("text"))["text"]
        said = labels.get(header, Labels())
        columns.append(_profile(number, header, texts.drop_nulls(), said, context, words))
    return TableProfile(raw, tuple(columns))


def _profile(
    number: int,
    header: str,
    texts: pl.Series,
    said: Labels,
    context: ReadContext,
    words: MappingWords,
) -> ColumnProfile:
    counted = texts.value_counts().sort(pl.col("count"), pl.col("text"), descending=[True, False])
    numbers, is_open = _read_numbers(texts)
    plain = normalise_word(header)
    is_structural = plain in words.structural
    return ColumnProfile(
        number=number,
        header=header,
        texts=texts,
        counts=dict(counted.iter_rows()),
        numbers=numbers,
        dates=_read_dates(dict(counted.iter_rows()), context),
        label=said.label,
        origin=said.origin,
        labels_of_codes=said.codes,
        decimal_is_open=is_open,
        is_identifying=said.is_identifying
        or (not is_structural and any(word in words.identifying for word in plain.split())),
        is_structural=is_structural,
    )


def _read_numbers(texts: pl.Series) -> tuple[pl.Series, bool]:
    """Return the cells that are numbers, and whether their decimal sign stays open."""
    try:
        read, is_open = parse_numbers(texts, None, Found("")), False
    except UserError:
        read, is_open = parse_numbers(texts, ".", Found("")), True
    joined = pl.DataFrame({"text": texts}).join(read, on="text", how="left", maintain_order="left")
    return joined["value"].drop_nulls(), is_open


def _read_dates(counts: Mapping[str, int], context: ReadContext) -> Dates:
    """Judge the dates of a column from its different texts; bare years and numbers are none."""
    total = sum(counts.values())
    read: dict[str, DateText] = {}
    serials = 0
    for text, count in counts.items():
        if _DATE.search(text) and re.fullmatch(r"[+-]?\d+[.,]\d+", text) is None:
            found = parse_date(text, context.date_words)
            if found.problem is None:
                read[text] = found
        if _SERIAL.fullmatch(text) and parse_excel_serial(text, context.date_words):
            serials += count
    if not read:
        return Dates(serials / total if total else 0.0, is_excel=bool(serials))
    proof = prove_order(read)
    proving = [*proof.day_first, *proof.month_first]
    is_contradiction = bool(proof.day_first and proof.month_first)
    return Dates(
        share=sum(counts[text] for text in read) / total,
        order=proof.order,
        proof=proving[0] if proof.order and proving else None,
        open_texts=() if is_contradiction else proof.ambiguous,
        is_contradiction=is_contradiction,
    )


def describe_shape(texts: pl.Series) -> str:
    """Say how the texts of a column look without showing one of them.

    >>> describe_shape(pl.Series(["2019-04-23", "2020-01-05"]))
    '9999-99-99'
    >>> describe_shape(pl.Series(["P01", "P02"]))
    'A99'
    """
    shapes = texts.str.replace_all(r"\p{L}", "A").str.replace_all(r"\d", "9")
    counted = shapes.value_counts().sort("count", shapes.name, descending=[True, False])
    most = str(counted[shapes.name][0])
    if counted.height == 1 and len(most) <= 12:
        return most
    lengths = texts.str.len_chars()
    low, high = min(lengths.to_list()), max(lengths.to_list())
    kind = "digits" if bool(texts.str.contains(r"^\d+$").all()) else "characters"
    return f"{low} {kind}" if low == high else f"{low} to {high} {kind}"
