"""Read the definition files into one rulebook: parsed, checked, hashed, immutable."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from heliotrope.definitions.model import Definition
from heliotrope.definitions.settings import Settings
from heliotrope.errors import Found, UserError

SHIPPED = Path(__file__).parent

# In the name of a file: an earlier version, kept beside the one in force (see ``versions.py``).
EARLIER = "@"

# Kinds that decide by their own text alone: two versions of one can be judged in one run.
COMPARABLE_VERSIONS = ("rule", "score")

Kind = TypeVar("Kind", bound=Definition)


@dataclass(frozen=True)
class Rulebook:
    """All definitions and the study's settings: everything ``evaluate`` knows beside the data."""

    definitions: Mapping[str, Definition]
    settings: Settings

    def of_kind(self, kind: type[Kind]) -> list[Kind]:
        """Return all definitions of one kind, sorted by id."""
        return [
            definition
            for _, definition in sorted(self.definitions.items())
            if isinstance(definition, kind)
        ]

    def get(self, definition_id: str, kind: type[Kind]) -> Kind:
        """Return one definition; KeyError if there is none, TypeError if it is of another kind."""
        definition = self.definitions[definition_id]
        if not isinstance(definition, kind):
            raise TypeError(f"{definition_id} is a {definition.kind}, not a {kind.__name__}")
        return definition

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """The hash of every definition by its id."""
        return {name: item.sha256 for name, item in sorted(self.definitions.items())}

    @property
    def sha256(self) -> str:
        """Hash of every definition and setting, independent of file order."""
        content = {
            "settings": self.settings.model_dump(mode="json"),
            "definitions": dict(self.hashes),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_rulebook(settings: Settings | None = None, local: Path | None = None) -> Rulebook:
    """Read the shipped definitions, then a study's own folder, which replaces those of equal id.

    A rule or score that a study replaces, and the earlier versions that it keeps in its folder,
    are judged beside the one in force, under the name ``id@version``, so that a run can compare
    them. The shipped ones are read once, a study's own each time. Errors: a file that is not TOML,
    an unknown kind, a field that is wrong: UserError naming the file and the field.
    """
    definitions = {item.id: item for item in _read_shipped()}
    if local is not None:
        own = {item.id: item for item in _read_folder(local, is_local=True)}
        replaced = [definitions[name] for name in own if name in definitions]
        definitions |= own | _name_versions([*replaced, *_read_earlier(local, own)])
    return Rulebook(definitions=definitions, settings=settings or Settings())


@cache
def _read_shipped() -> tuple[Definition, ...]:
    """Read the shipped definitions: they do not change while the program runs."""
    return tuple(_read_folder(SHIPPED, is_local=False))


def _read_earlier(local: Path, own: Mapping[str, Definition]) -> Iterable[Definition]:
    """Read the earlier versions in a study's folder of what stands there now."""
    for path in sorted(local.rglob(f"*{EARLIER}*.toml")):
        if path.stem.partition(EARLIER)[0] in own:
            yield read_definition(path, is_local=True)


def _name_versions(versions: Iterable[Definition]) -> dict[str, Definition]:
    """Give rules and scores that are not in force a name of their own."""
    return {
        name: item.model_copy(
            update={"id": name, "title": f"{item.title} (version {item.version})"}
        )
        for item in versions
        if item.kind in COMPARABLE_VERSIONS
        for name in [f"{item.id}{EARLIER}{item.version}"]
    }


def _read_folder(folder: Path, *, is_local: bool) -> Iterable[Definition]:
    seen: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.toml")):
        if EARLIER in path.stem:
            continue
        definition = read_definition(path, is_local=is_local)
        if definition.id in seen:
            raise UserError(
                f"one file for the definition '{definition.id}'",
                Found(f"a second one, beside {seen[definition.id].name}", file=path.name),
                "remove one of them or give it an id of its own",
            )
        seen[definition.id] = path
        yield definition


def read_definition(path: Path, *, is_local: bool = False) -> Definition:
    """Read and check one definition file."""
    from heliotrope.definitions.kinds import KINDS  # every kind's model: only who reads needs them

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            "a definition file in TOML", Found(str(error), file=path.name), "mend that line"
        ) from None
    kind = content.get("kind")
    if kind not in KINDS:
        raise UserError(
            f"kind = one of {', '.join(sorted(KINDS))}",
            Found(f"kind = {kind!r}", file=path.name),
            "give the file one of these kinds",
        )
    try:
        return KINDS[kind].model_validate({**content, "is_local": is_local})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"a valid {kind} definition",
            Found(f"{field}: {first['msg']}" if field else first["msg"], file=path.name),
            "correct that field; `heliotrope definitions show` prints a valid example",
        ) from None
