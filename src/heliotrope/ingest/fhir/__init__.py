"""Read FHIR R4 resources: bundles and NDJSON, in a folder, a zip or a file of their own."""

from __future__ import annotations

from pathlib import Path

from heliotrope.errors import UserError
from heliotrope.ingest.archive import open_files
from heliotrope.ingest.declared import FhirSource
from heliotrope.ingest.fhir.deliver import deliver
from heliotrope.ingest.fhir.entries import holds_resources, list_members

__all__ = ["deliver", "recognise"]


def recognise(path: Path) -> FhirSource | None:
    """Say whether a folder, zip or file holds FHIR resources."""
    folder, name = (path, ".") if path.is_dir() else (path.parent, path.name)
    try:
        files = open_files(folder, name)
        members = list_members(files)
        is_fhir = any(holds_resources(files, member) for member in members[:3])
    except UserError:
        return None
    return FhirSource(form="fhir", file=name) if is_fhir else None
