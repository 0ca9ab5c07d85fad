"""Find the files of a REDCap project in a folder or zip by what is in them."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import Files, open_files
from heliotrope.ingest.declared import RedcapSource
from heliotrope.ingest.memory import check_memory
from heliotrope.ingest.tabular.sources import hash_bytes

_TEXT = frozenset({".csv", ".tsv", ".txt"})
_BYTES_LOOKED_AT = 1 << 16

# What the first line of each file of a project says.
_DICTIONARY = (
    frozenset({"Variable / Field Name", "Form Name"}),
    frozenset({"field_name", "form_name", "field_type"}),
)
_EVENTS = frozenset({"unique_event_name", "event_name"})
_EVENT_FORMS = frozenset({"unique_event_name", "form"})
_ARMS = frozenset({"arm_num", "name"})
_REPEATING = frozenset({"form_name", "custom_form_label"})
_INSTRUMENTS = frozenset({"instrument_name", "instrument_label"})
_PROJECT = frozenset({"project_id", "project_title"})
_OF_EXPORT = frozenset({"redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"})
_LABELLED = frozenset({"Event Name", "Repeat Instrument", "Complete?"})


@dataclass(frozen=True)
class ProjectFiles:
    """The files of one project: members of ``files``; those of no known kind are ``others``."""

    files: Files
    export: str | None
    xml: str | None
    dictionaries: tuple[str, ...]
    events: tuple[str, ...]
    others: tuple[str, ...]
    settings: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()

    def place(self, member: str) -> tuple[str, str | None]:
        """Return file and sheet of a member, relative to the study's folder."""
        file, sheet = self.files.place(member)
        return PurePosixPath(file).as_posix(), sheet

    def read(self, member: str) -> bytes:
        """Read one file whole; what is hashed is what is read."""
        check_memory(self.files.sizes[member], self.place(member)[0])
        content = self.files.read(member)
        self.files.hashes[member] = hash_bytes(content)
        return content

    def input_hashes(self) -> dict[str, str]:
        """Return the hash of every file that was read."""
        hashes = self.files.input_hashes()
        return {PurePosixPath(name).as_posix(): sha256 for name, sha256 in hashes.items()}


def recognise_project(path: Path) -> RedcapSource | None:
    """Say whether a folder or file is a REDCap project or export; reads first lines only."""
    if path.is_file() and path.suffix.casefold() == ".zip":
        return _recognise_files(open_files(path.parent, path.name), path.name)
    if path.is_file():
        kind = _kind_of(_list_beside(path), path.name)
        return RedcapSource(form="redcap", file=path.name) if kind in ("export", "xml") else None
    return _recognise_files(_list_folder(path, "."), ".")


def _recognise_files(files: Files, name: str) -> RedcapSource | None:
    kinds = {_kind_of(files, member) for member in files.names}
    has_project = "xml" in kinds or "export" in kinds or {"dictionary", "data"} <= kinds
    return RedcapSource(form="redcap", file=name) if has_project else None


def find_project_files(folder: Path, source: RedcapSource) -> ProjectFiles:
    """Find export, dictionary, events and XML of a declared project.

    Rule: a named file is taken as it is; what is not named is found by its first line, in the
    folder (not below it) or zip. Errors: no export and no XML, several exports: UserError.
    """
    path = folder / source.file
    named: str | None = source.export
    is_single = path.is_file() and path.suffix.casefold() != ".zip"
    if is_single:
        parent = PurePosixPath(source.file).parent.as_posix()
        files, named = _list_folder(path.parent, parent), path.name
    elif path.is_dir():
        files = _list_folder(path, source.file)
    else:
        files = open_files(folder, source.file)
    kinds = {name: _kind_of(files, name) for name in files.names}
    for name, kind in ((named, "export"), (source.dictionary, "dictionary")):
        if name is None:
            continue
        if name not in kinds:
            raise UserError(
                f"the file {name}",
                Found(f"there are: {', '.join(list(kinds)[:8])}", source.file),
                "correct the name in study.toml",
            )
        kinds[name] = "xml" if kinds[name] == "xml" else kind
    is_xml = named is not None and kinds[named] == "xml"
    dictionaries = [name for name, kind in kinds.items() if kind == "dictionary"]
    if source.dictionary is not None:
        dictionaries = [source.dictionary]
    export = None if is_xml else named or _find_export(files, kinds, source.file)
    unread = [name for name, kind in kinds.items() if kind in ("other", "data") and name != export]
    return ProjectFiles(
        files=files,
        export=export,
        xml=named if is_xml else next((n for n, kind in kinds.items() if kind == "xml"), None),
        dictionaries=tuple(dictionaries),
        events=tuple(name for name, kind in kinds.items() if kind == "events"),
        settings=tuple(name for name, kind in kinds.items() if kind == "project"),
        instruments=tuple(name for name, kind in kinds.items() if kind == "instruments"),
        others=() if is_single else tuple(name for name in unread if not _is_note(name)),
    )


def _find_export(files: Files, kinds: dict[str, str], said: str) -> str | None:
    """Find the one export: by REDCap's own columns, else the one table that is none of the rest."""
    exports = [name for name, kind in kinds.items() if kind == "export"]
    exports = exports or [name for name, kind in kinds.items() if kind == "data"]
    if len(exports) > 1:
        raise UserError(
            "one data export",
            Found(f"{', '.join(exports[:6])}", said),
            'name it in study.toml: export = "data.csv"',
        )
    if not exports and "xml" not in kinds.values():
        raise UserError(
            "a data export of REDCap, or a project XML",
            Found(f"files {', '.join(files.names[:8]) or 'none'}", said),
            "export the data in REDCap (CSV, raw data) into this folder",
        )
    return exports[0] if exports else None


def _list_folder(path: Path, name: str) -> Files:
    found = {
        item.name: item.stat().st_size
        for item in sorted(path.iterdir())
        if item.is_file() and item.name[0] not in ".~"
    }
    return Files(name, path, found, is_packed=False)


def _is_note(name: str) -> bool:
    """Say whether a file is one to read rather than a table."""
    return PurePosixPath(name).suffix.casefold() in (".txt", ".toml", ".md")


def _list_beside(path: Path) -> Files:
    return _list_folder(path.parent, ".")


def _kind_of(files: Files, name: str) -> str:
    """Say what a file is: xml, dictionary, export, data (another table), other, or of the project.

    Of the project are its events, instruments, project (its settings) and settings (not needed).
    """
    suffix = PurePosixPath(name).suffix.casefold()
    if suffix not in (*_TEXT, ".xml"):
        return "other"
    with files.open(name) as stream:
        head = stream.read(_BYTES_LOOKED_AT)
    if suffix == ".xml":
        return "xml" if b"<ODM" in head and b"redcap" in head else "other"
    header = frozenset(_read_first_line(head))
    if any(said <= header for said in _DICTIONARY):
        return "dictionary"
    if header >= _EVENTS:
        return "events"
    for kind, said in (("project", _PROJECT), ("instruments", _INSTRUMENTS)):
        if header >= said:
            return kind
    if header >= _EVENT_FORMS or header == _ARMS or header >= _REPEATING:
        return "settings"
    is_marked = any(cell.endswith("_complete") for cell in header)
    if header & _OF_EXPORT or len(header & _LABELLED) > 0 or is_marked:
        return "export"
    return "data" if len(header) > 1 else "other"


def _read_first_line(head: bytes) -> Iterable[str]:
    encoding = "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    text = head.decode(encoding, errors="replace")
    line = text.replace("\r", "\n").partition("\n")[0]
    separator = max(",;\t|^", key=line.count)
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
