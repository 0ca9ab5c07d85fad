"""What ``[[source]]`` in study.toml may say of records that are not plain tables."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

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
    file: str = Field(description="the folder or zip of tables")


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
