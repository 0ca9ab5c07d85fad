"""The words of result rows in the language of the reader.

The result table is the same in every language: compared, shared and pooled. Its words were made
from texts marked by ``estimate.wording.worded``. Here a text is found again among those of the
catalogue, with what was filled in, and said in the language spoken. What no catalogue holds (a
row of another version, a word of the records) stays English, and a page marks it as English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from heliotrope.report.language import ENGLISH, InEnglish, _, get_language, list_result_words
from heliotrope.report.words import say_within

PLACEHOLDER = re.compile(r"\{(\w+)[^}]*\}")
RANGE = re.compile(r"(?P<low>[-−<>]?\d[\d.,]*) to (?P<high>[-−<>]?\d[\d.,]*)")
WORD = re.compile(r"[A-Za-z]{2}")
MOST_KEPT = 4096


def say_result(text: str) -> str:
    """Say the words of a result row in the language spoken; numbers stay as they are.

    >>> say_result("only 2 series, one a centre; at least 3 are pooled")
    'only 2 series, one a centre; at least 3 are pooled'
    """
    language = get_language()
    return text if language == ENGLISH or not text else _say(text, language)


@lru_cache(MOST_KEPT)
def _say(text: str, language: str) -> str:
    words = list_result_words(language)
    if text in words:
        return words[text]
    for pattern, said in _list_patterns(language):
        found = pattern.fullmatch(text)
        if found is not None:
            values = {
                name: _say_value(value, language) for name, value in found.groupdict().items()
            }
            return _fill(said, values)
    said = _say_ranges(text)
    return InEnglish(said) if said == text and WORD.search(text) else said


def _fill(said: str, values: Mapping[str, str]) -> str:
    """Set what was filled in into the translation: already printed, so without its format."""
    return PLACEHOLDER.sub(lambda place: values[place[1]], said)


@cache
def _list_patterns(language: str) -> Sequence[tuple[re.Pattern[str], str]]:
    """List the texts with something to fill in, the one with the most words of its own first."""
    listed = [item for item in list_result_words(language).items() if PLACEHOLDER.search(item[0])]
    listed.sort(key=lambda item: -len(PLACEHOLDER.sub("", item[0])))
    return [(re.compile(_make_pattern(text), re.DOTALL), said) for text, said in listed]


def _make_pattern(text: str) -> str:
    """Turn a text into an expression that finds what was filled in, a name twice alike."""
    parts, seen, end = [], set[str](), 0
    for place in PLACEHOLDER.finditer(text):
        name = place[1]
        parts.append(re.escape(text[end : place.start()]))
        parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>.+?)")
        seen.add(name)
        end = place.end()
    return "".join([*parts, re.escape(text[end:])])


def _say_value(value: str, language: str) -> str:
    """Say what was filled in: a title of a measure, other words of result rows, or itself."""
    said = say_within(value)
    return said if said != value else str(_say(value, language))


def _say_ranges(text: str) -> str:
    return RANGE.sub(lambda found: _("{low} to {high}").format(**found.groupdict()), text)
