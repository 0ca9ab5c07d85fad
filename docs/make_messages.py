"""Gather every text that a person reads, bring the catalogues up to date and compile them.

``make messages`` runs it. Texts come from code and templates (``_``, ``later``, ``ngettext``,
``count_of``, ``{% trans %}``), from the words of result rows (``worded``), and from two kinds of
definitions: the words of the report, and the titles of measures and drugs. A catalogue keeps its
translations, gets what is new without one, and loses what is gone; nothing is guessed, so there
are no fuzzy entries. Order and headers do not depend on the day or on line numbers: what has not
changed makes no difference in the repository.
"""

from __future__ import annotations

import io
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from heliotrope.report.language import CATALOGUES, COUNTED, DEFINED, DOMAIN, RESULT

PACKAGE = Path(__file__).parents[1] / "src" / "heliotrope"
HEAD = "# Texts of heliotrope. SPDX-License-Identifier: Apache-2.0"
KEYWORDS = {
    "_": None,
    "later": None,
    "gettext": None,
    "ngettext": (1, 2),
}
COUNTING = {"count_of": (2, 3)}
OF_RESULTS = {"worded": None}
SPELT = (
    "Adverse event",
    "Anaphylaxis",
    "Aseptic meningitis",
    "Disease flare",
    "Fever",
    "Haemolysis",
    "Headache",
    "Proteinuria",
    "Rash",
    "Thrombosis",
    "Transient proteinuria",
    "Vomiting",
    "female",
    "male",
    "Female",
    "Male",
    "Juvenile dermatomyositis",
    "Complication",
    "Flare",
    "Hospitalisation",
    "Not improved",
    "Physician global",
    "Physician judgement",
    "Strength grade",
    "Recall before infusion",
    "Steroid rise",
    "fell",
    "rose",
    "trough",
    "worse",
    "not estimated",
)
"""Codes of records and results that pages spell out."""
CLASSES = (
    "6 to 26 weeks",
    "after 26 weeks",
    "ambiguous",
    "censored",
    "confirmed",
    "increased",
    "intermediate",
    "late",
    "lost",
    "lost after discontinuation",
    "lost on treatment",
    "major",
    "minimal",
    "moderate",
    "never",
    "no",
    "none",
    "not applicable",
    "not lost",
    "not on steroid",
    "rapid",
    "reduced",
    "slow",
    "slow maintained",
    "sparing",
    "sustained",
    "transient",
    "unchanged",
    "unconfirmed",
    "within 6 weeks",
)
"""Words in which definitions answer."""
DECIDING = (
    "doses",
    "estimates",
    "glucocorticoids",
    "improvement",
    "indications",
    "ivig",
    "reactions",
    "scores",
    "states",
    "steroids",
    "targets",
)
"""The folders of the definitions that decide over a child, or over an estimate."""
JINJA = {"trimmed": "false", "newstyle_gettext": "true"}
LEFT_ENGLISH = ("cli", "commands/", "terminal/")
"""What the terminal prints is in English."""

Text = tuple[str | tuple[str, str], str | None]
"""A text, or its singular and plural, and its context."""


class Texts(Catalog):
    """A catalogue whose header does not change from day to day."""

    mime_headers = property(
        lambda self: [
            ("Project-Id-Version", DOMAIN),
            ("Language", self.locale_identifier or ""),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ],
        Catalog.mime_headers.fset,
    )


def find_messages() -> Iterator[tuple[str, Text]]:
    """Find every text with the file that holds it."""
    for method, ending, options in (("python", "*.py", {}), ("jinja2", "*.j2", JINJA)):
        for path in sorted(PACKAGE.rglob(ending)):
            if not _name(path).startswith(LEFT_ENGLISH):
                yield from _extract(method, path, options)
    yield from _read_words(PACKAGE / "definitions" / "report" / "report_words.toml")
    yield from _read_defined()
    yield from (("", (code, None)) for code in SPELT)
    yield from (("", (word, DEFINED)) for word in CLASSES)
    for kind in ("measures", "drugs"):
        for path in sorted((PACKAGE / "definitions" / kind).glob("*.toml")):
            if path.name.startswith("items_"):
                continue  # the forms are quoted item by item
            for item in tomllib.loads(path.read_text(encoding="utf-8")).get(kind, ()):
                title = str(item["title"])
                yield _name(path), (title[:1].upper() + title[1:], None)


def _extract(method: str, path: Path, options: dict[str, str]) -> Iterator[tuple[str, Text]]:
    for keywords, context in ((KEYWORDS, None), (COUNTING, COUNTED), (OF_RESULTS, RESULT)):
        with path.open("rb") as file:
            for _line, found, _comments, _context in extract(method, file, keywords, (), options):
                if found:
                    text = found if isinstance(found, str) else (found[0], found[1])
                    yield _name(path), (text, context)


def _read_words(path: Path) -> Iterator[tuple[str, Text]]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    for table in (content["advice"], *content["words"].values()):
        for text in table.values():
            yield _name(path), (text, None)


def _read_defined() -> Iterator[tuple[str, Text]]:
    """Read what definitions are called, and what those say that decide over a child."""
    for folder in DECIDING:
        for path in sorted((PACKAGE / "definitions" / folder).glob("*.toml")):
            definition = tomllib.loads(path.read_text(encoding="utf-8"))
            for key in ("title", "wording"):
                yield _name(path), (str(definition[key]), DEFINED)
    for path in sorted((PACKAGE / "definitions" / "estimates").glob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        for question in content.get("questions", ()):
            for item in (question, *question["readings"]):
                for key in ("title", "remark", "lane"):
                    if item.get(key):
                        yield _name(path), (str(item[key]), DEFINED)
        for seen in content.get("check", {}).get("seen", ()):
            yield _name(path), (str(seen["departure"]), RESULT)


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def make_catalogue(locale: str, translated: Catalog) -> Catalog:
    """Make the catalogue of a language anew, with the translations that are there."""
    catalogue = Texts(locale=locale, domain=DOMAIN, header_comment=HEAD, fuzzy=False)
    messages = list(find_messages())
    plural = {text[0] for _, (text, context) in messages if isinstance(text, tuple) and not context}
    for place, (text, context) in messages:
        if text in plural:
            continue  # its entry with a plural serves both
        known = translated.get(text if isinstance(text, str) else text[0], context)
        catalogue.add(
            text, known.string if known else None, locations=[(place, 0)], context=context
        )
    return catalogue


def is_translated(message: Message) -> bool:
    """Whether a text has a translation in every form."""
    said = message.string
    return all(said) if isinstance(said, (tuple, list)) else bool(said)


def print_po(catalogue: Catalog) -> bytes:
    """Print a catalogue as it stands in the repository."""
    file = io.BytesIO()
    write_po(file, catalogue, width=100, sort_by_file=True, include_lineno=False)
    return file.getvalue()


def print_mo(catalogue: Catalog) -> bytes:
    """Print a compiled catalogue."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def read_catalogue(path: Path) -> Catalog:
    """Read a catalogue of the repository; a new language has none yet."""
    if not path.exists():
        return Catalog()
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3], domain=DOMAIN)


def main() -> None:
    """Update and compile every language, and those named on the command line."""
    there = [path.name for path in CATALOGUES.iterdir() if path.is_dir()]
    for locale in sorted({*there, *sys.argv[1:]}):
        path = CATALOGUES / locale / "LC_MESSAGES" / f"{DOMAIN}.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = make_catalogue(locale, read_catalogue(path))
        path.write_bytes(print_po(catalogue))
        path.with_suffix(".mo").write_bytes(print_mo(catalogue))
        missing = [message for message in catalogue if message.id and not is_translated(message)]
        sys.stdout.write(
            f"{locale}: {len(catalogue)} texts, {len(missing)} without a translation\n"
        )


if __name__ == "__main__":
    main()
