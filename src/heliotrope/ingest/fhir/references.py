"""Whose a resource is, and what it refers to: urn:uuid, relative and absolute references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from heliotrope.ingest.fhir.collect import FULL_URL, Collected
from heliotrope.ingest.fhir.drug_rows import FOUND

_VERSION = re.compile(r"/_history/[^/]+$")
_URN = re.compile(r"^urn:(?:uuid|oid):", re.IGNORECASE)


@dataclass
class Directory:
    """The resources of one type by all that refers to them.

    known: every reference and what it leads to. served: the ids whose own address is known: an
    absolute reference to another server is not one of them.
    """

    kind: str
    known: dict[str, str] = field(default_factory=dict)
    served: set[str] = field(default_factory=set)

    def add(self, full_url: str | None, id: str | None, target: str) -> None:
        """Enter one resource."""
        if id:
            self.known[f"{self.kind}/{id}"] = target
        if full_url:
            self.known[full_url] = target
            if id and not _URN.match(full_url):
                self.served.add(id)

    def find(self, reference: str | None) -> str | None:
        """Return what a reference leads to, None if it is broken.

        >>> patients = Directory("Patient")
        >>> patients.add("urn:uuid:9f", "p1", "p1")
        >>> patients.find("urn:uuid:9f"), patients.find("Patient/p1/_history/3"), patients.find("x")
        ('p1', 'p1', None)
        """
        if not reference:
            return None
        plain = _VERSION.sub("", reference)
        if plain in self.known:
            return self.known[plain]
        *_, kind, id = ["", "", *plain.split("/")]
        is_elsewhere = "://" in plain and id in self.served
        return None if kind != self.kind or is_elsewhere else self.known.get(f"{kind}/{id}")

    def find_all(self, references: pl.Series) -> pl.Series:
        """Return what each reference of a column leads to, each distinct one looked up once."""
        distinct = references.drop_nulls().unique().to_list()
        table = {text: self.find(text) for text in distinct}
        return references.replace_strict(table, default=None, return_dtype=pl.String)


def name_patient(row: Mapping[str, str | None], system: str | None) -> str | None:
    """Return how the study calls a person: by the identifier of a system, else by the id."""
    if system is not None:
        for item in (row["identifier"] or "").split("; "):
            given, _, value = item.partition("|")
            if given == system and value:
                return value
        return None
    return row["id"] or _URN.sub("", row[FULL_URL] or "") or None


def make_patient_directory(tables: Iterable[Collected], system: str | None) -> Directory:
    """Enter every person by id and address."""
    directory = Directory("Patient")
    for table in tables:
        frame = table.frame().select("id", "identifier", FULL_URL)
        for row in frame.iter_rows(named=True):
            name = name_patient(row, system)
            if name is not None:
                directory.add(row[FULL_URL], row["id"], name)
    return directory


@dataclass(frozen=True)
class Medications:
    """The preparations that other resources refer to, each with what was looked up for it."""

    directory: Directory
    found: pl.DataFrame


def make_medications(tables: Iterable[Collected]) -> Medications:
    """Enter every preparation; one that is not followed is known, with nothing to say."""
    directory, frames = Directory("Medication"), []
    for number, table in enumerate(tables):
        frame = table.frame().with_columns(
            target=pl.format("{}/{}", pl.lit(number), pl.col("record"))
        )
        for full_url, id, target in frame.select(FULL_URL, "id", "target").iter_rows():
            directory.add(full_url, id, target)
        frames.append(
            frame.select(
                "target",
                *FOUND[:4],
                pl.col("ingredient[0].strength").alias("strength"),
                pl.col("code").alias("said"),
            )
        )
    names = ("target", *FOUND[:5], "said")
    empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return Medications(directory, pl.concat([empty, *frames]))


def fill_medications(frame: pl.DataFrame, medications: Medications) -> pl.DataFrame:
    """Put the preparation that a resource refers to in its place.

    ``is_lost`` says that the reference leads nowhere.
    """
    target = medications.directory.find_all(frame["medication_reference"])
    rows = frame.with_columns(target=target)
    joined = rows.join(
        medications.found.unique("target"), on="target", how="left", suffix="_there",
        maintain_order="left",
    )  # fmt: skip
    is_lost = pl.col("medication_reference").is_not_null() & pl.col("target").is_null()
    return joined.with_columns(
        *(pl.coalesce(name, f"{name}_there").alias(name) for name in FOUND[:5]),
        pl.coalesce("said", "medication[x]").alias("medication[x]"),
        is_lost=is_lost,
    ).select(*frame.columns, "is_lost", "target")
