"""What a define.xml says of the columns of the tables beside it: labels, codes, origins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from heliotrope.ingest.proposal.profile import Labels
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.sdtm.define import Definitions, read_define
from heliotrope.ingest.tabular.sources import read_bytes

_HEAD = 1 << 16


def is_define(path: Path) -> bool:
    """Say whether a file is a define.xml, by what stands at its beginning."""
    if path.suffix.casefold() != ".xml" or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return b"<ODM" in head and b"cdisc.org/ns/def/" in head


def read_defines(
    files: Iterable[Path], folders: Iterable[Path], notes: list[str]
) -> list[Definitions]:
    """Read the define.xml among the files given and in their folders, each once."""
    beside = [path for folder in folders for path in sorted(folder.glob("*.xml"))]
    found = {path.resolve(): path for path in (*files, *beside) if is_define(path)}
    defines = []
    for path in found.values():
        defines.append(read_define(read_bytes(path.parent, path.name), path.name))
        notes.append(f"{path.name}: definitions of datasets; their labels, codes and origins are "
                     "evidence")  # fmt: skip
    return defines


def labels_of(raw: RawTable, defines: Iterable[Definitions]) -> dict[str, Labels]:
    """Return what is said of the columns of one table.

    Rule: the dataset that the file is named after says what its variables are; of a file of
    another name, what all datasets say alike of a variable.
    """
    labels: dict[str, Labels] = {}
    stem = Path(raw.sheet or raw.file).stem.upper()
    for item in defines:
        for header in raw.header:
            datasets = [
                dataset for dataset, variable in item.variables if variable == header.upper()
            ]
            named = [dataset for dataset in datasets if dataset == stem] or datasets
            said = {_key(label): label for label in (_label(item, d, header) for d in named)}
            if len(said) == 1:
                labels[header] = next(iter(said.values()))
    return labels


def _label(item: Definitions, dataset: str, header: str) -> Labels:
    key = (dataset, header.upper())
    return Labels(
        label=item.variables[key] or None,
        codes=item.codes.get(key, {}),
        origin=item.origins.get(key),
    )


def _key(labels: Labels) -> tuple[str | None, tuple[tuple[str, str], ...], str | None]:
    codes: Mapping[str, str] = labels.codes
    return labels.label, tuple(codes.items()), labels.origin
