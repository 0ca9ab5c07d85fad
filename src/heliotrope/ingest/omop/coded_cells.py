"""Routes and units of rows: by their concept, else as written in the source."""

from __future__ import annotations

import polars as pl

from heliotrope.ingest.omop.concepts import Vocabulary
from heliotrope.ingest.omop.store import as_number
from heliotrope.records.units import find_unit


def find_routes(rows: pl.DataFrame, vocabulary: Vocabulary) -> pl.Series:
    """Return the route: by its concept, else its source word, else the name of the preparation."""
    find = vocabulary.context.words["route"].find
    known = {item.concept_id: item.word for item in vocabulary.ids.routes}
    numbers = rows.select(as_number("route_concept_id")).to_series()
    unknown = {n for n in numbers.drop_nulls().unique().to_list() if n and n not in known}
    for number, concept in vocabulary.find_concepts(unknown).items():
        word = find(concept.name) or find(concept.name.casefold().removesuffix(" route"))
        if word is not None:
            known[number] = word
    written = {
        text: word
        for text in rows["route_source_value"].drop_nulls().unique().to_list()
        if (word := find(text)) is not None
    }
    return rows.select(
        pl.coalesce(
            pl.lit(numbers).replace_strict(known, default=None, return_dtype=pl.String),
            pl.col("route_source_value").replace_strict(
                written, default=None, return_dtype=pl.String
            ),
            "concept_route",
        ).alias("route")
    ).to_series()


def find_units(rows: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Return the unit of each value: that of the concept, else as written in the source."""
    known = {item.concept_id: item.word for item in vocabulary.ids.units}
    numbers = rows.select(as_number("unit_concept_id")).to_series()
    unknown = {n for n in numbers.drop_nulls().unique().to_list() if n and n not in known}
    for number, concept in vocabulary.find_concepts(unknown).items():
        known[number] = concept.code
    by_concept = pl.lit(numbers).replace_strict(known, default=None, return_dtype=pl.String)
    texts = rows["unit_source_value"].drop_nulls().unique().to_list()
    names = {text: unit.name for text in {*texts, *known.values()} if (unit := find_unit(text))}
    spelled = rows.select(
        "record",
        written="unit_source_value",
        of_concept=by_concept,
    )
    plain = [
        pl.col(name).replace_strict(names, default=None, return_dtype=pl.String)
        for name in ("of_concept", "written")
    ]
    return spelled.with_columns(
        unit=pl.coalesce("of_concept", "written"),
        differs=(plain[0] != plain[1]).fill_null(False),
        said=pl.format("{} by its concept, {} as written", "of_concept", "written"),
    )
