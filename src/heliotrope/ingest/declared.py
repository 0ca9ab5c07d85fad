"""What ``[[source]]`` in study.toml may say of records that are not plain tables."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from heliotrope.ingest.mapping import Format, SourceMapping


class RedcapSource(Format):
    """A REDCap project: its data export with its dictionary, events and arms, or its XML."""

    form: Literal["redcap"]
    file: str = Field(description="the data export, or the project XML")


class SdtmSource(Format):
    """SDTM datasets: a folder or a zip of XPT, Dataset-JSON or CSV files."""

    form: Literal["sdtm"]
    file: str = Field(description="the folder or zip of datasets")


class OmopSource(Format):
    """An OMOP common data model: a folder or zip of CSV or Parquet files, or a database."""

    form: Literal["omop"]
    file: str = Field(default="", description="the folder or zip of tables, or a DuckDB file")
    database: str | None = Field(
        default=None, description="address of a database, without a password"
    )
    database_from: str | None = Field(
        default=None, description="environment variable that holds the whole address"
    )
    password_from: str | None = Field(
        default=None, description="environment variable that holds the password"
    )
    schema_name: str | None = Field(default=None, alias="schema")
    vocabulary_schema: str | None = None
    patient_id: Literal["person_id", "person_source_value"] = "person_id"
    cohort: str | None = Field(default=None, description="who belongs to the study")
    concept_sets: dict[str, str] = Field(
        default={}, description="our concept = a concept set of ATLAS (.json) or ours (.toml)"
    )

    @model_validator(mode="after")
    def _says_where_it_stands(self) -> OmopSource:
        named = [name for name in ("file", "database", "database_from") if getattr(self, name)]
        if len(named) != 1:
            raise ValueError("give one of file, database and database_from")
        return self


class FhirSource(Format):
    """FHIR R4 resources: a folder, zip or file of bundles or of NDJSON."""

    form: Literal["fhir"]
    file: str = Field(description="the folder, zip or file of resources")


FormSource = RedcapSource | SdtmSource | OmopSource | FhirSource


def _form_of(entry: Any) -> str:
    return str(entry.get("form", "table") if isinstance(entry, dict) else entry.form)


AnySource = Annotated[
    Annotated[SourceMapping, Tag("table")]
    | Annotated[RedcapSource, Tag("redcap")]
    | Annotated[SdtmSource, Tag("sdtm")]
    | Annotated[OmopSource, Tag("omop")]
    | Annotated[FhirSource, Tag("fhir")],
    Discriminator(_form_of),
]
