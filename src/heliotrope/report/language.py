"""The language in which a person is spoken to: English, or a catalogue that ships beside it.

Texts are written in English where they are used, inside ``_("...")``, and looked up at that
moment in the language of the page being made. A text without a translation stays English: a
page is never left without words, and says of them that they are English (``say_result``).
Figures, and what publications, findings and the records themselves say, are quoted as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path
from typing import Any

from markupsafe import Markup

CATALOGUES = Path(__file__).parents[1] / "languages"
DOMAIN = "heliotrope"
ENGLISH = "en"
COUNTED = "counted"
"""The context of words that stand behind a number."""
DEFINED = "definition"
"""The context of the words of definitions."""
RESULT = "result"
"""The context of the words of result rows, which the rows themselves keep in English."""
TAGS = {"zh_TW": "zh-Hant-TW"}
"""The tag of a page, where it says more than the name of the catalogue: which script."""

_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language (``en``, ``zh_TW``) for as long as the block lasts."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def get_language() -> str:
    """Return the language spoken now."""
    return _spoken.get()


def get_tag(language: str | None = None) -> str:
    """Return the tag (BCP 47) of a language, or of the one spoken now, as a page bears it.

    >>> get_tag("en"), get_tag("zh_TW"), get_tag("pt_BR")
    ('en', 'zh-Hant-TW', 'pt-BR')
    """
    spoken = language or _spoken.get()
    return TAGS.get(spoken, spoken.replace("_", "-"))


@cache
def list_languages() -> tuple[str, ...]:
    """List English and every language with a catalogue.

    >>> list_languages()
    ('en', 'zh_TW')
    """
    found = sorted(CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return (ENGLISH, *(path.parts[-3] for path in found))


def _(text: str) -> str:
    """Return a text in the language spoken now; with names to fill in, call ``.format`` on it.

    >>> _("{n} of {total} children").format(n=3, total=7)
    '3 of 7 children'
    """
    return _find_catalogue(_spoken.get()).gettext(text) if text else ""


def later(text: str) -> str:
    """Mark a text of a table for the catalogue; it is looked up by ``_`` where it is said."""
    return text


class InEnglish(str):
    """English on a page of another language: set into markup it says so (WCAG 3.1.2).

    >>> str(Markup("<p>{}</p>").format(InEnglish("no < one")))
    '<p><span lang="en">no &lt; one</span></p>'
    """

    __slots__ = ()

    def __html__(self) -> Markup:
        """Return the text as markup that bears its language."""
        return Markup('<span lang="en">{}</span>').format(str(self))


def quote_english(text: str) -> str:
    """Mark a text that is quoted in English in every language; on an English page nothing is said.

    >>> quote_english("a & b")
    'a & b'
    """
    return text if get_language() == ENGLISH or not text else InEnglish(text)


def say_defined(text: str) -> str:
    """Say the words of a definition in the language spoken, else quote them in English.

    >>> say_defined("Inactive disease")
    'Inactive disease'
    """
    if get_language() == ENGLISH or not text:
        return text
    catalogue = _find_catalogue(_spoken.get())
    said = catalogue.pgettext(DEFINED, text)
    said = catalogue.gettext(text) if said == text else said
    return InEnglish(text) if said == text else said


def mark_english() -> Markup:
    """Return the attribute by which an element says that it quotes English; none on such a page.

    >>> str(mark_english())
    ''
    """
    return Markup("") if get_language() == ENGLISH else Markup(' lang="en"')


def ngettext(one: str, many: str, number: int) -> str:
    """Return the text for this number of things in the language spoken now."""
    return _find_catalogue(_spoken.get()).ngettext(one, many, number)


def say_count(one: str, many: str, number: int) -> str:
    """Return the word for this number of things where the number stands before it.

    A language may write such a word otherwise than alone (Chinese puts a measure word before it).

    >>> say_count("child", "children", 3)
    'children'
    """
    return _find_catalogue(_spoken.get()).npgettext(COUNTED, one, many, number)


@cache
def list_result_words(language: str) -> Mapping[str, str]:
    """List the words of result rows, with their placeholders, and how a language says them."""
    entries: Mapping[Any, str] = getattr(_find_catalogue(language), "_catalog", {})
    context = f"{RESULT}\x04"
    return {
        text.removeprefix(context): said
        for text, said in entries.items()
        if isinstance(text, str) and text.startswith(context)
    }


@cache
def _find_catalogue(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    return translation(DOMAIN, CATALOGUES, languages=[language], fallback=True)
