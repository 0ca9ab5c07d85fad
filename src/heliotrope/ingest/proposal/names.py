"""What the name or label of a column says: which measure, in which unit, on which scale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.definitions.measure import Measure
from heliotrope.ingest.context import ReadContext
from heliotrope.records.units import find_conversion, find_unit

Use = Literal["value", "upper_limit", "lower_limit", "date"]

_TOKEN = re.compile(r"[^\W_]+|%")
_BRACKETED = re.compile(r"[\[(]([^\])]*)[\])]")
# Names are read this many words at a time at most; a longer one is a sentence.
_MOST_WORDS = 12


@dataclass(frozen=True)
class NamedMeasure:
    """A measure that a name means, and what else the name says.

    use: the value, a limit of its normal range, or the day it was measured. unit: as the name
    says, null where it does not. low, high: the ends of the scale in the name. is_whole: nothing
    in the name was left over. by: the words read. others: measures that go by the same words.
    """

    measure: Measure
    by: str
    use: Use = "value"
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    is_whole: bool = True
    others: tuple[str, ...] = ()
    why_open: str | None = None


@dataclass(frozen=True)
class Names:
    """All names of all measures, and the words that may stand beside them."""

    measures: dict[str, Measure]
    words: MappingWords
    open_names: dict[str, tuple[tuple[str, ...], str]]

    def read(self, text: str) -> NamedMeasure | None:
        """Find the measure a name means: the longest run of its words that is one.

        A unit, the ends of a scale (0_150), a word for a limit and words that say nothing may
        stand around it; anything else leaves the name in doubt (``is_whole`` false).
        """
        unit = next((u for found in _BRACKETED.findall(text) if (u := _find_unit([found]))), None)
        bare = _BRACKETED.sub(" ", text) if unit else text
        tokens = _TOKEN.findall(bare.casefold())[:_MOST_WORDS]
        for start, end in _runs(len(tokens)):
            joined = "".join(tokens[start:end])
            if joined in self.open_names:
                ids, why = self.open_names[joined]
                named = NamedMeasure(self.measures[_plain(ids[0])], joined, unit=unit,
                                     others=ids, why_open=why)  # fmt: skip
            elif joined in self.measures:
                named = NamedMeasure(self.measures[joined], " ".join(tokens[start:end]), unit=unit)
            else:
                continue
            read = self._read_rest(named, [*tokens[:start], *tokens[end:]])
            # a name known as a whole, such as "weight kg", may end in its unit
            own = self._read_unit(read, tokens[start + 1 : end])[0]
            return read if own is None else replace(read, unit=own)
        return None

    def _read_rest(self, named: NamedMeasure, rest: list[str]) -> NamedMeasure:
        use: Use = "value"
        for words, meaning in (
            (self.words.upper_limit, "upper_limit"),
            (self.words.lower_limit, "lower_limit"),
            (self.words.date_words, "date"),
        ):
            found = next((word for word in sorted(words, key=len, reverse=True)
                          if _holds(rest, _TOKEN.findall(word))), None)  # fmt: skip
            if found is not None:
                use = meaning  # type: ignore[assignment]
                rest = _without(rest, _TOKEN.findall(found))
                break
        low, high, rest = _read_scale(rest)
        unit, rest = self._read_unit(named, rest)
        rest = [word for word in rest if word not in self.words.filler]
        return NamedMeasure(
            named.measure, named.by, use, unit, low, high, not rest, named.others, named.why_open
        )

    def _read_unit(self, named: NamedMeasure, rest: list[str]) -> tuple[str | None, list[str]]:
        if named.unit is not None:
            return named.unit, rest
        for start, end in _runs(len(rest)):
            unit = _find_unit(rest[start:end])
            if unit is not None and find_conversion(unit, named.measure.unit) is not None:
                return unit, [*rest[:start], *rest[end:]]
        return None, rest


def make_names(context: ReadContext, words: MappingWords) -> Names:
    """Gather the names of all measures; a canonical name wins over a synonym."""
    measures = context.measures.values()
    named: dict[str, Measure] = {}
    for item in measures:
        for name in (item.title, *item.synonyms):
            named.setdefault(_plain(name), item)
    named |= {_plain(item.id): item for item in measures}
    opened = {
        _plain(name): (item.measures, item.wording)
        for item in words.open_names
        for name in item.names
    }
    return Names(named, words, opened)


def _runs(length: int) -> Iterator[tuple[int, int]]:
    """Give the runs of a list of words, the longest first, the earlier of equal ones first."""
    for size in range(length, 0, -1):
        for start in range(length - size + 1):
            yield start, start + size


def _plain(name: str) -> str:
    return "".join(_TOKEN.findall(name.casefold()))


def _holds(words: list[str], run: list[str]) -> bool:
    return any(words[n : n + len(run)] == run for n in range(len(words) - len(run) + 1))


def _without(words: list[str], run: list[str]) -> list[str]:
    start = next(n for n in range(len(words)) if words[n : n + len(run)] == run)
    return [*words[:start], *words[start + len(run) :]]


def _read_scale(rest: list[str]) -> tuple[float | None, float | None, list[str]]:
    ends = [n for n in range(len(rest) - 1) if rest[n].isdigit() and rest[n + 1].isdigit()]
    if len(ends) != 1:
        return None, None, rest
    (n,) = ends
    return float(rest[n]), float(rest[n + 1]), [*rest[:n], *rest[n + 2 :]]


def _find_unit(words: list[str]) -> str | None:
    """Read a unit as written, or as the words of a column's name: u_l is U/L."""
    for text in ("".join(words), "/".join(words)):
        unit = find_unit(text)
        if unit is not None and unit.name != "none":
            return unit.name
    return None
