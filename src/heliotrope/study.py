"""A study: its files, how they are mapped, and its settings, as one frozen object.

A study is a folder (or one Excel workbook). Without a ``study.toml`` its tables must bear our
names and columns: ``patient.csv``, ``assessment.csv``, ``infusion.csv``, ``medication.csv``,
``event.csv``, ``indication.csv``, ``adjudication.csv``, or the same names as sheets of one
workbook. Files that are missing are empty tables. ``study.toml`` adds, in this order:

``id``, ``title``
    A short name (letters, digits, hyphens, underscores) and what stands over the report.
``population``, ``visit_tolerance_days``
    ``"jdm"`` (default) or ``"adult"``; how many days apart values still make one visit (0).
``synthetic``
    ``true`` for invented records; the report says so.
``definitions``
    A folder of the study's own definition files; the report then says "local".
``[measures.NAME]``
    The scale of a local measure, e.g. ``[measures.adl]`` with ``max = 5`` and
    ``direction = "low"`` (which end is better), optional ``min`` and ``scale_name``.
``[report]``
    ``compare_with``: the id of a published series to put beside what the run found.
    ``pool_evidence``: ``true`` pools the published shares that stand beside this cohort's, one
    series a centre and outcome, adults never with children (default: nothing is pooled).
    ``language``: that of the report, ``en`` (default) or ``zh_TW``.
``[share]``
    What ``heliotrope share`` gives away: ``site`` (the name under which the results are pooled;
    default: the study's id), ``least_count`` and ``rounding_base`` (other limits than the shipped
    definition's), ``rows_per_child`` (``true``: a row a child, identifiers hidden by a secret).
``[format]``
    How cells are written in all files, where a file does not say its own: ``encoding``,
    ``separator``, ``decimal`` ("." or ","), ``date_format`` ("YMD", "DMY", "MDY" or "excel"),
    ``missing`` (further words for "not recorded", e.g. ``["999"]``). What is not declared must
    be provable from the file; a column of dates such as 03/04/2020 that proves nothing stops
    the run and shows both readings.
``[[source]]``
    One file (or sheet) read into one table; a file may be named several times. Once there is a
    ``[[source]]``, only the files named are read. Keys: ``file``; ``sheet`` (workbooks);
    ``table``; ``header_row`` (default 1); all keys of ``[format]``; and

    - ``[source.columns]``: our column = their column. Columns that already bear our names need
      no entry.
    - ``[source.constants]``: our column = one value for every row, e.g. ``measure = "weight"``.
    - ``[source.codes.COLUMN]``: their code = our word, e.g. ``"0" = "female"``; an empty word
      means "not recorded", the word ``ignore`` leaves the row out.
    - ``[source.dates]``: our date column = its date format.
    - ``[[source.rows]]``: which rows belong to the table: ``column`` (theirs) with ``in``,
      ``not_in`` (lists of texts) or ``filled = true``; several must all hold.
    - ``[[source.measures]]``: one column that holds one measure (wide to long): ``column``,
      ``measure``, and where needed ``unit``, ``date`` (its own date column), ``lower_limit`` and
      ``upper_limit`` (numbers) or ``lower_limit_column`` and ``upper_limit_column``, and
      ``codes``. An assessment sheet without a ``measure`` column whose headers are measures
      (``cmas``, ``CK``) needs no entry.

    A source of another form says which: ``form = "redcap"``, with ``file`` (the export, the project
    XML, a folder or a zip) and its own keys; the manual has a chapter for each form. Instead of a
    ``file``, a table or an OMOP model may name a ``catalogue``: where it stands in a lakehouse.

Example::

    id = "ward_7"
    title = "Children given IVIG on ward 7"

    [measures.adl]
    max = 5
    direction = "low"

    [[source]]
    file = "visits.csv"
    table = "assessment"
    date_format = "DMY"
    decimal = ","
    [source.columns]
    patient_id = "record_id"
    date = "visit_date"
    [[source.measures]]
    column = "ck"
    measure = "creatine_kinase"
    unit = "U/L"
    upper_limit_column = "ck_uln"

``[[link]]``
    A table that translates the identifiers of one source into those of the study: ``source`` (the
    ``file`` of its ``[[source]]`` entries), ``file`` (and ``sheet``) of the table, ``from`` and
    ``to``, its columns with their identifier and the study's. Only what stands there exactly is
    translated; a row with another identifier is set aside.
``[precedence]``
    Which source counts where several record the same infusion day, the same measure on the same
    day, the same drug from the same day: a table = the files in order, e.g. ``infusion =
    ["pharmacy.csv", "visits.csv"]``. Left out: the order of the ``[[source]]`` entries, and a
    difference is then an error. Nothing is averaged.

A line ``# proposed, confirm: ...`` stands before what ``heliotrope init --from`` proposed in doubt;
while there is one, every check says so.

A key that is not known is an error that names the nearest one.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from heliotrope.definitions.disclosure import ShareSettings
from heliotrope.definitions.model import Frozen
from heliotrope.definitions.settings import MeasureSetting, Settings
from heliotrope.errors import Found, UserError
from heliotrope.ingest.declared import (
    AnySource,
    FhirSource,
    FormSource,
    OmopSource,
    RedcapSource,
    RedcapTable,
    SdtmSource,
)
from heliotrope.ingest.linking.declared import Link
from heliotrope.ingest.mapping import Format, MeasureColumn, RowFilter, SourceMapping, TableName
from heliotrope.ingest.proposal import find_unconfirmed
from heliotrope.report.language import ENGLISH, list_languages

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

STUDY_FILE = "study.toml"


class ReportSettings(Frozen):
    """What the report of this study shows beside its findings."""

    compare_with: str | None = Field(default=None, description="id of a published series")
    pool_evidence: bool = Field(default=False, description="pool the published series")
    language: str = Field(default=ENGLISH, description="that of the report")

    @field_validator("language")
    @classmethod
    def _is_there(cls, language: str) -> str:
        if language not in list_languages():
            raise ValueError(f"there is {', '.join(list_languages())}, no {language!r}")
        return language


class StudyFile(Frozen):
    """What study.toml may say, key by key."""

    id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    title: str | None = None
    population: Literal["jdm", "adult"] = "jdm"
    visit_tolerance_days: int = Field(default=0, ge=0, le=28)
    synthetic: bool = False
    definitions: str | None = None
    report: ReportSettings = ReportSettings()
    share: ShareSettings = ShareSettings()
    measures: dict[str, MeasureSetting] = Field(default={})
    format: Format = Format()
    source: tuple[AnySource, ...] = ()
    link: tuple[Link, ...] = ()
    precedence: dict[TableName, tuple[str, ...]] = Field(default={})

    @model_validator(mode="after")
    def _names_sources(self) -> StudyFile:
        """Check that links and precedence name files of ``[[source]]``."""
        known = [source.file for source in self.source]
        named = [("[[link]] source", link.source) for link in self.link]
        named += [(f"[precedence] {table}", name)
                  for table, names in self.precedence.items() for name in names]  # fmt: skip
        for place, name in named:
            if name not in known:
                files = ", ".join(dict.fromkeys(known)) or "there is none"
                raise ValueError(f"{place} = '{name}' is no file of a [[source]] ({files})")
        return self


class Study(Frozen):
    """A study ready to be read: paths resolved, every source named.

    id: a short name, the folder's where study.toml gives none. folder: where file names start.
    sources: one mapping a file (or sheet) and table.
    definitions: the study's own definition folder, if any. unread: files and sheets in the
    folder that are no part of the study. study_file: study.toml, if there is one.
    link: tables that translate a source's identifiers. precedence: which source counts first.
    unconfirmed: what study.toml still holds of proposals that nobody has decided.
    """

    id: str
    title: str
    folder: Path
    sources: tuple[SourceMapping | FormSource, ...]
    settings: Settings = Settings()
    definitions: Path | None = None
    format: Format = Format()
    synthetic: bool = False
    report: ReportSettings = ReportSettings()
    share: ShareSettings = ShareSettings()
    unread: tuple[str, ...] = ()
    study_file: Path | None = None
    link: tuple[Link, ...] = ()
    precedence: dict[TableName, tuple[str, ...]] = Field(default={})
    unconfirmed: tuple[str, ...] = ()

    def read_rulebook(self) -> Rulebook:
        """Read the shipped definitions, the study's own, and its settings into one rulebook."""
        from heliotrope.definitions.load import read_rulebook

        return read_rulebook(self.settings, self.definitions)


def read_study(path: Path) -> Study:
    """Read a study from a folder, a workbook or a study.toml.

    A workbook with a study.toml beside it is read as that study.
    Errors: no such path, nothing to read in it, a study.toml with an unknown key or a wrong
    value: UserError.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(
            "a study: a folder, a workbook or a study.toml",
            Found(f"nothing at {path.name}"),
            "check the path; `heliotrope init` writes an empty study",
        )
    if path.is_file() and path.suffix == ".toml":
        return _read_study_file(path)
    if path.is_dir() and (path / STUDY_FILE).is_file():
        return _read_study_file(path / STUDY_FILE)
    if path.is_file() and (path.parent / STUDY_FILE).is_file():
        return _read_study_file(path.parent / STUDY_FILE)
    return _read_bare(path)


def _read_bare(path: Path) -> Study:
    from heliotrope.ingest.forms import find_sources

    discovered = find_sources(path)
    name = path.resolve().stem if path.is_file() else path.resolve().name
    return Study(
        id=name,
        title=name.replace("_", " "),
        folder=path if path.is_dir() else path.parent,
        sources=discovered.mappings,
        unread=discovered.unread,
    )


def _read_study_file(path: Path) -> Study:
    from heliotrope.ingest.forms import find_sources

    file, settings = _check(_read_text(path), path.name)
    folder = path.parent
    discovered = None if file.source else find_sources(folder)
    definitions = folder / file.definitions if file.definitions else None
    if definitions is not None and not definitions.is_dir():
        raise UserError(
            f"a folder '{file.definitions}' beside study.toml",
            Found(f"definitions = {file.definitions!r}", path.name),
            "create the folder or remove the key",
        )
    name = file.id or folder.resolve().name
    return Study(
        id=name,
        title=file.title or name.replace("_", " "),
        folder=folder,
        sources=discovered.mappings if discovered else file.source,
        settings=settings,
        definitions=definitions,
        format=file.format,
        synthetic=file.synthetic,
        report=file.report,
        share=file.share,
        unread=discovered.unread if discovered else _unread(folder, file.source),
        study_file=path,
        link=file.link,
        precedence=file.precedence,
        unconfirmed=find_unconfirmed(_read_text(path)),
    )


def _unread(folder: Path, sources: tuple[SourceMapping | FormSource, ...]) -> tuple[str, ...]:
    """Name the files with our table names that study.toml leaves out."""
    from heliotrope.ingest.columns import TABLE_COLUMNS
    from heliotrope.ingest.tabular.sources import LIST_OF_EVENTS, TABLE_SUFFIXES

    named = {source.file for source in sources}
    if any(isinstance(source, RedcapSource) for source in sources):
        named.add(f"{LIST_OF_EVENTS}.csv")
    return tuple(
        item.name
        for item in sorted(folder.iterdir())
        if item.suffix.casefold() in TABLE_SUFFIXES
        and item.stem.casefold() in TABLE_COLUMNS
        and item.name not in named
    )


def check_study_file(text: str) -> StudyFile:
    """Read the text of a study.toml, without looking at any file that it names.

    >>> check_study_file('id = "ward_7"').population
    'jdm'

    Errors: no TOML, an unknown key, a wrong value: UserError.
    """
    return _check(text, STUDY_FILE)[0]


def _check(text: str, name: str) -> tuple[StudyFile, Settings]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError("a study.toml in TOML", Found(str(error), name), "mend that line") from None
    try:
        file = StudyFile.model_validate(content)
        settings = Settings(
            population=file.population,
            visit_tolerance_days=file.visit_tolerance_days,
            measures=file.measures,
            pool_evidence=file.report.pool_evidence,
        )
    except ValidationError as error:
        raise _say_invalid(error, name) from None
    return file, settings


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            "a study.toml in TOML", Found(str(error), path.name), "mend that line"
        ) from None


def _say_invalid(error: ValidationError, file: str) -> UserError:
    errors = error.errors()
    first = next((item for item in errors if item["type"] == "extra_forbidden"), errors[0])
    location = [
        part for n, part in enumerate(first["loc"]) if n != 2 or first["loc"][0] != "source"
    ]
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in location)
    if first["type"] != "extra_forbidden":
        message = first["msg"].removeprefix("Value error, ")
        return UserError(
            "a study.toml with values of the right kind",
            Found(f"{place}: {message}" if place else message, file),
            "correct that entry",
        )
    key = str(first["loc"][-1])
    models: tuple[type[Frozen], ...] = (
        StudyFile,
        SourceMapping,
        RedcapSource,
        SdtmSource,
        OmopSource,
        FhirSource,
        Link,
        MeasureColumn,
        RowFilter,
        Format,
        ReportSettings,
        ShareSettings,
        MeasureSetting,
    )
    if "tables" in location:
        models = (RedcapTable, MeasureColumn)
    known = sorted({f.alias or name for model in models for name, f in model.model_fields.items()})
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return UserError(
        f"a key that study.toml knows{f', such as {close[0]!r}' if close else ''}",
        Found(place, file),
        f"write {close[0]!r}" if close else "remove it; the manual lists all keys",
    )
