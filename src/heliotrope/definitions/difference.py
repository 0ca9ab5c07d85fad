"""Two definitions, field by field: what was changed, added and removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from heliotrope.definitions.model import Definition

Part = Literal["head", "wording", "value", "source", "note"]

Change = Literal["changed", "added", "removed", "moved"]

PARTS: tuple[Part, ...] = ("head", "wording", "value", "source", "note")

# Where a field belongs that is no value of the rule.
PART_OF: dict[str, Part] = {
    "id": "head",
    "version": "head",
    "kind": "head",
    "title": "head",
    "verified": "head",
    "is_local": "head",
    "wording": "wording",
    "node_words": "wording",
    "sources": "source",
    "notes": "note",
}

# What names an item of a list, the first that it has; and the lists that add nothing to the path.
KEYS = ("id", "name", "measure", "label", "citation", "word", "term", "code", "reason")
PLAIN = ("of", "root")


@dataclass(frozen=True)
class Difference:
    """One field that differs: where it stands, what it was and what it is.

    ``path`` goes from the outside in, items of a list by their name; ``unit`` is that of a
    threshold; ``old`` is None for what was added, ``new`` for what was removed. Of what only moved,
    ``path`` is the old place and ``new`` the path of the new one.
    """

    part: Part
    change: Change
    path: tuple[str, ...]
    old: Any
    new: Any
    unit: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary."""
        return {**asdict(self), "path": list(self.path)}


def find_differences(old: Definition, new: Definition) -> tuple[Difference, ...]:
    """List every field in which two definitions differ, part by part, in the order of the files.

    Items of a list are matched by their name (the id of a node, the measure of a candidate, the
    citation of a source), so that a node that only moved is not taken for another; items without
    a name of their own are matched in order. Missing: a definition of another kind has other
    fields, and shows them as added and removed.

    >>> from heliotrope.definitions.load import read_rulebook
    >>> rulebook = read_rulebook().definitions
    >>> jdm, adult = rulebook["tis_jdm_imacs"], rulebook["tis_adult"]
    >>> [(item.path, item.old, item.new) for item in find_differences(jdm, adult)
    ...  if item.path[-1] == "at_least"][0]
    (('categories', 'minimal', 'at_least'), 30.0, 20.0)
    """
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    found = _join_moves(list(_compare(before, after, ())))
    return tuple(sorted(found, key=lambda item: PARTS.index(item.part)))


def _join_moves(found: list[Difference]) -> list[Difference]:
    """Say of a whole item that stands elsewhere, unchanged, that it moved."""
    added = [item for item in found if item.change == "added" and isinstance(item.new, Mapping)]
    joined: list[Difference] = []
    for item in found:
        place = next((to for to in added if item.change == "removed" and to.new == item.old), None)
        if place is None:
            joined.append(item)
            continue
        added.remove(place)
        joined.append(Difference(item.part, "moved", item.path, item.old, list(place.path)))
    moved_to = [item.new for item in joined if item.change == "moved"]
    return [item for item in joined if item.change != "added" or list(item.path) not in moved_to]


def _compare(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        unit = new.get("unit")
        for key in dict.fromkeys([*old, *new]):
            for item in _compare(old.get(key), new.get(key), _extend(path, key)):
                is_here = item.path == _extend(path, key) and key == "threshold"
                yield _with_unit(item, unit) if is_here else item
    elif _is_list(old) and _is_list(new):
        yield from _compare_lists(old, new, path)
    else:
        yield _differ(old, new, path)


def _compare_lists(
    old: Sequence[Any], new: Sequence[Any], path: tuple[str, ...]
) -> Iterator[Difference]:
    old_names, new_names = _name_items(old), _name_items(new)
    if old_names is not None and new_names is not None and (old_names or new_names):
        before = dict(zip(old_names, old, strict=True))
        after = dict(zip(new_names, new, strict=True))
        for name in dict.fromkeys([*before, *after]):
            yield from _compare(before.get(name), after.get(name), (*path, name))
    elif any(isinstance(item, Mapping) for item in (*old, *new)):
        yield from _align(old, new, path)
    elif all(isinstance(item, str) for item in (*old, *new)):
        yield from (_differ(item, None, path) for item in old if item not in new)
        yield from (_differ(None, item, path) for item in new if item not in old)
        if sorted(old) == sorted(new):
            yield _differ(old, new, path)
    else:
        yield _differ(old, new, path)


def _align(old: Sequence[Any], new: Sequence[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    """Match items without names in order: equal ones first, then those that stand between."""
    matcher = SequenceMatcher(None, [repr(item) for item in old], [repr(item) for item in new])
    for tag, first, last, from_new, to_new in matcher.get_opcodes():
        if tag == "equal":
            continue
        before, after = list(old[first:last]), list(new[from_new:to_new])
        for offset in range(max(len(before), len(after))):
            one = before[offset] if offset < len(before) else None
            other = after[offset] if offset < len(after) else None
            row = (from_new if other is not None else first) + offset + 1
            yield from _compare(one, other, (*path, f"row {row}"))


def _name_items(items: Sequence[Any]) -> list[str] | None:
    """Name the items of a list, if each has a name of its own."""
    for key in KEYS:
        if all(isinstance(item, Mapping) and isinstance(item.get(key), str) for item in items):
            names = [str(item[key]) for item in items]
            if len(set(names)) == len(names):
                return names
    return None


def _extend(path: tuple[str, ...], key: str) -> tuple[str, ...]:
    return path if path and key in PLAIN else (*path, key)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _differ(old: Any, new: Any, path: tuple[str, ...]) -> Difference:
    change: Change = "added" if old is None else "removed" if new is None else "changed"
    return Difference(PART_OF.get(path[0], "value"), change, path, old, new)


def _with_unit(item: Difference, unit: object) -> Difference:
    known = str(unit) if unit and unit != "none" else None
    return Difference(item.part, item.change, item.path, item.old, item.new, known)
