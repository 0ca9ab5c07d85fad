"""The OMOP common data model, versions 5.3 and 5.4: files, Parquet or a database."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import OmopSource
from heliotrope.ingest.delivery import Delivery

Tell = Callable[[str], None]

# Files without which nothing is taken for a common data model.
SIGNS = frozenset({"person", "drug_exposure", "condition_occurrence", "measurement"})
_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")


def recognise(path: Path) -> OmopSource | None:
    """Recognise a folder or zip with the tables PERSON and at least two of records, or a DuckDB."""
    if path.is_dir():
        names = [item.name for item in path.iterdir()]
        file = "."
    elif path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            names = packed.namelist()
        file = path.name
    elif path.is_file() and path.suffix.casefold() in (".duckdb", ".ddb"):
        return OmopSource(form="omop", file=path.name)
    else:
        return None
    stems = {
        PurePosixPath(name).stem.casefold()
        for name in names
        if PurePosixPath(name).suffix.casefold() in _SUFFIXES
    }
    is_there = "person" in stems and len(stems & SIGNS) >= len(SIGNS) - 1
    return OmopSource(form="omop", file=file) if is_there else None


def deliver(
    folder: Path,
    source: OmopSource,
    context: ReadContext,
    tell: Tell,
    large_from: int | None = None,
) -> Delivery:
    """Read one source and lay it out as ours; the libraries it needs are loaded now."""
    from heliotrope.ingest.omop.reading import read_model

    return read_model(folder, source, context, tell, large_from)
