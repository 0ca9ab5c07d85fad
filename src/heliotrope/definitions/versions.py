"""Versions of a definition side by side: the one in force, and those before it.

A released definition is never edited: a correction is a new version. The version in force stands
in ``<any name>.toml``; one that it replaced is kept beside it, as it was, under the name
``<id>@<version>.toml``. Shipped files with ``@`` in their name are no part of a rulebook; in a
study's own folder they are judged beside the version in force (rules and scores only).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from heliotrope.definitions.load import EARLIER, SHIPPED, Rulebook, read_definition, read_rulebook
from heliotrope.definitions.model import Definition
from heliotrope.errors import Found, UserError

SUFFIX = ".toml"


def find_definition(rulebook: Rulebook, definition_id: str) -> Definition:
    """Find a definition by its id; an unknown id names the nearest."""
    if definition_id in rulebook.definitions:
        return rulebook.definitions[definition_id]
    nearest = get_close_matches(definition_id, rulebook.definitions, n=3)
    raise UserError(
        "the id of a definition",
        definition_id,
        (f"did you mean {' or '.join(nearest)}? " if nearest else "")
        + "`heliotrope definitions list` names them all",
    )


def find_pair(
    first: str, second: str | None, local: Path | None = None
) -> tuple[Definition, Definition]:
    """Find the two definitions to be compared: the old one and the new one.

    Each is an id (the version in force), ``id@version`` or the path of a TOML file. ``local`` is a
    study's own folder: the second one is looked for there first, and may be left out where the
    folder has a definition of the same id. Errors: UserError for what is not found, naming what
    is there.
    """
    old = find_version(first, None)
    if second is not None:
        return old, find_version(second, local)
    if local is None:
        raise UserError(
            "two definitions, or one and --local FOLDER",
            first,
            f"name a second id, a version ({_name_versions(old, None)}) or a TOML file",
        )
    own = _read_own(local)
    if old.id not in own:
        raise UserError(
            f"a definition with the id {old.id} in {local.name}",
            ", ".join(sorted(own)) or "no definition",
            "name the local definition after the shipped one: its id, or its file",
        )
    return old, own[old.id]


def find_version(named: str, local: Path | None) -> Definition:
    """Find one definition by id, ``id@version`` or path; a study's own folder comes first."""
    if named.endswith(SUFFIX):
        return _read_file(Path(named), local)
    definition_id, _, version = named.partition(EARLIER)
    rulebook = read_rulebook()
    own = {} if local is None else _read_own(local)
    current = own.get(definition_id) or find_definition(rulebook, definition_id)
    if version in ("", current.version):
        return current
    for folder in (*([local] if local is not None else []), SHIPPED):
        for path in folder.rglob(f"{definition_id}{EARLIER}{version}{SUFFIX}"):
            return _check_name(read_definition(path, is_local=folder != SHIPPED), path)
    shipped = rulebook.definitions.get(definition_id)
    if shipped is not None and shipped.version == version:
        return shipped
    raise UserError(
        f"a version of {definition_id} that is kept",
        version,
        f"kept are {_name_versions(current, local)}",
    )


def list_versions(definition: Definition, local: Path | None) -> list[str]:
    """List the versions of a definition that are kept, the one in force last.

    >>> from heliotrope.definitions.load import read_rulebook
    >>> list_versions(read_rulebook().definitions["tis_jdm_imacs"], None)
    ['1.0.0']
    """
    folders = [SHIPPED] if local is None else [SHIPPED, local]
    names = [
        path.stem.partition(EARLIER)[2]
        for folder in folders
        for path in folder.rglob(f"{definition.id}{EARLIER}*{SUFFIX}")
    ]
    earlier = sorted(set(names) - {definition.version}, key=_numbers)
    return [*earlier, definition.version]


def check_versions(folder: Path, current: Iterable[Definition]) -> list[str]:
    """Check the earlier versions in a folder: each is what its name says, and older than today's.

    Returns a line a fault.
    """
    now = {item.id: item for item in current}
    faults = []
    for path in sorted(folder.rglob(f"*{EARLIER}*{SUFFIX}")):
        definition = read_definition(path)
        if path.stem != f"{definition.id}{EARLIER}{definition.version}":
            faults.append(f"{path.name}: holds {definition.id}{EARLIER}{definition.version}")
        elif definition.id not in now:
            faults.append(f"{path.name}: no version of it is in force")
        elif _numbers(definition.version) >= _numbers(now[definition.id].version):
            faults.append(f"{path.name}: not older than {now[definition.id].version}")
    return faults


def _read_own(local: Path) -> dict[str, Definition]:
    if not local.is_dir():
        raise UserError(
            "a study's own folder of definitions", str(local), "give the folder that holds the TOML"
        )
    return {
        item.id: item for item in read_rulebook(local=local).definitions.values() if item.is_local
    }


def _read_file(path: Path, local: Path | None) -> Definition:
    for found in (path, *([local / path] if local is not None else [])):
        if found.is_file():
            is_local = SHIPPED not in found.resolve().parents
            return read_definition(found, is_local=is_local)
    raise UserError("the path of a definition file", str(path), "check the path; it ends in .toml")


def _check_name(definition: Definition, path: Path) -> Definition:
    if path.stem != f"{definition.id}{EARLIER}{definition.version}":
        raise UserError(
            "a file that holds the version its name says",
            Found(f"{definition.id} {definition.version}", file=path.name),
            "rename the file, or mend id and version in it",
        )
    return definition


def _name_versions(definition: Definition, local: Path | None) -> str:
    return ", ".join(
        f"{definition.id}{EARLIER}{version}" for version in list_versions(definition, local)
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()
