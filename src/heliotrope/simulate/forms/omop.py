"""Write a simulated cohort as an OMOP common data model 5.4: CSV tables, with a small vocabulary.

What OMOP has a standard concept for bears its id. What it has none for (scores of myositis, flares,
the reason for IVIG) has concept 0 and a local source value, as a site would write it. A dose stands
as a quantity in the unit of ``dose_unit_source_value`` at the level of the ingredient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from heliotrope.definitions.codes import CodeBook, Coded, make_code_book
from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.omop_model import (
    OmopConcepts,
    OmopModel,
    OmopWord,
    omop_concepts_of,
    omop_model_of,
)
from heliotrope.simulate.forms.conditions import find_code, find_concepts, list_diagnoses

FOLDER = "cdm"

STUDY = f"""\
# Invented records, written as an OMOP common data model 5.4.
synthetic = true

[[source]]
form = "omop"
file = "{FOLDER}"
cohort = "everyone"
patient_id = "person_source_value"
"""

_DOMAINS = {"diagnosis": "Condition", "drug": "Drug", "measure": "Measurement"}

_IMMUNOGLOBULIN = "immunoglobulin"


@dataclass(frozen=True)
class _Words:
    """The ids of the concepts that the tables use."""

    model: OmopModel
    ids: OmopConcepts
    book: CodeBook
    rulebook: Rulebook

    def coded(self) -> dict[int, Coded]:
        """Return what each standard concept stands for."""
        found = {
            item.concept_id: self.book.find(item.system, item.code) for item in self.ids.concepts
        }
        return {number: coded for number, coded in found.items() if coded is not None}

    def numbers_of(self, about: str) -> dict[str, int]:
        """Return the id of each of our words of one sort that has one."""
        return {
            coded.concept: number
            for number, coded in reversed(self.coded().items())
            if coded.about == about
        }

    def local(self) -> dict[int, tuple[Coded, str]]:
        """Return coded diagnoses without a known id, with their titles, by an id of our own."""
        known = self.numbers_of("diagnosis")
        without = [
            (self.book.find(*code), concept.title)
            for concept in find_concepts(self.rulebook).values()
            if concept.id not in known and (code := find_code(concept, self.book))
        ]
        numbered = enumerate(without, start=self.ids.local_from)
        return {number: (coded, title) for number, (coded, title) in numbered if coded}


def write_omop(tables: Mapping[str, pl.DataFrame], folder: Path) -> list[Path]:
    """Write canonical tables as CSV tables of the common data model, and a study.toml."""
    rulebook = read_rulebook()
    words = _Words(
        omop_model_of(rulebook), omop_concepts_of(rulebook), make_code_book(rulebook), rulebook
    )
    persons = tables["patient"].select(
        "patient_id", person_id=pl.int_range(1, pl.len() + 1), observed_to="followup_end"
    )
    content = {
        "person": _persons(tables["patient"], words),
        "care_site": _care_sites(tables["patient"]),
        "observation_period": _periods(tables["patient"], persons),
        "death": _deaths(tables["patient"], persons),
        "condition_occurrence": _conditions(list_diagnoses(tables), persons, words),
        "drug_exposure": _drugs(tables, persons, words),
        "measurement": _measurements(tables["assessment"], persons, words),
        "observation": _observations(tables, persons),
        **_vocabulary(words),
    }
    return [_write_study(folder), *_write_tables(content, words.model, folder / FOLDER)]


def _write_study(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def _write_tables(
    content: Mapping[str, pl.DataFrame], model: OmopModel, folder: Path
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for table in model.tables:
        if table.name not in content:
            continue
        rows = content[table.name]
        if table.key is not None and table.key not in rows.columns:
            rows = rows.with_row_index(table.key, offset=1)
        path = folder / f"{table.name.upper()}.csv"
        rows.select(
            pl.col(name) if name in rows.columns else pl.lit(None, pl.String).alias(name)
            for name in table.columns
        ).write_csv(path)
        written.append(path)
    return written


def _to_number(column: str, numbers: Mapping[str, int]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(numbers), default=0, return_dtype=pl.Int64)


def _by_word(words: tuple[OmopWord, ...]) -> dict[str, int]:
    return {item.word: item.concept_id for item in reversed(words)}


def _sites(patients: pl.DataFrame) -> dict[str, int]:
    names = patients["site"].drop_nulls().unique().sort().to_list()
    return {name: number for number, name in enumerate(names, start=1)}


def _persons(patients: pl.DataFrame, words: _Words) -> pl.DataFrame:
    birth = pl.col("birth_date")
    return patients.select(
        person_id=pl.int_range(1, pl.len() + 1),
        gender_concept_id=_to_number("sex", _by_word(words.ids.sexes)),
        year_of_birth=birth.dt.year(),
        month_of_birth=birth.dt.month(),
        day_of_birth=birth.dt.day(),
        birth_datetime=birth.dt.to_string("%Y-%m-%d 00:00:00"),
        care_site_id=_to_number("site", _sites(patients)),
        person_source_value="patient_id",
        gender_source_value="sex",
    )


def _care_sites(patients: pl.DataFrame) -> pl.DataFrame:
    sites = _sites(patients)
    return pl.DataFrame(
        {"care_site_id": list(sites.values()), "care_site_name": list(sites)},
        schema={"care_site_id": pl.Int64, "care_site_name": pl.String},
    )


def _periods(patients: pl.DataFrame, persons: pl.DataFrame) -> pl.DataFrame:
    return patients.join(persons, on="patient_id", maintain_order="left").select(
        "person_id",
        observation_period_start_date=pl.min_horizontal("onset_date", "diagnosis_date"),
        observation_period_end_date="followup_end",
    )


def _deaths(patients: pl.DataFrame, persons: pl.DataFrame) -> pl.DataFrame:
    return (
        patients.join(persons, on="patient_id", maintain_order="left")
        .filter(pl.col("death_date").is_not_null())
        .select("person_id", "death_date")
    )


def _conditions(diagnoses: pl.DataFrame, persons: pl.DataFrame, words: _Words) -> pl.DataFrame:
    """Write diagnoses by the id of their concept; what no code list knows by its words alone."""
    numbers = words.numbers_of("diagnosis")
    numbers |= {coded.concept: number for number, (coded, _) in words.local().items()}
    by_words = {
        title: numbers[concept.id]
        for title, concept in find_concepts(words.rulebook).items()
        if concept.id in numbers
    }
    return diagnoses.join(persons, on="patient_id", maintain_order="left").select(
        "person_id",
        condition_concept_id=pl.col("diagnosis")
        .str.to_lowercase()
        .replace_strict(by_words, default=0, return_dtype=pl.Int64),
        condition_start_date="date",
        condition_source_value="diagnosis",
    )


def _drugs(
    tables: Mapping[str, pl.DataFrame], persons: pl.DataFrame, words: _Words
) -> pl.DataFrame:
    """Write drugs at the level of the ingredient, and infusions as exposures of one day."""
    numbers, routes = words.numbers_of("drug"), _by_word(words.ids.routes)
    taken = tables["medication"].join(persons, on="patient_id", maintain_order="left").select(
        "person_id",
        drug_concept_id=_to_number("drug", numbers),
        drug_exposure_start_date="start_date",
        drug_exposure_end_date=pl.coalesce("end_date", "observed_to"),
        verbatim_end_date="end_date",
        stop_reason="stop_reason",
        quantity="dose",
        sig=pl.when(pl.col("every_n_days") > 1).then(
            pl.format("every {} days", pl.col("every_n_days"))
        ),
        route_concept_id=_to_number("route", routes),
        drug_source_value="drug",
        route_source_value="route",
        dose_unit_source_value="dose_unit",
    )  # fmt: skip
    word = words.ids.premedication
    given = tables["infusion"].join(persons, on="patient_id", maintain_order="left").select(
        "person_id",
        drug_concept_id=pl.lit(numbers[_IMMUNOGLOBULIN], pl.Int64),
        drug_exposure_start_date="date",
        drug_exposure_start_datetime=pl.format(
            "{} {}:00", pl.col("date").dt.to_string("%Y-%m-%d"), pl.col("time")
        ),
        drug_exposure_end_date="date",
        quantity="dose",
        sig=pl.format("{}: {}", pl.lit(word), pl.col("premedication")),
        route_concept_id=_to_number("route", routes),
        drug_source_value="product",
        route_source_value="route",
        dose_unit_source_value="dose_unit",
    )  # fmt: skip
    return pl.concat([taken, given], how="diagonal")


def _measurements(assessments: pl.DataFrame, persons: pl.DataFrame, words: _Words) -> pl.DataFrame:
    return assessments.join(persons, on="patient_id", maintain_order="left").select(
        "person_id",
        measurement_concept_id=_to_number("measure", words.numbers_of("measure")),
        measurement_date="date",
        value_as_number="value",
        unit_concept_id=_to_number("unit", _by_word(words.ids.units)),
        range_low="lower_limit",
        range_high="upper_limit",
        measurement_source_value="measure",
        unit_source_value="unit",
        value_source_value="text",
    )


def _observations(tables: Mapping[str, pl.DataFrame], persons: pl.DataFrame) -> pl.DataFrame:
    """Write what has no standard concept as local codes of observations."""
    parts = [
        _facts(tables["patient"], persons, "onset_date", pl.lit("onset")),
        _facts(
            tables["patient"].filter(pl.col("antibody").is_not_null()),
            persons,
            "diagnosis_date",
            pl.format("antibody/{}", pl.col("antibody")),
        ),
        _facts(
            tables["indication"],
            persons,
            "date",
            pl.format("indication/{}", pl.col("reason")),
            value_as_string=pl.col("text"),
        ),
        _events(tables["event"], persons),
    ]
    return pl.concat(parts, how="diagonal")


def _facts(
    rows: pl.DataFrame, persons: pl.DataFrame, date: str, source_value: pl.Expr, **more: pl.Expr
) -> pl.DataFrame:
    return (
        rows.filter(pl.col(date).is_not_null())
        .join(persons, on="patient_id", maintain_order="left")
        .select(
            "person_id",
            observation_concept_id=pl.lit(0, pl.Int64),
            observation_date=date,
            observation_source_value=source_value,
            **more,
        )
    )


def _events(events: pl.DataFrame, persons: pl.DataFrame) -> pl.DataFrame:
    said = [
        pl.format("grade={}", pl.col("grade")),
        pl.format("related={}", pl.col("related")),
        pl.format("end={}", pl.col("end_date").dt.to_string("%Y-%m-%d")),
    ]
    return _facts(
        events,
        persons,
        "date",
        pl.format("event/{}/{}", pl.col("kind"), pl.col("term").fill_null("")),
        observation_datetime=pl.format(
            "{} {}:00", pl.col("date").dt.to_string("%Y-%m-%d"), pl.col("time")
        ),
        value_as_number=pl.col("value"),
        unit_source_value=pl.col("unit"),
        qualifier_source_value=pl.concat_str(said, separator=";", ignore_nulls=True).replace(
            "", None
        ),
    )


def _vocabulary(words: _Words) -> dict[str, pl.DataFrame]:
    """Write the concepts that are used, each its own ancestor; no strengths."""
    titles = {name: drug.title for name, drug in drugs_of(words.rulebook).items()}
    titles |= {item.id: item.title for item in find_concepts(words.rulebook).values()}
    rows = [
        (number, titles.get(coded.concept, coded.concept.replace("_", " ")),
         _DOMAINS.get(coded.about, "Observation"), coded.system, "S", coded.code)
        for number, coded in words.coded().items()
    ]  # fmt: skip
    rows += [
        (number, title, "Condition", coded.system, "S", coded.code)
        for number, (coded, title) in words.local().items()
    ]
    named = ((words.ids.units, "Unit", "UCUM"), (words.ids.routes, "Route", "SNOMED"))
    rows += [
        (item.concept_id, item.word, domain, vocabulary, "S", item.word)
        for items, domain, vocabulary in named
        for item in items
    ]
    concepts = pl.DataFrame(
        rows,
        schema={
            "concept_id": pl.Int64,
            "concept_name": pl.String,
            "domain_id": pl.String,
            "vocabulary_id": pl.String,
            "standard_concept": pl.String,
            "concept_code": pl.String,
        },
        orient="row",
    )
    ancestors = concepts.select(
        ancestor_concept_id="concept_id",
        descendant_concept_id="concept_id",
        min_levels_of_separation=pl.lit(0),
        max_levels_of_separation=pl.lit(0),
    )
    about = pl.DataFrame(
        {
            "cdm_source_name": ["heliotrope, invented records"],
            "cdm_source_abbreviation": ["heliotrope"],
            "cdm_version": [words.model.versions[-1]],
        }
    )
    return {
        "concept": concepts,
        "concept_ancestor": ancestors,
        "drug_strength": pl.DataFrame(schema={"drug_concept_id": pl.Int64}),
        "cdm_source": about,
    }
