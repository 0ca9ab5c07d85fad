"""Everything the readers know beside the cells: words, measures, drugs, rules, ready to look up."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from heliotrope.definitions.drug import Drug, DrugSet, drugs_of
from heliotrope.definitions.drug_text import DrugNames, make_drug_names
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.vocabulary import (
    CellFormats,
    FindingRule,
    PlausibilityLimits,
    Vocabulary,
    finding_rules_of,
    vocabularies_of,
)
from heliotrope.records.dates import DateWords

# In a code list: this word leaves the row out, counted and said, without a complaint.
IGNORE = "ignore"


def normalise_word(text: str) -> str:
    """Return a word as it is compared: case, spaces, hyphens and underscores aside.

    >>> normalise_word("  Physician_Global ") == normalise_word("physician global")
    True
    """
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())


@dataclass(frozen=True)
class Lookup:
    """Spellings of canonical words; exact spellings win over normalised ones."""

    exact: Mapping[str, str]
    normalised: Mapping[str, str]
    names: tuple[str, ...]
    is_open: bool = False

    def find(self, text: str) -> str | None:
        """Return the canonical word a text means, or None."""
        return self.exact.get(text) or self.normalised.get(normalise_word(text))

    def nearest(self, text: str) -> list[str]:
        """Return up to three canonical words that look like a text."""
        plain = normalise_word(text)
        close = difflib.get_close_matches(plain, list(self.normalised), n=6, cutoff=0.6)
        within = [
            spelling
            for spelling in self.normalised
            if len(spelling) > 3 and (f" {spelling} " in f" {plain} " or plain in spelling)
        ]
        return list(dict.fromkeys(self.normalised[word] for word in [*close, *within]))[:3]


def make_lookup(words: Iterable[tuple[str, Iterable[str]]], *, is_open: bool = False) -> Lookup:
    """Make a lookup of canonical words and their spellings; the first to claim one keeps it."""
    listed = [(name, tuple(spellings)) for name, spellings in words]
    exact: dict[str, str] = {}
    normalised: dict[str, str] = {}
    for name, _ in listed:
        exact[name] = name
        normalised[normalise_word(name)] = name
    for name, spellings in listed:
        for spelling in spellings:
            exact.setdefault(spelling, name)
            normalised.setdefault(normalise_word(spelling), name)
    return Lookup(exact, normalised, tuple(name for name, _ in listed), is_open)


@dataclass(frozen=True)
class ReadContext:
    """What is known of the words of the records, resolved once a run."""

    measures: Mapping[str, Measure]
    drugs: Mapping[str, Drug]
    measure_lookup: Lookup
    drug_lookup: Lookup
    not_drugs: frozenset[str]
    words: Mapping[str, Lookup]
    formats: CellFormats
    date_words: DateWords
    limits: PlausibilityLimits
    rules: Mapping[str, FindingRule]
    rulebook: Rulebook

    @cached_property
    def drug_names(self) -> DrugNames:
        """Gather what a free text can call a drug; made when a text is first met."""
        return make_drug_names(self.rulebook)


def make_context(rulebook: Rulebook) -> ReadContext:
    """Resolve the rulebook's words for reading."""
    measures, drugs = measures_of(rulebook), drugs_of(rulebook)
    (formats,) = rulebook.of_kind(CellFormats)
    (limits,) = rulebook.of_kind(PlausibilityLimits)
    return ReadContext(
        measures=measures,
        drugs=drugs,
        measure_lookup=make_lookup(
            (name, (measure.title, *measure.synonyms)) for name, measure in measures.items()
        ),
        drug_lookup=make_lookup(
            (
                name,
                (drug.title, *drug.synonyms, *(c.code for c in drug.codes if c.system == "ATC")),
            )
            for name, drug in drugs.items()
        ),
        not_drugs=frozenset(
            normalise_word(name) for item in rulebook.of_kind(DrugSet) for name in item.not_this
        ),
        words={name: _lookup_of(item) for name, item in vocabularies_of(rulebook).items()},
        formats=formats,
        date_words=DateWords(
            months=formats.month_names,
            unknown_parts=frozenset(formats.unknown_date_parts),
            first_year=formats.first_year,
            last_year=formats.last_year,
        ),
        limits=limits,
        rules=finding_rules_of(rulebook),
        rulebook=rulebook,
    )


def _lookup_of(vocabulary: Vocabulary) -> Lookup:
    return make_lookup(
        ((word.id, word.synonyms) for word in vocabulary.words), is_open=vocabulary.is_open
    )
