"""What ``[[source]]`` in study.toml may say of records that are not plain tables."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from heliotrope.definitions.model import Frozen
from heliotrope.ingest.columns import column_names
from heliotrope.ingest.mapping import (
    DateFormat,
    Format,
    MeasureColumn,
    SourceMapping,
    TableName,
    say_nearest,
)


class RedcapTable(Frozen):
    """The entries of a REDCap form that become rows of one canonical table."""

    table: TableName
    fields: dict[str, str] = Field(default={}, description="our column = their field")
    constants: dict[str, str] = Field(default={}, description="our column = one value for all")
    codes: dict[str, dict[str, str]] = Field(
        default={}, description="our column: their code or label = our word"
    )
    dates: dict[str, DateFormat] = Field(default={}, description="our column = its date format")
    carried: dict[str, str] = Field(
        default={}, description="our column = a field of another form of the same event"
    )
    instrument: str | None = Field(default=None, description="the form; else that of the fields")
    events: tuple[str, ...] = Field(default=(), description="only these events, by unique name")
    only_complete: bool = Field(default=False, description="only forms marked as complete")
    measures: tuple[MeasureColumn, ...] = ()

    @model_validator(mode="after")
    def _names_columns_of_the_table(self) -> RedcapTable:
        known = column_names(self.table)
        for part in ("fields", "constants", "codes", "dates", "carried"):
            for name in getattr(self, part):
                if name not in known:
                    raise ValueError(
                        f"[source.tables.{part}] '{name}' is no column of the table {self.table}; "
                        f"{say_nearest(name, known)}"
                    )
        if self.measures and self.table != "assessment":
            raise ValueError("[[source.tables.measures]] belongs to the table assessment")
        given = [*self.fields, *self.constants, *self.carried]
        twice = sorted({name for name in given if given.count(name) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' is given twice")
        return self


class FormFormat(Format):
    """How the files of a form are written, as far as the form itself leaves that open.

    ``open_keys``: what ``[format]`` may settle for it; the rest its standard fixes.
    """

    open_keys: ClassVar[frozenset[str]] = frozenset(Format.model_fields)

    @model_validator(mode="after")
    def _says_only_what_is_open(self) -> FormFormat:
        fixed = sorted((self.model_fields_set & set(Format.model_fields)) - self.open_keys)
        if fixed:
            raise ValueError(
                f"'{fixed[0]}' is fixed by the standard of these files; remove it "
                f"(open: {', '.join(sorted(self.open_keys))})"
            )
        return self

    def within(self, study: Format) -> Self:
        """Return the source with what it leaves open as the study says for all files."""
        given = {
            name: getattr(study, name)
            for name in sorted((study.model_fields_set & self.open_keys) - self.model_fields_set)
        }
        return self.model_copy(update=given)


class RedcapSource(FormFormat):
    """A REDCap project: its data export with its dictionary, events and arms, or its XML.

    Files that are not named are found beside the export by what is in them. ``api``: the address
    the records are fetched from first, into the folder ``file``; the token stands in the
    environment alone, under the name ``token_variable``.
    """

    form: Literal["redcap"]
    file: str = Field(description="the data export, the project XML, or a folder or zip of them")
    export: str | None = Field(default=None, description="the data export within that folder")
    dictionary: str | None = Field(default=None, description="the data dictionary")
    values: Literal["raw", "label"] | None = Field(default=None, description="how it was exported")
    api: str | None = None
    token_variable: str = "REDCAP_API_TOKEN"
    tables: tuple[RedcapTable, ...] = ()


class SdtmSource(FormFormat):
    """SDTM datasets: a folder or a zip of XPT, Dataset-JSON or CSV files."""

    open_keys: ClassVar[frozenset[str]] = frozenset({"encoding", "separator", "missing"})

    form: Literal["sdtm"]
    file: str = Field(description="the folder or zip of datasets")
    cohort: str = Field(
        default="everyone", description="whom to take; a trial's datasets hold its own subjects"
    )


class OmopSource(FormFormat):
    """An OMOP common data model: a folder or zip of CSV or Parquet files, or a database."""

    open_keys: ClassVar[frozenset[str]] = frozenset({"encoding", "separator", "missing"})

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
    catalogue: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$",
        description="a schema of Spark's catalogue, such as lake.cdm_54",
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
        places = ("file", "database", "database_from", "catalogue")
        if len([name for name in places if getattr(self, name)]) != 1:
            raise ValueError("give one of file, database, database_from and catalogue")
        return self


class FhirSource(FormFormat):
    """FHIR R4 resources: a folder, zip or file of bundles or of NDJSON."""

    open_keys: ClassVar[frozenset[str]] = frozenset({"missing"})

    form: Literal["fhir"]
    file: str = Field(description="the folder, zip or file of resources")
    cohort: str | None = Field(default=None, description="whom to take; 'everyone' for all")
    patient_identifier: str | None = Field(
        default=None, description="system of the identifier to name children by, not their id"
    )
    measures: dict[str, str] = Field(
        default={}, description="system|code, display or linkId = our measure"
    )
    dose_without_unit: Literal["unknown", "tablets"] = "unknown"


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
