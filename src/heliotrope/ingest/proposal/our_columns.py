"""Propose which column is which of ours: patient, dates, drug, dose, words, code lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.definitions.drug_text import find_drug
from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.ingest.columns import TABLE_COLUMNS, ColumnSpec
from heliotrope.ingest.context import Lookup, ReadContext, normalise_word
from heliotrope.ingest.proposal.parts import Codes, Entry
from heliotrope.ingest.proposal.profile import ColumnProfile, Dates
from heliotrope.ingest.proposal.say import say_counts, say_looks
from heliotrope.records.units import find_unit


@dataclass(frozen=True)
class Choice:
    """One column of theirs as one of ours: the line, its date format, its codes."""

    column: ColumnProfile
    line: Entry
    date_format: Entry | None = None
    codes: Codes | None = None

    @property
    def is_certain(self) -> bool:
        """Say whether the line needs no decision."""
        return self.line.doubt is None


@dataclass(frozen=True)
class Chooser:
    """Chooses columns for one table of ours; ``taken`` are those already read as measures."""

    columns: Sequence[ColumnProfile]
    context: ReadContext
    words: MappingWords

    def choose(self, table: str, taken: frozenset[int]) -> dict[str, Choice]:
        """Return our columns of a table that a column of theirs is named after and can be.

        Rule: our own name wins, then the earlier of the names listed. Each column serves once.
        """
        chosen: dict[str, Choice] = {}
        used = set(taken)
        for spec in TABLE_COLUMNS[table]:
            for column in self._named(table, spec.name):
                if column.number in used or column.is_blank:
                    continue
                choice = self.judge(spec, column)
                if choice is not None:
                    chosen[spec.name] = choice
                    used.add(column.number)
                    break
        return chosen

    def _named(self, table: str, name: str) -> list[ColumnProfile]:
        listed = [normalise_word(name)]
        for item in self.words.columns:
            if item.column == name and (not item.tables or table in item.tables):
                listed += [normalise_word(spelling) for spelling in item.names]
        plain = [(column, _plain_names(column)) for column in self.columns]
        return [column for spelling in dict.fromkeys(listed)
                for column, names in plain if spelling in names]  # fmt: skip

    def judge(self, spec: ColumnSpec, column: ColumnProfile) -> Choice | None:
        """Judge whether a column's cells can be what our column holds; None where they cannot."""
        reads = spec.reads
        if reads == "date":
            return self._judge_date(spec, column)
        if reads in ("number", "integer"):
            return self._judge_number(spec, column)
        if reads == "drug":
            return self._judge_drug(spec, column)
        if reads in ("word", "yes_no", "measure"):
            return self._judge_words(spec, column, self._lookup(spec))
        if reads == "unit":
            known = sum(n for text, n in column.counts.items() if find_unit(text))
            if known / column.filled < self.words.doubt.values_possible:
                return None
        return Choice(column, Entry(spec.name, column.header, self._evidence(column)))

    def _lookup(self, spec: ColumnSpec) -> Lookup:
        if spec.reads == "measure":
            return self.context.measure_lookup
        return self.context.words["yes_no" if spec.reads == "yes_no" else spec.vocabulary or ""]

    def _evidence(self, column: ColumnProfile) -> str:
        label = f"{column.said}; " if column.said else ""
        return f"{label}{say_counts(column)}; {say_looks(column, self.words.doubt)}"

    def _judge_date(self, spec: ColumnSpec, column: ColumnProfile) -> Choice | None:
        dates, limits = column.dates, self.words.doubt
        if dates.share < limits.values_possible:
            return None
        evidence = f"{say_counts(column)}; dates like {column.shape}"
        is_private = spec.name in ("birth_date", "death_date")
        why = _say_open(dates, is_private=is_private)
        if dates.is_excel:
            why = "numbers that Excel shows as dates (days counted from 1900)"
        elif dates.share < limits.values_certain:
            why = why or f"{dates.share:.0%} of the cells are dates"
        if dates.proof:
            shown = "a day over 12" if is_private else f"{dates.proof}"
            evidence += f"; {_ORDER_WORDS[dates.order or '']}, proven by {shown}"
        format = None
        if dates.is_excel or dates.open_texts:
            format = Entry(spec.name, "excel" if dates.is_excel else "DMY", doubt=why)
        return Choice(column, Entry(spec.name, column.header, evidence, why), format)

    def _judge_number(self, spec: ColumnSpec, column: ColumnProfile) -> Choice | None:
        limits = self.words.doubt
        if column.share_of_numbers < limits.values_possible:
            return None
        why = None
        if column.share_of_numbers < limits.values_certain:
            why = f"{column.numbers.len()} of {column.filled} cells are numbers"
        if column.decimal_is_open:
            why = "a comma in these numbers can be a decimal sign or part thousands"
        low, high = column.span
        evidence = f"{say_counts(column)}; numbers {low:g} to {high:g}"
        return Choice(column, Entry(spec.name, column.header, evidence, why))

    def _judge_drug(self, spec: ColumnSpec, column: ColumnProfile) -> Choice | None:
        names = {text: self.find_drug(text) for text in column.counts}
        known = sum(n for text, n in column.counts.items() if names[text])
        if known == 0:
            return None
        found = list(dict.fromkeys(name for name in names.values() if name))
        evidence = (
            f"{say_counts(column)}; {known} of {column.filled} name a drug known here: "
            f"{', '.join(found[: self.words.doubt.most_shown])}"
        )
        strange = [text for text, name in names.items() if not name]
        lines = self._say_strange(strange, "is no drug that is followed here: leave its rows out?")
        codes = Codes(spec.name, lines) if lines else None
        return Choice(column, Entry(spec.name, column.header, evidence), codes=codes)

    def find_drug(self, text: str) -> str | None:
        """Return the drug that a text names, or None."""
        known = self.context.drug_lookup.find(text)
        if known is not None:
            return known
        match = find_drug(text, self.context.drug_names)
        return match.drug if match is not None and match.is_usable else None

    def _say_strange(self, texts: Sequence[str], why: str) -> tuple[Entry, ...]:
        """List words that are not known, to be decided; long texts, which could tell more, not."""
        limits = self.words.doubt
        shown = [text for text in texts if len(text) <= limits.longest_shown][: limits.most_codes]
        return tuple(Entry(text, "ignore", doubt=f"'{text}' {why}") for text in shown)

    def _judge_words(
        self, spec: ColumnSpec, column: ColumnProfile, lookup: Lookup
    ) -> Choice | None:
        limits, labels = self.words.doubt, column.labels_of_codes
        told = {text: lookup.find(text) for text in column.counts}
        by_label = {
            text: meaning
            for text, known in told.items()
            if known is None and (meaning := lookup.find(labels.get(text, "")))
        }
        known = sum(n for text, n in column.counts.items() if told[text] or text in by_label)
        share = known / column.filled
        is_short = len(column.counts) <= limits.most_codes
        if spec.reads == "measure" and share < limits.values_possible:
            return None
        if not lookup.is_open and known == 0 and not is_short:
            return None
        lines = [
            Entry(text, meaning, f"the dictionary says '{labels[text]}'")
            for text, meaning in by_label.items()
        ]
        strange = [text for text, found in told.items() if found is None and text not in by_label]
        if not lookup.is_open:
            lines += [self._ask(text, labels.get(text), lookup) for text in strange
                      if is_short or spec.reads == "measure"][: limits.most_codes]  # fmt: skip
        why = None
        # an unknown measure costs its own row, with a finding; an unknown code makes a column dumb
        if spec.reads != "measure" and not lookup.is_open and share < limits.values_certain:
            why = f"{known} of {column.filled} cells are words known here; say what the codes mean"
        codes = Codes(spec.name, tuple(lines)) if lines else None
        return Choice(column, Entry(spec.name, column.header, self._evidence(column), why),
                      codes=codes)  # fmt: skip

    def _ask(self, text: str, label: str | None, lookup: Lookup) -> Entry:
        near = lookup.nearest(label or text)
        said = f" (the dictionary says '{label}')" if label else ""
        if near:
            return Entry(text, near[0], doubt=f"does '{text}'{said} mean {near[0]}?")
        known = ", ".join(lookup.names[:8])
        return Entry(text, "", doubt=f"what does '{text}'{said} mean? one of: {known}")


_ORDER_WORDS = {"DMY": "day first", "MDY": "month first", "YMD": "year first", "": ""}


def _say_open(dates: Dates, *, is_private: bool) -> str | None:
    """Say why a column of dates cannot be read, with both readings where they may be shown."""
    if dates.is_contradiction:
        return "some dates are day first, some month first: mend the file, or leave the column out"
    if not dates.open_texts:
        return None
    example = "" if is_private else f" ({dates.open_texts[0]})"
    return (
        f"no date has a day over 12{example}: it can be day first (DMY) or month first (MDY); "
        "declare which"
    )


def _plain_names(column: ColumnProfile) -> set[str]:
    names = {normalise_word(column.header)}
    if column.label:
        names.add(normalise_word(column.label).rstrip(":"))
    return names
