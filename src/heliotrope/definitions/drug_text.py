"""Which drug a free text names, by which words, and in which form: prednisone is not a cream."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from heliotrope.definitions.drug import Drug, DrugSet, drugs_of
from heliotrope.definitions.model import Definition, Frozen

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

SEVERAL_DRUGS = "several_drugs"
ANOTHER_DRUG = "another_drug"
ONLY_MENTIONED = "only_mentioned"
NOT_SYSTEMIC = "not_systemic"
COMBINATION = "combination"

# A word ends where a letter or digit meets something else; an underscore parts words as a space.
WORD_START, WORD_END = r"(?<![^\W_])", r"(?![^\W_])"
WORD_BEFORE = re.compile(r"([^\W_]+)(?:-|\s+)$")
JOINED_BEFORE = re.compile(r"([^\W_]+)-$")
JOINED_AFTER = re.compile(r"-([^\W_]+)")
NEXT_INGREDIENT = re.compile(r"\s/\s+([^\W\d_]+)")


class DoseForm(Frozen):
    """Words that tell how a preparation is given."""

    route: str
    words: tuple[str, ...] = Field(min_length=1)


class DrugText(Definition):
    """The words around a drug's name that change what a text means."""

    kind: Literal["drug_text"]
    forms: tuple[DoseForm, ...] = Field(min_length=1, description="the first that fits counts")
    joined_before: tuple[str, ...] = Field(description="prefixes that leave the drug what it is")
    not_joined_after: tuple[str, ...] = Field(description="as in prednisone-induced")
    negations: tuple[str, ...]
    per_words: tuple[str, ...] = Field(description="after a slash a rate, not an ingredient")


@dataclass(frozen=True)
class DrugMatch:
    """What was found in a text, and the words it was found by.

    ``drug`` is the canonical name, null where the match was ``refused``; ``because`` are the words
    that refused it. ``route`` and ``form`` come from the text; null: it does not say.
    """

    drug: str | None
    words: str
    start: int
    end: int
    route: str | None = None
    form: str | None = None
    refused: str | None = None
    because: str | None = None

    @property
    def is_usable(self) -> bool:
        """Say whether the text names one drug that is given to the whole body."""
        return self.drug is not None


@dataclass(frozen=True)
class DrugNames:
    """Every name of every drug, ready to be looked for."""

    pattern: re.Pattern[str]
    drug_of: Mapping[str, str]
    drugs: Mapping[str, Drug]
    exclusions: Mapping[str, tuple[re.Pattern[str], ...]]
    forms: tuple[tuple[str, re.Pattern[str]], ...]
    words: DrugText


def make_drug_names(rulebook: Rulebook) -> DrugNames:
    """Gather the names, brands and abbreviations of every drug and what they are mistaken for."""
    (words,) = rulebook.of_kind(DrugText)
    drugs = drugs_of(rulebook)
    spellings: dict[str, str] = {}
    for name, drug in drugs.items():
        for spelling in (name.replace("_", " "), drug.title, *drug.synonyms):
            spellings.setdefault(spelling, name)
    exclusions = {
        drug.id: tuple(_find_words([word]) for word in item.not_this)
        for item in rulebook.of_kind(DrugSet)
        for drug in item.drugs
    }
    return DrugNames(
        pattern=_find_words(spellings),
        drug_of={_squeeze(spelling): name for spelling, name in spellings.items()},
        drugs=drugs,
        exclusions=exclusions,
        forms=tuple((form.route, _find_words(form.words)) for form in words.forms),
        words=words,
    )


def find_drug(text: str, names: DrugNames) -> DrugMatch | None:
    """Find the one drug that a text names.

    Rule: a name counts as a whole word only (prednisolone is not found in methylprednisolone), the
    longest one where several fit, hyphens and spaces aside. Refused, with the words: a name that
    is only mentioned (prednisone-induced, no prednisone), another immunoglobulin (anti-D,
    hepatitis B, tetanus, antithymocyte), a form that does not reach the whole body (cream, eye
    drops, enema, joint), a fixed combination with another drug, and several drugs.
    Missing: None where no name stands in the text; the route is null where the text has none.
    """
    found = list(_find_all(text, names))
    if not found:
        return None
    usable = [match for match in found if match.refused != ONLY_MENTIONED]
    others = {match.words.casefold() for match in usable if match.drug is None}
    drugs = {match.drug for match in usable if match.drug is not None}
    if len(drugs) > 1:
        return _refuse(usable[0], SEVERAL_DRUGS, " + ".join(sorted(drugs)))
    if not drugs:
        return usable[0] if others else found[0]
    return next(match for match in usable if match.drug is not None)


def _find_all(text: str, names: DrugNames) -> Iterator[DrugMatch]:
    route, form = _find_form(text, names)
    for hit in names.pattern.finditer(text):
        drug = names.drug_of[_squeeze(hit.group())]
        match = DrugMatch(drug, hit.group(), hit.start(), hit.end(), route, form)
        mention = _find_mention(text, hit, names.words)
        if mention is not None:
            yield _refuse(match, ONLY_MENTIONED, mention)
            continue
        excluded = next(
            (word.group() for look in names.exclusions[drug] if (word := look.search(text))), None
        )
        systemic_routes = names.drugs[drug].systemic_routes
        if excluded is not None:
            yield _refuse(match, ANOTHER_DRUG, excluded)
        elif route is not None and route not in systemic_routes:
            yield _refuse(match, NOT_SYSTEMIC, form or route)
        elif (other := _find_ingredient(text, names.words)) is not None:
            yield _refuse(match, COMBINATION, other)
        else:
            yield match


def _refuse(match: DrugMatch, reason: str, because: str) -> DrugMatch:
    return DrugMatch(
        None, match.words, match.start, match.end, match.route, match.form, reason, because
    )


def _find_mention(text: str, hit: re.Match[str], words: DrugText) -> str | None:
    """Return the word that makes a name a mere mention: joined to it, or a no before it."""
    before, after = text[: hit.start()], text[hit.end() :]
    joined = JOINED_BEFORE.search(before)
    if joined and not joined[1].isdecimal() and joined[1].casefold() not in words.joined_before:
        return joined[1]
    negation = WORD_BEFORE.search(before)
    if negation and negation[1].casefold() in words.negations:
        return negation[1]
    follows = JOINED_AFTER.match(after)
    return follows[1] if follows and follows[1].casefold() in words.not_joined_after else None


def _find_form(text: str, names: DrugNames) -> tuple[str | None, str | None]:
    for route, pattern in names.forms:
        hit = pattern.search(text)
        if hit:
            return route, hit.group()
    return None, None


def _find_ingredient(text: str, words: DrugText) -> str | None:
    """Return another ingredient of a fixed combination, parted by a slash between spaces."""
    parts = [hit[1] for hit in NEXT_INGREDIENT.finditer(text)]
    return next((part for part in parts if part.casefold() not in words.per_words), None)


def _find_words(spellings: Iterable[str]) -> re.Pattern[str]:
    """Make a pattern for whole words, the longest first; hyphens and spaces may be left out."""
    ordered = sorted(spellings, key=len, reverse=True)
    parts = "|".join(
        r"[\s_-]?".join(re.escape(part) for part in re.split(r"[\s_-]+", spelling))
        for spelling in ordered
    )
    return re.compile(f"{WORD_START}(?:{parts}){WORD_END}", re.IGNORECASE)


def _squeeze(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text).casefold()
