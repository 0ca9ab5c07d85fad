"""What the concepts of a source mean to us: by code, by what is above them, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from heliotrope.definitions.codes import About, CodeBook, make_code_book
from heliotrope.definitions.drug_text import COMBINATION, SEVERAL_DRUGS, find_drug
from heliotrope.definitions.omop_model import OmopConcepts, omop_concepts_of
from heliotrope.errors import Found, UserError
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import OmopSource
from heliotrope.ingest.diagnoses import diagnosis_concepts, diagnosis_words, find_words, list_below
from heliotrope.ingest.omop.concept_sets import read_concept_set, resolve_concepts
from heliotrope.ingest.omop.store import CdmStore, as_number

# Which sorts of concept each table of records can hold.
HOLDS: dict[str, tuple[About, ...]] = {
    "condition_occurrence": ("diagnosis", "adverse_event", "graded_term"),
    "drug_exposure": ("drug",),
    "measurement": ("measure",),
    "procedure_occurrence": ("drug",),
}

# The columns of each table that name a concept: standard, of the source, and as written there.
CONCEPT_COLUMNS = {
    "condition_occurrence": (
        "condition_concept_id", "condition_source_concept_id", "condition_source_value",
    ),
    "drug_exposure": ("drug_concept_id", "drug_source_concept_id", "drug_source_value"),
    "measurement": (
        "measurement_concept_id", "measurement_source_concept_id", "measurement_source_value",
    ),
    "procedure_occurrence": (
        "procedure_concept_id", "procedure_source_concept_id", "procedure_source_value",
    ),
}  # fmt: skip


# What a preparation of several drugs means: none of them.
SEVERAL = "several drugs"


@dataclass(frozen=True)
class Meaning:
    """What a concept means: our word for it, the words it was told by, and a drug's route."""

    about: About
    name: str
    words: str
    route: str | None = None


@dataclass(frozen=True)
class Concept:
    """A row of CONCEPT."""

    concept_id: int
    name: str
    vocabulary: str
    code: str


@dataclass(frozen=True)
class Meanings:
    """The concepts of one table that mean something: by id, and by source value without an id.

    rows: how many rows hold one of them; others: how many hold none. unclear: names of
    preparations of several drugs, which are not read.
    """

    by_id: Mapping[int, Meaning]
    by_text: Mapping[str, Meaning]
    rows: int
    others: int
    unclear: tuple[str, ...] = ()

    def only(self, *about: About) -> Meanings:
        """Return those of some sorts."""
        return Meanings(
            {key: item for key, item in self.by_id.items() if item.about in about},
            {key: item for key, item in self.by_text.items() if item.about in about},
            self.rows,
            self.others,
        )

    def named(self, names: Collection[str]) -> Meanings:
        """Return those with one of some names."""
        return Meanings(
            {key: item for key, item in self.by_id.items() if item.name in names},
            {key: item for key, item in self.by_text.items() if item.name in names},
            self.rows,
            self.others,
        )


@dataclass(frozen=True)
class Vocabulary:
    """What is known of concepts before any table is looked at.

    known: meanings by id. below: ids that stand below others, each with the nearest of them.
    notes: (rule, what was found). diagnoses: the concept that each title or synonym means.
    looked_up: rows of CONCEPT that were asked for since.
    """

    store: CdmStore
    context: ReadContext
    book: CodeBook
    known: Mapping[int, Meaning]
    spread: frozenset[int]
    refused: frozenset[int]
    replaced: frozenset[str]
    ids: OmopConcepts
    has_concepts: bool
    has_ancestors: bool
    notes: tuple[tuple[str, str], ...] = field(default=())
    diagnoses: Mapping[str, str] = field(default_factory=dict)
    looked_up: dict[int, Concept | None] = field(default_factory=dict, repr=False)

    def find_concepts(self, numbers: Iterable[int]) -> dict[int, Concept]:
        """Return the rows of CONCEPT of some ids; none is looked up twice."""
        wanted = set(numbers)
        unknown = wanted - self.looked_up.keys()
        self.looked_up.update(dict.fromkeys(unknown) | fetch_concepts(self.store, unknown))
        found = ((number, self.looked_up[number]) for number in wanted)
        return {number: concept for number, concept in found if concept is not None}


def read_vocabulary(
    store: CdmStore, source: OmopSource, folder: Path, context: ReadContext
) -> Vocabulary:
    """Find the ids behind our code lists and the study's own concept sets.

    Rule: a concept set of the study replaces the shipped codes of the concept it is given for,
    and of those below it. Without CONCEPT only the ids known to us count; without
    CONCEPT_ANCESTOR nothing below a concept is found, and both are said.
    """
    book, ids = make_code_book(context.rulebook), omop_concepts_of(context.rulebook)
    sets = {name: read_concept_set(folder, file) for name, file in source.concept_sets.items()}
    _check_names(sets, context)
    replaced = frozenset(name for name in list_below(sets, context.rulebook)) | frozenset(sets)
    has_concepts, has_ancestors = _has_rows(store, "concept"), _has_rows(store, "concept_ancestor")
    known: dict[int, Meaning] = {}
    for item in ids.concepts:
        coded = book.find(item.system, item.code)
        if coded is not None and coded.concept not in replaced:
            known[item.concept_id] = Meaning(coded.about, coded.concept, coded.concept, coded.route)
    spread, refused = set(known), set[int]()
    for name, items in sets.items():
        included, descending, excluded = resolve_concepts(items, store, has_concepts)
        about = _sort_of(name, context)
        known |= {number: Meaning(about, name, name) for number in included}
        spread |= descending
        refused |= excluded
    notes = _say_what_is_missing(has_concepts, has_ancestors)
    return Vocabulary(
        store, context, book, known, frozenset(spread), frozenset(refused), replaced, ids,
        has_concepts, has_ancestors, notes, diagnosis_words(context.rulebook),
    )  # fmt: skip


def _say_what_is_missing(has_concepts: bool, has_ancestors: bool) -> tuple[tuple[str, str], ...]:
    notes = []
    if not has_concepts:
        notes.append(("omop_no_vocabulary", "no rows in CONCEPT"))
    if not has_ancestors:
        notes.append(("omop_no_descendants", "no rows in CONCEPT_ANCESTOR"))
    return tuple(notes)


def find_meanings(table: str, vocabulary: Vocabulary) -> Meanings:
    """Say what each concept that occurs in a table of records means to us.

    Rule: the standard concept counts first, then that of the source, then, where there is none,
    the source value as a local word. A concept is known by its code; else by the nearest concept
    above it that is; a drug by its name.
    """
    columns = CONCEPT_COLUMNS[table]
    tally = vocabulary.store.tally(table, columns).with_columns(
        standard=as_number(columns[0]), other=as_number(columns[1]), text=pl.col(columns[2])
    )
    occurring = pl.concat([tally["standard"], tally["other"]]).drop_nulls().unique()
    numbers = {number for number in occurring.to_list() if number != 0}
    named = _mean_ids(numbers, HOLDS[table], vocabulary)
    by_id = {number: item for number, item in named.items() if item.name != SEVERAL}
    unclear = {item.words for item in named.values() if item.name == SEVERAL}
    texts = tally.filter(pl.col("standard").fill_null(0) == 0)["text"].drop_nulls().unique()
    by_text = {
        text: meaning
        for text in texts.to_list()
        if (meaning := _mean_text(text, table, vocabulary)) is not None and meaning.name != SEVERAL
    }
    is_known = (
        pl.col("standard").is_in(list(by_id))
        | pl.col("other").is_in(list(by_id)).fill_null(False)
        | ((pl.col("standard").fill_null(0) == 0) & pl.col("text").is_in(list(by_text)))
    ).fill_null(False)
    rows = int(tally.filter(is_known)["rows"].sum())
    others = int(tally["rows"].sum()) - rows
    return Meanings(by_id, by_text, rows, others, tuple(sorted(unclear)))


def fetch_concepts(store: CdmStore, numbers: Iterable[int]) -> dict[int, Concept]:
    """Return the rows of CONCEPT of some ids."""
    wanted = {str(number) for number in numbers}
    if not wanted or "concept" not in store.columns:
        return {}
    found = store.look_up("concept", {"concept_id": wanted}).select(
        as_number("concept_id"),
        pl.col("concept_name").fill_null(""),
        pl.col("vocabulary_id").fill_null(""),
        pl.col("concept_code").fill_null(""),
    )
    return {row[0]: Concept(*row) for row in found.iter_rows()}


def _mean_ids(
    numbers: set[int], about: tuple[About, ...], vocabulary: Vocabulary
) -> dict[int, Meaning]:
    concepts = fetch_concepts(vocabulary.store, numbers)
    found = {
        number: meaning
        for number in numbers
        if (meaning := _mean_concept(number, concepts.get(number), about, vocabulary)) is not None
    }
    above = _find_above(numbers - set(found), about, vocabulary)
    for number, meaning in above.items():
        concept = concepts.get(number)
        found[number] = Meaning(
            meaning.about, meaning.name, concept.name if concept else meaning.name, meaning.route
        )
    return {
        number: meaning for number, meaning in found.items() if number not in vocabulary.refused
    }


def _mean_concept(
    number: int, concept: Concept | None, about: tuple[About, ...], vocabulary: Vocabulary
) -> Meaning | None:
    known = vocabulary.known.get(number)
    if known is not None:
        words = concept.name if concept else known.words
        return (
            Meaning(known.about, known.name, words, known.route) if known.about in about else None
        )
    if concept is None:
        return None
    if concept.vocabulary.casefold() in vocabulary.book.systems:
        coded = vocabulary.book.find(concept.vocabulary, concept.code)
        if coded is not None and coded.about in about and coded.concept not in vocabulary.replaced:
            return Meaning(coded.about, coded.concept, concept.name, coded.route)
    if "drug" in about:
        return _mean_drug(concept.name, vocabulary)
    if number >= vocabulary.ids.local_from:
        return _mean_measure(concept.name, about, vocabulary)
    return None


def _mean_drug(text: str, vocabulary: Vocabulary) -> Meaning | None:
    """Know a drug by its name; one that is not given to the whole body keeps its own words."""
    match = find_drug(text, vocabulary.context.drug_names)
    if match is None:
        return None
    if match.refused in (SEVERAL_DRUGS, COMBINATION):
        return Meaning("drug", SEVERAL, text)
    if not match.is_usable:
        return Meaning("drug", text, text)
    if match.drug in vocabulary.replaced:
        return None
    return Meaning("drug", str(match.drug), text, match.route)


def _mean_measure(text: str, about: tuple[About, ...], vocabulary: Vocabulary) -> Meaning | None:
    measure = vocabulary.context.measure_lookup.find(text)
    if measure is None or "measure" not in about:
        return None
    return Meaning("measure", measure, text)


def _mean_text(text: str, table: str, vocabulary: Vocabulary) -> Meaning | None:
    if table in ("drug_exposure", "procedure_occurrence"):
        return _mean_drug(text, vocabulary)
    if table == "measurement":
        return _mean_measure(text, HOLDS[table], vocabulary)
    return _mean_diagnosis(text, vocabulary)


def _mean_diagnosis(text: str, vocabulary: Vocabulary) -> Meaning | None:
    """Know a diagnosis by its whole words; a code without its system means nothing."""
    concept = find_words(text, vocabulary.diagnoses)
    if concept is None or concept in vocabulary.replaced:
        return None
    return Meaning("diagnosis", concept, text)


def _find_above(
    numbers: set[int], about: tuple[About, ...], vocabulary: Vocabulary
) -> dict[int, Meaning]:
    """Find for each id the nearest known concept above it (ties: the lowest id)."""
    known = {
        number: vocabulary.known[number]
        for number in vocabulary.spread
        if number in vocabulary.known and vocabulary.known[number].about in about
    }
    known |= _known_by_code(about, vocabulary)
    known = {number: item for number, item in known.items() if item.about != "measure"}
    if not vocabulary.has_ancestors or not numbers or not known:
        return {}
    rows = vocabulary.store.look_up(
        "concept_ancestor",
        {
            "ancestor_concept_id": {str(number) for number in known},
            "descendant_concept_id": {str(number) for number in numbers},
        },
    )
    levels = (
        as_number("min_levels_of_separation")
        if "min_levels_of_separation" in rows.columns
        else pl.lit(1)
    )
    nearest = (
        rows.select(
            above=as_number("ancestor_concept_id"),
            below=as_number("descendant_concept_id"),
            levels=levels,
        )
        .sort("levels", "above", nulls_last=True)
        .unique("below", keep="first", maintain_order=True)
    )
    return {below: known[above] for above, below, _ in nearest.iter_rows()}


def _known_by_code(about: tuple[About, ...], vocabulary: Vocabulary) -> dict[int, Meaning]:
    """Return the concepts of CONCEPT that our code lists name, by id."""
    if not vocabulary.has_concepts:
        return {}
    book = vocabulary.book
    codes = {
        code: item
        for code, item in book.codes.items()
        if item.about in about and item.concept not in vocabulary.replaced
    }
    if not codes:
        return {}
    rows = vocabulary.store.look_up(
        "concept",
        {
            "concept_code": {item.code for item in codes.values()},
            "vocabulary_id": {item.system for item in codes.values()},
        },
    )
    found = {}
    for number, system, code in rows.select(
        as_number("concept_id"), "vocabulary_id", "concept_code"
    ).iter_rows():
        item = codes.get((system, str(code).strip().upper()))
        if item is not None:
            found[number] = Meaning(item.about, item.concept, item.concept, item.route)
    return found


def _has_rows(store: CdmStore, table: str) -> bool:
    from heliotrope.ingest.omop.store import Where

    return table in store.columns and store.count(table, Where()) > 0


def _sort_of(name: str, context: ReadContext) -> About:
    if name in context.drugs:
        return "drug"
    return "measure" if name in context.measures else "diagnosis"


def _check_names(sets: Mapping[str, object], context: ReadContext) -> None:
    known = {*diagnosis_concepts(context.rulebook), *context.drugs, *context.measures}
    for name in sets:
        if name not in known:
            raise UserError(
                "[source.concept_sets] with names of our diagnoses, drugs or measures",
                Found(f"'{name}'", "study.toml"),
                "`heliotrope definitions list` shows the names",
            )
