"""The OMOP common data model, versions 5.3 and 5.4: files, Parquet or a database."""

from __future__ import annotations

from pathlib import Path

from heliotrope.ingest.declared import OmopSource

# Files without which nothing is taken for a common data model.
SIGNS = frozenset({"person", "drug_exposure", "condition_occurrence", "measurement"})
_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")


def recognise(path: Path) -> OmopSource | None:
    """Recognise a folder or zip with the tables PERSON and at least two of records, or a DuckDB."""
    import zipfile
    from pathlib import PurePosixPath

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


def deliver(folder, source, context, tell):  # type: ignore[no-untyped-def]
    """Read one source whole and lay it out as ours."""
    from heliotrope.ingest.omop.deliver import deliver as deliver_model

    return deliver_model(folder, source, context, tell)
