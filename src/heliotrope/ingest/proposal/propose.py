"""Propose a study for the files of an export: read them, look at them, write study.toml."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest.context import ReadContext, make_context
from heliotrope.ingest.declared import FormSource, RedcapSource
from heliotrope.ingest.forms import recognise_form
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.new_files import writing_into
from heliotrope.ingest.proposal.define import is_define, labels_of, read_defines
from heliotrope.ingest.proposal.labels import is_dictionary, read_labels
from heliotrope.ingest.proposal.names import make_names
from heliotrope.ingest.proposal.parts import Proposal, ProposedForm
from heliotrope.ingest.proposal.profile import Labels, profile_table
from heliotrope.ingest.proposal.redcap import propose_project
from heliotrope.ingest.proposal.render import render_proposal
from heliotrope.ingest.proposal.tables import propose_file
from heliotrope.ingest.raw import FileContent, RawTable
from heliotrope.ingest.redcap.files import find_project_files
from heliotrope.ingest.redcap.own import list_own_tables
from heliotrope.ingest.redcap.project import Project, read_project
from heliotrope.ingest.tabular.delimited import TextFile, read_delimited
from heliotrope.ingest.tabular.sources import OWN_SHEETS, TEXT_SUFFIXES, hash_bytes, read_bytes
from heliotrope.ingest.tabular.workbook import SUFFIXES, open_workbook, read_sheet

STUDY_FILE = "study.toml"


@dataclass(frozen=True)
class WrittenProposal:
    """A proposal, and where it was written."""

    path: Path
    proposal: Proposal


def write_proposal(study: Path, files: Sequence[Path], rulebook: Rulebook) -> WrittenProposal:
    """Write a proposed study.toml for some files into the folder of the study.

    The files stay where they are and are named relative to that folder.
    Errors: a study.toml that is already there (it is never overwritten), a file that is missing or
    that no reader knows, a folder that cannot be written: UserError.
    """
    path = study / STUDY_FILE
    if path.exists():
        raise UserError(
            "a folder without a study.toml",
            Found(f"{STUDY_FILE} is already there", study.name),
            "choose another folder, or move the file away; nothing was overwritten",
            ExitCode.USAGE,
        )
    proposal = propose_study(study, files, rulebook)
    with writing_into(study):
        path.write_text(render_proposal(proposal), encoding="utf-8")
    return WrittenProposal(path, proposal)


def propose_study(study: Path, files: Sequence[Path], rulebook: Rulebook) -> Proposal:
    """Look at some files and propose how each is read.

    Rule: a form that is read without a mapping is named as such; every other file is looked at
    column by column. A REDCap data dictionary among the files, or beside one of them, is no
    source: its labels and codes are evidence.
    """
    context = make_context(rulebook)
    (words,) = rulebook.of_kind(MappingWords)
    names = make_names(context, words)
    forms, projects, tables, notes = [], [], [], []
    labels: dict[str, Labels] = {}
    for path in _list_files(files):
        if is_define(path):
            continue
        form = recognise_form(path)
        if form is not None:
            named = form.model_copy(
                update={"file": _name(path / form.file if path.is_dir() else path, study)}
            )
            project = _find_unmapped(path, form, context)
            if project is None:
                how = f"{path.name}: read as {form.form}, by its own rules"
                forms.append(ProposedForm(named, how))
                continue
            if project.fields and isinstance(named, RedcapSource):
                projects.append(propose_project(project, named, context, words, names))
                continue
        for raw in _read_tables(path):
            if is_dictionary(raw):
                labels |= read_labels(raw)
                notes.append(f"{raw.place}: a data dictionary; its labels and codes are evidence")
            else:
                tables.append((path, raw))
    given = {path.resolve() for path, _ in tables} | {path.resolve() for path in files}
    for folder in dict.fromkeys(path.parent for path, _ in tables):
        labels = {**_read_dictionaries(folder, given, notes), **labels}
    defines = read_defines(files, dict.fromkeys(path.parent for path, _ in tables), notes)
    proposed = []
    for path, raw in tables:
        said = _merge(labels, labels_of(raw, defines))
        table = profile_table(raw, said, context, words)
        proposed.append(propose_file(table, _name(path, study), context, words, names))
    return Proposal(_make_id(study), (*projects, *proposed), tuple(forms), tuple(notes))


def _merge(first: Mapping[str, Labels], then: Mapping[str, Labels]) -> dict[str, Labels]:
    """Put what two dictionaries say together; the first counts where both speak."""
    names = {**then, **first}
    return {name: first.get(name, Labels()).beside(then.get(name, Labels())) for name in names}


def _list_files(files: Sequence[Path]) -> list[Path]:
    """List the files given; of a folder that is no form of its own, the tables in it."""
    listed = []
    for path in files:
        if not path.exists():
            raise UserError(
                "a file to propose a mapping for",
                Found(f"nothing at {path.name}"),
                "check the name after --from",
                ExitCode.USAGE,
            )
        if path.is_dir() and recognise_form(path) is None:
            inside = sorted(item for item in path.iterdir() if item.is_file() and _is_table(item))
            listed += inside
            if not inside:
                raise UserError(
                    "a folder with tables (CSV, TSV, Excel), or records of a form known here",
                    Found("no such file", path.name),
                    "name the files of the export after --from",
                )
        else:
            listed.append(path)
    return list(dict.fromkeys(listed))


def _is_table(path: Path) -> bool:
    return path.suffix.casefold() in TEXT_SUFFIXES | SUFFIXES and path.name[0] not in ".~"


def _find_unmapped(path: Path, form: FormSource, context: ReadContext) -> Project | None:
    """Return a REDCap project whose forms are its own, so that they must be mapped; else None."""
    if not isinstance(form, RedcapSource):
        return None
    folder = path if path.is_dir() else path.parent
    project = read_project(find_project_files(folder, form), form, Format(), context)
    return None if list_own_tables(project, context.rulebook) else project


def _read_tables(path: Path) -> list[RawTable]:
    """Read a text file, or every sheet of a workbook that holds something."""
    if not _is_table(path):
        raise UserError(
            "a table (CSV, TSV, Excel), or records of a form known here (REDCap, SDTM, OMOP, FHIR)",
            Found("neither", path.name),
            "export the records as CSV, or name the folder that holds them",
        )
    content = read_bytes(path.parent, path.name)
    sha256 = hash_bytes(content)
    if path.suffix.casefold() not in SUFFIXES:
        return [read_delimited(TextFile(path.name, sha256, content), Format())]
    workbook = open_workbook(FileContent(path.name, sha256, content))
    tables = []
    for sheet in workbook.sheets:
        if sheet.casefold() in OWN_SHEETS:
            continue
        try:
            tables.append(read_sheet(workbook, sheet))
        except UserError:
            if len(workbook.sheets) == 1:
                raise
    return tables


def _read_dictionaries(folder: Path, given: set[Path], notes: list[str]) -> Mapping[str, Labels]:
    """Read the data dictionaries that lie beside the files given."""
    labels: dict[str, Labels] = {}
    for path in sorted(folder.glob("*.csv")):
        if path.resolve() in given:
            continue
        with path.open("rb") as file:
            start = file.readline(200)
        if b"field name" not in start.lower().replace(b"_", b" "):
            continue
        raw = _read_tables(path)[0]
        if is_dictionary(raw):
            labels |= read_labels(raw)
            notes.append(f"{path.name}: a data dictionary beside the export; its labels and codes "
                         "are evidence")  # fmt: skip
    return labels


def _name(path: Path, study: Path) -> str:
    """Name a file relative to the folder of the study, with forward slashes."""
    try:
        relative = os.path.relpath(path.resolve(), study.resolve())
    except ValueError:  # another drive
        return path.resolve().as_posix()
    return Path(relative).as_posix()


def _make_id(study: Path) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", study.resolve().name).strip("_-")
    return plain or "study"
