"""Say whether a folder, zip or file holds SDTM datasets, without reading their rows."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from heliotrope.errors import UserError
from heliotrope.ingest.archive import Files, open_files
from heliotrope.ingest.declared import SdtmSource
from heliotrope.ingest.sdtm.contents import JSON, TEXT, TRANSPORT
from heliotrope.ingest.sdtm.dataset_json import MARKS

_FIRST = 65_536
_DEMOGRAPHICS = ("dm.csv",)


def recognise(path: Path) -> SdtmSource | None:
    """Return how it would be declared: a transport file, a Dataset-JSON, or dm.csv with USUBJID."""
    name = "." if path.is_dir() else path.name
    try:
        files = open_files(path if path.is_dir() else path.parent, name)
        is_sdtm = any(_is_dataset(files, name) for name in files.names)
    except (UserError, OSError, zipfile.BadZipFile):
        return None
    return SdtmSource(form="sdtm", file=name) if is_sdtm else None


def _is_dataset(files: Files, name: str) -> bool:
    ending = PurePosixPath(name).suffix.casefold()
    if ending in TRANSPORT:
        return True
    if ending in JSON:
        first = _read_first(files, name)
        return any(mark in first for mark in MARKS) and "USUBJID" in first
    if ending in TEXT and name.casefold().rpartition("/")[2] in _DEMOGRAPHICS:
        return "USUBJID" in _read_first(files, name).partition("\n")[0].upper()
    return False


def _read_first(files: Files, name: str) -> str:
    with files.open(name) as stream:
        return stream.read(_FIRST).decode("utf-8", "replace")
